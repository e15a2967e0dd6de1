"""At the moment of writing: who wants to know this, and may be told unasked?"""

import datetime as dt
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities import gateway
from targets.models import Disclosure, Offer, OfferState, Signal
from targets.services.sharing import disclose
from targets.services.signals import refuse_identity_codes
from worklist.services import ensure_task, finish_tasks, move_task

if TYPE_CHECKING:
    from authorities.actors import Actor

DECIDE_DAYS = 7  # a writer's task to decide on offers falls due then


def make_offers(*, actor: "Actor", signal: Signal) -> list[Offer]:
    """Offers for a new signal: authorities whose interest matches and whom a ground lets be told.

    Inside the writer's transaction; made again, none is doubled (unique key).
    """
    industry_path, region = _place(signal)
    wanted = gateway.interested(signal.kind, industry_path=industry_path, region_id=region)
    wanted.pop(signal.authority_id, None)
    if not wanted:
        return []
    found = [
        a
        for a in gateway.answers(signal.authority, signal.kind)
        if a.may_give_now and a.receiver.pk in wanted
    ]
    offers = [
        Offer.objects.get_or_create(
            signal=signal, receiver=a.receiver,
            defaults={
                "authority": signal.authority, "ground": a.grounds[0],
                "duty": a.outcome == gateway.MUST,
            },
        )[0]
        for a in found
    ]  # fmt: skip
    if offers:
        ensure_task(
            key=_task_of(signal), kind="sharing.offer", authority=signal.authority,
            unit=signal.unit, assignee=signal.author, subject=signal,
            url=reverse("targets:signal_detail", args=[signal.public_id]),
            due=timezone.localdate() + dt.timedelta(days=DECIDE_DAYS),
        )  # fmt: skip
    return offers


def _task_of(signal: Signal) -> str:
    return f"sharing.offer:{signal.pk}"


def _renew_task(actor: "Actor", signal: Signal) -> None:
    """The writer's task ends with the last decision, and comes back on the day postponed to."""
    left = list(
        signal.offers.filter(state__in=[OfferState.OPEN, OfferState.POSTPONED])
        .order_by("pk")
        .values_list("state", "postponed_to")
    )
    if not left:
        finish_tasks(actor=actor, key=_task_of(signal))
    elif all(state == OfferState.POSTPONED for state, _day in left):
        move_task(key=_task_of(signal), due=min(day for _state, day in left if day))


def _place(signal: Signal) -> tuple[str, int | None]:
    """Industry path and region of the signal's target, as far as it has one."""
    target = signal.site or signal.company
    if target is None:
        return "", None
    path = target.industry.path if target.industry else ""
    if signal.site is not None:
        return path, signal.site.region_id
    area = target.municipality
    return path, area.region_id if area else None


def _locked(actor: "Actor", offer: Offer) -> Offer:
    if not Offer.objects.visible_to(actor).filter(pk=offer.pk).exists():
        raise NotAllowed(_("Only the authority that owns the signal may decide."))
    Offer.objects.select_for_update(of=("self",)).get(pk=offer.pk)
    offer = Offer.objects.select_related("signal", "receiver", "ground", "authority").get(
        pk=offer.pk
    )
    if offer.state in (OfferState.ACCEPTED, OfferState.DECLINED):
        raise Conflict(
            _("%(name)s has decided this already.")
            % {"name": offer.decided_by.full_name if offer.decided_by else "–"}
        )
    return offer


def _decide(actor: "Actor", offer: Offer, state: str, **values: object) -> Offer:
    offer.state, offer.decided_by, offer.decided_at = state, actor.user, timezone.now()
    for name, value in values.items():
        setattr(offer, name, value)
    offer.save()
    record(
        actor=actor, verb=f"offer.{state}", subject=offer.signal,
        data={"receiver": offer.receiver.name, "reason": offer.reason},
        audience=[offer.authority_id],
    )  # fmt: skip
    _renew_task(actor, offer.signal)
    return offer


@service
def accept_offer(
    *, actor: "Actor", offer: Offer, confirmed: list[str], purpose: str = ""
) -> Disclosure:
    """Give it: one click when the ground requires nothing more than a tick."""
    offer = _locked(actor, offer)
    given = disclose(
        actor=actor, item=offer.signal, receiver=offer.receiver, ground=offer.ground,
        confirmed=confirmed, purpose=purpose or offer.signal.purpose,
    )  # fmt: skip
    _decide(actor, offer, OfferState.ACCEPTED)
    return given


@service
def postpone_offer(*, actor: "Actor", offer: Offer, until: dt.date) -> Offer:
    """Decide later, on a day to come."""
    offer = _locked(actor, offer)
    if until <= timezone.localdate():
        raise RuleViolation(_("Choose a day to come."), field="until")
    return _decide(actor, offer, OfferState.POSTPONED, postponed_to=until)


@service
def decline_offer(*, actor: "Actor", offer: Offer, reason: str) -> Offer:
    """Decide not to tell. Where the law says must, a reason of substance is all the more needed."""
    offer = _locked(actor, offer)
    if not reason.strip():
        raise RuleViolation(_("Say why it is not given."), field="reason")
    refuse_identity_codes(reason=reason)
    return _decide(actor, offer, OfferState.DECLINED, reason=reason.strip())
