"""The best plan of a tiny problem by trying all of them; written from problem.py's text alone.

The independent check of the solver: shares no code with it. ``drop`` names limits to be left out,
which is how a test shows that each of them matters.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from planning.optimise.problem import EXCLUDED, PINNED, Problem

LIMITS = (
    "able", "pool", "entry", "required", "implied", "people", "allowed", "excluded", "pinned",
    "pinned team", "pinned period", "capacity", "firm", "quota minimum", "quota maximum", "penalty",
    "resource", "joint", "later",
)  # fmt: skip
EPS = 1e-7

Visit = tuple[int, int, int]  # site, team, period


@dataclass
class Best:
    value: float = float("-inf")
    visits: tuple[Visit, ...] = ()


def brute_force(problem: Problem, drop: tuple[str, ...] = ()) -> Best | None:
    """The best plan, or None if no plan keeps all hard limits. Up to some six sites."""
    search = _Search(problem, frozenset(drop))
    search.go(0, (), 0.0)
    return search.best if search.best.value > float("-inf") else None


def worth(problem: Problem, visit: Visit, drop: frozenset[str] = frozenset()) -> float:
    i, team, period = visit
    w, who = problem.weights, _who(problem, team)
    none = 1.0
    for a in who:
        none *= 1 - problem.p[i, a]
    more = len(who) - 1
    total = sum(problem.severity[a] * problem.p[i, a] + w.wish * problem.wishes[i, a] for a in who)
    total += w.evidence * more * (1 - none) + w.burden * more + w.coverage * problem.unseen[i]
    total -= w.travel * problem.travel[i] * (len(who) - w.car_pool * more)
    return float(total if "later" in drop else total * (1 - w.later * period))


def _who(problem: Problem, team: int) -> list[int]:
    return [a for a in range(len(problem.authorities)) if team & (1 << a)]


@dataclass
class _Search:
    problem: Problem
    drop: frozenset[str]
    best: Best = field(default_factory=Best)

    def __post_init__(self) -> None:
        n = len(self.problem.keys)
        self.options = [list(self.choices(i)) for i in range(n)]
        most = [max([0.0, *(v for _, v in one)]) for one in self.options]
        self.rest = [sum(most[i:]) for i in range(n + 1)]

    def keeps(self, limit: str) -> bool:
        return limit not in self.drop

    def choices(self, i: int) -> Iterator[tuple[Visit, float]]:
        p = self.problem
        if p.fixed[i] == EXCLUDED and self.keeps("excluded"):
            return
        for team in range(1, 2 ** len(p.authorities)):
            if not self.team_may(i, team):
                continue
            for period in range(len(p.periods)):
                if self.keeps("allowed") and not p.allowed[i, period]:
                    continue
                visit = (i, team, period)
                if not self.as_pinned(visit):
                    continue
                yield visit, worth(p, visit, self.drop)

    def as_pinned(self, visit: Visit) -> bool:
        p, (i, team, period) = self.problem, visit
        if p.fixed[i] != PINNED:
            return True
        if self.keeps("pinned team") and p.fixed_team[i] not in (0, team):
            return False
        return not self.keeps("pinned period") or p.fixed_period[i] in (-1, period)

    def team_may(self, i: int, team: int) -> bool:
        p, who = self.problem, _who(self.problem, team)
        if self.keeps("able") and not all(p.able[i, a] for a in who):
            return False
        if self.keeps("pool") and any(p.pool_of[a, p.region[i]] < 0 for a in who):
            return False
        if self.keeps("entry") and p.needs_entry[i] and not any(p.entry[i, a] for a in who):
            return False
        if self.keeps("required") and p.required[i] & ~team:
            return False
        if self.keeps("implied"):
            for first, second in p.implied:
                if first & ~team == 0 and second & ~team:
                    return False
        sent = [2 if p.people is None else p.people[a] for a in who]
        return not self.keeps("people") or sum(sent) >= p.min_people

    def go(self, i: int, visits: tuple[Visit, ...], value: float) -> None:
        if value + self.rest[i] <= self.best.value or not self.fits(visits):
            return
        if i == len(self.options):
            penalty = self.penalty(visits)
            if penalty is not None and value - penalty > self.best.value:
                self.best = Best(value - penalty, visits)
            return
        for visit, one in self.options[i]:
            self.go(i + 1, (*visits, visit), value + one)
        if not (self.problem.fixed[i] == PINNED and self.keeps("pinned")):
            self.go(i + 1, visits, value)

    def fits(self, visits: tuple[Visit, ...]) -> bool:
        """Limits that one visit more can only break."""
        p = self.problem
        days: dict[tuple[int, int], float] = {}
        firms: dict[int, int] = {}
        for i, team, period in visits:
            firms[int(p.firm[i])] = firms.get(int(p.firm[i]), 0) + 1
            for a in _who(p, team):
                at = (int(p.pool_of[a, p.region[i]]), period)
                days[at] = days.get(at, 0.0) + p.days[i, a]
        if self.keeps("capacity") and any(
            d > p.capacity[at] + EPS for at, d in days.items() if at[0] >= 0
        ):
            return False
        if self.keeps("firm") and any(
            count > p.most_per_firm for firm, count in firms.items() if firm >= 0
        ):
            return False
        for resource in p.resources if self.keeps("resource") else ():
            for period in range(len(p.periods)):
                used = sum(resource.need[i] for i, _, at in visits if at == period)
                if used > resource.capacity[period] + EPS:
                    return False
        return True

    def penalty(self, visits: tuple[Visit, ...]) -> float | None:
        """Taken off for soft minimums that are missed; None if a hard limit is broken."""
        p, total = self.problem, 0.0
        joint = sum(len(_who(p, team)) >= 2 for _, team, _ in visits)
        asked = [i for i, team, _ in visits if not (
            p.by_lot is not None and p.by_lot[i] and p.fixed[i] == PINNED and p.fixed_team[i] == team
            and len(_who(p, team)) == 1)]  # fmt: skip
        if self.keeps("joint") and joint < p.joint_share * len(asked) - EPS:
            return None
        for quota in p.quotas:
            sites = set(quota.sites.tolist())
            count = sum(
                i in sites and (quota.authority is None or team >> quota.authority & 1)
                for i, team, _ in visits
            )
            if self.keeps("quota maximum") and quota.maximum is not None and count > quota.maximum:
                return None
            lacking = max(0, quota.minimum - count)
            if quota.hard and lacking and self.keeps("quota minimum"):
                return None
            if not quota.hard and self.keeps("penalty"):
                total += quota.penalty * lacking
        return total
