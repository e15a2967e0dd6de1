"""An address written whole into one cell is taken apart; what stands in cells of its own is not touched."""

from io import StringIO

import pytest

from targets.models import Site
from targets.services.imports.tabular import Table
from targets.services.register_export import write_sites
from tests.targets.importing import HEAD, row, upload
from tests.targets.importing import analyst as analyst  # a fixture

COLUMNS = {
    "key": "id", "name": "name", "address": "address", "postal_code": "code", "locality": "town",
    "municipality": "municipality",
}  # fmt: skip


def read(options: dict | None = None, **cells) -> tuple[str, str, str]:
    made = Table(COLUMNS, options or {}).site({"id": "1", "name": "A"} | cells)
    return made.address, made.postal_code, made.locality


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("Kauppakatu 5 A 3, 33200 Tampere", ("Kauppakatu 5 A 3", "33200", "Tampere")),
        ("Kauppakatu 5 A 3 33200 Tampere", ("Kauppakatu 5 A 3", "33200", "Tampere")),
        ("PL 100, FI-00101 HELSINKI", ("PL 100", "00101", "HELSINKI")),
        ("Strandgatan 1, 10600 Ekenäs", ("Strandgatan 1", "10600", "Ekenäs")),
        ("Tie 1, 39700 Parkano kk", ("Tie 1", "39700", "Parkano kk")),
        # No town, no code, no street, or something else than a town behind the code.
        ("Kauppakatu 5 A 3, 33200", ("Kauppakatu 5 A 3, 33200", "", "")),
        ("Kauppakatu 5, Tampere", ("Kauppakatu 5, Tampere", "", "")),
        (", 33200 Tampere", (", 33200 Tampere", "", "")),
        ("33200 Tampere", ("33200 Tampere", "", "")),
        ("Varasto 10100 B", ("Varasto 10100 B", "", "")),
        ("Tie 1, 33200 Tampere, 2. krs", ("Tie 1, 33200 Tampere, 2. krs", "", "")),
    ],
)
def test_street_code_and_town_in_one_cell(cell, parts):
    assert read(address=cell) == parts


def test_what_is_stated_in_cells_of_its_own_stays_as_it_is():
    cell = "Kauppakatu 5, 33200 Tampere"
    assert read(address=cell, code="33100") == (cell, "33100", "")
    assert read(address=cell, town="Nokia") == (cell, "", "Nokia")
    assert read({"country": "US"}, address="1 Main St, 94103 San Francisco")[1] == ""


def test_it_goes_in_out_and_in_again_as_the_same(analyst):
    whole = HEAD + "".join(
        f"{n};Place {n};;;;56;{town};{address};{code};;;;;\n"
        for n, (town, address, code) in enumerate(
            [("", "Kauppakatu 5 A 3, 33200 Tampere", ""), ("Helsinki", "Tie 2, 20500 Turku", ""),
             ("", "Tie 3, 20500 Turku", "20100"), ("Turku", "Tie 4, 20500 Turku, 20500 Turku", "")]
        )
    )  # fmt: skip
    upload(analyst, whole)
    rows = Site.objects.order_by("source_key").select_related("municipality")
    assert [
        (s.address, s.postal_code, s.municipality.name_fi if s.municipality else "") for s in rows
    ] == [
        ("Kauppakatu 5 A 3", "33200", "Tampere"), ("Tie 2", "20500", "Helsinki"),
        ("Tie 3, 20500 Turku", "20100", ""), ("Tie 4, 20500 Turku", "20500", "Turku"),
    ]  # fmt: skip
    assert upload(analyst, whole).unchanged_count == 4
    out = StringIO()
    write_sites(out, rows.select_related("company", "industry"))
    again = upload(analyst, out.getvalue())
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 4)
    assert upload(analyst, HEAD + row(9, "Nine")).created_count == 1
