"""The solver beside the ways in which authorities plan today, on the same made-up problem.

python -m bench.selection --sites 10000 --periods 13 --seed 1 [--floors binding] [--teams] [--everything]
    [--gap 0.001] [--effort 1] [--threads 1] [--markdown] [--json bench/results/selection.json]

Worth is given as a share of the solver's proven bound: no plan is worth more than 100 %. The
yardsticks keep the capacity and the windows, not the minimums and team rules. Times hold the compiling of the
first call of a version of the source; run twice.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np

from bench.instances import make, with_everything
from planning.optimise.check import violations
from planning.optimise.columns import build
from planning.optimise.frame import Choice, frame
from planning.optimise.greedy import greedy
from planning.optimise.prices import Relaxation, descend, first_prices, prices_of
from planning.optimise.problem import EXCLUDED, FREE, Options, Plan, Problem, Quota
from planning.optimise.run import memory_mb
from planning.optimise.solve import solve
from planning.optimise.state import choice_of
from planning.optimise.whatif import change

# How hard a what-if looks on the pages (planning.services.runs.OPTIONS).
QUICK_GAP, QUICK_EFFORT = 0.001, 0.1


@numba.njit
def _own(
    order: Any, n: int, shared: bool, able: Any, days: Any, pool: Any, allowed: Any, left: Any
) -> Any:
    """[n, A] week in which each authority goes. ``order`` holds authority * n + site.

    Each takes the first week with room; with a ``shared`` calendar first the week in which another
    goes already.
    """
    week = np.full(able.shape, -1)
    for item in order:
        a, i = item // n, item % n
        if not able[i, a]:
            continue
        q, w = pool[i, a], -1
        if shared:
            for b in range(able.shape[1]):
                if w < 0 and week[i, b] >= 0 and left[q, week[i, b]] >= days[i, a]:
                    w = week[i, b]
        for v in range(allowed.shape[1]):
            if w < 0 and allowed[i, v] and left[q, v] >= days[i, a]:
                w = v
        if w >= 0:
            week[i, a] = w
            left[q, w] -= days[i, a]
    return week


@numba.njit
def _together(order: Any, able: Any, days: Any, pool: Any, allowed: Any, left: Any) -> Any:
    """Everybody who can, in the first of the weeks in which most have room."""
    week = np.full(able.shape, -1)
    for i in order:
        best, when = 0, -1
        for w in range(allowed.shape[1]):
            count = 0
            for a in range(able.shape[1]):
                if allowed[i, w] and able[i, a] and left[pool[i, a], w] >= days[i, a]:
                    count += 1
            if count > best:
                best, when = count, w
        for a in range(able.shape[1]):
            if when >= 0 and able[i, a] and left[pool[i, a], when] >= days[i, a]:
                week[i, a] = when
                left[pool[i, a], when] -= days[i, a]
    return week


def yardsticks(problem: Problem, seed: int) -> dict[str, Any]:
    """[n, A] weeks by each way of planning."""
    n, able = len(problem.keys), problem.able & (problem.fixed != 2)[:, None]
    pool = problem.pool_of[:, problem.region].T.copy()
    score = np.where(able, problem.p * problem.severity, 0.0)
    by_day = score / np.maximum(problem.days, 0.25)
    given = (able, problem.days, pool, problem.allowed)

    def own(worth: Any, shared: bool = False) -> Any:
        # An authority after the other, or with a shared calendar all by worth.
        key = -worth.T.ravel()
        whose = np.repeat(np.arange(able.shape[1]), n)
        order = np.argsort(key, kind="stable") if shared else np.lexsort((key, whose))
        return _own(order, n, shared, *given, problem.capacity.copy())

    def together(worth: Any) -> Any:
        return _together(np.argsort(-worth, kind="stable"), *given, problem.capacity.copy())

    chance = np.random.default_rng([seed, 9]).random(score.shape)
    days = np.where(able, problem.days, 0).sum(axis=1)
    return {
        "random pick of each authority": own(chance),
        "own list by score": own(score),
        "own list by score per day": own(by_day),
        "own list, shared calendar": own(score, shared=True),
        "summed score, all together": together(score.sum(axis=1)),
        "summed score per day": together(score.sum(axis=1) / np.maximum(days, 0.25)),
    }


def visits_of(week: Any) -> tuple[Any, Any, Any]:
    """Site, period and members [visits, A] of each visit: those of one week go together."""
    site, a = np.nonzero(week >= 0)
    w = week[site, a]
    pairs, where = np.unique(site * 1000 + w, return_inverse=True)
    on = np.zeros((len(pairs), week.shape[1]), bool)
    on[where, a] = True
    return pairs // 1000, pairs % 1000, on


def measures(problem: Problem, site: Any, period: Any, on: Any, bound: float) -> dict[str, float]:
    """What a plan brings, from the formula of ``Weights``."""
    w, size = problem.weights, on.sum(axis=1)
    p = problem.p[site]
    worth = (on * (problem.severity * p + w.wish * problem.wishes[site])).sum(axis=1)
    worth += (size - 1) * (w.evidence * (1 - np.where(on, 1 - p, 1.0).prod(axis=1)) + w.burden)
    worth += w.coverage * problem.unseen[site]
    worth -= w.travel * problem.travel[site] * (size - w.car_pool * (size - 1))
    value = float((worth * (1 - w.later * period)).sum())
    for quota in problem.quotas:
        inside = np.isin(site, quota.sites)
        counted = inside if quota.authority is None else inside & on[:, quota.authority]
        value -= 0.0 if quota.hard else quota.penalty * max(0, quota.minimum - int(counted.sum()))
    distinct = len(np.unique(site))
    return {
        "worth_percent": 100 * value / bound,
        "findings": float((on * p).sum()),
        "visits": len(site),
        "repeat_visits": len(site) - distinct,
        "joint_percent": 100 * float((size >= 2).mean()) if len(site) else 0.0,
        "capacity_percent": 100 * float((on * problem.days[site]).sum() / problem.capacity.sum()),
    }


def members(team: Any, count: int) -> Any:
    return (team[:, None] >> np.arange(count)) & 1 == 1


def timed(task: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = task()
    return done, time.perf_counter() - wall, time.process_time() - cpu


def greedy_alone(problem: Problem) -> Choice:
    f = frame(build(problem))
    relaxation = Relaxation(f)
    found = descend(relaxation, first_prices(f), 400, lambda: False)
    relaxation.at(found.prices)
    return choice_of(greedy(f, found.prices, relaxation.best))


def of_solver(plan: Plan, cpu: float) -> dict[str, Any]:
    near = [s for s, value, bound in plan.trail if bound - value <= 0.01 * abs(bound)]
    return {
        "seconds": plan.seconds, "cpu_seconds": cpu, "gap_percent": 100 * plan.gap,
        "first_plan": plan.trail[0][0] if plan.trail else None, "within_1_percent": near[0] if near else None,
        "stopped": plan.stopped, "memory_mb": plan.memory_mb, "solver": plan.solver,
        "trail": [[round(s, 2), round(100 * (1 - v / b), 4)] for s, v, b in plan.trail],
    }  # fmt: skip


def what_ifs(
    problem: Problem, plan: Plan, given: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Seconds of one question of each kind, asked as the pages ask it, beside the whole solve."""
    left = np.setdiff1d(np.flatnonzero(problem.fixed == FREE), plan.site)
    inside = plan.site[problem.fixed[plan.site] == FREE]
    first = np.flatnonzero(problem.region == 0)
    visited = int(np.isin(plan.site, first).sum())
    fewer = Quota("fewer visits in the first region", first, maximum=int(0.8 * visited))
    questions = {
        "pin": lambda: change(problem, pin=[_best_left(problem, left)]),
        "exclude": lambda: change(problem, exclude=inside[:1].tolist()),
        "capacity": lambda: change(problem, capacity={0: 0.8 * float(problem.capacity[0].min())}),
        "quota": lambda: replace(problem, quotas=(*problem.quotas, fewer)),
    }  # fmt: skip
    quick = Options(gap=QUICK_GAP, effort=QUICK_EFFORT, threads=given.threads)
    found = {}
    for name, asked in questions.items():
        other = asked()
        answer, wall, cpu = timed(partial(solve, other, quick, start=plan, prices=prices_of(plan)))
        found[name] = {
            "seconds": wall, "cpu_seconds": cpu, "of_solve": wall / max(plan.seconds, 1e-9),
            "gap_percent": 100 * answer.gap, "broken": len(violations(other, answer)),
        }  # fmt: skip
    return found


