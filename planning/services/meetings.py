"""The meeting: who is there, what each authority says, what is decided, and the minutes as it goes.

Each write locks the operation first, so that lines of the minutes have one order and a decision
counts exactly the voices and the people that were there.
"""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Authority, Membership, Role
from planning.candidates import Candidate, candidates
from planning.models import (
    AgendaItem,
    ChoiceState,
    ItemState,
    Meeting,
    MeetingPlace,
    MeetingState,
    Operation,
    OperationState,
    ParticipationState,
    TargetChoice,
    Voice,
    VoiceState,
)
from planning.services.board import candidate_of, choose, usual_team
from planning.services.common import check, check_state, lock, own_participation
from planning.services.parts import digest
from planning.services.presence import (
    has_quorum,
    heard,
    lapse,
    lapsed_place,
    participants,
    present,
    quorum_changed,
    silent,
    who_is_there,
    write,
)
from planning.services.tasks import operation_url
from targets.models import Site
from worklist.services import notify

if TYPE_CHECKING:
    from authorities.actors import Actor

SPEAKERS = (Role.COORDINATOR, Role.MANAGER)


# ------------------------------------------------------------------ vetoes
def vetoes(item: AgendaItem) -> set[int]:
    """Ids of the authorities that veto the item."""
    return set(item.voices.filter(state=VoiceState.VETO).values_list("authority_id", flat=True))


def who_could_come(candidate: Candidate, operation: Operation) -> set[int]:
    """Ids of the participants with a part in the visit; of all when that is not known."""
    return {a.pk for a in candidate.could_come} or participants(operation)


def left_out_by(candidate: Candidate, operation: Operation, off: set[int]) -> bool:
    """Whether vetoes of ``off`` keep a site out: the lead's, or those of all that could come."""
    return operation.lead_authority_id in off or not who_could_come(candidate, operation) - off


def kept_off(operation: Operation) -> dict[int, set[int]]:
    """By site id: authorities whose veto in a meeting of this round keeps them off the visit.

    What was said last counts: a later meeting may have come back to the site.
    """
    rows = AgendaItem.objects.filter(
        meeting__operation=operation, meeting__round=operation.round, state=ItemState.CLOSED
    )
    last = {row.site_id: set(row.kept_off) for row in rows.order_by("closed_at", "pk")}
    return {site: off for site, off in last.items() if off}


# ------------------------------------------------------------------ the minutes
def _by(actor: "Actor") -> dict[str, Any]:
    return {"person": actor.user.full_name, "authority": actor.authority.code}


def minutes_content(meeting: Meeting) -> dict[str, Any]:
    """The minutes as data, of which the fingerprint is taken: the whole, whoever asks."""
    with as_system("minutes have one fingerprint"):
        lines = list(meeting.lines.order_by("number"))
    return {
        "operation": meeting.operation.number, "meeting": meeting.number, "round": meeting.round,
        "quorum": meeting.quorum,
        "lines": [
            {"number": x.number, "at": x.at.isoformat(), "kind": x.kind, "data": x.data}
            for x in lines
        ],
    }  # fmt: skip


# ------------------------------------------------------------------ opening and closing
@service
def open_meeting(*, actor: "Actor", operation: Operation, quorum: int | None = None) -> Meeting:
    """Open the meeting with an agenda; ``quorum`` by default more than half of the authorities."""
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    if operation.meetings.filter(state=MeetingState.OPEN).exists():
        raise Conflict(_("A meeting is under way already."))
    count = len(participants(operation))
    quorum = count // 2 + 1 if quorum is None else quorum
    if not 1 <= quorum <= count:
        raise RuleViolation(
            _("Between 1 and %(count)s authorities can be asked to be present.")
            % {"count": count},
            field="quorum",
        )  # fmt: skip
    last = operation.meetings.aggregate(last=Max("number"))["last"] or 0
    meeting = Meeting.objects.create(
        operation=operation, number=last + 1, round=operation.round, quorum=quorum,
        opened_by=actor.user,
    )  # fmt: skip
    AgendaItem.objects.bulk_create(
        AgendaItem(meeting=meeting, site=site, order=order)
        for order, site in enumerate(_agenda(operation), start=1)
    )
    write(meeting, "opened", **_by(actor), quorum=quorum, count=count)
    record(
        actor=actor, verb="meeting.opened", subject=meeting, context=operation,
        data={"number": meeting.number},
    )  # fmt: skip
    _tell(actor, meeting)
    _join(actor, meeting)
    return meeting


