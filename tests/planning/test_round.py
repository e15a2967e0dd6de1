"""The arrows of an operation: who may take them, what they require, what they make."""

import pytest
from django.urls import reverse

from audit.errors import NotAllowed, RuleViolation
from planning import states
from planning.services import choose, invite, move, sign
from planning.services.parts import selection_hash
from tests.factories import Cast, make_actor
from worklist.models import Task

pytestmark = pytest.mark.django_db


def test_whole_round_through_the_services_ends_closed():
    cast = Cast()
    operation = cast.to("closed")
    assert operation.state == "closed"
    assert operation.closed_at is not None
    assert operation.decision_records.count() == 0 or operation.decision_records.count() == 3
    assert not Task.objects.open().filter(kind__startswith="planning.").exists()


@pytest.mark.parametrize("key", [k for k in states.ARROWS if k != "all_signed"])
def test_arrow_is_refused_to_everybody_but_the_lead_units_coordinators(key):
    cast = Cast()
    source = states.ARROWS[key].sources[0]
    operation = cast.to(str(source))
    for (code, role), actor in cast.actors.items():
        if (code, role) == ("OSH", "coordinator"):
            continue
        with pytest.raises(NotAllowed):
            move(actor=actor, operation=operation, arrow=key, reason="because")
    assert cast.refresh().state == source


@pytest.mark.parametrize("key", [k for k in states.ARROWS if k != "all_signed"])
def test_arrow_is_refused_from_every_other_state(key):
    cast = Cast()
    arrow = states.ARROWS[key]
    wrong = "closed" if "closed" not in arrow.sources else "draft"
    operation = cast.to(wrong)
    with pytest.raises(RuleViolation, match="cannot be done now"):
        move(actor=cast.lead, operation=operation, arrow=key, reason="because")


def test_missing_things_are_said_in_words():
    cast = Cast()
    operation = cast.to("inviting")
    with pytest.raises(RuleViolation, match="No other authority has accepted"):
        move(actor=cast.lead, operation=operation, arrow="open_nominations")
    cast._accept()
    with pytest.raises(RuleViolation, match="Nothing has been nominated"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="start_selection")
    cast._nominate()
    with pytest.raises(RuleViolation, match="3 sites are neither selected nor left out"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._choose()
    cast._sign()
    assert cast.refresh().state == "scheduled"
    with pytest.raises(RuleViolation, match="2 selected sites have no inspection day"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="start_execution")


def test_cancelling_needs_a_reason_and_takes_the_tasks_away():
    cast = Cast()
    operation = cast.to("nominating")
    assert Task.objects.open().filter(kind="planning.nominate").count() == 3
    with pytest.raises(RuleViolation, match="Give a reason"):
        move(actor=cast.lead, operation=operation, arrow="cancel", reason=" ")
    move(actor=cast.lead, operation=operation, arrow="cancel", reason="No people left")
    assert cast.refresh().cancel_reason == "No people left"
    assert not Task.objects.open().exists()


def test_reopening_asks_everybody_whom_a_change_touches_to_sign_again():
    cast = Cast()
    cast.to("scheduled")
    move(actor=cast.lead, operation=cast.refresh(), arrow="reopen_selection", reason="New site")
    gone = cast.operation.choices.filter(state="picked").first()
    choose(
        actor=cast.lead, operation=cast.refresh(), site=gone.site, state="dropped", reason="Closed"
    )
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    assert (cast.refresh().round, cast.operation.state) == (2, "signing")
    tasks = Task.objects.open().filter(kind="planning.sign").select_related("authority")
    assert {task.authority_id for task in tasks} == set(gone.team)
    for task in list(tasks):
        sign(
            actor=cast.actors[task.authority.code, "manager"], operation=cast.refresh(),
            shown_hash=selection_hash(cast.operation), method="password",
        )  # fmt: skip
    assert cast.refresh().state == "scheduled"
    assert cast.operation.signoffs.count() == 6


def test_an_invitation_that_nobody_answered_ends_when_selection_begins(as_user):
    """From then on the operation tells of the selection: on its timeline, when signing, by its days."""
    cast = Cast()
    operation = cast.to("nominating")
    late = make_actor("LATE", "coordinator", "manager")
    invite(actor=cast.lead, operation=operation, authority=late.authority, unit=late.unit)
    overview = reverse("planning:operation_detail", args=[operation.public_id])
    assert as_user(late).get(overview).status_code == 200
    cast._nominate()
    assert cast.refresh().state == "selecting"
    assert as_user(late).get(overview).status_code == 404
    assert not Task.objects.open().filter(authority=late.authority).exists()
    assert as_user(cast.actors["TAX", "coordinator"]).get(overview).status_code == 200
