"""Recording events. Called inside the transaction that makes the change."""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import models

from audit import bus
from audit.models import Event

if TYPE_CHECKING:
    from authorities.actors import Actor

current_request_id: ContextVar[str] = ContextVar("current_request_id", default="")


def record(
    *,
    actor: "Actor | None",
    verb: str,
    subject: models.Model | None = None,
    context: models.Model | None = None,
    data: dict[str, Any] | None = None,
    audience: Iterable[int] | None = None,
) -> Event:
    """Append one event, tell the subscribers of its verb (``audit.bus``), and return it.

    ``actor`` None means the system itself. ``verb`` reads ``"operation.invited"``. ``subject`` is
    the row it happened to, ``context`` the wider object whose timeline shows it too (usually the
    operation). ``data`` is JSON with plain facts. ``audience`` (authority ids) narrows who may
    read the event; None leaves it to everybody who may see the subject.
    """
    membership = actor.membership if actor else None
    event = Event.objects.create(
        user=actor.user if actor else None,
        membership=membership,
        authority=actor.authority if actor else None,
        verb=verb,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
        context_type=context._meta.label_lower if context is not None else "",
        context_id=context.pk if context is not None else None,
        data=data or {},
        audience=sorted(set(audience)) if audience is not None else None,
        request_id=current_request_id.get(),
    )
    bus.publish(event, subject, actor)
    return event
