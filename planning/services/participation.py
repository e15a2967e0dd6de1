"""An invited authority's answer, and leaving."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Role, Unit, User
from planning.models import OperationState, Participation, ParticipationState
from planning.permissions import can
from planning.services.common import check_state, lock
from planning.services.grants import ANSWERED_IN, sync_grants
from planning.services.tasks import make_tasks
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor


def may_answer(actor: "Actor", place: Participation) -> bool:
    """Coordinators and managers of the invited authority who see the operation."""
    return (
        place.authority_id == actor.authority.pk
        and actor.has_role(Role.COORDINATOR, Role.MANAGER)
        and can(actor, "view", place.operation)
    )


def _locked(actor: "Actor", place: Participation) -> Participation:
    operation = lock(place.operation)
    # The operation's lock guards its participations; they are read after it.
    place = Participation.objects.select_related("authority", "unit", "answered_by").get(
        pk=place.pk
    )
    place.operation = operation
    if not may_answer(actor, place):
        raise NotAllowed(_("Only a coordinator or manager of the invited authority can answer."))
    return place


def _check_unanswered(place: Participation) -> None:
    if place.state != ParticipationState.INVITED:
        who = place.answered_by.full_name if place.answered_by else "–"
        raise Conflict(
            _("%(name)s has answered already: %(state)s.")
            % {"name": who, "state": place.get_state_display()}
        )


@service
def accept(
    *,
    actor: "Actor",
    place: Participation,
    unit: Unit,
    inspector_days_per_week: Decimal,
    competences: str = "",
    contact: User | None = None,
    note: str = "",
) -> Participation:
    """Take part, with a unit, inspector-days a week, competences and a contact."""
    place = _locked(actor, place)
    _check_unanswered(place)
    check_state(place.operation, *ANSWERED_IN)
    if unit.authority_id != place.authority_id:
        raise RuleViolation(_("Choose a unit of your own authority."), field="unit")
    if inspector_days_per_week < 0:
        raise RuleViolation(
            _("Inspector-days cannot be negative."), field="inspector_days_per_week"
        )
    place.unit = unit
    place.inspector_days_per_week = inspector_days_per_week
    place.competences, place.answer_note = competences, note
    place.contact = contact or actor.user
    return _answered(actor, place, ParticipationState.ACCEPTED, "participation.accepted")


@service
def decline(*, actor: "Actor", place: Participation, reason: str) -> Participation:
    """Say no, with a reason that the lead reads."""
    place = _locked(actor, place)
    _check_unanswered(place)
    check_state(place.operation, *ANSWERED_IN)
    if not reason.strip():
        raise RuleViolation(_("Give a reason."), field="reason")
    place.answer_note = reason.strip()
    return _answered(actor, place, ParticipationState.DECLINED, "participation.declined", reason)


@service
def withdraw(*, actor: "Actor", place: Participation, reason: str) -> Participation:
    """Leave an operation that one takes part in, before the selection is signed."""
    place = _locked(actor, place)
    if place.is_lead:
        raise RuleViolation(_("The lead cannot leave. Cancel the operation instead."))
    if place.state != ParticipationState.ACCEPTED:
        raise RuleViolation(_("Your authority does not take part in this operation."))
    check_state(
        place.operation, OperationState.INVITING, OperationState.NOMINATING,
        OperationState.SELECTING,
    )  # fmt: skip
    if not reason.strip():
        raise RuleViolation(_("Give a reason."), field="reason")
    place.answer_note = reason.strip()
    return _answered(actor, place, ParticipationState.WITHDRAWN, "participation.withdrawn", reason)


def _answered(
    actor: "Actor", place: Participation, state: ParticipationState, verb: str, reason: str = ""
) -> Participation:
    place.state = state
    place.answered_at, place.answered_by = timezone.now(), actor.user
    place.save()
    sync_grants(place)
    record(
        actor=actor, verb=verb, subject=place, context=place.operation,
        data={"authority": place.authority.name, "reason": reason.strip()},
    )  # fmt: skip
    finish_tasks(
        actor=actor, subject=place.operation, kind="planning.answer", authority=place.authority
    )
    if state == ParticipationState.ACCEPTED:
        make_tasks(place.operation, only=place)
    else:
        finish_tasks(
            actor=actor, subject=place.operation, authority=place.authority, cancelled=True
        )
    return place