def two_stages(problem: Problem, options: Options) -> Plan:
    """Sites and teams on the capacity of the whole window first, then their weeks; nothing else may
    come in, and what finds no week falls out."""
    whole = replace(
        problem, periods=("window",), capacity=problem.capacity.sum(axis=1, keepdims=True),
        allowed=problem.allowed.any(axis=1)[:, None],
        fixed_period=np.full(len(problem.keys), -1),
        resources=tuple(replace(r, capacity=np.array([r.capacity.sum()])) for r in problem.resources),
    )  # fmt: skip
    first = solve(whole, options)
    team = np.zeros(len(problem.keys), np.int64)
    team[first.site] = first.team
    free = problem.fixed == FREE
    on = (team[:, None] >> np.arange(len(problem.authorities)) & 1).astype(bool)
    return solve(
        replace(
            problem, fixed=np.where(free & (team == 0), EXCLUDED, problem.fixed),
            able=np.where(free[:, None], problem.able & on, problem.able),
            required=np.where(free & (team > 0), team, problem.required),
        ),
        options,
    )  # fmt: skip


def _best_left(problem: Problem, left: Any) -> int:
    """The likeliest site of those to which all that can come could come in any week."""
    pool = problem.pool_of[:, problem.region].T
    room = (~problem.able | (problem.days <= problem.capacity.min(axis=1)[pool])).all(axis=1)
    room &= np.diff(build(problem).start) > 0
    chance = np.where(problem.able, problem.p, 0.0).sum(axis=1)
    return int(left[np.argmax(np.where(room, chance, -1.0)[left])])


