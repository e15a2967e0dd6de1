"""Who may write in phase 3: the authority itself, by the right to record in the operation."""

from typing import TYPE_CHECKING

from authorities.models import Role
from feedback.models import Measure, Outcome
from planning.models import Operation, OperationState
from planning.permissions import can as can_operation

if TYPE_CHECKING:
    from authorities.actors import Actor

WRITERS = (Role.INSPECTOR, Role.COORDINATOR, Role.MANAGER)


def can_write(actor: "Actor", operation: Operation) -> bool:
    """Record outcomes, open measures, write the debrief, for the own authority."""
    if operation.state not in (
        OperationState.EXECUTING, OperationState.FEEDBACK, OperationState.CLOSED,
    ):  # fmt: skip
        return False
    return can_operation(actor, "record", operation) or can_operation(actor, "sign", operation)


def can(actor: "Actor", action: str, obj: Outcome | Measure) -> bool:
    """``view`` follows the querysets; ``change`` is for the authority whose row it is.

    Measures go on after the operation has closed, until they are closed themselves.
    """
    visible = type(obj).objects.visible_to(actor).filter(pk=obj.pk).exists()
    if action == "view" or not visible:
        return bool(visible)
    operation = obj.operation if isinstance(obj, Measure) else obj.visit.operation
    if obj.authority_id != actor.authority.pk or not can_write(actor, operation):
        return False
    return isinstance(obj, Measure) or operation.state != OperationState.CLOSED
