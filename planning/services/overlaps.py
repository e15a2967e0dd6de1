"""Open visits of two operations to one place in nearby weeks: told to both, merged by both."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from planning.models import (
    Operation,
    OperationState,
    Overlap,
    OverlapState,
    Participation,
    ParticipationState,
    PlannedVisit,
    TeamMember,
)
from planning.permissions import can
from planning.services.grants import sync_grants
from worklist.services import ensure_task, finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

NEARBY = dt.timedelta(days=10)  # the same week or the next
WAITING = (OperationState.SCHEDULED, OperationState.EXECUTING)


def _visits() -> "models.QuerySet[PlannedVisit]":
    return PlannedVisit.objects.filter(
        postponed_at__isnull=True, merged_into__isnull=True, operation__visits_open=True,
        operation__state__in=WAITING,
    )  # fmt: skip


def find_overlaps(today: dt.date | None = None) -> int:
    """Make a row for each new pair and tell both leads; returns how many. Run twice, nothing twice."""
    today = today or timezone.localdate()
    made = 0
    with transaction.atomic(), as_system("two operations that do not see each other are compared"):
        ours = _visits().filter(day__date__gte=today).select_related("operation", "day", "site")
        by_site: dict[int, list[PlannedVisit]] = {}
        doubled = _visits().filter(day__date__gte=today, site__planned_visits__operation__lt=F(
            "operation_id")).values("site_id")  # fmt: skip
        for visit in ours.filter(site_id__in=doubled).order_by("pk"):
            by_site.setdefault(visit.site_id, []).append(visit)
        for visits in by_site.values():
            for number, first in enumerate(visits):
                for second in visits[number + 1 :]:
                    made += _pair(first, second)
    return made


def _pair(first: PlannedVisit, second: PlannedVisit) -> bool:
    if first.operation.lead_authority_id == second.operation.lead_authority_id:
        return False
    if abs(first.day.date - second.day.date) > NEARBY:
        return False
    overlap, created = Overlap.objects.get_or_create(
        first=first, second=second,
        defaults={"site": first.site, "first_operation": first.operation,
                  "second_operation": second.operation},
    )  # fmt: skip
    if created:
        for mine, other in ((first, second), (second, first)):
            operation = Operation.objects.select_related("lead_authority", "lead").get(
                pk=mine.operation_id
            )
            theirs = Operation.objects.select_related("lead_authority").get(pk=other.operation_id)
            names = {
                f"authority_{code}": getattr(theirs.lead_authority, f"name_{code}")
                for code in ("fi", "sv", "en")
            }
            ensure_task(
                key=f"overlap:{overlap.pk}:{operation.pk}", kind="planning.overlap",
                authority=operation.lead_authority, assignee=operation.lead, subject=overlap,
                url=reverse("planning:overlap", args=[overlap.public_id]),
                due=min(first.day.date, second.day.date),
                params=names | {"week": other.day.date.isocalendar().week},
            )  # fmt: skip
    return created


def own_side(actor: "Actor", overlap: Overlap) -> str:
    """ "first" or "second": the side whose operation the actor manages; else NotAllowed."""
    for side in ("first", "second"):
        operation = Operation.objects.filter(pk=getattr(overlap, f"{side}_operation_id")).first()
        if operation is not None and can(actor, "manage", operation):
            return side
    raise NotAllowed(_("Only those who lead one of the two operations decide."))


def _open(overlap: Overlap) -> Overlap:
    Overlap.objects.select_for_update(of=("self",)).get(pk=overlap.pk)
    row = Overlap.objects.get(pk=overlap.pk)
    if row.state != OverlapState.OFFERED:
        raise Conflict(_("It has been decided: %(state)s.") % {"state": row.get_state_display()})
    return row


@service
def accept_merge(*, actor: "Actor", overlap: Overlap) -> Overlap:
    """Agree to make one visit of the two. When both have agreed, they are merged."""
    side = own_side(actor, overlap)
    with as_system("the row belongs to both sides"):
        overlap = _open(overlap)
        setattr(overlap, f"{side}_accepted_by", actor.user)
        if overlap.first_accepted_by_id and overlap.second_accepted_by_id:
            _merge(overlap)
        overlap.save()
    finish_tasks(
        actor=actor,
        key=f"overlap:{overlap.pk}:{getattr(overlap, f'{side}_operation_id')}",
    )
    return overlap


@service
def decline_merge(*, actor: "Actor", overlap: Overlap, reason: str) -> Overlap:
    """Keep two visits; the reason is stored and both sides read it."""
    side = own_side(actor, overlap)
    if not reason.strip():
        raise RuleViolation(_("Say why the visits are not merged."), field="reason")
    with as_system("the row belongs to both sides"):
        overlap = _open(overlap)
        overlap.state, overlap.declined_by = OverlapState.DECLINED, actor.authority
        overlap.reason, overlap.decided_at = reason.strip(), timezone.now()
        overlap.save()
        for operation in (overlap.first_operation_id, overlap.second_operation_id):
            finish_tasks(actor=actor, key=f"overlap:{overlap.pk}:{operation}")
    record(
        actor=actor, verb="overlap.declined", subject=overlap,
        context=getattr(overlap, f"{side}_operation"), data={"reason": reason.strip()},
    )  # fmt: skip
    return overlap


def _merge(overlap: Overlap) -> None:
    """The earlier visit is kept; the other operation's authorities join it."""
    first, second = (
        PlannedVisit.objects.select_related("operation", "day", "site").get(pk=pk)
        for pk in (overlap.first_id, overlap.second_id)
    )
    kept, other = (first, second) if first.day.date <= second.day.date else (second, first)
    other.merged_into = kept
    other.save(update_fields=["merged_into"])
    overlap.state, overlap.decided_at = OverlapState.MERGED, timezone.now()
    accepted_by = overlap.second_accepted_by if other is second else overlap.first_accepted_by
    for place in other.operation.participations.filter(
        state=ParticipationState.ACCEPTED
    ).select_related("unit", "authority"):
        joined, _made = Participation.objects.get_or_create(
            operation=kept.operation, authority=place.authority,
            defaults={
                "unit": place.unit, "state": ParticipationState.ACCEPTED,
                "inspector_days_per_week": 0, "contact": place.contact,
                "answered_at": timezone.now(), "answered_by": accepted_by,
                "answer_note": other.operation.number,
            },
        )  # fmt: skip
        sync_grants(joined)
    busy = set(TeamMember.objects.filter(date=kept.day.date).values_list("user_id", flat=True))
    for member in other.day.members.select_related("user", "authority").order_by("pk"):
        if member.user_id not in busy:
            TeamMember.objects.create(
                day=kept.day, date=kept.day.date, user=member.user, authority=member.authority
            )
    for operation in (kept.operation, other.operation):
        record(
            actor=None, verb="overlap.merged", subject=overlap, context=operation,
            data={"site": kept.site.name, "date": kept.day.date.isoformat()},
        )  # fmt: skip


def visits_avoided(operations: "models.QuerySet[Operation]") -> int:
    """Duplicate visits avoided by merging, in the operations given. One query."""
    return (
        Overlap.objects.filter(state=OverlapState.MERGED)
        .filter(
            models.Q(first_operation__in=operations) | models.Q(second_operation__in=operations)
        )
        .distinct()
        .count()
    )
