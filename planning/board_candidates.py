"""What stands on the board, read in a constant number of queries: candidates, plan, gauges."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authorities.models import Authority
from planning.models import (
    Availability,
    Capacity,
    DrawnSite,
    DrawState,
    Nomination,
    Operation,
    Proposal,
    RunKind,
    SelectionRun,
    SiteTerms,
    SolverState,
    TargetChoice,
)
from planning.selectors import joint_list
from risk.selectors import JointScore
from targets.models import Site

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Candidate:
    """One site of the joint list with all that is known of it for choosing."""

    site: Site
    nominations: list[Nomination]
    card: JointScore
    rank: int
    choice: TargetChoice | None
    availability: Availability | None
    terms: SiteTerms | None
    proposal: Proposal | None
    drawn: DrawnSite | None
    could_come: list[Authority]


@dataclass
class Gauge:
    """An authority's inspector-days: what it can give, what is proposed, what is chosen."""

    authority: Authority
    capacity: float
    proposed: float
    chosen: float


def current_plan(operation: Operation) -> SelectionRun | None:
    """The newest finished proposal of the operation's round. One query."""
    return (
        SelectionRun.objects.filter(
            operation=operation, round=operation.round, kind=RunKind.PLAN, state=SolverState.DONE
        )
        .order_by("-number")
        .first()
    )


def candidates(operation: Operation) -> list[Candidate]:
    """In the order of the joint list. Thirteen queries at most."""
    plan = current_plan(operation)
    proposals = {p.site_id: p for p in Proposal.objects.filter(run=plan)} if plan else {}
    drawn = {
        d.site_id: d
        for d in DrawnSite.objects.filter(
            operation=operation, draw__round=operation.round,
            draw__state__in=[DrawState.DRAWN, DrawState.REVEALED],
        )
    }  # fmt: skip
    known = {a.site_id: a for a in operation.availabilities.all()}
    terms = {t.site_id: t for t in operation.terms.all()}
    taking_part = [
        p.authority
        for p in operation.participations.accepted()
        .select_related("authority")
        .order_by("authority__code")
    ]
    return [
        Candidate(
            entry.site, entry.nominations, entry.card, entry.rank, entry.choice,
            known.get(entry.site.pk), terms.get(entry.site.pk), proposals.get(entry.site.pk),
            drawn.get(entry.site.pk), taking_part,
        )
        for entry in joint_list(operation)
    ]  # fmt: skip


def window_weeks(operation: Operation) -> list[dt.date]:
    """Mondays of the weeks that the inspection window touches."""
    day = operation.window_start - dt.timedelta(days=operation.window_start.weekday())
    weeks = []
    while day <= operation.window_end:
        weeks.append(day)
        day += dt.timedelta(days=7)
    return weeks


def days_of(candidate: Candidate, authority_id: int) -> float:
    """Inspector-days of a visit to the site by one authority, as its model says; else one."""
    for one in candidate.card.models:
        if one.version.model.authority_id == authority_id:
            return float(one.version.model.visit_days)
    return 1.0


def gauges(operation: Operation, rows: "Iterable[Candidate] | None" = None) -> list[Gauge]:
    """Capacity of each participating authority over the window, and what of it is used."""
    rows = candidates(operation) if rows is None else list(rows)
    weeks = window_weeks(operation)
    set_rows = list(Capacity.objects.filter(operation=operation))
    found = []
    for place in (
        operation.participations.accepted()
        .select_related("authority")
        .order_by("-is_lead", "authority__code")
    ):
        own = [row for row in set_rows if row.authority_id == place.authority_id]
        usual = float(place.inspector_days_per_week or 0)
        found.append(
            Gauge(
                place.authority, sum(_capacity(own, week, usual) for week in weeks),
                sum(days_of(c, place.authority_id) for c in rows
                    if c.proposal and place.authority_id in c.proposal.team),
                sum(days_of(c, place.authority_id) for c in rows
                    if c.choice and place.authority_id in c.choice.team),
            )
        )  # fmt: skip
    return found


def _capacity(rows: list[Capacity], week: dt.date, usual: float) -> float:
    """Days of one week: by region where it is set so, the narrower row before the wider."""
    regions = {row.region_id for row in rows if row.region_id}
    if not regions:
        regions = {None}  # type: ignore[arg-type]
    total = 0.0
    for region in regions:
        own = {row.week: float(row.days) for row in rows if row.region_id == region}
        total += own.get(week, own.get(None, usual if region is None else 0.0))
    return total
