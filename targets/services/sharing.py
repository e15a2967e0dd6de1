"""Giving items to other authorities, and asking for them. The gateway decides what may be given."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import IntegrityError, models, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities import gateway
from authorities.models import Authority, GroundVersion
from authorities.terms import label
from targets.models import (
    Classification,
    Company,
    Dataset,
    Disclosure,
    DisclosureState,
    HandOverState,
    InformationRequest,
    RequestState,
    Signal,
    Site,
)
from targets.services.signals import refuse_identity_codes
from targets.services.telling import place_for, tell
from worklist.services import ensure_task, finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

ANSWER_DAYS = 14  # a task to acknowledge what was given falls due then


def refusal(answer: gateway.Answer) -> str:
    """Why it may not be given, and what may be said or done instead."""
    words = [
        _("The register knows no ground on which this may be given to %(receiver)s unasked.")
        % {"receiver": answer.receiver.name}
    ]
    if answer.requests:
        words.append(
            _("It may be asked for: %(basis)s.")
            % {"basis": "; ".join(v.basis_words for v in answer.requests)}
        )
    words += [phrase.text for phrase in answer.phrases]
    return " ".join(words)


def usable_grounds(answer: gateway.Answer, *, asked: bool, mass: bool) -> list[GroundVersion]:
    """Grounds on which an item may be given now; narrow exceptions count when confirmed."""
    if mass:
        return answer.mass
    grounds = list(answer.grounds) if answer.may_give_now else []
    grounds += [v for v in answer.exceptions if answer.information in v.information]
    if asked:
        grounds += answer.requests
    return grounds


def ground_words(version: GroundVersion) -> str:
    return f"{version.basis_words}: {version.text}"


@service
def disclose(
    *,
    actor: "Actor",
    item: Signal | Dataset,
    receiver: Authority,
    purpose: str,
    ground: GroundVersion,
    confirmed: list[str] | None = None,
    expires_on: dt.date | None = None,
    may_pass_on: bool = False,
    context: models.Model | None = None,
    request: InformationRequest | None = None,
    day: dt.date | None = None,
) -> Disclosure:
    """Give an item to an authority on a ground in force on ``day`` (today).

    Everything the ground requires has to be in ``confirmed``. The ground's text is kept as it
    stood. Giving the same again returns what was given, unless that has run out. Raises
    RuleViolation with the words that may be said instead, or with the condition that is not
    confirmed.
    """
    day = day or timezone.localdate()
    parent = _right_to_give(actor, item)
    earlier = _given(actor, item, receiver, context)
    if earlier is not None and earlier.expires_on >= timezone.localdate():
        return earlier
    if earlier is not None:  # its last day has passed; the sweep has not come to it yet
        end_disclosure(locked(earlier), DisclosureState.EXPIRED, "", actor=None)
    answer = gateway.answer(actor.authority, receiver, item.kind, day)
    mass = isinstance(item, Dataset)
    allowed = usable_grounds(answer, asked=request is not None, mass=mass)
    if ground.pk not in {version.pk for version in allowed}:
        raise RuleViolation(refusal(answer), field="ground", code="no_ground")
    missing = [code for code in ground.requires if code not in (confirmed or [])]
    if missing:
        raise RuleViolation(
            _("Confirm each condition of the ground first: %(conditions)s.")
            % {"conditions": "; ".join(label("requires", code) for code in missing)},
            field="confirmed",
        )
    if not purpose.strip():
        raise RuleViolation(_("Say what it is given for."), field="purpose")
    refuse_identity_codes(purpose=purpose)
    ends = min(expires_on or item.expires_on, item.expires_on)
    if parent is not None:
        ends = min(ends, parent.expires_on)
    if ends < day:
        raise RuleViolation(_("The last day has passed."), field="expires_on")
    try:
        with transaction.atomic():
            given = Disclosure.objects.create(
                signal=item if isinstance(item, Signal) else None,
                dataset=item if isinstance(item, Dataset) else None, kind=item.kind,
                giver=actor.authority, receiver=receiver, ground=ground,
                ground_text=ground_words(ground), mode=ground.mode, on=day,
                purpose=purpose.strip()[:300], confirmed=sorted(confirmed or []), expires_on=ends,
                may_pass_on=may_pass_on and ground.onward_allowed, parent=parent,
                given_by=actor.user,
                context_type=context._meta.label_lower if context is not None else "",
                context_id=context.pk if context is not None else None,
            )  # fmt: skip
    except IntegrityError:
        found = _given(actor, item, receiver, context)
        if found is None:
            raise
        return found
    record(
        actor=actor, verb="item.given", subject=item, context=context,
        data={"receiver": receiver.name, "ground": ground.basis_words, "language": get_language()},
        audience=_audience(given),
    )  # fmt: skip
    _ask_receipt(given)
    return given


def _right_to_give(actor: "Actor", item: Signal | Dataset) -> Disclosure | None:
    """None for the owner; the received disclosure for who may pass it on; else NotAllowed."""
    if item.authority_id == actor.authority.pk:
        if not type(item).objects.visible_to(actor).filter(pk=item.pk).exists():
            raise NotAllowed(_("You may not give this."))
        return None
    # Locked: whoever withdraws it waits and then finds what was passed on, or was here before and
    # nothing is passed on any more.
    received = (
        Disclosure.objects.in_force()
        .select_for_update(of=("self",))
        .filter(receiver=actor.authority, may_pass_on=True, signal_id=item.pk)
        .order_by("pk")
        .first()
        if isinstance(item, Signal)
        else None
    )
    if received is None:
        raise NotAllowed(_("The ground on which you got this does not let you pass it on."))
    return received


def _given(
    actor: "Actor", item: Signal | Dataset, receiver: Authority, context: models.Model | None
) -> Disclosure | None:
    """What the own authority has given the receiver already, for the same work."""
    field = "signal" if isinstance(item, Signal) else "dataset"
    return Disclosure.objects.filter(
        **{field: item}, giver=actor.authority, receiver=receiver, state=DisclosureState.ACTIVE,
        context_type=context._meta.label_lower if context is not None else "",
        context_id=context.pk if context is not None else None,
    ).first()  # fmt: skip


def _audience(given: Disclosure) -> set[int]:
    """Both sides, and the owner of what is passed on: it hears who has it."""
    item = given.signal or given.dataset
    return {given.giver_id, given.receiver_id} | ({item.authority_id} if item else set())


def _ask_receipt(given: Disclosure) -> None:
    """A task of the receiver to look at what came; it names nothing of it."""
    secret = given.signal is not None and given.signal.classification == Classification.SECRET
    place = place_for(given.receiver, secret=secret)
    if place is None:
        return
    ensure_task(
        key=f"sharing.receive:{given.pk}", kind="sharing.receive", authority=given.receiver,
        unit=place[0], role=place[1], subject=given,
        url=reverse("targets:disclosure", args=[given.public_id]),
        due=timezone.localdate() + dt.timedelta(days=ANSWER_DAYS),
        params=names("giver", given.giver),
    )  # fmt: skip


def names(key: str, authority: Authority) -> dict[str, str]:
    """The authority's name in three languages, as parameters of a task's title."""
    return {f"{key}_{code}": getattr(authority, f"name_{code}") for code in ("fi", "sv", "en")}


def locked(given: Disclosure) -> Disclosure:
    """The row locked, then read again with what hangs on it."""
    Disclosure.objects.select_for_update(of=("self",)).get(pk=given.pk)
    return Disclosure.objects.select_related(
        "signal", "dataset", "giver", "receiver", "received_by"
    ).get(pk=given.pk)


@service
def acknowledge(*, actor: "Actor", given: Disclosure) -> Disclosure:
    """The receiver says it has it; the first to say so is kept."""
    given = locked(given)
    if given.receiver_id != actor.authority.pk:
        raise NotAllowed(_("Only the receiver acknowledges."))
    if given.received_at is not None:
        return given
    given.received_at, given.received_by = timezone.now(), actor.user
    given.save(update_fields=["received_at", "received_by"])
    finish_tasks(actor=actor, key=f"sharing.receive:{given.pk}")
    record(
        actor=actor, verb="item.received", subject=given.signal or given.dataset,
        data={"receiver": given.receiver.name}, audience=_audience(given),
    )  # fmt: skip
    return given


@service
def withdraw_disclosure(*, actor: "Actor", given: Disclosure, reason: str) -> Disclosure:
    """End a disclosure and what was passed on from it; the receiver sees it no longer."""
    given = locked(given)
    if given.giver_id != actor.authority.pk:
        raise NotAllowed(_("Only the authority that gave it may withdraw it."))
    if given.state != DisclosureState.ACTIVE:
        return given
    if not reason.strip():
        raise RuleViolation(_("Say why."), field="reason")
    refuse_identity_codes(reason=reason)
    end_disclosure(given, DisclosureState.WITHDRAWN, reason.strip(), actor=actor)
    return given


def end_disclosure(given: Disclosure, state: str, reason: str, *, actor: "Actor | None") -> None:
    """End a locked disclosure with everything that was passed on from it and hangs on it.

    Each one stands on the timelines of its own two sides.
    """
    given.state, given.ended_at, given.end_reason = state, timezone.now(), reason[:300]
    given.save(update_fields=["state", "ended_at", "end_reason"])
    finish_tasks(actor=None, key=f"sharing.receive:{given.pk}", cancelled=True)
    for row in given.handovers.filter(state=HandOverState.OFFERED).order_by("pk"):
        row.state, row.answered_at = HandOverState.WITHDRAWN, given.ended_at
        row.save(update_fields=["state", "answered_at"])
        finish_tasks(actor=None, key=f"sharing.handover:{row.pk}", cancelled=True)
    withdrawn = state == DisclosureState.WITHDRAWN
    record(
        actor=actor, verb="item.withdrawn" if withdrawn else "item.expired",
        subject=given.signal or given.dataset,
        data={"receiver": given.receiver.name, "reason": reason}, audience=_audience(given),
    )  # fmt: skip
    if withdrawn and given.received_by is not None:
        tell(
            authority=given.receiver, kind="sharing.ended", about=given, person=given.received_by,
            url=reverse("targets:disclosure", args=[given.public_id]),
            params=names("giver", given.giver),
        )  # fmt: skip
    with as_system("what was passed on belongs to others and ends with its source"):
        children = list(given.passed_on.filter(state=DisclosureState.ACTIVE).order_by("pk"))
        for child in children:
            end_disclosure(locked(child), state, reason, actor=actor)


# ------------------------------------------------------------------------------------- requests
@service
def ask(
    *,
    actor: "Actor",
    holder: Authority,
    kind: str,
    purpose: str,
    necessity: str,
    deadline: dt.date,
    company: Company | None = None,
    site: Site | None = None,
) -> InformationRequest:
    """Ask another authority for a kind of information on a target, on the asker's own right.

    While the same is asked already, that request is returned: sent twice, it is one.
    """
    earlier = _asked(actor, holder, kind, company, site)
    if earlier is not None:
        return earlier
    answer = gateway.answer(holder, actor.authority, kind)
    grounds = answer.requests or answer.grounds
    if not grounds:
        raise RuleViolation(
            _("The register knows no ground on which %(holder)s may give you this.")
            % {"holder": holder.name},
            field="kind",
        )
    for field, value in (("purpose", purpose), ("necessity", necessity)):
        if not value.strip():
            raise RuleViolation(_("Purpose and need have to be stated."), field=field)
        refuse_identity_codes(**{field: value})
    if deadline < timezone.localdate():
        raise RuleViolation(_("The deadline has passed."), field="deadline")
    try:
        with transaction.atomic():
            row = InformationRequest.objects.create(
                asker=actor.authority, holder=holder, asked_by=actor.user, kind=kind,
                company=company, site=site, ground=grounds[0], purpose=purpose.strip()[:300],
                necessity=necessity.strip(), deadline=deadline,
            )  # fmt: skip
    except IntegrityError:
        found = _asked(actor, holder, kind, company, site)
        if found is None:
            raise
        return found
    record(
        actor=actor, verb="request.made", subject=row,
        data={"holder": holder.name, "asker": actor.authority.name},
        audience=[actor.authority.pk, holder.pk],
    )  # fmt: skip
    place = place_for(holder)
    if place is not None:
        ensure_task(
            key=f"sharing.answer:{row.pk}", kind="sharing.answer", authority=holder,
            unit=place[0], role=place[1], subject=row, due=deadline,
            url=reverse("targets:request", args=[row.public_id]),
            params=names("asker", actor.authority),
        )  # fmt: skip
    return row


def _asked(
    actor: "Actor", holder: Authority, kind: str, company: Company | None, site: Site | None
) -> InformationRequest | None:
    """The own authority's open request for the same."""
    return InformationRequest.objects.filter(
        asker=actor.authority, holder=holder, kind=kind, company=company, site=site,
        state=RequestState.OPEN,
    ).first()  # fmt: skip


