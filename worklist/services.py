"""Writing tasks and notifications. Rooms above call these inside their own transaction."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone

from authorities.models import Authority, Unit, User
from worklist.models import Notification, Task, TaskState

if TYPE_CHECKING:
    from authorities.actors import Actor


def ensure_task(
    *,
    key: str,
    kind: str,
    authority: Authority,
    unit: Unit | None = None,
    role: str = "",
    assignee: User | None = None,
    subject: models.Model,
    url: str,
    due: dt.date | None = None,
    params: dict[str, Any] | None = None,
) -> Task:
    """Make the task with this key, or return the one that exists (transitions may be repeated)."""
    task, _created = Task.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "authority": authority,
            "unit": unit,
            "role": role,
            "assignee": assignee,
            "subject_type": subject._meta.label_lower,
            "subject_id": subject.pk,
            "subject_url": url,
            "due": due,
            "params": params or {},
        },
    )
    return task


@transaction.atomic
def finish_tasks(
    *,
    actor: "Actor | None",
    subject: models.Model | None = None,
    kind: str | None = None,
    authority: Authority | None = None,
    key: str | None = None,
    cancelled: bool = False,
) -> int:
    """Close the open tasks that match all given arguments; returns how many.

    Called by the transition that made the work unnecessary or did it.
    """
    tasks = Task.objects.open()
    if key is not None:
        tasks = tasks.filter(key=key)
    if subject is not None:
        tasks = tasks.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk)
    if kind is not None:
        tasks = tasks.filter(kind=kind)
    if authority is not None:
        tasks = tasks.filter(authority=authority)
    if cancelled:
        return int(tasks.update(state=TaskState.CANCELLED))
    return int(
        tasks.update(
            state=TaskState.DONE,
            done_at=timezone.now(),
            done_by=actor.user if actor else None,
        )
    )


def notify(
    *,
    recipient: User,
    authority: Authority,
    kind: str,
    url: str = "",
    params: dict[str, Any] | None = None,
    key: str | None = None,
) -> Notification:
    """Put one line into a person's inbox; with ``key`` at most once."""
    values = {
        "recipient": recipient,
        "authority": authority,
        "kind": kind,
        "url": url,
        "params": params or {},
    }
    if key is None:
        return Notification.objects.create(**values)
    notification, _created = Notification.objects.get_or_create(key=key, defaults=values)
    return notification
