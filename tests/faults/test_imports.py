"""An import whose worker is killed in the middle is taken up again and ends whole."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from config.celery import app
from config.services import Redis
from targets.models import (
    Company,
    Fact,
    ImportPhase,
    ImportRow,
    ImportRun,
    ImportState,
    Link,
    RegisterChange,
    SearchEntry,
    Site,
)
from targets.services.imports.life import STALE_SECONDS, claim, new_run
from targets.services.imports.progress import progress_of
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings
from tests.factories import make_authority, make_industry, make_municipality
from tests.faults.conftest import Processes, wait_until
from tests.targets.test_import_companies import HEAD, notice

pytestmark = pytest.mark.faults
ROWS = 100_000


def send(broker: Redis, name: str, *arguments: int) -> None:
    with app.connection_for_write(url=broker.url) as connection:
        app.send_task(name, args=arguments, connection=connection)


def taken_up(broker: Redis, run: ImportRun, seconds: float) -> None:
    """The run of a dead worker is found by the sweep and has ended after so many seconds."""
    ImportRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=STALE_SECONDS + 1)
    )
    send(broker, "targets.jobs.sweep_imports")
    send(broker, "targets.jobs.sweep_imports")

    def ended() -> bool:
        run.refresh_from_db()
        return run.state != ImportState.RUNNING

    wait_until(ended, seconds, "the run has ended")


def killed_once(
    true: Callable[[], Any], run: ImportRun, processes: Processes, broker: Redis, seconds: float
) -> None:
    """A worker begins the run and is killed in the middle, as soon as ``true()`` of it."""
    worker = processes.worker()
    send(broker, "targets.jobs.run_import", run.pk)

    def under_way() -> Any:
        run.refresh_from_db()
        return true()

    wait_until(under_way, seconds, "the run is under way")
    processes.kill(worker)
    run.refresh_from_db()
    assert run.state == ImportState.RUNNING, "too short to be killed in the middle"


def ended_by_another(
    run: ImportRun, processes: Processes, broker: Redis, seconds: float,
    state: str = ImportState.DONE,
) -> None:  # fmt: skip
    """A second worker takes the run up and brings it to its end."""
    processes.worker()
    taken_up(broker, run, seconds)
    assert run.state == state, processes.logs()


@pytest.mark.parametrize("phase", ["read", "merge", "index"])
def test_killed_worker_leaves_a_run_that_another_ends(
    processes: Processes, broker: Redis, tmp_path: Path, phase: str
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
    come = {"read": "staged_line", "merge": "created_count", "index": "indexed_to"}[phase]
    killed_once(lambda: getattr(run, come) > 0, run, processes, broker, 30)
    stored = Site.objects.count()
    if phase == "read":
        assert (run.phase, stored) == ("read", 0)
        assert 0 < run.rows_read < ROWS
    elif phase == "merge":
        assert 0 < stored < ROWS
    else:
        assert (run.phase, stored) == ("index", ROWS)
        assert 0 < SearchEntry.objects.count() < ROWS
    assert run.created_count == stored  # what was stored and what is told of it are one

    send(broker, "targets.jobs.sweep_imports")
    send(broker, "targets.jobs.run_import", run.pk)  # too early: the claim is still fresh
    ended_by_another(run, processes, broker, 120)
    assert Site.objects.count() == ROWS
    assert run.rows_read == run.rows_total == ROWS
    # Gone on with where it stood: every row is new once, and in the history once.
    assert (run.created_count, run.unchanged_count, run.refused_count) == (ROWS, 0, 0)
    assert RegisterChange.objects.filter(run=run).count() == ROWS
    assert SearchEntry.objects.count() == ROWS
    assert not ImportRow.objects.exists()


def test_a_killed_rehearsal_is_ended_by_another_and_counts_every_row_once(
    processes: Processes, broker: Redis, tmp_path: Path
) -> None:
    load_mappings()
    folder = tmp_path / "files" / "imports"
    folder.mkdir(parents=True)
    stored(folder, [f"Place {n}" for n in range(CHANGED)])
    rows = (f"{n};Other {n}\n" for n in range(CHANGED + ADDED))
    (folder / "list.csv").write_text("id;name\n" + "".join(rows), encoding="utf-8")
    run = new_run(
        kind="sites", format="csv-sites", file_name="list.csv", authority=make_authority("OSH"),
        stored_as="imports/list.csv", rehearse=True,
    )  # fmt: skip

    def compared() -> int:
        return int(run.preview.get("site", {}).get("changed", 0))

    killed_once(lambda: compared() > 0, run, processes, broker, 30)
    assert 0 < compared() < CHANGED, "too short to be killed in the middle"

    ended_by_another(run, processes, broker, 120, ImportState.READY)
    numbers = run.preview["site"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (ADDED, CHANGED, 0)
    assert not Site.objects.filter(name__startswith="Other").exists()


CHANGED, ADDED = 40_000, 20_000


def stored(folder: Path, names: list[str]) -> ImportRun:
    """An import of sites with these names, done."""
    file = folder / "list.csv"
    rows = (f"{n};{name}\n" for n, name in enumerate(names))
    file.write_text("id;name\n" + "".join(rows), encoding="utf-8")
    run = new_run(
        kind="sites", format="csv-sites", file_name="list.csv", authority=make_authority("OSH")
    )
    claimed = claim(run.pk)
    assert claimed is not None
    return perform(claimed, file)


def names_kept() -> list[tuple[int, str]]:
    rows = Site.objects.values_list("source_key", "name")
    return sorted((int(key), name) for key, name in rows)


@pytest.mark.parametrize("moment", ["the first part", "a part in the middle"])
def test_a_killed_undo_is_ended_by_another_and_takes_back_everything_once(
    processes: Processes, broker: Redis, tmp_path: Path, moment: str
) -> None:
    load_mappings()
    before = [f"Place {n}" for n in range(CHANGED)]
    stored(tmp_path, before)
    run = stored(tmp_path, [f"Wrong {n}" for n in range(CHANGED + ADDED)])
    assert (run.state, run.updated_count, run.created_count) == ("done", CHANGED, ADDED)
    ImportRun.objects.filter(pk=run.pk).update(
        state=ImportState.QUEUED, phase=ImportPhase.UNDO, finished_at=None
    )

    def under_way() -> bool:
        if moment == "the first part":
            return run.state == ImportState.RUNNING
        return run.undone_count > 0

    killed_once(under_way, run, processes, broker, 60)
    # What was taken back and what is told of it are one.
    back = sum(1 for n, name in names_kept() if n < CHANGED and name == before[n])
    gone = CHANGED + ADDED - Site.objects.count()
    assert run.undone_count == back + gone < CHANGED + ADDED

    ended_by_another(run, processes, broker, 180, ImportState.UNDONE)
    assert names_kept() == list(enumerate(before))
    assert (run.undone_count, run.kept_count) == (CHANGED + ADDED, 0)
    # Each change back stands in the history once; what was made and is gone has none.
    assert RegisterChange.objects.filter(run=run, undo=True).count() == CHANGED
    assert RegisterChange.objects.filter(run=run, undo=False).count() == CHANGED


def business_ids(number: int) -> list[str]:
    """So many business IDs with their check digits."""
    found = []
    at = 2_000_000
    while len(found) < number:
        at += 1
        digits = f"{at:07d}"
        rest = sum(int(d) * w for d, w in zip(digits, (7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
        if rest != 1:
            found.append(f"{digits}-{(11 - rest) % 11}")
    return found


NOTICES, CLIENTS, SENDERS = 20_000, 700, 300


def test_a_killed_import_of_places_companies_links_and_facts_ends_whole(
    processes: Processes, broker: Redis, tmp_path: Path
) -> None:
    load_mappings()
    make_municipality("837", "Tampere")
    make_industry("41")
    folder = tmp_path / "files" / "imports"
    folder.mkdir(parents=True)
    clients = business_ids(CLIENTS)
    rows = (
        notice(f"LT-{n}", name=f"Sender {n % SENDERS}", number="", client=clients[n % CLIENTS])
        for n in range(NOTICES)
    )
    (folder / "list.csv").write_text(HEAD + "".join(rows), encoding="utf-8")
    run = new_run(
        kind="sites", format="posted-workers", file_name="list.csv", shared=True,
        authority=make_authority("OSH"), stored_as="imports/list.csv",
    )  # fmt: skip
    killed_once(lambda: run.created_count > 0, run, processes, broker, 60)
    made = run.created_count
    assert 0 < made < NOTICES
    # Places, facts and links of a part are one, whatever was under way beside it.
    assert Site.objects.count() == Fact.objects.count() == made
    assert Link.objects.count() == 5 * made

    ended_by_another(run, processes, broker, 240)
    assert (run.created_count, run.unchanged_count, run.refused_count) == (NOTICES, 0, 0)
    assert Site.objects.count() == Fact.objects.count() == NOTICES
    assert Link.objects.count() == 5 * NOTICES
    companies = CLIENTS + SENDERS + 2  # and the contractor and developer of them all
    assert Company.objects.count() == companies
    assert RegisterChange.objects.filter(run=run).count() == NOTICES + companies
    assert not ImportRow.objects.exists()


REGISTERED = 60_000


def test_a_killed_import_of_the_register_has_stored_nothing_before_all_was_read(
    processes: Processes, broker: Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "files" / "imports"
    folder.mkdir(parents=True)
    companies = [
        {"businessId": {"value": code}, "names": [{"name": f"Firma {n} Oy", "type": "1"}]}
        for n, code in enumerate(business_ids(REGISTERED))
    ]
    (folder / "all.json").write_text(json.dumps({"companies": companies}), encoding="utf-8")
    run = new_run(
        kind="sites", format="prh-v3", file_name="all.json", authority=make_authority("PRH"),
        stored_as="imports/all.json",
    )  # fmt: skip
    killed_once(lambda: run.staged_line > 0, run, processes, broker, 60)
    assert 0 < run.staged_line < REGISTERED, "too short to be killed in the middle"
    assert (run.phase, run.rows_total) == ("read", None)
    done, of = progress_of(run) or (0, 0)
    assert 0 < done < of  # how far it had come in the bytes of the file
    assert not Company.objects.exists()

    ended_by_another(run, processes, broker, 240)
    assert run.rows_read == run.rows_total == REGISTERED
    assert (run.created_count, run.unchanged_count, run.refused_count) == (REGISTERED, 0, 0)
    assert Company.objects.count() == REGISTERED
    assert RegisterChange.objects.filter(run=run).count() == REGISTERED
    assert not ImportRow.objects.exists()
