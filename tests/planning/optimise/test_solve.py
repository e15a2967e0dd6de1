"""The plan keeps every limit, is near its proven bound, and is the same each time."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from bench.instances import make, with_everything
from planning.optimise import prices
from planning.optimise.check import plan_value, value_of, violations
from planning.optimise.columns import build, reduced_values
from planning.optimise.problem import Infeasible, Options, Plan, Problem, Quota, Resource, Step
from planning.optimise.solve import Former, solve
from tests.planning.optimise.problems import few, plan, same

BEST = Options(gap=0.0)
SITES = np.arange(4)


def best_by_trying(problem: Problem) -> float:
    """Worth of the best of all plans that the checker lets pass."""
    teams = range(1, 1 << len(problem.authorities))
    options = [None, *product(teams, range(len(problem.periods)))]
    best = -np.inf
    for chosen in product(options, repeat=len(problem.keys)):
        visits = [(i, *c) for i, c in enumerate(chosen) if c is not None]
        made = plan(visits, problem)
        worth = plan_value(problem, made)
        if worth > best:
            lacking = np.array([max(0, q.minimum - _count(q, visits)) for q in problem.quotas], int)
            if not violations(problem, replace(made, value=worth, shortfall=lacking)):
                best = worth
    return best


def _count(quota: Quota, visits: list[tuple[int, int, int]]) -> int:
    every = quota.authority is None
    return sum(i in quota.sites and (every or bool(t >> quota.authority & 1)) for i, t, _ in visits)


LIMITS: dict[str, dict[str, Any]] = {
    "capacity": {"capacity": np.array([[1.0, 1.0], [2.0, 0.0]])},
    "column larger than its pool": {"days": np.array([[5.0, 5], [1, 5], [5, 1], [1, 1]]),
                                    "capacity": np.full((2, 2), 4.5)},
    "window": {"allowed": np.array([[0, 1], [0, 1], [0, 0], [1, 0]], bool)},
    "firm": {"firm": np.array([7, 7, 7, -1])},
    "two of a firm": {"firm": np.array([7, 7, 7, -1]), "most_per_firm": 2},
    "maximum": {"quotas": (Quota("k", np.array([0, 1, 2]), maximum=1),)},
    "maximum of an authority": {"quotas": (Quota("k", SITES, maximum=2, authority=0),)},
    "hard minimum": {"capacity": np.array([[2.0, 0.0], [2.0, 0.0]]),
                     "quotas": (Quota("k", np.array([2, 3]), 2, hard=True),)},
    "resource": {"resources": (Resource("van", np.array([1.0, 1.0, 1.0, 0.0]), np.ones(2)),)},
    "joint share": {"capacity": np.array([[4.0, 0.0], [1.0, 0.0]]), "joint_share": 0.5},
    "able": {"able": np.array([[1, 0], [0, 1], [1, 1], [0, 0]], bool)},
    "no pool": {"pool_of": np.array([[0], [-1]])},
    "entry": {"needs_entry": np.ones(4, bool), "entry": np.array([[0, 1]] * 4, bool),
              "capacity": np.array([[4.0, 0.0], [1.0, 1.0]])},
    "required": {"required": np.full(4, 2), "capacity": np.array([[4.0, 0.0], [2.0, 0.0]])},
    "team rule": {"implied": ((1, 2),), "capacity": np.array([[4.0, 0.0], [2.0, 0.0]])},
    "most authorities": {"most_authorities": 1},
    "nobody opens beside who must come": {
        "most_authorities": 1, "required": np.full(4, 1), "entry": np.array([[0, 1]] * 4, bool),
        "needs_entry": np.array([1, 0, 0, 0], bool)},
    "people": {"people": np.array([1, 1]), "capacity": np.array([[4.0, 0.0], [2.0, 0.0]])},
    "excluded": {"fixed": np.array([2, 0, 2, 0])},
    "pinned": {"fixed": np.array([0, 0, 0, 1]), "capacity": np.array([[1.0, 0.0], [1.0, 0.0]])},
    "pinned team": {"fixed": np.array([1, 0, 0, 0]), "fixed_team": np.array([2, 0, 0, 0])},
    "pinned period": {"fixed": np.array([1, 1, 0, 0]), "fixed_period": np.array([1, 0, -1, -1])},
}  # fmt: skip
# What the same problem is without the limit.
WITHOUT: dict[str, Any] = {
    "capacity": np.full((2, 2), 4.0), "allowed": np.ones((4, 2), bool), "firm": np.full(4, -1),
    "most_per_firm": 1, "quotas": (), "resources": (), "joint_share": 0.0,
    "able": np.ones((4, 2), bool), "pool_of": np.array([[0], [1]]),
    "needs_entry": np.zeros(4, bool), "required": np.zeros(4, np.int64), "implied": (),
    "people": None, "fixed": np.zeros(4, np.int64), "fixed_team": np.zeros(4, np.int64),
    "fixed_period": np.full(4, -1), "days": np.ones((4, 2)), "entry": np.ones((4, 2), bool),
    "most_authorities": 4,
}  # fmt: skip
# With these the limit under test is the other one.
STAYS = {"hard minimum": "capacity", "joint share": "capacity", "entry": "capacity",
         "required": "capacity", "team rule": "capacity", "people": "capacity",
         "pinned": "capacity", "column larger than its pool": "capacity"}  # fmt: skip


@pytest.mark.parametrize("kind", LIMITS)
def test_each_limit_is_kept_and_the_best_plan_found(kind: str) -> None:
    problem = few(**LIMITS[kind])
    dropped = {k: WITHOUT[k] for k in LIMITS[kind] if k != STAYS.get(kind)}
    free = solve(replace(problem, **dropped), BEST)
    # Stated shortfalls are those of the other problem.
    free = replace(free, shortfall=np.zeros(len(problem.quotas), int))
    assert violations(problem, free), "the limit does not matter here"
    kept = solve(problem, BEST)
    assert violations(problem, kept) == []
    assert kept.value == pytest.approx(best_by_trying(problem), abs=1e-7)
    assert kept.gap == 0


def test_a_draw_of_single_visits_leaves_a_plan_whatever_joint_share_is_asked() -> None:
    """Two sites drawn for one authority alone; of the others all are joint, as asked."""
    drawn: dict[str, Any] = {
        "joint_share": 1.0, "fixed": np.array([1, 1, 0, 0]), "fixed_team": np.array([1, 1, 0, 0]),
        "able": np.array([[1, 0], [1, 0], [1, 1], [1, 0]], bool),
    }  # fmt: skip
    with pytest.raises(Infeasible):
        solve(few(**drawn), BEST)
    problem = few(**drawn, by_lot=np.array([True, True, False, False]))
    kept = solve(problem, BEST)
    assert violations(problem, kept) == []
    assert dict(zip(kept.site.tolist(), kept.team.tolist(), strict=True)) == {0: 1, 1: 1, 2: 3}
    assert kept.value == pytest.approx(best_by_trying(problem), abs=1e-7)
    assert kept.gap == 0


def test_soft_minimum_costs_its_penalty() -> None:
    tight = {"capacity": np.array([[2.0], [0.0]]), "periods": 1}
    wanted = np.array([2, 3])
    dear = few(**tight, quotas=(Quota("k", wanted, 2, penalty=0.5),))
    cheap = few(**tight, quotas=(Quota("k", wanted, 2, penalty=0.01),))
    # Sites 2 and 3 are worth 0.8 and 0.75, sites 0 and 1 0.9 and 0.85.
    assert solve(dear, BEST).site.tolist() == [2, 3]
    lacking = solve(cheap, BEST)
    assert lacking.site.tolist() == [0, 1]
    assert lacking.shortfall.tolist() == [2]
    assert lacking.value == pytest.approx(0.9 + 0.85 - 0.02)
    assert violations(cheap, lacking) == []


CLASHES: dict[str, dict[str, Any]] = {
    "pins need more than there is": {"fixed": np.ones(4, int), "capacity": np.ones((2, 2)),
                                     "required": np.full(4, 3)},
    "a pin in a period that is not open": {"fixed": np.array([1, 0, 0, 0]),
                                           "fixed_period": np.array([1, -1, -1, -1]),
                                           "allowed": np.array([[1, 0]] * 4, bool)},
    "pins of one firm": {"fixed": np.array([1, 1, 0, 0]), "firm": np.array([3, 3, -1, -1])},
    "more must than may": {"quotas": (Quota("k", SITES, 3, hard=True), Quota("m", SITES, maximum=2))},
    "a team that may not go": {"fixed": np.array([1, 0, 0, 0]), "fixed_team": np.array([2, 0, 0, 0]),
                               "able": np.array([[1, 0]] * 4, bool)},
    "pins alone, visits joint": {"fixed": np.array([1, 0, 0, 0]), "joint_share": 1.0,
                                 "able": np.array([[1, 0]] * 4, bool)},
}  # fmt: skip


@pytest.mark.parametrize("kind", CLASHES)
def test_clash_is_said(kind: str) -> None:
    with pytest.raises(Infeasible):
        solve(few(**CLASHES[kind]), BEST)


def test_pins_that_the_greedy_plan_cannot_place_are_placed() -> None:
    # Two weeks of two days; jobs of 1.5, 1, 0.5, 0.5 and 0.5 days fit in one way only.
    days = np.array([[0.5], [0.5], [0.5], [1.0], [1.5]])
    problem = few(5, 1, 2, days=days, fixed=np.ones(5, int), capacity=np.full((1, 2), 2.0))
    made = solve(problem, BEST)
    assert violations(problem, made) == []
    assert len(made.site) == 5


def test_greedy_is_near_the_bound() -> None:
    quarter = solve(make(2000, 1), Options(gap=0.005))
    assert quarter.value >= 0.995 * quarter.bound
    problem = make(5000, 13)
    weeks = solve(problem, Options(gap=0.035))
    assert weeks.value >= 0.965 * weeks.bound
    assert violations(problem, weeks) == []


@pytest.fixture(scope="module")
def crowded() -> tuple[Problem, Plan]:
    """All kinds of limits at once."""
    problem = with_everything(make(500, 13, teams=True, floors="binding"))
    return problem, solve(problem, Options(gap=0.0, effort=0.005))


def test_all_limits_at_once(crowded: tuple[Problem, Plan]) -> None:
    problem, made = crowded
    assert violations(problem, made) == []
    assert made.bound >= made.value
    assert made.gap < 0.05
    assert made.stopped == "effort"


def test_moves_bring_the_plan_nearer(crowded: tuple[Problem, Plan]) -> None:
    problem, made = crowded
    first = solve(problem, Options(gap=1.0))
    assert violations(problem, first) == []
    assert made.value > first.value + 0.003 * abs(first.value)


def test_same_problem_same_plan(crowded: tuple[Problem, Plan]) -> None:
    problem, made = crowded
    assert same(solve(problem, Options(gap=0.0, effort=0.005, threads=2)), made)


def test_the_number_of_cores_changes_nothing(
    crowded: tuple[Problem, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, _made = crowded
    monkeypatch.setattr(prices, "CHUNK", 16)  # many tasks a round
    options = Options(gap=0.0, effort=0.005)
    assert same(solve(problem, replace(options, threads=2)), solve(problem, options))


def test_warm_start_is_no_worse(crowded: tuple[Problem, Plan]) -> None:
    problem, made = crowded
    again = solve(problem, Options(gap=1.0), start=made)
    assert again.value >= made.value - 1e-9
    assert violations(problem, again) == []
    # The visits alone do: where limits were added, there are no prices of them to begin from.
    visits = Former(made.site, made.team, made.period)
    assert same(solve(problem, Options(gap=1.0), start=visits), again)
    more = replace(problem, quotas=(*problem.quotas, Quota("new", np.arange(10), maximum=10)))
    assert solve(more, Options(gap=1.0), start=visits).value >= made.value - 1e-9
    without = problem.fixed.copy()
    gone = made.site[problem.fixed[made.site] == 0][:5]
    without[gone] = 2
    changed = replace(problem, fixed=without)
    mended = solve(changed, Options(gap=1.0), start=made)
    assert violations(changed, mended) == []
    assert not set(gone) & set(mended.site)


def test_more_capacity_never_lowers_the_bound() -> None:
    problem = make(300, 1)
    before = solve(problem, Options(gap=0.01))
    for q in (0, 37, 102):
        capacity = problem.capacity.copy()
        capacity[q] += 1.0
        after = solve(replace(problem, capacity=capacity), Options(gap=0.01))
        assert after.bound >= before.bound - 1e-4 * before.bound


def test_prices_explain_who_is_in() -> None:
    problem = make(2000, 1)
    made = solve(problem, Options(gap=0.01))
    columns = build(problem)
    value = [value_of(problem, i, int(columns.team[c]), 0)
             for i in range(20) for c in range(columns.start[i], columns.start[i + 1])]  # fmt: skip
    assert np.allclose(value, columns.value[: columns.start[20]])
    inside = set(made.site.tolist())
    right = 0
    for i in range(500):
        reduced = reduced_values(
            columns, i, made.prices, made.quota_prices, made.resource_prices, made.joint_price
        )
        right += (reduced.max(initial=-1.0) > 0) == (i in inside)
    assert right >= 480


def test_cancelled_at_once_and_later() -> None:
    problem = make(2000, 13)
    now = solve(problem, Options(gap=0.0), cancelled=lambda: True)
    assert now.stopped == "cancelled"
    assert violations(problem, now) == []
    steps: list[Step] = []
    later = solve(
        problem, Options(gap=0.0), progress=steps.append, cancelled=lambda: len(steps) > 5
    )
    assert later.stopped == "cancelled"
    assert later.value >= now.value
    assert violations(problem, later) == []
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert {s.phase for s in steps} >= {"prices", "greedy", "repair"}


def test_time_limit_is_said() -> None:
    made = solve(make(2000, 13), Options(gap=0.0, time_limit=0.01))
    assert made.stopped == "time"


def test_nothing_to_choose_from() -> None:
    empty = solve(few(able=np.zeros((4, 2), bool)), BEST)
    assert (len(empty.site), empty.value, empty.gap) == (0, 0.0, 0.0)
    nobody = solve(few(0), BEST)
    assert (len(nobody.site), nobody.bound) == (0, 0.0)
