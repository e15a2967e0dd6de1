"""Object permissions follow participation, in the transaction that changes it."""

from typing import Any

from django.contrib.auth.models import Permission

from authorities.models import Unit
from authorities.services.people import ensure_role_groups
from planning.models import (
    OperationGroupObjectPermission,
    OperationState,
    Participation,
    ParticipationState,
)
from planning.permissions import grants_for

# States of an operation in which an invitation is answered.
ANSWERED_IN = (OperationState.INVITING, OperationState.NOMINATING)


def units_upwards(unit: Unit) -> list[Unit]:
    """The unit and those above it: who leads a unit sees what it takes part in."""
    units = [unit]
    while units[-1].parent_id is not None and len(units) < 20:
        parent = units[-1].parent
        assert parent is not None
        units.append(parent)
    return units


def sync_grants(participation: Participation) -> None:
    """Give exactly what the participation's state gives, and take back everything else of it.

    An invitation gives something only while it can be answered: not in a draft, and not once the
    selection has begun, of which whoever did not answer sees nothing. Only groups of the
    participation's authority are touched.
    """
    operation = participation.operation
    hidden = (
        participation.state == ParticipationState.INVITED and operation.state not in ANSWERED_IN
    )
    grants = {} if hidden else grants_for(participation)
    permissions = {
        p.codename: p
        for p in Permission.objects.filter(
            content_type__app_label="planning", content_type__model="operation"
        )
    }
    wanted: set[tuple[int, int]] = set()
    for unit in units_upwards(participation.unit):
        groups = ensure_role_groups(unit)
        for codename, roles in grants.items():
            wanted |= {(groups[role].group_id, permissions[codename].pk) for role in roles}
    rows = OperationGroupObjectPermission.objects.filter(
        content_object=operation,
        group__unit_group__unit__authority=participation.authority,
    )
    existing: dict[tuple[int, int], Any] = {(r.group_id, r.permission_id): r.pk for r in rows}
    gone = [pk for key, pk in existing.items() if key not in wanted]
    OperationGroupObjectPermission.objects.filter(pk__in=gone).delete()
    OperationGroupObjectPermission.objects.bulk_create(
        [
            OperationGroupObjectPermission(
                content_object=operation, group_id=group, permission_id=permission
            )
            for group, permission in sorted(wanted - existing.keys())
        ],
        ignore_conflicts=True,
    )
