"""The solver against trying everything: equal on all kinds of tiny problems, limit by limit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from planning.optimise.check import violations
from planning.optimise.explain import proven_bound
from planning.optimise.problem import (
    EXCLUDED,
    FREE,
    PINNED,
    Infeasible,
    Options,
    Problem,
    Quota,
    Resource,
    Weights,
)
from planning.optimise.solve import solve
from tests.planning.optimise.bruteforce import LIMITS, brute_force
from tests.planning.optimise.small import problem, problems, put

PROOF = Options(gap=0.0)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_the_solver_finds_what_trying_everything_finds(given_: Problem) -> None:
    best = brute_force(given_)
    if best is None:
        with pytest.raises(Infeasible):
            solve(given_, PROOF)
        return
    plan = solve(given_, PROOF)
    assert violations(given_, plan) == []
    assert plan.value == pytest.approx(best.value, rel=1e-9, abs=1e-9)
    assert plan.bound >= best.value - 1e-9
    # Whatever the solver proved by other means, its prices alone prove a bound too.
    assert proven_bound(given_, plan) >= best.value - 1e-9


ALL = np.arange(4)
ONE = np.ones((4, 2), bool)
PLENTY = np.full((2, 1), 50.0)
FIRST_PINNED = np.array([PINNED, FREE, FREE, FREE])

# For each limit a problem in which nothing but that limit makes the difference.
DESIGNED: dict[str, Problem] = {
    "able": problem(able=put(ONE, (0, 1), False), capacity=PLENTY),
    "pool": problem(
        pool_of=np.array([[0], [-1]]), pools=("A0 R",), pool_authority=np.array([0]),
        capacity=PLENTY[:1],
    ),
    "entry": problem(
        needs_entry=np.array([True] * 4), entry=np.zeros((4, 2), bool), capacity=PLENTY
    ),
    "required": problem(
        required=np.array([2, 0, 0, 0]), capacity=np.array([[9.0], [1.0]]), days=np.full((4, 2), 2.0)
    ),
    "implied": problem(implied=((1, 2),), capacity=np.array([[9.0], [1.0]])),
    "people": problem(min_people=2, people=np.array([1, 1]), capacity=np.array([[9.0], [1.0]])),
    "allowed": problem(allowed=put(np.ones((4, 1), bool), (0, 0), False), capacity=PLENTY),
    "excluded": problem(fixed=np.array([EXCLUDED, FREE, FREE, FREE]), capacity=PLENTY),
    "pinned": problem(fixed=np.array([FREE, FREE, FREE, PINNED])),
    "pinned team": problem(fixed=FIRST_PINNED, fixed_team=np.array([1, 0, 0, 0])),
    "pinned period": problem(4, 2, 2, fixed=FIRST_PINNED, fixed_period=np.array([1, -1, -1, -1]),
                             capacity=np.full((2, 2), 9.0)),
    "capacity": problem(),
    "firm": problem(firm=np.array([3, 3, -1, -1]), capacity=PLENTY),
    "quota minimum": problem(quotas=(Quota("q", np.array([2, 3]), 2, hard=True),)),
    "quota maximum": problem(quotas=(Quota("q", ALL, maximum=3),), capacity=PLENTY),
    "penalty": problem(quotas=(Quota("q", np.array([2, 3]), 2, penalty=3.0),)),
    "resource": problem(
        resources=(Resource("van", np.array([2.0, 1, 1, 1]), np.array([3.0])),), capacity=PLENTY
    ),
    "joint": problem(joint_share=0.8, capacity=np.array([[4.0], [2.0]])),
    "later": problem(4, 2, 2),
}  # fmt: skip


@pytest.mark.parametrize("limit", LIMITS)
def test_each_limit_matters_and_the_solver_keeps_it(limit: str) -> None:
    given_ = DESIGNED[limit]
    best, without = brute_force(given_), brute_force(given_, (limit,))
    assert best is not None
    assert without is not None
    assert without.value > best.value + 1e-6
    plan = solve(given_, PROOF)
    assert violations(given_, plan) == []
    assert plan.value == pytest.approx(best.value, rel=1e-9)


def test_a_quota_of_one_authority_counts_its_visits_only() -> None:
    """The second authority finds next to nothing: only the quota of its own makes it go."""
    any_visit = problem(
        quotas=(Quota("q", ALL, 3, hard=True),), capacity=np.array([[4.0], [3.0]]),
        p=np.array([[0.9, 0.01]] * 4), travel=np.full(4, 9.0), weights=Weights(0.0, 0.0),
    )  # fmt: skip
    its_own = replace(any_visit, quotas=(replace(any_visit.quotas[0], authority=1),))
    values = []
    for given_ in (any_visit, its_own):
        best = brute_force(given_)
        assert best is not None
        assert solve(given_, PROOF).value == pytest.approx(best.value, rel=1e-9)
        values.append(best.value)
    assert values[0] > values[1] + 0.01


def test_a_hard_minimum_without_any_column() -> None:
    """Nobody may go anywhere: that is no reason to forget the minimum."""
    given_ = problem(
        1, able=np.zeros((1, 2), bool), quotas=(Quota("q", np.array([0]), 2, hard=True),)
    )
    assert brute_force(given_) is None
    with pytest.raises(Infeasible) as raised:
        solve(given_, PROOF)
    assert raised.value.clash == [("quota_min", "q", {"needs": 2, "has": 0})]
