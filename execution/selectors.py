"""Reads of phase 2 that join more than one queryset."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from execution.models import Checklist, InspectionRecord, Visit
from planning.models import InspectionDay, Operation
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


def visits_of_day(actor: "Actor", day: InspectionDay) -> QuerySet[Visit]:
    return (
        Visit.objects.visible_to(actor)
        .filter(planned__day=day)
        .select_related("site__municipality", "planned", "started_by")
        .order_by("planned__order", "pk")
    )


def submissions(visits: list[Visit]) -> dict[int, list[dict[str, Any]]]:
    """What all participants may know of each other's records: submitted or not, and the outcome.

    Visit id → list of {"authority", "state", "state_label", "outcome", "outcome_label"}. One query.
    """
    found: dict[int, list[dict[str, Any]]] = {visit.pk: [] for visit in visits}
    records = (
        InspectionRecord.objects.filter(visit__in=found)
        .select_related("authority")
        .order_by("authority__code", "pk")
        .defer("summary")
    )
    for record in records:
        submitted = record.state == "submitted"
        found[record.visit_id].append(
            {
                "authority": record.authority,
                "state": record.state,
                "state_label": record.get_state_display(),
                "outcome": record.outcome if submitted else "",
                "outcome_label": record.get_outcome_display() if submitted else "",
            }
        )
    return found


def overview(operation: Operation, actor: "Actor") -> list[dict[str, Any]]:
    """All visits of an operation with times and submissions. Two queries."""
    visits = list(
        Visit.objects.visible_to(actor)
        .filter(operation=operation)
        .select_related("site__municipality", "planned__day")
        .order_by("planned__day__date", "planned__day__team_name", "planned__order", "pk")
    )
    records = submissions(visits)
    return [{"visit": visit, "records": records[visit.pk]} for visit in visits]


def begun_of(planned_ids: Iterable[int]) -> set[int]:
    """Planned visits (ids) that somebody has started, or marked as not possible. One query."""
    return set(
        Visit.objects.filter(planned__in=list(planned_ids))
        .exclude(state="planned")
        .values_list("planned_id", flat=True)
    )


def briefing_checklist(actor: "Actor", site: Site) -> list[dict[str, Any]]:
    """The viewer's own authority's checklist, for the briefing pack."""
    checklist = (
        Checklist.objects.valid_on().filter(authority=actor.authority).order_by("-edition").first()
    )
    if checklist is None:
        return []
    items = checklist.items.order_by("order")
    return [
        {
            "title": _("Checklist: %(name)s") % {"name": checklist.name},
            "head": ["#", _("Question"), _("Legal reference")],
            "rows": [[str(item.order), item.text, item.legal_reference] for item in items],
            "empty": _("None"),
        }
    ]