def _agenda(operation: Operation) -> list[Site]:
    """What is nominated, proposed or drawn, in the order of the joint list, the proposed first.

    The rest of the pool is put on the agenda when somebody asks for it.
    """
    rows = [row for row in candidates(operation) if row.nominations or row.proposal or row.drawn]
    return [row.site for row in sorted(rows, key=lambda row: row.proposal is None)]


def _tell(actor: "Actor", meeting: Meeting) -> None:
    """Put it into the inbox of the participants' coordinators, but of who opened it."""
    operation = meeting.operation
    people = Membership.objects.usable().filter(
        unit__participations__operation=operation,
        unit__participations__state=ParticipationState.ACCEPTED,
        roles__contains=[Role.COORDINATOR],
    )
    for place in people.exclude(user=actor.user).select_related("user", "authority").distinct():
        notify(
            recipient=place.user, authority=place.authority, kind="planning.meeting",
            url=operation_url("meeting", operation), params={"operation": operation.name},
            key=f"planning.meeting:{meeting.pk}:{place.pk}",
        )  # fmt: skip


@service
def close_meeting(*, actor: "Actor", meeting: Meeting) -> Meeting:
    """End the meeting; from now on its minutes never change."""
    operation = lock(meeting.operation)
    check(actor, "manage", operation)
    meeting = _locked(meeting, operation)
    heard(actor, meeting)
    lapse(meeting)
    if meeting.items.filter(state=ItemState.OPEN).exists():
        raise RuleViolation(_("Close the item that is being discussed first."))
    write(meeting, "closed", **_by(actor))
    meeting.sha256 = digest(minutes_content(meeting))
    meeting.state, meeting.closed_at = MeetingState.CLOSED, timezone.now()
    meeting.places.filter(left_at__isnull=True).update(left_at=meeting.closed_at)
    meeting.save(update_fields=["sha256", "state", "closed_at"])
    record(
        actor=actor, verb="meeting.closed", subject=meeting, context=operation,
        data={"number": meeting.number, "hash": meeting.sha256},
    )  # fmt: skip
    schedule_minutes(meeting)
    return meeting


def schedule_minutes(meeting: Meeting) -> None:
    from planning.jobs import make_minutes_documents

    transaction.on_commit(lambda: make_minutes_documents.delay(meeting.pk))


def _locked(meeting: Meeting, operation: Operation) -> Meeting:
    meeting = Meeting.objects.get(pk=meeting.pk)
    meeting.operation = operation
    if meeting.state != MeetingState.OPEN:
        raise Conflict(_("The meeting is closed; its minutes do not change any more."))
    return meeting


def _under_way(actor: "Actor", meeting: Meeting, *, chair: bool = False) -> Meeting:
    """The open meeting of a locked operation, for a participant (``chair``: the lead's)."""
    operation = lock(meeting.operation)
    check(actor, "manage" if chair else "view", operation)
    own_participation(actor, operation)
    meeting = _locked(meeting, operation)
    check_state(operation, OperationState.SELECTING)
    heard(actor, meeting)
    lapse(meeting)
    return meeting


# ------------------------------------------------------------------ coming and going
@service
def hear(*, actor: "Actor", meeting: Meeting) -> None:
    """The actor's page of the room is open. Comes again and again, so that it locks nothing unless
    there is something to note: whoever fell silent is back, or somebody else has fallen silent."""
    own_participation(actor, meeting.operation)
    if meeting.state != MeetingState.OPEN:
        return
    back = lapsed_place(actor, meeting)
    heard(actor, meeting)
    if not back and not silent(meeting).exists():
        return
    meeting = _under_way(actor, meeting)
    if lapsed_place(actor, meeting):
        _join(actor, meeting)


@service
def join(*, actor: "Actor", meeting: Meeting) -> None:
    """Be in the meeting for the acting authority; asked again, nothing doubles."""
    _join(actor, _under_way(actor, meeting))