def _locked_request(row: InformationRequest) -> InformationRequest:
    InformationRequest.objects.select_for_update(of=("self",)).get(pk=row.pk)
    return InformationRequest.objects.select_related("asker", "holder", "ground", "asked_by").get(
        pk=row.pk
    )


def _open_to(actor: "Actor", row: InformationRequest) -> None:
    if row.holder_id != actor.authority.pk:
        raise NotAllowed(_("Only the authority that was asked may answer."))
    if row.state != RequestState.OPEN:
        raise Conflict(
            _("The request is “%(state)s” already.") % {"state": row.get_state_display()}
        )


@service
def answer_request(
    *, actor: "Actor", row: InformationRequest, signal: Signal, confirmed: list[str]
) -> InformationRequest:
    """Answer with an own signal on the ground of the request."""
    row = _locked_request(row)
    _open_to(actor, row)
    given = disclose(
        actor=actor, item=signal, receiver=row.asker, purpose=row.purpose, ground=row.ground,
        confirmed=confirmed, request=row,
    )  # fmt: skip
    row.state, row.answer = RequestState.ANSWERED, given
    row.answered_by, row.answered_at = actor.user, timezone.now()
    row.save(update_fields=["state", "answer", "answered_by", "answered_at"])
    _tell_answer(actor, row, "request.answered", "")
    return row


