"""Reading the timeline of an object."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext as _

from audit.models import Event
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
