"""The board: what people make of the proposal, one change after the other, each of them undoable.

Every change locks the operation, so that changes have an order (``BoardChange.number``), and is
compared with what the person saw (``version``): two people on one site never overwrite each other.
What follows the newest proposal needs no reason; every deviation needs one from who makes it.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Authority
from planning.candidates import Candidate, candidates, current_plan, window_weeks
from planning.deviations import departures
from planning.leading import may_lead
from planning.models import (
    BoardChange,
    ChoiceState,
    Operation,
    OperationState,
    SelectionRun,
    TargetChoice,
)
from planning.permissions import may_select
from planning.services.availability import check_available
from planning.services.common import check_state, lock
from planning.services.lottery import check_drawn
from planning.words import CODES, decision_in_words
from risk.models import Arm
from risk.selectors import contributions_of
from risk.services.overrides import record_override, withdraw_override
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor

ANY_WEEK = "any"


@dataclass(frozen=True)
class Decision:
    """What stands on the board for one site; ``None`` in its place means undecided.

    ``team``: authority ids, ascending. ``by`` and ``for_authority`` (ids): who answers for it.
    """

    state: str
    team: tuple[int, ...] = ()
    week: dt.date | None = None
    reason: str = ""
    code: str = ""
    run: int | None = None
    as_proposed: bool = False
    by: int | None = None
    for_authority: int | None = None


def follows(
    candidate: Candidate, state: str, team: Iterable[int], week: dt.date | None, *, planned: bool
) -> bool:
    """Whether a decision is exactly what was proposed. ``planned``: there is a proposal at all."""
    drawn = candidate.drawn is not None
    return planned and not departures(state, team, week, candidate.proposal, drawn=drawn)


def usual_team(candidate: Candidate) -> list[int]:
    """Who goes when nobody says otherwise: as proposed or drawn, else who nominated and could come,
    with somebody who may lead."""
    if candidate.proposal is not None:
        return sorted(candidate.proposal.team)
    if candidate.drawn is not None and candidate.drawn.team:
        return sorted(candidate.drawn.team)
    able = {authority.pk for authority in candidate.could_come}
    wanted = {n.authority_id for n in candidate.nominations} & able
    team = wanted or set(sorted({n.authority_id for n in candidate.nominations} or able)[:1])
    if candidate.enter is not None and not may_lead(team, candidate.enter):
        team |= set(sorted(may_lead((a.pk for a in candidate.taking_part), candidate.enter))[:1])
    return sorted(team)


# ------------------------------------------------------------------------------- one site
@service
def choose(
    *,
    actor: "Actor",
    operation: Operation,
    site: Site,
    state: str,
    reason: str = "",
    code: str = "",
    team: Iterable[int] | None = None,
    week: dt.date | str | None = None,
    version: int | None = None,
    request: uuid.UUID | None = None,
) -> TargetChoice:
    """Pick or drop a candidate; score and rank are kept as they stand now.

    ``team`` (authority ids) and ``week`` (a Monday, or ``ANY_WEEK``) left out: what stands already,
    else what is proposed. ``version``: of what the person saw (``Card.version``, 0: undecided, never
    touched); Conflict when somebody was faster. The same ``request`` again changes nothing.
    """
    operation = open_board(actor, operation)
    if answered(operation, request, site, state) is not None:
        return _standing(operation, site)
    check_drawn(operation)
    if state not in ChoiceState.values:
        raise RuleViolation(_("Choose whether the site is selected or left out."), field="state")
    candidate, plan = candidate_of(operation, site), current_plan(operation)
    wanted = _wanted(operation, candidate, state, team, week)
    check_version(operation, site, candidate.choice, version, wanted)
    if state == ChoiceState.PICKED:
        check_available(operation, site)
    decision = _reasoned(actor, candidate, plan, wanted, reason.strip(), code)
    write(actor, operation, candidate, decision, request=request)
    return _standing(operation, site)


@service
def undo_choice(
    *,
    actor: "Actor",
    operation: Operation,
    site: Site,
    version: int | None = None,
    request: uuid.UUID | None = None,
) -> BoardChange | None:
    """Make a site undecided again; None when it was."""
    operation = open_board(actor, operation)
    earlier = answered(operation, request, site, "")
    if earlier is not None:
        return earlier
    candidate = candidate_of(operation, site)
    if candidate.choice is None:
        return None
    check_version(operation, site, candidate.choice, version, None)
    return write(actor, operation, candidate, None, request=request)


def open_board(actor: "Actor", operation: Operation) -> Operation:
    """The locked operation, if the actor may change its board now."""
    operation = lock(operation)
    if not may_select(actor, operation):
        raise NotAllowed(_("You have no right to do this in this operation."))
    check_state(operation, OperationState.SELECTING)
    return operation


def answered(
    operation: Operation, request: uuid.UUID | None, site: Site | None, state: str | None = None
) -> BoardChange | None:
    """The change that the same request made before; Conflict when it asked for something else.

    ``state`` as asked, "" for undecided, None when it does not matter.
    """
    if request is None:
        return None
    earlier = BoardChange.objects.filter(operation=operation, request=request).first()
    if earlier is None:
        return None
    made = (earlier.after or {}).get("state", "")
    if earlier.site_id != (site.pk if site else None) or state not in (None, made):
        raise Conflict(_("This was sent before with something else. Open the page again."))
    return earlier


def _standing(operation: Operation, site: Site) -> TargetChoice:
    choice = TargetChoice.objects.filter(operation=operation, site=site).first()
    if choice is None:
        raise Conflict(_("This was done before and has been undone since."))
    return choice


def candidate_of(operation: Operation, site: Site) -> Candidate:
    found = next((c for c in candidates(operation) if c.site.pk == site.pk), None)
    if found is None:
        raise RuleViolation(
            _("%(site)s is not on the joint list.") % {"site": site.name}, field="site"
        )
    return found


def _wanted(
    operation: Operation,
    candidate: Candidate,
    state: str,
    team: Iterable[int] | None,
    week: dt.date | str | None,
) -> Decision:
    """State, team and week as asked, completed and checked."""
    if state == ChoiceState.DROPPED:
        return Decision(state)
    choice = candidate.choice
    standing = choice if choice is not None and choice.state == ChoiceState.PICKED else None
    who = sorted(set(team)) if team is not None else []
    if team is None:
        who = sorted(standing.team) if standing and standing.team else usual_team(candidate)
    taking_part = {a.pk for a in candidate.taking_part}
    if not who or not set(who) <= taking_part:
        raise RuleViolation(
            _("Choose at least one authority that takes part in the operation."), field="team"
        )
    leaders = [a for a in candidate.taking_part if a.pk in may_lead(taking_part, candidate.enter)]
    if leaders and not may_lead(who, candidate.enter):
        raise RuleViolation(
            _(
                "Nobody of this team can lead the visit: none may enter this kind of place by right."
                " Take along: %(who)s."
            )
            % {"who": ", ".join(a.short for a in leaders)},
            field="team",
        )
    when: dt.date | None
    if week == ANY_WEEK:
        when = None
    elif isinstance(week, dt.date):
        when = week
    elif week is None:
        source = standing or candidate.proposal
        when = source.week if source else None
    else:
        raise RuleViolation(_("Choose a week of the inspection window."), field="week")
    if when is not None and when not in window_weeks(operation):
        raise RuleViolation(_("Choose a week of the inspection window."), field="week")
    return Decision(state, tuple(who), when)


def _reasoned(
    actor: "Actor",
    candidate: Candidate,
    plan: SelectionRun | None,
    wanted: Decision,
    reason: str,
    code: str,
) -> Decision:
    """The decision with its reason, or RuleViolation where one is lacking."""
    planned = plan is not None
    proposed = follows(candidate, wanted.state, wanted.team, wanted.week, planned=planned)
    mine = replace(
        wanted, reason=reason, code=code, run=plan.pk if plan else None, as_proposed=proposed,
        by=actor.user.pk, for_authority=actor.authority.pk,
    )  # fmt: skip
    standing = candidate.choice
    if proposed:
        return mine
    if not reason and standing is not None and _only_another_week(candidate, standing, wanted):
        return replace(_decision(standing), week=wanted.week)
    if not reason:
        raise RuleViolation(
            _("This differs from the proposal: give a reason.")
            if planned
            else _("Give a reason for every pick and every drop."),
            field="reason",
        )
    # Of a drawn site that is left out it is asked too: what is learned depends on it.
    if not code and (planned or (candidate.drawn and wanted.state == ChoiceState.DROPPED)):
        raise RuleViolation(_("Say what kind of reason it is."), field="code")
    if code and code not in CODES:
        raise RuleViolation(_("Choose a kind of reason from the list."), field="code")
    return mine


def _only_another_week(candidate: Candidate, standing: TargetChoice, wanted: Decision) -> bool:
    """A selected site is put in another week, and no proposal names the week it should have.

    Then the decision with its reason stays that of whoever made it.
    """
    proposal = candidate.proposal
    return (
        bool(standing.reason)
        and standing.state == wanted.state == ChoiceState.PICKED
        and tuple(standing.team) == wanted.team
        and (proposal is None or proposal.week is None)
    )


# ------------------------------------------------------------------------- what everybody saw
def version_of(operation: Operation, site: Site, choice: TargetChoice | None) -> int:
    """What tells whether a site was touched: the number of the change that made what stands."""
    if choice is not None:
        return choice.version
    changes = BoardChange.objects.filter(operation=operation, site=site)
    return changes.aggregate(last=Max("number"))["last"] or 0


def check_version(
    operation: Operation,
    site: Site,
    choice: TargetChoice | None,
    version: int | None,
    wanted: Decision | None,
) -> None:
    """Raise Conflict with both values unless what the person saw still stands."""
    current = version_of(operation, site, choice)
    if version is None or version == current:
        return
    last = (
        BoardChange.objects.filter(operation=operation, number=current)
        .select_related("made_by", "made_for")
        .first()
    )
    stands = _("undecided") if choice is None else decision_in_words(_decision(choice))
    values = {
        "site": site.shown_name, "now": stands,
        "yours": _("undecided") if wanted is None else decision_in_words(wanted),
    }  # fmt: skip
    if last is None:
        raise Conflict(
            _("%(site)s was changed meanwhile. Now: %(now)s. Yours: %(yours)s.") % values
        )
    values |= {
        "who": last.made_by.full_name, "authority": last.made_for.short,
        "time": date_format(timezone.localtime(last.made_at), "TIME_FORMAT"),
    }  # fmt: skip
    raise Conflict(
        _(
            "%(who)s (%(authority)s) changed %(site)s at %(time)s. Now: %(now)s. Yours: %(yours)s."
            " Nothing was overwritten."
        )
        % values
    )


# ----------------------------------------------------------------------------------- writing
def _decision(choice: TargetChoice) -> Decision:
    return Decision(
        choice.state, tuple(choice.team), choice.week, choice.reason, choice.code, choice.run_id,
        choice.as_proposed, choice.decided_by_id, choice.decided_for_id,
    )  # fmt: skip


def _stored(decision: Decision | None) -> dict[str, Any] | None:
    """A decision as a change keeps it: authorities by code, the run by number."""
    if decision is None:
        return None
    team = Authority.objects.filter(pk__in=decision.team).order_by("code")
    run = SelectionRun.objects.filter(pk=decision.run).first() if decision.run else None
    return {
        "state": decision.state, "team": [authority.code for authority in team],
        "week": decision.week.isoformat() if decision.week else None,
        "reason": decision.reason, "code": decision.code,
        "run": run.number if run else None, "as_proposed": decision.as_proposed,
        "by": decision.by, "for": decision.for_authority,
    }  # fmt: skip


def read(operation: Operation, stored: Mapping[str, Any] | None) -> Decision | None:
    """What ``_stored`` kept."""
    if stored is None:
        return None
    team = Authority.objects.filter(code__in=stored["team"]).values_list("pk", flat=True)
    run = operation.runs.filter(number=stored["run"]).first() if stored["run"] else None
    return Decision(
        stored["state"], tuple(sorted(team)),
        dt.date.fromisoformat(stored["week"]) if stored["week"] else None,
        stored["reason"], stored["code"], run.pk if run else None, stored["as_proposed"],
        stored["by"], stored["for"],
    )  # fmt: skip


def next_number(operation: Operation) -> int:
    """Of the locked operation's next change. Choices older than the board have version 1."""
    with as_system("one order for all, also of changes that this person may not see"):
        last = operation.board.aggregate(last=Max("number"))["last"]
    return (last or 1) + 1


