"""What a cell comes to: days with a time, postal codes that were numbers, what stays the owner's."""

import datetime as dt

import pytest

from targets.services.imports.records import Refused, date
from targets.services.imports.tabular import Table

COLUMNS = {
    "key": "id", "name": "name", "postal_code": "code", "staff_estimate": "staff",
    "opened_on": "from", "closed_on": "to",
}  # fmt: skip


@pytest.mark.parametrize(
    "written",
    ["14.5.2026 10:30", "14.05.2026 10:30:00", "14.5.2026 10.30", "2026-05-14 10:30", "14.5.2026"],
)
def test_a_day_with_a_time_is_that_day(written):
    assert date(written, "on") == dt.date(2026, 5, 14)


@pytest.mark.parametrize("written", ["14.5.2026 25:30", "14.5.2026 noon", "10:30"])
def test_what_is_no_day_is_still_refused(written):
    with pytest.raises(Refused):
        date(written, "on")


@pytest.mark.parametrize(
    ("cell", "options", "code"),
    [
        (100, {}, "00100"), (33100.0, {}, "33100"), ("100", {}, "100"), (None, {}, ""),
        (100, {"country": "NO"}, "100"), (100, {"country": "NO", "postal_width": 4}, "0100"),
    ],
)  # fmt: skip
def test_a_postal_code_that_came_as_a_number_gets_its_zeros_back(cell, options, code):
    made = Table(COLUMNS, options).site({"id": "1", "name": "A", "code": cell})
    assert made.postal_code == code


def test_of_private_rows_people_and_days_stay_out_of_the_site():
    row = {"id": "1", "name": "A", "staff": "7", "from": "1.5.2026", "to": "2.5.2026"}
    made = Table(COLUMNS, {}).site(dict(row))
    days = (dt.date(2026, 5, 1), dt.date(2026, 5, 2))
    assert (made.staff_estimate, made.opened_on, made.closed_on) == (7, *days)
    made = Table(COLUMNS, {}, private=True).site(dict(row))
    assert (made.staff_estimate, made.opened_on, made.closed_on) == (None, None, None)
    with pytest.raises(Refused):
        Table(COLUMNS, {}, private=True).site(row | {"to": "1.4.2026"})  # checked all the same
