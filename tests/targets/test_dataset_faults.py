"""Data sets that come as bombs, and two workers at one set."""

import io
import threading
import zipfile

import pytest
from django.db import connection

from audit.context import as_system
from targets.models import DatasetRow, DatasetRunState
from targets.services import datasets
from tests.factories import make_actor, make_ground
from tests.targets.test_datasets import GOOD, lines, make_set, rehearse, workbook


@pytest.fixture
def osh(db):
    return make_actor("OSH", "analyst", "manager")


@pytest.fixture
def ground(db):
    return make_ground("G-MASS", ["OSH"], ["TAX"], "tip", mode="mass_data")


def bomb() -> bytes:
    """A workbook whose one sheet is fifty megabytes of blanks in a few kilobytes."""
    good = io.BytesIO(workbook(["id"], [GOOD]))
    out = io.BytesIO()
    with (
        zipfile.ZipFile(good) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name.startswith("xl/worksheets/"):
                content = content[:-20] + b" " * 50_000_000 + content[-20:]
            target.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.xlsx", bomb(), "unpacks to far more"),
        ("a.xlsx", workbook(["id"], [GOOD])[:-100], "broken or locked"),
        ("a.csv", b"id\n" + GOOD.encode() + b"\n" + b"x" * 2_500_000, "longer than a megabyte"),
        ("a.jsonl", lines({"id": GOOD}) + b"\n" + b"x" * 2_500_000, "longer than a megabyte"),
        ("a.jsonl", b'{"a":' * 100_000, "not valid JSON"),
    ],
)  # fmt: skip
def test_a_bomb_is_refused_in_words_and_leaves_nothing(osh, ground, name, data, words):
    assert len(data) < 3_000_000
    run = rehearse(osh, make_set(osh, ground), data, name)
    assert run.state == DatasetRunState.FAILED
    assert words in run.message
    assert not DatasetRow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_set_store_each_row_once(osh, ground):
    rows = [{"id": GOOD, "n": n} for n in range(3_000)]
    dataset = make_set(osh, ground)
    real = datasets.confirm_run(actor=osh, run=rehearse(osh, dataset, lines(*rows)))
    meet = threading.Barrier(2)
    took: list[bool] = []

    def work() -> None:
        try:
            with as_system("a worker"):
                meet.wait(30)
                took.append(datasets.perform(real.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(took) == [False, True]
    real.refresh_from_db()
    assert (real.state, real.good) == (DatasetRunState.DONE, 3_000)
    assert DatasetRow.objects.count() == 3_000
