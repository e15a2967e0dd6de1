"""Celery jobs of risk: scores."""

from celery import shared_task

from audit.errors import Conflict
from risk.services import changes, scoring


@shared_task
def run_scoring() -> None:
    """Score all sites, unless a run is at work."""
    try:
        scoring.run_scoring()
    except Conflict:
        return


@shared_task
def sweep_scoring() -> None:
    """Go on with a run whose worker died, score what changed, begin the day's run, drop old rows."""
    scoring.take_up()
    changes.sweep()
    if scoring.due():
        run_scoring.delay()
    scoring.drop_old()
