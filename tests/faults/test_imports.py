"""An import whose worker is killed in the middle is taken up again and ends whole."""

import datetime as dt
from pathlib import Path

import pytest
from django.utils import timezone

from config.celery import app
from config.services import Redis
from targets.models import ImportRun, ImportState, Site
from targets.services.imports.run import STALE_SECONDS, new_run
from targets.services.mappings import load_mappings
from tests.factories import make_authority
from tests.faults.conftest import Processes, wait_until

pytestmark = pytest.mark.faults
ROWS = 20_000


def send(broker: Redis, name: str, *arguments: int) -> None:
    with app.connection_for_write(url=broker.url) as connection:
        app.send_task(name, args=arguments, connection=connection)


def test_killed_worker_leaves_a_run_that_another_ends(
    processes: Processes, broker: Redis, tmp_path: Path
) -> None:
    load_mappings()
    folder = tmp_path / "files" / "imports"
    folder.mkdir(parents=True)
    rows = (f"{n};Place {n}\n" for n in range(ROWS))
    (folder / "list.csv").write_text("id;name\n" + "".join(rows), encoding="utf-8")
    run = new_run(
        kind="sites", format="csv-sites", file_name="list.csv", authority=make_authority("OSH"),
        stored_as="imports/list.csv",
    )  # fmt: skip
    first = processes.worker()
    send(broker, "targets.jobs.run_import", run.pk)

    def under_way() -> bool:
        run.refresh_from_db()
        return run.rows_read > 0

    wait_until(under_way, what="the import is under way")
    processes.kill(first)
    run.refresh_from_db()
    stored = Site.objects.count()
    assert run.state == ImportState.RUNNING
    assert 0 < stored < ROWS

    second = processes.worker()
    send(broker, "targets.jobs.sweep_imports")
    send(broker, "targets.jobs.run_import", run.pk)  # too early: the claim is still fresh
    ImportRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=STALE_SECONDS + 1)
    )
    send(broker, "targets.jobs.sweep_imports")
    send(broker, "targets.jobs.sweep_imports")

    def ended() -> bool:
        run.refresh_from_db()
        return run.state != ImportState.RUNNING

    wait_until(ended, 60, "the import has ended")
    assert run.state == ImportState.DONE, processes.logs()
    assert Site.objects.count() == ROWS
    assert run.rows_read == run.rows_total == ROWS
    assert run.created_count + run.unchanged_count == ROWS
    assert run.unchanged_count >= stored
    processes.kill(second)
