"""Reading the timeline of an object."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext as _

from audit.models import Event, EventQuerySet
from audit.sight import seen_by
from audit.verbs import describe

if TYPE_CHECKING:
    from authorities.actors import Actor


def timeline(obj: models.Model, actor: "Actor", limit: int = 100) -> list[dict[str, Any]]:
    """Latest events about ``obj`` that the actor may read, newest first. One query.

    Each entry: ``sentence``, ``reason``, ``who``, ``at``, ``verb``.
    """
    events = (
        Event.objects.about(obj)
        .visible_to(actor)
        .select_related("user", "authority")
        .order_by("-at", "-id")[:limit]
    )
    return told(events)


def events_at(sites: Iterable[int], actor: "Actor") -> EventQuerySet:
    """What happened at sites (ids), whatever it happened to, as far as the actor sees that."""
    return seen_by(Event.objects.filter(site_id__in=list(sites)).visible_to(actor), actor)


def told(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The events as entries of a timeline. No query where users and authorities were fetched."""
    return [
        {
            "sentence": describe(event),
            "reason": event.data.get("reason", ""),
            "who": f"{event.user.full_name}, {event.authority.name}"
            if event.user and event.authority
            else _("Tarkka"),
            "at": event.at,
            "verb": event.verb,
        }
        for event in events
    ]
