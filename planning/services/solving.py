"""From a run's frozen inputs to what is stored of it: the plan, its proof, an answer for each site.

Only the worker imports this with the solvers; pages read what it stored.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction

from audit.claims import TakenOver
from audit.context import as_system
from authorities.models import Authority
from planning.models import Proposal, RunKind, SelectionRun
from planning.optimise.memory import bounded
from planning.optimise.problem import Infeasible, Ints, Options, Plan, Problem, Step
from planning.price_table import named_prices, prices_for
from planning.services.inputs import WINDOW, pool_key, problem_of, quota_key
from risk.models import Arm
from targets.models import Site

if TYPE_CHECKING:
    from planning.optimise.frame import Prices
    from planning.optimise.solve import Former

Save = Callable[..., None]
Lost = Callable[[], bool]
EVERY = 1.0  # seconds between two notes of progress
ANSWERED_MOST = 20_000


class NoPlan(Exception):
    """No plan keeps all hard limits; ``clash`` as ``planning.optimise.clash`` gives it."""

    def __init__(self, clash: list[Any]) -> None:
        super().__init__()
        self.clash = clash


class Broken(Exception):
    """The solver's plan breaks a limit when it is reckoned again; it is not stored."""


@dataclass
class Found:
    """What a run leaves: columns of its row, and the visits it proposes."""

    columns: dict[str, Any]
    visits: list[dict[str, Any]] = field(default_factory=list)


class TimeUp(Exception):
    """Time was up before any plan was found that keeps all limits; whether there is one is open."""


class TooLarge(Exception):
    """The search needs more memory than the settings give it."""


def work(run: SelectionRun, save: Save, lost: Lost = lambda: False) -> Found:
    """Do what the run was asked for, in bounded memory.

    Raises NoPlan; TimeUp; TooLarge; TakenOver when ``save`` or ``lost`` say so.
    """
    import_module("planning.optimise.solve")  # compiled code is not what is bounded
    try:
        with bounded(settings.SOLVER_MEMORY_MB):
            return _work(run, save, lost)
    except MemoryError as error:
        raise TooLarge from error


def _work(run: SelectionRun, save: Save, lost: Lost) -> Found:
    assert run.inputs is not None
    problem = problem_of(run.inputs)
    # How many cores work on it changes nothing of the plan.
    options = Options(**run.options, threads=settings.SOLVER_THREADS)
    if run.kind in (RunKind.PLAN, RunKind.WHAT_IF) and "take" not in run.change:
        before = _start_of(run)
        start = former_visits(before, problem) if before else None
        plan = _solve(problem, options, start, _start_prices(run, problem), _tell(save), lost)
        return _plan_found(run, problem, plan)
    assert run.based_on is not None
    asked_about = stored_plan(run.based_on, problem)
    assert asked_about is not None
    save(phase="repair", progress=0.1)
    result = {
        RunKind.WHAT_IF: _take, RunKind.FRONTIER: _frontier, RunKind.ALTERNATIVES: _alternatives,
    }[RunKind(run.kind)](run, problem, asked_about, _Work(options, _tell(save), lost))  # fmt: skip
    if lost():
        raise TakenOver
    return Found({
        "value": asked_about.value, "bound": asked_about.bound, "result": result,
        "solver": asked_about.solver,
    })  # fmt: skip


@dataclass(frozen=True)
class _Work:
    """How a question about a plan is worked at: it is noted, and ends when it is cancelled."""

    options: Options
    progress: Callable[[Step], None]
    cancelled: Lost


def _tell(save: Save) -> Callable[[Step], None]:
    """Notes progress at most once a second; ends the work when the row is no longer ours."""
    last = [0.0]

    def tell(step: Step) -> None:
        now = time.monotonic()
        if now - last[0] >= EVERY:
            last[0] = now
            save(phase=step.phase, progress=round(step.done, 3), value=_finite(step.incumbent),
                 bound=_finite(step.bound))  # fmt: skip

    return tell


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None


