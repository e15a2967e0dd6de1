"""One import from file to result: staged, compared or merged, undone; resumed where it stood."""

import logging
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from audit.context import as_system
from authorities.models import Authority
from targets.models import ImportKind, ImportPart, ImportPhase, ImportRefusal, ImportRow, ImportRun
from targets.services.imports import merge_full, staging, undo
from targets.services.imports.life import (
    COUNTS,
    WHY,
    Asked,
    Progress,
    TakenOver,
    claim,
    heed,
    move,
    new_run,
    save,
)
from targets.services.imports.mending import keep_refused_rows
from targets.services.imports.messages import file_message
from targets.services.imports.progress import show_changes
from targets.services.imports.reading import read, stage_rows
from targets.services.imports.records import FileRefused
from targets.services.imports.sources import Source, SourceRow
from targets.services.imports.storing import (
    CHUNK,
    chunks,
    compare,
    follow_changes,
    merge_all,
    merge_lines,
    params_of,
)

logger = logging.getLogger(__name__)


def perform(run: ImportRun, path: Path | None, progress: Progress | None = None) -> ImportRun:
    """Bring a claimed run as far as it goes: to its end, a rehearsal's end, a pause or an error.

    Killed at any moment it may be called again and goes on where it stood: nothing doubles.
    """
    try:
        with as_system(WHY):
            _guarded(run, path, progress)
    except TakenOver:
        logger.warning("import %s was taken up by another process", run.pk)
        with transaction.atomic(), as_system(WHY):
            run.refresh_from_db()
    if progress:
        progress(run)
    return run


def _guarded(run: ImportRun, path: Path | None, progress: Progress | None) -> None:
    try:
        _phases(run, path, progress)
    except Asked as asked:
        # A cancelled run loses its file, and a paused one may be cancelled.
        _keep_refused(run, path)
        move(run, asked.what)
    except FileRefused as refused:
        move(run, "fail", file_message(refused.code, refused.params))
    except TakenOver:
        raise
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("import %s stopped, number %s", run.pk, number)
        _keep_refused(run, path)
        move(run, "fail", file_message("crash", {"number": number}))


def _keep_refused(run: ImportRun, path: Path | None) -> None:
    """Of a run that ends early: whatever it ends for comes before the originals of refused rows."""
    try:
        keep_refused_rows(run, path)
    except TakenOver:
        raise
    except Exception:
        logger.exception("import %s: refused rows stay without their originals", run.pk)


def _phases(run: ImportRun, path: Path | None, progress: Progress | None) -> None:
    if run.phase == ImportPhase.UNDO:
        _undo(run, progress)
        return
    _restart_if_lost(run)
    if run.phase == ImportPhase.READ:
        assert path is not None, "a file is needed to read from"
        read(run, path, progress)
    if run.phase == ImportPhase.COMPARE:
        compare(run, progress)
        keep_refused_rows(run, path)
        if run.full_list:
            _show_ends(run)
        move(run, "rehearsed")
        return
    if run.phase != ImportPhase.INDEX:
        if run.full_list:
            keep_refused_rows(run, path)  # by their keys they are known to be listed
            merge_full.check(run, _params(run))
        merge_all(run, progress)
        keep_refused_rows(run, path)
        if run.full_list:
            merge_full.end_what_is_gone(run, _params(run))
        run.phase = ImportPhase.INDEX
        with transaction.atomic():
            save(run)
    follow_changes(run, progress)
    move(run, "finish")


@transaction.atomic
def _params(run: ImportRun) -> dict[str, Any]:
    return params_of(run)


@transaction.atomic
def _show_ends(run: ImportRun) -> None:
    """Into the preview what a full list would end."""
    found = merge_full.ends(run, params_of(run))
    shown = {"count": found.count, "known": found.known, "examples": found.examples}
    run.preview = run.preview | {"ends": shown | {"too_many": found.too_many}}
    save(run)


def _restart_if_lost(run: ImportRun) -> None:
    """The staging table does not outlive a crash of the database server: read anew then."""
    with transaction.atomic():
        # A full list needs its staged rows to its end: they say what is in it.
        merged = run.phase == ImportPhase.INDEX or (
            run.staged_line <= run.merged_line and not run.full_list
        )
        if merged or run.staged_line == 0 or ImportRow.objects.filter(run=run).exists():
            return
        ImportRefusal.objects.filter(run=run).delete()
        ImportPart.objects.filter(run=run).delete()
        run.phase = ImportPhase.READ
        run.staged_line = run.merged_line = run.rows_read = 0
        ImportRun.objects.filter(pk=run.pk).update(**dict.fromkeys(COUNTS, 0))
        save(run)


def _undo(run: ImportRun, progress: Progress | None) -> None:
    """Take back what the run did, newest first, chunk by chunk; each chunk takes itself off."""
    if run.undo_before is None:
        with transaction.atomic():
            show_changes(run, ImportPhase.UNDO)
    while True:
        with transaction.atomic():
            step = undo.take_back(run, CHUNK)
            run.undone_count += step.undone
            run.kept_count += step.kept
            save(run)
        if progress:
            progress(run)
        if step.done:
            break
        heed(run)
    move(run, "undone")


def store_records(
    *, source: str, authority: Authority, records: Iterable[Any], file_name: str = "", **values: Any
) -> ImportRun:
    """Store records that a program made, by the same way as a file's (demonstration, benches)."""
    run = new_run(
        kind=ImportKind.SITES, format="prh-v3", file_name=file_name or source,
        authority=authority, **values,
    )  # fmt: skip
    with as_system(WHY):
        claimed = claim(run.pk)
        assert claimed is not None
        with transaction.atomic():
            stage = staging.Stage(claimed.pk)
        rows: Iterator[SourceRow] = (
            (n, lambda r=record: r, {})  # type: ignore[misc]  # mypy takes no defaults here
            for n, record in enumerate(records, start=1)
        )
        stage_rows(claimed, Source(source, rows), stage)
        with transaction.atomic():
            params = params_of(claimed) | {"source": source}
        for low, high in chunks(claimed, 0):
            merge_lines(claimed, params, low, high)
        follow_changes(claimed, None)
        claimed.rows_total = claimed.rows_read
        move(claimed, "finish")
    return claimed
