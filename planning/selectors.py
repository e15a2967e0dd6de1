"""Reads of phase 1 that join more than one queryset."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet

from authorities.models import Authority
from authorities.powers_card import PowersCard, powers_card
from planning.models import (
    Draw,
    InspectionDay,
    Nomination,
    NominationState,
    Operation,
    PlannedVisit,
)
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


def draw_of(operation: Operation) -> Draw | None:
    """The lottery that holds in the present round: once drawn, it stands in later rounds too.

    Sites are drawn before anybody sees a plan. A second lottery, with the first one's plan known,
    would not be random, and chances of two of them could not be told apart.
    """
    rows: QuerySet[Draw] = Draw.objects.filter(operation=operation, round__lte=operation.round)
    return rows.order_by("-round").first()


def nominations_of(
    operation: Operation, sites: Iterable[int] | None = None
) -> dict[int, list[Nomination]]:
    """Active nominations by site id, of all sites or of some (ids), by authority. One query."""
    rows = Nomination.objects.filter(operation=operation, state=NominationState.ACTIVE)
    if sites is not None:
        rows = rows.filter(site__in=list(sites))
    by_site: dict[int, list[Nomination]] = defaultdict(list)
    for row in rows.select_related("authority").order_by("authority__code", "pk"):
        by_site[row.site_id].append(row)
    return dict(by_site)


def days_with_visits(operation: Operation) -> QuerySet[InspectionDay]:
    """Days of an operation with team, vehicles and visits in order. Six queries."""
    return operation.days.select_related("team_lead").prefetch_related(
        "members__user",
        "members__authority",
        "vehicles__vehicle",
        Prefetch(
            "visits",
            PlannedVisit.objects.select_related("site__municipality").order_by("order", "pk"),
        ),
    )


@dataclass
class PlaceCard:
    """The powers card of a kind of place with the sites of that kind."""

    card: PowersCard
    sites: list[Site]


USUAL_PLACE = "business_premises"  # of sites whose kind nobody has said


def day_cards(day: InspectionDay) -> list[PlaceCard]:
    """Powers cards for the kinds of place on a day. Two queries, and three a kind."""
    team = list(
        Authority.objects.filter(pk__in=day.members.values("authority_id")).order_by("code")
    )
    by_kind: dict[str, list[Site]] = defaultdict(list)
    for visit in day.visits.select_related("site").order_by("order", "pk"):
        by_kind[visit.site.kind or USUAL_PLACE].append(visit.site)
    return [PlaceCard(powers_card(team, kind, day.date), sites) for kind, sites in by_kind.items()]


def own_days(actor: "Actor") -> QuerySet[InspectionDay]:
    """Days on whose team the person is for the acting authority, in operations they may see."""
    return (
        InspectionDay.objects.visible_to(actor)
        .filter(members__user=actor.user, members__authority=actor.authority)
        .exclude(operation__state="cancelled")
        .select_related("operation", "team_lead")
        .order_by("date", "starts_at", "pk")
    )
