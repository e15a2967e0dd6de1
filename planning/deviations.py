"""Where decisions depart from what was proposed: one rule for the board, what is signed, the record."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from authorities.models import Authority
from planning.models import (
    ChoiceState,
    Operation,
    Proposal,
    RunKind,
    SelectionRun,
    SolverState,
    TargetChoice,
)
from planning.words import CODES, DEVIATIONS, team_in_words
from risk.models import Arm


def departures(
    state: str, team: Iterable[int], week: dt.date | None, proposal: Proposal | None, *, drawn: bool
) -> list[str]:
    """In what a decision departs from a plan (keys of ``DEVIATIONS``); nothing: it follows it.

    ``proposal``: what the plan holds of the site, None when it leaves it out. A proposal without week
    leaves the week open; a site that was ``drawn`` is no plan's to leave out.
    """
    if state == ChoiceState.DROPPED:
        return ["drawn"] if drawn else ["dropped"] if proposal is not None else []
    if proposal is None:
        return ["added"]
    who = set(team)
    kinds = ["team"] if who and who != set(proposal.team) else []
    if proposal.week is not None and week != proposal.week:
        kinds.append("week")
    return kinds


@dataclass(frozen=True)
class Deviation:
    """A decision that is not what was proposed; ``proposal``: what the plan held of the site."""

    choice: TargetChoice
    kinds: list[str]
    proposal: Proposal | None = None

    @property
    def words(self) -> str:
        return ", ".join(str(DEVIATIONS[kind]) for kind in self.kinds)

    @property
    def reason_kind(self) -> Any:
        return CODES.get(self.choice.code, self.choice.code)

    @property
    def reason(self) -> str:
        return reason_of(self.choice)


def reason_of(choice: TargetChoice) -> str:
    """What was written, or which plan the decision followed; "" when neither is known."""
    if choice.reason or choice.run is None:
        return choice.reason
    return _("as proposed (plan %(number)s)") % {"number": choice.run.number}


def _plans(operation: Operation) -> QuerySet[SelectionRun]:
    """Finished plans, newest first, without what is large in them."""
    done = operation.runs.filter(kind=RunKind.PLAN, state=SolverState.DONE)
    return done.defer("inputs", "result", "prices").order_by("-number")


def adopted(operation: Operation) -> int | None:
    """Number of the plan taken onto the board as a whole last; None: none was. One query."""
    whole = operation.board.filter(site=None, undoes=None, undone_by=None)
    number: int | None = whole.order_by("-number").values_list("after__run", flat=True).first()
    return number


def plan_of(operation: Operation) -> SelectionRun | None:
    """The plan that people followed; what they decide is compared with it. Three queries at most.

    It is the one taken onto the board last; where none was, the newest on which somebody decided
    anything; else the newest. A newer one that nobody followed is not what was decided from.
    """
    number = adopted(operation)
    if number is not None:
        return _plans(operation).filter(number=number).first()
    decided = _plans(operation).filter(pk__in=operation.choices.values("run"))
    return decided.first() or _plans(operation).first()


def newer_plan(operation: Operation, plan: SelectionRun | None) -> int | None:
    """Number of the newest plan that was made after the one people followed; None: there is none."""
    if plan is None:
        return None
    later = _plans(operation).filter(number__gt=plan.number)
    return later.values_list("number", flat=True).first()


def deviations(choices: list[TargetChoice], plan: SelectionRun | None) -> list[Deviation]:
    """Decisions that are not what ``plan`` proposed (see ``plan_of``), in the order given. One query.

    One that followed another plan departs from this one like any other; its reason says which it
    followed. Without any plan the joint list is the proposal: as many from its top as were selected.
    """
    proposals = {}
    if plan is not None:
        rows = Proposal.objects.filter(run=plan, site__in=[c.site_id for c in choices])
        proposals = {p.site_id: p for p in rows}
    size = sum(c.state == ChoiceState.PICKED for c in choices)
    found = []
    for choice in choices:
        if choice.as_proposed and (plan is None or choice.run_id == plan.pk):
            continue
        proposal = proposals.get(choice.site_id)
        drawn = choice.arm == Arm.RANDOM
        kinds = (
            departures(choice.state, choice.team, choice.week, proposal, drawn=drawn)
            if plan is not None
            else _against_the_list(choice, size)
        )
        if kinds:
            found.append(Deviation(choice, kinds, proposal))
    return found


def _against_the_list(choice: TargetChoice, size: int) -> list[str]:
    picked = choice.state == ChoiceState.PICKED
    if choice.arm == Arm.RANDOM:
        return [] if picked else ["drawn"]
    if choice.rank is None:
        return []
    if picked and choice.rank > size:
        return ["below"]
    return ["passed_over"] if not picked and choice.rank <= size else []


def what_was_proposed(found: list[Deviation]) -> dict[int, str]:
    """Team and week of the proposals departed from, in words, by choice id. One query."""
    held = [d for d in found if d.proposal is not None]
    wanted = {pk for d in held if d.proposal for pk in d.proposal.team}
    names = {a.pk: a.short for a in Authority.objects.filter(pk__in=wanted).order_by("pk")}
    return {
        d.choice.pk: _("Proposed was: %(before)s")
        % {"before": team_in_words([names[pk] for pk in d.proposal.team], d.proposal.week)}
        for d in held
        if d.proposal
    }
