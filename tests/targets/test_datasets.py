"""Mass data: read whole or not at all, never mixed, never evidence, erased with a proof (S6)."""

import datetime as dt
import io
import json
import zipfile

import openpyxl
import pytest
import time_machine
from django.apps import apps
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, OperationalError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import Context, acting_as, as_system, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from authorities.purposes import state_purpose
from targets import views
from targets.models import Dataset, DatasetMapping, DatasetRow, DatasetRun, Erasure, Signal
from targets.services import datasets
from targets.services.retention import sweep
from tests.factories import give, make_actor, make_company, make_ground, make_term

pytestmark = pytest.mark.django_db
GOOD = "0112038-9"


@pytest.fixture
def osh(db):
    return make_actor("OSH", "analyst", "manager")


@pytest.fixture
def ground(db):
    return make_ground("G-MASS", ["OSH"], ["TAX"], "tip", mode="mass_data")


def make_set(actor, ground, **values) -> Dataset:
    start = {
        "title": "Payments", "kind": "tip", "ground": ground, "purpose": "Targeting",
        "expires_on": timezone.localdate() + dt.timedelta(days=30),
    }  # fmt: skip
    return datasets.create_dataset(actor=actor, **(start | values))


def lines(*rows) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def rehearse(actor, dataset, data: bytes, name="a.jsonl", column="id", **values) -> DatasetRun:
    run = datasets.start_run(
        actor=actor, dataset=dataset, file=SimpleUploadedFile(name, data),
        business_id_column=column, **values,
    )  # fmt: skip
    assert datasets.perform(run.pk)
    run.refresh_from_db()
    return run


def read(actor, run) -> DatasetRun:
    real = datasets.confirm_run(actor=actor, run=run)
    assert datasets.perform(real.pk)
    real.refresh_from_db()
    return real


def stored(actor) -> list[dict]:
    with acting_as(actor):
        return [row.data for row in DatasetRow.objects.order_by("dataset", "line")]


# ------------------------------------------------------------------------------- before anything
@pytest.mark.parametrize(
    ("field", "value"), [("purpose", " "), ("title", ""), ("expires_on", dt.date(2020, 1, 1))]
)
def test_ground_purpose_and_last_day_come_before_anything_is_read(osh, ground, field, value):
    with pytest.raises(RuleViolation) as refused:
        make_set(osh, ground, **{field: value})
    assert refused.value.field == field
    unfit = make_ground("G-OTHER", ["OSH"], ["TAX"], "tip")  # lets single items be given only
    with pytest.raises(RuleViolation) as refused:
        make_set(osh, unfit)
    assert refused.value.field == "ground"
    with pytest.raises(NotAllowed):
        make_set(make_actor("OSH", "inspector"), ground)


def test_a_rehearsal_stores_no_row(osh, ground):
    dataset = make_set(osh, ground)
    make_company(business_id=GOOD)
    run = rehearse(osh, dataset, lines({"id": GOOD}, {"id": "1234567-2"}, {"x": 1}))
    assert (run.lines_read, run.good, run.matched, run.refused) == (3, 1, 1, 2)
    assert [e["code"] for e in run.errors] == ["business_id_check", "missing"]
    assert stored(osh) == []
    assert read(osh, run).good == 1
    assert stored(osh) == [{"id": GOOD}]
    with pytest.raises(Conflict):
        datasets.confirm_run(actor=osh, run=run)


def workbook(*rows) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", f"id;town\n{GOOD};Jämsä\n".encode()),
        ("a.csv", f"id,town\n{GOOD},Jämsä\n".encode("latin-1")),
        ("a.xlsx", workbook(["id", "town"], [GOOD, "Jämsä"])),
        ("a.jsonl", lines({"id": GOOD, "town": "Jämsä"})),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(osh, ground, name, data):
    read(osh, rehearse(osh, make_set(osh, ground), data, name))
    assert stored(osh) == [{"id": GOOD, "town": "Jämsä"}]


def test_only_the_columns_chosen_are_kept_and_the_mapping_is_saved(osh, ground):
    row = {"id": GOOD, "pay": 1, "name": "Somebody"}
    run = rehearse(osh, make_set(osh, ground), lines(row), keep=["pay"], save_as="Payments")
    read(osh, run)
    assert stored(osh) == [{"id": GOOD, "pay": 1}]
    with acting_as(osh):
        mapping = DatasetMapping.objects.get()
    assert (mapping.name, mapping.business_id, mapping.keep) == ("Payments", "id", ["pay"])


def test_a_key_that_comes_late_is_kept_too(osh, ground):
    dataset = make_set(osh, ground)
    read(osh, rehearse(osh, dataset, lines({"id": GOOD}, {"id": GOOD, "late": "x"})))
    assert stored(osh)[1] == {"id": GOOD, "late": "x"}
    dataset.refresh_from_db()
    assert dataset.columns == ["id", "late"]


