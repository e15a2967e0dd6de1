"""Why a site is in the plan or not, reckoned from the prices that are stored with it.

Every number here follows from the problem and the plan's prices alone, and can be added up by
hand: what a visit is worth, less the days it takes at their price, and so on. Words are made by
the pages. Positions as in ``problem.py``.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planning.optimise.check import members, value_of
from planning.optimise.columns import TOLERANCE, Columns, build, reduced_values
from planning.optimise.prices import prices_of
from planning.optimise.problem import (
    EXCLUDED,
    FREE,
    PINNED,
    Bools,
    Cancelled,
    Floats,
    Infeasible,
    Options,
    Plan,
    Problem,
    Progress,
    Quota,
)
from planning.optimise.solve import solve
from planning.optimise.whatif import Difference, Visit, change, difference, part, visits

# Reduced values nearer to nothing than this are nothing: a price decides between equals.
THRESHOLD = 1e-6

# Verdicts.
CHOSEN = "chosen"  # worth at least its price
FILLED = "filled"  # chosen although not worth its price: whole visits left room for it
PINNED_BY_HAND = "pinned"
EXCLUDED_BY_HAND = "excluded"
NO_TEAM = "no_team"  # nobody, or no permitted team, can go
CLOSED = "closed"  # no period is allowed
TOO_BIG = "too_big"  # every team needs more than a pool has, or a resource
TOO_DEAR = "too_dear"  # worth less than its price
FIRM = "firm"  # worth its price, but the firm has its visits
ROUNDING = "rounding"  # worth its price, but visits are whole: no room was left by better ones


@dataclass(frozen=True)
class Cost:
    """Days of one authority at the price of its pool in the period."""

    authority: int
    pool: int
    days: float
    price: float

    @property
    def amount(self) -> float:
        return self.days * self.price


@dataclass(frozen=True)
class Offer:
    """One way to visit a site (team, period) with all that is reckoned for and against it."""

    visit: Visit
    worth: float
    costs: tuple[Cost, ...]
    quotas: tuple[tuple[int, float], ...]  # quota, what its price adds (or takes)
    resources: tuple[tuple[int, float, float], ...]  # resource, units, price of one
    joint: float  # what the joint share adds (or takes)

    @property
    def reduced(self) -> float:
        return (
            self.worth
            - sum(cost.amount for cost in self.costs)
            + sum(amount for _, amount in self.quotas)
            - sum(units * price for _, units, price in self.resources)
            + self.joint
        )


@dataclass(frozen=True)
class Account:
    """Of one site: how it is visited, the best way at the prices, and what decided."""

    site: int
    verdict: str
    chosen: Offer | None
    best: Offer | None  # None: there is no way at all
    firm: tuple[int, ...]  # the firm's other sites in the plan

    @property
    def lacking(self) -> float:
        """Points of worth short of the price."""
        return max(0.0, -self.best.reduced) if self.best else 0.0


@dataclass(frozen=True)
class Need:
    """Days that a visit needs of a pool in its period, and what is left of them there."""

    authority: int
    pool: int
    period: int
    needs: float
    free: float

    @property
    def more(self) -> float:
        return max(0.0, self.needs - self.free)


@dataclass(frozen=True)
class WhatItTakes:
    """Three ways to get a site in: worth more, more days, or instead of others.

    ``points`` more worth make its price even. ``visit`` is the way that lacks fewest days beside
    the whole plan, ``days`` what it needs, ``blocked`` which other limits it would break:
    ("firm", number), ("quota" or "resource", position), ("joint", -1). ``instead`` is what another
    plan does that must hold the site; None if there is none, and ``clash`` says why.
    """

    points: float
    visit: Visit | None
    days: tuple[Need, ...]
    blocked: tuple[tuple[str, int], ...]
    instead: Difference | None
    clash: tuple[tuple[str, str, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Marginal:
    """What one inspector-day more is worth in a pool: at most, for each period and at best."""

    authority: int
    pool: int
    prices: tuple[float, ...]  # [W]
    free: tuple[float, ...]  # [W] days not used

    @property
    def best(self) -> float:
        return max(self.prices)

    @property
    def period(self) -> int:
        return self.prices.index(self.best)


def account(
    problem: Problem, plan: Plan, i: int, planned: dict[int, Visit] | None = None
) -> Account:
    """The account of site ``i``; its reduced values are those of the solver's prices exactly.

    ``planned``: ``visits(plan)``, made once by whoever asks about many sites.
    """
    planned = visits(plan) if planned is None else planned
    one, columns = _alone(problem, i)
    at = _best(one, columns, plan)
    best = offer(problem, plan, Visit(i, *at)) if at else None
    chosen = offer(problem, plan, planned[i]) if i in planned else None
    same = np.flatnonzero((problem.firm == problem.firm[i]) & (problem.firm >= 0))
    others = tuple(j for j in same.tolist() if j != i and j in planned)
    if problem.fixed[i] == EXCLUDED:
        verdict = EXCLUDED_BY_HAND
    elif chosen:
        verdict = CHOSEN if chosen.reduced >= -THRESHOLD else FILLED
        verdict = PINNED_BY_HAND if problem.fixed[i] == PINNED else verdict
    elif best is None:
        verdict = _impossible(columns)
    elif best.reduced <= THRESHOLD:
        verdict = TOO_DEAR
    else:
        verdict = FIRM if len(others) >= problem.most_per_firm else ROUNDING
    return Account(i, verdict, chosen, best, others)


def offer(problem: Problem, plan: Plan, visit: Visit) -> Offer:
    """What one visit is worth and what it takes at the plan's prices."""
    i, team, period = visit.site, visit.team, visit.period
    who = members(team, len(problem.authorities))
    costs = []
    for a in who:
        pool = int(problem.pool_of[a, problem.region[i]])
        price = float(plan.prices[pool, period])
        costs.append(Cost(a, pool, float(problem.days[i, a]), price))
    quotas = tuple(
        (k, float(plan.quota_prices[k]))
        for k, quota in enumerate(problem.quotas)
        if i in quota.sites and (quota.authority is None or quota.authority in who)
    )
    resources = tuple(
        (k, float(resource.need[i]), float(plan.resource_prices[k, period]))
        for k, resource in enumerate(problem.resources)
        if resource.need[i] > 0
    )
    joint = plan.joint_price * ((len(who) >= 2) - problem.joint_share)
    worth = value_of(problem, i, team, period)
    return Offer(visit, worth, tuple(costs), quotas, resources, float(joint))


