"""What phase 3 does when something happens before it; imported from ``apps.ready``."""

from typing import Any

from django.utils.translation import gettext as _

from audit.bus import on
from execution.models import InspectionRecord, Visit
from feedback.models import Outcome
from feedback.services.outcomes import (
    give_feedback,
    prefill,
    prefill_not_visited,
    store_results,
)
from planning.models import Operation, OperationState
from planning.states import register_guard


@on("record.submitted", "record.submitted_late")
def record_submitted(event: Any, record: InspectionRecord, actor: Any) -> None:
    prefill(record=record, user=actor.user)


@on("visit.not_possible")
def not_possible(event: Any, visit: Visit, actor: Any) -> None:
    prefill_not_visited(visit=visit, user=actor.user)


@on("operation.feedback", "operation.closed")
def tell_nominators(event: Any, operation: Operation, actor: Any) -> None:
    give_feedback(operation=operation, actor=actor)
    if operation.state == OperationState.CLOSED:
        store_results(operation=operation)


@on(
    "outcome.recorded",
    "measure.opened",
    "measure.closed",
    "measure.cancelled",
)
def keep_feedback_current(event: Any, row: Any, actor: Any) -> None:
    """What nominators were told follows the outcomes until the operation is closed."""
    operation = row.operation if hasattr(row, "operation") else row.visit.operation
    if operation.state == OperationState.FEEDBACK:
        give_feedback(operation=operation, actor=actor)


def outcomes_recorded(operation: Operation) -> list[Any]:
    """Every authority on a team has an outcome for each of its visits."""
    done = set(
        Outcome.objects.filter(visit__operation=operation).values_list("visit_id", "authority_id")
    )
    missing = [
        f"{r.authority.short} ({r.visit.site.name})"
        for r in InspectionRecord.objects.filter(visit__operation=operation)
        .select_related("authority", "visit__site")
        .order_by("pk")
        if (r.visit_id, r.authority_id) not in done
    ]
    if not missing:
        return []
    return [_("Outcomes missing: %(names)s.") % {"names": ", ".join(missing[:10])}]


register_guard("close", outcomes_recorded)
