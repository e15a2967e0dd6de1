"""An import that is rehearsed, paused, cancelled and taken up again; rows mended; whose it is."""

import csv
import datetime as dt
import io
import json

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from audit.errors import Conflict
from targets.jobs import run_import, sweep_imports
from targets.models import (
    ImportRow,
    ImportRun,
    PersonRole,
    RegisterChange,
    SearchEntry,
    Site,
)
from targets.services.imports import reading, storing
from targets.services.imports.control import ask, may
from targets.services.uploads import start_upload
from tests.factories import (
    make_actor,
)
from tests.targets.importing import (
    HEAD,
    cancel_under_way,
    row,
    undone,
    upload,
    work,
)
from tests.targets.importing import analyst as analyst  # a fixture


def test_a_rehearsal_stores_nothing_and_tells_what_would_change(analyst, as_user):
    upload(analyst, HEAD + row(1, "One") + row(2, "Two"))
    run = upload(analyst, HEAD + row(1, "One") + row(2, "Second") + row(3, "Three"), rehearse=True)
    assert run.state == "ready"
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Two"}
    numbers = run.preview["site"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (1, 1, 1)
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    text = page.content.decode()
    assert "Nothing is stored yet" in text
    assert "<del>Two</del> → <ins>Second</ins>" in text

    client = as_user(analyst)
    answer = client.post(reverse("targets:import_ask", args=[run.public_id, "store"]))
    assert answer.status_code == 302
    work(run)
    assert (run.state, run.created_count, run.updated_count, run.unchanged_count) == (
        "done", 1, 1, 1,
    )  # fmt: skip
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Second", "Three"}
    assert not ImportRow.objects.exists()


def test_a_cancelled_rehearsal_leaves_nothing(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    ask(actor=analyst, run=run, what="cancel")
    run.refresh_from_db()
    assert (run.state, Site.objects.count(), ImportRow.objects.count()) == ("cancelled", 0, 0)
    with pytest.raises(Conflict):
        ask(actor=analyst, run=run, what="store")
    run_import(run.pk)  # a late message does nothing
    assert not Site.objects.exists()


def test_a_rehearsal_nobody_comes_back_to_ends(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    ImportRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(days=15))
    sweep_imports()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "Nobody came back" in run.message
    assert not ImportRow.objects.exists()


@pytest.mark.parametrize("what", ["pause", "cancel"])
@pytest.mark.parametrize("phase", ["read", "merge"])
def test_asked_in_the_middle_it_stops_between_two_batches(analyst, monkeypatch, what, phase):
    monkeypatch.setattr(reading, "BATCH", 10)
    monkeypatch.setattr(storing, "CHUNK", 10)
    content = HEAD + "".join(row(n, f"Place {n}") for n in range(50))
    file = SimpleUploadedFile("list.csv", content.encode())
    run = start_upload(actor=analyst, kind="sites", format="sites", file=file)
    module, name = (reading, "_put") if phase == "read" else (storing, "_merge_once")
    real, calls = getattr(module, name), []

    def asked(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            ask(actor=analyst, run=ImportRun.objects.get(pk=run.pk), what=what)

    monkeypatch.setattr(module, name, asked)
    work(run)
    assert run.state == {"pause": "paused", "cancel": "cancelled"}[what]
    stored = Site.objects.count()
    assert stored < 50
    assert (stored == 0) == (phase == "read")
    assert run.created_count == stored
    if what == "cancel":
        assert not ImportRow.objects.exists()
        assert may(run, "undo") == bool(stored)
        return
    ask(actor=analyst, run=run, what="resume")
    work(run)
    assert (run.state, run.rows_read, run.created_count, run.unchanged_count) == ("done", 50, 50, 0)
    assert Site.objects.count() == 50
    assert RegisterChange.objects.filter(site__isnull=False).count() == 50


def test_staged_rows_lost_in_a_crash_of_the_server_are_read_again(analyst, monkeypatch):
    run = upload(analyst, HEAD + row(1, "One") + row(2, "") + row(3, "Three"), rehearse=True)
    ImportRow.objects.all().delete()
    ask(actor=analyst, run=run, what="store")
    work(run)
    assert (run.state, run.rows_read, run.created_count, run.refused_count) == ("done", 3, 2, 1)
    assert run.refusals.count() == 1


# ------------------------------------------------------------------------------ mending
def test_refused_rows_are_mended_and_loaded_again(analyst, as_user):
    run = upload(
        analyst, HEAD + row(1, "One") + row(2, "") + row(3, "=cmd()", "9900010-7")
        + "4;Matti 131052-308T;;;;56;Helsinki;;;;;;;\n",
    )  # fmt: skip
    assert (run.created_count, run.refused_count) == (1, 3)
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "131052" not in text
    lines = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [line["Line"] for line in lines] == ["3", "4", "5"]
    assert lines[1]["name"] == "'=cmd()"  # opened in a spreadsheet it must not run
    mended = text.replace(";;;;56;Helsinki", ";;;;56;Helsinki", 1).replace("2;;", "2;Two;", 1)
    mended = mended.replace("9900010-7", "9900010-6")
    again = upload(analyst, mended)
    assert again.created_count == 2
    assert Site.objects.filter(name="Two").exists()


def test_the_marks_of_the_mending_file_do_not_stay_in_the_register(analyst, as_user):
    run = upload(
        analyst, HEAD + "1;=One;;;;56;Nowhere;'-x;;-122,41;37.5;;;\n"
        + "2;''=Two;;;;56;Nowhere;+Tie;;-0.5;51;;;\n",
    )  # fmt: skip
    assert run.refused_count == 2
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert ";'=One;" in text
    assert ";-122,41;" in text  # a number is none that could run
    again = upload(analyst, text.replace("Nowhere", "Helsinki"))
    assert (again.created_count, again.refused_count) == (2, 0)
    told = Site.objects.order_by("source_key").values_list("name", "address", "longitude")
    assert list(told) == [("=One", "-x", -122.41), ("'=Two", "+Tie", -0.5)]


def test_refused_records_of_the_register_come_back_as_json(analyst, as_user):
    content = json.dumps({"companies": [{"businessId": {"value": "9900010-7"}, "names": []}]})
    file = SimpleUploadedFile("a.json", content.encode())
    run = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    records = json.loads(b"".join(answer.streaming_content))
    records[0]["businessId"]["value"] = "9900010-6"
    file = SimpleUploadedFile("b.json", json.dumps(records).encode())
    again = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))
    assert again.created_count == 1


def test_another_authority_can_neither_see_nor_steer_it(analyst, as_user):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    other = as_user(make_actor("TAX", "analyst"))
    for what in ("store", "cancel"):
        answer = other.post(reverse("targets:import_ask", args=[run.public_id, what]))
        assert answer.status_code == 404
    run.refresh_from_db()
    assert run.state == "ready"
    nonsense = reverse("targets:import_ask", args=[run.public_id, "explode"])
    assert as_user(analyst).post(nonsense).status_code == 404


def test_roles_of_persons_are_kept_as_hashes_only(analyst, as_user):
    head = "y-tunnus;nimi;rooli;henkilö;syntymäaika;alku;loppu\n"
    rows = (
        "9900010-6;Vanha Oy;board;Testi Henkilö;1.2.1980;2019-01-01;\n"
        "9900147-5;Uusi Oy;managing_director;HENKILÖ  testi;1980-02-01;2025-01-01;\n"
        "9900147-5;Uusi Oy;board;Toinen Henkilö;;2025-01-01;\n"
        ";Uusi Oy;board;Kolmas Henkilö;;2025-01-01;\n"
    )
    run = upload(analyst, head + rows, "company-roles", "roles")
    assert (run.state, run.created_count, run.refused_count) == ("done", 3, 1)
    first, second, third = PersonRole.objects.order_by("company__business_id", "-role", "person")
    assert first.person == second.person != third.person
    assert first.company.name == "Vanha Oy"
    assert run.refusals.get().row is None  # not even a refused row keeps a person
    assert not default_storage.exists(run.stored_as or "imports/none")
    ended = rows.replace("2019-01-01;", "2019-01-01;2024-12-31")
    again = upload(analyst, head + ended, "company-roles", "roles")
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 1, 2)
    first.refresh_from_db()
    assert first.valid_to == dt.date(2024, 12, 31)
    path = reverse("targets:company_detail", args=[second.company.public_id])
    told = f"{second.source}, {date_format(timezone.localtime(second.known_from), 'SHORT_DATE_FORMAT')}"
    assert f"1 person · {told}" in as_user(analyst).get(path).content.decode()


