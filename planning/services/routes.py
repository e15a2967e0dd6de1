"""All days of a round from its choices: a draft of days with teams, order and times.

A plan is a row that knows how far it is. Each step plans one group of sites in one transaction and
begins with what has no day yet, so that a killed worker goes on and nothing is planned twice.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.context import acting_as, as_system, service
from audit.errors import Conflict, DomainError, RuleViolation
from audit.services import record
from authorities.actors import actor_for
from authorities.models import Membership
from planning.models import (
    AvailabilityState,
    ChoiceState,
    DayPlan,
    InspectionDay,
    Operation,
    OperationState,
    PlannedVisit,
    PlanState,
)
from planning.routing import Stop, divide, fits_into
from planning.services.availability import not_available_words
from planning.services.common import check, check_state, lock
from planning.services.days import (
    PLANNABLE,
    order_now,
    place_people,
    place_vehicles,
    put_last,
    record_day,
)
from planning.services.teams import Roster, TeamProposal
from planning.stops import (
    Hours,
    is_shut,
    minutes_of,
    opening_hours,
    stop_of,
    table_of,
)
from planning.workdays import monday, workdays
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

AT_ONCE = 20  # sites; more are planned by a worker
MOST_TEAMS = 3  # of one make-up on one day
STALE = dt.timedelta(seconds=120)
RUNNING = (PlanState.QUEUED, PlanState.RUNNING)

WHY_LEFT: dict[str, Any] = {
    "window": gettext_lazy("no working day is left in the inspection window or week"),
    "people": gettext_lazy("no complete team is free on any of the days"),
    "hours": gettext_lazy("it is not open within working hours on any of the days"),
    "time": gettext_lazy("it does not fit into working hours beside the other visits"),
}


def why_left(code: str) -> str:
    """Why a site found no place, in words; availability has one wording, whatever the cause."""
    return not_available_words() if code == "unavailable" else str(WHY_LEFT[code])


@dataclass(frozen=True)
class Draft:
    """Working hours and the length of a visit, in minutes."""

    starts_at: dt.time
    ends_at: dt.time
    minutes: int


@dataclass(frozen=True)
class Group:
    """Sites that may share days: one week (None: any), one region, the same authorities."""

    week: dt.date | None
    region: int
    authorities: tuple[int, ...]
    sites: tuple[Site, ...]


# ------------------------------------------------------------------------------------ asking
@service
def plan_days(
    *, actor: "Actor", operation: Operation, starts_at: dt.time, ends_at: dt.time, minutes: int
) -> DayPlan:
    """Plan every chosen site that has no day yet; days that exist stay as they are.

    ``minutes``: length of a visit. Up to twenty sites are planned at once, more by a worker.
    """
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    if ends_at <= starts_at:
        raise RuleViolation(_("The day must end after it starts."), field="ends_at")
    total = len(unplanned(operation))
    if not total:
        raise RuleViolation(_("Every selected site has a day already."))
    try:
        with transaction.atomic():
            plan = DayPlan.objects.create(
                operation=operation, asked_by=actor.membership, starts_at=starts_at,
                ends_at=ends_at, minutes=minutes, total=total,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("The days are being planned already.")) from None
    if total <= AT_ONCE:
        while step(plan.pk):
            pass
        plan.refresh_from_db()
    else:
        from planning.jobs import carry_out_day_plan

        transaction.on_commit(lambda: carry_out_day_plan.delay(plan.pk))
    return plan


@service
def undo_plan(*, actor: "Actor", plan: DayPlan) -> int:
    """Take away the days that a plan made, all together, while nobody has changed one of them."""
    # The plan before the operation, as a worker locks them.
    plan = DayPlan.objects.select_for_update(of=("self",)).get(pk=plan.pk)
    operation = lock(plan.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SCHEDULED)
    if plan.state in RUNNING:
        raise RuleViolation(_("The days are still being planned."))
    changed = plan.days.filter(by_hand=True).order_by("date", "pk").first()
    if changed is not None:
        raise RuleViolation(
            _("A day of this plan has been changed: %(team)s. Take the days away one by one.")
            % {"team": changed.team_name}
        )
    count = plan.days.count()
    with as_system("a day is taken back with visits that the planner does not see, too"):
        plan.days.all().delete()
    plan.state = PlanState.UNDONE
    plan.save(update_fields=["state"])
    record(actor=actor, verb="days.undone", subject=operation, data={"count": count})
    return count


# ---------------------------------------------------------------------------- carrying out
def carry_out(plan_id: int) -> None:
    """Plan on until nothing is left to do; run twice at once, each group is planned once."""
    while step(plan_id):
        pass


def step(plan_id: int) -> bool:
    """Plan one group in a transaction of its own; False when there is nothing more to do here."""
    with transaction.atomic():
        plan = (
            DayPlan.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(pk=plan_id, state__in=RUNNING)
            .first()
        )
        if plan is None:
            return False
        place = Membership.objects.select_related("user", "unit", "authority").get(
            pk=plan.asked_by_id
        )
        actor = actor_for(place)
        with acting_as(actor):
            try:
                with transaction.atomic():
                    more = _step(actor, plan)
            except DomainError as error:
                _finish(plan, PlanState.FAILED, str(error))
                return False
        plan.heartbeat_at = timezone.now()
        plan.save()
        return more


def _step(actor: "Actor", plan: DayPlan) -> bool:
    operation = lock(plan.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    left = {row["site"] for row in plan.left}
    groups = _groups(operation, [s for s in unplanned(operation) if s.pk not in left])
    if not groups:
        _finish(plan, PlanState.DONE)
        record(
            actor=actor, verb="days.planned", subject=operation,
            data={"count": plan.days.count()},
        )  # fmt: skip
        return False
    plan.state = PlanState.RUNNING
    group = groups[0]
    _plan_group(actor, plan, operation, group)
    plan.done += len(group.sites)
    return True


def _finish(plan: DayPlan, state: PlanState, message: str = "") -> None:
    plan.state, plan.message, plan.finished_at = state, message, timezone.now()
    plan.save()


def unplanned(operation: Operation) -> list[Site]:
    """Chosen sites without a day, as far as the reader sees them. One query."""
    picked = operation.choices.filter(state=ChoiceState.PICKED)
    planned = PlannedVisit.objects.filter(operation=operation)
    return list(
        Site.objects.filter(pk__in=picked.values("site"))
        .exclude(pk__in=planned.values("site"))
        .select_related("municipality")
        .order_by("name", "pk")
    )


def _groups(operation: Operation, sites: Sequence[Site]) -> list[Group]:
    """Sites by week, region and team; those with a week first, in the order of the weeks."""
    if not sites:
        return []
    weeks = dict(operation.choices.filter(site__in=sites).values_list("site_id", "week"))
    roster = Roster(operation, operation.window_start, operation.window_start)
    found: dict[tuple[dt.date | None, int, tuple[int, ...]], list[Site]] = defaultdict(list)
    for site in sites:
        team = tuple(roster.authorities_of([site]))
        found[weeks[site.pk], site.region_id or 0, team].append(site)
    return [
        Group(week, region, team, tuple(found[week, region, team]))
        for week, region, team in sorted(
            found, key=lambda key: (key[0] is None, key[0] or dt.date.max, key[1], key[2])
        )
    ]


def dates_for(operation: Operation, week: dt.date | None) -> list[dt.date]:
    """Working days on which a group may go, the preferred first.

    A week: its days in order. Any week: first a day of each week, then another of each, so that
    the visits spread over the window.
    """
    first = max(operation.window_start, timezone.localdate() + dt.timedelta(days=1))
    last = operation.window_end
    if week is not None:
        first, last = max(first, week), min(last, week + dt.timedelta(days=6))
        return list(workdays(first, last))
    by_week: dict[dt.date, list[dt.date]] = defaultdict(list)
    for date in workdays(first, last):
        by_week[monday(date)].append(date)
    return sorted(
        (date for days in by_week.values() for date in days),
        key=lambda date: (by_week[monday(date)].index(date), date),
    )


def _plan_group(actor: "Actor", plan: DayPlan, operation: Operation, group: Group) -> None:
    """Make days for a group. What a team turns out not to be free for is tried once more."""
    open_sites = set(
        operation.availabilities.filter(
            site__in=group.sites, state=AvailabilityState.AVAILABLE
        ).values_list("site_id", flat=True)
    )
    _leave(plan, [site for site in group.sites if site.pk not in open_sites], "unavailable")
    waiting = [site for site in group.sites if site.pk in open_sites]
    dates = dates_for(operation, group.week)
    if not dates:
        _leave(plan, waiting, "window")
        return
    roster = Roster(operation, min(dates), max(dates))
    work = Work(Draft(plan.starts_at, plan.ends_at, plan.minutes), roster, group, dates)
    for _attempt in range(2):
        placed = work.place(waiting)
        for date, sites, team in placed:
            _make_day(actor, plan, operation, date, sites, team)
        done = {site.pk for _date, sites, _team in placed for site in sites}
        waiting = [site for site in waiting if site.pk not in done]
        if not waiting:
            return
    for site in waiting:
        _leave(plan, [site], work.why_not(site))


def _leave(plan: DayPlan, sites: Sequence[Site], code: str) -> None:
    plan.left += [{"site": site.pk, "code": code} for site in sites]


class Work:
    """One group's planning: who is free when, what is open when."""

    def __init__(self, draft: Draft, roster: Roster, group: Group, dates: list[dt.date]) -> None:
        self.draft, self.roster, self.group, self.dates = draft, roster, group, dates
        self.starts, self.ends = minutes_of(draft.starts_at), minutes_of(draft.ends_at)
        self.hours: Hours = opening_hours(site.pk for site in group.sites)
        self.table = table_of(group.sites)

    def open_on(self, site: Site, date: dt.date) -> bool:
        if is_shut(site, self.hours, date):
            return False
        return fits_into(self.stop(site, date), self.starts, self.ends)

    def stop(self, site: Site, date: dt.date) -> Stop:
        return stop_of(site, self.draft.minutes, self.hours, date)

    def free_for(self, sites: Sequence[Site], date: dt.date) -> int:
        """How many teams could go to these sites that day."""
        return min(
            (len(self.roster.free(date, sites, pk)) for pk in self.group.authorities), default=0
        )

    def place(self, sites: list[Site]) -> list[tuple[dt.date, list[Site], TeamProposal]]:
        """Divide sites into days, each with a complete team; sites that block a team are left."""
        teams = {date: min(MOST_TEAMS, self.free_for([], date)) for date in self.dates}
        # A second team on a date only when every date has one: somebody is then left to stand in.
        slots = [date for date in self.dates if teams[date]]
        more = [
            date for number in range(1, MOST_TEAMS) for date in self.dates if number < teams[date]
        ]
        slots += more[: len(sites)]
        allowed = [
            [n for n, date in enumerate(slots)
             if self.open_on(site, date) and self.free_for([site], date)]
            for site in sites
        ]  # fmt: skip
        stops = [
            self._anywhen(site, {slots[n] for n in allowed[i]}) for i, site in enumerate(sites)
        ]
        days = divide(stops, allowed, len(slots), self.starts, self.ends, self.table)
        made = []
        for number, order in enumerate(days.slots):
            chosen = [sites[i] for i in order]
            while chosen:
                team = self.roster.team(slots[number], chosen, self.group.authorities)
                if team.complete:
                    self.roster.take(slots[number], team)
                    made.append((slots[number], chosen, team))
                    break
                chosen = chosen[:-1]
        return made

    def _anywhen(self, site: Site, dates: set[dt.date]) -> Stop:
        """The stop with the hours that hold on all of ``dates``; each day is timed exactly later."""
        rows = [self.stop(site, date) for date in sorted(dates)]
        opens = [row.opens for row in rows if row.opens is not None]
        closes = [row.closes for row in rows if row.closes is not None]
        stop = self.stop(site, min(dates)) if dates else self.stop(site, self.dates[0])
        narrow = Stop(stop.place, stop.minutes, max(opens, default=None), min(closes, default=None))
        return narrow if fits_into(narrow, self.starts, self.ends) else stop

    def why_not(self, site: Site) -> str:
        if not any(self.open_on(site, date) for date in self.dates):
            return "hours"
        if not any(self.free_for([site], date) for date in self.dates):
            return "people"
        return "time"


def _make_day(
    actor: "Actor", plan: DayPlan, operation: Operation, date: dt.date, sites: list[Site],
    team: TeamProposal,
) -> None:  # fmt: skip
    """Store one day of the draft with its team, vehicle and visits in order."""
    assert team.lead is not None
    day = InspectionDay.objects.create(
        operation=operation, date=date, team_name=free_name(operation, date),
        team_lead=team.lead, starts_at=plan.starts_at, ends_at=plan.ends_at, plan=plan,
        by_hand=False,
    )  # fmt: skip
    place_people(actor, day, team.members)
    place_vehicles(actor, day, [team.vehicle] if team.vehicle else [])
    for site in sites:
        visit = PlannedVisit(operation=operation, site=site, minutes=plan.minutes)
        put_last(visit, day)
    order_now(day)
    record_day(actor, "day.created", day)


def free_name(operation: Operation, date: dt.date) -> str:
    """The first of “Team 1”, “Team 2” … that no team of the round has that day."""
    taken = set(operation.days.filter(date=date).values_list("team_name", flat=True))
    number = 1
    while (name := _("Team %(number)s") % {"number": number}) in taken:
        number += 1
    return name
