"""Staged rows compared with the register or merged into it, chunk by chunk."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

from django.conf import settings
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from audit.context import as_system
from targets.models import (
    ImportKind,
    ImportPart,
    ImportPhase,
    ImportRefusal,
    ImportRun,
    ImportState,
    RegisterChange,
)
from targets.services.imports import (
    merge,
    merge_compare,
    merge_facts,
    merge_links,
    merge_moves,
    merge_private,
)
from targets.services.imports.changed import tell
from targets.services.imports.life import WHY, Progress, add, heed, save
from targets.services.imports.progress import show_changes
from targets.services.imports.sources import register_of

logger = logging.getLogger(__name__)

CHUNK = 5_000  # lines merged in one transaction; 10,000 took a tenth longer
DEADLOCK = "40P01"  # PostgreSQL's code for it
DEADLOCK_ATTEMPTS = 5


def params_of(run: ImportRun) -> dict[str, Any]:
    """What the statements of a merge ask for, the lines left out."""
    register = register_of(run)
    return {
        "run": run.pk, "source": register.code, "owned_source": register.owned,
        "authority": run.authority_id, "shared": run.shared, "delete_on": run.delete_on,
        "holds_back": merge_private.holds_back(run),
        "now": timezone.now(), "today": timezone.localdate(),
    }  # fmt: skip


def chunks(run: ImportRun, start: int) -> Iterable[tuple[int, int]]:
    for low in range(start, run.staged_line, CHUNK):
        yield low, min(low + CHUNK, run.staged_line)


def compare(run: ImportRun, progress: Progress | None) -> None:
    """What would change, added up over all chunks; nothing is written to the register.

    Rows that storing would refuse are refused rows of the run already now.
    """
    total: dict[str, Any] = {}
    with transaction.atomic():
        params = params_of(run)
        forget_late_refusals(run)
    for low, high in chunks(run, 0):
        with transaction.atomic():
            lines = params | {"low": low, "high": high}
            if run.kind == ImportKind.SITES:
                with merge_private.left_out(lines, staged_again=True) as refused:
                    part = _compare_register(lines)
                    part |= merge_compare.compare_facts_of_sites(lines)
                    part |= merge_compare.compare_links_of_sites(lines, part["company"])
            else:
                part, refused = merge_compare.compare_owned(run.kind, lines)
            if refused:
                add(run, refused_count=refused)
            _add(total, part)
            run.preview = total | {"line": high}
            save(run)
        if progress:
            progress(run)
        heed(run)


def _compare_register(lines: dict[str, Any]) -> dict[str, Any]:
    holds_back = lines["holds_back"]
    return (merge_private.compare_let_be if holds_back else merge.compare_register)(lines)


def _merge_register(lines: dict[str, Any]) -> merge.Merged:
    holds_back = lines["holds_back"]
    return (merge_private.let_be if holds_back else merge.merge_register)(lines)


def forget_late_refusals(run: ImportRun) -> None:
    """Let go of what was refused for what the register did not hold: it is looked at anew."""
    gone = run.refusals.filter(code__in=merge_compare.LATE).delete()[0]
    if gone:
        add(run, refused_count=-gone)


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


def merge_all(run: ImportRun, progress: Progress | None) -> None:
    """Merge what is staged, a few chunks at a time, each with a connection of its own."""
    with transaction.atomic():
        params = params_of(run)
        done = set(ImportPart.objects.filter(run=run).values_list("low", flat=True))
        if not done:  # nothing is stored yet: what a rehearsal refused may be known by now
            forget_late_refusals(run)
    # Inside somebody's transaction (a test) only its own connection sees the rows.
    workers = 1 if connection.in_atomic_block else settings.IMPORT_CONNECTIONS
    waiting = [part for part in chunks(run, run.merged_line) if part[0] not in done]
    if workers == 1:
        for low, high in waiting:
            merge_lines(run, params, low, high)
            _came_to(run, high, progress)
    else:
        _merge_together(run, params, waiting, workers, progress)
    run.merged_line = run.staged_line


def _merge_together(
    run: ImportRun, params: dict[str, Any], waiting: list[tuple[int, int]], workers: int,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Merge with a few connections; each takes the next chunk when it is done with one.

    A chunk leaves its mark (``ImportPart``), so it does not matter which are done when somebody
    pauses or the process is killed; below ``merged_line`` none is missing.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        ahead = [pool.submit(_merge_apart, run, params, *part) for part in waiting[:workers]]
        try:
            for at, (_low, high) in enumerate(waiting):
                ahead[at].result()
                if at + workers < len(waiting):
                    ahead.append(pool.submit(_merge_apart, run, params, *waiting[at + workers]))
                _came_to(run, high, progress)
        finally:
            for future in ahead:
                future.cancel()


def _came_to(run: ImportRun, line: int, progress: Progress | None) -> None:
    run.merged_line = line
    with transaction.atomic():
        save(run)
    if progress:
        progress(run)
    heed(run)


class Early:
    """Merges whole chunks while the rest of the file is still being read.

    Only of a file that was looked over to its end before: whatever stops it now, a pause or a
    crash, it can go on from the marks that chunks leave.
    """

    def __init__(self, run: ImportRun) -> None:
        self.run = run
        with transaction.atomic():
            self.params = params_of(run)
            done = ImportPart.objects.filter(run=run).values_list("low", flat=True)
            self.done = set(done)
        self.next = 0
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.futures: list[Future[None]] = []

    def upto(self, line: int) -> None:
        """All lines up to this one are staged."""
        while self.next + CHUNK <= line:
            low, self.next = self.next, self.next + CHUNK
            if low not in self.done:
                args = (self.run, self.params, low, self.next)
                self.futures.append(self.pool.submit(_merge_apart, *args))
        while self.futures and self.futures[0].done():
            self.futures.pop(0).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.pool.shutdown(cancel_futures=True)
        if kind is None:
            for future in self.futures:
                if not future.cancelled():
                    future.result()


MERGES = {
    ImportKind.VISITS: merge_facts.merge_visits,
    ImportKind.FACTS: merge_facts.merge_facts,
    ImportKind.ROLES: merge_facts.merge_roles,
}


def _left_to_follow(run: ImportRun) -> Any:
    return RegisterChange.objects.filter(run=run, undo=False, pk__gt=run.indexed_to)


def _follow_some(run: ImportRun) -> bool:
    """Tell of the next changes of the run; False when none is left. In the caller's transaction."""
    some = _left_to_follow(run).order_by("pk").values_list("pk", "site_id", "company_id")
    part = list(some[:CHUNK])
    if part:
        tell(
            sites=sorted({site for _pk, site, _company in part if site}),
            companies=sorted({company for _pk, _site, company in part if company}),
        )
        run.indexed_to = part[-1][0]
    return bool(part)


