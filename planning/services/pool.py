"""The pool: sites of the register that an operation may choose from, besides those nominated."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import QuerySet
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from planning.models import Operation, OperationState, PoolEntry
from planning.permissions import may_pool
from planning.services.availability import ask_availability_of
from planning.services.common import check_state, lock, own_participation
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

OPEN = (OperationState.NOMINATING, OperationState.SELECTING)


@service
def add_to_pool(
    *, actor: "Actor", operation: Operation, sites: QuerySet[Site]
) -> tuple[int, int, int]:
    """Put sites into the pool; once each, asked again nothing doubles.

    ``sites``: what the actor sees. Returns how many are new, were there already, and lie outside
    the operation's regions (left out). Raises RuleViolation beyond ``POOL_MOST`` sites in all.
    """
    operation = lock(operation)
    if not may_pool(actor, operation):
        raise NotAllowed(_("Coordinators and analysts of the participants fill the pool."))
    check_state(operation, *OPEN)
    own_participation(actor, operation)
    most = settings.POOL_MOST
    regions = set(operation.regions.values_list("pk", flat=True))
    wanted = list(sites.order_by("pk").values_list("pk", "region_id")[: most + 1])
    inside = [pk for pk, region in wanted if region in regions]
    there = set(operation.pool.values_list("site_id", flat=True))
    new = [pk for pk in inside if pk not in there]
    if len(wanted) > most or len(there) + len(new) > most:
        raise RuleViolation(
            _("A pool holds at most %(count)s sites: narrow the list by a filter.")
            % {"count": number_format(most, use_l10n=True, force_grouping=True)}
        )
    _add(actor, operation, new)
    return len(new), len(inside) - len(new), len(wanted) - len(inside)


def _add(actor: "Actor", operation: Operation, new: list[int]) -> None:
    PoolEntry.objects.bulk_create(
        [
            PoolEntry(operation=operation, site_id=pk, authority=actor.authority,
                      added_by=actor.user)
            for pk in new
        ],
        batch_size=2_000, ignore_conflicts=True,
    )  # fmt: skip
    ask_availability_of(operation, new)
    if new:
        record(
            actor=actor, verb="pool.added", subject=operation, context=operation,
            data={"count": len(new)},
        )  # fmt: skip


@service
def take_from_pool(*, actor: "Actor", operation: Operation, sites: Iterable[int]) -> int:
    """Take sites out that the own authority put in; what is nominated or decided stays a candidate."""
    operation = lock(operation)
    if not may_pool(actor, operation):
        raise NotAllowed(_("Coordinators and analysts of the participants fill the pool."))
    check_state(operation, *OPEN)
    rows = operation.pool.filter(site__in=list(sites), authority=actor.authority)
    count, _rows = rows.exclude(site__in=operation.choices.values("site")).delete()
    if count:
        record(
            actor=actor, verb="pool.removed", subject=operation, context=operation,
            data={"count": count},
        )  # fmt: skip
    return count
