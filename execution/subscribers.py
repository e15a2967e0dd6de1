"""What phase 2 does when something happens in phase 1; imported from ``apps.ready``."""

from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from audit.bus import on
from execution.models import InspectionRecord, Visit
from execution.services.visits import prepare_visits
from planning.models import Operation, OperationState
from planning.states import register_guard
from worklist.services import finish_tasks


@on("operation.executing")
def begin(event: Any, operation: Operation, actor: Any) -> None:
    prepare_visits(operation=operation)


@on("day.created", "day.changed")
def follow_plan(event: Any, day: Any, actor: Any) -> None:
    """Visits and teams added while inspections are under way get their rows at once."""
    if day.operation.state == OperationState.EXECUTING:
        prepare_visits(operation=day.operation)


@on("operation.feedback")
def field_part_over(event: Any, operation: Operation, actor: Any) -> None:
    finish_tasks(actor=actor, subject=operation, kind="execution.day")


def visits_finished(operation: Operation) -> list[Any]:
    """Every visit ended or not possible, every record of a made visit submitted."""
    missing = []
    open_visits = Visit.objects.filter(
        Q(state="planned", planned__merged_into__isnull=True) | Q(state="started"),
        operation=operation,
    ).select_related("site")
    names = [visit.site.name for visit in open_visits.order_by("pk")[:10]]
    if names:
        missing.append(_("Visits not ended: %(names)s.") % {"names": ", ".join(names)})
    records = InspectionRecord.objects.filter(
        visit__operation=operation, visit__state="ended", state="open"
    ).select_related("authority", "visit__site")
    waiting = [
        f"{record.authority.short} ({record.visit.site.name})"
        for record in records.order_by("pk")[:10]
    ]
    if waiting:
        missing.append(_("Records not submitted: %(names)s.") % {"names": ", ".join(waiting)})
    return missing


register_guard("start_feedback", visits_finished)
