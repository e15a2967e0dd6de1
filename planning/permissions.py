"""Who may do what with an operation. The same definition gives the queryset and the object check.

Grants by participation (``grants_for``): everybody of a participating unit (and of the units above
it) sees; coordinators, analysts and inspectors nominate; managers sign; inspectors and
coordinators record; the lead unit's coordinators manage. Someone only invited sees, no more.
"""

from typing import TYPE_CHECKING

from authorities.models import Role
from planning.models import Operation, Participation, ParticipationState
from planning.querysets import MANAGE, NOMINATE, RECORD, SIGN, VIEW

if TYPE_CHECKING:
    from authorities.actors import Actor

ACTIONS = {
    "view": VIEW,
    "nominate": NOMINATE,
    "sign": SIGN,
    "record": RECORD,
    "manage": MANAGE,
}

_ROLES_OF_ACCEPTED: dict[str, tuple[Role, ...]] = {
    VIEW: tuple(Role),
    NOMINATE: (Role.COORDINATOR, Role.ANALYST, Role.INSPECTOR),
    SIGN: (Role.MANAGER,),
    RECORD: (Role.INSPECTOR, Role.COORDINATOR),
}
_ROLES_OF_INVITED: dict[str, tuple[Role, ...]] = {
    VIEW: (Role.COORDINATOR, Role.MANAGER),
}


def grants_for(participation: Participation) -> dict[str, tuple[Role, ...]]:
    """Permission → roles that this participation gives to its unit, in its present state."""
    if participation.state == ParticipationState.ACCEPTED:
        grants = dict(_ROLES_OF_ACCEPTED)
        if participation.is_lead:
            grants[MANAGE] = (Role.COORDINATOR,)
        return grants
    if participation.state == ParticipationState.INVITED:
        return dict(_ROLES_OF_INVITED)
    return {}


def can(actor: "Actor", action: str, operation: Operation) -> bool:
    """True when the acting membership may do ``action`` (a key of ``ACTIONS``) to the operation."""
    return bool(Operation.objects.granted(actor, ACTIONS[action]).filter(pk=operation.pk).exists())


def may_select(actor: "Actor", operation: Operation) -> bool:
    """Change the board: coordinators of every authority that takes part."""
    return actor.has_role(Role.COORDINATOR) and can(actor, "nominate", operation)


def may_pool(actor: "Actor", operation: Operation) -> bool:
    """Put sites of the register into the pool: coordinators and analysts of every participant."""
    return actor.has_role(Role.COORDINATOR, Role.ANALYST) and can(actor, "nominate", operation)
