"""Inspection days: date, team, visiting order."""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, RuleViolation
from audit.services import record
from authorities.models import Membership, Role, User
from planning.models import (
    ChoiceState,
    DayVehicle,
    InspectionDay,
    Operation,
    OperationState,
    ParticipationState,
    PlannedVisit,
    TeamMember,
    Vehicle,
)
from planning.routing import order_stops, timed
from planning.services.common import check, check_state, lock
from planning.stops import hours_of, stops_of, travel_table
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

PLANNABLE = (OperationState.SCHEDULED, OperationState.EXECUTING)


def team_candidates(operation: Operation) -> list[Membership]:
    """Inspectors and coordinators of participating authorities. One query."""
    authorities = operation.participations.filter(state=ParticipationState.ACCEPTED).values(
        "authority"
    )
    return list(
        Membership.objects.usable()
        .filter(authority__in=authorities, roles__overlap=[Role.INSPECTOR, Role.COORDINATOR])
        .select_related("user", "authority")
        .order_by("authority__code", "user__last_name", "user__first_name", "pk")
    )


def _check_date(operation: Operation, date: dt.date) -> None:
    if not operation.window_start <= date <= operation.window_end:
        raise RuleViolation(
            _("The day must lie in the inspection window, %(start)s to %(end)s.")
            % {
                "start": date_format(operation.window_start, "SHORT_DATE_FORMAT"),
                "end": date_format(operation.window_end, "SHORT_DATE_FORMAT"),
            },
            field="date",
        )


def constraint_of(error: IntegrityError) -> str:
    """Name of the constraint that refused; empty when the database names none."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""


def not_free(name: str) -> RuleViolation:
    """The one wording for whatever the reader may not know."""
    return RuleViolation(
        _("%(name)s is not available for this team that day. Choose another person or day.")
        % {"name": name},
        field="members",
    )


def _person_refused(
    actor: "Actor", day: InspectionDay, membership: Membership, error: IntegrityError
) -> RuleViolation:
    """Why a person cannot be on the team, as far as the actor may know."""
    name, constraint = membership.user.full_name, constraint_of(error)
    if constraint == "person_away" and membership.authority_id == actor.authority.pk:
        return RuleViolation(
            _("%(name)s is away that day. Choose another person or day.") % {"name": name},
            field="members",
        )
    if constraint != "one_team_at_a_time":
        return not_free(name)
    other = (
        TeamMember.objects.filter(user=membership.user, date=day.date, released=False)
        .exclude(day=day)
        .filter(day__in=InspectionDay.objects.visible_to(actor))
        .select_related("day__operation")
        .order_by("pk")
        .first()
    )
    if other is None:
        return not_free(name)
    return RuleViolation(
        _("%(name)s is already on a team that day: %(team)s, %(operation)s. "
          "Choose another person or day.")
        % {"name": name, "team": other.day.team_name, "operation": other.day.operation.name},
        field="members",
    )  # fmt: skip


def _vehicle_refused(
    actor: "Actor", day: InspectionDay, vehicle: Vehicle, error: IntegrityError
) -> RuleViolation:
    other = (
        DayVehicle.objects.filter(vehicle=vehicle, date=day.date, released=False)
        .exclude(day=day)
        .filter(day__in=InspectionDay.objects.visible_to(actor))
        .select_related("day__operation")
        .order_by("pk")
        .first()
    )
    if constraint_of(error) != "vehicle_once" or other is None:
        return RuleViolation(
            _("%(name)s is not available that day. Choose another vehicle or day.")
            % {"name": vehicle.name},
            field="vehicles",
        )
    return RuleViolation(
        _("%(name)s is already taken that day: %(team)s, %(operation)s. "
          "Choose another vehicle or day.")
        % {"name": vehicle.name, "team": other.day.team_name, "operation": other.day.operation.name},
        field="vehicles",
    )  # fmt: skip


def place_people(actor: "Actor", day: InspectionDay, members: Iterable[Membership]) -> None:
    """Put people on a team; the database refuses whoever cannot be there."""
    for membership in members:
        try:
            with transaction.atomic():
                TeamMember.objects.create(
                    day=day, date=day.date, user=membership.user, authority=membership.authority
                )
        except IntegrityError as error:
            raise _person_refused(actor, day, membership, error) from None


def place_vehicles(actor: "Actor", day: InspectionDay, vehicles: Iterable[Vehicle]) -> None:
    for vehicle in vehicles:
        try:
            with transaction.atomic():
                DayVehicle.objects.create(day=day, vehicle=vehicle, date=day.date)
        except IntegrityError as error:
            raise _vehicle_refused(actor, day, vehicle, error) from None


def _set_team(
    actor: "Actor", day: InspectionDay, members: Iterable[Membership], lead: User,
    vehicles: Iterable[Vehicle],
) -> None:  # fmt: skip
    """Replace the team; a person and a vehicle are in one place at a time, over all operations."""
    members, vehicles = list(members), list(vehicles)
    allowed = {m.pk for m in team_candidates(day.operation)}
    if not members:
        raise RuleViolation(_("Choose at least one team member."), field="members")
    if any(m.pk not in allowed for m in members):
        raise RuleViolation(
            _("A team consists of inspectors and coordinators of participating authorities."),
            field="members",
        )
    if len({m.user_id for m in members}) < len(members):
        raise RuleViolation(_("Choose each person once, for one authority."), field="members")
    if lead.pk not in {m.user_id for m in members}:
        raise RuleViolation(_("The team lead must be on the team."), field="team_lead")
    usable = set(Vehicle.objects.of_round(day.operation).values_list("pk", flat=True))
    if any(vehicle.pk not in usable for vehicle in vehicles):
        raise RuleViolation(_("Choose vehicles of participating authorities."), field="vehicles")
    day.members.all().delete()
    day.vehicles.all().delete()
    place_people(actor, day, members)
    place_vehicles(actor, day, vehicles)


def _check_hours(starts_at: dt.time | None, ends_at: dt.time | None) -> None:
    if starts_at and ends_at and ends_at <= starts_at:
        raise RuleViolation(_("The day must end after it starts."), field="ends_at")


@service
def create_day(
    *,
    actor: "Actor",
    operation: Operation,
    date: dt.date,
    team_name: str,
    members: Iterable[Membership],
    team_lead: User,
    starts_at: dt.time | None = None,
    ends_at: dt.time | None = None,
    vehicles: Iterable[Vehicle] = (),
    meeting_point: str = "",
    note: str = "",
) -> InspectionDay:
    """Plan a day with a team."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    _check_date(operation, date)
    _check_hours(starts_at, ends_at)
    if operation.days.filter(date=date, team_name=team_name.strip()).exists():
        raise RuleViolation(
            _("There is a team of that name on that day already."), field="team_name"
        )
    day = InspectionDay.objects.create(
        operation=operation, date=date, team_name=team_name.strip(), team_lead=team_lead,
        starts_at=starts_at, ends_at=ends_at, meeting_point=meeting_point, note=note,
    )  # fmt: skip
    _set_team(actor, day, members, team_lead, vehicles)
    record_day(actor, "day.created", day)
    return day


