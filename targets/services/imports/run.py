"""One import from file to result: staged, compared or merged chunk by chunk, resumed where it stood."""

import datetime as dt
import hashlib
import logging
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audit.context import as_system
from audit.services import record as record_event
from authorities.models import Authority
from targets.import_states import ARROWS
from targets.models import (
    ENDED,
    ImportKind,
    ImportMapping,
    ImportPart,
    ImportPhase,
    ImportRefusal,
    ImportRow,
    ImportRun,
    ImportState,
)
from targets.services.imports import merge, merge_facts, staging, undo
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused, Refused, storable
from targets.services.imports.sources import (
    REGISTER_FORMATS,
    Source,
    SourceRow,
    open_source,
    source_code,
)

logger = logging.getLogger(__name__)

BATCH = 5_000  # rows copied in one go
CHUNK = 10_000  # lines merged in one transaction
STALE_SECONDS = 120
WAITS_DAYS = 14  # how long staged rows wait for somebody to decide
PULSE_SECONDS = 5
DEADLOCK = "40P01"  # PostgreSQL's code for it
DEADLOCK_ATTEMPTS = 5
WHY = "an import writes what the file says, whoever started it"

Progress = Callable[[ImportRun], None]


class TakenOver(Exception):
    """Another process has taken this run up meanwhile: leave it to that one."""


