"""Operations: making, editing, inviting, and moving along the arrows."""

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Area, Authority, Role, Unit
from planning import states
from planning.models import (
    Operation,
    OperationCounter,
    OperationState,
    Participation,
    ParticipationState,
    SignOff,
)
from planning.services.common import check, check_state, lock
from planning.services.grants import sync_grants
from planning.services.lottery import reveal
from planning.services.parts import digest, part_contents, unsigned
from planning.services.tasks import make_tasks
from targets.models import Industry

if TYPE_CHECKING:
    from authorities.actors import Actor

EDITABLE = (
    "name", "theme", "aim", "legal_purpose", "window_start", "window_end", "answer_by",
    "nominate_by",
)  # fmt: skip


def _check_dates(values: dict[str, Any]) -> None:
    if values["window_end"] < values["window_start"]:
        raise RuleViolation(
            _("The inspection window cannot end before it begins."), field="window_end"
        )
    if values["answer_by"] > values["nominate_by"]:
        raise RuleViolation(
            _("Answers are due before nominations: choose an earlier day."), field="answer_by"
        )
    if values["nominate_by"] > values["window_end"]:
        raise RuleViolation(
            _("Nominations are due before the inspection window ends."), field="nominate_by"
        )


def _next_number(year: int) -> str:
    """Next running number of the year; the counter row is locked till the transaction ends."""
    OperationCounter.objects.get_or_create(year=year)
    counter = OperationCounter.objects.select_for_update().get(year=year)
    counter.last += 1
    counter.save()
    return f"{year}-{counter.last:03d}"


@service
def create_operation(
    *,
    actor: "Actor",
    name: str,
    theme: str,
    aim: str,
    legal_purpose: str,
    window_start: dt.date,
    window_end: dt.date,
    answer_by: dt.date,
    nominate_by: dt.date,
    regions: Iterable[Area],
    industries: Iterable[Industry] = (),
    inspector_days_per_week: Any = 0,
    competences: str = "",
) -> Operation:
    """Make a draft led by the acting authority, which takes part from the start."""
    if not actor.has_role(Role.COORDINATOR):
        raise NotAllowed(_("Only coordinators open operations."))
    values = {
        "name": name.strip(), "theme": theme.strip(), "aim": aim, "legal_purpose": legal_purpose,
        "window_start": window_start, "window_end": window_end, "answer_by": answer_by,
        "nominate_by": nominate_by,
    }  # fmt: skip
    _check_dates(values)
    regions = list(regions)
    _check_regions(actor, regions)
    operation = Operation.objects.create(
        **values, number=_next_number(timezone.localdate().year), lead_authority=actor.authority,
        lead_unit=actor.unit, lead=actor.user, created_by=actor.user,
    )  # fmt: skip
    operation.regions.set(regions)
    operation.industries.set(industries)
    place = Participation.objects.create(
        operation=operation, authority=actor.authority, unit=actor.unit, is_lead=True,
        state=ParticipationState.ACCEPTED, inspector_days_per_week=inspector_days_per_week,
        competences=competences, answered_at=timezone.now(), answered_by=actor.user,
        contact=actor.user,
    )  # fmt: skip
    sync_grants(place)
    record(actor=actor, verb="operation.created", subject=operation)
    return operation


def _check_regions(actor: "Actor", regions: list[Area]) -> None:
    if not regions:
        raise RuleViolation(_("Choose at least one region."), field="regions")
    if actor.region_ids and not {r.pk for r in regions} <= actor.region_ids:
        raise RuleViolation(
            _("Your place is limited to some regions; choose among them."), field="regions"
        )


