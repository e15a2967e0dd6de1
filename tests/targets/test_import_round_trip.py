"""What is exported reads back in, and comes out again as the same file."""

from io import StringIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.models import ImportRun, Site, SiteType
from targets.services.imports.life import claim, new_run
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings
from targets.services.register_export import COLUMNS, write_sites
from tests.factories import make_authority, make_industry, make_municipality

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
            ]
        )  # fmt: skip
    return rows


def load(text: str, path) -> ImportRun:
    path.write_text(text, encoding="utf-8", newline="")
    run = new_run(kind="sites", format="sites", file_name="a.csv", authority=make_authority("OSH"))
    return perform(claim(run.pk), path)


def exported() -> str:
    target = StringIO()
    rows = Site.objects.select_related("company", "industry", "municipality")
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
