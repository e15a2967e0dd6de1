"""After a cancellation: every day and visit that still stands stays, only what must move is moved.

``difference`` computes what would be done and changes nothing; ``replan`` carries out exactly the
difference that was shown. Done twice, the second time nothing moves.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict
from audit.services import record
from authorities.models import Membership, User
from planning.day_checks import cannot_come
from planning.models import (
    Availability,
    InspectionDay,
    Operation,
    PlannedVisit,
    TeamMember,
    Vehicle,
)
from planning.routing import timed
from planning.services.availability import not_available_words
from planning.services.common import check, check_state, lock
from planning.services.days import (
    PLANNABLE,
    order_now,
    place_people,
    place_vehicles,
    put_last,
    record_day,
    retime,
)
from planning.services.routes import Draft, Group, Work, dates_for, free_name, why_left
from planning.services.teams import Roster, TeamProposal
from planning.stops import ENDS, STARTS, hours_of, is_shut, opening_hours, stop_of, table_of
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

# The room above says which planned visits (ids) have begun; those are never moved.
begun_visits: list[Callable[[Iterable[int]], set[int]]] = []


@dataclass
class TeamChange:
    """On a day that stays: who leaves, who comes, which vehicle takes the place of one."""

    day: InspectionDay
    leaving: list[TeamMember]
    coming: list[Membership]
    lead: User | None
    vehicles: list[Vehicle] | None = None  # None: as they are


@dataclass
class Move:
    """A visit that goes to a day that stands (``day``), or to a new one (``new``, shared)."""

    visit: PlannedVisit
    date: dt.date
    day: InspectionDay | None = None
    new: "NewDay | None" = None


@dataclass
class NewDay:
    date: dt.date
    sites: list[Site]
    team: TeamProposal


@dataclass
class Difference:
    """``kept``: visits that stay; ``left``: (visit, why) for which no place was found."""

    kept: list[PlannedVisit] = field(default_factory=list)
    teams: list[TeamChange] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    left: list[tuple[PlannedVisit, str]] = field(default_factory=list)
    fallen: list[InspectionDay] = field(default_factory=list)  # days that cannot take place

    @property
    def count(self) -> int:
        """How much would be changed; 0: nothing to do."""
        return len(self.teams) + len(self.moved) + len(self.fallen)

    def fingerprint(self) -> str:
        rows: list[Any] = [
            sorted((c.day.pk, [m.pk for m in c.leaving], [m.pk for m in c.coming],
                    [v.pk for v in c.vehicles or ()]) for c in self.teams),
            sorted((m.visit.pk, m.date.isoformat(), m.day.pk if m.day else 0) for m in self.moved),
            sorted((visit.pk, why) for visit, why in self.left),
            sorted(day.pk for day in self.fallen),
        ]  # fmt: skip
        return hashlib.sha256(repr(rows).encode()).hexdigest()


def difference(*, operation: Operation) -> Difference:
    """What has to change from tomorrow on. About thirty queries, and a few a day that falls."""
    return _Search(operation).run()


class _Search:
    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.first = timezone.localdate() + dt.timedelta(days=1)
        self.days = list(
            operation.days.select_related("team_lead", "operation")
            .prefetch_related(
                "members__user", "members__authority", "vehicles__vehicle",
                Prefetch("visits", PlannedVisit.objects.select_related(
                    "site__municipality", "site__company").order_by("order", "pk")),
            )
            .order_by("date", "team_name", "pk")
        )  # fmt: skip
        last = max(operation.window_end, self.first)
        self.roster = Roster(operation, self.first, last)
        visits = [visit for day in self.days for visit in day.visits.all()]
        self.begun = {pk for ask in begun_visits for pk in ask([v.pk for v in visits])}
        self.hours = opening_hours(v.site_id for v in visits)
        self.table = table_of(v.site for v in visits)
        self.found = Difference()
        # Sites on each day as it would be, in order.
        self.going: dict[int, list[PlannedVisit]] = {
            day.pk: [v for v in day.visits.all() if v.goes] for day in self.days
        }

    def run(self) -> Difference:
        coming = [day for day in self.days if day.date >= self.first and self.going[day.pk]]
        gone = cannot_come(coming)
        displaced: list[PlannedVisit] = []
        for day in coming:
            if self._stands(day, [m for m in day.members.all() if m.pk in gone]):
                self.found.kept += self.going[day.pk]
            else:
                self.found.fallen.append(day)
                displaced += self.going.pop(day.pk)
        displaced += [
            visit for day in self.days for visit in day.visits.all()
            if visit.postponed_at is not None and visit.merged_into_id is None
        ]  # fmt: skip
        self._place([v for v in displaced if v.pk not in self.begun])
        return self.found

    # ------------------------------------------------------------------ days that may stand
    def _stands(self, day: InspectionDay, leaving: list[TeamMember]) -> bool:
        """Whether the day can take place, perhaps with another person or vehicle."""
        vehicles = self._vehicles(day)
        if not leaving and vehicles is None:
            return True
        staying = [m for m in day.members.all() if m not in leaving]
        coming: list[Membership] = []
        sites = [visit.site for visit in self.going[day.pk]]
        for member in leaving:
            present = {m.authority_id for m in staying} | {m.authority_id for m in coming}
            if member.authority_id in present:
                continue
            free = [
                m for m in self.roster.free(day.date, sites, member.authority_id)
                if m.pk not in {c.pk for c in coming}
            ]  # fmt: skip
            if not free:
                return False
            coming.append(free[0])
            self.roster.take(day.date, TeamProposal(members=[free[0]]))
        lead = day.team_lead
        if lead.pk in {m.user_id for m in leaving}:
            people: list[TeamMember | Membership] = [*staying, *coming]
            lead = self.roster.lead(people, sites) or lead
        self.found.teams.append(TeamChange(day, leaving, coming, lead, vehicles))
        return True

    def _vehicles(self, day: InspectionDay) -> list[Vehicle] | None:
        """The day's vehicles with others in place of those no longer in use; None: as they are."""
        rows = [row.vehicle for row in day.vehicles.all()]
        lost = [v for v in rows if not _in_use(v, day.date)]
        if not lost:
            return None
        kept = [v for v in rows if v not in lost]
        own = {m.authority_id for m in day.members.all()}
        for _vehicle in lost:
            for other in self.roster.vehicles:
                if other.authority_id in own and self.roster.vehicle_free(other, day.date):
                    kept.append(other)
                    self.roster.booked[day.date].add(other.pk)
                    break
        return kept

    # ------------------------------------------------------------------ visits without a place
    def _place(self, visits: list[PlannedVisit]) -> None:
        sites = [visit.site_id for visit in visits]
        states = dict(
            Availability.objects.filter(operation=self.operation, site__in=sites).values_list(
                "site_id", "state"
            )
        )
        weeks = dict(self.operation.choices.filter(site__in=sites).values_list("site_id", "week"))
        waiting = []
        for visit in visits:
            if states.get(visit.site_id) != "available":
                self.found.left.append((visit, not_available_words()))
                continue
            team = self.roster.authorities_of([visit.site])
            day = self._day_with_room(visit, team, weeks.get(visit.site_id))
            if day is None:
                waiting.append((visit, tuple(team), weeks.get(visit.site_id)))
            else:
                self.going[day.pk].append(visit)
                self.found.moved.append(Move(visit, day.date, day=day))
        self._new_days(waiting)

    def _day_with_room(
        self, visit: PlannedVisit, team: Sequence[int], week: dt.date | None
    ) -> InspectionDay | None:
        """The earliest day that stands and has room at its end, in the week decided if it can be."""
        allowed = [
            day for day in self.days
            if day.date >= self.first and day.pk in self.going and day.pk != visit.day_id
            and self.going[day.pk] and self._fits(visit, day, team)
        ]  # fmt: skip
        of_week = [
            day for day in allowed if week and week <= day.date < week + dt.timedelta(days=7)
        ]
        return next(iter(of_week or allowed), None)

    def _fits(self, visit: PlannedVisit, day: InspectionDay, team: Sequence[int]) -> bool:
        members = list(day.members.all())
        if not set(team) <= {m.authority_id for m in members}:
            return False
        if any(self.roster.is_kept_away(m.user_id, visit.site) for m in members):
            return False
        if is_shut(visit.site, self.hours, day.date):
            return False
        rows = [*self.going[day.pk], visit]
        stops = [stop_of(v.site, v.minutes, self.hours, day.date) for v in rows]
        starts, ends = hours_of(day)
        end = timed(stops, range(len(rows)), starts, self.table)[-1]
        return not end.late and end.ends <= ends

    def _new_days(
        self, waiting: list[tuple[PlannedVisit, tuple[int, ...], dt.date | None]]
    ) -> None:
        """New days for what no standing day could take: in the week decided, else in any."""
        groups: dict[tuple[int, tuple[int, ...], dt.date | None], list[PlannedVisit]] = {}
        for visit, team, week in waiting:
            groups.setdefault((visit.site.region_id or 0, team, week), []).append(visit)
        for (region, team, week), visits in groups.items():
            rest = visits
            for wish in dict.fromkeys((week, None)):
                rest = self._new_days_of(region, team, wish, rest)
                if not rest:
                    break

    def _new_days_of(
        self, region: int, team: tuple[int, ...], week: dt.date | None, visits: list[PlannedVisit]
    ) -> list[PlannedVisit]:
        """Visits of one group that still have no place; the last time, why is noted."""
        by_site = {visit.site_id: visit for visit in visits}
        sites = tuple(visit.site for visit in visits)
        # A visit that was postponed does not go back to the day it was taken from.
        taken = {visit.day.date for visit in visits}
        dates = [d for d in dates_for(self.operation, week) if d not in taken]
        if not dates:
            return self._give_up(visits, "window", last=week is None)
        draft = Draft(STARTS, ENDS, max(visit.minutes for visit in visits))
        work = Work(draft, self.roster, Group(week, region, team, sites), dates)
        for date, placed, proposal in work.place(list(sites)):
            new = NewDay(date, placed, proposal)
            for site in placed:
                self.found.moved.append(Move(by_site.pop(site.pk), date, new=new))
        rest = list(by_site.values())
        if week is None:
            for visit in rest:
                self._give_up([visit], work.why_not(visit.site), last=True)
        return rest

    def _give_up(self, visits: list[PlannedVisit], code: str, *, last: bool) -> list[PlannedVisit]:
        if last:
            self.found.left += [(visit, why_left(code)) for visit in visits]
        return visits


