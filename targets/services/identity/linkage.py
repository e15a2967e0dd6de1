"""One comparison of the register with itself, from reading to proposed pairs, as a job.

Stopped at any moment it goes on from the part it had come to; nothing doubles. What people have
decided is never touched: a pair found different is not proposed again.
"""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.claims import TakenOver, keep, take
from audit.context import NOBODY, service, using
from audit.errors import Conflict
from targets.models import Kind, LinkRun, LinkThreshold, RunPhase, RunState
from targets.models.identity import ANY_SOURCE
from targets.services.identity import backend, model, rows, successors
from targets.services.identity.merging import may_decide

if TYPE_CHECKING:
    from authorities.actors import Actor

logger = logging.getLogger(__name__)
# Where no row of LinkThreshold says otherwise; from the table in docs/identity.md.
PROPOSE_AT, JOIN_AT = 0.8, 0.999
ROWS_A_CHUNK = 25_000
BATCH = 2_000
# Learning from a million rows is one step of minutes; shorter than that nobody is taken for dead.
STALE_SECONDS = 900
MAX_ATTEMPTS = 5
AGAIN_AFTER = dt.timedelta(hours=24)

Progress = Callable[[LinkRun], None]


@service
def start_run(*, actor: "Actor | None", kind: str, full: bool = True) -> LinkRun:
    """Queue a comparison of all sites or companies, or of what changed since the last one."""
    from targets.jobs import link_register

    if actor is not None:
        may_decide(actor)
    run = new_run(kind=kind, full=full, started_by=actor.user if actor else None)
    transaction.on_commit(lambda: link_register.delay(run.pk))
    return run


def new_run(*, kind: str, full: bool, started_by: Any = None) -> LinkRun:
    """The row of a run. What has never been compared is compared in full; Conflict when one runs."""
    before = last_done(kind)
    try:
        with transaction.atomic():
            return LinkRun.objects.create(
                kind=kind, full=full or before is None, started_by=started_by,
                since=None if full or before is None else before.until,
            )  # fmt: skip
    except IntegrityError:
        raise Conflict(_("The register is being compared now.")) from None


def last_done(kind: str) -> LinkRun | None:
    return LinkRun.objects.filter(kind=kind, state=RunState.DONE).order_by("-until").first()


def claim(run_id: int) -> LinkRun | None:
    """Take a waiting or abandoned run; None when another process is at it or it has ended."""
    taken = take(
        LinkRun, run_id, waiting=RunState.QUEUED, running=RunState.RUNNING,
        seconds=STALE_SECONDS, rows_read=0, phase=RunPhase.READ, until=Coalesce("until", Now()),
    )  # fmt: skip
    return LinkRun.objects.get(pk=run_id) if taken else None


def perform(run: LinkRun, progress: Progress | None = None) -> LinkRun:
    """Compare to the end; the run is marked done or failed."""
    try:
        with using(NOBODY):  # nothing that belongs to anybody can be read, whatever is asked
            _compare(run, progress or (lambda run: None))
    except TakenOver:
        logger.warning("comparison %s was taken up by another process", run.pk)
        run.refresh_from_db()
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweep takes the run up again
    except ImproperlyConfigured as problem:
        _finish(run, RunState.FAILED, str(problem))
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("comparison %s stopped, number %s", run.pk, number)
        _finish(run, RunState.FAILED, f"Unexpected error, number {number} in the log.")
    return run


def _save(run: LinkRun, **values: Any) -> None:
    """Write how far the run has come; TakenOver when it is no longer this process's."""
    keep(run, RunState.RUNNING, **values)


def _finish(run: LinkRun, state: str, message: str) -> None:
    try:
        _save(run, state=state, message=message, finished_at=timezone.now())
    except TakenOver:
        run.refresh_from_db()


