"""Tasks that the states of an operation make, and end. Asked again, nothing doubles."""

from typing import Any

from django.urls import reverse

from authorities.models import Role
from planning.models import (
    Operation,
    OperationState,
    Participation,
    ParticipationState,
)
from planning.states import tasks_of
from worklist.services import ensure_task, finish_tasks


def operation_url(name: str, operation: Operation) -> str:
    return reverse(f"planning:{name}", args=[operation.public_id])


def make_tasks(operation: Operation, only: Participation | None = None) -> None:
    """Tasks of the operation's present state, for one participation or for all."""
    places = [only] if only else list(
        operation.participations.select_related("unit", "authority").order_by("pk")
    )  # fmt: skip
    params = {"operation": operation.name}
    kinds = tasks_of(operation.state)
    signed = set(
        operation.signoffs.filter(round=operation.round).values_list("participation_id", flat=True)
    )
    for place in places:
        base: dict[str, Any] = {
            "authority": place.authority, "unit": place.unit, "subject": operation,
            "params": params,
        }  # fmt: skip
        if "planning.answer" in kinds and place.state == ParticipationState.INVITED:
            ensure_task(
                key=f"planning.answer:{place.pk}:{place.invited_at.timestamp():.0f}",
                kind="planning.answer", role=Role.COORDINATOR, due=operation.answer_by,
                url=reverse("planning:answer", args=[place.public_id]), **base,
            )  # fmt: skip
        if "planning.nominate" in kinds and place.state == ParticipationState.ACCEPTED:
            ensure_task(
                key=f"planning.nominate:{place.pk}", kind="planning.nominate",
                role=Role.COORDINATOR, due=operation.nominate_by,
                url=operation_url("nominate", operation), **base,
            )  # fmt: skip
        if (
            "planning.sign" in kinds
            and place.state == ParticipationState.ACCEPTED
            and place.pk not in signed
        ):
            ensure_task(
                key=f"planning.sign:{place.pk}:{operation.round}", kind="planning.sign",
                role=Role.MANAGER, due=operation.window_start,
                url=operation_url("signoff", operation), **base,
            )  # fmt: skip
        if "planning.select" in kinds and place.is_lead:
            ensure_task(
                key=f"planning.select:{operation.pk}:{operation.round}", kind="planning.select",
                role=Role.COORDINATOR, due=operation.window_start,
                url=operation_url("selection", operation), **base,
            )  # fmt: skip
        if "planning.days" in kinds and place.is_lead:
            ensure_task(
                key=f"planning.days:{operation.pk}", kind="planning.days",
                role=Role.COORDINATOR, due=operation.window_start,
                url=operation_url("days", operation), **base,
            )  # fmt: skip
    _end_old(operation)


ENDED_BY_STATE: dict[str, tuple[str, ...]] = {
    OperationState.NOMINATING: (),
    OperationState.SELECTING: ("planning.answer", "planning.nominate", "planning.sign"),
    OperationState.SIGNING: ("planning.select",),
    OperationState.SCHEDULED: ("planning.sign", "planning.select"),
    OperationState.EXECUTING: ("planning.days",),
}


def _end_old(operation: Operation) -> None:
    """Close what the present state has made unnecessary."""
    if operation.state == OperationState.CANCELLED:
        finish_tasks(actor=None, subject=operation, cancelled=True)
        return
    for kind in ENDED_BY_STATE.get(operation.state, ()):
        finish_tasks(actor=None, subject=operation, kind=kind, cancelled=True)