@service
def update_day(
    *,
    actor: "Actor",
    day: InspectionDay,
    version: int,
    date: dt.date,
    team_name: str,
    members: Iterable[Membership],
    team_lead: User,
    starts_at: dt.time | None = None,
    ends_at: dt.time | None = None,
    vehicles: Iterable[Vehicle] = (),
    meeting_point: str = "",
    note: str = "",
) -> InspectionDay:
    """Change a day; ``version`` is that of the form that was shown."""
    operation = lock(day.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    day = InspectionDay.objects.get(pk=day.pk)  # guarded by the operation's lock
    day.operation = operation
    if day.version != version:
        raise Conflict(_("Somebody else changed the day while you were writing."), code="version")
    _check_date(operation, date)
    _check_hours(starts_at, ends_at)
    # The old team would be moved along with the day and might not be free.
    day.members.all().delete()
    day.vehicles.all().delete()
    day.date, day.team_name, day.team_lead = date, team_name.strip(), team_lead
    day.starts_at, day.ends_at = starts_at, ends_at
    day.meeting_point, day.note = meeting_point, note
    day.version += 1
    day.by_hand = True
    try:
        with transaction.atomic():
            day.save()
    except IntegrityError:
        raise RuleViolation(
            _("There is a team of that name on that day already."), field="team_name"
        ) from None
    _set_team(actor, day, members, team_lead, vehicles)
    retime(day)
    record_day(actor, "day.changed", day)
    return day


@service
def remove_day(*, actor: "Actor", day: InspectionDay) -> None:
    """Remove a day that nobody has begun; its sites become unplanned again."""
    operation = lock(day.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SCHEDULED)
    record_day(actor, "day.removed", day)
    with as_system("a day goes with visits that the planner does not see, too"):
        day.delete()


@service
def add_visit(*, actor: "Actor", day: InspectionDay, site: Site) -> PlannedVisit:
    """Put a selected site at the end of the day's order. A site is planned once."""
    operation = lock(day.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    if not operation.choices.filter(site=site, state=ChoiceState.PICKED).exists():
        raise RuleViolation(
            _("%(site)s is not among the selected sites.") % {"site": site.name}, field="site"
        )
    if operation.planned_visits.filter(site=site).exists():
        raise Conflict(_("%(site)s is planned already.") % {"site": site.name})
    visit = put_last(PlannedVisit(operation=operation, site=site), day)
    _changed(actor, day)
    return visit


def put_last(visit: PlannedVisit, day: InspectionDay) -> PlannedVisit:
    """Put a new visit, or one of another day, at the end of a day's order, and time the day anew."""
    with as_system("the order counts visits that the planner does not see too"):
        last = day.visits.aggregate(last=Max("order"))["last"] or 0
    visit.day, visit.order = day, last + 1
    try:
        with transaction.atomic():
            visit.save()
    except IntegrityError as error:
        if constraint_of(error) != "person_recused":
            raise
        # A conflict of interest of somebody on the team; whose is told to nobody.
        raise RuleViolation(
            _("%(site)s cannot be put on this team’s day. Choose another day.")
            % {"site": visit.site.name},
            field="day",
        ) from None
    retime(day)
    return visit


@service
def remove_visit(*, actor: "Actor", visit: PlannedVisit) -> None:
    """Take a site off its day while inspections have not begun."""
    operation = lock(visit.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SCHEDULED)
    day = visit.day
    visit.delete()
    retime(day)
    _changed(actor, day)


@service
def move_visit(*, actor: "Actor", visit: PlannedVisit, step: int) -> None:
    """Move a visit up (-1) or down (+1) in the day's order; at an end nothing happens."""
    operation = lock(visit.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    visits = list(visit.day.visits.order_by("order", "pk"))
    at = next(i for i, v in enumerate(visits) if v.pk == visit.pk)
    to = at + step
    if 0 <= to < len(visits):
        visits[at].order, visits[to].order = visits[to].order, visits[at].order
        # The unique key is deferred, so that the order may pass through doubles.
        PlannedVisit.objects.bulk_update(visits, ["order"])
        retime(visit.day)
        _changed(actor, visit.day)


@service
def change_length(*, actor: "Actor", visit: PlannedVisit, minutes: int) -> None:
    """Say how long a visit takes; those after it move."""
    operation = lock(visit.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    if not 5 <= minutes <= 600:
        raise RuleViolation(_("A visit takes 5 to 600 minutes."), field="minutes")
    visit = PlannedVisit.objects.select_related("day__operation").get(pk=visit.pk)
    visit.minutes = minutes
    visit.save(update_fields=["minutes"])
    retime(visit.day)
    _changed(actor, visit.day)


@service
def order_by_distance(*, actor: "Actor", day: InspectionDay) -> bool:
    """Put the visits into the order of least travel within opening hours; False: it was the best.

    Visits that are postponed or merged keep their place at the end.
    """
    operation = lock(day.operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    day = InspectionDay.objects.select_related("operation").get(pk=day.pk)
    changed = order_now(day)
    if changed:
        _changed(actor, day)
    return changed


def order_now(day: InspectionDay) -> bool:
    """Order and time a day anew; whether that changed the order."""
    with as_system("the order counts visits that the planner does not see too"):
        visits = _in_order(day)
        going = [v for v in visits if v.goes]
        found = order_stops(stops_of(going, day.date), *hours_of(day), travel_table(going))
        rows = [going[i] for i in found] + [v for v in visits if not v.goes]
        for number, row in enumerate(rows, start=1):
            row.order = number
        PlannedVisit.objects.bulk_update(rows, ["order"])
    retime(day)
    return [v.pk for v in rows] != [v.pk for v in visits]


def _in_order(day: InspectionDay) -> list[PlannedVisit]:
    return list(day.visits.select_related("site__municipality").order_by("order", "pk"))


def retime(day: InspectionDay) -> None:
    """Number a day's visits from 1 and say when each begins; without a start only travel is known."""
    with as_system("the order counts visits that the planner does not see too"):
        visits = _in_order(day)
        for number, row in enumerate(visits, start=1):
            row.order = number
            row.starts_at = row.travel_minutes = None
        going = [v for v in visits if v.goes]
        stops = stops_of(going, day.date)
        order = range(len(going))
        for slot in timed(stops, order, hours_of(day)[0], travel_table(going)):
            visit = going[slot.index]
            visit.travel_minutes = slot.travel
            if day.starts_at is not None and slot.starts < 24 * 60:
                visit.starts_at = dt.time(*divmod(slot.starts, 60))
        PlannedVisit.objects.bulk_update(visits, ["order", "starts_at", "travel_minutes"])


def _changed(actor: "Actor", day: InspectionDay) -> None:
    """A person changed the day: it is no longer as a plan made it."""
    InspectionDay.objects.filter(pk=day.pk).update(by_hand=True)
    record_day(actor, "day.changed", day)


def record_day(actor: "Actor", verb: str, day: InspectionDay) -> None:
    record(
        actor=actor, verb=verb, subject=day, context=day.operation,
        data={"date": day.date.isoformat(), "team": day.team_name},
    )  # fmt: skip
