"""Coordinates from a gazetteer: for sites whose register gives none, and never over its own."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from targets.models import AddressPoint, RegisterChange, Site
from targets.services.imports.life import claim, new_run
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings
from tests.factories import make_authority, make_industry, make_municipality, make_site

pytestmark = pytest.mark.django_db
POINTS = (
    "municipality;address;longitude;latitude\n"
    "091;Esimerkkikatu 5;24,95;60.17\n"
    "Tampere;Hämeenkatu 1 A;23.76;61.49\n"
    "091;;24.9;60.1\n"
    "999;Katu 1;24.9;60.1\n"
    "091;Väärä 1;24.9;160\n"
)


@pytest.fixture
def file(tmp_path):
    make_municipality("091", "Helsinki")
    make_municipality("837", "Tampere")
    path = tmp_path / "points.csv"
    path.write_text(POINTS, encoding="utf-8")
    return path


def load(path) -> str:
    out = StringIO()
    call_command("import_gazetteer", str(path), stdout=out)
    return out.getvalue()


def test_sites_without_a_place_are_placed_by_their_address(file):
    helsinki = make_municipality("091", "Helsinki")
    bare = make_site(
        municipality=helsinki, address="ESIMERKKIKATU  5", longitude=None, latitude=None
    )
    own = make_site(municipality=helsinki, address="Esimerkkikatu 5", longitude=20.0, latitude=60.0)
    flat = make_site(
        municipality=helsinki, address="Esimerkkikatu 5 B 17", longitude=None, latitude=None
    )
    next_door = make_site(
        municipality=helsinki, address="Esimerkkikatu 57", longitude=None, latitude=None
    )
    other = make_site(municipality=helsinki, address="Toinen 2", longitude=None, latitude=None)
    said = load(file)
    assert "2 addresses stored, 3 rows refused, 2 sites placed" in said
    for line in (4, 5, 6):
        assert f"line {line}:" in said
    for site in (bare, own, other, flat, next_door):
        site.refresh_from_db()
    assert (flat.longitude, flat.located_by) == (24.95, "gazetteer")  # in the same house
    assert next_door.longitude is None
    assert (bare.longitude, bare.latitude, bare.located_by) == (24.95, 60.17, "gazetteer")
    assert (own.longitude, own.located_by) == (20.0, "")
    assert other.longitude is None
    assert RegisterChange.objects.get(site=bare).new["longitude"] == 24.95
    assert "0 sites placed" in load(file)  # again: nothing doubles, nothing moves
    assert AddressPoint.objects.count() == 2


def test_a_better_gazetteer_moves_what_an_older_one_placed(file):
    site = make_site(
        municipality=make_municipality("091", "Helsinki"), address="Esimerkkikatu 5",
        longitude=None, latitude=None,
    )  # fmt: skip
    load(file)
    file.write_text(POINTS.replace("24,95", "24,96"), encoding="utf-8")
    assert "1 sites placed" in load(file)
    site.refresh_from_db()
    assert site.longitude == 24.96


def test_an_import_takes_the_place_from_the_gazetteer_and_keeps_its_own(file, tmp_path):
    load(file)
    make_authority("PRH")
    make_industry("56")
    load_mappings()
    rows = tmp_path / "sites.csv"
    rows.write_text(
        "id;name;name_sv;business_id;company;industry;municipality;address;postal_code;longitude;"
        "latitude;premises;staff;opened_on\n"
        "1;Baari;;;;56;091;Esimerkkikatu 5;;;;;;\n"
        "2;Kahvila;;;;56;091;Esimerkkikatu 5;;25.0;60.5;;;\n"
        "3;Grilli;;;;56;091;Esimerkkikatu 5 c;;;;;;\n",
        encoding="utf-8",
    )
    for turn in range(2):
        run = new_run(
            kind="sites", format="sites", file_name="s.csv", authority=make_authority("PRH")
        )
        done = perform(claim(run.pk), rows)
        assert (done.state, done.refused_count) == ("done", 0), done.message
        if turn:
            assert done.unchanged_count == 3
    found = Site.objects.order_by("source_key").values_list("longitude", "located_by")
    assert list(found) == [(24.95, "gazetteer"), (25.0, ""), (24.95, "gazetteer")]


def test_a_file_that_is_none_is_refused_in_words(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(CommandError, match="municipality"):
        load(path)
    with pytest.raises(CommandError, match="no file"):
        load(tmp_path / "missing.csv")
