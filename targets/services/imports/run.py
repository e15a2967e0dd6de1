"""One import from file to result: streams, stores in batches, notes refusals, shows progress."""

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from audit.context import Context, using
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
STALE_SECONDS = 120
PULSE_SECONDS = 5
DEADLOCK = "40P01"  # PostgreSQL's code for it
DEADLOCK_ATTEMPTS = 5
REGISTER_FORMAT = "prh-v3"

Progress = Callable[[ImportRun], None]


class TakenOver(Exception):
    """Another process has taken this run up meanwhile: leave it to that one."""


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
    if format not in known and f"{format}-{kind}" in known:
        format = f"{format}-{kind}"  # "oslo" for visits means the mapping "oslo-visits"
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
            state=ImportState.RUNNING, heartbeat_at=now, rows_read=0, rows_total=None,
            created_count=0, updated_count=0, unchanged_count=0, refused_count=0,
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
        try:
            run.sha256 = _sha256(path)
            with using(Context(authority=run.authority_id, user=run.started_by_id)):
                _read(run, path, progress)
        except FileRefused as refused:
            _finish(run, ImportState.FAILED, file_message(refused.code, refused.params))
        except TakenOver:
            raise
        except Exception:
            number = uuid.uuid4().hex[:8]
            logger.exception("import %s stopped, number %s", run.pk, number)
            _finish(run, ImportState.FAILED, file_message("crash", {"number": number}))
        else:
            run.rows_total = run.rows_read
            _finish(run, ImportState.DONE, "")
    except TakenOver:
        logger.warning("import %s was taken up by another process", run.pk)
        run.refresh_from_db()
    if progress:
        progress(run)
    return run


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


KEPT = (
    "sha256", "rows_read", "rows_total", "created_count", "updated_count", "unchanged_count",
    "refused_count", "state", "message", "finished_at",
)  # fmt: skip


def _save(run: ImportRun) -> None:
    """Write how far the run has come; raises TakenOver when it is no longer this process's.

    The heartbeat written last is the token: whoever claims the run changes it.
    """
    now = timezone.now()
    kept = ImportRun.objects.filter(
        pk=run.pk, state=ImportState.RUNNING, heartbeat_at=run.heartbeat_at
    ).update(heartbeat_at=now, **{name: getattr(run, name) for name in KEPT})
    if not kept:
        raise TakenOver
    run.heartbeat_at = now


def _finish(run: ImportRun, state: str, message: str) -> None:
    run.state = state
    run.message = message
    run.finished_at = timezone.now()
    with transaction.atomic():
        _save(run)
        record_event(
            actor=None,
            verb="import.done" if state == ImportState.DONE else "import.failed",
            subject=run,
            data={"file": run.file_name, "created": run.created_count},
            audience=[run.authority_id],
        )


def close_orphan(run_id: int) -> bool:
    """Mark a command's run failed whose process is gone; its file cannot be read again from here."""
    stale = timezone.now() - dt.timedelta(seconds=STALE_SECONDS)
    with transaction.atomic():
        run = (
            ImportRun.objects.select_for_update(of=("self",))
            .filter(pk=run_id, stored_as="", state=ImportState.RUNNING, heartbeat_at__lt=stale)
            .first()
        )
        if run is None:
            return False
        _finish(run, ImportState.FAILED, file_message("stopped", {}))
    return True


def stop(run: ImportRun) -> None:
    """Mark a run failed that the person at the keyboard has stopped."""
    with suppress(TakenOver):
        _finish(run, ImportState.FAILED, file_message("stopped", {}))


