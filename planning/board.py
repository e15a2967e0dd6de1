"""What the board's pages show: cards in columns or weeks, filtered as the address says, and gauges."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Authority
from planning.candidates import (
    Candidate,
    Gauge,
    candidates,
    current_plan,
    gauges,
    window_weeks,
)
from planning.deviations import deviations, plan_of
from planning.models import (
    AvailabilityState,
    BoardChange,
    ChoiceState,
    Operation,
    RunKind,
    SelectionRun,
    SolverState,
)
from planning.news import with_mark
from planning.services.board import follows, usual_team
from planning.words import CODES
from risk.models import Arm

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    from authorities.actors import Actor

PAGE = 60  # cards of a column at first; "show more" adds as many
LITTLE = 40  # per cent of data coverage below which little is known
VIEWS = {
    "list": gettext_lazy("List"), "map": gettext_lazy("Map"), "weeks": gettext_lazy("Weeks"),
}  # fmt: skip
SORTS = {
    "rank": gettext_lazy("joint list"), "worth": gettext_lazy("worth of the visit"),
    "name": gettext_lazy("name"), "place": gettext_lazy("municipality"),
}  # fmt: skip
COLUMNS = {
    "pool": gettext_lazy("Pool"), "proposed": gettext_lazy("Proposed"),
    "chosen": gettext_lazy("Chosen"), "dropped": gettext_lazy("Left out"),
}  # fmt: skip
STATES = {
    **COLUMNS, "deviates": gettext_lazy("Deviates from the proposal"),
    "drawn": gettext_lazy("Drawn at random"), "little": gettext_lazy("Little is known"),
    "unavailable": gettext_lazy("Not available"),
}  # fmt: skip


@dataclass
class Card:
    """A candidate as it lies on the board. ``order``: place in its column, ``place``: the list."""

    candidate: Candidate
    column: str
    version: int
    team: list[Authority]
    planned: bool
    order: int = 0
    place: str = ""
    deviates: bool = False  # the decision departs from the plan that was followed

    @property
    def little_known(self) -> bool:
        """Not scored, or on little data: unknown is not low, and never sorted last."""
        coverage = self.candidate.card.coverage
        return coverage is None or coverage < LITTLE

    @property
    def drawn_words(self) -> str:
        drawn = self.candidate.drawn
        if drawn is None:
            return ""
        percent = round(drawn.probability * 100, 1)
        share = number_format(int(percent) if percent.is_integer() else percent, use_l10n=True)
        return _("Drawn at random, probability %(share)s %%") % {"share": share}

    @property
    def why(self) -> str:
        """Why it is proposed, by what it is worth and what its days would bring elsewhere."""
        proposal = self.candidate.proposal
        if proposal is None:
            return ""
        worth, price = proposal.value, proposal.value - proposal.reduced
        numbers = {"worth": _decimal(worth), "price": _decimal(price)}
        if self.candidate.drawn is not None or proposal.arm == Arm.RANDOM:
            return _("In the proposal because it was drawn; worth %(worth)s findings.") % numbers
        return _("Worth %(worth)s findings; its days would bring %(price)s elsewhere.") % numbers

    @property
    def follows_pick(self) -> bool:
        candidate, proposal = self.candidate, self.candidate.proposal
        week = proposal.week if proposal else None
        return follows(
            candidate, ChoiceState.PICKED, usual_team(candidate), week, planned=self.planned
        )

    @property
    def follows_drop(self) -> bool:
        return follows(self.candidate, ChoiceState.DROPPED, (), None, planned=self.planned)

    @property
    def code_words(self) -> Any:
        choice = self.candidate.choice
        return CODES.get(choice.code, "") if choice else ""

    @property
    def available(self) -> bool:
        row = self.candidate.availability
        return row is not None and row.state == AvailabilityState.AVAILABLE

    @property
    def request(self) -> uuid.UUID:
        """For one sending of one form."""
        return uuid.uuid4()


def _decimal(number: float) -> str:
    return number_format(round(number, 2), decimal_pos=2, use_l10n=True)


@dataclass
class Column:
    """One list of the board: ``cards`` shown of ``count`` that match."""

    key: str
    label: Any
    count: int
    cards: list[Card]
    more: str = ""
    days: list[tuple[Authority, float]] = field(default_factory=list)
    week: dt.date | None = None

    @property
    def visits(self) -> str:
        words = ngettext("%(count)s visit", "%(count)s visits", self.count)
        return words % {"count": self.count}


@dataclass(frozen=True)
class Meter:
    """A gauge as it is drawn: ``over`` days above the capacity, ``top`` the end of the scale."""

    gauge: Gauge

    @property
    def over(self) -> float:
        return max(0.0, self.gauge.chosen - self.gauge.capacity)

    @property
    def top(self) -> float:
        return max(self.gauge.capacity, self.gauge.chosen, self.gauge.proposed, 1.0)


@dataclass(frozen=True)
class Wishes:
    """What the address asks for."""

    view: str
    sort: str
    authority: str
    region: str
    state: str
    text: str
    shown: dict[str, int]

    @classmethod
    def of(cls, query: QueryDict) -> "Wishes":
        """Anything unknown in the address counts as not asked for."""
        view, sort = query.get("view", ""), query.get("sort", "")
        state = query.get("state", "")
        return cls(
            view if view in VIEWS else "list", sort if sort in SORTS else "rank",
            query.get("authority", ""), query.get("region", ""),
            state if state in STATES else "", query.get("q", "").strip().casefold()[:100],
            {key: _shown(query.get(f"show_{key}", "")) for key in (*COLUMNS, "week")},
        )  # fmt: skip

    @property
    def narrowed(self) -> bool:
        return bool(self.authority or self.region or self.state or self.text)

    def match(self, card: Card) -> bool:
        candidate = card.candidate
        if self.authority:
            codes = {n.authority.code for n in candidate.nominations} | {a.code for a in card.team}
            if self.authority not in codes:
                return False
        if self.region and (not candidate.site.region or candidate.site.region.code != self.region):
            return False
        if self.text and self.text not in " ".join(_texts(candidate)).casefold():
            return False
        return not self.state or self._in_state(card)

    def _in_state(self, card: Card) -> bool:
        return {
            "deviates": card.deviates, "drawn": card.candidate.drawn is not None,
            "little": card.little_known, "unavailable": not card.available,
        }.get(self.state, card.column == self.state)  # fmt: skip


def _shown(raw: str) -> int:
    return min(2000, max(PAGE, int(raw))) if raw.isdecimal() and len(raw) < 6 else PAGE


def _texts(candidate: Candidate) -> list[str]:
    site = candidate.site
    return [
        site.shown_name, site.name, site.municipality.name if site.municipality else "",
        site.industry.name if site.industry else "",
        *(n.reason for n in candidate.nominations),
    ]  # fmt: skip


@dataclass
class Board:
    """Everything a page of the board needs. ``last``: number of the last change in it.

    ``plan``: the newest, whose visits are proposed; ``followed``: what decisions are held against.
    """

    operation: Operation
    plan: SelectionRun | None
    followed: SelectionRun | None
    cards: list[Card]
    wishes: Wishes
    meters: list[Meter]
    last: int
    weeks: list[dt.date]
    authorities: dict[int, Authority]

    @property
    def newer(self) -> int | None:
        """Number of a plan that was made after the one people followed."""
        if self.plan is None or self.followed is None or self.plan.number <= self.followed.number:
            return None
        return self.plan.number

    @property
    def matching(self) -> list[Card]:
        return [card for card in self.cards if self.wishes.match(card)]

    def columns(self) -> list[Column]:
        """Pool, proposed, chosen, left out; bounded, with the address that shows more."""
        by_column: dict[str, list[Card]] = defaultdict(list)
        for card in self.matching:
            by_column[card.column].append(card)
        return [
            Column(
                key, COLUMNS[key], len(by_column[key]), by_column[key][: self.wishes.shown[key]],
                str(self.wishes.shown[key] + PAGE)
                if len(by_column[key]) > self.wishes.shown[key]
                else "",
            )
            for key in COLUMNS
        ]  # fmt: skip

    def by_week(self) -> list[Column]:
        """Chosen visits by week of the window, those of any week first, with what is proposed.

        Bounded as the columns are; number and days count all.
        """
        by_place: dict[str, list[Card]] = defaultdict(list)
        for card in self.matching:
            by_place[card.place].append(card)
        found = [Column("any", _("Any week"), 0, [])]
        found += [
            Column(
                week.isoformat(), _("Week %(week)s") % {"week": week.isocalendar().week}, 0, [],
                week=week,
            )
            for week in self.weeks
        ]  # fmt: skip
        shown = self.wishes.shown["week"]
        for column in found:
            cards = by_place[f"week-{column.key}"]
            column.count = sum(c.column == "chosen" for c in cards)
            column.days = self._days(cards)
            column.cards, column.more = cards[:shown], str(shown + PAGE) * (len(cards) > shown)
        return found

    def _days(self, cards: Iterable[Card]) -> list[tuple[Authority, float]]:
        days: dict[int, float] = defaultdict(float)
        for card in cards:
            if card.column == "chosen":
                for authority in card.team:
                    days[authority.pk] += card.candidate.days.get(authority.pk, 0.0)
        return [(self.authorities[pk], total) for pk, total in sorted(days.items())]

    def points(self) -> list[dict[str, Any]]:
        """Places of the matching cards for the map, in the order of the list."""
        marks = {"pool": "", "proposed": "P", "chosen": "✓", "dropped": "–"}
        return [
            {
                "at": [card.candidate.site.latitude, card.candidate.site.longitude],
                "name": card.candidate.site.shown_name,
                "url": f"#card-{card.candidate.site.public_id}",
                "note": str(COLUMNS[card.column]), "kind": card.column, "mark": marks[card.column],
            }
            for card in self.matching
            if card.candidate.site.latitude is not None
            and card.candidate.site.longitude is not None
        ]  # fmt: skip


def board_of(operation: Operation, query: QueryDict) -> Board:
    """The whole board in a constant number of queries."""
    rows, plan, wishes = candidates(operation), current_plan(operation), Wishes.of(query)
    changes = BoardChange.objects.filter(operation=operation)
    touched = dict(
        changes.filter(site__isnull=False).values_list("site_id").annotate(last=Max("number"))
    )
    whole = changes.filter(site__isnull=True).aggregate(last=Max("number"))["last"] or 0
    authorities = Authority.objects.in_bulk(_mentioned(rows))
    followed = plan_of(operation)
    departed = _departed(rows, followed)
    cards = [
        Card(
            row, _column(row), row.choice.version if row.choice else touched.get(row.site.pk, 0),
            _team(row, authorities), plan is not None, deviates=row.site.pk in departed,
        )
        for row in rows
    ]  # fmt: skip
    cards.sort(key=_sort_key(wishes.sort))
    for number, card in enumerate(cards, start=1):
        card.order, card.place = number, _place(card, wishes.view)
    return Board(
        operation, plan, followed, cards, wishes, [Meter(gauge) for gauge in gauges(operation)],
        max([whole, *touched.values()]), window_weeks(operation), authorities,
    )  # fmt: skip


def _departed(rows: list[Candidate], followed: SelectionRun | None) -> set[int]:
    """Sites (ids) decided otherwise than in the plan that was followed. One query.

    Without a plan only a drawn site that was left out: the joint list is held against what was
    decided when all of it is.
    """
    found = deviations([row.choice for row in rows if row.choice is not None], followed)
    return {d.choice.site_id for d in found if followed is not None or d.kinds == ["drawn"]}


def _mentioned(rows: list[Candidate]) -> set[int]:
    """Authorities that are on a team, chosen, proposed or usual."""
    return {
        pk
        for row in rows
        for pk in (
            *(row.choice.team if row.choice else ()),
            *(row.proposal.team if row.proposal else ()),
        )
    }


def _column(row: Candidate) -> str:
    if row.choice is not None:
        return "chosen" if row.choice.state == ChoiceState.PICKED else "dropped"
    return "proposed" if row.proposal is not None else "pool"


def _team(row: Candidate, authorities: dict[int, Authority]) -> list[Authority]:
    """Who goes as decided, else as proposed."""
    source = row.choice or row.proposal
    found = [authorities[pk] for pk in (source.team if source else ()) if pk in authorities]
    return sorted(found, key=lambda authority: authority.code)


def _sort_key(sort: str) -> Any:
    def key(card: Card) -> tuple[Any, ...]:
        candidate = card.candidate
        site, rank = candidate.site, candidate.rank
        if sort == "name":
            return (site.shown_name.casefold(), rank)
        if sort == "place":
            return (site.municipality.name if site.municipality else "", rank)
        if sort == "worth":
            # What nobody proposed has no such number: by rank, after those that have.
            proposal = candidate.proposal
            return (proposal is None, -proposal.value if proposal else 0.0, rank)
        return (rank,)

    return key


def _place(card: Card, view: str) -> str:
    """The list in which the card lies: a column, or a week."""
    if view != "weeks":
        return card.column
    if card.column not in ("chosen", "proposed"):
        return ""
    source = card.candidate.choice or card.candidate.proposal
    week = source.week if source else None
    return f"week-{week.isoformat() if week else 'any'}"


# ------------------------------------------------------------------------------------- live
class _Last(TypedDict):
    last_change: int
    last_plan: int
    last_event: int
    open_sites: int
    closed_sites: int


def pulse(actor: "Actor", public_id: Any) -> "WithAnnotations[Operation, _Last] | None":
    """The operation with ``last_change``, ``last_plan`` and its mark (``planning.news``), or None if
    it is not shown. One query."""
    last = BoardChange.objects.filter(operation=OuterRef("pk")).order_by("-number")
    plans = SelectionRun.objects.filter(
        operation=OuterRef("pk"), round=OuterRef("round"), kind=RunKind.PLAN,
        state=SolverState.DONE,
    ).order_by("-number")  # fmt: skip
    rows: Any = with_mark(Operation.objects.selection_open_to(actor).filter(public_id=public_id))
    found: WithAnnotations[Operation, _Last] | None = rows.annotate(
        last_change=Coalesce(Subquery(last.values("number")[:1]), 0),
        last_plan=Coalesce(Subquery(plans.values("number")[:1]), 0),
    ).first()
    return found


def changes_after(operation: Operation, number: int) -> list[BoardChange]:
    """In order. One query."""
    return list(
        BoardChange.objects.filter(operation=operation, number__gt=number)
        .select_related("site", "made_by", "made_for", "undoes")
        .order_by("number")
    )


def said(change: BoardChange) -> str:
    """“Tax: Kebab Sultan was selected.” as one sentence."""
    names = {"authority": change.made_for.short}
    if change.site is None:
        after = change.after or {}
        if "undone" in after:
            return _("%(authority)s took back proposal %(run)s.") % (names | after)
        return _(
            "%(authority)s took over proposal %(run)s: %(picked)s selected, %(dropped)s left out."
        ) % (names | after)
    names["site"] = change.site.shown_name
    if change.after is None:
        return _("%(authority)s made %(site)s undecided.") % names
    before, after = change.before or {}, change.after
    if after["state"] == ChoiceState.DROPPED:
        return _("%(authority)s left %(site)s out.") % names
    if before.get("state") == ChoiceState.PICKED and before.get("week") != after["week"]:
        return _("%(authority)s moved %(site)s to another week.") % names
    if before.get("state") == ChoiceState.PICKED:
        return _("%(authority)s changed the team of %(site)s.") % names
    return _("%(authority)s moved %(site)s to chosen.") % names


def undoable(actor: "Actor", operation: Operation) -> BoardChange | None:
    """The actor's last change that nothing came after at its site. One query."""
    later = BoardChange.objects.filter(operation=operation, number__gt=OuterRef("number")).filter(
        Q(site=OuterRef("site")) | Q(site__isnull=True)
    )
    return (
        BoardChange.objects.filter(
            operation=operation, round=operation.round, made_by=actor.user,
            made_for=actor.authority, undoes__isnull=True,
        )
        .filter(~Exists(later), undone_by__isnull=True)
        .select_related("site", "made_for")
        .order_by("-number")
        .first()
    )  # fmt: skip
