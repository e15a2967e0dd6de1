"""What an authority keeps of its own people and vehicles, and when sites are open."""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Area, AreaKind, Membership, Role, User
from planning.models import (
    Absence,
    AbsenceKind,
    Operation,
    PersonSkills,
    SiteHours,
    TravelTime,
    Vehicle,
)
from planning.services.common import check, own_participation
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

KEEPERS = (Role.COORDINATOR, Role.ADMINISTRATOR)


def _check(actor: "Actor", person: User | None = None) -> None:
    if not actor.has_role(*KEEPERS):
        raise NotAllowed(_("Coordinators and administrators keep people and vehicles."))
    if person is not None and not (
        Membership.objects.usable().filter(user=person, authority=actor.authority).exists()
    ):
        raise RuleViolation(_("Choose a person of your own authority."), field="person")


@service
def add_absence(
    *, actor: "Actor", person: User, starts_on: dt.date, ends_on: dt.date, kind: str = "away"
) -> Absence:
    """Days on which a person of the own authority cannot go out; never why.

    Teams that have the person already stay as they are: planning anew finds somebody else.
    """
    _check(actor, person)
    if ends_on < starts_on:
        raise RuleViolation(_("The last day comes after the first."), field="ends_on")
    if kind not in AbsenceKind.values:
        raise RuleViolation(_("Choose one of the kinds."), field="kind")
    try:
        with transaction.atomic():
            row = Absence.objects.create(
                user=person, authority=actor.authority, starts_on=starts_on, ends_on=ends_on,
                kind=kind, made_by=actor.user,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(
            _("%(name)s is away on some of these days already.") % {"name": person.full_name}
        ) from None
    _record(actor, "absence.added", row, row.user)
    return row


@service
def end_absence(*, actor: "Actor", absence: Absence) -> None:
    """Take an absence back."""
    row = Absence.objects.select_related("user").filter(
        pk=absence.pk, authority=actor.authority
    ).first()  # fmt: skip
    if row is None:
        raise NotAllowed(_("Only the person’s authority can change this."))
    _check(actor)
    _record(actor, "absence.ended", row, row.user)
    row.delete()


def _record(actor: "Actor", verb: str, row: Absence, person: User) -> None:
    """Read by the own authority alone."""
    record(
        actor=actor, verb=verb, subject=row, audience=[actor.authority.pk],
        data={"name": person.full_name, "from": row.starts_on.isoformat(),
              "to": row.ends_on.isoformat()},
    )  # fmt: skip


@service
def set_skills(
    *, actor: "Actor", person: User, languages: Iterable[str], may_drive: bool
) -> PersonSkills:
    """What a person of the own authority brings: languages to interpret, the right to drive."""
    _check(actor, person)
    names = sorted({name.strip().lower() for name in languages if name.strip()})
    if any(len(name) > 40 for name in names):
        raise RuleViolation(_("A language has at most 40 letters."), field="languages")
    row, _created = PersonSkills.objects.update_or_create(
        user=person, defaults={"languages": names, "may_drive": may_drive}
    )
    return row


@service
def add_vehicle(
    *, actor: "Actor", name: str, seats: int, in_use_from: dt.date | None = None,
    in_use_to: dt.date | None = None,
) -> Vehicle:  # fmt: skip
    _check(actor)
    vehicle = Vehicle(authority=actor.authority)
    return _keep(vehicle, name, seats, in_use_from, in_use_to)


@service
def edit_vehicle(
    *, actor: "Actor", vehicle: Vehicle, name: str, seats: int, in_use_from: dt.date | None = None,
    in_use_to: dt.date | None = None,
) -> Vehicle:  # fmt: skip
    """Change a vehicle of the own authority. Days after its last stay as they are, with a warning."""
    _check(actor)
    row = Vehicle.objects.visible_to(actor).select_for_update(of=("self",)).get(pk=vehicle.pk)
    return _keep(row, name, seats, in_use_from, in_use_to)


def _keep(
    vehicle: Vehicle, name: str, seats: int, first: dt.date | None, last: dt.date | None
) -> Vehicle:
    if first and last and last < first:
        raise RuleViolation(_("The last day comes after the first."), field="in_use_to")
    if not 1 <= seats <= 60:
        raise RuleViolation(_("A vehicle has 1 to 60 seats."), field="seats")
    vehicle.name, vehicle.seats = name.strip(), seats
    vehicle.in_use_from, vehicle.in_use_to = first, last
    try:
        with transaction.atomic():
            vehicle.save()
    except IntegrityError:
        raise RuleViolation(_("There is a vehicle of that name already."), field="name") from None
    return vehicle


@service
def set_hours(
    *, actor: "Actor", operation: Operation, site: Site,
    hours: dict[int, tuple[dt.time, dt.time]],
) -> None:  # fmt: skip
    """Say when a site of the round is open: weekday (0 Monday) → opening and closing time.

    A weekday left out is closed; none at all: not known.
    """
    check(actor, "record", operation)
    own_participation(actor, operation)
    for weekday, (opens, closes) in hours.items():
        if closes <= opens:
            raise RuleViolation(
                _("It closes after it opens; after midnight counts as 23.59."),
                field=f"closes{weekday}",
            )
    if not operation.choices.filter(site=site).exists():
        raise RuleViolation(_("%(site)s is not in this operation.") % {"site": site.name})
    SiteHours.objects.filter(site=site).delete()
    SiteHours.objects.bulk_create(
        [
            SiteHours(site=site, weekday=weekday, opens=opens, closes=closes)
            for weekday, (opens, closes) in sorted(hours.items())
        ]
    )
    record(
        actor=actor, verb="site.hours", subject=site, context=operation,
        data={"site": site.name},
    )  # fmt: skip


@transaction.atomic
def load_travel_times(
    rows: Iterable[tuple[str, ...]],
) -> tuple[int, list[tuple[int, str]]]:
    """Store (code, code, minutes) of Finnish municipalities; returns how many, and (line, why) of
    rows refused. A pair known already gets the new minutes."""
    areas = dict(
        Area.objects.valid_on()
        .filter(kind=AreaKind.MUNICIPALITY, country="FI")
        .values_list("code", "pk")
    )
    found: dict[tuple[int, int], int] = {}
    refused = []
    for line, (first, second, minutes) in enumerate(rows, start=2):
        one, other = areas.get(first.strip()), areas.get(second.strip())
        if one is None or other is None or one == other:
            refused.append((line, "two different municipality codes are needed"))
        elif not minutes.strip().isdecimal() or not 1 <= int(minutes) <= 1440:
            refused.append((line, "minutes are a whole number from 1 to 1440"))
        else:
            found[min(one, other), max(one, other)] = int(minutes)
    TravelTime.objects.bulk_create(
        [TravelTime(first_id=a, second_id=b, minutes=m) for (a, b), m in found.items()],
        update_conflicts=True, unique_fields=["first", "second"], update_fields=["minutes"],
        batch_size=2_000,
    )  # fmt: skip
    return len(found), refused
