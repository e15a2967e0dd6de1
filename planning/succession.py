"""Places in operations, rights on them, nominations and holds pass to the authority that follows.

Closed and cancelled operations keep the old authority; its successor's people may read them.
"""

from django.db.models import Q, QuerySet
from django.utils import timezone

from authorities.models import UnitGroup
from authorities.services.succession import Move, moves, next_person, rename_owner
from planning.models import (
    Absence,
    Capacity,
    Hold,
    HoldPerson,
    HoldState,
    Nomination,
    Operation,
    OperationGroupObjectPermission,
    Participation,
    ParticipationState,
    PoolEntry,
    PresenceRule,
    Reservation,
    SelectionQuota,
    SiteTerms,
    TargetChoice,
    TeamMember,
    TeamRule,
    Vehicle,
)

ENDED = ("closed", "cancelled")


@moves
def move_operations(move: Move) -> dict[str, int]:
    open_operations = Operation.objects.exclude(state__in=ENDED)
    for operation in open_operations.filter(lead_authority=move.old).order_by("pk"):
        operation.lead_authority = move.new
        operation.lead_unit = move.unit(operation.lead_unit_id)
        operation.save(update_fields=["lead_authority", "lead_unit"])
    places = 0
    for place in Participation.objects.filter(
        authority=move.old, operation__in=open_operations
    ).order_by("pk"):
        _move_place(move, place)
        places += 1
    rename_owner(Reservation.objects.filter(ended_at__isnull=True), move, "authority")
    rename_owner(TeamMember.objects.filter(date__gte=move.succession.on), move, "authority")
    rename_owner(Absence.objects.filter(ends_on__gte=move.succession.on), move, "authority")
    _move_vehicles(move)
    _move_selection(move, open_operations)
    _move_holds(move)
    return {"places": places, "grants": _move_grants(move)}


def _move_vehicles(move: Move) -> None:
    """Vehicles still in use; where the new authority has one of the name, the old code is added."""
    taken = set(Vehicle.objects.filter(authority=move.new).values_list("name", flat=True))
    for vehicle in Vehicle.objects.filter(authority=move.old).exclude(
        in_use_to__lt=move.succession.on
    ):
        if vehicle.name in taken:
            vehicle.name = f"{vehicle.name[:60]} ({move.old.code[:17]})"
        vehicle.authority = move.new
        vehicle.save(update_fields=["authority", "name"])


def _move_place(move: Move, place: Participation) -> None:
    """The place, or what hangs on it where the new authority takes part already."""
    nominations = Nomination.objects.filter(participation=place)
    own = Participation.objects.filter(operation=place.operation, authority=move.new).first()
    if own is None:
        place.authority, place.unit = move.new, move.unit(place.unit_id)
        place.contact = next_person(move, place.contact)
        place.save(update_fields=["authority", "unit", "contact"])
        nominations.update(authority=move.new)
        return
    known = Nomination.objects.filter(participation=own).values("site_id")
    nominations.exclude(site_id__in=known).update(participation=own, authority=move.new)
    if place.state in (ParticipationState.INVITED, ParticipationState.ACCEPTED):
        place.state, place.answered_at = ParticipationState.WITHDRAWN, timezone.now()
        place.answered_by = place.answered_by or place.operation.lead
        place.answer_note = str(move.new)
        place.save(update_fields=["state", "answered_at", "answered_by", "answer_note"])


def _move_selection(move: Move, operations: QuerySet[Operation]) -> None:
    """Teams that are chosen or pinned, days and quotas of the selection; what a finished run
    proposed stays as it was written."""
    part = {"operation__in": operations}
    for model in (TargetChoice, SiteTerms):
        for row in model.objects.filter(**part, team__contains=[move.old.pk]).order_by("pk"):
            row.team = sorted({*row.team, move.new.pk} - {move.old.pk})
            row.save(update_fields=["team"])
    _move_days(move, Capacity.objects.filter(**part))
    for quota in SelectionQuota.objects.filter(**part, authority=move.new).order_by("pk"):
        SelectionQuota.objects.filter(
            operation=quota.operation_id, authority=move.old, region=quota.region_id,
            industry=quota.industry_id,
        ).delete()  # fmt: skip
    rename_owner(SelectionQuota.objects.filter(**part), move, "authority")
    _move_team_rules(move, TeamRule.objects.filter(**part))
    _move_presence_rules(move, PresenceRule.objects.filter(**part))
    rename_owner(PoolEntry.objects.filter(**part), move, "authority")


