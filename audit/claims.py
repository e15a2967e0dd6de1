"""Rows that a background job works on: taken by one process, kept as long as its heart beats.

The heartbeat written last is the token: whoever takes a row changes it, so that a process that was
thought dead finds out with its next beat and stops. Works for models with ``state``,
``heartbeat_at`` and ``attempts``. Whose eyes the rows are seen with is the caller's to say.
"""

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class TakenOver(Exception):
    """Another process has the row, or somebody cancelled it: stop without a word."""


def left_behind(running: str, seconds: int) -> Q:
    """Rows in the state ``running`` whose process has not been heard of for so long."""
    since = timezone.now() - dt.timedelta(seconds=seconds)
    return Q(state=running, heartbeat_at__lt=since)


def take(
    model: type[models.Model], pk: int, *, waiting: str, running: str, seconds: int, **values: Any
) -> bool:
    """Take a row that waits or was left behind; False when another process has it or it has ended.

    ``values`` are written with it. Attempts are counted up.
    """
    rows = model._default_manager.filter(pk=pk)
    free = Q(state=waiting) | left_behind(running, seconds)
    return bool(
        rows.filter(free).update(
            state=running, heartbeat_at=timezone.now(), attempts=F("attempts") + 1, **values
        )
    )


def keep(row: models.Model, running: str, **values: Any) -> None:
    """A heartbeat with ``values``; TakenOver when the row is no longer this process's."""
    now = timezone.now()
    job: Any = row  # with the three fields named above, which no base class of models declares
    kept = type(row)._default_manager.filter(
        pk=row.pk, state=running, heartbeat_at=job.heartbeat_at
    ).update(heartbeat_at=now, **values)  # fmt: skip
    if not kept:
        raise TakenOver
    job.heartbeat_at = now
    for name, value in values.items():
        setattr(row, name, value)