def test_rows_that_the_database_cannot_hold_are_refused_one_by_one(osh, ground):
    data = (
        f'{{"id": "{GOOD}", "pay": NaN}}\n{{"id": "{GOOD}", "pay": 1e999}}\n'
        f'{{"id": "{GOOD}", "who": {{"code": "131052-308T"}}}}\n{{"id": "{GOOD}", "a": "x\\u0000y"}}\n'
    ).encode()
    run = rehearse(osh, make_set(osh, ground), data)
    assert [e["code"] for e in run.errors] == ["number_form", "number_form", "personal_code"]
    assert read(osh, run).state == "done"
    assert stored(osh) == [{"id": GOOD, "a": "xy"}]


# ------------------------------------------------------------------------------- files that break
def broken_workbook() -> bytes:
    """A workbook whose sheet ends in the middle."""
    source = zipfile.ZipFile(io.BytesIO(workbook(["id"], *([GOOD] for _ in range(50)))))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.xlsx", broken_workbook()), ("a.xlsx", b"PK no zip"), ("a.jsonl", b"{broken"),
     ("a.jsonl", b""), ("a.jsonl", b"[1]"), ("a.csv", b"other\n1\n")],
)  # fmt: skip
def test_a_broken_file_ends_the_reading_with_words(osh, ground, name, data):
    run = rehearse(osh, make_set(osh, ground), data, name)
    assert run.state == "failed"
    assert run.message
    assert not datasets.perform(run.pk)  # nor is it taken up again


def test_a_file_that_breaks_late_leaves_nothing_and_the_next_one_does_not_mix(osh, ground):
    dataset = make_set(osh, ground)
    many = lines(*({"id": GOOD, "v": f"old{n}"} for n in range(datasets.BATCH + 500)))
    run = rehearse(osh, dataset, many)
    with default_storage.open(run.stored_as, "ab") as file:
        file.write(b"\n{broken")
    assert read(osh, run).state == "failed"
    assert stored(osh) == []
    dataset.refresh_from_db()
    assert (dataset.state, dataset.row_count) == ("failed", 0)
    second = rehearse(osh, dataset, lines({"id": GOOD, "v": "new"}))
    with acting_as(osh):  # what a process left that was killed in the middle
        DatasetRow.objects.create(dataset=dataset, line=1, data={"v": "old"})
    read(osh, second)
    assert stored(osh) == [{"id": GOOD, "v": "new"}]


def test_a_killed_reading_goes_on_and_doubles_nothing(osh, ground, monkeypatch):
    run = rehearse(osh, make_set(osh, ground), lines(*({"id": GOOD, "n": n} for n in range(3))))
    real = datasets.confirm_run(actor=osh, run=run)
    keep = datasets._store

    def killed(*args):
        keep(*args)
        raise OperationalError("the database went away")

    monkeypatch.setattr(datasets, "_store", killed)
    with pytest.raises(OperationalError):
        datasets.perform(real.pk)
    monkeypatch.undo()
    assert not datasets.perform(real.pk)  # it may still be alive
    with time_machine.travel(timezone.now() + dt.timedelta(hours=1), tick=False):
        assert datasets.perform(real.pk)
    real.refresh_from_db()
    assert (real.state, real.attempts) == ("done", 2)
    assert [row["n"] for row in stored(osh)] == [0, 1, 2]


def test_a_file_that_kills_its_reader_again_and_again_is_given_up(osh, ground):
    run = rehearse(osh, make_set(osh, ground), lines({"id": GOOD}))
    real = datasets.confirm_run(actor=osh, run=run)
    with as_system("as if it had died so often"):
        DatasetRun.objects.filter(pk=real.pk).update(attempts=datasets.MAX_ATTEMPTS)
    assert datasets.perform(real.pk)
    real.refresh_from_db()
    assert (real.state, stored(osh)) == ("failed", [])