def write(
    actor: "Actor",
    operation: Operation,
    candidate: Candidate,
    decision: Decision | None,
    *,
    request: uuid.UUID | None = None,
    undoes: BoardChange | None = None,
    part_of: int | None = None,
) -> BoardChange:
    """Put ``decision`` on the board and the change in the line of changes."""
    number, site, standing = next_number(operation), candidate.site, candidate.choice
    before = _stored(_decision(standing)) if standing else None
    after = _stored(decision)
    if part_of is not None and after is not None:
        after["part_of"] = part_of
    if decision is None:
        TargetChoice.objects.filter(operation=operation, site=site).delete()
    else:
        values = values_of(candidate, decision) | {
            "version": number, "contributions": contributions_of(site.pk),
        }  # fmt: skip
        TargetChoice.objects.update_or_create(operation=operation, site=site, defaults=values)
    change = BoardChange.objects.create(
        operation=operation, number=number, round=operation.round, site=site, before=before,
        after=after, made_by=actor.user, made_for=actor.authority, undoes=undoes, request=request,
    )  # fmt: skip
    record(
        actor=actor, verb=f"choice.{decision.state if decision else 'undecided'}", subject=change,
        context=operation,
        data={
            "site": site.name, "reason": decision.reason if decision else "",
            "code": decision.code if decision else "", "rank": candidate.rank,
            "points": "" if candidate.card.points is None else str(candidate.card.points),
        },
    )  # fmt: skip
    note_override(actor, operation, candidate, decision)
    return change


