"""The course of a visit: prepared from the plan, started and ended by the server's clock."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from execution.models import (
    Checklist,
    InspectionRecord,
    NotPossibleReason,
    Visit,
    VisitState,
)
from execution.permissions import can
from planning.models import Operation
from worklist.services import ensure_task

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def prepare_visits(*, operation: Operation) -> int:
    """Rows for every planned visit and for every authority on its team; asked again, adds what is new.

    Returns the number of new visits.
    """
    made = 0
    planned = (
        operation.planned_visits.filter(merged_into__isnull=True)
        .select_related("day", "site")
        .order_by("pk")
    )
    checklists = {c.authority_id: c for c in Checklist.objects.valid_on().order_by("edition")}
    for plan in planned:
        visit, created = Visit.objects.get_or_create(
            planned=plan, defaults={"operation": operation, "site": plan.site}
        )
        made += created
        members = plan.day.members.select_related("authority", "user").order_by("pk")
        for member in members:
            InspectionRecord.objects.get_or_create(
                visit=visit, authority=member.authority,
                defaults={"checklist": checklists.get(member.authority_id)},
            )  # fmt: skip
            ensure_task(
                key=f"execution.day:{plan.day_id}:{member.user_id}", kind="execution.day",
                authority=member.authority, assignee=member.user, subject=operation,
                url=reverse("execution:day", args=[plan.day.public_id]), due=plan.day.date,
                params={"operation": operation.name, "team": plan.day.team_name},
            )  # fmt: skip
    return made


def locked(visit: Visit) -> Visit:
    """The visit, locked. Read again after the lock: rows joined to a row that was waited for are
    those of before the wait."""
    Visit.objects.select_for_update(of=("self",)).get(pk=visit.pk)
    return Visit.objects.select_related("operation", "site", "started_by", "planned__day").get(
        pk=visit.pk
    )


def _check(actor: "Actor", visit: Visit) -> None:
    if not can(actor, "run", visit):
        raise NotAllowed(_("Only the day’s team can do this, while inspections are under way."))


@service
def start_visit(*, actor: "Actor", visit: Visit) -> Visit:
    """Stamp the start, once; a second phone is told who started and when."""
    visit = locked(visit)
    _check(actor, visit)
    if visit.planned.postponed_at is not None:
        raise Conflict(_("Stop: this visit is postponed. Do not go in."), code="postponed")
    if visit.planned.merged_into_id is not None:
        raise Conflict(_("This visit is made together with another operation’s."), code="merged")
    if visit.state != VisitState.PLANNED:
        if visit.started_by is not None and visit.started_at is not None:
            raise Conflict(
                _("%(name)s started this visit at %(time)s.")
                % {
                    "name": visit.started_by.full_name,
                    "time": date_format(timezone.localtime(visit.started_at), "TIME_FORMAT"),
                }
            )
        raise RuleViolation(_("This visit was marked as not possible."))
    visit.state = VisitState.STARTED
    visit.started_at, visit.started_by = timezone.now(), actor.user
    visit.save()
    record(
        actor=actor, verb="visit.started", subject=visit, context=visit.operation,
        data={"site": visit.site.name},
    )  # fmt: skip
    return visit


@service
def end_visit(*, actor: "Actor", visit: Visit) -> Visit:
    """Stamp the end of a started visit."""
    visit = locked(visit)
    _check(actor, visit)
    if visit.state == VisitState.ENDED:
        return visit
    if visit.state != VisitState.STARTED:
        raise RuleViolation(_("Start the visit first."))
    visit.state = VisitState.ENDED
    visit.ended_at = timezone.now()
    visit.save()
    record(
        actor=actor, verb="visit.ended", subject=visit, context=visit.operation,
        data={"site": visit.site.name},
    )  # fmt: skip
    return visit


@service
def mark_not_possible(*, actor: "Actor", visit: Visit, reason: str, note: str = "") -> Visit:
    """Say that the visit could not be made, and why."""
    visit = locked(visit)
    _check(actor, visit)
    if reason not in NotPossibleReason.values:
        raise RuleViolation(_("Choose why the visit was not possible."), field="reason")
    if reason == NotPossibleReason.OTHER and not note.strip():
        raise RuleViolation(_("Say in words why the visit was not possible."), field="note")
    if visit.state == VisitState.NOT_POSSIBLE:
        return visit
    with as_system("whether anybody has found anything, not what"):
        made = visit.records.filter(state="submitted").exists()
        found = visit.records.filter(
            findings__removed_at__isnull=True, findings__isnull=False
        ).exists()
    if made or visit.state == VisitState.ENDED:
        raise RuleViolation(_("The visit has been made; it cannot be marked as not possible."))
    if found:
        raise RuleViolation(
            _("The visit has findings; strike them out first if it was not possible.")
        )
    visit.state = VisitState.NOT_POSSIBLE
    visit.not_possible_reason, visit.not_possible_note = reason, note.strip()
    visit.save()
    record(
        actor=actor, verb="visit.not_possible", subject=visit, context=visit.operation,
        data={"site": visit.site.name, "reason": str(NotPossibleReason(reason).label)},
    )  # fmt: skip
    return visit
