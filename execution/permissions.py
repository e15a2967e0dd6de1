"""Who may do what at a visit. Reading follows the querysets; writing needs a place on the team."""

from typing import TYPE_CHECKING

from authorities.models import Role
from execution.models import InspectionRecord, RecordState, Visit
from planning.models import OperationState
from planning.permissions import can as can_operation

if TYPE_CHECKING:
    from authorities.actors import Actor

RECORDING_STATES = (OperationState.EXECUTING, OperationState.FEEDBACK)


def on_team(actor: "Actor", visit: Visit) -> bool:
    """On the day's team, for the acting authority, in an operation one sees."""
    return bool(Visit.objects.of_team_member(actor).filter(pk=visit.pk).exists())


def can(actor: "Actor", action: str, obj: Visit | InspectionRecord) -> bool:
    """``view``, ``run`` (start, end, not possible) for visits; ``view``, ``write``, ``reopen``
    for records."""
    if isinstance(obj, Visit):
        if action == "view":
            return bool(Visit.objects.visible_to(actor).filter(pk=obj.pk).exists())
        return (
            on_team(actor, obj)
            and can_operation(actor, "record", obj.operation)
            and obj.operation.state == OperationState.EXECUTING
        )
    visible = InspectionRecord.objects.visible_to(actor).filter(pk=obj.pk).exists()
    if action == "view" or not visible:
        return bool(visible)
    if action == "write":
        return (
            obj.state == RecordState.OPEN
            and obj.visit.operation.state in RECORDING_STATES
            and on_team(actor, obj.visit)
            and can_operation(actor, "record", obj.visit.operation)
        )
    return (
        action == "reopen"
        and obj.state == RecordState.SUBMITTED
        and obj.visit.operation.state == OperationState.EXECUTING
        and actor.has_role(Role.COORDINATOR)
        and can_operation(actor, "record", obj.visit.operation)
    )
