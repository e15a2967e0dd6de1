"""Whatever is drawn can be visited beside what people pinned."""

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planning.optimise import lottery
from planning.optimise.columns import build
from planning.optimise.draw_room import CAPACITY, MAXIMUM, MINIMUM, RESOURCE, Room
from planning.optimise.lottery import Frame, Row
from planning.optimise.problem import EXCLUDED, FREE, PINNED, Problem, Quota, Resource
from tests.planning.optimise.bruteforce import brute_force
from tests.planning.optimise.small import problem, problems, put
from tests.planning.optimise.test_lottery import seed_of


def fits(given: Problem, sites: list[int]) -> bool:
    """Whether these can be visited together, by trying every way to put them into periods."""
    teams = {i: [a for a in range(len(given.authorities)) if given.fixed_team[i] >> a & 1]
             for i in sites}  # fmt: skip
    firms = [f for f in given.firm[sites].tolist() if f >= 0]
    if any(firms.count(firm) > given.most_per_firm for firm in firms):
        return False
    for quota in given.quotas:
        count = sum(i in quota.sites and quota.authority in (None, *teams[i]) for i in sites)
        if quota.maximum is not None and count > quota.maximum:
            return False
    open_to = [
        [w for w in np.flatnonzero(given.allowed[i]).tolist()
         if given.fixed_period[i] in (-1, w)] for i in sites
    ]  # fmt: skip
    return any(_kept(given, sites, teams, way) for way in product(*open_to))


def _kept(given: Problem, sites: list[int], teams: dict[int, list[int]], way: tuple) -> bool:
    used = np.zeros(given.capacity.shape)
    taken = np.zeros((len(given.resources), len(given.periods)))
    for i, period in zip(sites, way, strict=True):
        for a in teams[i]:
            pool = given.pool_of[a, given.region[i]]
            if pool < 0:
                return False
            used[pool, period] += given.days[i, a]
        for k, resource in enumerate(given.resources):
            taken[k, period] += resource.need[i]
    return bool((used <= given.capacity + 1e-7).all()) and all(
        (taken[k] <= resource.capacity + 1e-7).all() for k, resource in enumerate(given.resources)
    )


def frame_of(given: Problem, room: Room, draws: int) -> Frame:
    firm = given.firm
    rows = tuple(
        Row(given.keys[i], f"f{firm[i]}" if firm[i] >= 0 else "", given.regions[given.region[i]],
            "x", 1.0, float(given.p[i].max()))
        for i in np.flatnonzero(room.drawable)
    )  # fmt: skip
    return Frame(rows, draws)


def as_drawn(given: Problem) -> tuple[Problem, np.ndarray]:
    """Free sites pinned with some team, as the lottery takes them; pinned ones with one too."""
    free = given.fixed == FREE
    team = np.where(given.fixed_team > 0, given.fixed_team, 1 + np.arange(len(given.keys)) % 3)
    period = np.where(free, -1, given.fixed_period)
    pinned = np.where(free, PINNED, given.fixed)
    return replace(given, fixed=pinned, fixed_team=team, fixed_period=period), free


@settings(max_examples=400, deadline=None)
@given(problems(), st.integers(0, 9))
def test_whatever_is_drawn_can_be_visited(given: Problem, number: int) -> None:
    given = replace(given, capacity=given.capacity * 3)
    given, free = as_drawn(given)
    by_hand = np.flatnonzero((given.fixed == PINNED) & ~free).tolist()
    assume(fits(given, by_hand))
    room = Room(given, free)
    groups = frame_of(given, room, 0).groups
    draws, _tight = room.surely(groups, len(groups))
    at = {key: i for i, key in enumerate(given.keys)}
    drawn = lottery.draw(frame_of(given, room, draws), seed_of(number)).drawn
    assert fits(given, [*by_hand, *(at[one.key] for one in drawn)])


def pinned(given: Problem, team: int = 1) -> Problem:
    n = len(given.keys)
    return replace(given, fixed=np.full(n, PINNED), fixed_team=np.full(n, team))


def surely(given: Problem, wanted: int = 99, drawable: np.ndarray | None = None) -> tuple:
    room = Room(given, np.ones(len(given.keys), bool) if drawable is None else drawable)
    groups = frame_of(given, room, 0).groups
    draws, tight = room.surely(groups, min(wanted, len(groups)))
    return draws, tight and (tight.kind, tight.key)


