"""Which hard limits cannot be kept together, as few of them as possible, with the numbers.

Two steps. First what arithmetic shows at once: a pinned site that nobody may visit. Then a search
(QuickXplain, Junker 2004) over all other limits: a set such that no plan keeps it, but any one
left out lets a plan be found. Whether a set can be kept is asked of CP-SAT, with days as whole
millionths, one worker and a bound in deterministic time, so that the answer is always the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from planning.optimise.check import members
from planning.optimise.columns import Columns, build
from planning.optimise.problem import FREE, PINNED, Ints, Problem
from planning.optimise.whatif import part

Clash = list[tuple[str, str, dict[str, Any]]]

PIN, ENTRY, PERIOD, TEAM = "pin", "entry", "period", "team"
QUOTA_MIN, QUOTA_MAX, CAPACITY = "quota_min", "quota_max", "capacity"
FIRM, RESOURCE, JOINT = "firm", "resource", "joint"

MILLION = 1_000_000
# Deterministic seconds for one question; one without an answer counts as "can be kept".
EFFORT = 20.0


class _Halted(Exception):
    """Somebody cancelled, or time was up, before the set was found."""


@dataclass(frozen=True)
class Limit:
    """One hard limit: its kind and the position of the site, quota, pool, firm or resource."""

    kind: str
    at: int


# A sum over ways (way -> whole number), and what it may not exceed.
Terms = dict[int, int]
Row = tuple[Terms, int]


def smallest_clash(problem: Problem, halted: Callable[[], bool] = lambda: False) -> Clash:
    """A smallest set of hard limits that no plan keeps; empty if a plan keeps all.

    ``halted`` is asked before each question; once it says so, none is named.

    Smallest: whichever one is left out, a plan keeps the others. Each is (kind, key, data) as in
    ``Infeasible``, with ``needs`` and ``has`` in days, visits or units: what the other limits of
    the set force, against what this one grants. The kinds "team" (rules about who goes) and
    "joint" (the joint share) are possible as well. The same problem always gives the same set.
    """
    for i in np.flatnonzero(problem.fixed == PINNED).tolist():
        if alone := _impossible_pin(problem, i):
            return alone
    small = _concerned(problem)
    model = _Model(small, halted)
    limits = _limits(small)
    try:
        if model.possible(limits):
            return []
        found = _explain(model.possible, limits)
        return [(one.kind, _key(small, one), _numbers(small, model, one, found)) for one in found]
    except _Halted:
        return []


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
    """Questions about sets of limits, over the ways (site, team, period) of the sites concerned."""

    def __init__(self, problem: Problem, halted: Callable[[], bool]) -> None:
        self.problem, self.columns, self.halted = problem, build(problem), halted
        self.known: dict[frozenset[Limit], bool] = {}
        # A pin is a limit like others: without it the site could be visited in other ways as well.
        pinned = problem.fixed == PINNED
        free = build(replace(problem, fixed=np.where(pinned, FREE, problem.fixed)))
        self.ways = [
            (i, team, w)
            for i in range(len(problem.keys))
            for team in self._teams(free, i)
            for w in np.flatnonzero(free.open[i]).tolist()
        ]
        self.of_site: list[list[int]] = [[] for _ in problem.keys]
        self.of_pin: list[list[int]] = [[] for _ in problem.keys]
        for k, (i, team, w) in enumerate(self.ways):
            self.of_site[i].append(k)
            if self.columns.open[i, w] and problem.fixed_team[i] in (0, team):
                self.of_pin[i].append(k)
        self.days = self._days()
        self.sums: dict[Limit, list[Row]] = {}

    def _teams(self, free: Columns, i: int) -> list[int]:
        teams = _lean(self.problem, free.team[free.of(i)].tolist())
        if self.problem.fixed[i] == PINNED and self.problem.fixed_team[i]:
            teams += [team for team in self.columns.team[self.columns.of(i)].tolist()
                      if team not in teams]  # fmt: skip
        return teams

    def possible(self, limits: Sequence[Limit]) -> bool:
        """Whether a plan keeps these limits (and the rules about teams and periods)."""
        asked = frozenset(limits)
        if asked not in self.known:
            self.known[asked] = _solve(self._model(limits)[0])[0] != cp_model.INFEASIBLE
        return self.known[asked]

    def least(self, limits: Sequence[Limit], terms: Terms, sign: int) -> int:
        """The least (sign 1) or greatest (-1) sum of ``terms``; 0 if none was found in time."""
        model, x = self._model(limits, terms)
        model.minimize(sign * _sum(terms, x))
        solver = _solve(model)[1]
        if solver is None:
            return 0
        return sum(number for k, number in terms.items() if solver.value(x[k]))

    def excess(self, limits: Sequence[Limit], rows: list[Row]) -> list[int]:
        """What each row uses in a plan that exceeds their capacities by least in sum."""
        model, x = self._model(limits, [k for terms, _ in rows for k in terms])
        over = []
        for terms, capacity in rows:
            extra = model.new_int_var(0, sum(terms.values()), "")
            model.add(_sum(terms, x) <= capacity + extra)
            over.append(extra)
        model.minimize(sum(over))
        solver = _solve(model)[1]
        if solver is None:
            return [0] * len(rows)
        return [sum(n for k, n in terms.items() if solver.value(x[k])) for terms, _ in rows]

    def rows(self, limit: Limit) -> list[Row]:
        """The sums that a limit keeps from growing beyond a capacity."""
        if limit not in self.sums:
            self.sums[limit] = self._rows(limit)
        return self.sums[limit]

    def counted(self, k: int) -> Terms:
        """Ways that count for a quota."""
        quota = self.problem.quotas[k]
        return {
            at: 1
            for at in self.visits(quota.sites)
            if quota.authority is None or self.ways[at][1] >> quota.authority & 1
        }

    def visits(self, sites: Ints) -> Terms:
        return {k: 1 for i in np.unique(sites).tolist() for k in self.of_site[i]}

    def _rows(self, limit: Limit) -> list[Row]:
        p = self.problem
        periods = range(len(p.periods))
        if limit.kind == CAPACITY:
            at = limit.at
            return [(self.days.get((at, w), {}), _whole(p.capacity[at, w])) for w in periods]
        if limit.kind == RESOURCE:
            one = p.resources[limit.at]
            needs = {k: (w, _whole(one.need[i])) for k, (i, _, w) in enumerate(self.ways)}
            return [
                ({k: need for k, (at, need) in needs.items() if at == w}, _whole(one.capacity[w]))
                for w in periods
            ]
        if limit.kind == FIRM:
            return [(self.visits(np.flatnonzero(p.firm == limit.at)), p.most_per_firm)]
        if limit.kind == QUOTA_MAX:
            return [(self.counted(limit.at), int(p.quotas[limit.at].maximum or 0))]
        share = _whole(self.problem.joint_share)
        return [(self._single(), share * self.problem.alone_by_lot)] if limit.kind == JOINT else []

    def _days(self) -> dict[tuple[int, int], Terms]:
        """Of each pool and period the days of every way, in whole millionths."""
        p = self.problem
        out: dict[tuple[int, int], Terms] = {}
        for k, (i, team, w) in enumerate(self.ways):
            for a in members(team, len(p.authorities)):
                terms = out.setdefault((int(p.pool_of[a, p.region[i]]), w), {})
                terms[k] = terms.get(k, 0) + _whole(p.days[i, a])
        return out

    def _single(self) -> Terms:
        """The joint share as a sum: single visits weigh, joint ones lift."""
        share = _whole(self.problem.joint_share)
        return {k: share - MILLION * _joint(team) for k, (_, team, _) in enumerate(self.ways)}

    def _model(
        self, limits: Sequence[Limit], also: Iterable[int] = ()
    ) -> tuple[cp_model.CpModel, dict[int, Any]]:
        """The limits as a model, with a variable for each way that they (or ``also``) concern."""
        if self.halted():
            raise _Halted
        model = cp_model.CpModel()
        forced = [(1, self.of_pin[limit.at]) for limit in limits if limit.kind == PIN]
        for limit in limits:
            if limit.kind == QUOTA_MIN:
                forced.append((self.problem.quotas[limit.at].minimum, list(self.counted(limit.at))))
        concerned = {self.ways[k][0] for _, ways in forced for k in ways}
        concerned |= {self.ways[k][0] for k in also}
        if any(limit.kind == JOINT for limit in limits):
            concerned = set(range(len(self.of_site)))
        x = {k: model.new_bool_var("") for i in sorted(concerned) for k in self.of_site[i]}
        for i in sorted(concerned):
            model.add(sum(x[k] for k in self.of_site[i]) <= 1)
        for minimum, ways in forced:
            model.add(sum(x[k] for k in ways) >= minimum)
        for limit in limits:
            for terms, capacity in self.rows(limit):
                model.add(_sum(terms, x) <= capacity)
        return model, x


def _sum(terms: Terms, x: dict[int, Any]) -> Any:
    return sum(number * x[k] for k, number in terms.items() if k in x)


def _joint(team: int) -> bool:
    return team & (team - 1) != 0


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
        joint = problem.joint_share == 0 or _joint(a) == _joint(b)
        return a & wanted == b & wanted and joint

    return [
        team
        for team in teams
        if not any(other != team and other & team == other and alike(other, team)
                   for other in teams)
    ]  # fmt: skip


def _solve(model: cp_model.CpModel) -> tuple[Any, cp_model.CpSolver | None]:
    """The status, and the solver if it holds a plan."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = EFFORT
    status = solver.solve(model)
    return status, solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


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
        return {"needs": quota.minimum, "has": most} | _authority(problem, quota.authority)
    if one.kind == QUOTA_MAX:
        quota = problem.quotas[one.at]
        least = model.least(others, model.counted(one.at), 1)
        return {"needs": least, "has": quota.maximum} | _authority(problem, quota.authority)
    if one.kind == FIRM:
        return _of_firm(problem, model, one.at, others)
    if one.kind == JOINT:
        return {"needs": problem.joint_share}
    return _pin_numbers(problem, model, one.at)


def _of_firm(problem: Problem, model: _Model, firm: int, others: list[Limit]) -> dict[str, Any]:
    """Visits to a firm that the others force: by which pins of its sites, by which minimums."""
    sites = np.flatnonzero(problem.firm == firm)
    visits = model.visits(sites)
    return {
        "needs": model.least(others, visits, 1), "has": problem.most_per_firm,
        "sites": [problem.keys[i] for i in sites.tolist()],
        "pins": [problem.keys[one.at] for one in others if one.kind == PIN and one.at in sites],
        "minimums": [problem.quotas[one.at].key for one in others
                     if one.kind == QUOTA_MIN and visits.keys() & model.counted(one.at).keys()],
    }  # fmt: skip


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
    teams = [model.ways[k][1] for k in model.of_pin[i]]
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
