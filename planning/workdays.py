"""Working days in Finland: no inspection is planned on a weekend or a public holiday.

Public holidays and the eves that collective agreements treat as such: almanac of the University of
Helsinki; Easter by the rule of the Gregorian calendar.
"""

import datetime as dt
from collections.abc import Iterator
from functools import cache


def easter(year: int) -> dt.date:
    """Easter Sunday of a year, 1583 or later (the anonymous Gregorian computus)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leap, odd = divmod(century, 4)
    correction = (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + century - leap - correction + 15) % 30
    quarter, single = divmod(rest, 4)
    weekday = (32 + 2 * odd + 2 * quarter - moon - single) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)


def _first_from(start: dt.date, weekday: int) -> dt.date:
    """The first date of ``weekday`` (0 Monday) on or after ``start``."""
    return start + dt.timedelta(days=(weekday - start.weekday()) % 7)


@cache
def holidays(year: int) -> frozenset[dt.date]:
    """Public holidays of a year, and Midsummer Eve and Christmas Eve."""
    sunday = easter(year)
    fixed = [(1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26)]
    moving = [sunday + dt.timedelta(days=days) for days in (-2, 0, 1, 39, 49)]
    midsummer = _first_from(dt.date(year, 6, 20), 5)
    return frozenset(
        [dt.date(year, month, day) for month, day in fixed]
        + moving
        + [midsummer - dt.timedelta(days=1), midsummer, _first_from(dt.date(year, 10, 31), 5)]
    )


def is_workday(day: dt.date) -> bool:
    return day.weekday() < 5 and day not in holidays(day.year)


def workdays(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Working days from ``first`` to ``last``, both included."""
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        if is_workday(day):
            yield day


def monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def weeks(first: dt.date, last: dt.date) -> list[tuple[dt.date, int]]:
    """Mondays of the weeks from ``first`` to ``last`` with their working days between the two.

    Weeks without a working day are left out.
    """
    counts: dict[dt.date, int] = {}
    for day in workdays(first, last):
        counts[monday(day)] = counts.get(monday(day), 0) + 1
    return sorted(counts.items())