def note_override(
    actor: "Actor", operation: Operation, candidate: Candidate, decision: Decision | None
) -> None:
    """So that what people decide beside the list can be held against what is found."""
    site, rank = candidate.site, candidate.rank
    if decision is None:
        withdraw_override(actor=actor, site=site, operation=operation.number)
        return
    record_override(
        actor=actor, site=site, operation=operation.number, round=operation.round, rank=rank,
        of=max(rank, operation.availabilities.count()), decided=decision.state,
        proposed=candidate.proposal is not None if decision.run else None, code=decision.code,
        note=decision.reason,
    )  # fmt: skip


def values_of(candidate: Candidate, decision: Decision) -> dict[str, Any]:
    """Columns of a choice. How a drawn site came about stays with it, also when it is left out."""
    drawn, proposal = candidate.drawn, candidate.proposal
    arm, probability = Arm.CHOSEN.value, None
    if drawn is not None:
        arm, probability = Arm.RANDOM.value, drawn.probability
    elif proposal is not None and proposal.arm != Arm.RANDOM:
        arm, probability = proposal.arm, proposal.probability
    return {
        "state": decision.state, "team": list(decision.team), "week": decision.week,
        "reason": decision.reason, "code": decision.code, "run_id": decision.run,
        "as_proposed": decision.as_proposed, "arm": arm, "probability": probability,
        "points": candidate.card.points, "rank": candidate.rank,
        "decided_by_id": decision.by, "decided_for_id": decision.for_authority,
    }  # fmt: skip
