"""Rows that are refused only while they are stored come back whole: to mend and to load again."""

import csv
import datetime as dt
import io
import json
import zipfile

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from targets.models import Fact, ImportRun, PastVisit, Site
from targets.services import datasets
from targets.services.imports import storing, workbooks
from targets.services.imports.control import ask, may
from targets.services.imports.records import Refused
from targets.services.mappings import save_mapping
from targets.services.uploads import start_upload
from tests.factories import make_company
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import cancel_under_way, upload, work

pytestmark = pytest.mark.django_db
VISITS = "id;site;date;outcome;note\n"


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
    run = upload(analyst, content, "tax-debts", "facts")
    assert (run.created_count, run.refused_count) == (0, 1)
    text = refused_file(as_user(analyst), run)
    assert rows_of(text)[0]["verovelka_eur"] == "100,50"
    make_company(business_id="9900010-6")  # the company register has been read meanwhile
    again = upload(analyst, text, "tax-debts", "facts")
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
    cancel_under_way(monkeypatch, analyst, run)
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


def book_with_formulas() -> bytes:
    """Names by formula: one saved without its value, one whose value is an empty text, one given."""
    book = openpyxl.Workbook()
    sheet = book.active
    for values in (["id", "name", "address", "sum"], [1, '=A2&" One"', "Katu 1", "=1+1"],
                   [2, "Two", '=IF(A3=1,"x","")', "=1+1"], [3, "Three", "Katu 3", "=1+1"]):  # fmt: skip
        sheet.append(values)
    memory = io.BytesIO()
    book.save(memory)
    saved = io.BytesIO()
    with zipfile.ZipFile(memory) as old, zipfile.ZipFile(saved, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("sheet1.xml"):
                assert b'<c r="C3"><f>' in content
                content = content.replace(b'<c r="C3"><f>', b'<c r="C3" t="str"><f>')
            new.writestr(member, content)
    return saved.getvalue()


def test_a_formula_without_a_value_is_no_empty_cell(analyst, as_user):
    mapping = save_mapping(
        actor=analyst, name="Formulas", kind="sites",
        columns={"key": "id", "name": "name", "address": "address"}, options={},
    )  # fmt: skip
    file = SimpleUploadedFile("list.xlsx", book_with_formulas())
    run = work(start_upload(actor=analyst, kind="sites", format=mapping.code, file=file))
    # What the mapping does not take (the sums) refuses nothing.
    assert (run.state, run.created_count, run.refused_count) == ("done", 2, 1)
    assert set(Site.objects.values_list("name", "address")) == {("Two", ""), ("Three", "Katu 3")}
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    assert "a formula that was saved without its value" in page.content.decode()
    row = rows_of(refused_file(as_user(analyst), run))[0]
    assert (row["id"], row["name"]) == ("1", '\'=A2&" One"')


def test_a_data_set_refuses_a_formula_without_a_value_too(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(book_with_formulas())
    _line, row = next(workbooks.rows(path, workbooks.survey(path, ["id"], lambda: None)))
    with pytest.raises(Refused, match="formula_value"):
        datasets._content(dict(row), None)
    assert json.loads(datasets._content(dict(row), {"id"})) == {"id": 1}


def test_names_of_columns_do_not_run_in_a_spreadsheet(analyst, as_user):
    mapping = save_mapping(
        actor=analyst, name="Odd", kind="sites", columns={"key": "id", "name": "=name()"},
        options={},
    )  # fmt: skip
    run = upload(analyst, "id;=name();+note\n1;;x\n", mapping.code)
    assert run.refused_count == 1
    text = refused_file(as_user(analyst), run)
    assert text.startswith("id;'=name();'+note;")
    again = upload(analyst, text.replace("1;;", "1;One;"), mapping.code)
    assert (again.state, again.created_count) == ("done", 1)  # the same mapping still reads it


def test_an_import_that_only_noted_licences_can_be_undone(analyst):
    head = ("lupanumero;lupatyyppi;luvanhaltija;ytunnus;anniskelu- tai myyntipaikka;osoite;"
            "postinumero;kunta;lupa_alkaa;lupa_päättyy;anniskeluaika_päättyy;asiakaspaikat_sisä;"
            "asiakaspaikat_ulko;tila\n")  # fmt: skip
    row = "A-1;anniskelu;;;Baari;Katu 1;00500;Helsinki;2021-06-01;;{};40;12;voimassa\n"
    upload(analyst, head + row.format("02:00"), "alcohol-licences")
    unchanged = upload(analyst, head + row.format("02:00"), "alcohol-licences")
    assert not may(unchanged, "undo")
    run = upload(analyst, head + row.format("04:00"), "alcohol-licences")
    assert (run.created_count, run.updated_count) == (0, 0)  # the place itself is the same
    assert may(run, "undo")
    ask(actor=analyst, run=run, what="undo")
    assert work(run).state == "undone"
    assert Fact.objects.get(known_to=None).value["serving_until"] == "02:00"