def why_not(problem: Problem, plan: Plan, i: int) -> list[tuple[str, int, float]]:
    """What counted against the best way to visit a site, heaviest first.

    (kind, position, amount): "pool" (the days' price), "quota" (a maximum that binds), "resource",
    "joint" (position -1). Empty if nothing has a price: then the verdict alone says why.
    """
    best = account(problem, plan, i).best
    if best is None:
        return []
    found = [("pool", cost.pool, cost.amount) for cost in best.costs]
    found += [("quota", k, -amount) for k, amount in best.quotas]
    found += [("resource", k, units * price) for k, units, price in best.resources]
    found.append(("joint", -1, -best.joint))
    return sorted((one for one in found if one[2] > THRESHOLD), key=lambda one: (-one[2], one[:2]))


def what_would_it_take(
    problem: Problem, plan: Plan, i: int, options: Options | None = None, *,
    progress: Progress | None = None, cancelled: Cancelled | None = None,
) -> WhatItTakes:  # fmt: skip
    """The cheapest ways to include a site that is not in the plan; solves once with it pinned."""
    points = account(problem, plan, i).lacking
    visit, days, blocked = _beside(problem, plan, i)
    try:
        other = solve(
            change(problem, pin=[i]), options or Options(effort=0.1), start=plan,
            prices=prices_of(plan), progress=progress, cancelled=cancelled,
        )  # fmt: skip
    except Infeasible as none:
        return WhatItTakes(points, visit, days, blocked, None, tuple(none.clash))
    return WhatItTakes(points, visit, days, blocked, difference(problem, plan, other))


def marginal(problem: Problem, plan: Plan) -> list[Marginal]:
    """Pools with what a day more is worth, dearest first.

    The price bounds it: with a day more, the bound that the prices prove rises by exactly that.
    """
    free = (problem.capacity - used(problem, plan)).round(9)
    found = [
        Marginal(int(owner), q, tuple(plan.prices[q].tolist()), tuple(free[q].tolist()))
        for q, owner in enumerate(problem.pool_authority)
    ]
    return sorted(found, key=lambda one: (-one.best, one.pool))


def used(problem: Problem, plan: Plan) -> Floats:
    """[Q, W] days of the plan."""
    out = np.zeros(problem.capacity.shape)
    for visit in visits(plan).values():
        for a in members(visit.team, len(problem.authorities)):
            pool = problem.pool_of[a, problem.region[visit.site]]
            out[pool, visit.period] += problem.days[visit.site, a]
    return out


def proven_bound(problem: Problem, plan: Plan) -> float:
    """The bound that the plan's prices prove, reckoned anew: no plan is worth more.

    Each site takes its best way or none, of a firm the best sites only; to that comes what all
    that is limited costs at the prices (Lagrangian duality, Fisher 1981). The plan's own ``bound``
    may be lower, where the solver proved more by other means.
    """
    total = float((plan.prices * problem.capacity).sum())
    for k, resource in enumerate(problem.resources):
        total += float((plan.resource_prices[k] * resource.capacity).sum())
    for price, quota in zip(plan.quota_prices.tolist(), problem.quotas, strict=True):
        if price < 0:
            # Without a maximum such a price proves nothing.
            total -= price * (np.inf if quota.maximum is None else quota.maximum)
        else:
            # A soft minimum may be missed at its penalty, however dear.
            total -= (price if quota.hard else min(price, quota.penalty)) * quota.minimum
    total += plan.joint_price * problem.joint_share * problem.alone_by_lot
    columns = build(problem)
    firms: dict[int, list[tuple[bool, float]]] = {}
    for i in range(len(problem.keys)):
        best = float(_table(problem, columns, i, plan).max(initial=-np.inf))
        # A site without a firm stands alone.
        firm = int(problem.firm[i]) if problem.firm[i] >= 0 else -1 - i
        firms.setdefault(firm, []).append((bool(problem.fixed[i] == PINNED), best))
    return total + sum(
        _of_firm(sites, problem.most_per_firm if firm >= 0 else 1) for firm, sites in firms.items()
    )


