"""Whether nominated sites can be selected: decided by a sweep at fixed instants, the same for all.

Nothing here or in a page ever asks in a request whether there is a hold. The sweep decides every
row by the same queries and writes every row the same way, so that neither words nor timing tell one
cause from another.
"""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.models import NeutralPhrase, Role
from planning.models import (
    Availability,
    AvailabilityState,
    ChoiceState,
    Hold,
    HoldState,
    Operation,
    OperationState,
    PlannedVisit,
    Reservation,
    TargetChoice,
)
from planning.rest import other_visits, rest
from planning.services.common import check, lock, own_participation
from planning.services.days import put_last, retime
from targets.models import Site
from worklist.services import notify

if TYPE_CHECKING:
    from authorities.actors import Actor

OPEN_STATES = (
    OperationState.NOMINATING, OperationState.SELECTING, OperationState.SIGNING,
    OperationState.SCHEDULED, OperationState.EXECUTING,
)  # fmt: skip


def quantum(now: dt.datetime) -> dt.datetime:
    """The instant at which what is asked ``now`` is answered: at least one full period later."""
    period = settings.AVAILABILITY_MINUTES * 60
    begun = int(now.timestamp()) // period * period
    return dt.datetime.fromtimestamp(begun + 2 * period, tz=dt.UTC)


def ask_availability(operation: Operation, site: Site) -> Availability:
    """Have a nominated site checked; asked again, nothing changes."""
    row, _created = Availability.objects.get_or_create(
        operation=operation, site=site, defaults={"due_at": quantum(timezone.now())}
    )
    return row


def ask_availability_of(operation: Operation, sites: Iterable[int]) -> None:
    """The same of many sites (ids) at once, by one statement."""
    due = quantum(timezone.now())
    Availability.objects.bulk_create(
        [Availability(operation=operation, site_id=pk, due_at=due) for pk in sites],
        batch_size=2_000, ignore_conflicts=True,
    )  # fmt: skip


def not_available_words() -> str:
    """The one wording for every cause."""
    phrase = NeutralPhrase.objects.filter(code="P-01").first()
    return phrase.text if phrase else _("The target is not available for this round.")


def check_available(operation: Operation, site: Site) -> None:
    """Raise RuleViolation unless the site may be picked now; says when to ask again."""
    row = ask_availability(operation, site)
    if row.state == AvailabilityState.AVAILABLE:
        return
    if row.state == AvailabilityState.CHECKING:
        at = timezone.localtime(row.due_at)
        raise RuleViolation(
            _("It is being checked whether the target is available. Try again after %(time)s.")
            % {"time": date_format(at, "TIME_FORMAT")},
            field="state",
        )
    words = not_available_words()
    raise RuleViolation(f"{words} {row.told}".strip(), field="state")


# ------------------------------------------------------------------------------------ the sweep
def sweep(now: dt.datetime | None = None) -> int:
    """Decide every row that is due, and those of visits today or tomorrow; returns how many.

    Each operation is one transaction. Running it again at the same instant changes nothing.
    """
    now = now or timezone.now()
    soon = timezone.localdate(now) + dt.timedelta(days=1)
    urgent = PlannedVisit.objects.filter(
        day__date__gte=timezone.localdate(now),
        day__date__lte=soon,
        operation__state__in=OPEN_STATES,
    )
    with transaction.atomic(), as_system("whether a target can be selected is nobody's own view"):
        due = Availability.objects.filter(operation__state__in=OPEN_STATES)
        operations = set(due.filter(due_at__lte=now).values_list("operation_id", flat=True)) | set(
            urgent.values_list("operation_id", flat=True)
        )
    count = 0
    for pk in sorted(operations):
        with transaction.atomic(), as_system("whether a target can be selected is nobody's view"):
            count += _decide(lock(Operation(pk=pk)), now, soon)
    return count


def _resting(operation: Operation, sites: Iterable[int], today: dt.date) -> set[int]:
    """Sites (ids) whose rest since a visit leaves no day for them. Two queries.

    Of a visit that others may know of it is counted to the day that is planned; before that to the
    end of the window, for it leaves the weeks after its rest (``open_weeks``). One that its
    authority keeps to itself is counted to the beginning of the window, whatever is planned:
    neither a week nor moving a day about tells when it was.
    """
    going = PlannedVisit.objects.filter(
        operation=operation, site__in=sites, postponed_at__isnull=True, merged_into__isnull=True
    )
    planned = dict(going.values_list("site_id", "day__date"))
    first = min([operation.window_start, *planned.values()])
    rows = other_visits(operation, sites).filter(on__gt=first - rest(), on__lte=today)
    return {
        site for site, on, shared in rows.values_list("site_id", "on", "shared")
        if on + rest()
        > (planned.get(site, operation.window_end) if shared else operation.window_start)
    }  # fmt: skip


