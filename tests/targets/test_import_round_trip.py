"""What is exported reads back in, and comes out again as the same file."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authorities.models import Area
from targets.models import ImportRun, Industry, IndustryEdition, Site, SiteType
from targets.services.imports.life import claim, new_run
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings
from targets.services.register_export import COLUMNS, write_sites
from tests.factories import make_authority, make_industry, make_municipality, make_site

pytestmark = pytest.mark.django_db
IDS = ("", "9900010-6", "9900147-5", "9900284-9")
# Text as registers hold it: any letter, quotes, delimiters, line ends; no personal codes.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="|\ufeff\u2028\u2029\x85"),
    min_size=1, max_size=40,
).map(str.strip).filter(bool)  # fmt: skip
WORDS = st.one_of(TEXT, st.sampled_from(['Baari "Kulma"', "A;B", "Ä\nÖ", "'=1+1", "=1+1", "007"]))


@st.composite
def sites(draw: st.DrawFn) -> list[list[object]]:
    keys = draw(st.lists(st.integers(1, 10**6), unique=True, min_size=1, max_size=6))
    rows = []
    for key in keys:
        placed = draw(st.booleans())
        rows.append(
            [
                f"{key:07d}", draw(WORDS), draw(st.one_of(st.just(""), TEXT)),
                draw(st.sampled_from(IDS)), "", draw(st.sampled_from(["", "56", "561"])),
                draw(st.sampled_from(["", "091", "Turku", "049"])), draw(st.one_of(st.just(""), WORDS)),
                draw(st.sampled_from(["", "00100", "20500"])),
                str(draw(st.floats(19, 32))).replace(".", ",") if placed else "",
                str(draw(st.floats(59, 71))) if placed else "",
                draw(st.sampled_from(["", "food_premises"])),
                draw(st.sampled_from(["", "0", "12", "3 000"])),
                draw(st.sampled_from(["", "2020-02-29", "1.5.2021", "44000"])),
                draw(st.sampled_from(["", *SiteType.values])),
                draw(st.one_of(st.just(""), WORDS, st.just("ABC-123"))),
                draw(st.sampled_from(["", "2024-02-29", "31.12.2022", "2099-01-01"])),
                draw(st.sampled_from(["", "TOL2025"])), draw(st.sampled_from(["", "FI"])),
            ]
        )  # fmt: skip
    return rows


def load(text: str, path) -> ImportRun:
    path.write_text(text, encoding="utf-8", newline="")
    run = new_run(kind="sites", format="sites", file_name="a.csv", authority=make_authority("OSH"))
    return perform(claim(run.pk), path)


def exported() -> str:
    target = StringIO()
    rows = Site.objects.select_related("company", "industry__edition", "municipality")
    write_sites(target, rows.order_by("source_key"))
    return target.getvalue()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=sites())
def test_import_export_import_is_stable(tmp_path_factory, rows):
    import csv

    Site.objects.all().delete()
    load_mappings()
    for code, name in (("091", "Helsinki"), ("853", "Turku"), ("049", "Espoo")):
        make_municipality(code, name)
    for code in ("56", "561"):
        make_industry(code)
    folder = tmp_path_factory.mktemp("round")
    given_text = StringIO()
    csv.writer(given_text, delimiter=";", lineterminator="\n").writerows([COLUMNS, *rows])
    first = load(given_text.getvalue(), folder / "a.csv")
    assert (first.state, first.created_count, first.refused_count) == ("done", len(rows), 0)
    text = exported()
    second = load(text, folder / "b.csv")
    assert (second.created_count, second.updated_count, second.unchanged_count) == (
        0, 0, len(rows),
    )  # fmt: skip
    Site.objects.all().delete()  # into an empty register too
    third = load(text, folder / "c.csv")
    assert third.created_count == len(rows)
    assert exported() == text


def line(**values: str) -> str:
    return ";".join((dict.fromkeys(COLUMNS, "") | values).values())


@pytest.fixture
def abroad(tmp_path) -> list[Site]:
    """Two own sites of one code: one of the older edition at home, one of today's in Norway."""
    load_mappings()
    make_authority("OSH")
    make_municipality()
    make_industry("56")
    older = IndustryEdition.objects.create(code="TOL2008", name_fi="TOL 2008")
    Industry.objects.create(edition=older, code="56", level=2, path="56", name_fi="Then")
    # A code that a municipality at home has as well.
    Area.objects.create(kind="municipality", country="NO", code="091", name_fi="Oslo")
    old = line(id="1", name="Old", industry="56", industry_edition="TOL2008", municipality="091")
    far = line(id="2", name="Far", industry="56", municipality="091", country="NO",
               address="Gate 1, 00100 Oslo")  # fmt: skip
    run = load("\n".join([";".join(COLUMNS), old, far]), tmp_path / "first.csv")
    assert run.created_count == 2
    return list(Site.objects.order_by("source_key"))


def test_the_command_writes_what_reads_back_without_a_change(abroad, tmp_path):
    file = tmp_path / "sites.csv"
    out = StringIO()
    call_command("export_sites", str(file), stdout=out)
    assert "2 sites written" in out.getvalue()
    run = load(file.read_text(encoding="utf-8"), tmp_path / "again.csv")
    assert (run.created_count, run.updated_count, run.unchanged_count) == (0, 0, 2)
    before = {(s.name, s.industry.edition.code, s.municipality.country) for s in abroad}
    Site.objects.all().delete()
    assert load(file.read_text(encoding="utf-8"), tmp_path / "b.csv").created_count == 2
    after = {(s.name, s.industry.edition.code, s.municipality.country) for s in Site.objects.all()}
    assert after == before == {("Old", "TOL2008", "FI"), ("Far", "TOL2025", "NO")}


def test_the_command_writes_one_register_at_a_time(abroad, tmp_path):
    make_site(name="Register's", source="prh", source_key="1")
    file = tmp_path / "sites.csv"
    with pytest.raises(CommandError, match="several registers: own:OSH, prh"):
        call_command("export_sites", str(file))
    assert not file.exists()
    call_command("export_sites", str(file), source="prh", stdout=StringIO())
    assert "Register's" in file.read_text(encoding="utf-8")
    assert "Far" not in file.read_text(encoding="utf-8")


def test_a_country_or_edition_that_is_none_is_refused(abroad, tmp_path):
    lines = [
        ";".join(COLUMNS),
        line(id="8", name="N", municipality="091", country="SE"),
        line(id="9", name="N", industry="56", industry_edition="TOL1995"),
    ]
    run = load("\n".join(lines), tmp_path / "a.csv")
    assert list(run.refusals.order_by("line").values_list("line", "field")) == [
        (2, "municipality"), (3, "industry"),
    ]  # fmt: skip
