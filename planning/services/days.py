"""Inspection days: date, team, visiting order."""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, RuleViolation
from audit.services import record
from authorities.models import Membership, Role, User
from planning.models import (
    ChoiceState,
    InspectionDay,
    Operation,
    OperationState,
    ParticipationState,
    PlannedVisit,
    TeamMember,
)
from planning.services.common import check, check_state, lock
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


def _set_team(day: InspectionDay, members: Iterable[Membership], lead: User) -> None:
    """Replace the team; a person is on one team a date, over all operations."""
    members = list(members)
    allowed = {m.pk for m in team_candidates(day.operation)}
    if not members:
        raise RuleViolation(_("Choose at least one team member."), field="members")
    if any(m.pk not in allowed for m in members):
        raise RuleViolation(
            _("A team consists of inspectors and coordinators of participating authorities."),
            field="members",
        )
    if lead.pk not in {m.user_id for m in members}:
        raise RuleViolation(_("The team lead must be on the team."), field="team_lead")
    day.members.all().delete()
    for membership in members:
        try:
            with transaction.atomic():
                TeamMember.objects.create(
                    day=day, date=day.date, user=membership.user, authority=membership.authority
                )
        except IntegrityError:
            raise RuleViolation(
                _("%(name)s is already on a team that day. Choose another person or day.")
                % {"name": membership.user.full_name},
                field="members",
            ) from None


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
    meeting_point: str = "",
    note: str = "",
) -> InspectionDay:
    """Plan a day with a team."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, *PLANNABLE)
    _check_date(operation, date)
    if operation.days.filter(date=date, team_name=team_name.strip()).exists():
        raise RuleViolation(
            _("There is a team of that name on that day already."), field="team_name"
        )
    day = InspectionDay.objects.create(
        operation=operation, date=date, team_name=team_name.strip(), team_lead=team_lead,
        starts_at=starts_at, meeting_point=meeting_point, note=note,
    )  # fmt: skip
    _set_team(day, members, team_lead)
    _record(actor, "day.created", day)
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
    day.date, day.team_name, day.team_lead = date, team_name.strip(), team_lead
    day.starts_at, day.meeting_point, day.note = starts_at, meeting_point, note
    day.version += 1
    try:
        with transaction.atomic():
            day.save()
    except IntegrityError:
        raise RuleViolation(
            _("There is a team of that name on that day already."), field="team_name"
        ) from None
    _set_team(day, members, team_lead)
    _record(actor, "day.changed", day)
    return day


@service
def remove_day(*, actor: "Actor", day: InspectionDay) -> None:
    """Remove a day that nobody has begun; its sites become unplanned again."""
    operation = lock(day.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SCHEDULED)
    _record(actor, "day.removed", day)
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
    last = day.visits.aggregate(last=Max("order"))["last"] or 0
    visit = PlannedVisit.objects.create(operation=operation, day=day, site=site, order=last + 1)
    _record(actor, "day.changed", day)
    return visit


@service
def remove_visit(*, actor: "Actor", visit: PlannedVisit) -> None:
    """Take a site off its day while inspections have not begun."""
    operation = lock(visit.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SCHEDULED)
    day = visit.day
    visit.delete()
    _renumber(day)
    _record(actor, "day.changed", day)


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
        visits[at], visits[to] = visits[to], visits[at]
        for number, row in enumerate(visits, start=1):
            row.order = number
        # The unique key is deferred, so that the order may pass through doubles.
        PlannedVisit.objects.bulk_update(visits, ["order"])
        _record(actor, "day.changed", visit.day)


def _renumber(day: InspectionDay) -> None:
    visits = list(day.visits.order_by("order", "pk"))
    for number, row in enumerate(visits, start=1):
        row.order = number
    PlannedVisit.objects.bulk_update(visits, ["order"])


def _record(actor: "Actor", verb: str, day: InspectionDay) -> None:
    record(
        actor=actor, verb=verb, subject=day, context=day.operation,
        data={"date": day.date.isoformat(), "team": day.team_name},
    )  # fmt: skip