def _decide(operation: Operation, now: dt.datetime, soon: dt.date) -> int:
    """Decide the due rows of a locked operation, all by the same steps."""
    rows = list(
        Availability.objects.select_for_update(of=("self",))
        .filter(operation=operation)
        .filter(
            Q(due_at__lte=now)
            | Q(
                site__planned_visits__operation=operation,
                site__planned_visits__day__date__lte=soon,
            )
        )
        .order_by("pk")
    )  # a site is planned once an operation, so no row comes twice
    sites = list(Site.objects.filter(pk__in=[row.site_id for row in rows]).order_by("pk"))
    closed, told = causes(operation, sites, timezone.localdate(now))
    for row in rows:
        row.state = (
            AvailabilityState.NOT_AVAILABLE
            if row.site_id in closed
            else AvailabilityState.AVAILABLE
        )
        row.told = told.get(row.site_id, "")
        row.checked_at = now
        if row.due_at <= now:
            row.due_at = quantum(now)
    Availability.objects.bulk_update(rows, ["state", "told", "checked_at", "due_at"])
    stop_visits(operation, [r.site_id for r in rows if r.state == AvailabilityState.NOT_AVAILABLE])
    return len(rows)


def causes(
    operation: Operation, sites: Iterable[Site], today: dt.date
) -> tuple[set[int], dict[int, str]]:
    """Sites (ids) that are kept out of ``operation`` for whatever cause, and what is told of some.

    Four queries, whatever the causes. Told are the liaison of a named hold and the conditions of
    one that is open under conditions.
    """
    by_id = {site.pk: site for site in sites}
    closed = _resting(operation, by_id, today)
    closed |= set(
        Reservation.objects.filter(operation=operation, site_id__in=by_id, ended_at__isnull=True)
        .values_list("site_id", flat=True)
    )  # fmt: skip
    told: dict[int, str] = {}
    companies = {site.company_id for site in by_id.values() if site.company_id}
    holds = (
        Hold.objects.exclude(state=HoldState.RELEASED)
        .filter(Q(site_id__in=by_id) | Q(company_id__in=companies))
        .select_related("authority")
        .order_by("pk")
    )
    for hold in holds:
        held = [
            pk for pk, site in by_id.items()
            if hold.site_id == pk or (hold.company_id and site.company_id == hold.company_id)
        ]  # fmt: skip
        if hold.state == HoldState.ACTIVE:
            closed |= set(held)
        words = _told(hold)
        if words:
            told |= {pk: f"{told.get(pk, '')} {words}".strip() for pk in held}
    return closed, told


def _told(hold: Hold) -> str:
    """What the owner lets the others read: nothing at all of an active silent hold."""
    name = hold.authority.name_fi
    if hold.state == HoldState.CONDITIONAL:
        return f"{name}: {hold.conditions}"
    return f"{name}: {hold.liaison}" if hold.kind == "named" else ""


def stop_visits(operation: Operation, site_ids: list[int]) -> None:
    """Postpone planned visits to these sites that have not begun; the team lead is told to stop.

    Nothing is said of a cause: an ordinary postponement looks the same.
    """
    if operation.state not in (OperationState.SCHEDULED, OperationState.EXECUTING):
        return
    visits = (
        PlannedVisit.objects.select_for_update(of=("self",))
        .filter(operation=operation, site_id__in=site_ids, postponed_at__isnull=True,
                merged_into__isnull=True, day__date__gte=timezone.localdate())
        .order_by("pk")
    )  # fmt: skip
    for visit in visits:
        _postpone(visit)


def _postpone(visit: PlannedVisit) -> None:
    """Mark, tell the team lead at once, and leave one line that names nobody."""
    visit = PlannedVisit.objects.select_related("day__team_lead", "site", "operation").get(
        pk=visit.pk
    )
    visit.postponed_at = timezone.now()
    visit.save(update_fields=["postponed_at"])
    record(
        actor=None, verb="visit.postponed", subject=visit, context=visit.operation,
        data={"site": visit.site.name},
    )  # fmt: skip
    place = visit.day.members.filter(user=visit.day.team_lead).select_related("authority").first()
    if place is not None:
        notify(
            recipient=visit.day.team_lead, authority=place.authority, kind="planning.stop",
            params={"site": visit.site.name}, about=visit,
            url=reverse("planning:days", args=[visit.operation.public_id]),
            key=f"planning.stop:{visit.pk}:{visit.postponed_at.timestamp()}",
        )  # fmt: skip


