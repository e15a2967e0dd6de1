"""Celery jobs of phase 1."""

from celery import shared_task
from django.conf import settings
from django.db.models import Count, F, Q

from audit.context import as_system
from planning.documents import make_records
from planning.minutes import make_minutes
from planning.models import Meeting, Operation
from planning.services import availability, holds, overlaps


@shared_task
def make_decision_records(operation_id: int) -> None:
    """Typeset the decision record; asked twice, the second time does nothing."""
    make_records(Operation.objects.get(pk=operation_id))


@shared_task
def make_minutes_documents(meeting_id: int) -> None:
    """Typeset the minutes; asked twice, the second time does nothing."""
    with as_system("a job that everybody's minutes come from"):
        meeting = Meeting.objects.get(pk=meeting_id)
    make_minutes(meeting)


@shared_task
def sweep_decision_records() -> None:
    """Make records and minutes whose job was lost: decided operations, closed meetings."""
    for meeting in _without_minutes():
        make_minutes(meeting)
    lacking = (
        Operation.objects.filter(state__in=["scheduled", "executing", "feedback", "closed"])
        .annotate(made=Count("decision_records", filter=Q(decision_records__round=F("round"))))
        .filter(made__lt=len(settings.LANGUAGES))
        .order_by("pk")
    )
    for operation in lacking[:20]:
        make_records(operation)


@shared_task
def sweep_availability() -> None:
    """Decide what is due, ask the owners of holds, find visits that meet; safe to run twice."""
    availability.sweep()
    holds.sweep_alerts()
    overlaps.find_overlaps()


def _without_minutes() -> list[Meeting]:
    with as_system("a sweep serves every operation"):
        return list(
            Meeting.objects.filter(state="closed")
            .annotate(made=Count("documents"))
            .filter(made__lt=len(settings.LANGUAGES))
            .order_by("pk")[:20]
        )
