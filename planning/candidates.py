"""What can be chosen in an operation, with everything that speaks for and against each site."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from audit.context import as_system
from authorities.models import Authority, Competence
from planning.models import (
    Availability,
    AvailabilityState,
    ChoiceState,
    DrawnSite,
    Nomination,
    Operation,
    Participation,
    ParticipationState,
    PoolEntry,
    Proposal,
    RunKind,
    SelectionRun,
    SiteTerms,
    SolverState,
    TargetChoice,
)
from planning.selectors import USUAL_PLACE, draw_of, nominations_of
from planning.workdays import weeks
from risk.engine.worth import Reckoning
from risk.models import RiskModel, ScoringRun
from risk.selectors import JointScore, joint_scores
from targets.models import Site
from targets.selectors import kept_from

if TYPE_CHECKING:
    from authorities.actors import Actor


@dataclass
class Candidate:
    """One site that can be chosen. ``could_come``: authorities with a part in it, by code."""

    site: Site
    card: JointScore
    rank: int = 0
    nominations: list[Nomination] = field(default_factory=list)
    pooled: bool = False
    availability: Availability | None = None
    terms: SiteTerms | None = None
    proposal: Proposal | None = None
    choice: TargetChoice | None = None
    drawn: DrawnSite | None = None
    could_come: list[Authority] = field(default_factory=list)
    taking_part: list[Authority] = field(default_factory=list)
    days: dict[int, float] = field(default_factory=dict)  # of a visit, by authority id
    enter: set[int] | None = None  # who may enter by right, by authority id; None: nobody known

    @property
    def available(self) -> bool:
        row = self.availability
        return row is not None and row.state == AvailabilityState.AVAILABLE

    @property
    def kind(self) -> str:
        return self.site.kind or USUAL_PLACE


@dataclass(frozen=True)
class Chance:
    """What an authority is expected to find at a site, and what the visit costs it.

    ``p``: probability of a finding; ``rated``: it stands on the authority's own rating, for want of
    a model; ``days``: inspector-days; ``wish``: its own rating as 0..1.
    """

    p: float
    days: float
    wish: float
    rated: bool = False


def window_weeks(operation: Operation) -> list[dt.date]:
    """Mondays of the weeks in which the operation can visit."""
    return [week for week, _days in weeks(operation.window_start, operation.window_end)]


def kept_away(actor: "Actor", operation: Operation) -> bool:
    """Whether the person is recused from a candidate: files that hold all of them are not theirs."""
    with as_system("what a recused person may not see is looked for in their place"):
        return operation.availabilities.filter(site__in=kept_from(actor.user)).exists()


def current_plan(operation: Operation) -> SelectionRun | None:
    """The newest plan of the round; None before the first."""
    return (
        operation.runs.filter(
            kind=RunKind.PLAN, state=SolverState.DONE, round=operation.round
        ).order_by("-number").first()
    )  # fmt: skip


def candidates(operation: Operation, only: Iterable[int] | None = None) -> list[Candidate]:
    """Pool and nominated sites in the order of the joint list, or only some of them (ids).

    Constant queries. What is not scored stands in the middle: unknown is not low.
    """
    wanted = None if only is None else list(only)
    by_site = nominations_of(operation, wanted)
    pool = PoolEntry.objects.filter(operation=operation)
    if wanted is not None:
        pool = pool.filter(site__in=wanted)
    pooled = set(pool.order_by("pk").values_list("site_id", flat=True))
    ids = set(by_site) | pooled
    sites = Site.objects.filter(pk__in=ids).select_related(
        "company", "industry", "municipality", "region"
    )
    cards = joint_scores(ids)
    rows = [
        Candidate(site, cards[site.pk], nominations=by_site.get(site.pk, []),
                  pooled=site.pk in pooled)
        for site in sites.order_by("pk")
    ]  # fmt: skip
    rows.sort(key=_standing)
    for rank, row in enumerate(rows, start=1):
        row.rank = rank
    _dress(operation, rows, ids)
    return rows


def _standing(row: Candidate) -> tuple[object, ...]:
    """The order of the joint list: by standing, then by how many and how much they want it.

    Sites scored anew share a rank until the next run, so that their worth comes second. The rest
    makes the order the same each time.
    """
    return (
        -row.card.standing, -(row.card.value or 0.0), -len(row.nominations),
        -sum(n.rating for n in row.nominations), row.site.name, row.site.pk,
    )  # fmt: skip


def _dress(operation: Operation, rows: list[Candidate], ids: set[int]) -> None:
    """Fetch what stands beside each candidate; one query a kind."""
    run = current_plan(operation)
    draw = draw_of(operation)
    part = {"operation": operation, "site__in": ids}
    availabilities = {r.site_id: r for r in Availability.objects.filter(**part)}
    terms = {r.site_id: r for r in SiteTerms.objects.filter(**part).prefetch_related("needs")}
    proposals = (
        {r.site_id: r for r in Proposal.objects.filter(run=run, site__in=ids)} if run else {}
    )
    choices = {
        r.site_id: r
        for r in TargetChoice.objects.filter(**part).select_related("decided_by", "decided_for")
    }
    drawn = (
        {r.site_id: r for r in DrawnSite.objects.filter(draw=draw, site__in=ids)} if draw else {}
    )
    chances = Chances(operation)
    taking_part = [place.authority for place in chances.places]
    days = {place.authority_id: chances.visit_days(place.authority_id) for place in chances.places}
    for row in rows:
        pk, row.days, row.taking_part = row.site.pk, days, taking_part
        row.availability, row.terms = availabilities.get(pk), terms.get(pk)
        row.proposal, row.choice, row.drawn = proposals.get(pk), choices.get(pk), drawn.get(pk)
        _able, enter, asked = chances.powers(row.kind)
        row.enter = enter if asked else None
        found = chances.of(row)
        row.could_come = [
            place.authority for place in chances.places if place.authority_id in found
        ]


class Chances:
    """Which participants have a part in a candidate, and what they may expect of it.

    An authority can come that inspects, has a competence at this kind of place, and either
    nominated the site, or has a joint model whose probability is at least the usual one, or comes
    on every visit to this kind of place, or the site was drawn. An authority without a model is
    taken at its own word: its rating of 1 to 5 against 3 scales the usual probability of the others.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.places: list[Participation] = list(
            operation.participations.filter(state=ParticipationState.ACCEPTED)
            .select_related("authority", "unit")
            .order_by("authority__code")
        )
        models = RiskModel.objects.filter(joint=True).order_by("pk")
        self.models: dict[int, RiskModel] = {m.authority_id: m for m in models}
        run = ScoringRun.objects.shown()
        self.usual_by_version = {int(k): float(v) for k, v in (run.usual if run else {}).items()}
        self.least = Reckoning.read(run.reckoning).least if run else 0
        values = list(self.usual_by_version.values())
        self.usual = sum(values) / len(values) if values else 0.2
        self._powers: dict[str, tuple[set[int], set[int], bool]] = {}

    @cached_property
    def _competences(self) -> list[Competence]:
        rows = Competence.objects.valid_on(timezone.localdate())
        return list(rows.select_related("authority", "group").order_by("pk"))

    def powers(self, kind: str) -> tuple[set[int], set[int], bool]:
        """At a kind of place: authorities (ids) with any competence, with entry by right, and whether
        anybody in the register has such an entry (else none is asked for). Until the register of
        competences holds anything, everybody has one."""
        if kind not in self._powers:
            here = [c for c in self._competences if not c.premises or kind in c.premises]
            opening = [c for c in here if c.entry_right and kind in c.premises]
            able = {p.authority_id for p in self.places
                    if not self._competences or any(c.is_of(p.authority) for c in here)}  # fmt: skip
            enter = {p.authority_id for p in self.places
                     if any(c.is_of(p.authority) for c in opening)}  # fmt: skip
            self._powers[kind] = (able, enter, bool(opening))
        return self._powers[kind]

    @cached_property
    def together(self) -> dict[int, set[int]]:
        """Of authorities (ids) that go only with others: these."""
        found: dict[int, set[int]] = {}
        taking = {p.authority_id for p in self.places}
        for one, other in self.operation.team_rules.values_list("authority_id", "needs_id"):
            if {one, other} <= taking:
                found.setdefault(one, set()).add(other)
        return found

    @cached_property
    def present(self) -> dict[str, set[int]]:
        """By kind of place: authorities (ids) that come on every visit there."""
        found: dict[str, set[int]] = {}
        taking = {p.authority_id for p in self.places}
        for kind, one in self.operation.presence_rules.values_list("kind", "authority_id"):
            if one in taking:
                found.setdefault(kind, set()).add(one)
        return found

    def severity(self, authority_id: int) -> float:
        model = self.models.get(authority_id)
        return float(model.severity) if model else 1.0

    def of(self, row: Candidate, *, drawn: bool = False) -> dict[int, Chance]:
        """By authority id, of those who can come; to a site that was ``drawn`` all who are able."""
        drawn = drawn or row.drawn is not None
        able, _enter, _any = self.powers(row.kind)
        ratings = {n.authority_id: n.rating for n in row.nominations}
        ps = self._by_authority(row.card)
        present = self.present.get(row.kind, set())
        found = {}
        for place in self.places:
            pk = place.authority_id
            if pk not in able:
                continue
            rating = ratings.get(pk)
            p, usual = ps.get(pk, (None, 1.0))
            if rating is None and not drawn and pk not in present and (p is None or p < usual):
                continue
            wish = (rating or 0) / 5
            if p is None:
                found[pk] = Chance(
                    min(0.95, self.usual * (rating or 3) / 3), self.visit_days(pk), wish, True
                )
            else:
                found[pk] = Chance(p, self.visit_days(pk), wish)
        return found

    def _by_authority(self, card: JointScore) -> dict[int, tuple[float, float]]:
        """Probability and the usual one by authority; of several models the likelier."""
        found: dict[int, tuple[float, float]] = {}
        for score in card.models:
            usual = self.usual_by_version.get(score.version.pk, 0.0)
            p = float(score.p)
            if score.coverage < self.least:
                p = max(p, usual)  # unknown is not low
            owner = score.version.model.authority_id
            if owner not in found or p > found[owner][0]:
                found[owner] = (p, usual)
        return found

    def visit_days(self, authority_id: int) -> float:
        model = self.models.get(authority_id)
        return float(model.visit_days) if model else settings.VISIT_HALF_DAYS / 2


