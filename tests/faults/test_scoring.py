"""A scoring run whose process is killed in the middle of a model is taken up and ends whole."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.context import as_system
from risk.models import RunPart, RunState, Score, ScoringRun, Worth
from risk.services import scoring
from tests.factories import make_past_visit, make_site
from tests.faults.conftest import Processes, wait_until
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.faults


def test_a_killed_run_is_ended_by_another_process_with_every_row_once(
    processes: Processes,
) -> None:
    sites = [make_site() for _ in range(7)]
    make_past_visit(sites[0], shared=True)
    make_model([make_indicator("register", {"measure": "company_age"})])
    make_model([make_indicator("visits", {"measure": "count", "within_days": 999})])

    def run() -> ScoringRun:
        return ScoringRun.objects.get()

    with transaction.atomic(), connection.cursor() as cursor:
        # The second model waits for the visits, with one of its two parts begun in each connection.
        cursor.execute("LOCK TABLE targets_pastvisit IN ACCESS EXCLUSIVE MODE")
        process = processes.start("manage.py", "score", "--verbosity", "0")
        wait_until(
            lambda: ScoringRun.objects.filter(done_steps=2).exists(), 60, "the second model waits"
        )
        assert RunPart.objects.count() == 2
        processes.kill(process)
        ended = threading.Event()

        def too_early() -> None:
            """A sweep now: the run's heart has beaten a moment ago."""
            with as_system("a test"):
                assert scoring.take_up() == 0
            connection.close()
            ended.set()

        thread = threading.Thread(target=too_early)
        thread.start()
        thread.join()
        assert ended.is_set()
    ScoringRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(minutes=5))

    def done() -> bool:
        # What the dead process's sessions still hold goes when they notice; until then nothing.
        scoring.take_up()
        return run().state == RunState.DONE

    wait_until(done, 60, "the run has ended")
    assert run().current
    assert Score.objects.count() == 14
    assert Worth.objects.count() == 7
    assert RunPart.objects.count() == 4
    assert Worth.objects.order_by("rank").values_list("site_id", flat=True)[0] == sites[0].pk
    assert processes.start("manage.py", "score", "--verbosity", "0").wait(60) == 0
    assert Score.objects.filter(run__current=True).count() == 14
