"""Jobs of the page frame: long exports."""

import datetime as dt

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from ui.models import ExportJob, ExportState
from ui.services import STALE_SECONDS, make_export, remove_old_exports


@shared_task
def run_export(job_id: int) -> None:
    make_export(job_id)


@shared_task
def sweep_exports() -> None:
    """Take up exports whose message was lost or whose worker died; remove old files."""
    stale = timezone.now() - dt.timedelta(seconds=STALE_SECONDS)
    waiting = ExportJob.objects.filter(
        Q(state=ExportState.QUEUED, created_at__lt=timezone.now() - dt.timedelta(seconds=60))
        | Q(state=ExportState.RUNNING, heartbeat_at__lt=stale)
    ).order_by("pk")
    for job in waiting[:20]:
        make_export(job.pk)
    remove_old_exports()