@dataclass(frozen=True)
class Gauge:
    """Inspector-days of one authority: what it has, what the plan takes, what is chosen."""

    authority: Authority
    capacity: float
    proposed: float
    chosen: float

    @property
    def over(self) -> float:
        """Days by which what is chosen exceeds what there is; 0 when it fits."""
        return max(0.0, round(self.chosen - self.capacity, 2))

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.chosen / self.capacity)) if self.capacity else 0


def gauges(operation: Operation) -> list[Gauge]:
    """Capacity beside what is proposed and chosen, of every participant by code."""
    from planning.services.inputs import days_in_window

    chances = Chances(operation)
    run = current_plan(operation)
    chosen = operation.choices.filter(state=ChoiceState.PICKED).values_list("team", flat=True)
    proposed = run.proposals.values_list("team", flat=True) if run else []
    capacity = days_in_window(operation, chances.places)

    def used(teams: Iterable[list[int]]) -> dict[int, float]:
        days: dict[int, float] = defaultdict(float)
        for team in teams:
            for pk in team:
                days[pk] += chances.visit_days(pk)
        return days

    now, then = used(chosen), used(proposed)
    return [
        Gauge(p.authority, capacity[p.authority_id], then[p.authority_id], now[p.authority_id])
        for p in chances.places
    ]