def test_as_many_are_drawn_as_the_days_hold() -> None:
    assert surely(pinned(problem(8))) == (2, (CAPACITY, "A0 R"))
    assert surely(pinned(problem(8, periods=3))) == (6, (CAPACITY, "A0 R"))
    assert surely(pinned(problem(8)), wanted=1) == (1, None)
    # Two authorities on every visit, three weeks of two visits each: either could fill a week of
    # its own, so that a visit fewer than by days alone is sure.
    joint = pinned(problem(8, periods=3), team=3)
    draws, _tight = surely(joint)
    assert draws == 4
    tight = replace(problem(8), capacity=np.array([[8.0], [3.0]]))
    assert surely(pinned(tight, team=3)) == (3, (CAPACITY, "A1 R"))


def test_what_is_pinned_by_hand_has_its_days_first() -> None:
    given = pinned(replace(problem(6), capacity=np.array([[4.0], [4.0]])))
    drawable = put(np.ones(6, bool), [0, 1], False)
    assert surely(given, drawable=drawable)[0] == 2
    # Pinned to the one week that the others are open in.
    weeks = pinned(problem(6, periods=2))
    only = replace(weeks, fixed_period=put(weeks.fixed_period, [0, 1], 1),
                   allowed=put(weeks.allowed, (slice(2, None), 0), False))  # fmt: skip
    assert not Room(only, drawable).drawable.any()
    # Nothing else of a firm that has its visits.
    firm = replace(given, firm=np.array([7, -1, 7, -1, -1, -1]))
    assert Room(firm, drawable).drawable.tolist() == [False, False, False, True, True, True]


def test_maxima_and_interpreters_bind_too() -> None:
    roomy = pinned(replace(problem(6), capacity=np.full((2, 1), 9.0)))
    quota = Quota("q", np.array([0, 1, 2, 3, 4, 5]), maximum=3)
    assert surely(replace(roomy, quotas=(quota,))) == (3, (MAXIMUM, "q"))
    speaks = Resource("x", np.ones(6), np.array([4.0]))
    assert surely(replace(roomy, resources=(speaks,))) == (4, (RESOURCE, "x"))
    none = replace(roomy, quotas=(Quota("q", np.array([0, 1]), maximum=0),))
    assert Room(none, np.ones(6, bool)).drawable.tolist() == [False, False, True, True, True, True]


def test_a_site_closed_in_all_weeks_is_not_drawn() -> None:
    given = pinned(problem(3, periods=2))
    closed = replace(given, allowed=put(given.allowed, 1, False))
    assert Room(closed, np.ones(3, bool)).drawable.tolist() == [True, False, True]
    assert EXCLUDED not in given.fixed


def test_a_small_office_holds_back_its_own_region_only() -> None:
    """Thirty sites of two regions; the small office of one has room for a single visit."""
    n = 30
    given = pinned(problem(n, 1, regions=("N", "S"), pools=("A N", "A S"),
                           pool_authority=np.zeros(2, np.int64), pool_of=np.array([[0, 1]]),
                           capacity=np.array([[1.0], [25.0]]),
                           region=np.array([0] * 3 + [1] * (n - 3))))  # fmt: skip
    given = replace(given, p=np.full((n, 1), 0.5))
    assert surely(given) == (10, (CAPACITY, "A N"))


# ------------------------------------------------------------------ hard minimums


def with_full_teams(given: Problem) -> tuple[Problem, np.ndarray]:
    """Everything that could be visited pinned with the largest team it may have."""
    free, columns = given.fixed == FREE, build(given)
    team = np.array([
        max(columns.team[columns.of(i)].tolist(), key=lambda t: (t.bit_count(), -t), default=0)
        for i in range(columns.sites)
    ])  # fmt: skip
    fixed = np.where(free, np.where(team > 0, PINNED, EXCLUDED), given.fixed)
    period = np.where(free, -1, given.fixed_period)
    return replace(given, fixed=fixed, fixed_team=team, fixed_period=period), free & (team > 0)


