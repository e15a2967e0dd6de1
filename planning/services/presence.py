"""Who is in a meeting: from joining until leaving, or until nothing has been heard for a while.

A page of the room that is open tells so by itself (``hear``), and so does all that its person does.
Who is kept away from a site is not there for it: they are not counted for its item, and what is
shown to all who are there (the projector) holds nothing of it.
"""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils import timezone

from audit.context import as_system
from planning.models import (
    Meeting,
    MeetingPlace,
    MinuteLine,
    Operation,
    ParticipationState,
)
from targets.models import Site
from targets.selectors import people_kept_away

if TYPE_CHECKING:
    from authorities.actors import Actor


def participants(operation: Operation) -> set[int]:
    """Ids of the authorities that take part."""
    return set(
        operation.participations.filter(state=ParticipationState.ACCEPTED).values_list(
            "authority_id", flat=True
        )
    )


def _last_heard() -> dt.datetime:
    """Who was heard of before counts as gone."""
    return timezone.now() - dt.timedelta(seconds=settings.MEETING_SILENCE_SECONDS)


def places(meeting: Meeting) -> QuerySet[MeetingPlace]:
    """Of the people who are there now."""
    return meeting.places.filter(left_at__isnull=True, heard_at__gte=_last_heard())


def people(meeting: Meeting, site: Site | None = None) -> list[MeetingPlace]:
    """Who is there for a participant; with ``site`` only who is not kept away from it."""
    taking = participants(meeting.operation)
    there = [
        place for place in places(meeting).select_related("user", "authority")
        if place.authority_id in taking
    ]  # fmt: skip
    if site is None or not there:
        return there
    with as_system("who may hear of a site is looked for in everybody's place"):
        away = people_kept_away([site.pk], [place.user_id for place in there])
    return [place for place in there if place.user_id not in away.get(site.pk, set())]


def present(meeting: Meeting, site: Site | None = None) -> set[int]:
    """Ids of the participating authorities of which somebody is there (see ``people``)."""
    return {place.authority_id for place in people(meeting, site)}


def has_quorum(meeting: Meeting, site: Site | None = None) -> bool:
    return len(present(meeting, site)) >= meeting.quorum


def who_is_there(meeting: Meeting, site: Site) -> list[list[Any]]:
    """For the line of a decision: [authority code, names], by code, of those who may hear of it."""
    found: dict[str, list[str]] = {}
    for place in people(meeting, site):
        found.setdefault(place.authority.code, []).append(place.user.full_name)
    return [[code, sorted(names)] for code, names in sorted(found.items())]


def not_for_all(meeting: Meeting) -> set[int]:
    """Sites (ids) of the agenda from which somebody is kept away who is in the room, whoever asks.

    Who only fell silent counts as in the room here: a telephone that sleeps is no door. Who has left
    does not.
    """
    with as_system("what the wall leaves out does not depend on whose screen it is"):
        sites = meeting.items.order_by("pk").values_list("site_id", flat=True)
        last = {place.user_id: place for place in meeting.places.order_by("joined_at", "pk")}
        users = [pk for pk, place in last.items() if place.left_at is None or place.lapsed]
        return set(people_kept_away(sites, users))


# ------------------------------------------------------------------ the minutes
def write(meeting: Meeting, kind: str, *, site: Site | None = None, **data: Any) -> None:
    """Add a line; ``data`` is kept as it is said now."""
    with as_system("lines that a recused person does not see have numbers too"):
        last = meeting.lines.aggregate(last=Max("number"))["last"] or 0
    if site is not None:
        data |= {"site": site.name, "site_id": str(site.public_id)}
    MinuteLine.objects.create(
        meeting=meeting, number=last + 1, at=timezone.now(), kind=kind, site=site, data=data
    )


def quorum_changed(meeting: Meeting, before: bool) -> None:
    after = has_quorum(meeting)
    if after != before:
        write(meeting, "quorum_reached" if after else "quorum_lost", count=len(present(meeting)))


# ------------------------------------------------------------------ heard of, and not any more
def heard(actor: "Actor", meeting: Meeting) -> None:
    """Whoever does something is there, if they have not left."""
    own = meeting.places.filter(user=actor.user, authority=actor.authority, left_at__isnull=True)
    own.update(heard_at=timezone.now())


def silent(meeting: Meeting) -> QuerySet[MeetingPlace]:
    """Of people who have not left and have not been heard of for too long."""
    return meeting.places.filter(left_at__isnull=True, heard_at__lt=_last_heard())


def lapse(meeting: Meeting) -> None:
    """Note who has fallen silent; in the locked operation of the meeting."""
    gone = list(silent(meeting).select_related("user", "authority").order_by("heard_at", "pk"))
    if not gone:
        return
    taking = participants(meeting.operation)
    noted = meeting.places.filter(left_at__isnull=True, authority__in=taking)
    before = noted.values("authority").distinct().count() >= meeting.quorum
    for place in gone:
        place.left_at, place.lapsed = place.heard_at, True
        place.save(update_fields=["left_at", "lapsed"])
        write(meeting, "lapsed", person=place.user.full_name, authority=place.authority.code)
    quorum_changed(meeting, before)


def lapsed_place(actor: "Actor", meeting: Meeting) -> bool:
    """Whether the actor has not left by themselves, but was not heard of any more."""
    last = meeting.places.filter(user=actor.user, authority=actor.authority).last()
    return last is not None and last.left_at is not None and last.lapsed
