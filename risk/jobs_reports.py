"""Celery jobs of tests of models."""

from celery import shared_task

from risk.services import proposals, reports


@shared_task
def run_report(report_id: int) -> None:
    """Do a backtest or an audit, unless another worker is at it or it is done."""
    report = reports.claim(report_id)
    if report is not None:
        reports.perform(report)


@shared_task
def sweep_reports() -> None:
    """Take up reports whose message was lost or whose worker died."""
    for pk in reports.waiting():
        run_report.delay(pk)


@shared_task
def sweep_proposals() -> None:
    """Train anew, as drafts, what has fallen behind; look at drift; tell of what was tested."""
    proposals.sweep()
