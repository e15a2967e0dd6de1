"""The studio shows what a lottery costs and what it makes measurable, the same for the same seed."""

import re

import pytest
from django.urls import reverse

from tests.factories import make_actor

pytestmark = pytest.mark.django_db


def numbers(page: str) -> list[list[int]]:
    """Whole numbers of each row of the table; what cannot be estimated is left out."""
    body = page.split("<tbody", 1)[1].split("</tbody>")[0]
    rows = body.split("<tr")[1:]
    return [[int(n) for n in re.findall(r">(\d+)(?: %)?<", row)] for row in rows]


def test_a_lottery_costs_findings_and_shows_the_truth(as_user):
    client = as_user(make_actor("OSH", "inspector"))
    address = reverse("risk:simulation")
    page = client.get(address).content.decode()
    rows = numbers(page)
    none, tenth, all_drawn = rows[0], rows[3], rows[5]
    assert "cannot be estimated" in page
    assert none[1] > tenth[1] > all_drawn[1]  # findings
    assert tenth[2] > 100 > tenth[3]  # error among all visited, error of the lottery's rate
    asked = {"sites": 1000, "quarters": 6, "capacity": 10, "seed": 7}
    first = numbers(client.get(address, asked).content.decode())
    assert first == numbers(client.get(address, asked).content.decode())
    assert first != numbers(client.get(address, asked | {"seed": 8}).content.decode())


def test_settings_out_of_bounds_are_refused_in_words(as_user):
    client = as_user(make_actor("OSH", "analyst"))
    answer = client.get(reverse("risk:simulation"), {"sites": 10**9, "quarters": "x", "seed": 1})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "less than or equal to 4000" in page
    assert "1000000000" in page
    assert "<tbody" not in page
