"""Reads of phase 1 that join more than one queryset."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet

from authorities.models import Authority
from authorities.powers_card import PowersCard, powers_card
from planning.models import (
    InspectionDay,
    Nomination,
    NominationState,
    Operation,
    PlannedVisit,
    TargetChoice,
)
from risk.selectors import JointScore, joint_scores
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@dataclass
class Entry:
    """One site of the joint list with who nominated it, its score, rank and decision."""

    site: Site
    nominations: list[Nomination]
    card: JointScore
    rank: int
    choice: TargetChoice | None


def joint_list(operation: Operation) -> list[Entry]:
    """Nominated sites of an operation in the order of the joint list. Seven queries at most.

    A site that has not been scored stands in the middle: unknown is not low. Ties go to the site
    that more authorities nominated, then by the nominators' ratings, then by name, so that
    the order is the same each time.
    """
    nominations = (
        Nomination.objects.filter(operation=operation, state=NominationState.ACTIVE)
        .select_related("site__company", "site__industry", "site__municipality", "site__region")
        .select_related("authority")
        .order_by("site_id", "authority__code", "pk")
    )
    by_site: dict[int, list[Nomination]] = defaultdict(list)
    for nomination in nominations:
        by_site[nomination.site_id].append(nomination)
    sites = {rows[0].site_id: rows[0].site for rows in by_site.values()}
    cards = joint_scores(sites)
    choices = {c.site_id: c for c in operation.choices.select_related("decided_by")}
    order = sorted(
        by_site,
        key=lambda pk: (
            -cards[pk].standing,
            -(cards[pk].value or 0.0),  # those scored anew share a rank until the next run
            -len(by_site[pk]),
            -sum(n.rating for n in by_site[pk]),
            sites[pk].name,
            pk,
        ),
    )
    return [
        Entry(sites[pk], by_site[pk], cards[pk], rank, choices.get(pk))
        for rank, pk in enumerate(order, start=1)
    ]


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