def _solve(
    problem: Problem, options: Options, start: "Former | None", prices: "Prices | None",
    tell: Callable[[Step], None] | None, lost: Lost,
) -> Plan:  # fmt: skip
    from planning.optimise.check import violations
    from planning.optimise.solve import solve

    try:
        plan = solve(problem, options, start=start, prices=prices, progress=tell, cancelled=lost)
    except Infeasible as none:
        raise NoPlan(none.clash) from none
    if lost():
        raise TakenOver
    wrong = violations(problem, plan)
    if wrong and plan.stopped == "time" and not len(plan.site):
        raise TimeUp
    if wrong:
        raise Broken("; ".join(wrong[:5]))
    return plan


def start_for(run: SelectionRun, frozen: dict[str, Any]) -> dict[str, Any] | None:
    """Which plan a run begins from, as its inputs keep it: what it was based on, else the last one.

    Another start can end in another plan of nearly equal worth: whoever makes a plan again needs it.
    None where no visit of that plan is there any more in the ``frozen`` inputs: nothing is begun from.
    A what-if has few rounds, and begins them from the prices of the plan that it is held against:
    they are kept as they are, under their names.
    """
    before = run.based_on
    if before is None:
        earlier = SelectionRun.objects.filter(
            operation=run.operation_id, kind=RunKind.PLAN, state="done", number__lt=run.number
        )
        before = earlier.defer("result").order_by("-number").first()
    if before is None:
        return None
    sites = [site["id"] for site in frozen["sites"]]
    codes = [authority["code"] for authority in frozen["authorities"]]
    if not _still_there(before, sites, codes, frozen["periods"]):
        return None
    start = {"number": before.number, "inputs": before.inputs_hash}
    return start | ({"prices": named_prices(before)} if run.kind == RunKind.WHAT_IF else {})


def _still_there(
    run: SelectionRun, sites: Sequence[str], codes: Sequence[str], periods: Sequence[str]
) -> list[tuple[int, int, int]]:
    """Visits of a stored plan as (site, team, period) among others, ascending.

    One is left out when its site, somebody of its team or its period is there no more.
    """
    assert run.inputs is not None
    assert run.prices is not None
    at = {key: i for i, key in enumerate(sites)}
    bits = {code: 1 << a for a, code in enumerate(codes)}
    when = {name: w for w, name in enumerate(periods)}
    named = [(key, team, run.inputs["periods"][w]) for key, team, w in run.prices["visits"]]
    return sorted(
        (at[key], sum(bits[code] for code in team), when[period])
        for key, team, period in named
        if key in at and period in when and all(code in bits for code in team)
    )


def _start_of(run: SelectionRun) -> SelectionRun | None:
    """The plan that the frozen inputs name."""
    named = (run.inputs or {}).get("start")
    if not named:
        return None
    with transaction.atomic(), as_system("a plan begins from what the operation planned before"):
        return SelectionRun.objects.get(
            operation=run.operation_id, number=named["number"], inputs_hash=named["inputs"]
        )


def _start_prices(run: SelectionRun, problem: Problem) -> "Prices | None":
    """The prices that the frozen inputs begin from."""
    named = ((run.inputs or {}).get("start") or {}).get("prices")
    return prices_for(problem, named) if named else None


def versions() -> str:
    """Of the packages that reckon: another version may find another plan from the same inputs."""
    return ", ".join(f"{name} {version(name)}" for name in ("highspy", "numba", "numpy"))


def former_visits(run: SelectionRun, problem: Problem) -> "Former":
    """What ``problem`` still has of a stored plan's visits, whatever limits and prices there are."""
    from planning.optimise.solve import Former

    return Former(*_columns(_still_there(run, problem.keys, problem.authorities, problem.periods)))


def _columns(visits: list[tuple[int, int, int]]) -> tuple[Ints, Ints, Ints]:
    table = np.array(visits, dtype=np.int64).reshape(len(visits), 3)
    return table[:, 0], table[:, 1], table[:, 2]


