"""“This is yours to act on”: handing a signal over, and answering."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Authority, GroundVersion
from targets.models import (
    HandOver,
    HandOverState,
    RefusalClass,
    Signal,
)
from targets.services.sharing import disclose, names
from targets.services.signals import own_locked
from worklist.services import ensure_task, finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor


@service
def hand_over(
    *,
    actor: "Actor",
    signal: Signal,
    receiver: Authority,
    ground: GroundVersion,
    confirmed: list[str],
    deadline: dt.date,
    message: str = "",
) -> HandOver:
    """Give a signal and ask the receiver to act on it; answered by ``deadline``."""
    signal = own_locked(actor, signal)
    if deadline <= timezone.localdate():
        raise RuleViolation(_("Choose a deadline to come."), field="deadline")
    given = disclose(
        actor=actor, item=signal, receiver=receiver, ground=ground, confirmed=confirmed,
        purpose=signal.purpose,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row = HandOver.objects.create(
                signal=signal, disclosure=given, company=signal.company, site=signal.site,
                kind=signal.kind, sender=actor.authority, receiver=receiver,
                message=message.strip(), deadline=deadline, sent_by=actor.user,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(
            _("It has been handed to %(receiver)s already.") % {"receiver": receiver.name}
        ) from None
    record(
        actor=actor, verb="handover.sent", subject=signal,
        data={"receiver": receiver.name, "sender": actor.authority.name},
        audience=[actor.authority.pk, receiver.pk],
    )  # fmt: skip
    unit = receiver.units.order_by("pk").first()
    if unit is not None:
        ensure_task(
            key=f"sharing.handover:{row.pk}", kind="sharing.handover", authority=receiver,
            unit=unit, role="coordinator", subject=row, due=deadline,
            url=reverse("targets:handover", args=[row.public_id]),
            params=names("sender", actor.authority),
        )  # fmt: skip
    return row


def _to_answer(actor: "Actor", row: HandOver) -> HandOver:
    HandOver.objects.select_for_update(of=("self",)).get(pk=row.pk)
    row = HandOver.objects.select_related("signal", "sender", "receiver").get(pk=row.pk)
    if row.receiver_id != actor.authority.pk:
        raise NotAllowed(_("Only the authority it was handed to may answer."))
    if row.state not in (HandOverState.OFFERED, HandOverState.LAPSED):
        raise Conflict(
            _("It has been answered already: %(state)s.") % {"state": row.get_state_display()}
        )
    return row


def _answered(actor: "Actor", row: HandOver, verb: str) -> HandOver:
    row.answered_by, row.answered_at = actor.user, timezone.now()
    row.save()
    finish_tasks(actor=actor, key=f"sharing.handover:{row.pk}")
    record(
        actor=actor, verb=verb, subject=row.signal or row,
        data={"receiver": row.receiver.name, "reason": row.reason},
        audience=[row.sender_id, row.receiver_id],
    )  # fmt: skip
    return row


@service
def accept_handover(*, actor: "Actor", row: HandOver) -> HandOver:
    """Take it on; a late answer counts too."""
    row = _to_answer(actor, row)
    row.state = HandOverState.ACCEPTED
    return _answered(actor, row, "handover.accepted")


@service
def refuse_handover(*, actor: "Actor", row: HandOver, reason_class: str, reason: str) -> HandOver:
    """Refuse with a class and words; the sender sees both, and so does the next signal."""
    row = _to_answer(actor, row)
    if reason_class not in RefusalClass.values:
        raise RuleViolation(_("Choose from the list."), field="reason_class")
    if not reason.strip():
        raise RuleViolation(_("Say why."), field="reason")
    row.state, row.reason_class, row.reason = HandOverState.REFUSED, reason_class, reason.strip()
    return _answered(actor, row, "handover.refused")


def earlier_refusals(signal: Signal, actor: "Actor") -> list[HandOver]:
    """Refused or lapsed hand-overs on the same target that the actor may see. One query."""
    if signal.company_id is None and signal.site_id is None:
        return []
    return list(
        HandOver.objects.visible_to(actor)
        .filter(
            company_id=signal.company_id, site_id=signal.site_id,
            state__in=[HandOverState.REFUSED, HandOverState.LAPSED],
        )
        .exclude(signal=signal)
        .select_related("sender", "receiver")
        .order_by("-sent_at", "-pk")[:20]
    )  # fmt: skip
