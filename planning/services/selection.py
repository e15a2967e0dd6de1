"""Choosing with reasons, and signing what was chosen, once and all together."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from planning import states
from planning.models import (
    ChoiceState,
    Operation,
    OperationState,
    Participation,
    ParticipationState,
    SignOff,
    TargetChoice,
)
from planning.selectors import joint_list
from planning.services.availability import (
    check_available,
    not_available_words,
    unavailable_picks,
)
from planning.services.common import check, check_state, lock, own_participation
from planning.services.operations import take
from risk.selectors import contributions_of
from risk.services.overrides import record_override, withdraw_override
from targets.models import Recusal, Site
from targets.selectors import sites_as_named
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def choose(
    *, actor: "Actor", operation: Operation, site: Site, state: str, reason: str, code: str = ""
) -> TargetChoice:
    """Pick or drop a nominated site; needs a reason. Score and rank are kept as they stand now.

    ``code``: of ``risk.models.OverrideReason``, so that deviations can be held against results.
    """
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    if state not in ChoiceState.values:
        raise RuleViolation(_("Choose whether the site is selected or left out."), field="state")
    if not reason.strip():
        raise RuleViolation(_("Give a reason for every pick and every drop."), field="reason")
    entries = joint_list(operation)
    entry = next((e for e in entries if e.site.pk == site.pk), None)
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
    record_override(
        actor=actor, site=site, operation=operation.number, round=operation.round,
        rank=entry.rank, of=len(entries), decided=state, code=code, note=reason,
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
    withdraw_override(actor=actor, site=site, operation=operation.number)


def selection_content(operation: Operation) -> dict[str, Any]:
    """What is signed, in a form that hashes the same every time."""
    choices = list(operation.choices.select_related("site", "decided_for").order_by("rank", "pk"))
    named = sites_as_named(TargetChoice._meta.db_table, [c.pk for c in choices])
    return {
        "operation": operation.number,
        "round": operation.round,
        "legal_purpose": operation.legal_purpose,
        "choices": [
            {
                "site": str(named.get(c.pk, c.site).public_id),
                "name": named.get(c.pk, c.site).name, "state": c.state,
                "reason": c.reason, "rank": c.rank, "points": "" if c.points is None else str(c.points),
                "decided_for": c.decided_for.code,
            }
            for c in choices
        ],
    }  # fmt: skip


def selection_hash(operation: Operation) -> str:
    """SHA-256 over the canonical JSON of what is signed: the whole, whoever asks."""
    with as_system("one selection has one hash"):
        content = selection_content(operation)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@service
def sign(*, actor: "Actor", operation: Operation, shown_hash: str, note: str = "") -> SignOff:
    """Sign the selection for the acting authority, once a round; the last signature decides it.

    The operation's row is locked first, so that of many signatures at once exactly one is the last.
    ``shown_hash`` is that of the page the manager read; another selection is not signed by mistake.
    """
    operation = lock(operation)
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
    if recused_among(actor, operation):
        raise NotAllowed(_("Somebody else of your authority has to sign this selection."))
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
        selection_hash=current, note=note,
    )  # fmt: skip
    record(
        actor=actor, verb="signoff.given", subject=signature, context=operation,
        data={"authority": actor.authority.name, "hash": current},
    )  # fmt: skip
    finish_tasks(actor=actor, subject=operation, kind="planning.sign", authority=actor.authority)
    if not unsigned(operation):
        take(actor=actor, operation=operation, step=states.ARROWS["all_signed"])
        schedule_records(operation)
    return signature


def recused_among(actor: "Actor", operation: Operation) -> bool:
    """Whether the person is kept away from something that is signed here."""
    with as_system("what a recused person may not see is looked for in their place"):
        sites = operation.choices.values("site_id")
        return Recusal.objects.filter(
            Q(site_id__in=sites) | Q(company__sites__in=sites),
            user=actor.user, ended_at__isnull=True,
        ).exists()  # fmt: skip


def unsigned(operation: Operation) -> list[Participation]:
    """Participations that have not signed the present round."""
    return list(
        operation.participations.filter(state=ParticipationState.ACCEPTED)
        .exclude(signoffs__round=operation.round)
        .select_related("authority")
        .order_by("pk")
    )


def schedule_records(operation: Operation) -> None:
    """Have the decision record made once the decision is stored."""
    from planning.jobs import make_decision_records

    transaction.on_commit(lambda: make_decision_records.delay(operation.pk))


def decided_at(operation: Operation) -> Any:
    last = operation.signoffs.filter(round=operation.round).order_by("-signed_at").first()
    return timezone.localtime(last.signed_at) if last else None
