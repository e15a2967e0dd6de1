"""Whoever signs reads which limits the selection does not keep; of one that keeps them nothing is said."""

import re
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from planning.candidates import window_weeks
from planning.models import Capacity, SelectionQuota
from planning.overruns import _joint, _Visit, overruns
from planning.services import choose, move
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_company, make_region, set_rules
from tests.planning.optimise.problems import few
from tests.planning.test_runs import selecting

pytestmark = pytest.mark.django_db
VISIT = 1.5  # inspector-days of each authority on it
TITLE = "Limits that the selection does not keep"


@pytest.fixture
def cast(db: None) -> Cast:
    cast = selecting(sites=4)
    set_rules(cast.operation, random_share=0)
    return cast


def pick(cast: Cast, number: int, *codes: str, **values) -> None:
    choose(
        actor=cast.lead, operation=cast.operation, site=cast.sites[number], state="picked",
        reason="Yes", team=[cast.place(code).authority_id for code in codes], **values,
    )  # fmt: skip


def sentences(cast: Cast) -> list[str]:
    return overruns(cast.refresh())


def short(cast: Cast, code: str) -> str:
    return cast.place(code).authority.short


def test_what_is_kept_is_not_spoken_of(cast, as_user):
    for number in range(4):
        pick(cast, number, "OSH", "TAX")
    assert sentences(cast) == []
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    page = as_user(cast.actors["TAX", "manager"]).get(
        reverse("planning:signoff", args=[cast.operation.public_id])
    )
    assert TITLE not in page.content.decode()


def test_each_limit_that_is_passed_is_said_to_those_who_sign(cast, as_user):
    firm = make_company(name="Kuukivi Oy")
    for site in cast.sites[:2]:
        site.company = firm
        site.save()
    van = cast.operation.resources.create(kind="vehicle", name="van", per_week=0)
    cast.operation.terms.create(
        site=cast.sites[0], set_by=cast.lead.user, set_for=cast.lead.authority
    ).needs.add(van)
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), maximum=3)
    SelectionQuota.objects.create(
        operation=cast.operation, authority=cast.place("POL").authority, minimum=2
    )
    set_rules(cast.operation, random_share=0, joint_share=80, most_per_firm=1)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.place("TAX").authority, days=Decimal("0.1")
    )
    for number in range(3):
        pick(cast, number, "OSH", "TAX")
    pick(cast, 3, "POL")
    region = make_region().name
    said = sentences(cast)
    assert re.fullmatch(rf"{short(cast, 'TAX')}: 4\.5 inspector-days of 0\.\d+\.", said[0])
    assert said[1:] == [
        "van: needed on 1 visits, there for 0.",
        f"{region}: visits selected 4, at most 3.",
        f"{short(cast, 'POL')}: visits selected 1, at least 2.",
        "Kuukivi Oy: visits selected 2, at most 1.",
        "Joint visits: 3 of 4, at least 80 % of them.",
    ]
    asking = reverse("planning:operation_move", args=[cast.operation.public_id, "ask_signatures"])
    page = as_user(cast.lead).get(asking).content.decode()
    assert TITLE in page
    assert "Kuukivi Oy: visits selected 2, at most 1." in page
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    address = reverse("planning:signoff", args=[cast.operation.public_id])
    page = as_user(cast.actors["TAX", "manager"]).get(address).content.decode()
    assert TITLE in page
    assert "Kuukivi Oy: visits selected 2, at most 1." in page
    away = make_actor("TAX", "manager")
    recuse(actor=cast.actors["TAX", "manager"], person=away.user, target=firm, reason="Kin")
    page = as_user(away).get(address).content.decode()
    assert TITLE not in page  # neither sums without what they may not see nor such with it
    assert "Kuukivi" not in page


def test_days_of_a_week_are_passed_where_those_of_the_window_are_not(cast):
    set_rules(cast.operation, random_share=0, periods="weeks")
    week = window_weeks(cast.operation)[1]
    Capacity.objects.create(
        operation=cast.operation, authority=cast.place("TAX").authority, days=Decimal("2")
    )
    for number in range(2):
        pick(cast, number, "OSH", "TAX", week=week)
    assert sentences(cast) == [
        f"{short(cast, 'TAX')}, week {week.isocalendar().week}: 3.0 inspector-days of 2.0."
    ]


def test_what_serves_one_visit_a_week_is_passed_by_two_in_a_week(cast):
    set_rules(cast.operation, random_share=0, periods="weeks")
    first, second = window_weeks(cast.operation)[1:3]
    van = cast.operation.resources.create(kind="vehicle", name="van", per_week=1)
    for site in cast.sites[:2]:
        cast.operation.terms.create(
            site=site, set_by=cast.lead.user, set_for=cast.lead.authority
        ).needs.add(van)
    pick(cast, 0, "OSH", week=first)
    pick(cast, 1, "OSH", week=second)
    assert sentences(cast) == []
    pick(cast, 1, "OSH", week=first)
    week = first.isocalendar().week
    assert sentences(cast) == [f"van, week {week}: needed on 2 visits, there for 1."]


def test_a_drawn_pair_that_people_cut_to_one_counts_as_single(cast):
    problem = few(2, joint_share=1.0, by_lot=np.ones(2, bool), fixed=np.ones(2, int),
                  fixed_team=np.array([1, 3]))  # fmt: skip
    assert problem.single_by_lot.tolist() == [True, False]
    said = list(_joint(problem, [_Visit(0, (0,), -1), _Visit(1, (0,), -1)]))
    assert said == ["Joint visits: 0 of 1, at least 100 % of them."]
    assert list(_joint(problem, [_Visit(0, (0,), -1), _Visit(1, (0, 1), -1)])) == []


def test_it_costs_the_same_whatever_is_selected(cast):
    pick(cast, 0, "OSH")

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            overruns(cast.operation)
        return len(captured)

    cost()
    one = cost()
    for number in range(1, 4):
        pick(cast, number, "OSH", "TAX", "POL")
    assert cost() == one
