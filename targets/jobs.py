"""Celery jobs of the register: imports, data sets, clocks."""

import datetime as dt
from pathlib import Path

from celery import shared_task
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.context import as_system
from targets.models import DatasetRun, DatasetRunState, ImportPhase, ImportRun, ImportState
from targets.services import datasets, retention
from targets.services.identity import linkage, merging
from targets.services.imports.life import (
    STALE_SECONDS,
    claim,
    close_orphan,
    give_up_waiting,
)
from targets.services.imports.run import perform
from targets.services.imports.storing import follow_left


@shared_task
def run_import(run_id: int) -> None:
    """Read an uploaded file, unless another worker is at it or it is done."""
    run = claim(run_id)
    if run is not None:
        perform(run, Path(default_storage.path(run.stored_as)) if run.stored_as else None)


@shared_task
def sweep_imports() -> None:
    """Take up imports whose message was lost or whose worker died; end those left lying.

    A stopped command's file is not ours to read again: such a run is marked failed.
    """
    now = timezone.now()
    stalled = Q(
        state=ImportState.RUNNING, heartbeat_at__lt=now - dt.timedelta(seconds=STALE_SECONDS)
    )
    lost = Q(state=ImportState.QUEUED, created_at__lt=now - dt.timedelta(seconds=60))
    unreadable = Q(stored_as="") & ~Q(phase=ImportPhase.UNDO)
    with transaction.atomic(), as_system("a sweep takes up whatever is waiting"):
        orphans = list(ImportRun.objects.filter(stalled, unreadable).order_by("pk")[:10])
        waiting = list(
            ImportRun.objects.filter(stalled | lost).exclude(unreadable).order_by("pk")[:10]
        )
    for run in orphans:
        close_orphan(run.pk)
    for run in waiting:
        run_import.delay(run.pk)
    give_up_waiting()
    follow_left()


@shared_task
def read_dataset(run_id: int) -> None:
    """Read the file of a data set, unless another worker is at it or it is done."""
    datasets.perform(run_id)


@shared_task
def sweep_datasets() -> None:
    """Take up readings whose message was lost or whose worker died."""
    stale = timezone.now() - dt.timedelta(seconds=datasets.STALE_SECONDS)
    waiting = Q(state=DatasetRunState.QUEUED, created_at__lt=stale) | Q(
        state=DatasetRunState.RUNNING, heartbeat_at__lt=stale
    )
    with transaction.atomic(), as_system("a sweep takes up whatever is waiting"):
        found = list(DatasetRun.objects.filter(waiting).order_by("pk").values_list("pk", flat=True))
    for pk in found[:5]:
        datasets.perform(pk)


@shared_task
def sweep_clocks() -> None:
    """End what has run out and erase what has expired; safe to run at any time and twice."""
    retention.sweep()


@shared_task
def sweep_orphans() -> None:
    """Delete files that a killed process left without a row."""
    retention.sweep_orphans()


@shared_task
def link_register(run_id: int) -> None:
    """Compare the register with itself, unless another worker is at it or it is done."""
    run = linkage.claim(run_id)
    if run is not None:
        linkage.perform(run)


@shared_task
def sweep_linkage() -> None:
    """Take up lost comparisons, begin those due again, and move what has come to merged rows."""
    for pk in linkage.waiting():
        link_register.delay(pk)
    for kind in linkage.due():
        linkage.start_run(actor=None, kind=kind, full=False)
    merging.sweep()