def _join(actor: "Actor", meeting: Meeting) -> None:
    here = meeting.places.filter(user=actor.user, left_at__isnull=True).first()
    if here is not None and here.authority_id == actor.authority.pk:
        return
    before = has_quorum(meeting)
    if here is not None:  # the same person, now for another of their authorities
        here.left_at = timezone.now()
        here.save(update_fields=["left_at"])
    MeetingPlace.objects.create(meeting=meeting, authority=actor.authority, user=actor.user)
    write(meeting, "joined", **_by(actor))
    quorum_changed(meeting, before)


@service
def leave(*, actor: "Actor", meeting: Meeting) -> None:
    """Leave the meeting."""
    meeting = _under_way(actor, meeting)
    before = has_quorum(meeting)
    left = meeting.places.filter(user=actor.user, left_at__isnull=True).update(
        left_at=timezone.now()
    )
    if left:
        write(meeting, "left", **_by(actor))
        quorum_changed(meeting, before)


# ------------------------------------------------------------------ the agenda
@service
def add_item(*, actor: "Actor", meeting: Meeting, site: Site) -> AgendaItem:
    """Put a candidate that is not on the agenda at its end."""
    meeting = _under_way(actor, meeting, chair=True)
    if meeting.items.filter(site=site).exists():
        raise RuleViolation(
            _("%(site)s is on the agenda already.") % {"site": site.name}, field="site"
        )
    candidate_of(meeting.operation, site)
    with as_system("items that a recused person does not see have places too"):
        last = meeting.items.aggregate(last=Max("order"))["last"] or 0
    item = AgendaItem.objects.create(meeting=meeting, site=site, order=last + 1)
    write(meeting, "item_added", site=site, **_by(actor))
    return item


@service
def move_item(*, actor: "Actor", item: AgendaItem, up: bool) -> None:
    """Change places with the next waiting item above or below; at the edge nothing happens."""
    meeting = _under_way(actor, item.meeting, chair=True)
    item = meeting.items.select_related("site").get(pk=item.pk)
    waiting = meeting.items.filter(state=ItemState.WAITING)
    other = (
        waiting.filter(order__lt=item.order).order_by("-order").first()
        if up
        else waiting.filter(order__gt=item.order).order_by("order").first()
    )
    if item.state != ItemState.WAITING or other is None:
        return
    item.order, other.order = other.order, item.order
    item.save(update_fields=["order"])
    other.save(update_fields=["order"])
    write(meeting, "moved", site=item.site, order=item.order, **_by(actor))


@service
def open_item(*, actor: "Actor", item: AgendaItem) -> None:
    """Begin to discuss an item; one that is being discussed waits again, its voices kept.

    A closed item can be opened anew: the group may come back to what it decided.
    """
    meeting = _under_way(actor, item.meeting, chair=True)
    item = meeting.items.select_related("site").get(pk=item.pk)
    if item.state == ItemState.OPEN:
        return
    for other in meeting.items.filter(state=ItemState.OPEN).select_related("site"):
        other.state = ItemState.WAITING
        other.save(update_fields=["state"])
        write(meeting, "set_aside", site=other.site)
    item.state, item.closed_at, item.result, item.kept_off = ItemState.OPEN, None, "", []
    item.save(update_fields=["state", "closed_at", "result", "kept_off"])
    write(meeting, "item_opened", site=item.site, **_by(actor))


@service
def give_voice(*, actor: "Actor", item: AgendaItem, state: str, reason: str = "") -> Voice:
    """Consent or veto (with a reason) for the acting authority, until the item is closed."""
    meeting = _under_way(actor, item.meeting)
    if not actor.has_role(*SPEAKERS):
        raise NotAllowed(_("Coordinators and managers speak for their authority."))
    item = _discussed(meeting, item)
    if actor.authority.pk not in present(meeting, item.site):
        raise RuleViolation(_("Join the meeting first; then you can speak for your authority."))
    if state not in VoiceState.values:
        raise RuleViolation(_("Choose consent or veto."), field="state")
    reason = reason.strip()
    if state == VoiceState.VETO and not reason:
        raise RuleViolation(_("Give the reason of the veto."), field="reason")
    voice, _created = Voice.objects.update_or_create(
        item=item, authority=actor.authority,
        defaults={"state": state, "reason": reason, "given_by": actor.user},
    )  # fmt: skip
    write(meeting, state, site=item.site, reason=reason, **_by(actor))
    return voice


