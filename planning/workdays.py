"""Working days in Finland: Monday to Friday without public holidays (laki 388/1937 and 1105/1992)."""

import datetime as dt
from functools import cache

ONE = dt.timedelta(days=1)


@cache
def easter(year: int) -> dt.date:
    """Easter Sunday of the Gregorian calendar, by the rule of 1582 (Meeus's form of it)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    rest = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


@cache
def holidays(year: int) -> frozenset[dt.date]:
    """Days on which offices are closed besides weekends, with the eves of Midsummer and Christmas."""
    sunday = easter(year)
    midsummer_eve = next(
        day for day in (dt.date(year, 6, 19) + ONE * n for n in range(7)) if day.weekday() == 4
    )
    fixed = ((1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26))
    return frozenset(
        {dt.date(year, month, day) for month, day in fixed}
        | {sunday - 2 * ONE, sunday + ONE, sunday + 39 * ONE, midsummer_eve}
    )


def is_workday(day: dt.date) -> bool:
    return day.weekday() < 5 and day not in holidays(day.year)


def monday(day: dt.date) -> dt.date:
    return day - ONE * day.weekday()


def weeks(start: dt.date, end: dt.date) -> list[tuple[dt.date, int]]:
    """Mondays of the weeks from ``start`` to ``end`` with their working days between the two.

    Weeks without a working day are left out.
    """
    counts: dict[dt.date, int] = {}
    day = start
    while day <= end:
        if is_workday(day):
            counts[monday(day)] = counts.get(monday(day), 0) + 1
        day += ONE
    return sorted(counts.items())
