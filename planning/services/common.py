"""Locking and checking, the same way for every write to an operation."""

from typing import TYPE_CHECKING

from django.db import connection
from django.utils.translation import gettext as _

from audit.errors import NotAllowed, RuleViolation
from planning.models import Operation, OperationState, Participation, ParticipationState
from planning.permissions import can

if TYPE_CHECKING:
    from authorities.actors import Actor


def lock(operation: Operation, *, patience: int = 0) -> Operation:
    """The operation's row, locked until the transaction ends.

    ``patience``: seconds to wait where many come at once and each is let through in turn; by
    default the time-outs of the settings hold.
    """
    if patience:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %(wait)s, true),"
                " set_config('statement_timeout', %(wait)s, true)",
                {"wait": f"{patience}s"},
            )
    return (
        Operation.objects.select_for_update(of=("self",))
        .select_related("lead_authority", "lead_unit")
        .get(pk=operation.pk)
    )


def check(actor: "Actor", action: str, operation: Operation) -> None:
    """Raise NotAllowed unless the actor may do this to the operation."""
    if not can(actor, action, operation):
        raise NotAllowed(_("You have no right to do this in this operation."))


def check_state(operation: Operation, *states: OperationState) -> None:
    """Raise RuleViolation unless the operation is in one of ``states``."""
    if operation.state not in states:
        raise RuleViolation(
            _("This cannot be done now: the operation is in the state “%(state)s”.")
            % {"state": operation.get_state_display()}
        )


def own_participation(actor: "Actor", operation: Operation) -> Participation:
    """The acting authority's accepted place in the operation."""
    place = operation.participations.filter(
        authority=actor.authority, state=ParticipationState.ACCEPTED
    ).first()
    if place is None:
        raise NotAllowed(_("Your authority does not take part in this operation."))
    return place
