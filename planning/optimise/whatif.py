"""A problem with something changed, and what a second plan does otherwise than the first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from planning.optimise.check import members, plan_value
from planning.optimise.problem import EXCLUDED, FREE, PINNED, Ints, Plan, Problem, Weights

# Of a pool in every period, or in one: pool or (pool, period) -> days.
Capacity = Mapping[int | tuple[int, int], float]
# Quota -> (minimum, maximum or None).
Quotas = Mapping[int, tuple[int, int | None]]


@dataclass(frozen=True)
class Visit:
    """One visit of a plan, all as positions; ``team`` a bit mask."""

    site: int
    team: int
    period: int


@dataclass(frozen=True)
class Difference:
    """From the plan ``before`` to the plan ``after``; sites as positions, ascending."""

    entered: tuple[Visit, ...]
    left: tuple[Visit, ...]
    moved: tuple[tuple[Visit, Visit], ...]  # same team, another period
    changed: tuple[tuple[Visit, Visit], ...]  # another team, whatever the period
    value: float  # gained, by the weights of the problem that is given
    days: tuple[float, ...]  # [A] inspector-days more (or fewer)

    @property
    def nothing(self) -> bool:
        return not (self.entered or self.left or self.moved or self.changed)


def change(
    problem: Problem,
    *,
    pin: Iterable[int | Visit] = (),
    exclude: Iterable[int] = (),
    free: Iterable[int] = (),
    capacity: Capacity | None = None,
    quota: Quotas | None = None,
    weights: Weights | None = None,
) -> Problem:
    """The problem with sites pinned, excluded or set free, other capacities, quotas or weights.

    A site given as a ``Visit`` is pinned with that team and period, a bare position with whichever
    is best. Raises ``ValueError`` for a site that is to be pinned and excluded at once.
    """
    pins = {one.site: one for one in map(_pin, pin)}
    out, loose = set(exclude), set(free)
    if both := sorted((pins.keys() & out) | (loose & (pins.keys() | out))):
        raise ValueError(f"pinned, excluded or free, not two of these: {problem.keys[both[0]]}")
    fixed, team, period = (
        array.copy() for array in (problem.fixed, problem.fixed_team, problem.fixed_period)
    )
    for state, sites in ((EXCLUDED, out), (FREE, loose), (PINNED, pins)):
        for site in sites:
            visit = pins.get(site, Visit(site, 0, -1))
            fixed[site], team[site], period[site] = state, visit.team, visit.period
    days = problem.capacity.astype(float)
    for at, value in (capacity or {}).items():
        days[at] = value
    quotas = tuple(
        replace(one, minimum=quota[k][0], maximum=quota[k][1]) if quota and k in quota else one
        for k, one in enumerate(problem.quotas)
    )
    return replace(
        problem, fixed=fixed, fixed_team=team, fixed_period=period, capacity=days, quotas=quotas,
        weights=weights or problem.weights,
    )  # fmt: skip


def difference(problem: Problem, before: Plan, after: Plan) -> Difference:
    """What ``after`` does otherwise. Both are plans of the sites of ``problem``."""
    old, new = visits(before), visits(after)
    both = [(old[i], new[i]) for i in sorted(old.keys() & new.keys())]
    days = np.array(days_used(problem, after)) - np.array(days_used(problem, before))
    return Difference(
        tuple(new[i] for i in sorted(new.keys() - old.keys())),
        tuple(old[i] for i in sorted(old.keys() - new.keys())),
        tuple((a, b) for a, b in both if a.team == b.team and a.period != b.period),
        tuple((a, b) for a, b in both if a.team != b.team),
        plan_value(problem, after) - plan_value(problem, before),
        tuple(days.round(9).tolist()),
    )


def visits(plan: Plan) -> dict[int, Visit]:
    """The plan's visits by site."""
    rows = zip(plan.site.tolist(), plan.team.tolist(), plan.period.tolist(), strict=True)
    return {site: Visit(site, team, period) for site, team, period in rows}


def days_used(problem: Problem, plan: Plan) -> tuple[float, ...]:
    """[A] inspector-days of the plan."""
    days = np.zeros(len(problem.authorities))
    for visit in visits(plan).values():
        who = members(visit.team, len(days))
        days[who] += problem.days[visit.site, who]
    return tuple(days.tolist())


# Arrays with a row for each site.
BY_SITE = (
    "region", "firm", "able", "entry", "needs_entry", "required", "p", "days", "wishes", "unseen",
    "travel", "allowed", "fixed", "fixed_team", "fixed_period",
)  # fmt: skip


def part(problem: Problem, sites: Ints) -> Problem:
    """The problem of some of its sites, in the order given; limits stay as they are."""
    place = np.full(len(problem.keys), -1)
    place[sites] = np.arange(len(sites))

    def inside(positions: Ints) -> Ints:
        found = place[positions]
        return found[found >= 0]

    return replace(
        problem,
        keys=tuple(problem.keys[i] for i in sites),
        quotas=tuple(replace(one, sites=inside(one.sites)) for one in problem.quotas),
        resources=tuple(replace(one, need=one.need[sites]) for one in problem.resources),
        **{name: getattr(problem, name)[sites] for name in BY_SITE},
        by_lot=None if problem.by_lot is None else problem.by_lot[sites],
    )


def _pin(one: int | Visit) -> Visit:
    return one if isinstance(one, Visit) else Visit(int(one), 0, -1)