def measure(given: argparse.Namespace) -> dict[str, Any]:
    problem = make(given.sites, given.periods, given.seed, given.floors, given.teams)
    if given.everything:
        problem = with_everything(problem, given.seed)
    options = Options(gap=given.gap, effort=given.effort, threads=given.threads)
    plan, _, cpu = timed(lambda: solve(problem, options))
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "cores": os.cpu_count()}
    found |= {"given": vars(given), "solver": of_solver(plan, cpu), "rows": {}}
    count = len(problem.authorities)
    for name, week in yardsticks(problem, given.seed).items():
        found["rows"][name] = measures(problem, *visits_of(week), plan.bound)
    if given.sites <= 100_000:
        choice, _, spent = timed(lambda: greedy_alone(problem))
        site = np.flatnonzero(choice.column >= 0)
        team = build(problem).team[choice.column[site]].astype(int)
        found["rows"]["price-guided greedy"] = measures(
            problem, site, choice.period[site], members(team, count), plan.bound
        )
        found["greedy_cpu_seconds"] = spent
    if given.sites <= 10_000 and given.periods > 1:
        staged, seconds, _ = timed(lambda: two_stages(problem, options))
        found["rows"]["quarter first, then weeks"] = measures(
            problem, staged.site, staged.period, members(staged.team, count), plan.bound
        ) | {"seconds": seconds, "broken": len(violations(problem, staged))}
    found["what_if"] = what_ifs(problem, plan, given) if given.sites <= 100_000 else {}
    found["rows"]["solver"] = measures(
        problem, plan.site, plan.period, members(plan.team, count), plan.bound
    )
    found["peak_mb"] = memory_mb()
    return found


def table(found: dict[str, Any]) -> str:
    lines = [
        f"{'':32}{'worth %':>9}{'findings':>10}{'visits':>9}{'repeat':>8}{'joint %':>9}{'used %':>8}"
    ]
    for name, m in found["rows"].items():
        lines.append(
            f"{name:32}{m['worth_percent']:9.2f}{m['findings']:10.0f}{m['visits']:9}"
            f"{m['repeat_visits']:8}{m['joint_percent']:9.1f}{m['capacity_percent']:8.1f}"
        )
    s = found["solver"]
    near = "-" if s["within_1_percent"] is None else f"{s['within_1_percent']:.1f} s"
    lines.append(
        f"first plan {s['first_plan']:.1f} s, within 1 % {near}, gap {s['gap_percent']:.4f} % after "
        f"{s['seconds']:.1f} s ({s['cpu_seconds']:.1f} s of processor), {s['memory_mb']:.0f} MB, "
        f"load {found['load_before']:.1f} on {found['cores']} cores"
    )
    return "\n".join([*lines, *what_if_lines(found)])


def what_if_lines(found: dict[str, Any]) -> list[str]:
    return [
        f"what if ({name}): {one['seconds']:.1f} s, {100 * one['of_solve']:.0f} % of the solve, "
        f"gap {one['gap_percent']:.3f} %" + (", limits broken" if one["broken"] else "")
        for name, one in found["what_if"].items()
    ]


def markdown(found: dict[str, Any]) -> str:
    """The lines of docs/selection-bench.md: of the first table one, the second, and the what-ifs."""
    s, given = found["solver"], found["given"]
    kinds = [f"{given['floors']} floors"] * bool(given["floors"]) + ["team rules"] * given["teams"]
    what = ", ".join([f"{given['sites']:,}", *kinds])
    periods = "quarter" if given["periods"] == 1 else f"{given['periods']} weeks"
    near = "–" if s["within_1_percent"] is None else f"{s['within_1_percent']:.1f}"
    lines = [
        "| Sites | Periods | First plan s | To 1 % s | Gap | after s | Memory MB |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
        f"| {what} | {periods} | {s['first_plan']:.1f} | {near} | {s['gap_percent']:.4f} % |"
        f" {s['seconds']:.1f} | {s['memory_mb']:.0f} |",
        "",
        "| Way of planning | Worth % | Expected findings | Visits | Repeat visits | Joint % |"
        " Capacity used % |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {m['worth_percent']:.1f} | {m['findings']:,.0f} | {m['visits']:,} |"
        f" {m['repeat_visits']:,} | {m['joint_percent']:.0f} | {m['capacity_percent']:.1f} |"
        for name, m in found["rows"].items()
    ]
    lines += ["", "| What if | Seconds | Of the solve | Gap |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {name} | {one['seconds']:.1f} | {100 * one['of_solve']:.0f} % |"
        f" {one['gap_percent']:.3f} % |"
        for name, one in found["what_if"].items()
    ]
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--periods", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--floors", choices=["", "slack", "binding"], default="")
    parser.add_argument("--teams", action="store_true")
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--gap", type=float, default=0.001)
    parser.add_argument("--effort", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    found = measure(given)
    print(markdown(found) if given.markdown else table(found))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1, default=str))


if __name__ == "__main__":
    main()