def stored_plan(run: SelectionRun | None, problem: Problem) -> Plan | None:
    """A stored plan with its prices as arrays of ``problem``, for questions about it.

    None when pools, periods, quotas or resources are others: its prices would say nothing here.
    """
    if run is None or run.prices is None or run.inputs is None:
        return None
    prices = {name: np.array(run.prices[name], float) for name in ("pools", "quotas")}
    resources = np.array(run.prices["resources"], float).reshape(
        len(problem.resources), len(problem.periods)
    ) if len(run.prices["resources"]) == len(problem.resources) else None  # fmt: skip
    same = (
        run.inputs["periods"] == list(problem.periods)
        and [pool_key(p) for p in run.inputs["pools"]] == list(problem.pools)
        and [quota_key(q) for q in run.inputs["quotas"]] == [q.key for q in problem.quotas]
        and prices["pools"].shape == problem.capacity.shape
        and len(prices["quotas"]) == len(problem.quotas)
    )
    if not same or resources is None or run.value is None or run.bound is None:
        return None
    visits = _still_there(run, problem.keys, problem.authorities, problem.periods)
    site, team, period = _columns(visits)
    return Plan(
        site=site, team=team, period=period, value=run.value, bound=run.bound, prices=prices["pools"],
        quota_prices=prices["quotas"], resource_prices=resources, joint_price=run.prices["joint"],
        shortfall=np.array(run.prices["shortfall"], dtype=np.int64), stopped=run.stopped,
        solver=run.solver, seconds=run.seconds or 0.0, memory_mb=run.memory_mb or 0.0, trail=(),
    )  # fmt: skip


def _plan_found(run: SelectionRun, problem: Problem, plan: Plan) -> Found:
    from planning.optimise.explain import account
    from planning.optimise.frontier import measures
    from planning.optimise.whatif import visits as planned_visits

    planned, visits = planned_visits(plan), []
    for i, team, period in zip(plan.site, plan.team, plan.period, strict=True):
        offer = account(problem, plan, int(i), planned).chosen
        assert offer is not None
        visits.append({
            "key": problem.keys[i], "team": _codes(problem, int(team)), "period": int(period),
            "value": offer.worth, "reduced": offer.reduced,
        })  # fmt: skip
    result: dict[str, Any] = {"measures": asdict(measures(problem, plan))}
    if run.kind == RunKind.PLAN:
        result["answers"] = answers(problem, plan)
        result["marginal"] = _marginal(problem, plan)
    else:
        result["difference"] = _difference_to(run, problem, plan)
    return Found(
        {
            "value": float(plan.value), "bound": float(plan.bound), "stopped": plan.stopped,
            "solver": f"{plan.solver}; {versions()}", "seconds": plan.seconds, "memory_mb": plan.memory_mb,
            "result": result,
            "prices": {
                "pools": plan.prices.tolist(), "quotas": plan.quota_prices.tolist(),
                "resources": plan.resource_prices.tolist(), "joint": float(plan.joint_price),
                "shortfall": plan.shortfall.tolist(), "trail": [list(t) for t in plan.trail],
                "visits": [[v["key"], v["team"], v["period"]] for v in visits],
            },
        },
        visits,
    )  # fmt: skip


def _codes(problem: Problem, team: int) -> list[str]:
    return [code for a, code in enumerate(problem.authorities) if team >> a & 1]


def answers(problem: Problem, plan: Plan) -> dict[str, Any]:
    """By site: why it is in the plan or not, reckoned from the prices that are stored with it."""
    from planning.optimise.explain import account
    from planning.optimise.whatif import visits

    planned = visits(plan)
    return {
        problem.keys[i]: _answer(problem, account(problem, plan, i, planned))
        for i in range(min(len(problem.keys), ANSWERED_MOST))
    }


def _answer(problem: Problem, one: Any) -> dict[str, Any]:
    offer = one.chosen or one.best
    answer: dict[str, Any] = {"verdict": one.verdict, "firm": [problem.keys[i] for i in one.firm]}
    if offer is not None:
        answer |= {
            "team": _codes(problem, offer.visit.team), "period": offer.visit.period,
            "worth": offer.worth, "reduced": offer.reduced, "joint": offer.joint,
            "costs": [
                [problem.authorities[c.authority], problem.pools[c.pool], c.days, c.price]
                for c in offer.costs
            ],
            "quotas": [[problem.quotas[k].key, amount] for k, amount in offer.quotas],
            "resources": [
                [problem.resources[k].key, units, price] for k, units, price in offer.resources
            ],
        }  # fmt: skip
    return answer


