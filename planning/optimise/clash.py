"""Which hard limits cannot be kept together, as few of them as possible, with the numbers.

Two steps. First what arithmetic shows at once: a pinned site that nobody may visit. Then a search
(QuickXplain, Junker 2004) over all other limits: a set such that no plan keeps it, but any one
left out lets a plan be found. Whether a set can be kept is asked of CP-SAT, with days as whole
millionths, one worker and a bound in deterministic time, so that the answer is always the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from planning.optimise.check import members
from planning.optimise.columns import Columns, build
from planning.optimise.problem import PINNED, Problem
from planning.optimise.whatif import part

Clash = list[tuple[str, str, dict[str, Any]]]

PIN, ENTRY, PERIOD, TEAM = "pin", "entry", "period", "team"
QUOTA_MIN, QUOTA_MAX, CAPACITY = "quota_min", "quota_max", "capacity"
FIRM, RESOURCE, JOINT = "firm", "resource", "joint"

MILLION = 1_000_000
# Deterministic seconds for one question; one without an answer counts as "can be kept".
EFFORT = 20.0


@dataclass(frozen=True)
class Limit:
    """One hard limit: its kind and the position of the site, quota, pool, firm or resource."""

    kind: str
    at: int


# A sum over ways (site, team, period) in whole numbers, and what it may not exceed.
Row = tuple[dict[int, int], int]


def smallest_clash(problem: Problem) -> Clash:
    """A smallest set of hard limits that no plan keeps; empty if a plan keeps all.

    Smallest: whichever one is left out, a plan keeps the others. Each is (kind, key, data) as in
    ``Infeasible``, with ``needs`` and ``has`` in days, visits or units: what the other limits of
    the set force, against what this one grants. The kinds "team" (rules about who goes) and
    "joint" (the joint share) are possible as well. The same problem always gives the same set.
    """
    for i in np.flatnonzero(problem.fixed == PINNED).tolist():
        if found := _impossible_pin(problem, i):
            return found
    small = _concerned(problem)
    model = _Model(small, build(small))
    limits = _limits(small)
    if model.possible(limits):
        return []
    found = _explain(model.possible, limits)
    return [(one.kind, _key(small, one), _numbers(small, model, one, found)) for one in found]


def _concerned(problem: Problem) -> Problem:
    """Only sites that something forces to be visited can clash: pins and hard minimums."""
    forced = problem.fixed == PINNED
    for quota in problem.quotas:
        if quota.hard and quota.minimum > 0:
            forced[quota.sites] = True
    if problem.joint_share > 0:
        # A visit by two or more beside a forced one can mend the joint share.
        forced[:] = forced.any()
    return part(problem, np.flatnonzero(forced))


def _limits(problem: Problem) -> list[Limit]:
    """All that may be left out, those that people can change most easily first."""
    found = [Limit(JOINT, 0)] if problem.joint_share > 0 else []
    found += [Limit(CAPACITY, q) for q in range(len(problem.pools))]
    found += [Limit(RESOURCE, k) for k in range(len(problem.resources))]
    firms, counts = np.unique(problem.firm[problem.firm >= 0], return_counts=True)
    found += [Limit(FIRM, int(firm)) for firm in firms[counts > problem.most_per_firm]]
    for k, quota in enumerate(problem.quotas):
        if quota.maximum is not None:
            found.append(Limit(QUOTA_MAX, k))
    for k, quota in enumerate(problem.quotas):
        if quota.hard and quota.minimum > 0:
            found.append(Limit(QUOTA_MIN, k))
    return found + [Limit(PIN, int(i)) for i in np.flatnonzero(problem.fixed == PINNED)]


def _explain(possible: Callable[[Sequence[Limit]], bool], limits: list[Limit]) -> list[Limit]:
    """QuickXplain: a set that is not possible although it is without any one of its members."""

    def search(kept: list[Limit], added: bool, rest: list[Limit]) -> list[Limit]:
        if added and not possible(kept):
            return []
        if len(rest) == 1:
            return rest
        first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        late = search(kept + first, True, second)
        early = search(kept + late, bool(late), first)
        return early + late

    found = set(search([], False, limits))
    return [one for one in reversed(limits) if one in found]


class _Model:
    """Questions about sets of limits, over the columns of the sites concerned."""

    def __init__(self, problem: Problem, columns: Columns) -> None:
        self.problem, self.columns = problem, columns
        self.known: dict[frozenset[Limit], bool] = {}
        self.sums: dict[Limit, list[Row]] = {}
        self.ways = [
            (i, team, w)
            for i in range(len(problem.keys))
            for team in _lean(problem, columns.team[columns.of(i)].tolist())
            for w in np.flatnonzero(columns.open[i]).tolist()
        ]

    def possible(self, limits: Sequence[Limit]) -> bool:
        """Whether a plan keeps these limits (and the rules about teams and periods)."""
        asked = frozenset(limits)
        if asked not in self.known:
            self.known[asked] = _solve(self._model(limits)[0])[0] != cp_model.INFEASIBLE
        return self.known[asked]

    def least(self, limits: Sequence[Limit], terms: dict[int, int], sign: int) -> int | None:
        """The least (sign 1) or greatest (-1) sum of ``terms`` (way -> whole number)."""
        model, x = self._model(limits)
        total = sum(number * x[k] for k, number in terms.items())
        model.minimize(sign * total)
        status, solver = _solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return sign * round(solver.objective_value) if terms else 0

    def excess(self, limits: Sequence[Limit], rows: list[Row]) -> list[int]:
        """What each row (terms, capacity) uses in a plan that exceeds them by least in sum."""
        model, x = self._model(limits)
        sums, over = [], []
        for terms, capacity in rows:
            total = sum(number * x[k] for k, number in terms.items())
            extra = model.new_int_var(0, sum(terms.values()), "")
            model.add(total <= capacity + extra)
            sums.append(total)
            over.append(extra)
        model.minimize(sum(over))
        status, solver = _solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return [0] * len(rows)
        return [solver.value(total) if terms else 0
                for total, (terms, _) in zip(sums, rows, strict=True)]  # fmt: skip

    def rows(self, limit: Limit) -> list[Row]:
        """The sums that a limit keeps from growing beyond a capacity."""
        if limit not in self.sums:
            self.sums[limit] = self._rows(limit)
        return self.sums[limit]

    def _rows(self, limit: Limit) -> list[Row]:
        p = self.problem
        if limit.kind == CAPACITY:
            return [
                (self._days(limit.at, w), _whole(p.capacity[limit.at, w]))
                for w in range(len(p.periods))
            ]
        if limit.kind == RESOURCE:
            one = p.resources[limit.at]
            return [
                ({k: _whole(one.need[i]) for k, (i, _, at) in enumerate(self.ways) if at == w},
                 _whole(one.capacity[w]))
                for w in range(len(p.periods))
            ]  # fmt: skip
        if limit.kind == FIRM:
            return [(self.visits(p.firm == limit.at), p.most_per_firm)]
        if limit.kind == QUOTA_MAX:
            return [(self.counted(limit.at), int(p.quotas[limit.at].maximum or 0))]
        if limit.kind == JOINT:
            return [(self.alone(), 0)]
        return []

    def counted(self, k: int) -> dict[int, int]:
        """Ways that count for a quota."""
        quota = self.problem.quotas[k]
        inside = np.isin(np.arange(len(self.problem.keys)), quota.sites)
        return {
            at: 1
            for at in self.visits(inside)
            if quota.authority is None or self.ways[at][1] >> quota.authority & 1
        }

    def visits(self, sites: Any) -> dict[int, int]:
        return {k: 1 for k, (i, _, _) in enumerate(self.ways) if sites[i]}

    def alone(self) -> dict[int, int]:
        """The joint share as a sum that may not exceed 0: single visits weigh, joint ones lift."""
        share = _whole(self.problem.joint_share)
        return {
            k: share - (MILLION if team & (team - 1) else 0)
            for k, (_, team, _) in enumerate(self.ways)
        }

    def _days(self, pool: int, period: int) -> dict[int, int]:
        p, out = self.problem, {}
        for k, (i, team, w) in enumerate(self.ways):
            if w != period:
                continue
            who = members(team, len(p.authorities))
            days = sum(p.days[i, a] for a in who if p.pool_of[a, p.region[i]] == pool)
            if days:
                out[k] = _whole(days)
        return out

    def _model(self, limits: Sequence[Limit]) -> tuple[cp_model.CpModel, list[Any]]:
        model = cp_model.CpModel()
        x = [model.new_bool_var("") for _ in self.ways]
        of_site: dict[int, list[Any]] = {i: [] for i in range(len(self.problem.keys))}
        for var, (i, _, _) in zip(x, self.ways, strict=True):
            of_site[i].append(var)
        for one in of_site.values():
            model.add(sum(one) <= 1)
        for limit in limits:
            if limit.kind == PIN:
                model.add(sum(of_site[limit.at]) >= 1)
            elif limit.kind == QUOTA_MIN:
                count = sum(x[k] for k in self.counted(limit.at))
                model.add(count >= self.problem.quotas[limit.at].minimum)
            for terms, capacity in self.rows(limit):
                model.add(sum(number * x[k] for k, number in terms.items()) <= capacity)
        return model, x


def _lean(problem: Problem, teams: list[int]) -> list[int]:
    """Teams without those that have a member too many.

    A smaller team uses less of everything. A member more can only help a hard minimum of that
    authority's visits, or the joint share.
    """
    wanted = 0
    for quota in problem.quotas:
        if quota.hard and quota.minimum > 0 and quota.authority is not None:
            wanted |= 1 << quota.authority

    def alike(a: int, b: int) -> bool:
        joint = (a & (a - 1) != 0) == (b & (b - 1) != 0)
        return a & wanted == b & wanted and (joint or problem.joint_share == 0)

    return [
        team
        for team in teams
        if not any(other != team and other & team == other and alike(other, team)
                   for other in teams)
    ]  # fmt: skip


def _solve(model: cp_model.CpModel) -> tuple[Any, cp_model.CpSolver]:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = EFFORT
    return solver.solve(model), solver


def _whole(number: float) -> int:
    return round(float(number) * MILLION)


def _numbers(problem: Problem, model: _Model, one: Limit, clash: list[Limit]) -> dict[str, Any]:
    """What the other limits of the set force, against what this one grants."""
    others = [limit for limit in clash if limit != one]
    if one.kind == CAPACITY:
        data = _over(problem, model, one, others)
        owner = int(problem.pool_authority[one.at])
        return data | {
            "authority": problem.authorities[owner], "pool": problem.pools[one.at],
        }  # fmt: skip
    if one.kind == RESOURCE:
        return _over(problem, model, one, others)
    if one.kind == QUOTA_MIN:
        quota = problem.quotas[one.at]
        most = model.least(others, model.counted(one.at), -1)
        return {"needs": quota.minimum, "has": most or 0} | _authority(problem, quota.authority)
    if one.kind == QUOTA_MAX:
        quota = problem.quotas[one.at]
        least = model.least(others, model.counted(one.at), 1)
        return {"needs": least or 0, "has": quota.maximum} | _authority(problem, quota.authority)
    if one.kind == FIRM:
        least = model.least(others, model.visits(problem.firm == one.at), 1)
        return {"needs": least or 0, "has": problem.most_per_firm}
    if one.kind == JOINT:
        return {"needs": problem.joint_share}
    return _pin_numbers(problem, model, one.at)


def _over(problem: Problem, model: _Model, one: Limit, others: list[Limit]) -> dict[str, Any]:
    """Days or units in the periods in which they do not suffice."""
    rows = model.rows(one)
    uses = model.excess(others, rows)
    over = [w for w, (use, row) in enumerate(zip(uses, rows, strict=True)) if use > row[1]]
    return {
        "needs": sum(uses[w] for w in over) / MILLION,
        "has": sum(rows[w][1] for w in over) / MILLION,
        "periods": [problem.periods[w] for w in over],
    }


def _pin_numbers(problem: Problem, model: _Model, i: int) -> dict[str, Any]:
    """The days of the smallest team with which a pinned site can be visited."""
    teams = [team for site, team, _ in model.ways if site == i]
    days = min(
        sum(float(problem.days[i, a]) for a in members(team, len(problem.authorities)))
        for team in teams
    )
    return {"needs": days, "periods": _names(problem, model.columns.open[i])}


def _impossible_pin(problem: Problem, i: int) -> Clash:
    """A pinned site that cannot be visited whatever else is planned: the rules that forbid it."""
    key = problem.keys[i]
    pin: tuple[str, str, dict[str, Any]] = (PIN, key, {"team": _team(problem, i)})
    one = part(problem, np.array([i]))
    columns = build(one)
    if not columns.open[0].any():
        asked = int(problem.fixed_period[i])
        wanted = problem.periods[asked] if asked >= 0 else None
        return [pin, (PERIOD, key, {"period": wanted, "has": _names(problem, problem.allowed[i])})]
    if len(columns.team):
        return []
    if len(build(replace(one, needs_entry=np.array([False]))).team):
        enter = [name for a, name in enumerate(problem.authorities) if problem.entry[i, a]]
        return [pin, (ENTRY, key, {"may_enter": enter})]
    return [pin, (TEAM, key, _team_numbers(problem, i))]


def _team_numbers(problem: Problem, i: int) -> dict[str, Any]:
    """Who could come, who must, and whether they are enough people."""
    could = problem.able[i] & (problem.pool_of[:, problem.region[i]] >= 0)
    people = np.full(len(could), 2) if problem.people is None else problem.people
    return {
        "able": [name for name, can in zip(problem.authorities, could, strict=True) if can],
        "required": [
            problem.authorities[a]
            for a in members(int(problem.required[i]), len(problem.authorities))
        ],
        "needs": problem.min_people,
        "has": int(people[could].sum()),
    }


def _team(problem: Problem, i: int) -> list[str]:
    who = members(int(problem.fixed_team[i]), len(problem.authorities))
    return [problem.authorities[a] for a in who]


def _names(problem: Problem, open_: Any) -> list[str]:
    return [problem.periods[w] for w in np.flatnonzero(open_)]


def _authority(problem: Problem, a: int | None) -> dict[str, Any]:
    return {} if a is None else {"authority": problem.authorities[a]}


def _key(problem: Problem, one: Limit) -> str:
    if one.kind == PIN:
        return problem.keys[one.at]
    if one.kind in (QUOTA_MIN, QUOTA_MAX):
        return problem.quotas[one.at].key
    if one.kind == CAPACITY:
        return problem.pools[one.at]
    if one.kind == RESOURCE:
        return problem.resources[one.at].key
    return str(one.at) if one.kind == FIRM else ""
