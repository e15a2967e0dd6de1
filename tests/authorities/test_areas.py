"""The areas that are loaded, held against the classification they come from."""

import csv
from io import StringIO

import pytest
from django.core.management import call_command

from authorities.models import Area
from tests.shared import SHARED, needs_shared

# Kind of area: its columns in the key begin so.
DISTRICTS = {
    "wellbeing_county": "hyvinvointialue",
    "employment_area": "tyollisyysalue",
    "economic_development_centre": "evk",
}
ALAND = "21"  # has no centre of the mainland, though the key gives one

pytestmark = pytest.mark.django_db


@needs_shared
def test_every_municipality_has_the_names_and_districts_of_this_year():
    call_command("load_reference", stdout=StringIO())
    ours = Area.objects.filter(kind="municipality", country="FI", valid_to=None)
    loaded = {
        area.code: area for area in ours.select_related("region").prefetch_related("districts")
    }
    with (SHARED / "finland-areas" / "municipality_key_2026.csv").open() as file:
        rows = [{name: text.strip() for name, text in row.items()} for row in csv.DictReader(file)]
    key = {row["kunta"].zfill(3): row for row in rows}
    assert set(loaded) == set(key)
    for code, row in key.items():
        area = loaded[code]
        assert (area.name_fi, area.name_sv) == (row["kunta_name"], row["municipality_name_sv"])
        region = area.region
        assert (region.code, region.name_fi, region.name_sv) == (
            row["maakunta_code"].zfill(2), row["maakunta_name_fi"], row["maakunta_name_sv"],
        )  # fmt: skip
        of_kind = {district.kind: district for district in area.districts.all()}
        for kind, column in DISTRICTS.items():
            if region.code == ALAND and column == "evk":
                assert kind not in of_kind
                continue
            assert of_kind[kind].code.lstrip("0") == row[f"{column}_code"], (code, kind)
            assert of_kind[kind].name_sv == row[f"{column}_name_sv"]
