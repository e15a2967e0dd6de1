"""Signing what was chosen: each authority's manager its part, and all together the selection."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from planning.models import Operation, OperationState, SignOff
from planning.services.availability import (
    not_available_words,
    unavailable_picks,
)
from planning.services.common import check, check_state, lock, own_participation
from planning.services.lottery import check_drawn
from planning.services.operations import settle
from planning.services.parts import part_hash, selection_hash
from targets.selectors import kept_from
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

# All managers may sign in the same minute, at the end of a meeting: nobody is turned away for it.
PATIENCE = 60


@service
def sign(
    *, actor: "Actor", operation: Operation, shown_hash: str, method: str, note: str = ""
) -> SignOff:
    """Sign the selection for the acting authority, once a round; the last signature decides it.

    The operation's row is locked first, so that of many signatures at once exactly one is the last.
    ``shown_hash`` is that of the page the manager read; another selection is not signed by mistake.
    ``method`` is how the person proved just now who they are (``authorities.proof.proof_of``).
    """
    operation = lock(operation, patience=PATIENCE)
    check(actor, "sign", operation)
    place = own_participation(actor, operation)
    earlier = (
        SignOff.objects.filter(participation=place, round=operation.round)
        .select_related("signed_by")
        .first()
    )
    if earlier is not None:
        raise Conflict(
            _("%(name)s has signed for your authority already.")
            % {"name": earlier.signed_by.full_name}
        )
    check_state(operation, OperationState.SIGNING)
    if not method:
        raise NotAllowed(_("Confirm who you are, then sign."))
    if recused_among(actor, operation):
        raise NotAllowed(_("Somebody else of your authority has to sign this selection."))
    check_drawn(operation)
    gone = unavailable_picks(operation)
    if gone:
        raise RuleViolation(
            _("%(words)s Reopen the selection: %(sites)s.")
            % {"words": not_available_words(), "sites": ", ".join(site.name for site in gone)}
        )
    current = selection_hash(operation)
    if shown_hash != current:
        raise Conflict(_("The selection has changed since you opened the page. Read it again."))
    signature = SignOff.objects.create(
        operation=operation, participation=place, round=operation.round, signed_by=actor.user,
        selection_hash=current, part_hash=part_hash(operation, actor.authority), method=method,
        note=note,
    )  # fmt: skip
    record(
        actor=actor, verb="signoff.given", subject=signature, context=operation,
        data={"authority": actor.authority.name, "hash": current, "method": method},
    )  # fmt: skip
    finish_tasks(actor=actor, subject=operation, kind="planning.sign", authority=actor.authority)
    settle(actor=actor, operation=operation)
    return signature


def recused_among(actor: "Actor", operation: Operation) -> bool:
    """Whether the person is kept away from something that is signed here."""
    with as_system("what a recused person may not see is looked for in their place"):
        return operation.choices.filter(site__in=kept_from(actor.user)).exists()


def decided_at(operation: Operation) -> Any:
    last = operation.signoffs.filter(round=operation.round).order_by("-signed_at").first()
    return timezone.localtime(last.signed_at) if last else None