class Asked(Exception):
    """A person wants the run paused or cancelled; what was done stays done."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def known_formats(kind: str) -> list[str]:
    """Names that ``--format`` takes for this kind of data."""
    names = list(ImportMapping.objects.filter(kind=kind).values_list("code", flat=True))
    return [*REGISTER_FORMATS, *names] if kind == ImportKind.SITES else names


def new_run(
    *,
    kind: str,
    format: str,
    file_name: str,
    authority: Authority,
    started_by: Any = None,
    **values: Any,
) -> ImportRun:
    """Make the row of an import; raises FileRefused when the format is not known.

    ``values``: shared, stored_as, rehearse, legal_basis, purpose, received_on, delete_on.
    """
    known = known_formats(kind)
    if format not in known and f"{format}-{kind}" in known:
        format = f"{format}-{kind}"  # "oslo" for visits means the mapping "oslo-visits"
    if format not in known:
        raise FileRefused("unknown_format", name=format, known=", ".join(known))
    with transaction.atomic(), as_system(WHY):
        return ImportRun.objects.create(
            kind=kind, format=format, file_name=file_name[:255], authority=authority,
            started_by=started_by, **values,
        )  # fmt: skip


def claim(run_id: int) -> ImportRun | None:
    """Take a waiting or abandoned import; None when another process is at it or it has ended."""
    now = timezone.now()
    stale = now - dt.timedelta(seconds=STALE_SECONDS)
    with transaction.atomic(), as_system(WHY):
        taken = (
            ImportRun.objects.filter(pk=run_id)
            .filter(
                Q(state=ImportState.QUEUED) | Q(state=ImportState.RUNNING, heartbeat_at__lt=stale)
            )
            .update(state=ImportState.RUNNING, heartbeat_at=now)
        )
        if not taken:
            return None
        return ImportRun.objects.select_related("authority").get(pk=run_id)


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
        _move(run, asked.what)
    except FileRefused as refused:
        _move(run, "fail", file_message(refused.code, refused.params))
    except TakenOver:
        raise
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("import %s stopped, number %s", run.pk, number)
        _move(run, "fail", file_message("crash", {"number": number}))


def _phases(run: ImportRun, path: Path | None, progress: Progress | None) -> None:
    if run.phase == ImportPhase.UNDO:
        _undo(run, progress)
        return
    _restart_if_lost(run)
    if run.phase == ImportPhase.READ:
        assert path is not None, "a file is needed to read from"
        _read(run, path, progress)
    if run.phase == ImportPhase.COMPARE:
        _compare(run, progress)
        _move(run, "rehearsed")
        return
    _merge(run, progress)
    _move(run, "finish")


def _restart_if_lost(run: ImportRun) -> None:
    """The staging table does not outlive a crash of the database server: read anew then."""
    with transaction.atomic():
        if run.staged_line <= run.merged_line or ImportRow.objects.filter(run=run).exists():
            return
        ImportRefusal.objects.filter(run=run).delete()
        ImportPart.objects.filter(run=run).delete()
        run.phase = ImportPhase.READ
        run.staged_line = run.merged_line = run.rows_read = run.refused_count = 0
        run.created_count = run.updated_count = run.unchanged_count = 0
        _save(run)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


KEPT = (
    "sha256", "rows_read", "rows_total", "created_count", "updated_count", "unchanged_count",
    "refused_count", "undone_count", "kept_count", "state", "phase", "message", "finished_at",
    "staged_line", "merged_line", "undo_before", "columns", "preview", "shared", "wanted",
)  # fmt: skip


def _save(run: ImportRun) -> None:
    """Write how far the run has come, inside the transaction of what was done.

    The heartbeat written last is the token: whoever claims the run changes it, and the process
    overtaken gets TakenOver. Raises Asked when a person wants it stopped and it is still running.
    """
    now = timezone.now()
    values = {name: getattr(run, name) for name in KEPT if name != "wanted"}
    mine = ImportRun.objects.filter(
        pk=run.pk, state=ImportState.RUNNING, heartbeat_at=run.heartbeat_at
    )
    if not mine.update(heartbeat_at=now, **values):
        raise TakenOver
    run.heartbeat_at = now
    run.wanted = ImportRun.objects.values_list("wanted", flat=True).get(pk=run.pk)


def _heed(run: ImportRun) -> None:
    """Between two batches, after what was done is stored: do as a person asked."""
    if run.wanted:
        raise Asked(run.wanted)


def _move(run: ImportRun, what: str, message: str = "") -> None:
    """Take one arrow of the table; an ended run leaves no staged rows behind."""
    run.state = ARROWS[run.state, what]
    run.message = message
    ended = run.state in ENDED
    run.finished_at = timezone.now() if ended else None
    with transaction.atomic(), as_system(WHY):
        _save(run)
        ImportRun.objects.filter(pk=run.pk).update(wanted="")
        if ended:
            staging.forget(run.pk)
            ImportPart.objects.filter(run=run).delete()
            record_event(
                actor=None, verb=f"import.{run.state}", subject=run,
                data={"file": run.file_name, "created": run.created_count},
                audience=[run.authority_id],
            )  # fmt: skip
    run.wanted = ""


def close_orphan(run_id: int) -> bool:
    """Mark a command's run failed whose process is gone; its file cannot be read again from here."""
    stale = timezone.now() - dt.timedelta(seconds=STALE_SECONDS)
    with transaction.atomic(), as_system(WHY):
        run = (
            ImportRun.objects.select_for_update(of=("self",))
            .filter(pk=run_id, stored_as="", state=ImportState.RUNNING, heartbeat_at__lt=stale)
            .first()
        )
        if run is None:
            return False
        _move(run, "fail", file_message("stopped", {}))
    return True


def give_up_waiting() -> int:
    """Cancel rehearsals and pauses that nobody has come back to for two weeks; returns how many."""
    long_ago = timezone.now() - dt.timedelta(days=WAITS_DAYS)
    with transaction.atomic(), as_system(WHY):
        left = ImportRun.objects.select_for_update(of=("self",)).filter(
            state__in=[ImportState.READY, ImportState.PAUSED], heartbeat_at__lt=long_ago
        )
        for run in left.order_by("pk")[:100]:
            staging.forget(run.pk)
            run.state, run.finished_at = ARROWS[run.state, "cancel"], timezone.now()
            run.message = file_message("left", {"days": WAITS_DAYS})
            run.save(update_fields=["state", "finished_at", "message"])
        return len(left)


def stop(run: ImportRun) -> None:
    """Mark a run failed that the person at the keyboard has stopped."""
    with suppress(TakenOver):
        _move(run, "fail", file_message("stopped", {}))


