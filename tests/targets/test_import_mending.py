"""Rows that are refused only while they are stored come back whole: to mend and to load again."""

import csv
import datetime as dt
import io
import json

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from targets.models import Fact, ImportRun, PastVisit
from targets.services.imports import storing
from targets.services.imports.control import ask
from tests.targets.test_import_control import analyst as analyst  # a fixture
from tests.targets.test_import_control import start_upload, upload, work

pytestmark = pytest.mark.django_db
VISITS = "id;site;date;outcome;note\n"
WHY = {"legal_basis": "Act 1 §", "purpose": "targeting"}


def far_off() -> dt.date:
    return timezone.localdate() + dt.timedelta(days=90)


def refused_file(client, run: ImportRun) -> str:
    answer = client.get(reverse("targets:import_refusals", args=[run.public_id]))
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def test_a_visit_of_an_unknown_site_is_mended_and_loaded_again(analyst, as_user):
    upload(analyst, "id;name\n1;One\n2;Two\n", "csv-sites")
    content = VISITS + (
        "A;1;2026-01-02;MINOR;first\n"
        "B;77;2026-01-03;SEVERE;=twice(1)\n"
        "C;2;2026-01-04;NO_REMARKS;third\n"
        "D;78;5.1.2026;MINOR;\"two\nlines\"\n"
    )  # fmt: skip
    run = upload(analyst, content, "csv-visits", "visits")
    assert (run.state, run.created_count, run.refused_count) == ("done", 2, 2)
    text = refused_file(as_user(analyst), run)
    rows = rows_of(text)
    assert [(r["id"], r["site"], r["date"], r["outcome"], r["Line"]) for r in rows] == [
        ("B", "77", "2026-01-03", "SEVERE", "3"), ("D", "78", "5.1.2026", "MINOR", "5"),
    ]  # fmt: skip
    assert [r["note"] for r in rows] == ["'=twice(1)", "two\nlines"]  # also what is not mapped
    again = upload(analyst, text.replace(";77;", ";1;").replace(";78;", ";2;"), "csv-visits",
                   "visits")  # fmt: skip
    assert (again.created_count, again.refused_count) == (2, 0)
    keys = PastVisit.objects.order_by("source_key").values_list("source_key", "site__name")
    assert list(keys) == [("A", "One"), ("B", "One"), ("C", "Two"), ("D", "Two")]


def test_a_fact_about_an_unknown_company_comes_back_whole(analyst, as_user):
    content = "y-tunnus;nimi;päivä;verovelka_eur\n9900010-6;;1.2.2026;100,50\n"
    run = upload(analyst, content, "tax-debts", "facts", delete_on=far_off(), **WHY)
    assert (run.created_count, run.refused_count) == (0, 1)
    text = refused_file(as_user(analyst), run)
    assert rows_of(text)[0]["verovelka_eur"] == "100,50"
    mended = text.replace("9900010-6;;", "9900010-6;Kuukivi Oy;")
    again = upload(analyst, mended, "tax-debts", "facts", delete_on=far_off(), **WHY)
    assert (again.created_count, again.refused_count) == (1, 0)
    assert Fact.objects.get().value == {"amount": 100.5}


def test_rows_of_a_workbook_come_back_with_their_days(analyst, as_user):
    book = openpyxl.Workbook()
    for values in (["Visits of May"], ["id", "site", "date", "outcome"],
                   ["A", 9, dt.datetime(2026, 5, 4), "MINOR"]):  # fmt: skip
        book.active.append(values)
    memory = io.BytesIO()
    book.save(memory)
    file = SimpleUploadedFile("list.xlsx", memory.getvalue())
    run = work(start_upload(actor=analyst, kind="visits", format="csv-visits", file=file))
    assert (run.state, run.refused_count) == ("done", 1)
    row = rows_of(refused_file(as_user(analyst), run))[0]
    assert (row["id"], row["site"], row["date"]) == ("A", "9", "2026-05-04")


def test_a_cancelled_import_keeps_the_rows_it_had_refused(analyst, as_user, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 2)
    rows = "".join(f"{n};no-such-site;2026-01-02;MINOR;\n" for n in range(20))
    file = SimpleUploadedFile("list.csv", (VISITS + rows).encode())
    run = start_upload(actor=analyst, kind="visits", format="csv-visits", file=file)
    real = storing._merge_once

    def asked(*arguments):
        real(*arguments)
        if ImportRun.objects.get(pk=run.pk).wanted == "":
            ask(actor=analyst, run=ImportRun.objects.get(pk=run.pk), what="cancel")

    monkeypatch.setattr(storing, "_merge_once", asked)
    work(run)
    assert run.state == "cancelled"
    rows = rows_of(refused_file(as_user(analyst), run))
    assert 0 < len(rows) < 20
    assert all(row["site"] == "no-such-site" for row in rows)


def test_roles_and_rows_with_personal_codes_are_not_read_again(analyst):
    head = "y-tunnus;nimi;rooli;henkilö;syntymäaika;alku;loppu\n"
    run = upload(analyst, head + "9900010-6;;board;Testi Henkilö;;;\n", "company-roles", "roles")
    assert (run.refused_count, run.refusals.get().code) == (1, "company_unknown")
    assert run.refusals.get().row is None
    content = VISITS + "A;no-such-site;2026-01-02;MINOR;\nB;1;2026-01-02;MINOR;Matti 131052-308T\n"
    run = upload(analyst, content, "csv-visits", "visits")
    kept = {r.code: r.row for r in run.refusals.all()}
    assert kept["site_unknown"]["id"] == "A"
    assert kept["personal_code"] is None
    assert "131052" not in json.dumps(list(kept.values()))