# ------------------------------------------------------------------- ordinary ways to keep out
def _participant(actor: "Actor", operation: Operation, *roles: str) -> None:
    check(actor, "view", operation)
    own_participation(actor, operation)
    if not actor.has_role(*roles):
        raise NotAllowed(_("Your role does not include this."))


@service
def reserve(*, actor: "Actor", operation: Operation, site: Site, reason: str) -> Reservation:
    """Set a target aside in this operation; the others are told neither that nor why."""
    operation = lock(operation)
    _participant(actor, operation, Role.COORDINATOR, Role.MANAGER)
    if not reason.strip():
        raise RuleViolation(_("Say why; only your authority reads it."), field="reason")
    row, _created = Reservation.objects.get_or_create(
        operation=operation, site=site, authority=actor.authority, ended_at__isnull=True,
        defaults={"reason": reason.strip()[:300], "made_by": actor.user},
    )  # fmt: skip
    check_soon()
    return row


@service
def end_reservation(*, actor: "Actor", reservation: Reservation) -> None:
    row = (
        Reservation.objects.filter(pk=reservation.pk, authority=actor.authority)
        .select_for_update(of=("self",))
        .first()
    )
    if row is None or not actor.has_role(Role.COORDINATOR, Role.MANAGER):
        raise NotAllowed(_("Only the authority that set it aside may end that."))
    if row.ended_at is None:
        row.ended_at = timezone.now()
        row.save(update_fields=["ended_at"])
    check_soon()


def check_soon() -> None:
    """Have the visits of today and tomorrow checked at once, not only at the next sweep."""
    from planning.jobs import sweep_availability

    transaction.on_commit(sweep_availability.delay)


@service
def postpone(*, actor: "Actor", visit: PlannedVisit) -> PlannedVisit:
    """Postpone a planned visit without a reason; any participating authority may."""
    operation = lock(visit.operation)
    _participant(actor, operation, Role.COORDINATOR, Role.MANAGER)
    if operation.state not in (OperationState.SCHEDULED, OperationState.EXECUTING):
        raise RuleViolation(_("Only planned visits can be postponed."))
    visit = PlannedVisit.objects.select_for_update(of=("self",)).get(pk=visit.pk)
    if visit.postponed_at is None:
        _postpone(visit)
        visit.refresh_from_db()
    return visit


@service
def redate(*, actor: "Actor", visit: PlannedVisit, day: Any) -> PlannedVisit:
    """Put a postponed visit on a day again. The selection stays signed as it is."""
    operation = lock(visit.operation)
    check(actor, "manage", operation)
    PlannedVisit.objects.select_for_update(of=("self",)).get(pk=visit.pk)
    visit = PlannedVisit.objects.select_related("day__operation", "operation", "site").get(
        pk=visit.pk
    )
    if day.operation_id != operation.pk:
        raise RuleViolation(_("Choose a day of this operation."), field="day")
    if visit.postponed_at is None:
        raise RuleViolation(_("The visit is not postponed."))
    row = ask_availability(operation, visit.site)
    if row.state != AvailabilityState.AVAILABLE:
        raise RuleViolation(not_available_words(), field="day")
    before, visit.postponed_at = visit.day, None
    if before.pk == day.pk:
        visit.save(update_fields=["postponed_at"])
        retime(day)
    else:
        put_last(visit, day)
        retime(before)
    record(
        actor=actor, verb="visit.redated", subject=visit, context=operation,
        data={"site": visit.site.name, "date": day.date.isoformat()},
    )  # fmt: skip
    return visit


def unavailable_picks(operation: Operation) -> list[Site]:
    """Selected sites that are no longer available. One query."""
    picked = TargetChoice.objects.filter(operation=operation, state=ChoiceState.PICKED)
    return list(
        Site.objects.filter(
            pk__in=picked.values("site_id"), availabilities__operation=operation,
            availabilities__state=AvailabilityState.NOT_AVAILABLE,
        ).order_by("name", "pk")
    )  # fmt: skip