@service
def refuse_request(*, actor: "Actor", row: InformationRequest, reason: str) -> InformationRequest:
    """Refuse with the ground of the refusal."""
    row = _locked_request(row)
    _open_to(actor, row)
    if not reason.strip():
        raise RuleViolation(_("Say on which ground it is refused."), field="reason")
    refuse_identity_codes(reason=reason)
    row.state, row.answer_note = RequestState.REFUSED, reason.strip()
    row.answered_by, row.answered_at = actor.user, timezone.now()
    row.save(update_fields=["state", "answer_note", "answered_by", "answered_at"])
    _tell_answer(actor, row, "request.refused", reason.strip())
    return row


@service
def withdraw_request(*, actor: "Actor", row: InformationRequest) -> InformationRequest:
    row = _locked_request(row)
    if row.asker_id != actor.authority.pk:
        raise NotAllowed(_("Only the authority that asked may take it back."))
    if row.state != RequestState.OPEN:
        return row
    row.state = RequestState.WITHDRAWN
    row.save(update_fields=["state"])
    _tell_answer(actor, row, "request.withdrawn", "")
    return row


def _tell_answer(actor: "Actor", row: InformationRequest, verb: str, reason: str) -> None:
    finish_tasks(actor=actor, key=f"sharing.answer:{row.pk}")
    record(
        actor=actor, verb=verb, subject=row,
        data={"holder": row.holder.name, "asker": row.asker.name, "reason": reason},
        audience=[row.asker_id, row.holder_id],
    )  # fmt: skip
    if row.state != RequestState.WITHDRAWN:
        tell(
            authority=row.asker, kind=f"sharing.request_{row.state}", about=row,
            person=row.asked_by, url=reverse("targets:request", args=[row.public_id]),
            params=names("holder", row.holder),
        )  # fmt: skip