# ------------------------------------------------------------------------------- targeting only
def test_nothing_anywhere_refers_to_a_row_and_a_set_is_for_targeting_only(osh, ground):
    assert [
        (model._meta.label, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.many_to_one and field.concrete and field.related_model is DatasetRow
    ] == []
    dataset = make_set(osh, ground)
    with pytest.raises(IntegrityError), transaction.atomic(), acting_as(osh):
        Dataset.objects.filter(pk=dataset.pk).update(use="evidence")


# ------------------------------------------------------------------------------- erasure (S6)
def test_a_set_is_erased_after_its_last_day_with_a_proof(osh, ground):
    tax = make_actor("TAX", "analyst")
    dataset = make_set(osh, ground)
    run = rehearse(osh, dataset, lines({"id": GOOD, "n": 1}, {"id": GOOD, "n": 2}))
    read(osh, run)
    dataset.refresh_from_db()
    give(osh, dataset, tax.authority, ground=ground)
    assert len(stored(tax)) == 2
    with time_machine.travel(timezone.now() + dt.timedelta(days=31), tick=False):
        assert sweep()["datasets"] == 1
        assert sweep()["datasets"] == 0
    assert (stored(osh), stored(tax)) == ([], [])
    proof = Erasure.objects.get(item=dataset.public_id)
    assert (proof.what, proof.rows, proof.files, len(proof.digest)) == ("dataset", 2, 1, 64)


def test_the_proof_tells_other_contents_apart(osh, ground):
    for value in (1, 2, 2):
        dataset = make_set(osh, ground)
        read(osh, rehearse(osh, dataset, lines({"id": GOOD, "n": value})))
    with as_system("only the identity differs between the last two"):
        first, second, third = Dataset.objects.order_by("pk")
        Dataset.objects.filter(pk=third.pk).update(expires_on=timezone.localdate())
    with time_machine.travel(timezone.now() + dt.timedelta(days=31), tick=False):
        sweep()
    digests = set(Erasure.objects.filter(what="dataset").values_list("digest", flat=True))
    assert len(digests) == 3
    assert {first.public_id, second.public_id} <= set(
        Erasure.objects.values_list("item", flat=True)
    )


# ------------------------------------------------------------------------------- walls
TABLES = (
    "targets_dataset", "targets_datasetrow", "targets_datasetrun", "targets_datasetmapping",
)  # fmt: skip


def counts() -> list[int]:
    found = []
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found.append(cursor.fetchone()[0])
    return found


def test_raw_sql_shows_a_set_to_its_owner_and_its_rows_to_recipients(osh, ground):
    tax, police = make_actor("TAX", "analyst"), make_actor("POL", "analyst")
    dataset = make_set(osh, ground)
    read(osh, rehearse(osh, dataset, lines({"id": GOOD}), save_as="m"))
    dataset.refresh_from_db()
    for eyes in (using(Context()), acting_as(tax), acting_as(police)):
        with eyes:
            assert counts() == [0, 0, 0, 0]
    with acting_as(osh):
        assert counts() == [1, 1, 2, 1]
    give(osh, dataset, tax.authority, ground=ground)
    with acting_as(tax):
        assert counts() == [1, 1, 0, 0]  # not how it was read
        with connection.cursor() as cursor:
            for statement in (
                "UPDATE targets_datasetrow SET data = '{}'", "DELETE FROM targets_datasetrow",
                "UPDATE targets_dataset SET expires_on = '2099-01-01'",
            ):  # fmt: skip
                cursor.execute(statement)
                assert cursor.rowcount == 0
    with acting_as(police):
        assert counts() == [0, 0, 0, 0]


def test_roles_that_choose_no_targets_see_no_set(osh, ground):
    make_set(osh, ground)
    inspector = make_actor("OSH", "inspector")
    with acting_as(inspector):
        assert not Dataset.objects.visible_to(inspector).exists()
        assert not DatasetRow.objects.visible_to(inspector).exists()
    make_term("information", "tip")
    assert not Signal.objects.exists()


# ------------------------------------------------------------------------------- on a company's page
def test_a_companys_page_tells_how_many_sets_hold_it_and_leads_on(
    osh, ground, as_user, monkeypatch
):
    monkeypatch.setattr(views, "SETS_SHOWN", 2)
    company = make_company(name="Kuu Oy", business_id=GOOD)
    for number in range(5):
        dataset = make_set(osh, ground, title=f"Set {number}")
        read(osh, rehearse(osh, dataset, lines({"id": GOOD}, {"id": GOOD})))
    tax = make_actor("TAX", "analyst")
    hidden = make_ground("G-MASS-T", ["TAX"], ["OSH"], "tip", mode="mass_data")
    other = make_set(tax, hidden, title="Set of tax")
    read(tax, rehearse(tax, other, lines({"id": GOOD})))
    url = reverse("targets:company_detail", args=[company.public_id])
    assert "In data sets" not in as_user(osh).get(url).content.decode()  # before a purpose
    for actor in (osh, tax):
        state_purpose(actor=actor, case=company, text="Choosing targets for the spring round")
    client, seen, address = as_user(osh), [], "?"
    while address:
        page = client.get(url + address.partition("#")[0])
        part, text = page.context["sets_part"], page.content.decode()
        assert part.words in text
        assert 'id="sets"' in text
        seen.append((part.words, [row.title for row in part.rows]))
        address = part.following
    assert seen == [
        ("Data sets 1–2 of 5 are shown.", ["Set 0", "Set 1"]),
        ("Data sets 3–4 of 5 are shown.", ["Set 2", "Set 3"]),
        ("Data sets 5–5 of 5 are shown.", ["Set 4"]),
    ]
    assert 'id="sites"' in text
    # Where everything is shown nothing is said of parts, nor to who sees but one.
    part = as_user(tax).get(url).context["sets_part"]
    assert (part.words, [row.title for row in part.rows]) == ("", ["Set of tax"])
    assert as_user(make_actor("OSH", "inspector")).get(url).context["sets_part"].rows == []
