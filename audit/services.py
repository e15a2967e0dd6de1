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


# By which relations a row hangs on the target it is about.
TOWARDS_TARGET = ("visit", "planned", "record", "nomination", "signal", "hold")


def target_of(subject: models.Model | None) -> tuple[int | None, int | None]:
    """Ids of the site and the company that ``subject`` is about, as far as it is about one."""
    if subject is None:
        return None, None
    label = subject._meta.label_lower
    if label == "targets.site":
        return subject.pk, None
    if label == "targets.company":
        return None, subject.pk
    site, company = getattr(subject, "site_id", None), getattr(subject, "company_id", None)
    if site is not None or company is not None:
        return site, company
    for name in TOWARDS_TARGET:
        if getattr(subject, f"{name}_id", None) is not None:
            return target_of(getattr(subject, name))
    return None, None


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
    site, company = target_of(subject)
    event = Event.objects.create(
        user=actor.user if actor else None,
        membership=membership,
        authority=actor.authority if actor else None,
        verb=verb,
        subject_type=subject._meta.label_lower if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
        context_type=context._meta.label_lower if context is not None else "",
        context_id=context.pk if context is not None else None,
        site_id=site,
        company_id=company,
        data=data or {},
        audience=sorted(set(audience)) if audience is not None else None,
        request_id=current_request_id.get(),
    )
    bus.publish(event, subject, actor)
    return event
