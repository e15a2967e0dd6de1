"""Problems of a few sites, in which one can count by hand."""

from typing import Any

import numpy as np

from planning.optimise.problem import Plan, Problem, Weights

PLAIN = Weights(evidence=0.0, burden=0.0, wish=0.0, coverage=0.0, travel=0.0, later=0.0)


def few(sites: int = 4, authorities: int = 2, periods: int = 2, **changes: Any) -> Problem:
    """One region, a day a visit, room for all, worth by probability: the first sites are best."""
    n, a, w = sites, authorities, periods
    given: dict[str, Any] = {
        "keys": tuple(f"s{i}" for i in range(n)),
        "authorities": tuple("abcdefgh"[:a]),
        "regions": ("r",),
        "periods": tuple(f"w{k}" for k in range(w)),
        "pools": tuple(f"q{k}" for k in range(a)),
        "pool_authority": np.arange(a),
        "pool_of": np.arange(a)[:, None],
        "capacity": np.full((a, w), float(n)),
        "region": np.zeros(n, np.int64),
        "firm": np.full(n, -1),
        "able": np.ones((n, a), bool),
        "entry": np.ones((n, a), bool),
        "needs_entry": np.zeros(n, bool),
        "required": np.zeros(n, np.int64),
        "p": 0.9 - np.arange(n)[:, None] / 20 - np.arange(a)[None, :] / 50,
        "severity": np.ones(a),
        "days": np.ones((n, a)),
        "wishes": np.zeros((n, a)),
        "unseen": np.zeros(n),
        "travel": np.zeros(n),
        "allowed": np.ones((n, w), bool),
        "fixed": np.zeros(n, np.int64),
        "fixed_team": np.zeros(n, np.int64),
        "fixed_period": np.full(n, -1),
        "weights": PLAIN,
    }
    given.update(changes)
    return Problem(**given)


def plan(visits: list[tuple[int, int, int]], problem: Problem, **changes: Any) -> Plan:
    """A plan put together by hand: (site, team, period)."""
    site, team, period = np.array(visits, np.int64).reshape(-1, 3).T
    given: dict[str, Any] = {
        "site": site, "team": team, "period": period, "value": 0.0, "bound": 1e9,
        "prices": np.zeros_like(problem.capacity), "quota_prices": np.zeros(len(problem.quotas)),
        "resource_prices": np.zeros((len(problem.resources), len(problem.periods))),
        "joint_price": 0.0, "shortfall": np.zeros(len(problem.quotas), np.int64),
        "stopped": "gap", "solver": "by hand", "seconds": 0.0, "memory_mb": 0.0, "trail": (),
    }  # fmt: skip
    given.update(changes)
    return Plan(**given)


def same(one: Plan, other: Plan) -> bool:
    """The same plan bit for bit, with its proof and prices."""
    names = ("site", "team", "period", "prices", "quota_prices", "resource_prices", "shortfall")
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in names) and (
        (one.value, one.bound, one.joint_price, one.stopped)
        == (other.value, other.bound, other.joint_price, other.stopped)
    )
