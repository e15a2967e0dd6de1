"""Giving to an operation, and findings that others want to know."""

import pytest
from django.urls import reverse

from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from authorities.models import Interest
from execution.services import add_finding, start_visit
from planning.services import withdraw
from planning.services.sharing import disclose_to_operation
from targets.models import Disclosure, Offer, Signal
from tests.factories import Cast, make_ground, make_retention, make_signal, make_term

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