# ------------------------------------------------------------------------------ reading
def _read(run: ImportRun, path: Path, progress: Progress | None) -> None:
    """Stage every row of the file; raises FileRefused before anything is in the register."""

    def tick() -> None:
        if (timezone.now() - run.heartbeat_at).total_seconds() >= PULSE_SECONDS:  # type: ignore[operator]
            with transaction.atomic():
                _save(run)
            _heed(run)

    run.sha256 = _sha256(path)
    with transaction.atomic():
        source = open_source(run, path, tick)
        run.rows_total, run.columns = source.total, source.columns
        run.shared = run.shared or source.open
        stage = staging.Stage(run.pk, source.country)
    stage_rows(run, source, stage, progress)
    run.rows_total = run.rows_read
    run.phase = ImportPhase.COMPARE if run.rehearse else ImportPhase.MERGE
    with transaction.atomic():
        _save(run)


def stage_rows(
    run: ImportRun, source: Source, stage: staging.Stage, progress: Progress | None = None
) -> None:
    """Rows of the source into the staging table; lines staged before are only looked at again."""
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
            _put(run, batch, refused, line, BATCH, progress)
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
    if refusal.code != "personal_code" and isinstance(data, dict):
        kept = storable({k: _writable(v) for k, v in data.items() if k != "__shape__"})
    return ImportRefusal(
        run=run, line=line, field=refusal.field[:60], code=refusal.code, value=refusal.value,
        row=kept,
    )  # fmt: skip


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
        run.refused_count += len(refused)
        run.staged_line = max(run.staged_line, line)
        _save(run)
    if progress:
        progress(run)
    _heed(run)


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


# ------------------------------------------------------------------------------ storing
def params_of(run: ImportRun) -> dict[str, Any]:
    """What the statements of a merge ask for, the lines left out."""
    source = source_code(run)
    return {
        "run": run.pk, "source": source, "owned_source": f"{source}:{run.authority.code}"[:40],
        "authority": run.authority_id, "shared": run.shared, "delete_on": run.delete_on,
        "now": timezone.now(), "today": timezone.localdate(),
    }  # fmt: skip


def _chunks(run: ImportRun, start: int) -> Iterable[tuple[int, int]]:
    for low in range(start, run.staged_line, CHUNK):
        yield low, min(low + CHUNK, run.staged_line)


def _compare(run: ImportRun, progress: Progress | None) -> None:
    """What would change, added up over all chunks; nothing is written to the register."""
    total: dict[str, Any] = {}
    with transaction.atomic():
        params = params_of(run)
    for low, high in _chunks(run, 0):
        with transaction.atomic():
            lines = params | {"low": low, "high": high}
            part = (
                merge.compare_register(lines)
                if run.kind == ImportKind.SITES
                else merge_facts.compare_owned(run.kind, lines)
            )
            _add(total, part)
            run.preview = total | {"line": high}
            _save(run)
        if progress:
            progress(run)
        _heed(run)


def _add(total: dict[str, Any], part: dict[str, Any]) -> None:
    for kind, numbers in part.items():
        mine = total.setdefault(
            kind, {"new": 0, "changed": 0, "unchanged": 0, "fields": {}, "examples": []}
        )
        for name in ("new", "changed", "unchanged"):
            mine[name] += numbers[name]
        for name, count in numbers["fields"].items():
            mine["fields"][name] = mine["fields"].get(name, 0) + count
        mine["examples"] = [*mine["examples"], *numbers["examples"]][:50]


def _merge(run: ImportRun, progress: Progress | None) -> None:
    """Merge what is staged, a few chunks at a time, each with a connection of its own."""
    with transaction.atomic():
        params = params_of(run)
        done = set(ImportPart.objects.filter(run=run).values_list("low", flat=True))
    # Inside somebody's transaction (a test) only its own connection sees the rows.
    workers = 1 if connection.in_atomic_block else settings.IMPORT_CONNECTIONS
    waiting = [part for part in _chunks(run, run.merged_line) if part[0] not in done]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for start in range(0, len(waiting), workers):
            wave = waiting[start : start + workers]
            if workers == 1:
                _merge_lines(run, params, *wave[0])
            else:
                for future in [pool.submit(_merge_apart, run, params, *part) for part in wave]:
                    future.result()
            _look_again(run)
            run.merged_line = wave[-1][1]
            with transaction.atomic():
                _save(run)
            if progress:
                progress(run)
            _heed(run)
    run.merged_line = run.staged_line


