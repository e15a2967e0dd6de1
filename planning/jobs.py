"""Celery jobs of phase 1."""

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from audit.context import as_system
from planning.documents import make_records
from planning.minutes import make_minutes
from planning.models import DayPlan, Meeting, Operation
from planning.services import availability, holds, overlaps, routes, runs


@shared_task
def make_decision_records(operation_id: int) -> None:
    """Typeset the decision record; asked twice, the second time does nothing."""
    make_records(Operation.objects.get(pk=operation_id))


@shared_task
def make_minutes_documents(meeting_id: int) -> None:
    """Typeset the minutes; asked twice, the second time does nothing."""
    make_minutes(meeting_id)


@shared_task
def sweep_decision_records() -> None:
    """Make records and minutes whose job was lost: decided operations, closed meetings."""
    for meeting_id in _without_minutes():
        make_minutes(meeting_id)
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


@shared_task
def run_solver(run_id: int) -> None:
    """Do a run of the solver, unless another worker is at it or it is done."""
    run = runs.claim(run_id)
    if run is not None:
        runs.perform(run)


@shared_task
def sweep_runs() -> None:
    """Take up runs whose message was lost or whose worker died."""
    for pk in runs.waiting():
        run_solver.delay(pk)


@shared_task
def carry_out_day_plan(plan_id: int) -> None:
    """Plan the days of a round; asked twice, each group of sites is planned once."""
    routes.carry_out(plan_id)


@shared_task
def sweep_day_plans() -> None:
    """Take up plans whose worker was lost."""
    stale = timezone.now() - routes.STALE
    waiting = Q(heartbeat_at__isnull=True, asked_at__lt=stale) | Q(heartbeat_at__lt=stale)
    rows = DayPlan.objects.filter(waiting, state__in=routes.RUNNING)
    for plan_id in list(rows.order_by("pk").values_list("pk", flat=True)[:20]):
        routes.carry_out(plan_id)


def _without_minutes() -> list[int]:
    # Outside a transaction a walled table shows nothing, whoever looks.
    with transaction.atomic(), as_system("a sweep serves every operation"):
        return list(
            Meeting.objects.filter(state="closed")
            .annotate(made=Count("documents"))
            .filter(made__lt=len(settings.LANGUAGES))
            .order_by("pk")
            .values_list("pk", flat=True)[:20]
        )
