"""Long exports: seen to be alive while they are written, taken over when they are not, one file."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from audit.models import Event
from targets.lists import SiteList
from tests.factories import make_actor, make_site
from ui import jobs, list_exports, services
from ui.jobs import sweep_exports
from ui.models import ExportJob
from ui.services import make_export, remove_old_exports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def job(monkeypatch) -> ExportJob:
    monkeypatch.setattr(list_exports, "BLOCK", 2)
    monkeypatch.setattr(services, "PULSE_SECONDS", 0)
    for number in range(8):
        make_site(name=f"S{number}")
    actor = make_actor("OSH", "analyst")
    return ExportJob.objects.create(
        list_key="sites", format="csv", language="en", membership=actor.membership
    )


def files(job: ExportJob) -> list[Path]:
    return list(Path(job.file.storage.location).glob(f"exports/**/{job.public_id}*"))


def between_blocks(monkeypatch, what: Callable[[int], Any]) -> None:
    """Have ``what`` done before each block that the test's own thread reads."""
    me, real, count = threading.get_ident(), SiteList.annotate_page, 0

    def slow(page, rows):
        nonlocal count
        if threading.get_ident() == me:
            count += 1
            what(count)
        real(page, rows)

    monkeypatch.setattr(SiteList, "annotate_page", slow)


def elsewhere(work: Callable[[], Any]) -> Any:
    """What another process would see or do: a connection of its own."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def lose(job: ExportJob) -> None:
    """As if nothing had been heard of the worker for long."""
    long_ago = timezone.now() - dt.timedelta(seconds=services.STALE_SECONDS + 60)
    ExportJob.objects.filter(pk=job.pk).update(heartbeat_at=long_ago, state="running")


def test_a_slow_export_is_heard_of_while_it_is_written(job, monkeypatch):
    monkeypatch.setattr(services, "STALE_SECONDS", 1)
    monkeypatch.setattr(jobs, "STALE_SECONDS", 1)
    heard = []

    def wait(block: int) -> None:
        time.sleep(0.6)
        elsewhere(sweep_exports)  # would take up what has not been heard of for a second
        heard.append(elsewhere(lambda: ExportJob.objects.get(pk=job.pk).heartbeat_at))

    between_blocks(monkeypatch, wait)
    assert make_export(job.pk) is True
    job.refresh_from_db()
    assert (job.state, job.rows, job.claim) == ("done", 8, 1)
    assert len(set(heard)) == 4  # it goes on, block by block
    assert [path.name for path in files(job)] == [f"{job.public_id}.csv"]
    assert Event.objects.filter(verb="list.exported").count() == 1


def test_a_lost_export_that_comes_back_gives_way_and_leaves_one_file(job, monkeypatch):
    def freeze(block: int) -> None:
        if block == 2:
            elsewhere(lambda: lose(job))
            elsewhere(sweep_exports)

    between_blocks(monkeypatch, freeze)
    assert make_export(job.pk) is False
    job.refresh_from_db()
    assert (job.state, job.rows, job.claim) == ("done", 8, 2)
    assert len(files(job)) == 1
    assert Path(job.file.path) == files(job)[0]
    assert Event.objects.filter(verb="list.exported").count() == 1


def test_one_that_was_overtaken_at_its_last_row_finishes_nothing(job, monkeypatch):
    real = services._finish

    def late(mine, *rest):
        if mine.claim == 1:
            elsewhere(lambda: lose(job))
            elsewhere(sweep_exports)
        real(mine, *rest)

    monkeypatch.setattr(services, "_finish", late)
    assert make_export(job.pk) is False
    assert len(files(job)) == 1
    assert Event.objects.filter(verb="list.exported").count() == 1


def test_the_file_of_a_worker_that_died_before_it_could_say_so_is_replaced(job):
    name = services._file_name(job)
    left = job.file.storage.save(job.file.field.generate_filename(job, name), ContentFile(b"old"))
    lose(job)
    sweep_exports()
    job.refresh_from_db()
    assert job.file.name == left
    assert len(files(job)) == 1
    assert b"S7" in job.file.read()


def test_what_an_export_left_goes_with_it_after_a_week(job, monkeypatch):
    def stop(block: int) -> None:
        raise RuntimeError

    between_blocks(monkeypatch, stop)
    with pytest.raises(RuntimeError):
        make_export(job.pk)
    job.refresh_from_db()
    assert (job.state, files(job)) == ("failed", [])
    ExportJob.objects.update(created_at=timezone.now() - dt.timedelta(days=8))
    job.refresh_from_db()
    name = services._file_name(job)
    job.file.storage.save(job.file.field.generate_filename(job, name), ContentFile(b"old"))
    assert len(files(job)) == 1
    assert remove_old_exports() == 1
    assert files(job) == []
