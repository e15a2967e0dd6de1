"""What everybody in a meeting sees: read from what is open to every participant, and no more.

No own notes, no hidden indicators, no signals, no holds: the projector shows nothing else.
"""

from dataclasses import dataclass, field

from django.db.models import Max

from authorities.models import Authority
from planning.candidates import Candidate, candidates
from planning.minutes import short_names, words_of
from planning.models import (
    AgendaItem,
    ItemState,
    Meeting,
    MeetingState,
    MinuteLine,
    ParticipationState,
    Voice,
    VoiceState,
)
from planning.services.board import version_of
from planning.services.meetings import left_out_by
from planning.services.presence import has_quorum, not_for_all, places


@dataclass
class Current:
    """The item that is being discussed; ``voices`` of every participant, None: nothing said yet."""

    item: AgendaItem
    entry: Candidate | None
    voices: list[tuple[Authority, Voice | None]]
    left_out: bool  # by vetoes: it cannot be selected
    version: int = 0  # of what stands on the board, as whoever decides has seen it

    @property
    def kept_off(self) -> list[Authority]:
        return [a for a, voice in self.voices if voice and voice.state == VoiceState.VETO]


@dataclass
class Room:
    """A meeting as it stands. ``there``: participants of whom somebody is present, with names."""

    meeting: Meeting
    there: list[tuple[Authority, list[str]]] = field(default_factory=list)
    missing: list[Authority] = field(default_factory=list)
    items: list[AgendaItem] = field(default_factory=list)
    current: Current | None = None
    lines: list[tuple[MinuteLine, str]] = field(default_factory=list)  # newest first
    hidden: set[int] = field(default_factory=set)  # sites that somebody who is there may not see
    can_decide: bool = False  # on what is being discussed

    @property
    def last(self) -> int:
        return self.lines[0][0].number if self.lines else 0

    @property
    def not_for_all(self) -> bool:
        """Whether somebody who is there is kept away from what is being discussed."""
        return self.current is not None and self.current.item.site_id in self.hidden

    @property
    def enough(self) -> bool:
        """Whether as many are there as the meeting needs, whatever is discussed."""
        return len(self.there) >= self.meeting.quorum


def last_line(meeting: Meeting) -> int:
    """Number of the newest line, by which a page asks whether there is news. One query."""
    return meeting.lines.aggregate(last=Max("number"))["last"] or 0


def room(meeting: Meeting) -> Room:
    """The meeting as every participant may see it. Seventeen queries at most."""
    authorities = [
        place.authority
        for place in meeting.operation.participations.filter(state=ParticipationState.ACCEPTED)
        .select_related("authority")
        .order_by("-is_lead", "pk")
    ]
    people: dict[int, list[str]] = {}
    for place in places(meeting).select_related("user"):
        people.setdefault(place.authority_id, []).append(place.user.full_name)
    items = list(meeting.items.select_related("site__municipality", "site__industry"))
    names = short_names()
    found = Room(
        meeting,
        there=[(a, people[a.pk]) for a in authorities if a.pk in people],
        missing=[a for a in authorities if a.pk not in people],
        items=items,
        lines=[(x, words_of(x, names)) for x in meeting.lines.order_by("-number")],
        hidden=not_for_all(meeting) if meeting.state == MeetingState.OPEN else set(),
    )
    item = next((i for i in items if i.state == ItemState.OPEN), None)
    found.can_decide = found.enough
    if item is not None:
        found.current = _current(meeting, item, authorities)
        found.can_decide = has_quorum(meeting, item.site)  # as when it is decided
    return found


def wall(meeting: Meeting) -> Room:
    """What the projector shows: nothing of a site that somebody who is there must not hear of.

    As if it were not on the agenda, so that the wall does not tell that there is anything.
    """
    found = room(meeting)
    found.items = [item for item in found.items if item.site_id not in found.hidden]
    if found.not_for_all:
        found.current, found.can_decide = None, found.enough
    return found


def on_the_wall(meeting: Meeting) -> str:
    """The item that the projector shows now, by which it asks whether there is news; "" for none."""
    item = meeting.items.filter(state=ItemState.OPEN).first()
    shown = item is not None and item.site_id not in not_for_all(meeting)
    return str(item.public_id) if item is not None and shown else ""


def _current(meeting: Meeting, item: AgendaItem, authorities: list[Authority]) -> Current:
    operation = meeting.operation
    voices = {v.authority_id: v for v in item.voices.select_related("given_by")}
    off = {pk for pk, voice in voices.items() if voice.state == VoiceState.VETO}
    entry = next((c for c in candidates(operation) if c.site.pk == item.site_id), None)
    return Current(
        item, entry, [(a, voices.get(a.pk)) for a in authorities],
        entry is not None and left_out_by(entry, operation, off),
        version_of(operation, item.site, entry.choice if entry else None),
    )  # fmt: skip