def with_minimums(number: int) -> Problem:
    """Six sites of few firms in two regions, two authorities, and one to three hard minimums."""
    g = np.random.default_rng(number)
    n, periods = 6, int(g.integers(1, 3))
    given = problem(
        n, 2, periods, regions=("N", "S"), pools=("A0 N", "A0 S", "A1"),
        pool_authority=np.array([0, 0, 1]), pool_of=np.array([[0, 1], [2, 2]]),
        capacity=g.integers(1, 5, (3, periods)).astype(float), region=g.integers(0, 2, n),
        firm=g.integers(-3, 3, n).clip(-1), able=g.random((n, 2)) < 0.8,
        days=g.integers(1, 3, (n, 2)) / 2, p=g.random((n, 2)),
        fixed=g.choice([FREE, PINNED], n, p=[0.9, 0.1]), allowed=g.random((n, periods)) < 0.9,
    )  # fmt: skip
    quotas = tuple(
        Quota(f"q{k}", np.flatnonzero(g.random(n) < 0.6), int(g.integers(1, 3)), None,
              None if g.random() < 0.6 else int(g.integers(0, 2)), True)
        for k in range(int(g.integers(1, 4)))
    )  # fmt: skip
    return replace(given, quotas=quotas)


def test_hard_minimums_can_be_kept_whatever_is_drawn() -> None:
    """By trying all plans that hold what was drawn."""
    tried = 0
    for number in range(400):
        given = with_minimums(number)
        all_pinned, free = with_full_teams(given)
        by_hand = np.flatnonzero((all_pinned.fixed == PINNED) & ~free).tolist()
        if not all(all_pinned.fixed_team[by_hand]) or not fits(all_pinned, by_hand):
            continue
        room = Room(all_pinned, free)
        groups = frame_of(given, room, 0).groups
        draws, _tight = room.surely(groups, len(groups))
        if not draws:
            continue
        at = {key: i for i, key in enumerate(given.keys)}
        drawn = lottery.draw(frame_of(given, room, draws), seed_of(number)).drawn
        there = [*(at[one.key] for one in drawn), *by_hand]
        after = replace(
            given, fixed=put(given.fixed, there, PINNED),
            fixed_team=put(given.fixed_team, there, all_pinned.fixed_team[there]),
        )  # fmt: skip
        assert brute_force(after) is not None, number
        tried += 1
    assert tried > 50


def minimum(given: Problem, sites: list[int], count: int, **more: object) -> Problem:
    return replace(given, quotas=(Quota("q", np.array(sites), count, hard=True, **more),))


def test_visits_that_a_minimum_needs_are_held_back() -> None:
    roomy = pinned(replace(problem(8), capacity=np.full((2, 1), 4.0)))
    assert surely(roomy) == (4, (CAPACITY, "A0 R"))
    # Two of the four visits are those of the minimum, whoever else is drawn.
    assert surely(minimum(roomy, [6, 7], 2)) == (2, (CAPACITY, "A0 R"))
    # A drawn site that serves it takes the place of a visit held back for it.
    assert surely(minimum(roomy, list(range(8)), 4)) == (4, (CAPACITY, "A0 R"))
    # One that may be missed holds nothing back.
    soft = replace(roomy, quotas=(Quota("q", np.array([6, 7]), 2),))
    assert surely(soft) == (4, (CAPACITY, "A0 R"))
    by_hand = put(np.ones(8, bool), [6, 7], False)
    assert surely(minimum(roomy, [6, 7], 2), drawable=by_hand) == (2, (CAPACITY, "A0 R"))


def test_what_is_held_back_takes_the_days_of_the_smallest_team_that_serves() -> None:
    """Ten visits of the second authority, of whom the first can go along on two."""
    given = pinned(replace(problem(12), capacity=np.array([[2.0], [11.0]])), team=3)
    given = replace(given, p=np.full((12, 2), 0.5))
    assert surely(minimum(given, list(range(12)), 10, authority=1)) == (2, (CAPACITY, "A0 R"))


def test_a_minimum_that_a_draw_could_take_the_last_site_of_lets_nothing_be_drawn() -> None:
    roomy = pinned(replace(problem(4), capacity=np.full((2, 1), 9.0)))
    assert surely(minimum(roomy, [0], 2)) == (0, (MINIMUM, "q"))
    # The only site of the industry belongs to a firm whose other site could be drawn instead.
    firm = replace(minimum(roomy, [0], 1), firm=np.array([5, 5, -1, -1]))
    assert surely(firm) == (0, (MINIMUM, "q"))
    assert surely(minimum(roomy, [0], 1))[0] == 4
