"""From what was learned of sites and companies to scores made anew, within a minute."""

from collections.abc import Sequence
from functools import partial

from django.conf import settings
from django.db import connection, transaction

from audit.context import as_system
from audit.errors import Conflict
from risk.models import ModelVersion, Refreshed, RunState, ScoringRun, Touched
from risk.services import nearby, scoring
from targets.services.imports.changed import when_changed

WHY = "what changed is scored anew, whoever learned it"
BATCH = 2_000
FEW = 100  # of a small register so many go site by site all the same


@when_changed
def register_changed(sites: Sequence[int], companies: Sequence[int]) -> None:
    """Rows of the register were made or changed, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO risk_touched (site_id, company_id, at)"
            " SELECT unnest(%s::bigint[]), NULL, now() UNION ALL"
            " SELECT NULL, unnest(%s::bigint[]), now()",
            [list(sites), list(companies)],
        )


def sweep() -> int:
    """Score anew what was touched; returns the number of sites. Safe at any time and twice.

    While a run is at work the rows stay, because that run may have looked before the change.
    """
    with transaction.atomic(), as_system(WHY):
        run = ScoringRun.objects.shown()
        if run is None:
            _forget_before_first()
            return 0
        busy = ScoringRun.objects.filter(state=RunState.RUNNING).exists()
        many = _too_many(run)
    if many:
        return 0 if busy else _everything()
    total = 0
    low = 0
    while True:
        count, low = _some(low, keep=busy)
        total += count
        if not low:
            return total


def _too_many(run: ScoringRun) -> bool:
    """Whether a whole run is due: too much to go site by site, or too many scored anew since.

    A site scored anew takes the rank of its place among those of the run; where more than a
    twentieth of them have moved, ranks no longer tell them apart.
    """
    most = settings.RISK_REFRESH_MOST
    if Touched.objects.order_by("pk")[: most + 1].count() > most:
        return True
    touched = (
        Touched.objects.order_by("site_id", "company_id").values("site_id", "company_id").distinct()
    )
    share = max(FEW, run.sites // 20)
    waiting = touched[: share + 1].count()
    return waiting > 0 and waiting + Refreshed.objects.filter(run=run).count() > share


def _forget_before_first() -> None:
    """Nothing has been scored yet, and none is being: the first run looks at everything anyway."""
    if not ScoringRun.objects.filter(state=RunState.RUNNING).exists():
        Touched.objects.all().delete()


def _some(low: int, *, keep: bool) -> tuple[int, int]:
    """Score the sites of the next touched rows after ``low``; returns how many, and the last row."""
    with transaction.atomic(), as_system(WHY):
        rows = list(
            Touched.objects.select_for_update(skip_locked=True).filter(pk__gt=low)
            .order_by("pk")[:BATCH]
        )  # fmt: skip
        if not rows:
            return 0, 0
        told = {r.site_id for r in rows if r.site_id}
        # With those that became part of another: they lose their rows.
        sites = sorted(told.union(sites_of(told, {r.company_id for r in rows if r.company_id})))
        count = scoring.refresh(sites, partial(_others, rows, sites))
        if not keep:
            Touched.objects.filter(pk__in=[r.pk for r in rows]).delete()
        return count, rows[-1].pk


def _others(
    rows: Sequence[Touched], sites: Sequence[int], run: ScoringRun,
    versions: Sequence[ModelVersion],
) -> list[int]:  # fmt: skip
    """Sites nearby that are scored anew too; for too many of them a whole run is asked for."""
    found = nearby.reached(run, versions, rows, sites, settings.RISK_REFRESH_NEAR)
    if found is None:
        ScoringRun.objects.filter(pk=run.pk).update(overtaken=True)
    return found or []


def _everything() -> int:
    """Too much has changed to go site by site: a whole run, for which the rows so far are done."""
    with transaction.atomic(), as_system(WHY):
        last = Touched.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    try:
        run = scoring.run_scoring()
    except Conflict:
        return 0  # begun by another process meanwhile; the rows are still there
    if run.state != RunState.DONE:
        return 0
    with transaction.atomic(), as_system(WHY):
        Touched.objects.filter(pk__lte=last, at__lte=run.known_at).delete()
    return run.sites


def sites_of(sites: set[int], companies: set[int]) -> list[int]:
    """These sites and those of these companies, without rows found to be others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT coalesce(s.merged_into_id, s.id) FROM targets_site s"
            " WHERE s.id = ANY (%s::bigint[]) OR s.company_id = ANY (%s::bigint[]) ORDER BY 1",
            [sorted(sites), sorted(companies)],
        )
        return [row[0] for row in cursor.fetchall()]