def follow_left(limit: int = 20) -> int:
    """Follow what cancelled and failed runs had stored before they ended; returns how many runs."""
    since = timezone.now() - dt.timedelta(days=2)
    ended = [ImportState.CANCELLED, ImportState.FAILED]
    with transaction.atomic(), as_system(WHY):
        runs = list(
            ImportRun.objects.filter(state__in=ended, finished_at__gte=since).order_by("-pk")[
                :limit
            ]
        )
    count = 0
    for run in runs:
        with transaction.atomic(), as_system(WHY):
            while _follow_some(run):
                ImportRun.objects.filter(pk=run.pk).update(indexed_to=run.indexed_to)
                count += 1
    return count


def follow_changes(run: ImportRun, progress: Progress | None) -> None:
    """Let the search and whatever else depends on the register follow what the run has changed.

    After the storing and not in its transactions: it takes longer than the storing itself.
    """
    with transaction.atomic():
        show_changes(run, ImportPhase.INDEX)
    while True:
        with transaction.atomic():
            if not _follow_some(run):
                return
            save(run)
        if progress:
            progress(run)
        heed(run)


def _merge_apart(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    """``_merge_lines`` in a thread: it starts without a context and leaves no connection."""
    try:
        with as_system(WHY):
            merge_lines(run, params, low, high)
    finally:
        connection.close()


def merge_lines(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    """Merge the lines above ``low`` up to ``high``; halved when the database refuses one."""
    try:
        _past_deadlocks(lambda: _merge_once(run, params, low, high))
    except (DataError, IntegrityError):
        if high - low > 1:
            middle = (low + high) // 2
            merge_lines(run, params, low, middle)
            merge_lines(run, params, middle, high)
            return
        logger.exception("import %s: line %s could not be stored", run.pk, high)
        with transaction.atomic():
            ImportRefusal.objects.create(run=run, line=high, code="unexpected")
            _count(run, low, high, merge.Merged(), refused=1)


@transaction.atomic
def _merge_once(run: ImportRun, params: dict[str, Any], low: int, high: int) -> None:
    lines = params | {"low": low, "high": high, "now": timezone.now()}
    refused = ImportRefusal.objects.filter(run=run, line__gt=low, line__lte=high)
    known = refused.count()
    if run.kind == ImportKind.SITES:
        with merge_private.left_out(lines):
            merged = _merge_register(lines)
            merge_facts.merge_of_sites(lines)
            merge_links.merge_links(lines)
    else:
        merged = MERGES[ImportKind(run.kind)](lines)
    merge_moves.note_moves(run.kind, lines)
    with connection.cursor() as cursor:
        # References are checked now and not while the run's row is locked by the count below.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _count(run, low, high, merged, refused.count() - known)


def _count(run: ImportRun, low: int, high: int, merged: merge.Merged, refused: int) -> None:
    """Add to the run's counts and note the chunk, unless another process has taken the run up."""
    ImportPart.objects.create(run=run, low=low, high=high)
    add(
        run, created_count=merged.created, updated_count=merged.updated,
        unchanged_count=merged.unchanged, refused_count=refused,
    )  # fmt: skip


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