def _of_firm(sites: list[tuple[bool, float]], most: int) -> float:
    must = [best for pinned, best in sites if pinned]
    may = sorted((max(0.0, best) for pinned, best in sites if not pinned), reverse=True)
    return sum(must) + sum(may[: max(0, most - len(must))])


def _alone(problem: Problem, i: int) -> tuple[Problem, Columns]:
    """One site and its columns, without those of all the others; free if it is excluded."""
    one = part(problem, np.array([i]))
    if problem.fixed[i] == EXCLUDED:
        one = replace(one, fixed=np.array([FREE]))
    return one, build(one)


def _table(problem: Problem, columns: Columns, i: int, plan: Plan) -> Floats:
    """[teams, W] reduced values of a site; -inf where a visit is not possible even alone."""
    table = reduced_values(
        columns, i, plan.prices, plan.quota_prices, plan.resource_prices, plan.joint_price
    )
    return np.where(_fits_alone(problem, columns, i), table, -np.inf)


def _fits_alone(problem: Problem, columns: Columns, i: int) -> Bools:
    """[teams, W] whether a visit would fit if there were no other."""
    team = columns.team[columns.of(i)]
    on = (team[:, None] >> np.arange(len(problem.authorities))) & 1 == 1
    capacity = problem.capacity[problem.pool_of[:, problem.region[i]]]
    short = problem.days[i][:, None] > capacity + TOLERANCE
    fits = ~(on[:, :, None] & short[None]).any(axis=1)
    for resource in problem.resources:
        fits &= (resource.need[i] <= resource.capacity + TOLERANCE)[None]
    return fits


def _best(one: Problem, columns: Columns, plan: Plan) -> tuple[int, int] | None:
    """Team and period with the highest reduced value of a site alone; of equals the first."""
    table = _table(one, columns, 0, plan)
    if not np.isfinite(table).any():
        return None
    team, period = np.unravel_index(int(table.argmax()), table.shape)
    return int(columns.team[team]), int(period)


def _impossible(columns: Columns) -> str:
    if not len(columns.team):
        return NO_TEAM
    return TOO_BIG if columns.open.any() else CLOSED


def _beside(
    problem: Problem, plan: Plan, i: int
) -> tuple[Visit | None, tuple[Need, ...], tuple[tuple[str, int], ...]]:
    """Of the ways that are worth anything, that which lacks fewest days beside the plan."""
    columns = _alone(problem, i)[1]
    free = problem.capacity - used(problem, plan)
    ways = []
    for team in columns.team.tolist():
        for period in np.flatnonzero(columns.open[0]).tolist():
            visit = Visit(i, team, period)
            worth = value_of(problem, i, team, period)
            if worth <= 0:
                continue
            needs = _needs(problem, free, visit)
            blocked = _blocked(problem, plan, visit)
            more = sum(need.more for need in needs)
            ways.append(((len(blocked), more, -worth, team, period), visit, needs, blocked))
    if not ways:
        return None, (), ()
    return min(ways, key=lambda way: way[0])[1:]


def _needs(problem: Problem, free: Floats, visit: Visit) -> tuple[Need, ...]:
    found = []
    for a in members(visit.team, len(problem.authorities)):
        pool = int(problem.pool_of[a, problem.region[visit.site]])
        left = round(float(free[pool, visit.period]), 9)
        found.append(Need(a, pool, visit.period, float(problem.days[visit.site, a]), left))
    return tuple(found)


def _blocked(problem: Problem, plan: Plan, visit: Visit) -> tuple[tuple[str, int], ...]:
    """Limits other than days that one visit more would break."""
    i, planned = visit.site, {k: v for k, v in visits(plan).items() if k != visit.site}
    found: list[tuple[str, int]] = []
    firm = int(problem.firm[i])
    if firm >= 0 and sum(problem.firm[j] == firm for j in planned) >= problem.most_per_firm:
        found.append(("firm", firm))
    for k, quota in enumerate(problem.quotas):
        count = sum(_counts(quota, one) for one in planned.values())
        if quota.maximum is not None and _counts(quota, visit) and count >= quota.maximum:
            found.append(("quota", k))
    for k, resource in enumerate(problem.resources):
        taken = sum(resource.need[j] for j, v in planned.items() if v.period == visit.period)
        if resource.need[i] + taken > resource.capacity[visit.period] + TOLERANCE:
            found.append(("resource", k))
    teams = [v.team for v in (*planned.values(), visit)]
    joint = sum(team & (team - 1) != 0 for team in teams)
    if joint < problem.joint_share * (len(teams) - problem.alone_by_lot) - TOLERANCE:
        found.append(("joint", -1))
    return tuple(found)


def _counts(quota: Quota, visit: Visit) -> bool:
    on = quota.authority is None or bool(visit.team >> quota.authority & 1)
    return on and visit.site in quota.sites