def _compare(run: LinkRun, progress: Progress) -> None:
    if run.attempts > MAX_ATTEMPTS:
        raise RuntimeError("taken up too often; it seems to end its worker")
    engine = backend.Engine()
    try:
        _read(run, engine, progress)
        if not run.model:
            _save(run, phase=RunPhase.TRAIN)
            progress(run)
            _save(run, model=_weights(run, engine))
        if run.chunks_total is None:
            _save(run, chunks_total=1 + run.rows_read // ROWS_A_CHUNK)
        _save(run, phase=RunPhase.COMPARE)
        comparer = model.Comparer(run.kind, engine, run.model)
        limits = Thresholds(run.kind)
        assert run.chunks_total is not None  # now or when it was begun
        while run.chunks_done < run.chunks_total:
            found = comparer.chunk(run.chunks_done + 1, run.chunks_total, limits.lowest)
            with transaction.atomic():
                store(run, limits.worth(found))
                _save(
                    run, chunks_done=run.chunks_done + 1, pairs_found=run.pairs_found,
                    pairs_new=run.pairs_new,
                )  # fmt: skip
            progress(run)
    finally:
        engine.close()
    with transaction.atomic():
        forget_unfounded(run)
        _save(run, phase=RunPhase.SUCCESSORS)
    if run.kind == Kind.COMPANY:
        successors.find()
    _finish(run, RunState.DONE, "")
    progress(run)


def _read(run: LinkRun, engine: backend.Engine, progress: Progress) -> None:
    for batch in rows.read(run.kind, run.since):
        engine.add(rows.comparable(batch))
        _save(run, rows_read=run.rows_read + len(batch))
        progress(run)


def _weights(run: LinkRun, engine: backend.Engine) -> dict[str, Any]:
    """Those of the last full comparison where only what changed is compared, else learnt anew."""
    before = last_done(run.kind)
    if not run.full and before is not None and before.model:
        weights: dict[str, Any] = before.model
        return weights
    return model.trained(run.kind, engine, run.rows_read)


class Thresholds:
    """From where pairs of two sources are proposed and strong; the most exact row counts."""

    def __init__(self, kind: str) -> None:
        self._rows = {
            (row.source_a, row.source_b): (row.propose_at, row.join_at)
            for row in LinkThreshold.objects.filter(kind=kind)
        }
        default = self._rows.setdefault((ANY_SOURCE, ANY_SOURCE), (PROPOSE_AT, JOIN_AT))
        self.lowest = min([default[0], *(propose for propose, _join in self._rows.values())])

    def of(self, one: str, other: str) -> tuple[float, float]:
        """(propose at, join at) of two sources, in whichever order."""
        exact = (min(one, other), max(one, other))
        sides = [(ANY_SOURCE, source) for source in exact]
        keys = [exact, *((min(side), max(side)) for side in sides), (ANY_SOURCE, ANY_SOURCE)]
        return next(self._rows[key] for key in keys if key in self._rows)

    def worth(self, found: Iterable[model.Found]) -> list[tuple[model.Found, bool]]:
        """Pairs to be proposed, each with whether it is strong; of several for one pair the best."""
        best: dict[tuple[int, int], tuple[model.Found, bool]] = {}
        for pair in found:
            propose_at, join_at = self.of(pair.source_a, pair.source_b)
            if pair.probability < propose_at:
                continue
            key = (pair.part_a, pair.part_b)
            if key not in best or best[key][0].probability < pair.probability:
                best[key] = (pair, pair.probability >= join_at)
        return list(best.values())


STORE = """
    INSERT INTO targets_matchpair AS p (public_id, {kind}_a_id, {kind}_b_id, probability, strong,
                                        evidence, state, reason, run_id, created_at)
    SELECT gen_random_uuid(), r.part_a, r.part_b, r.probability, r.strong, r.evidence::jsonb,
           'proposed', '', %(run)s, now()
      FROM unnest(%(part_a)s::bigint[], %(part_b)s::bigint[], %(a)s::bigint[], %(b)s::bigint[],
                  %(probability)s::float[], %(strong)s::bool[], %(evidence)s::text[])
           AS r(part_a, part_b, a, b, probability, strong, evidence)
      JOIN targets_{kind} one ON one.id = r.part_a
      JOIN targets_{kind} other ON other.id = r.part_b
     -- What was found different stays so, also when a row has become part of another since.
     WHERE NOT EXISTS (SELECT 1 FROM targets_matchpair d WHERE d.state = 'different'
               AND d.{kind}_a_id = least(r.a, r.b) AND d.{kind}_b_id = greatest(r.a, r.b))
        ON CONFLICT ({kind}_a_id, {kind}_b_id) DO UPDATE
       SET probability = excluded.probability, strong = excluded.strong,
           evidence = excluded.evidence, run_id = excluded.run_id
     WHERE p.state = 'proposed' AND (p.run_id IS DISTINCT FROM excluded.run_id
                                     OR p.probability < excluded.probability)
    RETURNING (xmax = 0)"""


def store(run: LinkRun, pairs: list[tuple[model.Found, bool]]) -> None:
    """Write pairs set-based, in the caller's transaction; counts those found and those new."""
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        with connection.cursor() as cursor:
            cursor.execute(
                STORE.format(kind=run.kind),
                {
                    "run": run.pk,
                    "part_a": [f.part_a for f, _strong in part],
                    "part_b": [f.part_b for f, _strong in part],
                    "a": [f.a for f, _strong in part],
                    "b": [f.b for f, _strong in part],
                    "probability": [f.probability for f, _strong in part],
                    "strong": [strong for _found, strong in part],
                    "evidence": [json.dumps(f.evidence) for f, _strong in part],
                },
            )
            new = [inserted for (inserted,) in cursor.fetchall()]
        run.pairs_found += len(new)
        run.pairs_new += sum(new)


def forget_unfounded(run: LinkRun) -> int:
    """Drop proposals that this run compared and did not find again; decisions stay."""
    kind = run.kind
    with connection.cursor() as cursor:
        cursor.execute(
            f"""DELETE FROM targets_matchpair p WHERE p.state = 'proposed'
                   AND p.{kind}_a_id IS NOT NULL AND p.run_id IS DISTINCT FROM %(run)s
                   AND (%(full)s OR EXISTS (SELECT 1 FROM targets_{kind} t
                        WHERE t.id IN (p.{kind}_a_id, p.{kind}_b_id)
                          AND t.updated_at >= %(since)s))""",  # noqa: S608
            {"run": run.pk, "full": run.full, "since": run.since},
        )
        return cursor.rowcount


def waiting() -> list[int]:
    """Runs whose message was lost or whose worker died."""
    now = timezone.now()
    stale = Q(state=RunState.RUNNING, heartbeat_at__lt=now - dt.timedelta(seconds=STALE_SECONDS))
    lost = Q(state=RunState.QUEUED, created_at__lt=now - dt.timedelta(seconds=60))
    return list(LinkRun.objects.filter(stale | lost).order_by("pk").values_list("pk", flat=True))


def due() -> list[str]:
    """Kinds that were compared before, but not within the last day, and are not being compared."""
    found = []
    for kind in Kind.values:
        before = last_done(kind)
        until = before.until if before else None
        active = LinkRun.objects.filter(kind=kind, state__in=[RunState.QUEUED, RunState.RUNNING])
        if until and until < timezone.now() - AGAIN_AFTER and not active.exists():
            found.append(kind)
    return found
