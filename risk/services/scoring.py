"""The scoring run: all active models over all sites, and the few sites of which something changed.

A run goes in steps, each one transaction that also says how far it has come. Whoever takes a step
holds a lock of the database that ends with its process, so a killed run is taken up where it was
and two processes never take the same step.
"""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.context import as_system
from audit.errors import Conflict
from audit.services import record
from risk.engine.asked import Asked, known_when
from risk.engine.points import Curve, Rule, score_sql
from risk.engine.values import values_sql
from risk.engine.worth import Reckoning, Worths, worth_sql
from risk.models import ModelState, ModelVersion, Refreshed, RunPart, RunState, ScoringRun

logger = logging.getLogger(__name__)
WHY = "scores are computed over all sites, each model with its owner's rows"
STALE_SECONDS = 60
LOCK, REFRESH_LOCK = 7_301, 7_302  # first keys of advisory locks, no other room uses them
BATCH = 5_000

Progress = Callable[[ScoringRun], None]
Others = Callable[[ScoringRun, Sequence[ModelVersion]], Sequence[int]]


def nobody(_run: ScoringRun, _versions: Sequence[ModelVersion]) -> Sequence[int]:
    """What was learned of some sites changes nothing of others."""
    return ()


def versions_on(day: dt.date) -> list[ModelVersion]:
    """The versions in use when a day ended (today: now), with models and indicators. Three queries."""
    known = known_when(day)
    if known is None:
        return _fetched(ModelVersion.objects.filter(state=ModelState.ACTIVE))
    return _fetched(
        ModelVersion.objects.filter(activated_at__lte=known).filter(
            Q(retired_at__isnull=True) | Q(retired_at__gt=known)
        )
    )


def _fetched(versions: Any) -> list[ModelVersion]:
    return list(
        versions.select_related("model")
        .prefetch_related("indicators__indicator__indicator")
        .order_by("pk")
    )


def versions_of(run: ScoringRun) -> list[ModelVersion]:
    return _fetched(ModelVersion.objects.filter(runs=run))


# ------------------------------------------------------------------------------- a run
def start_scoring(as_of: dt.date | None = None) -> ScoringRun:
    """The row of a run over the models in use. Conflict when one is at work.

    A past day is scored with what was known when it ended, by the versions and settings of then;
    Conflict when no model was in use.
    """
    today = timezone.localdate()
    day = as_of or today
    if day > today:
        raise Conflict(_("A day to come cannot be scored."))
    now, known = timezone.now(), known_when(day)
    try:
        with transaction.atomic(), as_system(WHY):
            versions = versions_on(day)
            if known is not None and not versions:
                raise Conflict(_("No model was in use on that day."))
            settled = None if known is None else _settled(known)
            reckoning = Reckoning.of(_joint(versions), settled)
            run = ScoringRun.objects.create(
                as_of=day, known_at=known or now, heartbeat_at=now, steps=len(versions) + 4,
                reckoning=reckoning.plain(),
            )  # fmt: skip
            run.versions.set(versions)
            return run
    except IntegrityError:
        raise Conflict(_("Scores are being computed now.")) from None


def _settled(known: dt.datetime) -> Reckoning | None:
    """By which settings the last run before a moment was reckoned; None where none was kept."""
    ordinary = ScoringRun.objects.filter(
        started_at__lt=known, started_at__date=F("as_of"),
        state__in=[RunState.DONE, RunState.DROPPED],
    )  # fmt: skip
    last = ordinary.order_by("-pk").first()
    return None if last is None else Reckoning.read(last.reckoning)


def run_scoring(as_of: dt.date | None = None, progress: Progress | None = None) -> ScoringRun:
    """Score all sites as of a day (default: today), to the end. Conflict when a run is at work."""
    return perform(start_scoring(as_of), progress)