def _discussed(meeting: Meeting, item: AgendaItem) -> AgendaItem:
    item = meeting.items.select_related("site").get(pk=item.pk)
    if item.state != ItemState.OPEN:
        raise Conflict(_("This item is not being discussed now."))
    item.meeting = meeting
    return item


# ------------------------------------------------------------------ deciding
@service
def decide(
    *, actor: "Actor", item: AgendaItem, state: str, reason: str, code: str = "other",
    version: int | None = None,
) -> AgendaItem:  # fmt: skip
    """Close the item with a decision on its site, which goes to the board like any other.

    Refused below the quorum. Whoever vetoes does not go along; a veto of the lead, or of all that
    could come, leaves the site out. ``version``: of what stood on the board when it was decided
    (``room.Current.version``); Conflict when somebody has changed it meanwhile.
    """
    meeting = _under_way(actor, item.meeting, chair=True)
    item = _discussed(meeting, item)
    if not has_quorum(meeting, item.site):
        raise RuleViolation(
            _("Nothing is decided now: %(there)s of the %(quorum)s authorities needed are present.")
            % {"there": len(present(meeting, item.site)), "quorum": meeting.quorum}
        )
    off, candidate = vetoes(item), candidate_of(meeting.operation, item.site)
    picked = state == ChoiceState.PICKED
    if picked and left_out_by(candidate, meeting.operation, off):
        raise RuleViolation(
            _("The lead, or everybody who could come, vetoes this site: it can only be left out."),
            field="state",
        )
    choice = choose(
        actor=actor, operation=meeting.operation, site=item.site, state=state, reason=reason,
        code=code, version=version, team=_team(candidate, meeting.operation, off) if picked and off else None,
    )  # fmt: skip
    _close(meeting, item, result=state, reason=reason.strip(), kept_off=off, actor=actor,
           said=_who_and_when(choice) if picked else {})  # fmt: skip
    return item


def _who_and_when(choice: TargetChoice) -> dict[str, Any]:
    """Team (authority codes) and week (a Monday, "" for any) as they were decided."""
    team = Authority.objects.filter(pk__in=choice.team).order_by("code")
    return {
        "team": list(team.values_list("code", flat=True)),
        "week": choice.week.isoformat() if choice.week else "",
    }


def _team(candidate: Candidate, operation: Operation, off: set[int]) -> list[int]:
    """Who was to go but those who veto; when none is left, all others who could come."""
    choice = candidate.choice
    standing = choice.team if choice and choice.state == ChoiceState.PICKED else []
    team = set(standing or usual_team(candidate)) - off
    return sorted(team or who_could_come(candidate, operation) - off)


@service
def leave_undecided(*, actor: "Actor", item: AgendaItem) -> None:
    """Close the item without a decision."""
    meeting = _under_way(actor, item.meeting, chair=True)
    item = _discussed(meeting, item)
    _close(meeting, item, result="", reason="", kept_off=set(), actor=actor, said={})


def _close(
    meeting: Meeting, item: AgendaItem, *, result: str, reason: str, kept_off: set[int],
    actor: "Actor", said: dict[str, Any],
) -> None:  # fmt: skip
    item.state, item.closed_at = ItemState.CLOSED, timezone.now()
    item.result, item.reason, item.kept_off = result, reason, sorted(kept_off)
    item.save(update_fields=["state", "closed_at", "result", "reason", "kept_off"])
    write(meeting, result or "undecided", site=item.site, reason=reason,
          present=who_is_there(meeting, item.site), **said, **_by(actor))  # fmt: skip


@service
def add_note(*, actor: "Actor", meeting: Meeting, text: str) -> None:
    """A line in the chair's own words; all participants read it."""
    meeting = _under_way(actor, meeting, chair=True)
    if not text.strip():
        raise RuleViolation(_("Write what is to stand in the minutes."), field="text")
    write(meeting, "note", text=text.strip(), **_by(actor))
