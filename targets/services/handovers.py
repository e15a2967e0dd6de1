"""“This is yours to act on”: handing a signal over, and answering."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Authority, GroundVersion
from targets.models import (
    Classification,
    Company,
    DisclosureState,
    HandOver,
    HandOverState,
    RefusalClass,
    Signal,
    Site,
)
from targets.services.sharing import disclose, names
from targets.services.signals import own_locked, refuse_identity_codes
from targets.services.telling import place_for, tell
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
    refuse_identity_codes(message=message)
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
                secret=signal.classification == Classification.SECRET,
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
    place = place_for(receiver, secret=row.secret)
    if place is not None:
        ensure_task(
            key=f"sharing.handover:{row.pk}", kind="sharing.handover", authority=receiver,
            unit=place[0], role=place[1], subject=row, due=deadline,
            url=reverse("targets:handover", args=[row.public_id]),
            params=names("sender", actor.authority),
        )  # fmt: skip
    return row


def _to_answer(actor: "Actor", row: HandOver) -> HandOver:
    HandOver.objects.select_for_update(of=("self",)).get(pk=row.pk)
    row = HandOver.objects.select_related(
        "signal", "sender", "receiver", "sent_by", "disclosure"
    ).get(pk=row.pk)
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
    tell(
        authority=row.sender, kind=f"sharing.handover_{row.state}", about=row, person=row.sent_by,
        managers=row.state == HandOverState.REFUSED, params=names("receiver", row.receiver),
        url=reverse("targets:handover", args=[row.public_id]),
    )  # fmt: skip
    return row


@service
def accept_handover(*, actor: "Actor", row: HandOver) -> HandOver:
    """Take it on; a late answer counts too."""
    row = _to_answer(actor, row)
    if row.disclosure.state != DisclosureState.ACTIVE:
        raise Conflict(
            _("What was handed over is no longer open to you: %(state)s.")
            % {"state": row.disclosure.get_state_display()}
        )
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
    refuse_identity_codes(reason=reason)
    row.state, row.reason_class, row.reason = HandOverState.REFUSED, reason_class, reason.strip()
    return _answered(actor, row, "handover.refused")


def earlier_refusals(
    actor: "Actor",
    *,
    site: Site | None = None,
    company: Company | None = None,
    but: Signal | None = None,
) -> list[HandOver]:
    """Refused or lapsed hand-overs on the same target that the actor may see, newest first.

    A site and the company that runs it are one target. ``but``: leave those of this signal out.
    One query (``site.company`` is not fetched).
    """
    if site is not None:
        same = Q(site=site)
        if site.company_id is not None:
            same |= Q(company_id=site.company_id) | Q(site__company_id=site.company_id)
    elif company is not None:
        same = Q(company=company) | Q(site__company=company)
    else:
        return []
    rows = HandOver.objects.visible_to(actor).filter(
        same, state__in=[HandOverState.REFUSED, HandOverState.LAPSED]
    )
    if but is not None:
        rows = rows.exclude(signal=but)
    return list(rows.select_related("sender", "receiver").order_by("-sent_at", "-pk")[:20])