def perform(run: ScoringRun, progress: Progress | None = None) -> ScoringRun:
    """Take a run's steps from where it is to its end; harmless while another process is at it."""
    try:
        while _advance(run.pk):
            if progress:
                with transaction.atomic(), as_system(WHY):
                    run.refresh_from_db()
                progress(run)
    except (OperationalError, InterfaceError):
        raise  # the database is away: the sweep takes the run up again
    except Exception:
        number = uuid.uuid4().hex[:8]
        logger.exception("scoring run %s stopped, number %s", run.pk, number)
        _fail(run.pk, f"Unexpected error, number {number} in the log.")
    with transaction.atomic(), as_system(WHY):
        run.refresh_from_db()
    return run


def _advance(run_id: int) -> bool:
    """Take the next step of a run; False when there is none or another process is taking it."""
    with transaction.atomic(), as_system(WHY):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, run_id])
            if not cursor.fetchone()[0]:
                return False
        run = ScoringRun.objects.get(pk=run_id)
        if run.state != RunState.RUNNING:
            return False
        _generous()
        _step(run)
        run.done_steps += 1
        run.heartbeat_at = timezone.now()
        run.save()
        return run.state == RunState.RUNNING


def _step(run: ScoringRun) -> None:
    """Open the partitions; one model after the other; close; the joint worth; show it."""
    count = run.steps - 4
    if run.done_steps == 0:
        _call("SELECT risk_open_run(%s)", [run.pk])
    elif run.done_steps <= count:
        _score(run, versions_of(run)[run.done_steps - 1])
    elif run.done_steps == count + 1:
        _call("SELECT risk_close_run(%s, 'risk_score')", [run.pk])
    elif run.done_steps == count + 2:
        _worth(run)
        _call("SELECT risk_close_run(%s, 'risk_worth')", [run.pk])
    else:
        _show(run)


