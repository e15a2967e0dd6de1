"""Taking a whole proposal onto the board in one change; undoing a change, of a site or the whole."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, RuleViolation
from audit.services import record
from planning.candidates import Candidate, candidates, current_plan
from planning.models import (
    AvailabilityState,
    BoardChange,
    ChoiceState,
    Operation,
    SelectionRun,
    TargetChoice,
)
from planning.services.availability import ask_availability, check_available
from planning.services.board import (
    Decision,
    answered,
    candidate_of,
    check_version,
    next_number,
    note_override,
    open_board,
    read,
    values_of,
    write,
)
from planning.services.lottery import check_drawn
from risk.selectors import contributions_of
from risk.services.overrides import withdraw_override
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@dataclass(frozen=True)
class Adopted:
    """``change`` is of the whole board; ``unavailable`` are proposed and stay undecided."""

    change: BoardChange
    unavailable: list[Site] = field(default_factory=list)


@service
def adopt(
    *,
    actor: "Actor",
    operation: Operation,
    run: SelectionRun,
    overwrite: bool = False,
    request: uuid.UUID | None = None,
) -> Adopted:
    """Take a whole proposal: what it holds is picked, every other candidate left out.

    Own decisions of people stay, unless ``overwrite``; what only followed an earlier proposal goes by
    this one. What is proposed but not available stays
    undecided and is named in the answer.
    """
    operation = open_board(actor, operation)
    earlier = answered(operation, request, None)
    if earlier is not None:
        return Adopted(earlier)
    check_drawn(operation)
    plan = current_plan(operation)
    if plan is None or plan.pk != run.pk:
        raise RuleViolation(
            _("There is a newer proposal, or this one is not of this round. Open the board again."),
            field="run",
        )
    rows = candidates(operation)
    unavailable = [c.site for c in rows if c.proposal and not is_available(operation, c)]
    closed = {site.pk for site in unavailable}
    taken = [c for c in rows if c.site.pk not in closed and (overwrite or _followed_only(c, plan))]
    decisions = [(c, _as_proposed_by(actor, plan, c)) for c in taken]
    change = BoardChange.objects.create(
        operation=operation, number=next_number(operation), round=operation.round,
        after=_summary(plan, decisions, len(rows)), made_by=actor.user,
        made_for=actor.authority, request=request,
    )  # fmt: skip
    _write_many(actor, operation, change, [(c, d) for c, d in decisions if c.choice is None])
    for candidate, decision in decisions:
        if candidate.choice is not None and not _same(candidate.choice, decision):
            write(actor, operation, candidate, decision, part_of=change.number)
    assert change.after is not None
    record(
        actor=actor, verb="board.adopted", subject=change, context=operation,
        data={"number": plan.number, **{k: v for k, v in change.after.items() if k != "run"}},
    )  # fmt: skip
    return Adopted(change, unavailable)


def _followed_only(candidate: Candidate, plan: SelectionRun) -> bool:
    """Undecided, or decided by nothing but an earlier proposal: nobody gave a reason."""
    choice = candidate.choice
    return choice is None or (choice.as_proposed and not choice.reason and choice.run_id != plan.pk)


def _summary(
    plan: SelectionRun, decisions: list[tuple[Candidate, Decision]], of: int
) -> dict[str, Any]:
    """What the line of a whole board says: numbers only, whoever may read them."""
    picked = sum(decision.state == ChoiceState.PICKED for _candidate, decision in decisions)
    return {
        "run": plan.number, "picked": picked, "dropped": len(decisions) - picked,
        "kept": of - len(decisions),
    }  # fmt: skip


def is_available(operation: Operation, candidate: Candidate) -> bool:
    row = candidate.availability or ask_availability(operation, candidate.site)
    return bool(row.state == AvailabilityState.AVAILABLE)


def _as_proposed_by(actor: "Actor", plan: SelectionRun, candidate: Candidate) -> Decision:
    """What the plan says of one candidate. A drawn one that it lacks is no plan's to leave out."""
    proposal = candidate.proposal
    who: dict[str, Any] = {
        "run": plan.pk, "as_proposed": True, "by": actor.user.pk,
        "for_authority": actor.authority.pk,
    }  # fmt: skip
    if proposal is None:
        return Decision(ChoiceState.DROPPED, **who)
    return Decision(ChoiceState.PICKED, tuple(sorted(proposal.team)), proposal.week, **who)


