"""Two at once, on real transactions: exactly one wins and the other is told."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone, translation

from audit.errors import Conflict, DomainError, RuleViolation
from audit.models import Event
from execution.services import add_finding, start_visit, submit_record
from feedback.models import Feedback
from feedback.services import give_feedback
from planning.jobs import make_decision_records
from planning.models import TeamMember
from planning.services import accept, create_day, create_operation, invite, sign
from planning.services.parts import selection_hash
from tests.factories import Cast, make_actor, make_region

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, action: Callable[[int], Any]) -> list[Any]:
    """Run ``action`` in threads that start together; results or the domain's refusals."""
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count

    def work(number: int) -> None:
        barrier.wait()
        try:
            with translation.override("en"):
                results[number] = action(number)
        except DomainError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_fifty_signatures_at_once_make_one_decision(monkeypatch):
    monkeypatch.setattr("planning.services.operations.schedule_records", lambda operation: None)
    cast = Cast()
    operation = cast.to("signing")
    shown = selection_hash(operation)
    managers = [cast.actors[code, "manager"] for code in cast.CODES]
    results = at_once(
        50,
        lambda n: sign(
            actor=managers[n % 3], operation=operation, shown_hash=shown, method="password"
        ),
    )
    refused = [r for r in results if isinstance(r, Conflict)]
    assert len(refused) == 47
    assert "has signed for your authority already" in str(refused[0])
    assert cast.refresh().state == "scheduled"
    assert cast.operation.signoffs.count() == 3
    assert Event.objects.filter(verb="operation.scheduled").count() == 1


def test_fifty_authorities_at_once_make_one_decision_and_one_set_of_records(monkeypatch):
    """Fifty managers of fifty authorities sign one plan in the same moment."""
    made = []

    def in_place(operation_id):
        made.append(operation_id)
        make_decision_records(operation_id)

    monkeypatch.setattr("planning.jobs.make_decision_records.delay", in_place)
    cast = Cast()
    cast.to("inviting")
    guests = [make_actor(f"A{n:02d}", "coordinator", "manager") for n in range(47)]
    for guest in guests:
        place = invite(
            actor=cast.lead, operation=cast.operation, authority=guest.authority, unit=guest.unit
        )
        accept(actor=guest, place=place, unit=guest.unit, inspector_days_per_week=2)
    cast._accept()
    cast._nominate()
    cast._choose()
    operation = cast.refresh()
    shown = selection_hash(operation)
    managers = [*guests, *(cast.actors[code, "manager"] for code in cast.CODES)]
    results = at_once(
        50,
        lambda n: sign(
            actor=managers[n], operation=operation, shown_hash=shown, method="password+totp"
        ),
    )
    assert [r for r in results if isinstance(r, DomainError)] == []
    assert cast.refresh().state == "scheduled"
    assert cast.operation.signoffs.count() == 50
    assert Event.objects.filter(verb="operation.scheduled").count() == 1
    assert made == [operation.pk]
    assert sorted(cast.operation.decision_records.values_list("language", flat=True)) == [
        "en", "fi", "sv",
    ]  # fmt: skip
    rows = next(
        s["rows"]
        for s in cast.operation.decision_records.get(language="en").content["sections"]
        if s["title"] == "Signatures"
    )
    assert len(rows) == 50


def test_one_person_is_on_one_team_a_day():
    cast = Cast()
    operation = cast.to("scheduled")
    member = cast.actors["OSH", "inspector"].membership
    results = at_once(
        2,
        lambda n: create_day(
            actor=cast.lead, operation=operation, date=timezone.localdate(),
            team_name=f"Team {n}", members=[member], team_lead=member.user,
        ),
    )  # fmt: skip
    refused = [r for r in results if isinstance(r, RuleViolation)]
    assert len(refused) == 1
    assert "already on a team that day" in str(refused[0])
    assert TeamMember.objects.count() == 1


def test_a_visit_is_started_once():
    cast = Cast()
    cast.to("executing")
    visit = cast.visits()[0]
    phones = [cast.actors["OSH", "inspector"], cast.actors["TAX", "inspector"]]
    results = at_once(8, lambda n: start_visit(actor=phones[n % 2], visit=visit))
    told = [str(r) for r in results if isinstance(r, Conflict)]
    assert len(told) == 7, results
    assert all("started this visit at" in text for text in told)
    assert Event.objects.filter(verb="visit.started").count() == 1


def test_a_finding_sent_many_times_is_one_finding():
    import uuid

    cast = Cast()
    cast.to("executing")
    osh = cast.actors["OSH", "inspector"]
    visit = start_visit(actor=osh, visit=cast.visits()[0])
    record = cast.record(visit, "OSH")
    key = uuid.uuid4()
    results = at_once(
        8,
        lambda n: add_finding(
            actor=osh, record=record, severity="minor", text="No roster",
            legal_reference="1 §", client_id=key,
        ),
    )  # fmt: skip
    assert len({r.pk for r in results}) == 1
    with pytest.raises(Conflict):
        add_finding(
            actor=osh, record=record, severity="minor", text="Other text",
            legal_reference="1 §", client_id=key,
        )  # fmt: skip


def test_a_record_is_submitted_once():
    cast = Cast()
    cast.to("executing")
    osh = cast.actors["OSH", "inspector"]
    visit = start_visit(actor=osh, visit=cast.visits()[0])
    record = cast.fill(cast.record(visit, "OSH"), osh)
    results = at_once(6, lambda n: submit_record(actor=osh, record=record, outcome="no_remarks"))
    assert sum(not isinstance(r, DomainError) for r in results) == 1
    assert Event.objects.filter(verb="record.submitted").count() == 1


def test_feedback_is_given_once():
    cast = Cast()
    operation = cast.to("feedback")
    Feedback.objects.all().delete()
    at_once(6, lambda n: give_feedback(operation=operation))
    assert Feedback.objects.count() == operation.nominations.count()


def test_numbers_of_operations_never_repeat():
    import datetime as dt

    cast = Cast()
    today = timezone.localdate()
    operations = at_once(
        8,
        lambda n: create_operation(
            actor=cast.lead, name=f"O{n}", theme="t", aim="a", legal_purpose="p",
            window_start=today, window_end=today + dt.timedelta(days=9), answer_by=today,
            nominate_by=today, regions=[make_region()],
        ),
    )  # fmt: skip
    assert len({o.number for o in operations}) == 8
