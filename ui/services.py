"""Writing saved views and exports."""

import datetime as dt
import tempfile
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from audit.access import watching
from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from ui import exports, hooks
from ui.lists import CONTROL_PARAMETERS, ListPage
from ui.models import ExportJob, ExportState, SavedView, SavedViewScope

STALE_SECONDS = 300


@transaction.atomic
def save_view(*, actor: Any, list_key: str, name: str, query: str, scope: str) -> SavedView:
    """Remember ``query`` (a query string) under ``name``; the same name is overwritten."""
    name = name.strip()
    if not name:
        raise RuleViolation(_("Give the view a name."), field="name")
    if list_key not in ListPage.registry or scope not in SavedViewScope.values:
        raise RuleViolation(_("This list cannot keep views."))
    kept = [
        (n, v)
        for n, values in QueryDict(query).lists()
        for v in values
        if n not in CONTROL_PARAMETERS - {"sort", "column", "per_page"}
    ]
    try:
        with transaction.atomic():
            view, _created = SavedView.objects.update_or_create(
                owner=actor.user, authority=actor.authority, list_key=list_key, name=name[:80],
                defaults={"query": urlencode(kept)[:2000], "scope": scope},
            )  # fmt: skip
    except IntegrityError:
        raise RuleViolation(_("A view of that name exists already."), field="name") from None
    return view


@transaction.atomic
def delete_view(*, actor: Any, view: SavedView) -> None:
    if view.owner_id != actor.user.pk:
        raise NotAllowed(_("Only the person who made a view can delete it."))
    view.delete()


def start_export(*, actor: Any, list_key: str, query: QueryDict, kind: str) -> ExportJob:
    """Queue an export of a long list; the job row is committed before the job is sent."""
    from ui.jobs import run_export

    kept = query.copy()
    kept.pop("export", None)
    job = ExportJob.objects.create(
        list_key=list_key,
        query=kept.urlencode()[:2000],
        format=kind,
        language=(get_language() or settings.LANGUAGE_CODE)[:2],
        membership=actor.membership,
    )
    transaction.on_commit(lambda: run_export.delay(job.pk))
    return job


def make_export(job_id: int) -> bool:
    """Write the file of a queued (or abandoned) export; False when someone else is at it."""
    now = timezone.now()
    stale = now - dt.timedelta(seconds=STALE_SECONDS)
    claimed = (
        ExportJob.objects.filter(pk=job_id)
        .exclude(state__in=[ExportState.DONE, ExportState.FAILED])
        .exclude(state=ExportState.RUNNING, heartbeat_at__gt=stale)
        .update(state=ExportState.RUNNING, heartbeat_at=now)
    )
    if not claimed:
        return False
    job = ExportJob.objects.select_related(
        "membership__user", "membership__authority", "membership__unit"
    ).get(pk=job_id)
    try:
        with override(job.language), transaction.atomic():
            _write_export(job)
    except Exception as error:
        ExportJob.objects.filter(pk=job_id).update(
            state=ExportState.FAILED, error=type(error).__name__, finished_at=timezone.now()
        )
        raise
    return True


def _write_export(job: ExportJob) -> None:
    assert hooks.actor_factory is not None
    actor = hooks.actor_factory(job.membership)
    with acting_as(actor), watching(actor, f"export/{job.list_key}"):
        _fill_export(job, actor)


def _fill_export(job: ExportJob, actor: Any) -> None:
    page = ListPage.registry[job.list_key](actor, QueryDict(job.query))
    head, labels, rows = page.export_rows()
    writer = exports.write_csv if job.format == "csv" else exports.write_xlsx
    with tempfile.TemporaryFile() as file:
        job.rows = writer(file, head, labels, rows)  # type: ignore[arg-type]
        file.seek(0)
        job.file.save(f"{job.public_id}.{job.format}", File(file), save=False)
    job.state = ExportState.DONE
    job.finished_at = timezone.now()
    job.save()
    record(
        actor=actor,
        verb="list.exported",
        data={
            "list": job.list_key, "rows": job.rows, "format": job.format, "filters": head[2],
        },
        audience=[actor.authority.pk],
    )  # fmt: skip


def remove_old_exports(*, days: int = 7) -> int:
    """Delete files and rows of exports older than ``days``; returns how many."""
    old = ExportJob.objects.filter(
        created_at__lt=timezone.now() - dt.timedelta(days=days)
    ).order_by("pk")
    count = 0
    for job in old:
        if job.file:
            job.file.delete(save=False)
        job.delete()
        count += 1
    return count
