"""Rows of a file into the staging table, batch by batch, with what is refused on the way."""

import datetime as dt
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from targets.models import ImportKind, ImportPhase, ImportRefusal, ImportRun
from targets.services.imports import staging
from targets.services.imports.life import Progress, add, beat, heed, save
from targets.services.imports.progress import show_place
from targets.services.imports.records import SHAPE, UNSAVED, Refused, storable
from targets.services.imports.sources import Source, SourceRow, open_source
from targets.services.imports.storing import Early

logger = logging.getLogger(__name__)

BATCH = 5_000  # rows copied in one go


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(run: ImportRun, path: Path, progress: Progress | None) -> None:
    """Stage every row of the file; raises FileRefused before anything is in the register."""

    def tick() -> None:
        if beat(run):
            heed(run)

    run.sha256 = _sha256(path)
    with transaction.atomic():
        source = open_source(run, path, tick)
        run.rows_total, run.columns = source.total, source.columns
        run.shared = run.shared or source.open
        stage = staging.Stage(run.pk, source.country)
    # Of a full list nothing is stored before all of it has been seen.
    whole_first = run.rehearse or run.full_list
    if source.sure and not whole_first and not connection.in_atomic_block:
        with Early(run) as early:
            stage_rows(run, source, stage, progress, early.upto)
    else:
        stage_rows(run, source, stage, progress)
    run.rows_total = run.rows_read
    run.phase = ImportPhase.COMPARE if run.rehearse else ImportPhase.MERGE
    with transaction.atomic():
        save(run)


def stage_rows(
    run: ImportRun, source: Source, stage: staging.Stage, progress: Progress | None = None,
    staged_to: Callable[[int], None] = lambda line: None,
) -> None:  # fmt: skip
    """Rows of the source into the staging table; lines staged before are only looked at again.

    ``staged_to`` is told after each batch up to which line all is in the staging table.
    """
    already = run.staged_line
    batch: list[tuple[Any, ...]] = []
    refused: list[ImportRefusal] = []
    number, line = 0, already
    for row in source.rows:
        staged, refusal = _staged(run, stage, row)  # also before ``already``: it counts the keys
        if row[0] <= already:
            continue
        number += 1
        line = row[0]
        if refusal is not None:
            refused.append(refusal)
        elif staged is not None:
            batch.append(staged)
        if number % BATCH == 0:
            if source.total is None:
                show_place(run, "read", source.place.done, source.place.of)
            _put(run, batch, refused, line, BATCH, progress)
            staged_to(line)
            batch, refused = [], []
    _put(run, batch, refused, line, number % BATCH, progress)


def _staged(
    run: ImportRun, stage: staging.Stage, row: SourceRow
) -> tuple[tuple[Any, ...] | None, ImportRefusal | None]:
    line, make, data = row
    try:
        record = make()
        return (stage.row(line, record) if record is not None else None), None
    except Refused as refusal:
        return None, _refusal(run, line, refusal, data)
    except RecursionError:
        return None, _refusal(run, line, Refused("", "too_deep"), None)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        logger.exception("import %s: line %s was not understood", run.pk, line)
        return None, _refusal(run, line, Refused("", "unexpected"), data)


def _refusal(run: ImportRun, line: int, refusal: Refused, data: Any) -> ImportRefusal:
    kept = None
    # Persons are not kept, neither those named by a code nor those whose roles are told.
    personal = refusal.code == "personal_code" or run.kind == ImportKind.ROLES
    if isinstance(data, dict) and not personal:
        kept = kept_row(data)
    return ImportRefusal(
        run=run, line=line, field=refusal.field[:60], code=refusal.code, value=refusal.value,
        row=kept,
    )  # fmt: skip


def kept_row(data: dict[str, Any]) -> Any:
    """A row as it was read, in what JSON can hold."""
    return storable({k: _writable(v) for k, v in data.items() if k not in (SHAPE, UNSAVED)})


def _writable(value: Any) -> Any:
    """A cell as JSON can hold it; of a workbook's dates the day as people write it."""
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    if isinstance(value, float) and value != value:
        return ""
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _put(
    run: ImportRun,
    batch: list[tuple[Any, ...]],
    refused: list[ImportRefusal],
    line: int,
    count: int,
    progress: Progress | None,
) -> None:
    """One batch with its refusals and the mark of how far it has come, in one transaction."""
    with transaction.atomic():
        refused = [*refused, *_copied(run, batch)]
        ImportRefusal.objects.bulk_create(refused)
        run.rows_read += count
        if refused:
            add(run, refused_count=len(refused))
        run.staged_line = max(run.staged_line, line)
        save(run)
    if progress:
        progress(run)
    heed(run)


def _copied(run: ImportRun, batch: list[tuple[Any, ...]]) -> list[ImportRefusal]:
    """Copy a batch; when the database refuses it, halve it until the bad row stands alone."""
    if not batch:
        return []
    try:
        with transaction.atomic():
            staging.copy(batch)
        return []
    except (DataError, IntegrityError, ValueError, OverflowError):
        if len(batch) == 1:
            logger.exception("import: line %s could not be stored", batch[0][1])
            return [_refusal(run, batch[0][1], Refused("", "unexpected"), None)]
    middle = len(batch) // 2
    return [*_copied(run, batch[:middle]), *_copied(run, batch[middle:])]
