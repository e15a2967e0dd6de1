"""Small problems for tests: one by hand, and all kinds of them for Hypothesis."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from planning.optimise.problem import EXCLUDED, FREE, PINNED, Problem, Quota, Resource


def problem(n: int = 4, authorities: int = 2, periods: int = 1, **changes: Any) -> Problem:
    """Sites of falling worth in one region; every authority has two days a period, a visit one."""
    p = np.array([[0.9 - 0.1 * i - 0.05 * a for a in range(authorities)] for i in range(n)])
    given = Problem(
        keys=tuple(f"s{i}" for i in range(n)),
        authorities=tuple(f"A{a}" for a in range(authorities)),
        regions=("R",),
        periods=tuple(f"W{w}" for w in range(periods)),
        pools=tuple(f"A{a} R" for a in range(authorities)),
        pool_authority=np.arange(authorities),
        pool_of=np.arange(authorities)[:, None],
        capacity=np.full((authorities, periods), 2.0),
        region=np.zeros(n, np.int64),
        firm=np.full(n, -1),
        able=np.ones((n, authorities), bool),
        entry=np.ones((n, authorities), bool),
        needs_entry=np.zeros(n, bool),
        required=np.zeros(n, np.int64),
        p=p,
        severity=np.ones(authorities),
        days=np.ones((n, authorities)),
        wishes=np.zeros((n, authorities)),
        unseen=np.zeros(n),
        travel=np.zeros(n),
        allowed=np.ones((n, periods), bool),
        fixed=np.full(n, FREE),
        fixed_team=np.zeros(n, np.int64),
        fixed_period=np.full(n, -1),
    )
    return replace(given, **changes)


def put(array: Any, at: Any, value: Any) -> Any:
    """A copy with one value changed."""
    out = array.copy()
    out[at] = value
    return out


@st.composite
def problems(draw: st.DrawFn, most_sites: int = 6) -> Problem:
    """Up to six sites, two or three authorities, two periods, and every kind of limit."""
    n, count = draw(st.integers(1, most_sites)), draw(st.integers(2, 3))
    periods, regions = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    g = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hard = draw(st.booleans())
    # The last authority has one pool for all regions, the others one each.
    pool_of = np.array([[a * regions + r for r in range(regions)] for a in range(count)])
    pool_of[-1] = pool_of[-1, 0]
    pools = int(pool_of.max()) + 1
    if draw(st.booleans()):
        pool_of[0, -1] = -1
    owner = np.minimum(np.arange(pools) // regions, count - 1)
    fixed = g.choice([FREE, PINNED, EXCLUDED], n, p=[0.75, 0.15, 0.1])
    given = problem(
        n, count, periods,
        regions=tuple(f"R{r}" for r in range(regions)),
        pools=tuple(f"Q{q}" for q in range(pools)),
        pool_authority=owner,
        pool_of=pool_of,
        capacity=g.integers(0, 9, (pools, periods)) / 2,
        region=g.integers(0, regions, n),
        firm=g.integers(-1, 3, n),
        able=g.random((n, count)) < 0.8,
        entry=g.random((n, count)) < 0.5,
        needs_entry=g.random(n) < 0.3,
        required=np.where(g.random(n) < 0.2, 1 << g.integers(0, count, n), 0),
        p=g.random((n, count)),
        severity=g.uniform(0.5, 3, count),
        days=g.integers(1, 5, (n, count)) / 2,
        wishes=g.random((n, count)),
        unseen=g.random(n),
        travel=g.uniform(0, 8, n),
        allowed=g.random((n, periods)) < 0.85,
        fixed=fixed,
        fixed_team=np.where(g.random(n) < 0.3, g.integers(1, 2**count, n), 0),
        fixed_period=np.where(g.random(n) < 0.3, g.integers(0, periods, n), -1),
        most_per_firm=draw(st.integers(1, 2)),
        joint_share=draw(st.sampled_from([0.0, 0.0, 0.5, 0.8])),
        min_people=draw(st.integers(1, 3)),
        people=draw(st.none() | st.just(g.integers(1, 4, count))),
        by_lot=draw(st.sampled_from([None, g.random(n) < 0.7])),
        implied=draw(st.sampled_from([(), (), ((1, 2),), ((2, 1), (1, 2))])),
    )  # fmt: skip
    return replace(
        given, quotas=_quotas(draw, g, given, hard), resources=_resources(draw, g, given)
    )


def _quotas(
    draw: st.DrawFn, g: np.random.Generator, given: Problem, hard: bool
) -> tuple[Quota, ...]:
    quotas = []
    for k in range(draw(st.integers(0, 3))):
        sites = np.flatnonzero(g.random(len(given.keys)) < 0.6)
        low = int(g.integers(0, 3))
        quotas.append(
            Quota(
                f"q{k}",
                sites,
                low,
                draw(st.none() | st.just(low + int(g.integers(0, 2)))),
                draw(st.none() | st.integers(0, len(given.authorities) - 1)),
                hard and bool(g.random() < 0.4),
                float(g.uniform(0.1, 3)),
            )
        )
    return tuple(quotas)


def _resources(draw: st.DrawFn, g: np.random.Generator, given: Problem) -> tuple[Resource, ...]:
    n, periods = len(given.keys), len(given.periods)
    return tuple(
        Resource(
            f"x{k}", g.integers(0, 3, n).astype(float), g.integers(0, 4, periods).astype(float)
        )
        for k in range(draw(st.integers(0, 1)))
    )
