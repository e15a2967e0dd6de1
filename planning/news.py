"""What stands behind the board has changed: pool, availability, weights and limits, pins.

Pages that show it ask every few seconds with the mark they were made with (``mark``); the board is
then shown anew, pages with forms say who changed what and leave the reloading to the reader.
"""

from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from audit.models import Event
from audit.verbs import describe
from planning.models import Availability, AvailabilityState, Operation

if TYPE_CHECKING:
    from authorities.actors import Actor

POOL = ("pool.added", "pool.removed")
CRITERIA = (
    "criteria.settings", "criteria.days", "criteria.quota", "criteria.team_rule",
    "criteria.team_rule_removed", "criteria.presence_rule", "criteria.presence_rule_removed",
    "criteria.resource", "criteria.pinned", "criteria.excluded",
    "criteria.free",
)  # fmt: skip
SHOWN = 5  # changes that are named


def _events(verbs: tuple[str, ...], among: QuerySet[Event] | None = None) -> QuerySet[Event]:
    """Of one operation (``context_id``), newest first."""
    rows = Event.objects.all() if among is None else among
    label = Operation._meta.label_lower
    return rows.filter(context_type=label, verb__in=verbs).order_by("-at", "-pk")


def with_mark(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    """Operations with what makes up their mark, for participants: nothing but what pages show."""
    changed = _events(POOL + CRITERIA).filter(context_id=OuterRef("pk"))
    rows_of = Availability.objects.filter(operation=OuterRef("pk")).order_by("operation_id")
    sites = rows_of.values("operation_id")

    def number(*states: str) -> Coalesce:
        # Their sum and not how many: one that opens while another closes is news as well.
        counted = sites.annotate(n=Sum("pk", filter=Q(state__in=states)))
        return Coalesce(Subquery(counted.values("n")[:1]), 0)

    return rows.annotate(
        last_event=Coalesce(Subquery(changed.values("pk")[:1]), 0),
        open_sites=number(AvailabilityState.AVAILABLE),
        closed_sites=number(AvailabilityState.NOT_AVAILABLE),
    )


def mark_of(row: Any) -> str:
    """Of an operation ``with_mark``."""
    return f"{row.last_event}-{row.open_sites}-{row.closed_sites}"


def mark(actor: "Actor", operation: Operation) -> str:
    """What tells whether anything changed that the actor's pages show. Two queries."""
    if takes_part(actor, operation):
        return mark_of(with_mark(Operation.objects.filter(pk=operation.pk)).get())
    last = _events(POOL).filter(context_id=operation.pk).values_list("pk", flat=True).first()
    return f"{last or 0}-0-0"


def opened(actor: "Actor", operation: Operation, page: str) -> dict[str, Any]:
    """What a page's own part needs as it is opened (``planning/news.html``): nothing is told yet."""
    now = mark(actor, operation)
    return {"news_page": page, "news_mark": now, "news_shown": now, "news_told": False}


def takes_part(actor: "Actor", operation: Operation) -> bool:
    """Whether the actor reads weights, limits and pins; others of the round see the pool alone."""
    return Operation.objects.selection_open_to(actor).filter(pk=operation.pk).exists()


def changes_since(actor: "Actor", operation: Operation, seen: int) -> list[dict[str, Any]]:
    """What was changed after the event ``seen``, newest first: ``words``, ``who``, ``at``."""
    verbs = POOL + CRITERIA if takes_part(actor, operation) else POOL
    readable = Event.objects.visible_to(actor).filter(context_id=operation.pk, pk__gt=seen)
    rows = _events(verbs, readable).select_related("user", "authority")[:SHOWN]
    return [
        {"words": describe(event), "at": event.at,
         "who": f"{event.user.full_name}, {event.authority.short}"
         if event.user and event.authority else ""}
        for event in rows
    ]  # fmt: skip