def _in_use(vehicle: Vehicle, date: dt.date) -> bool:
    return (vehicle.in_use_from is None or vehicle.in_use_from <= date) and (
        vehicle.in_use_to is None or vehicle.in_use_to >= date
    )


# ---------------------------------------------------------------------------- carrying out
@service
def replan(*, actor: "Actor", operation: Operation, shown: str) -> Difference:
    """Carry out the difference whose fingerprint was shown; another one is shown anew."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    found = difference(operation=operation)
    if found.fingerprint() != shown:
        raise Conflict(_("Something has changed since this was shown. Look at it again."))
    for change in found.teams:
        _change_team(actor, change)
    touched = _carry_moves(actor, operation, found)
    _let_fall(found)
    for day in InspectionDay.objects.filter(pk__in=touched).select_related("operation"):
        retime(day)
        record_day(actor, "day.changed", day)
    if found.count:
        record(actor=actor, verb="days.replanned", subject=operation, data={"count": found.count})
    return found


def _change_team(actor: "Actor", change: TeamChange) -> None:
    day = change.day
    day.members.filter(pk__in=[m.pk for m in change.leaving]).delete()
    place_people(actor, day, change.coming)
    if change.lead is not None:
        day.team_lead = change.lead
    if change.vehicles is not None:
        day.vehicles.all().delete()
        place_vehicles(actor, day, change.vehicles)
    day.version += 1
    day.by_hand = True
    day.save(update_fields=["team_lead", "version", "by_hand"])
    record_day(actor, "day.changed", day)


def _carry_moves(actor: "Actor", operation: Operation, found: Difference) -> set[int]:
    """Move visits to days that stand and to new days; returns ids of days to be timed anew."""
    touched: set[int] = set()
    new_days: dict[int, InspectionDay] = {}
    for move in found.moved:
        day = move.day
        if move.new is not None:
            key = id(move.new)
            if key not in new_days:
                new_days[key] = _make_day(actor, operation, move.new)
            day = new_days[key]
        assert day is not None
        touched |= {move.visit.day_id, day.pk}
        move.visit.postponed_at = None
        put_last(move.visit, day)
        InspectionDay.objects.filter(pk=day.pk).update(by_hand=True)
        record(
            actor=actor, verb="visit.redated", subject=move.visit, context=operation,
            data={"site": move.visit.site.name, "date": day.date.isoformat()},
        )  # fmt: skip
    for day in new_days.values():
        order_now(day)
    return touched


def _make_day(actor: "Actor", operation: Operation, new: NewDay) -> InspectionDay:
    assert new.team.lead is not None
    day = InspectionDay.objects.create(
        operation=operation, date=new.date, team_name=free_name(operation, new.date),
        team_lead=new.team.lead, starts_at=STARTS, ends_at=ENDS,
    )  # fmt: skip
    place_people(actor, day, new.team.members)
    place_vehicles(actor, day, [new.team.vehicle] if new.team.vehicle else [])
    return day


def _let_fall(found: Difference) -> None:
    """Days that cannot take place: empty ones go, visits without a place are marked postponed."""
    for day in found.fallen:
        with as_system("a day with a visit that the planner does not see is not empty"):
            visits = PlannedVisit.objects.filter(day_id=day.pk)  # not those read before the moves
            if not visits.exists():
                day.delete()
                continue
            for visit in visits.filter(merged_into__isnull=True).order_by("pk"):
                if visit.postponed_at is None:
                    visit.postponed_at = timezone.now()
                    visit.save(update_fields=["postponed_at"])
