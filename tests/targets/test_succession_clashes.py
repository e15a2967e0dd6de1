"""Two authorities that become one and have been given, asked and handed the same."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from authorities.services.succession import plan_succession, sweep
from targets.models import (
    DatasetMapping,
    Disclosure,
    Fact,
    HandOver,
    ImportMapping,
    ImportRun,
    InformationRequest,
    Link,
    SiteTag,
    Tag,
)
from targets.services.handovers import hand_over
from targets.services.sharing import ask, withdraw_disclosure
from tests.factories import give, make_actor, make_company, make_ground, make_signal, make_site
from worklist.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(db):
    return tuple(make_actor(code, "manager", "coordinator") for code in ("TAX", "OLD", "NEW"))


def succeed(old, new) -> None:
    on = timezone.localdate() + dt.timedelta(days=1)
    plan_succession(
        actor=None, old=old.authority, new=new.authority, on=on, units=[(old.unit, new.unit, True)]
    )
    with time_machine.travel(timezone.now() + dt.timedelta(days=2), tick=False):
        assert sweep() == 1


def test_what_both_were_given_is_given_once(three):
    tax, old, new = three
    signal = make_signal(tax)
    for actor in (old, new):
        give(tax, signal, actor.authority)
    succeed(old, new)
    row = Disclosure.objects.get(state="active")
    assert row.receiver == new.authority


def test_what_both_gave_is_given_once(three):
    tax, old, new = three
    police = make_actor("POL")
    signal = make_signal(tax)
    for actor in (old, new):
        give(tax, signal, actor.authority, may_pass_on=True)
        give(actor, signal, police.authority)
    succeed(old, new)
    assert Disclosure.objects.filter(state="active", receiver=police.authority).count() == 1


def test_what_both_ask_is_asked_once(three):
    tax, old, new = three
    company = make_company()
    make_ground("G-A", ["TAX"], ["OLD", "NEW"], "payroll", mode="on_request")
    for actor in (old, new):
        ask(actor=actor, holder=tax.authority, kind="payroll", purpose="p", necessity="n",
            deadline=timezone.localdate() + dt.timedelta(days=9), company=company)  # fmt: skip
    succeed(old, new)
    row = InformationRequest.objects.get(state="open")
    assert row.asker == new.authority


def test_what_was_handed_to_both_is_handed_once(three):
    tax, old, new = three
    signal = make_signal(tax)
    ground = make_ground("G-H", ["TAX"], ["OLD", "NEW"], "tip")
    for actor in (old, new):
        hand_over(actor=tax, signal=signal, receiver=actor.authority, ground=ground, confirmed=[],
                  deadline=timezone.localdate() + dt.timedelta(days=9))  # fmt: skip
    succeed(old, new)
    row = HandOver.objects.get(state="offered")
    assert row.receiver == new.authority


def test_what_hangs_on_the_one_that_goes_ends_with_the_one_that_stays(three):
    tax, old, new = three
    police = make_actor("POL")
    signal = make_signal(tax)
    for actor in (old, new):
        give(tax, signal, actor.authority, may_pass_on=True)
    passed = give(old, signal, police.authority)
    succeed(old, new)
    passed.refresh_from_db()
    assert (passed.giver, passed.state) == (new.authority, "active")
    assert passed.parent.state == "active"
    withdraw_disclosure(actor=tax, given=passed.parent, reason="Over")
    passed.refresh_from_db()
    assert passed.state == "withdrawn"


def test_what_was_open_between_the_two_themselves_ends(three):
    _tax, old, new = three
    make_ground("G-A", ["NEW"], ["OLD"], "payroll", mode="on_request")
    ground = make_ground("G-H", ["OLD"], ["NEW"], "tip")
    ask(actor=old, holder=new.authority, kind="payroll", purpose="p", necessity="n",
        deadline=timezone.localdate() + dt.timedelta(days=9), company=make_company())  # fmt: skip
    hand_over(actor=old, signal=make_signal(old), receiver=new.authority, ground=ground,
              confirmed=[], deadline=timezone.localdate() + dt.timedelta(days=9))  # fmt: skip
    for actor in (old, new):
        DatasetMapping.objects.create(authority=actor.authority, name="Payments", business_id="id")
    succeed(old, new)
    assert InformationRequest.objects.get().state == "withdrawn"
    assert HandOver.objects.get().state == "withdrawn"
    assert not Task.objects.open().filter(kind__in=["sharing.answer", "sharing.handover"]).exists()
    names = DatasetMapping.objects.filter(authority=new.authority).values_list("name", flat=True)
    assert set(names) == {"Payments", "Payments (OLD)"}


def test_what_was_brought_into_the_register_passes_on_once(three):
    _tax, old, new = three
    site = make_site()
    for actor in (old, new):
        Fact.objects.create(
            company=site.company, kind="tax_debt", value={"amount": actor.authority.pk}, source="x",
            source_key="1", authority=actor.authority, known_from=timezone.now(),
        )  # fmt: skip
        Link.objects.create(
            kind="works_at",
            from_company=site.company,
            to_site=site,
            source="x",
            authority=actor.authority,
        )
        tag = Tag.objects.create(authority=actor.authority, name="Watch", created_by=actor.user)
        SiteTag.objects.create(tag=tag, site=site, authority=actor.authority, tagged_by=actor.user)
    Fact.objects.create(
        site=site, kind="alcohol_licence", source="x", source_key="2", authority=old.authority,
        known_from=timezone.now(),
    )  # fmt: skip
    ImportMapping.objects.create(code="old-m", name="M", kind="sites", authority=old.authority)
    ImportRun.objects.create(kind="sites", format="x", file_name="f", authority=old.authority)
    succeed(old, new)
    assert {f.source_key for f in Fact.objects.filter(authority=new.authority).known()} == {
        "1",
        "2",
    }
    assert Fact.objects.known().get(source_key="1").value == {"amount": new.authority.pk}
    assert Link.objects.get().authority == new.authority
    assert SiteTag.objects.get().authority == Tag.objects.get().authority == new.authority
    assert ImportMapping.objects.get().authority == new.authority
    assert ImportRun.objects.get().authority == new.authority
