"""Celery jobs of the work list."""

from celery import shared_task

from authorities.services import succession
from worklist.services.digests import sweep
from worklist.services.lookups import review_lookups


@shared_task
def sweep_reminders() -> int:
    """Frequent sweep over reminders that are due; safe to run in several processes at once."""
    return sweep()


@shared_task
def review_access() -> None:
    """Tell supervisors of unusual look-ups; safe to run at any time and twice."""
    review_lookups()


@shared_task
def carry_out_successions() -> None:
    """Move what passes to another authority, from the midnight of its day on."""
    succession.sweep()
