"""The life of an import: how it is made, claimed, marked, moved and given up."""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
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
    ImportRun,
    ImportState,
)
from targets.services.imports import staging
from targets.services.imports.messages import file_message
from targets.services.imports.records import FileRefused
from targets.services.imports.sources import REGISTER_FORMATS

STALE_SECONDS = 120
PULSE_SECONDS = 5
WAITS_DAYS = 14  # how long staged rows wait for somebody to decide
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

    ``values``: shared, stored_as, rehearse, full_list, legal_basis, purpose, received_on, delete_on.
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
            .update(state=ImportState.RUNNING, heartbeat_at=now, claim=F("claim") + 1)
        )
        if not taken:
            return None
        return ImportRun.objects.select_related("authority").get(pk=run_id)


# Added to by whoever stores a part, never written over (``add``).
COUNTS = ("created_count", "updated_count", "unchanged_count", "refused_count")
KEPT = (
    "sha256", "rows_read", "rows_total", "undone_count", "kept_count", "ended_count", "state", "phase",
    "message", "finished_at", "staged_line", "merged_line", "indexed_to", "undo_before", "columns",
    "preview", "shared", "wanted",
)  # fmt: skip


def save(run: ImportRun) -> None:
    """Write how far the run has come, inside the transaction of what was done.

    Whoever claims the run changes ``claim``, and the process overtaken gets TakenOver. Counts and
    what a person wants are looked at again.
    """
    now = timezone.now()
    values = {name: getattr(run, name) for name in KEPT if name != "wanted"}
    if not _mine(run).update(heartbeat_at=now, **values):
        raise TakenOver
    run.heartbeat_at = now
    kept = ImportRun.objects.values_list(*COUNTS, "wanted").get(pk=run.pk)
    for name, value in zip((*COUNTS, "wanted"), kept, strict=True):
        setattr(run, name, value)


def beat(run: ImportRun) -> bool:
    """Show now and then, while nothing is stored, that the run is alive; whether it was shown now."""
    last = run.heartbeat_at
    if last is not None and (timezone.now() - last).total_seconds() < PULSE_SECONDS:
        return False
    with transaction.atomic():
        save(run)
    return True


def _mine(run: ImportRun) -> QuerySet[ImportRun]:
    """The row of the run, unless another process has taken it up meanwhile."""
    return ImportRun.objects.filter(pk=run.pk, state=ImportState.RUNNING, claim=run.claim)


def add(run: ImportRun, **counts: int) -> None:
    """Add to ``COUNTS`` in the transaction of what is counted; several may do so at once."""
    if not _mine(run).update(**{name: F(name) + number for name, number in counts.items()}):
        raise TakenOver


def heed(run: ImportRun) -> None:
    """Between two batches, after what was done is stored: do as a person asked."""
    if run.wanted:
        raise Asked(run.wanted)


def move(run: ImportRun, what: str, message: str = "") -> None:
    """Take one arrow of the table; an ended run leaves no staged rows behind."""
    run.state = ARROWS[run.state, what]
    run.message = message
    ended = run.state in ENDED
    run.finished_at = timezone.now() if ended else None
    with transaction.atomic(), as_system(WHY):
        save(run)
        ImportRun.objects.filter(pk=run.pk).update(wanted="")
        if ended:
            forget(run)
            record_event(
                actor=None, verb=f"import.{run.state}", subject=run,
                data={"file": run.file_name, "created": run.created_count},
                audience=[run.authority_id],
            )  # fmt: skip
    run.wanted = ""


def forget(run: ImportRun) -> None:
    """Let go of what an ended run no longer needs: staged rows and the file that was uploaded.

    The file of a failed run stays for ``WAITS_DAYS``, so that it can be taken up again.
    """
    staging.forget(run.pk)
    ImportPart.objects.filter(run=run).delete()
    if run.stored_as and run.state != ImportState.FAILED:
        stored = run.stored_as
        transaction.on_commit(lambda: default_storage.delete(stored))
        ImportRun.objects.filter(pk=run.pk).update(stored_as="")
        run.stored_as = ""


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
        move(run, "fail", file_message("stopped", {}))
    return True


def give_up_waiting() -> int:
    """End rehearsals, pauses and failures that nobody has come back to; returns how many."""
    long_ago = timezone.now() - dt.timedelta(days=WAITS_DAYS)
    waiting = Q(state__in=[ImportState.READY, ImportState.PAUSED]) | Q(
        state=ImportState.FAILED, stored_as__gt=""
    )
    with transaction.atomic(), as_system(WHY):
        left = ImportRun.objects.select_for_update(of=("self",), skip_locked=True).filter(
            waiting, heartbeat_at__lt=long_ago
        )
        runs = list(left.order_by("pk")[:100])
        for run in runs:
            if run.state != ImportState.FAILED:
                run.message = file_message("left", {"days": WAITS_DAYS})
            run.state = ARROWS[run.state, "cancel"]
            run.finished_at = run.finished_at or timezone.now()
            run.save(update_fields=["state", "finished_at", "message"])
            forget(run)
        return len(runs)


def stop(run: ImportRun) -> None:
    """Mark a run failed that the person at the keyboard has stopped."""
    with suppress(TakenOver):
        move(run, "fail", file_message("stopped", {}))
