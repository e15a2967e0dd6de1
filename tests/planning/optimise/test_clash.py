"""Limits that cannot be kept together: the set is right, has nothing too many, and says numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from planning.optimise.clash import Clash, smallest_clash
from planning.optimise.problem import FREE, PINNED, Problem, Quota, Resource
from tests.planning.optimise.bruteforce import LIMITS, brute_force
from tests.planning.optimise.small import problem, problems, put

RULES = {
    "pin": ("pinned",),
    "entry": ("entry",),
    "period": ("allowed", "pinned period"),
    "team": ("able", "pool", "required", "implied", "people", "pinned team", "entry"),
}


def with_only(given: Problem, clash: Clash) -> Problem:
    """The problem with the limits of a clash and no others, but for rules of teams and periods."""
    kept = {(kind, key) for kind, key, _ in clash}
    fixed = [
        FREE if state == PINNED and ("pin", key) not in kept else state
        for key, state in zip(given.keys, given.fixed, strict=True)
    ]
    quotas = [
        replace(
            q,
            minimum=q.minimum if ("quota_min", q.key) in kept else 0,
            maximum=q.maximum if ("quota_max", q.key) in kept else None,
        )
        for q in given.quotas
    ]
    pools = np.array([("capacity", pool) in kept for pool in given.pools])
    return replace(
        given,
        fixed=np.array(fixed),
        quotas=tuple(quotas),
        capacity=np.where(pools[:, None], given.capacity, 1e6),
        firm=np.array([f if ("firm", str(f)) in kept else -1 for f in given.firm]),
        resources=tuple(r for r in given.resources if ("resource", r.key) in kept),
        joint_share=given.joint_share if ("joint", "") in kept else 0.0,
    )


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_a_clash_is_found_where_there_is_one_and_has_nothing_too_many(given_: Problem) -> None:
    clash = smallest_clash(given_)
    assert bool(clash) == (brute_force(given_) is None)
    if not clash:
        return
    kinds = [kind for kind, _, _ in clash]
    if set(kinds) & {"entry", "period", "team"}:
        one = with_only(given_, clash)
        for left_out in (None, *kinds):
            kept = {name for kind in kinds if kind != left_out for name in RULES[kind]}
            # That those who may enter can come at all is no part of that clash.
            kept |= set(RULES["team"]) - {"entry"} if "entry" in kinds else set()
            drop = tuple(name for name in LIMITS if name not in kept)
            assert (brute_force(one, drop) is None) == (left_out is None), (clash, left_out)
        return
    assert brute_force(with_only(given_, clash)) is None
    for one in clash:
        others = [other for other in clash if other is not one]
        assert brute_force(with_only(given_, others)) is not None, (clash, one)


def only(clash: Clash, kind: str) -> dict[str, Any]:
    (data,) = [data for one, _, data in clash if one == kind]
    return data


def test_a_region_needs_more_days_than_its_office_has() -> None:
    # Three sites of three days each by authority 0; six days in all.
    given_ = problem(
        5, 2, days=np.full((5, 2), 3.0), capacity=np.array([[6.0], [50.0]]),
        able=np.array([[True, False]] * 5),
        quotas=(Quota("Lapland", np.array([0, 1, 2, 3]), minimum=3, hard=True),),
    )  # fmt: skip
    clash = smallest_clash(given_)
    assert [(kind, key) for kind, key, _ in clash] == [
        ("quota_min", "Lapland"), ("capacity", "A0 R"),
    ]  # fmt: skip
    assert only(clash, "quota_min") == {"needs": 3, "has": 2}
    assert only(clash, "capacity") == {
        "needs": 9.0, "has": 6.0, "periods": ["W0"], "authority": "A0", "pool": "A0 R",
    }  # fmt: skip


def test_pins_need_more_days_than_a_pool_has_in_their_period() -> None:
    fixed = np.array([PINNED, PINNED, PINNED, FREE])
    given_ = problem(
        4, 1, 2, fixed=fixed, fixed_period=np.array([0, 0, 1, -1]), days=np.full((4, 1), 1.5)
    )
    clash = smallest_clash(given_)
    assert [(kind, key) for kind, key, _ in clash] == [
        ("pin", "s1"), ("pin", "s0"), ("capacity", "A0 R"),
    ]  # fmt: skip
    assert only(clash, "capacity")["needs"] == 3.0
    assert only(clash, "capacity")["has"] == 2.0
    assert only(clash, "capacity")["periods"] == ["W0"]
    assert clash[0][2] == {"needs": 1.5, "periods": ["W0"]}


def test_two_pins_of_one_firm() -> None:
    given_ = problem(3, firm=np.array([7, 7, -1]), fixed=np.array([PINNED, PINNED, FREE]))
    clash = smallest_clash(given_)
    assert sorted((kind, key) for kind, key, _ in clash) == [
        ("firm", "7"), ("pin", "s0"), ("pin", "s1"),
    ]  # fmt: skip
    assert only(clash, "firm") == {
        "needs": 2, "has": 1, "sites": ["s0", "s1"], "pins": ["s1", "s0"], "minimums": [],
    }  # fmt: skip


def test_what_forces_the_visits_to_a_firm_is_named() -> None:
    firm = np.array([7, 7, -1])
    both = Quota("both", np.array([0, 1]), minimum=2, hard=True)
    clash = smallest_clash(problem(3, firm=firm, quotas=(both,)))
    assert only(clash, "firm") == {
        "needs": 2, "has": 1, "sites": ["s0", "s1"], "pins": [], "minimums": ["both"],
    }  # fmt: skip
    second = Quota("second", np.array([1]), minimum=1, hard=True)
    other = Quota("other", np.array([2]), minimum=1, hard=True)
    given_ = problem(3, firm=firm, fixed=np.array([PINNED, FREE, FREE]), quotas=(second, other))
    assert only(smallest_clash(given_), "firm") == {
        "needs": 2, "has": 1, "sites": ["s0", "s1"], "pins": ["s0"], "minimums": ["second"],
    }  # fmt: skip


def test_a_resource_that_is_not_there() -> None:
    given_ = problem(
        2, fixed=np.array([PINNED, FREE]),
        resources=(Resource("Thai", np.array([2.0, 0.0]), np.array([1.0])),),
    )  # fmt: skip
    clash = smallest_clash(given_)
    assert [(kind, key) for kind, key, _ in clash] == [("pin", "s0"), ("resource", "Thai")]
    assert only(clash, "resource") == {"needs": 2.0, "has": 1.0, "periods": ["W0"]}


def test_a_minimum_above_the_maximum_of_others() -> None:
    some = np.array([0, 1, 2])
    given_ = problem(
        4, quotas=(
            Quota("low", some, minimum=2, hard=True),
            Quota("high", np.array([0, 1, 2, 3]), maximum=1),
        ),
    )  # fmt: skip
    clash = smallest_clash(given_)
    assert [(kind, key) for kind, key, _ in clash] == [("quota_min", "low"), ("quota_max", "high")]
    assert only(clash, "quota_min") == {"needs": 2, "has": 1}
    assert only(clash, "quota_max") == {"needs": 2, "has": 1}


@pytest.mark.parametrize(
    ("changes", "kind", "data"),
    [
        (
            {"needs_entry": [True, False], "entry": [[False, True], [True, True]],
             "fixed_team": [1, 0]},
            "entry", {"may_enter": ["A1"]},
        ),
        ({"allowed": [[False, False], [True, True]]}, "period", {"period": None, "has": []}),
        (
            {"allowed": [[False, True], [True, True]], "fixed_period": [0, -1]},
            "period", {"period": "W0", "has": ["W1"]},
        ),
        (
            {"able": [[True, False], [True, True]], "required": [2, 0]},
            "team", {"able": ["A0"], "required": ["A1"], "needs": 2, "has": 2},
        ),
        (
            {"able": [[True, False], [True, True]], "people": [1, 1]},
            "team", {"able": ["A0"], "required": [], "needs": 2, "has": 1},
        ),
    ],
)  # fmt: skip
def test_a_pinned_site_that_nobody_may_visit(
    changes: dict[str, Any], kind: str, data: dict[str, Any]
) -> None:
    arrays = {name: np.array(value) for name, value in changes.items()}
    clash = smallest_clash(problem(2, 2, 2, fixed=np.array([PINNED, FREE]), **arrays))
    assert [(one, key) for one, key, _ in clash] == [("pin", "s0"), (kind, "s0")]
    assert clash[1][2] == data


def test_single_visits_break_the_joint_share() -> None:
    given_ = problem(
        2, fixed=np.array([PINNED, PINNED]), able=put(np.ones((2, 2), bool), (0, 1), False),
        joint_share=0.8,
    )  # fmt: skip
    clash = smallest_clash(given_)
    assert ("joint", "", {"needs": 0.8}) in clash
    assert ("pin", "s0") in [(kind, key) for kind, key, _ in clash]


def test_the_same_problem_gives_the_same_clash() -> None:
    given_ = problem(
        6, days=np.full((6, 2), 2.0),
        quotas=(Quota("a", np.arange(6), 3, hard=True), Quota("b", np.arange(3), 3, hard=True)),
    )  # fmt: skip
    assert smallest_clash(given_) == smallest_clash(given_) != []


def test_a_member_more_can_be_what_keeps_a_minimum() -> None:
    # The first authority must be on every team, the second is asked for by the quota.
    given_ = problem(
        2, required=np.array([1, 1]), quotas=(Quota("q", np.arange(2), 1, authority=1, hard=True),)
    )
    assert smallest_clash(given_) == []


def test_the_week_of_a_pin_is_part_of_what_clashes() -> None:
    """The minimum could be kept in another week, were the site not pinned to this one."""
    given_ = problem(
        1, 1, 2, fixed=np.array([PINNED]), fixed_period=np.array([0]),
        capacity=np.array([[0.0, 5.0]]),
        quotas=(Quota("tax", np.array([0]), minimum=1, authority=0, hard=True),),
    )  # fmt: skip
    clash = smallest_clash(given_)
    assert [kind for kind, _, _ in clash] == ["pin", "capacity"]
    assert only(clash, "pin")["periods"] == ["W0"]
    two = problem(
        1, 2, 2, fixed=np.array([PINNED]), fixed_team=np.array([2]),
        quotas=(Quota("tax", np.array([0]), minimum=1, authority=0, hard=True),),
    )  # fmt: skip
    assert {kind for kind, _, _ in smallest_clash(two)} == {"pin", "quota_min"}


def test_the_search_ends_when_it_is_halted_and_names_nothing() -> None:
    given_ = problem(
        6, days=np.full((6, 2), 2.0),
        quotas=(Quota("a", np.arange(6), 3, hard=True), Quota("b", np.arange(3), 3, hard=True)),
    )  # fmt: skip
    assert smallest_clash(given_) != []
    asked = iter([False, True])
    assert smallest_clash(given_, lambda: next(asked)) == []
    assert next(asked, None) is None
