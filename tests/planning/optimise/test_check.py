"""The checker sees every broken limit, and nothing where there is none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from planning.optimise.check import plan_value, shortfalls, value_of, violations
from planning.optimise.problem import Problem, Quota, Resource, Weights
from tests.planning.optimise.problems import few, plan


def stated(problem: Problem, visits: list[tuple[int, int, int]], **changes: Any) -> list[str]:
    """Violations of a plan whose worth and shortfalls are stated as they are."""
    made = plan(visits, problem)
    lacking = np.array(shortfalls(problem, made), int)
    made = replace(made, value=plan_value(problem, made), shortfall=lacking)
    return violations(problem, replace(made, **changes))


def test_nothing_to_say_of_a_good_plan() -> None:
    assert stated(few(), [(0, 3, 0), (1, 1, 1), (3, 2, 0)]) == []


SITES = np.arange(4)
BROKEN: list[tuple[str, dict[str, Any], list[tuple[int, int, int]], str]] = [
    ("capacity", {"capacity": np.ones((2, 2))}, [(0, 1, 0), (1, 1, 0)], "2 days of 1"),
    ("window", {"allowed": np.array([[1, 0]] * 4, bool)}, [(0, 1, 1)], "not open in w1"),
    ("firm", {"firm": np.array([5, 5, -1, -1])}, [(0, 1, 0), (1, 1, 1)], "2 visits of at most 1"),
    ("maximum", {"quotas": (Quota("k", SITES, maximum=1),)}, [(0, 1, 0), (1, 1, 0)], "at most 1"),
    ("minimum", {"quotas": (Quota("k", SITES, 2, hard=True),)}, [(0, 1, 0)], "at least 2"),
    ("authority", {"quotas": (Quota("k", SITES, 1, authority=1, hard=True),)}, [(0, 1, 0)],
     "0 visits of at least 1"),
    ("resource", {"resources": (Resource("van", np.ones(4), np.array([1.0, 2.0])),)},
     [(0, 1, 0), (1, 1, 0)], "van: 2 of 1 in w0"),
    ("joint", {"joint_share": 0.6}, [(0, 3, 0), (1, 1, 0)], "joint: 1 of 2"),
    ("able", {"able": np.array([[1, 0]] * 4, bool)}, [(0, 3, 0)], "b may not come"),
    ("pool", {"pool_of": np.array([[0], [-1]])}, [(0, 2, 0)], "b has no pool"),
    ("entry", {"needs_entry": np.ones(4, bool), "entry": np.array([[0, 1]] * 4, bool)},
     [(0, 1, 0)], "nobody may enter"),
    ("required", {"required": np.full(4, 2)}, [(0, 1, 0)], "b is required"),
    ("rule", {"implied": ((1, 2),)}, [(0, 1, 0)], "a team rule is broken"),
    ("most", {"most_authorities": 1}, [(0, 3, 0)], "too many authorities"),
    ("people", {"people": np.array([1, 1]), "min_people": 2}, [(0, 1, 0)], "too few people"),
    ("excluded", {"fixed": np.array([2, 0, 0, 0])}, [(0, 1, 0)], "s0: excluded"),
    ("pinned", {"fixed": np.array([1, 0, 0, 0])}, [(1, 1, 0)], "s0: pinned, not visited"),
    ("pinned team", {"fixed": np.array([1, 0, 0, 0]), "fixed_team": np.array([3, 0, 0, 0])},
     [(0, 1, 0)], "another team"),
    ("pinned period", {"fixed": np.array([1, 0, 0, 0]), "fixed_period": np.array([1, -1, -1, -1])},
     [(0, 1, 0)], "another period"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "limits", "visits", "words"), BROKEN, ids=[b[0] for b in BROKEN])
def test_every_broken_limit_is_seen(
    kind: str, limits: dict[str, Any], visits: list[tuple[int, int, int]], words: str
) -> None:
    found = stated(few(**limits), visits)
    assert len(found) == 1, found
    assert words in found[0]
    assert stated(few(), visits) == []


@pytest.mark.parametrize(
    ("visits", "words"),
    [
        ([(1, 1, 0), (1, 2, 0)], "visited twice"),
        ([(2, 1, 0), (1, 2, 0)], "do not ascend"),
        ([(9, 1, 0)], "site is unknown"),
        ([(1, 0, 0)], "team is empty"),
        ([(1, 1, 7)], "period is unknown"),
    ],
)
def test_bad_shapes(visits: list[tuple[int, int, int]], words: str) -> None:
    assert words in " ".join(violations(few(), plan(visits, few())))


def test_stated_numbers_are_checked() -> None:
    visits = [(0, 1, 0)]
    assert "value is 0.9" in " ".join(stated(few(), visits, value=0.8))
    assert "bound is below" in " ".join(stated(few(), visits, bound=0.1))
    assert "negative" in " ".join(stated(few(), visits, prices=-np.ones((2, 2))))
    lacking = few(quotas=(Quota("k", SITES, 3),))
    assert "stated wrongly" in " ".join(stated(lacking, visits, shortfall=np.array([1])))


def test_what_was_drawn_for_one_authority_alone_is_no_part_of_the_joint_share() -> None:
    """Pinned by chance with a team of one; what people pin so counts, and so does a larger team."""
    visits = [(0, 1, 0), (1, 1, 1), (2, 3, 0)]
    asked: dict[str, Any] = {"joint_share": 0.5, "fixed": np.array([1, 1, 1, 0]),
                             "fixed_team": np.array([1, 1, 3, 0])}  # fmt: skip
    assert stated(few(**asked), visits) == ["joint: 1 of 3 visits, at least 0.5 of all"]
    lots = np.array([True, False, True, False])
    assert stated(few(**asked, by_lot=lots), visits) == []
    assert "joint: 1 of 2" in stated(few(**asked | {"joint_share": 0.6}, by_lot=lots), visits)[0]


def test_worth_by_hand() -> None:
    weights = Weights(0.5, 0.25, wish=0.1, coverage=0.2, travel=0.4, car_pool=0.5, later=0.1)
    problem = few(1, weights=weights, p=np.array([[0.5, 0.2]]), severity=np.array([2.0, 1.0]),
                  wishes=np.array([[1.0, 0.5]]), unseen=np.array([0.5]), travel=np.array([1.0]))  # fmt: skip
    alone = 2 * 0.5 + 0.1 + 0.2 * 0.5 - 0.4
    both = 1.0 + 0.2 + 0.15 + 0.5 * (1 - 0.5 * 0.8) + 0.25 + 0.1 - 0.4 * 1.5
    assert value_of(problem, 0, 1, 0) == pytest.approx(alone)
    assert value_of(problem, 0, 3, 1) == pytest.approx(both * 0.9)
