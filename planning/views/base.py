"""What every page of an operation shares: fetching, frame, handling refusals."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from audit.errors import DomainError
from planning import states
from planning.models import Operation, OperationState, ParticipationState
from planning.permissions import ACTIONS, can
from planning.querysets import OperationQuerySet, held
from planning.tabs import tabs_for


def fetch(request: HttpRequest, public_id: Any) -> Operation:
    """The operation, if the acting membership sees it; else 404 as for one that does not exist."""
    return _one(Operation.objects.visible_to(request.actor), public_id)  # type: ignore[attr-defined]


def open_selection(request: HttpRequest, public_id: Any) -> Operation:
    """The operation while its selection exists, for those who take part; else 404."""
    actor = request.actor  # type: ignore[attr-defined]
    return _one(Operation.objects.selection_open_to(actor), public_id)


def _one(rows: OperationQuerySet, public_id: Any) -> Operation:
    rows = rows.select_related("lead_authority", "lead_unit", "lead")
    return get_object_or_404(rows.prefetch_related("regions", "industries"), public_id=public_id)


def steps(operation: Operation) -> list[dict[str, Any]]:
    """The three phases with what is done, now and later."""
    labels = {
        "planning": _("Planning"),
        "execution": _("Execution"),
        "feedback": _("Feedback and follow-up"),
    }
    phases = list(states.PHASES.items())
    now = next((i for i, (_k, s) in enumerate(phases) if operation.state in s), -1)
    closed = operation.state == OperationState.CLOSED
    return [
        {
            "label": labels[key],
            "state": "done" if closed or index < now else "now" if index == now else "todo",
            "note": operation.get_state_display(),
        }
        for index, (key, _states) in enumerate(phases)
    ]


def arrows(operation: Operation, rights: dict[str, bool]) -> list[dict[str, Any]]:
    """Arrows the actor may take now, each with what is still missing, in words."""
    if not rights["manage"]:
        return []
    return [
        {
            "key": arrow.key,
            "label": arrow.label,
            "missing": states.missing_for(arrow, operation),
            "needs_reason": arrow.needs_reason,
            "main": arrow.key not in ("cancel", "reopen_selection"),
        }
        for arrow in states.ARROWS.values()
        if operation.state in arrow.sources and arrow.key != "all_signed"
    ]


def frame(request: HttpRequest, operation: Operation, tab: str) -> dict[str, Any]:
    """Context that every tab needs."""
    actor = request.actor  # type: ignore[attr-defined]
    rights = {action: can(actor, action, operation) for action in ACTIONS}
    of_operation = operation.participations.filter(
        state__in=[ParticipationState.ACCEPTED, ParticipationState.INVITED]
    ).select_related("authority")
    places = list(of_operation.annotate(is_mine=held(actor)))
    takes_part = any(place.is_mine for place in places)  # type: ignore[attr-defined]
    shown = [p.authority for p in places] if operation.state != "draft" else [actor.authority]
    return {
        "operation": operation,
        "steps": steps(operation),
        "tabs": tabs_for(operation, tab, takes_part),
        "rights": rights,
        "visible_to": ", ".join(authority.short for authority in shown),
    }


def attempt(request: HttpRequest, done: str, action: Any) -> bool:
    """Run a service; tell how it went. True when it was done."""
    try:
        action()
    except DomainError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, done)
    return True
