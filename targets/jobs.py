"""Celery jobs of the register: imports."""

import datetime as dt
from pathlib import Path

from celery import shared_task
from django.core.files.storage import default_storage
from django.db.models import Q
from django.utils import timezone

from targets.models import ImportRun, ImportState
from targets.services.imports.run import STALE_SECONDS, claim, close_orphan, perform


@shared_task
def run_import(run_id: int) -> None:
    """Read an uploaded file, unless another worker is at it or it is done."""
    run = claim(run_id)
    if run is not None:
        perform(run, Path(default_storage.path(run.stored_as)))


@shared_task
def sweep_imports() -> None:
    """Take up imports whose message was lost or whose worker died.

    A stopped command's file is not ours to read again: such a run is marked failed.
    """
    now = timezone.now()
    stalled = Q(
        state=ImportState.RUNNING, heartbeat_at__lt=now - dt.timedelta(seconds=STALE_SECONDS)
    )
    lost = Q(state=ImportState.QUEUED, created_at__lt=now - dt.timedelta(seconds=60))
    for run in ImportRun.objects.filter(stalled, stored_as="").order_by("pk")[:10]:
        close_orphan(run.pk)
    for run in ImportRun.objects.filter(stalled | lost).exclude(stored_as="").order_by("pk")[:10]:
        run_import.delay(run.pk)
