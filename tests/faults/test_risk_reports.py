"""A backtest whose worker is killed in the middle is taken up again and ends with whole results."""

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from config.services import Redis
from risk.models import Report, ReportState
from risk.services import reports
from tests.factories import make_actor
from tests.faults.conftest import Processes, wait_until
from tests.faults.test_linkage import send
from tests.risk.govern.factories import drafted, published, results, test_now

pytestmark = pytest.mark.faults


def test_killed_worker_leaves_a_backtest_that_another_ends(
    processes: Processes, broker: Redis
) -> None:
    results(sites=60, rounds=12)
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst), kind="ebm")
    with transaction.atomic():
        report = reports.new_report(actor=analyst, version=version, kind="backtest", window_days=60)
    first = processes.worker()
    send(broker, "risk.jobs_reports.run_report", report.pk)

    def under_way() -> bool:
        report.refresh_from_db()
        return report.done_steps > 3

    wait_until(under_way, 120, what="the backtest is under way")
    processes.kill(first)
    report.refresh_from_db()
    version.refresh_from_db()
    assert (report.state, report.results, version.state) == (ReportState.RUNNING, {}, "draft")
    assert report.kept.filter(key="fitted").exists()
    fitted = version.content_hash

    second = processes.worker()
    send(broker, "risk.jobs_reports.run_report", report.pk)  # too early: the claim is still fresh
    Report.objects.filter(pk=report.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=reports.STALE_SECONDS + 1)
    )
    for _ in range(2):
        send(broker, "risk.jobs_reports.sweep_reports")

    def ended() -> bool:
        report.refresh_from_db()
        return report.state not in (ReportState.WAITING, ReportState.RUNNING)

    wait_until(ended, 180, "the backtest has ended")
    processes.kill(second)
    version.refresh_from_db()
    assert (report.state, report.attempts, version.state) == (ReportState.DONE, 2, "tested"), (
        processes.logs()
    )
    assert version.content_hash == fitted == report.content_hash
    again = test_now(analyst, version, "backtest", window_days=60)
    assert again.whole.results == report.whole.results