def test_an_ended_import_keeps_no_file(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    stored = run.stored_as
    assert default_storage.exists(stored)
    ask(actor=analyst, run=run, what="cancel")
    run.refresh_from_db()
    assert run.stored_as == ""


def test_what_was_imported_is_found_and_what_was_undone_is_not(analyst, as_user):
    client = as_user(analyst)

    def found(words: str) -> str:
        return client.get(reverse("ui:search"), {"q": words}).content.decode()

    run = upload(analyst, HEAD + row(1, "Kuukivi Kebab", "9900010-6", "Esimerkki Oy"))
    assert "Kuukivi Kebab" in found("kuukivi")
    upload(analyst, HEAD + row(1, "Satama Grilli", "9900010-6", "Esimerkki Oy"))
    assert "Satama Grilli" in found("satama")
    assert run.phase == "index"
    other = upload(analyst, HEAD + row(2, "Torni Baari"))
    undone(analyst, other)
    assert "Torni Baari" not in found("torni")


def test_what_a_cancelled_import_had_stored_is_found_too(analyst, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 10)
    content = HEAD + "".join(row(n, f"Place {n}") for n in range(50))
    file = SimpleUploadedFile("list.csv", content.encode())
    run = start_upload(actor=analyst, kind="sites", format="sites", file=file)
    cancel_under_way(monkeypatch, analyst, run)
    work(run)
    assert run.state == "cancelled"
    stored = Site.objects.count()
    assert 0 < stored < 50
    assert SearchEntry.objects.count() == 0
    sweep_imports()
    assert SearchEntry.objects.filter(site__isnull=False).count() == stored
