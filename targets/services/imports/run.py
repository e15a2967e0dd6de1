"""One import from file to result: streams, stores in batches, notes refusals, shows progress."""

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.services import record as record_event
from authorities.models import Authority
from targets.models import ImportMapping, ImportRefusal, ImportRun, ImportState
from targets.services.imports import prh, readers
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused, Refused
from targets.services.imports.store import Counts, Store
from targets.services.imports.tabular import Table

logger = logging.getLogger(__name__)

BATCH = 1_000
MAX_REFUSALS_KEPT = 10_000
STALE_SECONDS = 120
REGISTER_FORMAT = "prh-v3"

Progress = Callable[[ImportRun], None]


def known_formats(kind: str) -> list[str]:
    """Names that ``--format`` takes for this kind of data."""
    names = list(ImportMapping.objects.filter(kind=kind).values_list("code", flat=True))
    return [REGISTER_FORMAT, *names] if kind == "sites" else names


def new_run(
    *,
    kind: str,
    format: str,
    file_name: str,
    authority: Authority,
    shared: bool = False,
    started_by: Any = None,
    stored_as: str = "",
) -> ImportRun:
    """Make the row of an import; raises FileRefused when the format is not known."""
    known = known_formats(kind)
    if format not in known:
        raise FileRefused("unknown_format", name=format, known=", ".join(known))
    return ImportRun.objects.create(
        kind=kind, format=format, file_name=file_name[:255], authority=authority, shared=shared,
        started_by=started_by, stored_as=stored_as,
    )  # fmt: skip


def claim(run_id: int) -> ImportRun | None:
    """Take a waiting or abandoned import; None when another process is at it or it has ended."""
    now = timezone.now()
    stale = now - dt.timedelta(seconds=STALE_SECONDS)
    taken = (
        ImportRun.objects.filter(pk=run_id)
        .filter(
            Q(state=ImportState.QUEUED)
            | Q(state=ImportState.RUNNING, heartbeat_at__lt=stale)
        )
        .update(
            state=ImportState.RUNNING, heartbeat_at=now, rows_read=0, created_count=0,
            updated_count=0, unchanged_count=0, refused_count=0,
        )
    )  # fmt: skip
    if not taken:
        return None
    ImportRefusal.objects.filter(run_id=run_id).delete()
    return ImportRun.objects.select_related("authority").get(pk=run_id)


def perform(run: ImportRun, path: Path, progress: Progress | None = None) -> ImportRun:
    """Read ``path`` to the end. The run is marked done or failed; rows stored before stay stored.

    Stopped at any moment it may be started again from the beginning: nothing doubles.
    """
    try:
        run.sha256 = _sha256(path)
        _read(run, path, progress)
    except FileRefused as refused:
        _finish(run, ImportState.FAILED, file_message(refused.code, refused.params))
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("import %s stopped, number %s", run.pk, number)
        _finish(run, ImportState.FAILED, file_message("crash", {"number": number}))
    else:
        _finish(run, ImportState.DONE, "")
    if progress:
        progress(run)
    return run


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finish(run: ImportRun, state: str, message: str) -> None:
    with transaction.atomic():
        run.state = state
        run.message = message
        run.finished_at = timezone.now()
        run.save()
        record_event(
            actor=None,
            verb="import.done" if state == ImportState.DONE else "import.failed",
            subject=run,
            data={"file": run.file_name, "created": run.created_count},
            audience=[run.authority_id],
        )


def _read(run: ImportRun, path: Path, progress: Progress | None) -> None:
    if run.format == REGISTER_FORMAT:
        store = Store("prh")
        rows = ((line, lambda d=data: prh.record(d)) for line, data in readers.json_companies(path))
        _batches(run, rows, store.sites, progress)
        return
    mapping = ImportMapping.objects.filter(code=run.format).first()
    if mapping is None:
        raise FileRefused("unknown_format", name=run.format, known="")
    if mapping.kind != run.kind:
        raise FileRefused("wrong_kind", name=run.format)
    table = Table(mapping.columns, mapping.options)
    source_rows = _open_table(run, path, table, mapping)
    store = Store(mapping.options.get("source", mapping.code), mapping.options.get("country", "FI"))
    if run.kind == "sites":
        rows = ((line, lambda r=row: table.site(r)) for line, row in source_rows)
        _batches(run, rows, store.sites, progress)
    else:
        rows = ((line, lambda r=row: table.visit(r)) for line, row in source_rows)
        _batches(run, rows, lambda batch: store.visits(batch, run.authority, run.shared), progress)


def _open_table(
    run: ImportRun, path: Path, table: Table, mapping: ImportMapping
) -> Iterator[readers.Row]:
    """Check that the mapped columns are there, then give the rows."""
    if path.stat().st_size == 0:
        raise FileRefused("empty")
    parquet = readers.is_parquet(path)
    if path.suffix == ".parquet" and not parquet:
        raise FileRefused("not_parquet")
    found = readers.parquet_columns(path) if parquet else readers.csv_columns(path, mapping.options)
    for name in table.needed():
        if name not in found:
            raise FileRefused(
                "no_columns", column=name, mapping=mapping.code, found=", ".join(found[:30])
            )
    if parquet:
        run.rows_total = readers.parquet_count(path)
        return readers.parquet_rows(path)
    return readers.csv_rows(path, mapping.options)


def _batches(
    run: ImportRun,
    rows: Iterator[tuple[int, Callable[[], Any]]],
    store: Callable[[list[tuple[int, Any]]], Counts],
    progress: Progress | None,
) -> None:
    batch: list[tuple[int, Any]] = []
    refused: list[tuple[int, Refused]] = []
    keys: set[str] = set()
    for line, make in rows:
        run.rows_read += 1
        try:
            record = make()
        except Refused as refusal:
            refused.append((line, refusal))
        else:
            if record is not None:
                key = getattr(record, "source_key", None) or record.business_id
                if key in keys:  # a key named twice in one batch: store what came before first
                    _store(run, batch, refused, store, progress)
                    batch, refused, keys = [], [], set()
                keys.add(key)
                batch.append((line, record))
        if len(batch) >= BATCH or len(refused) >= BATCH:
            _store(run, batch, refused, store, progress)
            batch, refused, keys = [], [], set()
    _store(run, batch, refused, store, progress)


def _store(
    run: ImportRun,
    batch: list[tuple[int, Any]],
    refused: list[tuple[int, Refused]],
    store: Callable[[list[tuple[int, Any]]], Counts],
    progress: Progress | None,
) -> None:
    """Store one batch with its refusals and show how far it has come."""
    counts = store(batch) if batch else Counts()
    run.created_count += counts.created
    run.updated_count += counts.updated
    run.unchanged_count += counts.unchanged
    everything = sorted([*refused, *counts.refused], key=lambda pair: pair[0])
    room = max(0, MAX_REFUSALS_KEPT - run.refused_count)
    run.refused_count += len(everything)
    ImportRefusal.objects.bulk_create(
        ImportRefusal(
            run=run, line=line, field=refusal.field[:60], code=refusal.code, value=refusal.value
        )
        for line, refusal in everything[:room]
    )
    run.heartbeat_at = timezone.now()
    run.save()
    if progress:
        progress(run)
