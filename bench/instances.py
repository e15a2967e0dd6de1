"""Made-up planning problems of any size; the same arguments give the same numbers.

Five authorities with an office in each of 20 regions and three with one national pool: 103 pools.
Probabilities of findings rise and fall together with a hidden factor of the grey economy. Days are
in half-day steps, capacity is a quarter of what visiting everybody with everyone would take.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from planning.optimise.columns import build
from planning.optimise.problem import Problem, Quota, Resource

AUTHORITIES = ("labour", "tax", "food", "rescue", "building", "police", "customs", "alcohol")
REGIONS, OFFICES = 20, 5
# A visit counts for able authorities: one to four of them, 5.6 teams a site in the mean.
HOW_MANY = (0.24, 0.33, 0.27, 0.16)
COMMON = (1.0, 0.8, 0.7, 0.6, 0.6, 0.35, 0.25, 0.35)  # how often each is among them
BASE = (-1.2, -1.0, -1.4, -1.8, -1.6, -2.0, -1.9, -1.5)
SEVERITY = (1.5, 1.2, 1.0, 1.4, 0.9, 1.8, 1.6, 0.8)
STEPS = np.array([0.5, 1.0, 1.5, 2.0])
CHANCES = np.array([0.3, 0.35, 0.2, 0.15])


def make(
    sites: int, periods: int = 13, seed: int = 1, floors: str = "", teams: bool = False
) -> Problem:
    """``floors``: "", "slack" or "binding" minimums by region; ``teams``: rules about members."""
    g = np.random.default_rng([seed, sites])
    n, count = sites, len(AUTHORITIES)
    region = g.integers(0, REGIONS, n)
    able = _able(g, n)
    grey = g.normal(size=n)
    own = g.normal(size=(n, count))
    p = 1 / (1 + np.exp(-(np.array(BASE) + 0.9 * grey[:, None] + 0.6 * own)))
    days = STEPS[np.searchsorted(np.cumsum(CHANCES), g.random((n, count)) * 0.9999)]
    wishes = np.where(g.random((n, count)) < 0.1, g.random((n, count)), 0.0)
    unseen, travel = g.random(n), g.random(n)
    allowed = _windows(g, n, periods)
    pool_of = _pools()
    problem = Problem(
        keys=tuple(f"S{i:07d}" for i in range(n)),
        authorities=AUTHORITIES,
        regions=tuple(f"R{r:02d}" for r in range(REGIONS)),
        periods=tuple(f"W{w + 1:02d}" for w in range(periods)) if periods > 1 else ("quarter",),
        pools=tuple(f"P{q:03d}" for q in range(pool_of.max() + 1)),
        pool_authority=np.r_[np.repeat(np.arange(OFFICES), REGIONS), np.arange(OFFICES, count)],
        pool_of=pool_of, capacity=_capacity(g, able, days, region, pool_of, periods),
        region=region, firm=np.full(n, -1), able=able, entry=np.ones((n, count), bool),
        needs_entry=np.zeros(n, bool), required=np.zeros(n, np.int64), p=p,
        severity=np.array(SEVERITY), days=days, wishes=wishes, unseen=unseen, travel=travel,
        allowed=allowed, fixed=np.zeros(n, np.int64), fixed_team=np.zeros(n, np.int64),
        fixed_period=np.full(n, -1),
    )  # fmt: skip
    if floors:
        problem = replace(problem, quotas=_floors(region, floors))
    return replace(problem, **_team_rules(g, n, count)) if teams else problem


def with_everything(problem: Problem, seed: int = 1) -> Problem:
    """Adds every kind of limit: firms, pins, quotas by authority, interpreters, a joint share."""
    g = np.random.default_rng([seed, 7])
    n, weeks = len(problem.keys), len(problem.periods)
    fixed, fixed_period = np.zeros(n, np.int64), np.full(n, -1)
    # Pinned is who can come with everybody in any week, so that there is a plan.
    pool = problem.pool_of[:, problem.region].T
    room = (problem.days <= problem.capacity.min(axis=1)[pool]).all(axis=1)
    room &= np.diff(build(problem).start) > 0
    drawn = g.permutation(n)
    drawn = np.concatenate([drawn[room[drawn]], drawn[~room[drawn]]])
    fixed[drawn[: n // 100]] = 1
    fixed[drawn[n // 100 : n // 50]] = 2
    for i in drawn[: n // 200]:
        fixed_period[i] = np.flatnonzero(problem.allowed[i])[0]
    need = (g.random(n) < 0.08).astype(float)
    industry = g.integers(0, 6, n)
    quotas = problem.quotas + (
        Quota("most in one industry", np.flatnonzero(industry == 0), maximum=n // 25),
        Quota("food in another", np.flatnonzero(industry == 1), minimum=n // 60, authority=2),
        Quota("a sector that must be seen", np.flatnonzero(industry == 2), n // 20, hard=True),
        Quota("more than there is", np.flatnonzero(industry == 3), minimum=n, penalty=0.05),
    )
    firm = np.where(g.random(n) < 0.3, g.integers(0, max(1, n // 12), n), -1)
    firm[fixed == 1] = -1
    interpreters = Resource("interpreter", need, np.full(weeks, float(max(1, n // 100 // weeks))))
    return replace(
        problem, fixed=fixed, fixed_period=fixed_period, firm=firm, quotas=quotas,
        resources=(interpreters,), joint_share=0.7,
    )  # fmt: skip


def _able(g: np.random.Generator, n: int) -> Any:
    """[n, A] one to four able authorities, the common ones more often."""
    many = 1 + np.searchsorted(np.cumsum(HOW_MANY), g.random(n) * 0.9999)
    order = np.argsort(g.random((n, len(AUTHORITIES))) ** (1 / np.array(COMMON)), axis=1)[:, ::-1]
    able = np.zeros((n, len(AUTHORITIES)), bool)
    for k in range(4):
        rows = np.flatnonzero(many > k)
        able[rows, order[rows, k]] = True
    return able


def _windows(g: np.random.Generator, n: int, periods: int) -> Any:
    """[n, W] a window of 3 to 13 weeks, cut off at the end of the quarter."""
    if periods == 1:
        return np.ones((n, 1), bool)
    first = np.maximum(0, g.integers(-3, max(1, periods - 2), n))
    length = g.integers(3, 14, n)
    week = np.arange(periods)[None, :]
    return (week >= first[:, None]) & (week < (first + length)[:, None])


def _pools() -> Any:
    count = len(AUTHORITIES)
    pool_of = np.empty((count, REGIONS), np.int64)
    pool_of[:OFFICES] = np.arange(OFFICES * REGIONS).reshape(OFFICES, REGIONS)
    pool_of[OFFICES:] = OFFICES * REGIONS + np.arange(count - OFFICES)[:, None]
    return pool_of


def _capacity(
    g: np.random.Generator, able: Any, days: Any, region: Any, pool_of: Any, periods: int
) -> Any:
    """[Q, W] a quarter of the demand, spread over 13 weeks with some unevenness, in half days."""
    pool = pool_of[:, region].T
    demand = np.bincount(pool[able], weights=days[able], minlength=pool_of.max() + 1)
    weeks = 0.25 * demand[:, None] / 13 * (0.8 + 0.4 * g.random((len(demand), 13)))
    weeks = np.maximum(1, np.round(2 * weeks)) / 2
    if periods == 13:
        return weeks
    return np.stack([part.sum(axis=1) for part in np.array_split(weeks, periods, axis=1)], axis=1)


def _floors(region: Any, kind: str) -> tuple[Quota, ...]:
    share = {"slack": 0.2, "binding": 0.44}[kind]
    sites = [np.flatnonzero(region == r) for r in range(REGIONS)]
    return tuple(Quota(f"region {r}", s, minimum=int(share * len(s))) for r, s in enumerate(sites))


def _team_rules(g: np.random.Generator, n: int, count: int) -> dict[str, Any]:
    """Two people at least, of some authorities one alone; entry by right; one needs another."""
    needs_entry = g.random(n) < 0.2
    entry = g.random((n, count)) < 0.6
    people = np.array([2, 1, 2, 2, 1, 2, 2, 1])
    return {"needs_entry": needs_entry, "entry": entry, "people": people, "min_people": 2,
            "implied": ((1 << 6, 1 << 1),)}  # fmt: skip
