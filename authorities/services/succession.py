"""One authority ends and another follows: people, rights, open work, disclosures and clocks move.

Planned ahead with a map of units; access ends by itself at midnight, because the old authority's
last day is written when it is planned. A sweep then moves what is open in one transaction. History
(events, signatures, closed operations, ended disclosures) still names the old authority.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from authorities.models import (
    Authority,
    Interest,
    Membership,
    Succession,
    Unit,
    UnitSuccession,
    User,
)
from authorities.services.people import add_membership, ensure_role_groups

if TYPE_CHECKING:
    from authorities.actors import Actor


@dataclass(frozen=True)
class Move:
    """From whom to whom, unit by unit; ``units`` maps every old unit's id to a new unit."""

    succession: Succession
    old: Authority
    new: Authority
    units: dict[int, Unit]

    @property
    def fallback(self) -> Unit:
        """Where work of no particular unit goes."""
        return next(iter(self.units.values()))

    def unit(self, old_id: int | None) -> Unit:
        return self.units.get(old_id or 0, self.fallback)

    def has_place(self, user_id: int | None) -> bool:
        """Whether a person works in the new authority from the day on."""
        return (
            Membership.objects.usable(self.succession.on)
            .filter(authority=self.new, user_id=user_id)  # type: ignore[misc]  # None finds none
            .exists()
        )


Mover = Callable[[Move], dict[str, int]]
_movers: list[Mover] = []


def moves(function: Mover) -> Mover:
    """Register what a room moves; called inside the one transaction, with the system's eyes."""
    if function not in _movers:
        _movers.append(function)
    return function


@service
def plan_succession(
    *,
    actor: "Actor | None",
    old: Authority,
    new: Authority,
    on: dt.date,
    units: Iterable[tuple[Unit, Unit, bool]],
    note: str = "",
) -> Succession:
    """Write down that ``new`` follows ``old`` from the day ``on``, with the map of units.

    ``units``: (old unit, new unit, whether its people go along). From that day's midnight nobody
    acts for ``old`` any more. Only people of the installation (superusers) and commands may.
    """
    if actor is not None and not actor.user.is_superuser:
        raise NotAllowed(_("Only the administrators of the installation plan successions."))
    if on <= timezone.localdate():
        raise RuleViolation(_("Choose a day to come."), field="on")
    pairs = list(units)
    if not pairs:
        raise RuleViolation(_("Say which unit follows which."), field="units")
    for before, after, _people in pairs:
        if before.authority_id != old.pk or after.authority_id != new.pk:
            raise RuleViolation(
                _("Each pair leads from a unit of the old authority to one of the new."),
                field="units",
            )
    succession, _created = Succession.objects.get_or_create(
        predecessor=old, successor=new, on=on, defaults={"note": note}
    )
    for before, after, with_people in pairs:
        UnitSuccession.objects.update_or_create(
            old=before,
            defaults={"succession": succession, "new": after, "with_people": with_people},
        )
    last = on - dt.timedelta(days=1)
    Authority.objects.filter(pk=old.pk).update(valid_to=last)
    Unit.objects.filter(authority=old).filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=last)
    ).update(valid_to=last)
    record(
        actor=actor, verb="authority.succession_planned", subject=old,
        data={"new": new.name, "date": on.isoformat()},
    )  # fmt: skip
    return succession


def carry_out(succession_id: int, today: dt.date | None = None) -> bool:
    """Move everything of a succession whose day has come, once; False when there is nothing to do."""
    today = today or timezone.localdate()
    with transaction.atomic(), as_system("one authority's work passes to another"):
        succession = (
            Succession.objects.select_for_update(of=("self",)).filter(pk=succession_id).first()
        )
        if succession is None or succession.moved_at is not None or succession.on > today:
            return False
        move = _move(succession)
        if move is None:
            return False
        counts = {"people": _move_people(move), "interests": _move_interests(move)}
        for mover in _movers:
            counts |= mover(move)
        succession.moved_at, succession.moved = timezone.now(), counts
        succession.save(update_fields=["moved_at", "moved"])
        record(
            actor=None, verb="authority.succeeded", subject=move.new,
            data={"old": move.old.name, "new": move.new.name, "counts": counts},
        )  # fmt: skip
    return True


def _move(succession: Succession) -> Move | None:
    """The move with every old unit mapped; those not named go where the first named goes."""
    pairs = list(succession.units.select_related("old", "new").order_by("pk"))
    if not pairs:
        return None
    named = {pair.old_id: pair.new for pair in pairs}
    rest = succession.predecessor.units.exclude(pk__in=named).values_list("pk", flat=True)
    units = named | dict.fromkeys(rest, pairs[0].new)
    for unit in set(units.values()):
        ensure_role_groups(unit)
    return Move(succession, succession.predecessor, succession.successor, units)


def _move_people(move: Move) -> int:
    """A place in the new unit for everybody of a unit that goes along, with the same roles."""
    count = 0
    last = move.succession.on - dt.timedelta(days=1)
    along = move.succession.units.filter(with_people=True).select_related("new")
    for pair in along.order_by("pk"):
        places = (
            Membership.objects.usable(last)
            .filter(unit_id=pair.old_id)
            .select_related("user")
            .prefetch_related("regions")
            .order_by("pk")
        )
        for place in places:
            if Membership.objects.filter(user=place.user, unit=pair.new).exists():
                continue
            add_membership(
                actor=None, user=place.user, unit=pair.new, roles=place.roles,
                regions=list(place.regions.all()), valid_from=move.succession.on,
            )  # fmt: skip
            count += 1
    return count


def _move_interests(move: Move) -> int:
    count = 0
    for interest in Interest.objects.filter(authority=move.old, valid_to__isnull=True):
        _row, created = Interest.objects.get_or_create(
            authority=move.new, information=interest.information, valid_to=None,
            defaults={"industries": interest.industries, "note": interest.note,
                      "valid_from": move.succession.on},
        )  # fmt: skip
        interest.valid_to = move.succession.on - dt.timedelta(days=1)
        if interest.valid_from and interest.valid_from > interest.valid_to:
            interest.valid_from = interest.valid_to
        interest.save(update_fields=["valid_from", "valid_to"])
        count += created
    return count


def sweep(today: dt.date | None = None) -> int:
    """Carry out every planned succession whose day has come; returns how many."""
    today = today or timezone.localdate()
    due = Succession.objects.filter(moved_at__isnull=True, on__lte=today, units__isnull=False)
    return sum(carry_out(pk, today) for pk in set(due.values_list("pk", flat=True)))


def rename_owner(rows: Any, move: Move, *fields: str) -> int:
    """Put the new authority where the old one stands in ``fields`` of ``rows``; how many rows."""
    count = 0
    for field in fields:
        count += rows.filter(**{field: move.old}).update(**{field: move.new})
    return count


def next_person(move: Move, user: User | None) -> User | None:
    """The person, if they have a place in the new authority."""
    return user if user is not None and move.has_place(user.pk) else None