def _call(sql: str, params: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _generous() -> None:
    """For statements over the whole register: room to sort and join, no limit of a page."""
    _call("SET LOCAL work_mem = '256MB'", None)
    _call("SET LOCAL statement_timeout = 0", None)
    _call("SET LOCAL jit = off", None)


def statement(version: ModelVersion, asked: Asked, run_id: int) -> tuple[str, dict[str, Any]]:
    """The rows of ``risk_score`` of one version: values, points, probability, in one statement."""
    uses = list(version.indicators.all())
    source, params = values_sql([use.indicator for use in uses], asked)
    params |= {
        "run": run_id, "version": version.pk, "authority": version.model.authority_id,
        "joint": version.model.joint,
    }  # fmt: skip
    rules = [Rule.of(use) for use in uses]
    return score_sql(rules, Curve.of(version), f"({source}) q", params), params


def _score(run: ScoringRun, version: ModelVersion) -> None:
    """One version over all sites, in a few parts at once.

    A part notes itself together with its rows, so what a killed process had stored is not stored
    twice; the number of parts of a version stays what it was when it was begun.
    """
    done = list(RunPart.objects.filter(run=run, version_id=version.pk))
    # Inside somebody's transaction (a test) only its own connection sees the rows.
    workers = 1 if len(connection.savepoint_ids) else settings.RISK_CONNECTIONS
    asked = Asked.everything(run.as_of, run.known_at).parts(done[0].parts if done else workers)
    left = [k for k in range(len(asked)) if k not in {row.part for row in done}]
    if workers == 1:
        for k in left:
            score_part(run, version, k, asked[k], len(asked))
    else:
        with ThreadPoolExecutor(max_workers=workers) as pool:
            jobs = [pool.submit(_part_apart, run, version, k, asked[k], len(asked)) for k in left]
            for job in jobs:
                job.result()
    rows = RunPart.objects.filter(run=run, version_id=version.pk).aggregate(n=Sum("rows"))["n"]
    run.sites = max(run.sites, rows or 0)


def _part_apart(
    run: ScoringRun, version: ModelVersion, part: int, asked: Asked, parts: int
) -> None:
    """``score_part`` in a thread: it starts without a context and leaves no connection."""
    try:
        with transaction.atomic(), as_system(WHY):
            score_part(run, version, part, asked, parts)
    except IntegrityError:
        # A process thought dead was storing this very part and has done so.
        logger.warning("part %s of version %s of run %s was stored", part, version.pk, run.pk)
    finally:
        connection.close()


def score_part(run: ScoringRun, version: ModelVersion, part: int, asked: Asked, parts: int) -> None:
    """Rows of one part of the sites, in the caller's transaction."""
    _generous()
    note = RunPart.objects.create(run=run, version_id=version.pk, part=part, parts=parts)
    sql, params = statement(version, asked, run.pk)
    note.rows = _call(f'INSERT INTO "risk_score_{run.pk:d}" {sql}', params)
    note.save(update_fields=["rows"])


def _joint(versions: Sequence[ModelVersion]) -> list[ModelVersion]:
    """Those whose numbers may move the joint list: joint models, and nothing sealed in them."""
    return [
        v for v in versions
        if v.model.joint
        and not any(use.indicator.visibility == "sealed" for use in v.indicators.all())
    ]  # fmt: skip


def used(run: ScoringRun, version_id: int, p: float, coverage: int) -> float:
    """The probability that counts for the rank: of an unknown site at least the usual one."""
    if coverage >= Reckoning.read(run.reckoning).least:
        return p
    return max(p, float(run.usual.get(str(version_id), 0.0)))


def _worth_params(run: ScoringRun, versions: Sequence[ModelVersion]) -> dict[str, Any]:
    reckoning = Reckoning.read(run.reckoning)
    joint = [weight.version for weight in reckoning.joint]
    counts = {v.pk: max(1, len(v.indicators.all())) for v in versions if v.pk in joint}
    return {
        "run": run.pk, "versions": joint, "least": reckoning.least,
        "usual": json.dumps(run.usual), "counts": json.dumps(counts),
    }  # fmt: skip


THESE = "run_id = %s AND site_id = ANY (%s::bigint[])"
OF_RUN = "s.run_id = %(run)s AND s.version_id = ANY (%(versions)s)"


USUAL = f"""SELECT version_id, coalesce(avg(p) FILTER (WHERE coverage >= %(least)s), avg(p))
      FROM risk_score s WHERE {OF_RUN} GROUP BY version_id"""


def _worth(run: ScoringRun) -> None:
    """What all joint models together say of each site, its rank and fifth."""
    worths, versions = Worths.of(Reckoning.read(run.reckoning)), versions_of(run)
    if not worths.versions:
        return
    with connection.cursor() as cursor:
        cursor.execute(USUAL, _worth_params(run, versions))
        run.usual = {str(version): float(p) for version, p in cursor.fetchall()}
    rows = worth_sql(worths, OF_RUN)
    _call(
        f"""INSERT INTO "risk_worth_{run.pk:d}" (run_id, site_id, value, rank, level, coverage)
        SELECT %(run)s, site_id, value, place, {LEVEL.format(rank="place", count="n")}, coverage
          FROM (SELECT w.*, rank() OVER (ORDER BY value DESC) AS place, count(*) OVER () AS n
                  FROM ({rows}) w) x""",
        _worth_params(run, versions),
    )


# The fifth of the list: 5 for the first; equal values share a rank and a level.
LEVEL = "(5 - (5 * ({rank} - 1) / greatest({count}, 1)))::smallint"


def _show(run: ScoringRun) -> None:
    """Make the run the one shown, in the moment it ends, unless a later day is shown already."""
    run.state, run.finished_at = RunState.DONE, timezone.now()
    shown = ScoringRun.objects.select_for_update().filter(current=True).first()
    if shown is None or shown.as_of <= run.as_of:
        ScoringRun.objects.filter(current=True).update(current=False)
        run.current = True
    record(
        actor=None, verb="scoring.done", subject=run,
        data={"as_of": run.as_of.isoformat(), "sites": run.sites},
    )  # fmt: skip


def _fail(run_id: int, message: str) -> None:
    with transaction.atomic(), as_system(WHY):
        ScoringRun.objects.filter(pk=run_id, state=RunState.RUNNING).update(
            state=RunState.FAILED, message=message, finished_at=timezone.now()
        )
        _call("SELECT risk_drop_run(%s)", [run_id])


def take_up() -> int:
    """Go on with a run whose process is gone; returns how many were taken up."""
    stale = timezone.now() - dt.timedelta(seconds=STALE_SECONDS)
    with transaction.atomic(), as_system(WHY):
        left = list(ScoringRun.objects.filter(state=RunState.RUNNING, heartbeat_at__lt=stale))
    for run in left:
        perform(run)
    return len(left)


def drop_old() -> int:
    """Remove the rows of runs that are no longer kept; the runs themselves stay as a record."""
    long_ago = timezone.now() - dt.timedelta(days=settings.RISK_RUNS_KEPT_DAYS)
    kept = Q(keep_until__gte=timezone.localdate())
    with transaction.atomic(), as_system(WHY):
        old = list(
            ScoringRun.objects.filter(state=RunState.DONE, current=False, finished_at__lt=long_ago)
            .exclude(kept)
            .order_by("pk")[:10]
        )
    dropped = 0
    for run in old:
        try:
            with transaction.atomic(), as_system(WHY):
                ScoringRun.objects.filter(pk=run.pk).update(state=RunState.DROPPED)
                Refreshed.objects.filter(run=run).delete()
                _call("SELECT risk_drop_run(%s)", [run.pk])
            dropped += 1
        except OperationalError:  # somebody is reading them: the next sweep tries again
            logger.info("rows of scoring run %s are in use", run.pk)
    return dropped


def due(now: dt.datetime | None = None) -> bool:
    """Whether a run is to begin: nothing of today is shown and the hour has come, or what is shown
    was overtaken and has rested."""
    local = timezone.localtime(now)
    if local.hour < settings.RISK_RUN_HOUR:
        return False
    rested = local - dt.timedelta(minutes=settings.RISK_RUN_REST_MINUTES)
    with transaction.atomic(), as_system(WHY):
        fresh = Q(overtaken=False) | Q(finished_at__gt=rested)
        busy = ScoringRun.objects.filter(
            Q(state=RunState.RUNNING) | Q(current=True, as_of=local.date()) & fresh
        )
        failed = ScoringRun.objects.filter(state=RunState.FAILED, as_of=local.date()).aggregate(
            n=Count("pk")
        )["n"]
        return (
            failed < 3
            and not busy.exists()
            and ModelVersion.objects.filter(state=ModelState.ACTIVE).exists()
        )


# ------------------------------------------------------------------------------- a few sites
def refresh(site_ids: Sequence[int], others: Others = nobody) -> int:
    """Score these sites anew in the run that is shown, with what is known now.

    ``others`` tells of that run and its versions which sites may have changed by what was learned
    of the first; of these only what did change is noted as made anew. Returns the number of sites.
    Ranks of all others stay as they are until the next run.
    """
    if not site_ids:
        return 0
    with transaction.atomic(), as_system(WHY):
        _generous()
        _call("SELECT pg_advisory_xact_lock(%s, 0)", [REFRESH_LOCK])
        run = ScoringRun.objects.shown()
        if run is None:
            return 0
        versions = versions_of(run)
        around = others(run, versions)
        for start in range(0, len(site_ids), BATCH):
            sites = list(site_ids[start : start + BATCH])
            _note(run, sites, _refresh(run, versions, sites))
        for start in range(0, len(around), BATCH):
            sites = list(around[start : start + BATCH])
            before = _scores(run, sites)
            now = _refresh(run, versions, sites)
            after = _scores(run, sites)
            _note(run, [pk for pk in sites if after.get(pk) != before.get(pk)], now)
        return len(site_ids) + len(around)


def _scores(run: ScoringRun, sites: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    """Every model's numbers by site."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT site_id, version_id, points, p, p_low, p_high, coverage, parts FROM risk_score"
            f" WHERE {THESE} ORDER BY version_id", [run.pk, sites],
        )  # fmt: skip
        for site, *row in cursor.fetchall():
            found.setdefault(site, []).append(tuple(map(str, row)))
    return found


def _refresh(run: ScoringRun, versions: Sequence[ModelVersion], sites: list[int]) -> dt.datetime:
    """New rows of these sites, as of the run's own day: what a day's decay does to a number would
    show which sites were touched. Returns the moment whose knowledge they hold."""
    now = timezone.now()
    asked = Asked.some(sites, run.as_of, now)
    _call(f"DELETE FROM risk_score WHERE {THESE}", [run.pk, sites])
    for version in versions:
        sql, params = statement(version, asked, run.pk)
        _call(f"INSERT INTO risk_score {sql}", params)
    if run.reckoning["joint"]:
        _refresh_worth(run, versions, sites)
    return now


def _note(run: ScoringRun, sites: list[int], known: dt.datetime) -> None:
    _call(
        "INSERT INTO risk_refreshed (run_id, site_id, as_of, known_at)"
        " SELECT %s, unnest(%s::bigint[]), %s, %s ON CONFLICT (run_id, site_id)"
        " DO UPDATE SET as_of = excluded.as_of, known_at = excluded.known_at",
        [run.pk, sites, run.as_of, known],
    )


def _refresh_worth(run: ScoringRun, versions: Sequence[ModelVersion], sites: list[int]) -> None:
    """The joint rows of these sites; where the worth is what it was, the rank stays too.

    A site is touched by whatever its owner learns, also by what no joint model reads: a rank that
    moved without a new number would tell everybody that something was learned.
    """
    worths = Worths.of(Reckoning.read(run.reckoning))
    rows = worth_sql(worths, f"{OF_RUN} AND s.site_id = ANY (%(sites)s::bigint[])")
    params = _worth_params(run, versions) | {"sites": sites, "count": run.sites}
    before = _numbers(f"SELECT site_id, value, coverage FROM risk_worth WHERE {THESE}",
                      [run.pk, sites])  # fmt: skip
    after = _numbers(rows, params)
    moved = [
        site for site in sites
        if before.get(site, (None,))[0] != after.get(site, (None,))[0]
    ]  # fmt: skip
    if moved:
        _call(f"DELETE FROM risk_worth WHERE {THESE}", [run.pk, moved])
        _call(f"{NEW_WORTH} {rows}) w) x", params | {"sites": moved})
    for site in set(sites) - set(moved):
        if before.get(site) != after.get(site):
            _call("UPDATE risk_worth SET coverage = %s WHERE run_id = %s AND site_id = %s",
                  [after[site][1], run.pk, site])  # fmt: skip


def _numbers(sql: str, params: Any) -> dict[int, tuple[float, int]]:
    """Worth and coverage by site."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return {site: (value, coverage) for site, value, coverage in cursor.fetchall()}


# A changed site takes the rank of the first that is not above it.
NEW_WORTH = f"""INSERT INTO risk_worth (run_id, site_id, value, rank, level, coverage)
    SELECT %(run)s, site_id, value, place, {LEVEL.format(rank="place", count="%(count)s")}, coverage
      FROM (SELECT w.*, least(%(count)s::int, coalesce((
              SELECT o.rank FROM risk_worth o WHERE o.run_id = %(run)s AND o.value <= w.value
               ORDER BY o.value DESC, o.rank LIMIT 1), %(count)s::int)) AS place FROM ("""
