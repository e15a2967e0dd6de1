"""Writing saved views and exports."""

import datetime as dt
import tempfile
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from audit.access import watching
from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from audit.services import record
from ui import exports, hooks, list_exports
from ui.lists import CONTROL_PARAMETERS, ListPage
from ui.models import ExportJob, ExportState, SavedView, SavedViewScope

STALE_SECONDS = 300
PULSE_SECONDS = 20
MAX_QUERY = 8_000  # characters, about what web servers let through in an address


def whole_query(query: str) -> str:
    """A list's query string as it is; a shorter one would be another list."""
    if len(query) > MAX_QUERY:
        raise RuleViolation(
            _("So many choices in the filters are more than can be kept. Choose fewer, for example "
              "a region in place of its municipalities."),
            field="query",
        )  # fmt: skip
    return query


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
                defaults={"query": whole_query(urlencode(kept)), "scope": scope},
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
        query=whole_query(kept.urlencode()),
        format=kind,
        language=(get_language() or settings.LANGUAGE_CODE)[:2],
        membership=actor.membership,
    )
    transaction.on_commit(lambda: run_export.delay(job.pk))
    return job


class Overtaken(Exception):
    """Another process has taken the job up meanwhile: leave it to that one."""


def make_export(job_id: int) -> bool:
    """Write the file of a queued (or abandoned) export; False when someone else is at it."""
    job = _claim(job_id)
    if job is None:
        return False
    try:
        with override(job.language):
            _write_export(job)
    except Overtaken:
        return False
    except Exception as error:
        _mine(job).update(
            state=ExportState.FAILED, error=type(error).__name__, finished_at=timezone.now()
        )
        raise
    return True


def _claim(job_id: int) -> ExportJob | None:
    """Take a job; whoever had it before finds the claim changed and gives way."""
    now = timezone.now()
    stale = now - dt.timedelta(seconds=STALE_SECONDS)
    claimed = (
        ExportJob.objects.filter(pk=job_id)
        .exclude(state__in=[ExportState.DONE, ExportState.FAILED])
        .exclude(state=ExportState.RUNNING, heartbeat_at__gt=stale)
        .update(state=ExportState.RUNNING, heartbeat_at=now, claim=F("claim") + 1)
    )
    if not claimed:
        return None
    return ExportJob.objects.select_related(
        "membership__user", "membership__authority", "membership__unit"
    ).get(pk=job_id)


def _mine(job: ExportJob) -> QuerySet[ExportJob]:
    """The row of the job, unless another process has taken it up meanwhile."""
    return ExportJob.objects.filter(pk=job.pk, state=ExportState.RUNNING, claim=job.claim)


def _beat(job: ExportJob) -> None:
    """Show now and then that the job is being worked at; Overtaken when it is another's."""
    now = timezone.now()
    assert job.heartbeat_at is not None
    if (now - job.heartbeat_at).total_seconds() < PULSE_SECONDS:
        return
    if not _mine(job).update(heartbeat_at=now):
        raise Overtaken
    job.heartbeat_at = now


def _write_export(job: ExportJob) -> None:
    """Read part by part, each in a transaction of its own, so that the heartbeat is seen."""
    assert hooks.actor_factory is not None
    with transaction.atomic():
        actor = hooks.actor_factory(job.membership)
    with acting_as(actor), watching(actor, f"export/{job.list_key}"):
        page = ListPage.registry[job.list_key](actor, QueryDict(job.query))
        head, labels, rows = list_exports.export_rows(page, lambda: _beat(job))
        writer = exports.write_csv if job.format == "csv" else exports.write_xlsx
        with tempfile.TemporaryFile() as file:
            job.rows = writer(file, head, labels, rows)  # type: ignore[arg-type]
            file.seek(0)
            _finish(job, actor, File(file), head[2])


@transaction.atomic
def _finish(job: ExportJob, actor: Any, file: "File[Any]", filters: str) -> None:
    """Keep the file and say so, under the lock of a job that is still this process's own."""
    if _mine(job).select_for_update().first() is None:
        raise Overtaken
    _remove_file(job)  # of a process that died between keeping the file and saying so
    try:
        job.file.save(_file_name(job), file, save=False)
        job.state = ExportState.DONE
        job.finished_at = timezone.now()
        job.save()
        record(
            actor=actor,
            verb="list.exported",
            data={"list": job.list_key, "rows": job.rows, "format": job.format, "filters": filters},
            audience=[actor.authority.pk],
        )
    except BaseException:
        _remove_file(job)
        raise


def _file_name(job: ExportJob) -> str:
    return f"{job.public_id}.{job.format}"


def _remove_file(job: ExportJob) -> None:
    """Remove the job's file, also one that no row names."""
    field = ExportJob._meta.get_field("file")
    for name in (job.file.name, field.generate_filename(job, _file_name(job))):
        if name:
            field.storage.delete(name)


def remove_old_exports(*, days: int = 7) -> int:
    """Delete files and rows of exports older than ``days``; returns how many."""
    old = ExportJob.objects.filter(
        created_at__lt=timezone.now() - dt.timedelta(days=days)
    ).order_by("pk")
    count = 0
    for job in old:
        _remove_file(job)
        job.delete()
        count += 1
    return count