@service
def edit_operation(
    *,
    actor: "Actor",
    operation: Operation,
    version: int,
    regions: Iterable[Area],
    industries: Iterable[Industry],
    **values: Any,
) -> Operation:
    """Change details until selection is signed. ``version`` is that of the form that was shown."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(
        operation, OperationState.DRAFT, OperationState.INVITING, OperationState.NOMINATING,
        OperationState.SELECTING,
    )  # fmt: skip
    if operation.version != version:
        raise Conflict(
            _("Somebody else changed the operation while you were writing."), code="version"
        )
    _check_dates(values)
    regions = list(regions)
    _check_regions(actor, regions)
    before = {name: str(getattr(operation, name)) for name in EDITABLE}
    for name in EDITABLE:
        setattr(operation, name, values[name])
    operation.version += 1
    operation.save()
    operation.regions.set(regions)
    operation.industries.set(industries)
    changed = [name for name in EDITABLE if before[name] != str(getattr(operation, name))]
    record(actor=actor, verb="operation.edited", subject=operation, data={"changed": changed})
    return operation


@service
def invite(
    *, actor: "Actor", operation: Operation, authority: Authority, unit: Unit, message: str = ""
) -> Participation:
    """Put an authority on the list; it hears of it when invitations are sent (at once if they are)."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.DRAFT, OperationState.INVITING, OperationState.NOMINATING)
    if unit.authority_id != authority.pk:
        raise RuleViolation(_("The unit belongs to another authority."), field="unit")
    if not authority.is_valid_on():
        raise RuleViolation(_("This authority has ended; invite its successor."), field="unit")
    place = operation.participations.filter(authority=authority).first()
    if place is not None and place.state in (
        ParticipationState.INVITED, ParticipationState.ACCEPTED,
    ):  # fmt: skip
        raise RuleViolation(
            _("%(name)s is invited already.") % {"name": authority.name}, field="unit"
        )
    if place is None:
        place = Participation(operation=operation, authority=authority)
    place.unit, place.message = unit, message
    place.state = ParticipationState.INVITED
    place.answered_at = place.answered_by = None
    place.save()
    sync_grants(place)
    record(
        actor=actor, verb="participation.invited", subject=place, context=operation,
        data={"authority": authority.name},
    )  # fmt: skip
    if operation.state != OperationState.DRAFT:
        make_tasks(operation, only=place)
    return place


@service
def remove_invitation(*, actor: "Actor", place: Participation) -> None:
    """Take an unanswered authority off the list of a draft; nobody has heard of it yet."""
    operation = lock(place.operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.DRAFT)
    if place.is_lead:
        raise RuleViolation(_("The lead cannot be taken off."))
    place.delete()


@service
def move(*, actor: "Actor", operation: Operation, arrow: str, reason: str = "") -> Operation:
    """Take one arrow of the transition table by hand."""
    operation = lock(operation)
    step = states.ARROWS[arrow]
    if arrow == "all_signed":
        raise RuleViolation(_("The last signature takes this step by itself."))
    check(actor, "manage", operation)
    operation = take(actor=actor, operation=operation, step=step, reason=reason)
    if arrow == "ask_signatures":
        settle(actor=actor, operation=operation)
    return operation


def take(
    *, actor: "Actor", operation: Operation, step: states.Arrow, reason: str = ""
) -> Operation:
    """Move a locked operation along ``step``: state, guards, reason, event, tasks."""
    check_state(operation, *step.sources)
    if step.needs_reason and not reason.strip():
        raise RuleViolation(_("Give a reason."), field="reason")
    missing = states.missing_for(step, operation)
    if missing:
        raise RuleViolation(" ".join(str(m) for m in missing), code="missing")
    before = operation.state
    operation.state = step.target
    operation.version += 1
    if step.target == OperationState.CANCELLED:
        operation.cancel_reason = reason.strip()
    if step.target == OperationState.CLOSED:
        operation.closed_at = timezone.now()
    if step.key == "reopen_selection":
        operation.round += 1
    operation.save()
    for place in operation.participations.select_related("unit", "authority").order_by("pk"):
        sync_grants(place)
    record(
        actor=actor, verb=step.verb, subject=operation,
        data={"from": before, "to": operation.state, "reason": reason.strip()},
    )  # fmt: skip
    if step.key == "ask_signatures":
        carry_over(actor=actor, operation=operation)
    make_tasks(operation)
    return operation


def carry_over(*, actor: "Actor", operation: Operation) -> None:
    """Keep the signatures of authorities whose part is as they signed it last; none is asked again."""
    with as_system("what touches an authority is compared whole, whoever asks for sign-off"):
        contents = part_contents(operation)
    for place in unsigned(operation):
        last = place.signoffs.filter(round__lt=operation.round).order_by("-round").first()
        if last is None or last.part_hash != digest(contents[place.authority_id]):
            continue
        written = last.carried_from or last
        kept = SignOff.objects.create(
            operation=operation, participation=place, round=operation.round,
            signed_by=written.signed_by, selection_hash=written.selection_hash,
            part_hash=written.part_hash, method=written.method, carried_from=written,
        )  # fmt: skip
        record(
            actor=actor, verb="signoff.carried", subject=kept, context=operation,
            data={"authority": place.authority.name, "round": written.round},
        )  # fmt: skip


def settle(*, actor: "Actor", operation: Operation) -> None:
    """Decide a locked selection once every signature is there: last arrow, seed, decision record."""
    if unsigned(operation):
        return
    take(actor=actor, operation=operation, step=states.ARROWS["all_signed"])
    reveal(actor=actor, operation=operation)
    schedule_records(operation)


def schedule_records(operation: Operation) -> None:
    """Have the decision record made once the decision is stored."""
    from planning.jobs import make_decision_records

    transaction.on_commit(lambda: make_decision_records.delay(operation.pk))