COUNTS = ("created_count", "updated_count", "unchanged_count", "refused_count")


def _look_again(run: ImportRun) -> None:
    """Take over the counts that the chunks have added to the row."""
    with transaction.atomic():
        counts = ImportRun.objects.values_list(*COUNTS).get(pk=run.pk)
    for name, value in zip(COUNTS, counts, strict=True):
        setattr(run, name, value)


def _merge_apart(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    """``_merge_lines`` in a thread: it starts without a context and leaves no connection."""
    try:
        with as_system(WHY):
            _merge_lines(run, params, low, high)
    finally:
        connection.close()


def _merge_lines(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    """Merge the lines above ``low`` up to ``high``; halved when the database refuses one."""
    try:
        _past_deadlocks(lambda: _merge_once(run, params, low, high))
    except (DataError, IntegrityError):
        if high - low > 1:
            middle = (low + high) // 2
            _merge_lines(run, params, low, middle)
            _merge_lines(run, params, middle, high)
            return
        logger.exception("import %s: line %s could not be stored", run.pk, high)
        with transaction.atomic():
            ImportRefusal.objects.create(run=run, line=high, code="unexpected")
            _count(run, low, high, merge.Merged(), refused=1)


@transaction.atomic
def _merge_once(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    from targets.services.imports.changed import tell

    lines = params | {"low": low, "high": high, "now": timezone.now()}
    refused = ImportRefusal.objects.filter(run=run, line__gt=low, line__lte=high)
    known = refused.count()
    if run.kind == ImportKind.SITES:
        merged = merge.merge_register(lines)
        merge_facts.merge_of_sites(lines)
    elif run.kind == ImportKind.VISITS:
        merged = merge_facts.merge_visits(lines)
    else:
        merged = merge_facts.merge_facts(lines)
    tell(sites=merged.sites, companies=merged.companies)
    with connection.cursor() as cursor:
        # References are checked now and not while the run's row is locked by the count below.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _count(run, low, high, merged, refused.count() - known)


def _count(run: ImportRun, low: int, high: int, merged: merge.Merged, refused: int) -> None:
    """Add to the run's counts and note the chunk, unless another process has taken the run up."""
    ImportPart.objects.create(run=run, low=low, high=high)
    mine = ImportRun.objects.filter(
        pk=run.pk, state=ImportState.RUNNING, heartbeat_at=run.heartbeat_at
    ).update(
        created_count=F("created_count") + merged.created,
        updated_count=F("updated_count") + merged.updated,
        unchanged_count=F("unchanged_count") + merged.unchanged,
        refused_count=F("refused_count") + refused,
    )
    if not mine:
        raise TakenOver


def _past_deadlocks(step: Callable[[], None]) -> None:
    """Do a step; begin it anew when another import held its rows in another order."""
    for attempt in range(1, DEADLOCK_ATTEMPTS + 1):
        try:
            return step()
        except OperationalError as error:
            deadlock = getattr(error.__cause__, "pgcode", "") == DEADLOCK
            if not deadlock or attempt == DEADLOCK_ATTEMPTS:
                raise
    return None


# ------------------------------------------------------------------------------ undoing
def _undo(run: ImportRun, progress: Progress | None) -> None:
    """Take back what the run did, newest first, chunk by chunk; each chunk takes itself off."""
    while True:
        with transaction.atomic():
            step = undo.take_back(run, CHUNK)
            run.undone_count += step.undone
            run.kept_count += step.kept
            _save(run)
        if progress:
            progress(run)
        if step.done:
            break
        _heed(run)
    _move(run, "undone")


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
        rows = ((n, lambda r=record: r, {}) for n, record in enumerate(records, start=1))
        stage_rows(claimed, Source(source, rows), stage)
        with transaction.atomic():
            params = params_of(claimed) | {"source": source}
        for low, high in _chunks(claimed, 0):
            _merge_lines(claimed, params, low, high)
        _look_again(claimed)
        claimed.rows_total = claimed.rows_read
        _move(claimed, "finish")
    return claimed
