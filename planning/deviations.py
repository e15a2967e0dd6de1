"""Where the board departs from what was proposed, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from authorities.models import Authority
from planning.models import ChoiceState, Operation, Proposal, TargetChoice
from planning.words import CODES, team_in_words
from risk.models import Arm
from targets.models import Site


@dataclass(frozen=True)
class Deviation:
    """A decision that differs from the proposal it was made on (``proposed`` None: not in it)."""

    site: Site
    choice: TargetChoice
    proposed: Proposal | None
    what: str

    @property
    def reason_kind(self) -> Any:
        return CODES.get(self.choice.code, self.choice.code)


def deviations(operation: Operation) -> list[Deviation]:
    """Decisions that differ from the proposal on which they were made, by rank. Three queries.

    Decisions made before there was any proposal deviate from none; a drawn site that is left out
    always does.
    """
    choices = list(
        operation.choices.filter(as_proposed=False)
        .filter(Q(run__isnull=False) | Q(arm=Arm.RANDOM, state=ChoiceState.DROPPED))
        .select_related("site", "decided_by", "decided_for", "run")
        .order_by("rank", "pk")
    )
    proposals = {
        (p.run_id, p.site_id): p
        for p in Proposal.objects.filter(
            run__in={c.run_id for c in choices if c.run_id},
            site__in=[c.site_id for c in choices],
        )
    }
    names = {a.pk: a.short for a in Authority.objects.filter(
        pk__in={pk for p in proposals.values() for pk in p.team}
        | {pk for c in choices for pk in c.team})}  # fmt: skip
    return [
        Deviation(c.site, c, proposal, _deviation_in_words(c, proposal, names))
        for c in choices
        for proposal in [proposals.get((c.run_id, c.site_id))]
    ]


def _deviation_in_words(
    choice: TargetChoice, proposal: Proposal | None, names: Mapping[int, str]
) -> str:
    def said(row: TargetChoice | Proposal) -> str:
        return team_in_words([names[pk] for pk in row.team if pk in names], row.week)

    if choice.state == ChoiceState.DROPPED:
        if choice.arm == Arm.RANDOM:
            return _("Drawn at random, left out")
        return _("Proposed, left out")
    if proposal is None:
        return _("Not proposed. %(now)s") % {"now": said(choice)}
    return _("%(now)s. Proposed was: %(before)s") % {"now": said(choice), "before": said(proposal)}
