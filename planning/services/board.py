"""The board: what people pick and drop of the candidates, each with a reason, and undoing it."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import RuleViolation
from audit.services import record
from planning.models import (
    ChoiceState,
    Operation,
    OperationState,
    TargetChoice,
)
from planning.selectors import joint_list
from planning.services.availability import (
    check_available,
)
from planning.services.common import check, check_state, lock
from risk.selectors import contributions_of
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def choose(
    *, actor: "Actor", operation: Operation, site: Site, state: str, reason: str
) -> TargetChoice:
    """Pick or drop a nominated site; needs a reason. Score and rank are kept as they stand now."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    if state not in ChoiceState.values:
        raise RuleViolation(_("Choose whether the site is selected or left out."), field="state")
    if not reason.strip():
        raise RuleViolation(_("Give a reason for every pick and every drop."), field="reason")
    entry = next((e for e in joint_list(operation) if e.site.pk == site.pk), None)
    if entry is None:
        raise RuleViolation(
            _("%(site)s is not on the joint list.") % {"site": site.name}, field="site"
        )
    if state == ChoiceState.PICKED:
        check_available(operation, site)
    choice, _created = TargetChoice.objects.update_or_create(
        operation=operation, site=site,
        defaults={
            "state": state, "reason": reason.strip(), "points": entry.card.points,
            "contributions": contributions_of(site.pk),
            "rank": entry.rank, "decided_by": actor.user, "decided_for": actor.authority,
        },
    )  # fmt: skip
    record(
        actor=actor, verb=f"choice.{state}", subject=choice, context=operation,
        data={"site": site.name, "reason": reason.strip(), "rank": entry.rank,
              "points": "" if entry.card.points is None else str(entry.card.points)},
    )  # fmt: skip
    return choice


@service
def undo_choice(*, actor: "Actor", operation: Operation, site: Site) -> None:
    """Make a site undecided again."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    TargetChoice.objects.filter(operation=operation, site=site).delete()
