"""Where decisions depart from what was proposed: one rule for the board, what is signed, the record."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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


def plan_of(operation: Operation) -> SelectionRun | None:
    """The newest plan that the solver has finished; what people decide is compared with it."""
    return (
        operation.runs.filter(kind=RunKind.PLAN, state=SolverState.DONE).order_by("-number").first()
    )


def deviations(choices: list[TargetChoice], plan: SelectionRun | None) -> list[Deviation]:
    """Decisions that are not what was proposed, in the order given. One query.

    Each is held against the plan on which it was made, else against ``plan``, the newest. Without
    any plan the joint list is the proposal: as many from its top as were selected.
    """
    runs = {c.pk: c.run_id or (plan and plan.pk) for c in choices}
    proposals = {
        (p.run_id, p.site_id): p
        for p in Proposal.objects.filter(
            run__in={pk for pk in runs.values() if pk}, site__in=[c.site_id for c in choices]
        )
    }
    size = sum(c.state == ChoiceState.PICKED for c in choices)
    found = []
    for choice in choices:
        run = runs[choice.pk]
        proposal = proposals.get((run, choice.site_id)) if run else None
        drawn = choice.arm == Arm.RANDOM
        kinds = (
            departures(choice.state, choice.team, choice.week, proposal, drawn=drawn)
            if run
            else _against_the_list(choice, size)
        )
        if kinds and not choice.as_proposed:
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
