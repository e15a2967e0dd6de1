"""Celery jobs of the work list."""

from celery import shared_task

from worklist.services.digests import sweep


@shared_task
def sweep_reminders() -> int:
    """Frequent sweep over reminders that are due; safe to run in several processes at once."""
    return sweep()
