"""Files as they arrive: what cannot be read is refused whole, in words, before a row is stored."""

import codecs
import json
import os
import zipfile
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from targets.models import Company, ImportRun, Site
from targets.services.imports import readers, workbooks
from targets.services.mappings import load_mappings
from tests.factories import make_authority

HEAD = b"id;name\n"
COMPANY = {"businessId": {"value": "9900010-6"}, "names": [{"name": "A Oy", "type": "1"}]}


@pytest.fixture(autouse=True)
def _mappings(db):
    load_mappings()
    make_authority("PRH")


def load(tmp_path, name: str, content: bytes, mapping: str) -> ImportRun:
    file = tmp_path / name
    file.write_bytes(content)
    call_command("import_sites", str(file), format=mapping, stdout=StringIO(), stderr=StringIO())
    return ImportRun.objects.latest("pk")


COMPANIES = json.dumps({"companies": [COMPANY] * 3}).encode()


def packed(*members: tuple[str, bytes]) -> bytes:
    memory = BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return memory.getvalue()


def test_one_endless_record(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_RECORD", 100_000)
    content = json.dumps({"companies": [COMPANY, COMPANY | {"x": "y" * 300_000}]}).encode()
    with pytest.raises(CommandError, match=r"Record [12] is larger"):
        load(tmp_path, "a.json", content, "prh-v3")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"id,name\n1,One\n", {"One"}),
        (b"id\tname\n1\tOne\n", {"One"}),
        (b"id;name\r\n1;One\r\n2;Two\r\n", {"One", "Two"}),
        (b"id;name\r1;One\r2;Two\r", {"One", "Two"}),
        ("id;name\n1;Äyri\n".encode("utf-16"), {"Äyri"}),
        ("id;name\n1;Äyri €\n".encode("cp1252"), {"Äyri €"}),
        (b"id;name\n" + b"1;One\n" + "2;Å\n".encode("cp1252"), {"One", "Å"}),
        (b"Sites of the region;;\nMade 1.5.2026;;\nid;name;note\n1;One;x\n", {"One"}),
        (b'id;name\n1;"One\nplace"\n2;Two\n', {"One\nplace", "Two"}),
        (b"name;id | nummer\nOne;1\n", {"One"}),
        (b"id;name\n1;\xc4", {"Ä"}),
    ],
)
def test_tables_as_programs_write_them(tmp_path, content, names):
    run = load(tmp_path, "a.csv", content, "csv-sites")
    assert run.refused_count == 0
    assert set(Site.objects.values_list("name", flat=True)) == names
    assert run.rows_total == run.rows_read == len(names)


def test_windows_letters_far_into_a_file_stay_what_they_are(tmp_path):
    rows = b"".join(b"%d;%s\n" % (n, b"x" * 200) for n in range(6_000))
    content = HEAD + rows + "9999;Hämeen Åyri\n".encode("cp1252")
    assert len(content) > 1_200_000
    load(tmp_path, "a.csv", content, "csv-sites")
    assert Site.objects.get(source_key="9999").name == "Hämeen Åyri"


def test_lines_are_counted_where_a_person_would_look(tmp_path):
    content = b'Title\nid;name\n1;"Two\nlines"\n\n;Nameless key\n2;"never closed' + b"x" * 200_000
    run = load(tmp_path, "a.csv", content + b"\n3;Last\n", "csv-sites")
    refused = list(run.refusals.order_by("line").values_list("line", "field", "code"))
    assert refused == [(6, "key", "missing"), (7, "", "too_long")]
    assert run.created_count == 2  # the line below the one without an end as well


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("form", ["object", "list", "zip"])
def test_register_in_every_wrapping(tmp_path, mark, form):
    content = mark + (json.dumps([COMPANY]).encode() if form == "list" else COMPANIES)
    content = packed(("all.json", content)) if form == "zip" else content
    load(tmp_path, "a.zip" if form == "zip" else "a.json", content, "prh-v3")
    assert Company.objects.get().name == "A Oy"


@pytest.mark.parametrize("first", ["businessId", "names"])
@pytest.mark.parametrize("indent", [None, 1])
def test_one_company_by_itself_however_written(tmp_path, first, indent):
    company = {first: COMPANY[first], **COMPANY}
    load(tmp_path, "a.json", json.dumps(company, indent=indent).encode(), "prh-v3")
    assert Company.objects.get().name == "A Oy"


def sheet(text: bytes) -> bytes:
    """A workbook whose only sheet is written as ``text``."""
    book = BytesIO()
    openpyxl.Workbook().save(book)
    made = BytesIO()
    with zipfile.ZipFile(book) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(name, text if name.endswith("/sheet1.xml") else old.read(name))
    return made.getvalue()


def sheet_of(*rows: tuple[int, str, str], dimension: str = "A1:B9") -> bytes:
    cells = "".join(
        f'<row r="{n}">'
        + "".join(
            f'<c r="{c}{n}" t="inlineStr"><is><t>{v}</t></is></c>' for c, v in (("A", a), ("B", b))
        )
        + "</row>"
        for n, a, b in rows
    )
    return sheet(
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="{dimension}"/><sheetData>{cells}</sheetData></worksheet>'.encode()
    )


def test_rows_beyond_the_stated_size_of_a_sheet_are_read(tmp_path):
    book = sheet_of((1, "id", "name"), (2, "1", "One"), (4, "2", "Two"), dimension="A1:A2")
    run = load(tmp_path, "a.xlsx", book, "csv-sites")
    assert (run.created_count, run.refused_count) == (2, 0)
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Two"}


def test_a_row_number_beyond_any_sheet_is_refused(tmp_path):
    book = sheet_of((1, "id", "name"), (99_999_999_999, "1", "One"))
    with pytest.raises(CommandError, match="more than 1048576 rows"):
        load(tmp_path, "a.xlsx", book, "csv-sites")
    assert not Site.objects.exists()


def test_a_workbook_of_more_text_than_memory_may_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_WHOLE", 40_000)
    book = sheet_of((1, "id", "name"), (2, "1", "One"))
    memory = BytesIO(book)
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", os.urandom(40_000).hex())
    with pytest.raises(CommandError, match="512 MiB"):
        load(tmp_path, "a.xlsx", memory.getvalue(), "csv-sites")
    assert not Site.objects.exists()
    assert load(tmp_path, "b.xlsx", book, "csv-sites").created_count == 1


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv"])
def test_a_zip_without_its_list_of_members(tmp_path, name):
    book = sheet_of((1, "id", "name")).replace(b"PK\x01\x02", b"PK\x00\x00")
    with pytest.raises(CommandError, match="workbook is broken"):
        load(tmp_path, name, book, "csv-sites")


def test_a_row_the_database_refuses_stands_alone(tmp_path, monkeypatch):
    from django.db import DataError

    from targets.services.imports import merge

    real = merge.merge_register

    def refusing(params):
        if params["low"] < 139 <= params["high"]:
            raise DataError("not storable")
        return real(params)

    monkeypatch.setattr(merge, "merge_register", refusing)
    rows = b"".join(b"%d;%s\n" % (n, b"Bad" if n == 137 else b"Good") for n in range(300))
    run = load(tmp_path, "a.csv", HEAD + rows, "csv-sites")
    assert (run.state, run.created_count, run.refused_count) == ("done", 299, 1)
    assert run.refusals.get().line == 139
