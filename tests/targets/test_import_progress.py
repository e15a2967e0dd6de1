"""In every step of an import that takes long the page shows how far it has come."""

import json
import re

import openpyxl
import pytest
from django.urls import reverse

from targets.models import ImportRun, ImportState
from targets.services.imports import reading, storing
from targets.services.imports import run as running
from targets.services.imports.life import claim, new_run
from targets.services.imports.progress import progress_of
from targets.services.imports.run import perform
from tests.targets.importing import analyst as analyst  # a fixture

pytestmark = pytest.mark.django_db
IDS = ("9900010-6", "9900147-5", "9900284-9", "9901380-4", "9901517-2", "9901654-6")
BAR = re.compile(r'<progress [^>]*value="(\d+)" max="(\d+)"')


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 2)
    monkeypatch.setattr(storing, "CHUNK", 2)
    monkeypatch.setattr(running, "CHUNK", 2)


@pytest.fixture
def watched(analyst, as_user, tmp_path):
    """Works an import off and gives what the page showed in each of its steps."""
    client = as_user(analyst)

    def work(run: ImportRun, path) -> dict[str, list[float]]:
        shown: dict[str, list[float]] = {}

        def look(now: ImportRun) -> None:
            if now.state != ImportState.RUNNING:
                return
            address = reverse("targets:import_detail", args=[now.public_id])
            text = client.get(address, headers={"HX-Request": "true"}).content.decode()
            bar = BAR.search(text)
            assert bar, f"no progress while {now.phase}"
            assert (int(bar[1]), int(bar[2])) == progress_of(now)
            shown.setdefault(now.phase, []).append(int(bar[1]) / int(bar[2]))

        claimed = claim(run.pk)
        assert claimed is not None
        done = perform(claimed, path, look)
        assert done.state in ("done", "ready", "undone"), done.message
        return shown

    return work


def begun(actor, format: str, path, **values) -> ImportRun:
    return new_run(
        kind="sites", format=format, file_name=path.name, authority=actor.authority, **values
    )


def grows(steps: list[float]) -> bool:
    return steps == sorted(steps) and 0 < steps[0] < 1 and max(steps) <= 1


def register(tmp_path, number: int = 6):
    names = "A" * 40_000  # so that the parser has not seen it all at once
    companies = [
        {"businessId": {"value": code}, "names": [{"name": f"F {code}", "type": "1"}], "x": names}
        for code in IDS[:number]
    ]
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"companies": companies}))
    return path


def test_the_registers_json_is_read_making_it_findable_and_undone(analyst, tmp_path, watched):
    path = register(tmp_path)
    run = begun(analyst, "prh-v3", path)
    shown = watched(run, path)
    assert grows(shown["read"])
    assert shown["merge"][-1] == 1
    assert grows(shown["index"])
    assert shown["index"][-1] == 1
    ImportRun.objects.filter(pk=run.pk).update(state="queued", phase="undo", finished_at=None)
    undo = watched(run, None)["undo"]
    assert grows(undo)
    assert undo[-1] == 1


def test_a_workbook_is_read_and_compared(analyst, tmp_path, watched):
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    for number in range(3_000):
        book.active.append([number, f"Place {number}"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    reading.BATCH = storing.CHUNK = 500
    shown = watched(begun(analyst, "csv-sites", path, rehearse=True), path)
    assert grows(shown["read"])
    assert len(set(shown["read"])) > 3
    assert grows(shown["compare"])
    assert shown["compare"][-1] == 1
