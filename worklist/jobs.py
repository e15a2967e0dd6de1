"""Celery jobs of the work list."""

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from worklist.services.reminders import sweep

LAST_SWEEP = "last-sweep"


@shared_task
def sweep_reminders() -> int:
    """Frequent sweep over reminders that are due; safe to run twice at once."""
    sent = sweep()
    cache.set(LAST_SWEEP, timezone.now().timestamp(), None)
    return sent
