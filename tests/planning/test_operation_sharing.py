"""Giving to an operation, and findings that others want to know."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Interest
from execution.services import add_finding, start_visit
from planning.models import Participation
from planning.services import withdraw
from planning.services.sharing import disclose_to_operation
from targets.models import Dataset, Disclosure, Offer, Signal
from tests.factories import Cast, make_ground, make_retention, make_signal, make_term
from worklist.models import Notification

pytestmark = pytest.mark.django_db


def seen(actor) -> set[int]:
    with acting_as(actor):
        return set(Signal.objects.visible_to(actor).values_list("pk", flat=True))


def test_an_operation_is_given_what_each_participant_may_have(as_user):
    cast = Cast()
    operation = cast.to("selecting")
    make_term("requires", "necessary", name_en="it is necessary")
    make_ground("G-OP", ["OSH"], ["TAX"], "tip", requires=["necessary"])
    signal = make_signal(cast.lead, site=cast.sites[0])
    tax, police = cast.actors["TAX", "coordinator"], cast.actors["POL", "coordinator"]
    page = reverse("planning:shared_signals", args=[operation.public_id])
    shown = as_user(cast.lead).get(page).content.decode()
    assert "it is necessary" in shown
    assert str(signal.public_id) not in as_user(tax).get(page).content.decode()
    with pytest.raises(RuleViolation, match="it is necessary"):
        disclose_to_operation(
            actor=cast.lead, operation=operation, item=signal, purpose="p", confirmed=[]
        )
    client = as_user(cast.lead)
    for _ in range(2):  # sent twice, given once
        client.post(page, {"signal": str(signal.public_id), "confirmed": ["necessary"]})
    given = Disclosure.objects.get()
    assert (given.receiver, given.context_id) == (tax.authority, operation.pk)
    assert signal.pk in seen(tax)
    assert signal.pk not in seen(police)  # no ground lets it have this
    assert str(signal.public_id) in as_user(tax).get(page).content.decode()
    withdraw(actor=tax, place=cast.place("TAX"), reason="No people")
    assert seen(tax) == set()


def test_nothing_is_given_where_nobody_may_have_it_or_by_an_outsider():
    cast = Cast()
    operation = cast.to("selecting")
    signal = make_signal(cast.lead, site=cast.sites[0])
    with pytest.raises(RuleViolation, match="no ground"):
        disclose_to_operation(
            actor=cast.lead, operation=operation, item=signal, purpose="p", confirmed=[]
        )
    outsider = cast.actors["OUT", "coordinator"]
    with pytest.raises(NotAllowed):
        disclose_to_operation(
            actor=outsider, operation=operation, item=make_signal(outsider), purpose="p",
            confirmed=[],
        )  # fmt: skip


def test_a_finding_that_others_want_to_know_is_offered_at_the_moment_of_writing(as_user):
    cast = Cast()
    cast.to("executing", sites=1)
    make_retention()
    make_term("information", "employment_terms")
    make_ground("G-F", ["OSH"], ["TAX"], "employment_terms")
    tax = cast.actors["TAX", "manager"]
    Interest.objects.create(authority=tax.authority, information="employment_terms")
    osh, visit = cast.actors["OSH", "inspector"], cast.visits()[0]
    start_visit(actor=osh, visit=visit)
    record = cast.record(visit, "OSH")
    page = reverse("execution:finding_add", args=[record.public_id])
    client = as_user(osh)
    form = client.get(page).context["form"]
    answer = client.post(page, {
        "severity": "serious", "text": "Pay off the books", "legal_reference": "55/2001 2:7 §",
        "kind": "employment_terms", "client_id": str(form.initial["client_id"]),
    })  # fmt: skip
    signal = Signal.objects.get()
    assert answer["Location"] == reverse("targets:signal_detail", args=[signal.public_id])
    offer = Offer.objects.get()
    assert (offer.receiver, offer.state) == (tax.authority, "open")
    assert seen(tax) == set()
    assert "Pay off the books" in client.get(answer["Location"]).content.decode()
    plain = add_finding(
        actor=osh, record=record, severity="minor", text="Other", legal_reference="1 §"
    )
    assert plain.signal is None
    assert Signal.objects.count() == 1


def test_a_data_set_goes_to_those_named_as_recipients_only(as_user):
    cast = Cast()
    operation = cast.to("selecting")
    lead = cast.actors["OSH", "manager"]
    make_ground("G-MASS", ["OSH"], ["TAX", "POL"], "tip", mode="mass_data")
    dataset = Dataset.objects.create(
        authority=lead.authority, created_by=lead.user, title="Wages of the trade", kind="tip",
        ground=make_ground("G-OWN", ["TAX"], ["OSH"], "tip", mode="mass_data"), purpose="p",
        recipients=["TAX"], expires_on=timezone.localdate() + dt.timedelta(days=9), state="ready",
    )  # fmt: skip
    page = reverse("planning:shared_signals", args=[operation.public_id])
    client = as_user(lead)
    assert "Wages of the trade" in client.get(page).content.decode()
    answer = client.post(page, {"dataset": str(dataset.public_id)}, follow=True)
    given = Disclosure.objects.get(dataset=dataset)
    assert given.receiver.code == "TAX"  # the police has a ground but was not named
    assert "Given to" in answer.content.decode()
    tax = as_user(cast.actors["TAX", "analyst"])
    assert "Wages of the trade" in tax.get(page).content.decode()
    police = as_user(cast.actors["POL", "analyst"])
    assert "Wages of the trade" not in police.get(page).content.decode()
    # Nobody gives what is another's.
    answer = tax.post(page, {"dataset": str(dataset.public_id)})
    assert answer.status_code == 404


def test_who_joins_later_is_asked_for_and_gets_it_by_one_click(as_user):
    cast = Cast()
    operation = cast.to("selecting")
    make_ground("G-OP", ["OSH"], ["TAX", "POL"], "tip")
    police = cast.place("POL")
    Participation.objects.filter(pk=police.pk).update(state="invited", answered_at=None)
    signal = make_signal(cast.lead, site=cast.sites[0])
    disclose_to_operation(
        actor=cast.lead, operation=operation, item=signal, purpose="p", confirmed=[]
    )
    assert [d.receiver.code for d in Disclosure.objects.all()] == ["TAX"]
    police.refresh_from_db()
    with acting_as(cast.actors["POL", "manager"]):
        emit_accepted(police, cast.actors["POL", "manager"])
        emit_accepted(police, cast.actors["POL", "manager"])  # told twice, asked once
    asked = Notification.objects.get(kind="give_to_who_joined")
    assert asked.recipient == cast.lead.user
    Participation.objects.filter(pk=police.pk).update(
        state="accepted", answered_at=timezone.now(), answered_by=cast.actors["POL", "manager"].user
    )
    client = as_user(cast.lead)
    page = client.get(asked.url).content.decode()
    assert f"Given to {cast.place('TAX').authority.short}" in page
    assert f"Give to {police.authority.short}" in page
    client.post(asked.url, {"signal": str(signal.public_id)})
    assert signal.pk in seen(cast.actors["POL", "coordinator"])
    assert "Give to" not in client.get(asked.url).content.decode()


def emit_accepted(place, actor) -> None:
    record(actor=actor, verb="participation.accepted", subject=place, context=place.operation)