def _move_days(move: Move, rows: QuerySet[Capacity]) -> None:
    """Inspector-days pass with the units that have them; where both authorities have said theirs,
    those of the one that goes on count."""
    for row in rows.filter(authority=move.old).order_by("pk"):
        unit = move.unit(row.unit_id) if row.unit_id else None
        same = rows.filter(
            operation=row.operation_id, authority=move.new, region=row.region_id, unit=unit,
            week=row.week,
        )  # fmt: skip
        if same.exists():
            row.delete()
        else:
            rows.filter(pk=row.pk).update(authority=move.new, unit=unit)


def _move_presence_rules(move: Move, rules: QuerySet[PresenceRule]) -> None:
    for rule in rules.filter(authority=move.old).order_by("pk"):
        if rules.filter(operation=rule.operation_id, kind=rule.kind, authority=move.new).exists():
            rule.delete()
        else:
            rules.filter(pk=rule.pk).update(authority=move.new)


def _move_team_rules(move: Move, rules: QuerySet[TeamRule]) -> None:
    """A rule between the two is no rule any more; what both had is one."""
    for rule in rules.filter(Q(authority=move.old) | Q(needs=move.old)).order_by("pk"):
        pair = [
            move.new.pk if pk == move.old.pk else pk for pk in (rule.authority_id, rule.needs_id)
        ]
        same = rules.filter(operation=rule.operation_id, authority=pair[0], needs=pair[1])
        if pair[0] == pair[1] or same.exists():
            rule.delete()
        else:
            rules.filter(pk=rule.pk).update(authority=pair[0], needs=pair[1])


def _move_grants(move: Move) -> int:
    """What the old units' role groups may, those of the new units may; the old ones nothing."""
    groups = {
        (g.unit_id, g.role): g.group_id
        for g in UnitGroup.objects.filter(unit__authority__in=[move.old, move.new])
    }
    old = OperationGroupObjectPermission.objects.filter(
        group__unit_group__unit__authority=move.old
    ).select_related("group__unit_group")
    count = 0
    for row in old.order_by("pk"):
        source = row.group.unit_group
        target = groups.get((move.unit(source.unit_id).pk, source.role))
        if target is not None:
            OperationGroupObjectPermission.objects.get_or_create(
                content_object_id=row.content_object_id, permission_id=row.permission_id,
                group_id=target,
            )  # fmt: skip
            count += 1
    old.delete()
    return count


def _move_holds(move: Move) -> None:
    """Holds in force go along; cleared stay those who have a place, at least the new managers'."""
    for hold in Hold.objects.filter(authority=move.old).exclude(state=HoldState.RELEASED):
        hold.authority = move.new
        hold.save(update_fields=["authority"])
        for person in hold.people.select_related("user"):
            if move.has_place(person.user_id):
                person.authority = move.new
                person.save(update_fields=["authority"])
            else:
                person.delete()
        if not HoldPerson.objects.filter(hold=hold).exists():
            _clear_a_manager(move, hold)


def _clear_a_manager(move: Move, hold: Hold) -> None:
    """A hold is never left without anybody: the first manager of the new unit is cleared."""
    from authorities.models import Membership, Role

    place = (
        Membership.objects.usable(move.succession.on)
        .filter(authority=move.new, roles__contains=[Role.MANAGER])
        .order_by("pk")
        .first()
    )
    if place is not None:
        HoldPerson.objects.create(hold=hold, user=place.user, authority=move.new)
        hold.superior = place.user
        hold.save(update_fields=["superior"])
