"""What this room adds to the list of sites: a filter by operation, and nominating many at once."""

from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext_lazy

from planning.models import Nomination, NominationState, Operation, OperationState
from planning.querysets import NOMINATE
from planning.services.pool import OPEN as POOL_OPEN
from targets.hooks import BulkAction, SiteChoice, bulk_action, site_choice

if TYPE_CHECKING:
    from authorities.actors import Actor

OFFERED = 100  # the newest operations to choose from


def _operations(actor: "Actor") -> list[tuple[str, str]]:
    rows = Operation.objects.visible_to(actor).order_by("-window_start", "-pk")
    shown = rows.values_list("public_id", "number", "name")[:OFFERED]
    return [(str(key), f"{number} {name}") for key, number, name in shown]


def _nominated(rows: QuerySet[Any], actor: "Actor", value: str) -> QuerySet[Any]:
    """Sites nominated in the operation, as far as the actor sees nominations of it."""
    seen = Nomination.objects.visible_to(actor).filter(
        operation__public_id=value, state=NominationState.ACTIVE, site=OuterRef("pk")
    )
    return rows.filter(Exists(seen))


def open_to(actor: "Actor") -> QuerySet[Operation]:
    """Operations that take nominations now, from this actor."""
    rows = Operation.objects.granted(actor, NOMINATE).filter(state=OperationState.NOMINATING)
    return rows.order_by("-window_start", "-pk")


def pool_open_to(actor: "Actor") -> QuerySet[Operation]:
    """Operations into whose pool this actor may put sites now."""
    rows = Operation.objects.granted(actor, NOMINATE).filter(state__in=POOL_OPEN)
    return rows.order_by("-window_start", "-pk")


def register() -> None:
    site_choice(SiteChoice("operation", gettext_lazy("Nominated in"), _operations, _nominated))
    bulk_action(
        BulkAction(
            "planning:nominate_chosen", gettext_lazy("Nominate"),
            lambda actor: actor.has_role("coordinator", "analyst", "inspector"),
        )
    )  # fmt: skip
    bulk_action(
        BulkAction(
            "planning:pool_chosen", gettext_lazy("Add to a pool"),
            lambda actor: actor.has_role("coordinator", "analyst"),
        )
    )  # fmt: skip
