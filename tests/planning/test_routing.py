"""Order of visits and their division into days, without a database; working days."""

import csv
import datetime as dt

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from planning.routing import Place, Stop, divide, fits_into, order_stops, timed, travel_minutes
from planning.workdays import easter, holidays, is_workday, workdays

STARTS, ENDS = 9 * 60, 16 * 60
points = st.tuples(st.floats(60, 62), st.floats(23, 26))
hours = st.one_of(
    st.just((None, None)),
    st.tuples(st.integers(6 * 60, 12 * 60), st.integers(13 * 60, 20 * 60)),
)


@st.composite
def stops(draw, size: int = 7):
    places = draw(st.lists(st.one_of(points, st.none()), max_size=size))
    found = []
    for point in places:
        opens, closes = draw(hours)
        found.append(
            Stop(Place(point, draw(st.integers(1, 3))), draw(st.integers(15, 180)), opens, closes)
        )
    return found


def cost(rows, order):
    line = timed(rows, order, STARTS)
    done = line[-1].ends if line else STARTS
    late, over = sum(s.late for s in line), max(0, done - ENDS)
    return late, over, sum(s.travel or 0 for s in line), done


@given(stops())
@rules(max_examples=60, deadline=None)
def test_an_order_is_a_permutation_and_never_worse_than_the_one_given(rows):
    order = order_stops(rows, STARTS, ENDS)
    assert sorted(order) == list(range(len(rows)))
    assert cost(rows, order) <= cost(rows, range(len(rows)))
    assert order == order_stops(rows, STARTS, ENDS)


@given(stops())
@rules(max_examples=60, deadline=None)
def test_times_keep_the_opening_and_say_who_is_late(rows):
    clock = STARTS
    for slot in timed(rows, order_stops(rows, STARTS, ENDS), STARTS):
        stop = rows[slot.index]
        assert slot.starts >= clock + (slot.travel or 0)
        assert stop.opens is None or slot.starts >= stop.opens
        assert slot.late == (stop.closes is not None and slot.ends > stop.closes)
        clock = slot.ends


@given(stops(size=9), st.integers(0, 4), st.data())
@rules(max_examples=60, deadline=None)
def test_days_hold_each_stop_once_in_an_allowed_day_within_the_hours(rows, slots, data):
    allowed = [
        sorted(data.draw(st.sets(st.integers(0, slots - 1)))) if slots else [] for _stop in rows
    ]
    days = divide(rows, allowed, slots, STARTS, ENDS)
    placed = [i for order in days.slots for i in order]
    assert sorted(placed + days.left) == list(range(len(rows)))
    for slot, order in enumerate(days.slots):
        assert all(slot in allowed[i] for i in order)
        for row in timed(rows, order, STARTS):
            assert not row.late
            assert row.ends <= ENDS
    for number, stop in enumerate(rows):
        # Where the days are empty enough to take it, nothing is left that fits at all.
        if number in days.left and fits_into(stop, STARTS, ENDS):
            assert all(days.slots[slot] for slot in allowed[number])


def test_near_places_are_visited_one_after_another():
    line = [Stop(Place((60.0, 24.0 + step / 10)), 30) for step in (0, 3, 1, 2)]
    assert order_stops(line, STARTS, ENDS) in ([0, 2, 3, 1], [1, 3, 2, 0])


def test_opening_hours_come_before_distance():
    early = Stop(Place((60.0, 24.3)), 60, 9 * 60, 10 * 60)
    line = [Stop(Place((60.0, 24.0)), 60), Stop(Place((60.0, 24.1)), 60), early]
    assert order_stops(line, STARTS, ENDS)[0] == 2


def test_what_lies_nowhere_known_comes_last():
    lost = Stop(Place(None), 30)
    assert order_stops([lost, Stop(Place((60.0, 24.0)), 30)], STARTS, ENDS) == [1, 0]
    assert timed([lost, lost], [0, 1], STARTS)[1].travel is None


def test_a_given_travel_time_is_used_in_both_directions():
    one, other = Place((60.0, 24.0), 1), Place((60.0, 25.0), 2)
    assert travel_minutes(one, other) == 5 + round(55.6 * 1.3 / 50 * 60 + 0.5)
    assert (
        travel_minutes(one, other, {(2, 1): 44}) == travel_minutes(other, one, {(2, 1): 44}) == 44
    )
    assert travel_minutes(one, Place(None, 2), {(1, 2): 44}) == 44


def test_full_days_are_filled_before_another_is_begun():
    rows = [Stop(Place((60.0, 24.0)), 90) for _ in range(8)]
    days = divide(rows, [[0, 1, 2, 3]] * 8, 4, STARTS, ENDS)
    assert [len(order) for order in days.slots] == [4, 4, 0, 0]


def test_holidays_are_those_of_the_almanac():
    known: dict[int, set[dt.date]] = {}
    with (settings.REFERENCE_DIR / "finland" / "holidays.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = dt.date.fromisoformat(row["date"])
            known.setdefault(day.year, set()).add(day)
    assert len(known) > 4
    for year, days in known.items():
        assert holidays(year) == days


@pytest.mark.parametrize(
    ("year", "day"), [(1818, (3, 22)), (1943, (4, 25)), (2024, (3, 31)), (2038, (4, 25))]
)
def test_easter(year, day):
    assert easter(year) == dt.date(year, *day)


def test_workdays_leave_out_weekends_and_holidays():
    days = list(workdays(dt.date(2026, 12, 21), dt.date(2027, 1, 8)))
    assert dt.date(2026, 12, 24) not in days
    assert dt.date(2027, 1, 6) not in days
    assert days[0] == dt.date(2026, 12, 21)
    assert len(days) == 11
    assert not is_workday(dt.date(2026, 12, 26))
