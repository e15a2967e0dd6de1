"""Follow-up measures: opened with a deadline, reminded of, closed with a result."""

import datetime as dt
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record as record_event
from authorities.models import Membership, Role, User
from execution.models import Visit
from feedback.models import Measure, MeasureKind, MeasureResult, MeasureState
from feedback.permissions import can, can_write
from worklist.services import ensure_task, finish_tasks, move_task

if TYPE_CHECKING:
    from authorities.actors import Actor


def task_key(measure: Measure) -> str:
    return f"feedback.measure:{measure.pk}"


def _check_deadline(visit: Visit, deadline: dt.date) -> None:
    if deadline < visit.planned.day.date:
        raise RuleViolation(_("The deadline cannot be before the visit."), field="deadline")


def _check_responsible(actor: "Actor", responsible: User | None) -> None:
    if responsible is not None and not (
        Membership.objects.usable().filter(user=responsible, authority=actor.authority).exists()
    ):
        raise RuleViolation(_("Choose a person of your own authority."), field="responsible")


@service
def open_measure(
    *,
    actor: "Actor",
    visit: Visit,
    kind: str,
    deadline: dt.date,
    description: str = "",
    legal_reference: str = "",
    responsible: User | None = None,
) -> Measure:
    """Open a measure of the own authority after a visit, with its task and reminders."""
    Visit.objects.select_for_update(of=("self",)).get(pk=visit.pk)
    visit = Visit.objects.select_related("operation", "site", "planned__day").get(pk=visit.pk)
    operation = visit.operation
    if not can_write(actor, operation):
        raise NotAllowed(_("You have no right to record results in this operation."))
    place = operation.participations.filter(authority=actor.authority, state="accepted").first()
    if place is None:
        raise NotAllowed(_("Your authority does not take part in this operation."))
    if visit.state not in ("started", "ended"):
        raise RuleViolation(_("Measures follow from a visit that was made."))
    if kind not in MeasureKind.values:
        raise RuleViolation(_("Choose a kind of measure."), field="kind")
    _check_deadline(visit, deadline)
    _check_responsible(actor, responsible)
    measure = Measure.objects.create(
        visit=visit, operation=operation, authority=actor.authority, unit=place.unit, kind=kind,
        deadline=deadline, description=description.strip(),
        legal_reference=legal_reference.strip(), responsible=responsible, created_by=actor.user,
    )  # fmt: skip
    ensure_task(
        key=task_key(measure), kind="feedback.measure", authority=actor.authority,
        unit=None if responsible else place.unit, role="" if responsible else Role.INSPECTOR,
        assignee=responsible, subject=measure, due=deadline,
        url=reverse("feedback:measure_detail", args=[measure.public_id]),
        params={"site": visit.site.name, "kind": str(MeasureKind(kind).label)},
    )  # fmt: skip
    record_event(
        actor=actor, verb="measure.opened", subject=measure, context=operation,
        data={"authority": actor.authority.name, "kind": str(MeasureKind(kind).label)},
    )  # fmt: skip
    return measure


def _locked(actor: "Actor", measure: Measure) -> Measure:
    Measure.objects.select_for_update(of=("self",)).get(pk=measure.pk)
    measure = Measure.objects.select_related("visit__planned__day", "operation", "authority").get(
        pk=measure.pk
    )
    if not can(actor, "change", measure):
        raise NotAllowed(_("Only the authority whose measure this is can change it."))
    if measure.state in (MeasureState.CLOSED, MeasureState.CANCELLED):
        raise Conflict(
            _("The measure is “%(state)s” already.") % {"state": measure.get_state_display()}
        )
    return measure


@service
def change_measure(
    *,
    actor: "Actor",
    measure: Measure,
    version: int,
    deadline: dt.date,
    state: str,
    description: str = "",
    legal_reference: str = "",
    responsible: User | None = None,
) -> Measure:
    """Change an open measure; a new deadline moves its task."""
    measure = _locked(actor, measure)
    if measure.version != version:
        raise Conflict(
            _("Somebody else changed the measure while you were writing."), code="version"
        )
    if state not in (MeasureState.OPEN, MeasureState.IN_PROGRESS):
        raise RuleViolation(_("Close the measure by its own button, with a result."), field="state")
    _check_deadline(measure.visit, deadline)
    _check_responsible(actor, responsible)
    moved = deadline != measure.deadline
    measure.deadline, measure.state = deadline, state
    measure.description, measure.legal_reference = description.strip(), legal_reference.strip()
    measure.responsible = responsible
    measure.version += 1
    measure.save()
    if moved:
        move_task(key=task_key(measure), due=deadline)
    record_event(
        actor=actor, verb="measure.changed", subject=measure, context=measure.operation,
        data={"authority": actor.authority.name},
    )  # fmt: skip
    return measure


@service
def close_measure(
    *, actor: "Actor", measure: Measure, result: str, result_note: str = ""
) -> Measure:
    """Close with a result; its task ends with it."""
    measure = _locked(actor, measure)
    if result not in MeasureResult.values:
        raise RuleViolation(_("Choose a result."), field="result")
    return _end(actor, measure, MeasureState.CLOSED, "measure.closed", result, result_note)


@service
def cancel_measure(*, actor: "Actor", measure: Measure, reason: str) -> Measure:
    """Give a measure up, with a reason."""
    measure = _locked(actor, measure)
    if not reason.strip():
        raise RuleViolation(_("Give a reason."), field="reason")
    return _end(actor, measure, MeasureState.CANCELLED, "measure.cancelled", "", reason)


def _end(
    actor: "Actor", measure: Measure, state: MeasureState, verb: str, result: str, note: str
) -> Measure:
    measure.state, measure.result, measure.result_note = state, result, note.strip()
    measure.closed_at, measure.closed_by = timezone.now(), actor.user
    measure.version += 1
    measure.save()
    finish_tasks(actor=actor, key=task_key(measure), cancelled=state == MeasureState.CANCELLED)
    record_event(
        actor=actor, verb=verb, subject=measure, context=measure.operation,
        data={"authority": actor.authority.name},
    )  # fmt: skip
    return measure
