"""The timeline on the page of a site: what happened there, for those who may see it."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.services import record
from authorities.purposes import state_purpose
from planning.services import make_nomination, set_hours
from targets import views
from targets.models import RegisterChange, Signal, Site
from targets.services.recusals import recuse
from targets.timeline_page import happened_at
from tests.factories import (
    Cast,
    give,
    make_actor,
    make_available,
    make_past_visit,
    make_signal,
    make_site,
)
from tests.planning.test_holds import hold, police, state

pytestmark = pytest.mark.django_db


def page(client, site, query: str = ""):
    return client.get(reverse("targets:site_detail", args=[site.public_id]) + query)


def open_to(as_user, actor, site):
    """A client of the actor, for whom the page is open."""
    state_purpose(actor=actor, case=site, text="A visit that is being planned")
    return as_user(actor)


def entries(as_user, actor, site) -> list[str]:
    return [e["sentence"] for e in page(open_to(as_user, actor, site), site).context["timeline"]]


def test_what_operations_did_at_the_site_stands_there_newest_first(as_user):
    cast = Cast()
    cast.to("feedback")
    visit = cast.visits()[0]
    name = visit.site.name
    inside = [
        f"The visit to {name} started.", f"{name} was selected.", f"The visit to {name} ended.",
    ]  # fmt: skip
    osh = entries(as_user, cast.actors["OSH", "inspector"], visit.site)
    assert [osh.index(inside[n]) for n in (2, 0, 1)] == sorted(osh.index(s) for s in inside)
    assert "A finding was added." in osh
    tax = entries(as_user, cast.actors["TAX", "inspector"], visit.site)
    assert set(inside) <= set(tax)
    assert "A finding was added." not in tax
    submitted = f"{cast.actors['OSH', 'inspector'].authority.name} submitted its record of {name}."
    assert submitted in tax  # that it did is told, and nothing of the record
    text = page(as_user(cast.actors["TAX", "inspector"]), visit.site).content.decode()
    assert "Nothing has happened yet" not in text
    assert submitted in text
    outside = page(open_to(as_user, cast.actors["OUT", "manager"], visit.site), visit.site)
    assert outside.context["timeline"] == []
    assert "Nothing has happened yet" in outside.content.decode()


def test_what_others_nominate_is_not_told_before_the_joint_list(as_user, monkeypatch):
    monkeypatch.setattr(views, "ENTRIES_SHOWN", 1)  # a count would tell it too
    cast = Cast()
    cast.to("nominating")
    site = make_site(name="Kuukivi Kebab")
    osh = cast.actors["OSH", "coordinator"]
    for rating in (3, 4):
        make_nomination(actor=osh, operation=cast.refresh(), site=site, reason="Pay", rating=rating)
    own = page(open_to(as_user, osh, site), site)
    assert own.context["timeline_part"].words == "Entries 1–1 of 2 are shown."
    assert own.context["timeline"][0]["sentence"] == "The nomination of Kuukivi Kebab was changed."
    for other in (cast.actors["TAX", "coordinator"], cast.actors["OUT", "manager"]):
        there = page(open_to(as_user, other, site), site)
        assert there.context["timeline"] == []
        assert there.context["timeline_part"].words == ""


def test_signals_are_told_to_those_who_may_read_them(as_user):
    site = make_site()
    tax, osh = make_actor("TAX", "analyst"), make_actor("OSH", "analyst")
    signal = make_signal(tax, site=site)
    make_signal(tax, site=site, classification="secret")
    assert entries(as_user, tax, site) == ["The signal was written."] * 2
    assert entries(as_user, make_actor("TAX", "inspector"), site) == ["The signal was written."]
    assert entries(as_user, osh, site) == []
    given = give(tax, signal, osh.authority)
    assert [words.partition(" on the ground")[0] for words in entries(as_user, osh, site)] == [
        f"It was given to {osh.authority.name}"
    ]
    given.expires_on = timezone.localdate() - dt.timedelta(days=1)
    given.on = given.expires_on
    given.save()
    assert entries(as_user, osh, site) == []  # nor that there was one


def test_a_hold_leaves_no_trace(as_user):
    cast = Cast()
    cast.to("selecting")
    site = cast.sites[1]
    reader = cast.actors["OSH", "coordinator"]
    before = entries(as_user, reader, site)
    hold(police(), site)
    make_available(cast.operation)
    assert state(cast.operation, site) == "not_available"
    assert entries(as_user, reader, site) == before


def test_outsiders_do_not_learn_from_opening_hours_that_a_visit_is_planned(as_user):
    cast = Cast()
    cast.to("scheduled")
    site = cast.sites[0]
    set_hours(actor=cast.lead, operation=cast.operation, site=site, hours={})
    words = f"The opening hours of {site.name} were written down."
    assert words in entries(as_user, cast.actors["OSH", "inspector"], site)
    assert entries(as_user, cast.actors["OUT", "manager"], site) == []


def test_an_event_in_a_context_that_nobody_vouches_for_is_not_told(as_user):
    actor, site = make_actor("OSH", "inspector"), make_site()
    record(actor=actor, verb="site.merged", subject=site, data={"name": "Old Kiosk"})
    record(actor=actor, verb="site.merged", subject=site, context=actor.authority)
    record(actor=actor, verb="site.hours", subject=make_past_visit(site, "OSH"))
    assert len(entries(as_user, actor, site)) == 2  # the first, and the visit itself


def test_visits_and_changes_of_the_register_stand_in_between(as_user):
    site = make_site()
    actor = make_actor("OSH", "inspector")
    day = timezone.localdate()
    make_past_visit(site, "OSH", on=day - dt.timedelta(days=30), outcome="minor")
    make_past_visit(site, "TAX", on=day - dt.timedelta(days=20), shared=False)
    make_past_visit(site, "TAX", on=day - dt.timedelta(days=10), shared=True, outcome="no_remarks")
    RegisterChange.objects.create(
        site=site, old={"address": "Tie 1"}, new={"address": "Tie 2"}, source="ytj",
        at=timezone.now() - dt.timedelta(days=15),
    )  # fmt: skip
    record(actor=actor, verb="site.merged", subject=site, data={"name": "Old Kiosk"})
    shown = page(open_to(as_user, actor, site), site)
    told = [(e["sentence"], e.get("reason", "")) for e in shown.context["timeline"]]
    assert told == [
        ("Old Kiosk was made part of this site.", ""),
        ("Visit: No remarks.", ""),
        ("What the register says was changed.", "Address: Tie 1 → Tie 2"),
        ("Visit: Minor remarks.", ""),
    ]
    assert f'<time datetime="{day - dt.timedelta(days=10):%Y-%m-%d}">' in shown.content.decode()


def test_a_change_that_was_taken_back_is_told_as_such(as_user):
    site = make_site()
    actor = make_actor("OSH", "inspector")
    values = ({"address": "Tie 1"}, {"address": "Tie 2"})
    for old, new, undo in ((*values, False), (*values[::-1], True)):
        RegisterChange.objects.create(
            site=site, old=old, new=new, source="ytj", undo=undo, at=timezone.now()
        )
    shown = page(open_to(as_user, actor, site), site)
    told = [(entry["reason"], entry["who"]) for entry in shown.context["timeline"]]
    assert told == [
        ("Address: Tie 2 → Tie 1", "ytj · an import was undone"), ("Address: Tie 1 → Tie 2", "ytj"),
    ]  # fmt: skip


def test_what_happened_at_every_merged_part_stands_there(as_user):
    """Also at those beyond the parts that the page names."""
    site, actor = make_site(), make_actor("OSH", "analyst")
    parts = [make_site(name=f"Part {number:02d}") for number in range(25)]
    for part in parts:
        make_signal(actor, site=part)
    Signal.objects.update(site=site)  # as a merge does; the events stay where they were
    Site.objects.filter(pk__in=[part.pk for part in parts]).update(merged_into=site)
    there = page(open_to(as_user, actor, site), site, "?timeline=2")
    assert there.context["timeline_part"].words == "Entries 21–25 of 25 are shown."
    assert [e["sentence"] for e in there.context["timeline"]] == ["The signal was written."] * 5
    assert len(there.context["sources"]) == 21


def test_the_recused_find_nothing_under_the_page_either():
    cast = Cast()
    operation = cast.to("closed")
    site, person = cast.visits()[0].site, cast.actors["TAX", "coordinator"]
    with acting_as(person):
        assert happened_at(person, site).count() > 0
    recuse(actor=cast.actors["TAX", "manager"], person=person.user, target=site, reason="Kin")
    with acting_as(person):
        assert happened_at(person, site).count() == 0
    assert operation.state == "closed"


def test_a_long_timeline_leads_on_at_the_same_cost(as_user):
    site = make_site()
    actor = make_actor("OSH", "inspector")
    client = open_to(as_user, actor, site)

    def cost(query: str) -> int:
        page(client, site, query)
        with CaptureQueriesContext(connection) as captured:
            page(client, site, query)
        return len(captured)

    def add(number: int) -> None:
        for _each in range(number):
            record(actor=actor, verb="site.merged", subject=site, data={"name": "Old Kiosk"})

    add(3)
    few = cost("")
    add(40)
    words = [page(client, site, f"?timeline={n}").context["timeline_part"].words for n in (1, 2, 3)]
    assert words == [
        "Entries 1–20 of 43 are shown.", "Entries 21–40 of 43 are shown.",
        "Entries 41–43 of 43 are shown.",
    ]  # fmt: skip
    text = page(client, site, "?timeline=2").content.decode()
    assert words[1] in text
    assert '?timeline=3#timeline"' in text
    many = cost("?timeline=2")
    assert many - few == 1  # the count
    add(60)
    assert cost("?timeline=2") == many