def _read(run: ImportRun, path: Path, progress: Progress | None) -> None:
    """Look over the whole file, then store it; the first raises FileRefused before any row is in."""

    def tick() -> None:
        if (timezone.now() - run.heartbeat_at).total_seconds() >= PULSE_SECONDS:
            _save(run)

    if run.format == REGISTER_FORMAT:
        run.rows_total = readers.survey_companies(path, tick)
        store = Store("prh")
        rows = ((line, lambda d=data: prh.record(d)) for line, data in readers.json_companies(path))
        _batches(run, rows, store.sites, progress)
        return
    mapping = ImportMapping.objects.filter(code=run.format).first()
    if mapping is None:
        raise FileRefused("unknown_format", name=run.format, known="")
    if mapping.kind != run.kind:
        raise FileRefused("wrong_kind", name=run.format)
    options = mapping.options
    table = Table(mapping.columns, options)
    survey = readers.survey_table(path, table.needed(), options, tick)
    for name in table.needed():
        if name not in survey.columns:
            found = ", ".join(survey.columns[:30])
            raise FileRefused("no_columns", column=name, mapping=mapping.code, found=found)
    run.rows_total = survey.rows
    source = options.get("source", mapping.code)
    if options.get("own"):  # the authority's own running numbers: never another's sites
        source = f"{source}:{run.authority.code}"[:40]
    store = Store(source, options.get("country", "FI"))
    source_rows = readers.table_rows(path, survey)
    if run.kind == "sites":
        rows = ((line, lambda r=row: table.site(r)) for line, row in source_rows)
        _batches(run, rows, store.sites, progress)
    else:
        rows = ((line, lambda r=row: table.visit(r)) for line, row in source_rows)
        _batches(run, rows, lambda batch: store.visits(batch, run.authority, run.shared), progress)


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
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
            logger.exception("import %s: line %s was not understood", run.pk, line)
            refused.append((line, Refused("", "unexpected")))
        else:
            if record is not None:
                key = getattr(record, "source_key", None) or record.business_id
                if key in keys:  # a key named twice in one batch: store what came before first
                    _store(run, batch, refused, store, progress)
                    batch, refused, keys = [], [], set()
                keys.add(key)
                batch.append((line, record))
        if len(batch) >= BATCH or len(refused) >= BATCH or run.rows_read % BATCH == 0:
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
    counts = _one_by_one(store, batch) if batch else Counts()
    run.created_count += counts.created
    run.updated_count += counts.updated
    run.unchanged_count += counts.unchanged
    everything = sorted([*refused, *counts.refused], key=lambda pair: pair[0])
    run.refused_count += len(everything)
    with transaction.atomic():
        _save(run)
        ImportRefusal.objects.bulk_create(
            ImportRefusal(
                run=run, line=line, field=refusal.field[:60], code=refusal.code, value=refusal.value
            )
            for line, refusal in everything
        )
    if progress:
        progress(run)


def _one_by_one(
    store: Callable[[list[tuple[int, Any]]], Counts], batch: list[tuple[int, Any]]
) -> Counts:
    """Store a batch; when the database refuses it, halve it until the bad row stands alone."""
    try:
        return _past_deadlocks(store, batch)
    except (DataError, IntegrityError, ValueError, OverflowError):
        if len(batch) == 1:
            logger.exception("import: line %s could not be stored", batch[0][0])
            return Counts(refused=[(batch[0][0], Refused("", "unexpected"))])
    middle = len(batch) // 2
    first, second = _one_by_one(store, batch[:middle]), _one_by_one(store, batch[middle:])
    return Counts(
        first.created + second.created,
        first.updated + second.updated,
        first.unchanged + second.unchanged,
        first.refused + second.refused,
    )


def _past_deadlocks(
    store: Callable[[list[tuple[int, Any]]], Counts], batch: list[tuple[int, Any]]
) -> Counts:
    """Store a batch; begin it anew when another import held its rows in another order."""
    for attempt in range(1, DEADLOCK_ATTEMPTS + 1):
        try:
            return store(batch)
        except OperationalError as error:
            deadlock = getattr(error.__cause__, "pgcode", "") == DEADLOCK
            if not deadlock or attempt == DEADLOCK_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