def _same(choice: TargetChoice, decision: Decision) -> bool:
    return (choice.state, tuple(choice.team), choice.week, choice.as_proposed) == (
        decision.state, decision.team, decision.week, True,
    )  # fmt: skip


def _write_many(
    actor: "Actor",
    operation: Operation,
    change: BoardChange,
    decisions: list[tuple[Candidate, Decision]],
) -> None:
    """New choices in one statement. Of the picked ones it is kept why they stood where they stood,
    and that people followed the list: what is found there is held against what they changed."""
    TargetChoice.objects.bulk_create(
        TargetChoice(
            operation=operation,
            site=candidate.site,
            version=change.number,
            contributions=contributions_of(candidate.site.pk) if decision.team else [],
            **values_of(candidate, decision),
        )
        for candidate, decision in decisions
    )
    for candidate, decision in decisions:
        if decision.team:
            note_override(actor, operation, candidate, decision)


@service
def undo(
    *,
    actor: "Actor",
    operation: Operation,
    change: BoardChange,
    request: uuid.UUID | None = None,
) -> BoardChange:
    """Put back what stood before ``change``, with its reason and whose it was.

    Only the latest change of a site can be undone (Conflict otherwise). Undoing the change of a
    whole board takes back what nobody has touched since.
    """
    operation = open_board(actor, operation)
    change = BoardChange.objects.select_related("site").get(operation=operation, pk=change.pk)
    earlier = answered(operation, request, change.site)
    if earlier is not None:
        return earlier
    if BoardChange.objects.filter(undoes=change).exists():
        raise Conflict(_("This has been undone already."))
    if change.round != operation.round:
        raise Conflict(_("This was done in an earlier round, which has been signed since."))
    if change.site is None:
        return _undo_whole(actor, operation, change, request)
    candidate = candidate_of(operation, change.site)
    decision = read(operation, change.before)
    check_version(operation, change.site, candidate.choice, change.number, decision)
    if decision is not None and decision.state == ChoiceState.PICKED:
        check_available(operation, change.site)
    return write(actor, operation, candidate, decision, request=request, undoes=change)


def _undo_whole(
    actor: "Actor", operation: Operation, change: BoardChange, request: uuid.UUID | None
) -> BoardChange:
    own = TargetChoice.objects.filter(operation=operation, version=change.number, as_proposed=True)
    for site in [
        choice.site for choice in own.filter(state=ChoiceState.PICKED).select_related("site")
    ]:
        withdraw_override(actor=actor, site=site, operation=operation.number)
    count, _kinds = own.delete()
    parts = BoardChange.objects.filter(
        operation=operation, after__part_of=change.number
    ).select_related("site")
    by_site: dict[int | None, Candidate] = {c.site.pk: c for c in candidates(operation)}
    for part in parts.order_by("number"):
        candidate = by_site.get(part.site_id)
        if candidate is None or candidate.choice is None:
            continue
        decision = read(operation, part.before)
        gone = decision and decision.state == ChoiceState.PICKED and not is_available(
            operation, candidate
        )  # fmt: skip
        if candidate.choice.version == part.number and not gone:
            write(actor, operation, candidate, decision, undoes=part)
            count += 1
    assert change.after is not None  # a whole board has no ``before``, but always this
    undone = BoardChange.objects.create(
        operation=operation, number=next_number(operation), round=operation.round,
        after={"run": change.after["run"], "undone": count}, made_by=actor.user,
        made_for=actor.authority, undoes=change, request=request,
    )  # fmt: skip
    record(
        actor=actor, verb="board.unadopted", subject=undone, context=operation,
        data={"number": change.after["run"], "count": count},
    )  # fmt: skip
    return undone