def _marginal(problem: Problem, plan: Plan) -> list[dict[str, Any]]:
    """What one more inspector-day is worth, by pool; the dearest period and what is free."""
    from planning.optimise.explain import marginal

    return [
        {"authority": problem.authorities[m.authority], "pool": problem.pools[m.pool],
         "prices": list(m.prices), "free": list(m.free)}
        for m in marginal(problem, plan)
    ]  # fmt: skip


def _difference_to(run: SelectionRun, problem: Problem, plan: Plan) -> dict[str, Any] | None:
    from planning.optimise.whatif import difference

    before = stored_plan(run.based_on, problem)
    return _difference(problem, difference(problem, before, plan)) if before else None


def _difference(problem: Problem, one: Any) -> dict[str, Any]:
    def visit(v: Any) -> list[Any]:
        return [problem.keys[v.site], _codes(problem, v.team), v.period]

    return {
        "entered": [visit(v) for v in one.entered], "left": [visit(v) for v in one.left],
        "moved": [[visit(a), visit(b)] for a, b in one.moved],
        "changed": [[visit(a), visit(b)] for a, b in one.changed],
        "value": one.value, "days": dict(zip(problem.authorities, one.days, strict=True)),
    }  # fmt: skip


def _take(run: SelectionRun, problem: Problem, plan: Plan, work: _Work) -> dict[str, Any]:
    """What it would take to include a site."""
    from planning.optimise.explain import what_would_it_take

    found = what_would_it_take(
        problem, plan, problem.keys.index(run.change["take"]), work.options,
        progress=work.progress, cancelled=work.cancelled,
    )  # fmt: skip
    return {"take": {
        "points": found.points,
        "team": _codes(problem, found.visit.team) if found.visit else [],
        "days": [[problem.authorities[n.authority], problem.pools[n.pool], n.needs, n.free]
                 for n in found.days],
        "blocked": [list(b) for b in found.blocked],
        "instead": _difference(problem, found.instead) if found.instead else None,
        "clash": [list(c) for c in found.clash],
    }}  # fmt: skip


def _frontier(run: SelectionRun, problem: Problem, plan: Plan, work: _Work) -> dict[str, Any]:
    from planning.optimise.frontier import frontier

    return {"points": [
        {"name": p.name, "measures": asdict(p.measures), "value": p.value,
         "dominated": p.dominated}
        for p in frontier(
            problem, work.options, progress=work.progress, cancelled=work.cancelled
        )
    ]}  # fmt: skip


def _alternatives(run: SelectionRun, problem: Problem, plan: Plan, work: _Work) -> dict[str, Any]:
    from planning.optimise.alternatives import alternatives
    from planning.optimise.frontier import measures

    return {"alternatives": [
        {"value": a.value, "different": a.different, "measures": asdict(measures(problem, a.plan)),
         "difference": _difference(problem, a.difference)}
        for a in alternatives(
            problem, plan, work.options, progress=work.progress, cancelled=work.cancelled
        )
    ]}  # fmt: skip


def store_proposals(run: SelectionRun, found: Found) -> None:
    """The visits of a plan as rows; what was drawn keeps its probability."""
    if run.kind != RunKind.PLAN:
        return
    assert run.inputs is not None
    keys = [v["key"] for v in found.visits]
    sites = dict(Site.objects.filter(public_id__in=keys).values_list("public_id", "pk"))
    by_key = {str(public): pk for public, pk in sites.items()}
    authorities = dict(Authority.objects.values_list("code", "pk"))
    drawn = {s["id"]: s["drawn"] for s in run.inputs["sites"]}
    if run.inputs["periods"] == WINDOW:  # a week is only what people pinned
        weeks = {s["id"]: s["week"] or None for s in run.inputs["sites"]}
    else:
        weeks = {v["key"]: run.inputs["periods"][v["period"]] for v in found.visits}
    Proposal.objects.bulk_create(
        [
            Proposal(
                run=run, operation=run.operation, site_id=by_key[v["key"]],
                team=sorted(authorities[code] for code in v["team"]),
                week=weeks[v["key"]],
                arm=Arm.CHOSEN if drawn[v["key"]] is None else Arm.RANDOM,
                probability=drawn[v["key"]], value=v["value"], reduced=v["reduced"],
            )
            for v in found.visits if v["key"] in by_key
        ],
        batch_size=2_000,
    )  # fmt: skip
