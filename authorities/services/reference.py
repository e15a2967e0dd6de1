"""Loads areas, authorities and their base units from files; can be run again at any time.

Rows that vanish from a file are not deleted: they get an end date by hand or by the successor
files, because history keeps the old names.
"""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from authorities.models import Area, AreaKind, Authority, Succession, Unit
from authorities.services.people import ensure_role_groups

NAMES = ("name_fi", "name_sv", "name_en")
DISTRICT_FILES = {
    AreaKind.POLICE_DEPARTMENT: ("police_departments.csv", "police_department"),
    AreaKind.ECONOMIC_CENTRE: ("economic_development_centres.csv", "economic_development_centre"),
    AreaKind.WELLBEING_COUNTY: ("wellbeing_counties.csv", "wellbeing_county"),
    AreaKind.EMPLOYMENT_AREA: ("employment_areas.csv", "employment_area"),
}


def rows(file: Path) -> Iterator[dict[str, str]]:
    """Rows of a CSV file (UTF-8, header line)."""
    with file.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def upsert_area(kind: str, code: str, *, country: str = "FI", **values: Any) -> Area:
    """Make or renew one area of a kind, country and code."""
    area, _created = Area.objects.update_or_create(
        kind=kind, country=country, code=code, valid_from=values.pop("valid_from", None),
        defaults=values,
    )  # fmt: skip
    return area


@transaction.atomic
def load_areas(folder: Path) -> int:
    """Regions, districts and municipalities of Finland; returns the number of areas."""
    upsert_area(AreaKind.COUNTRY, "FI", name_fi="Suomi", name_sv="Finland", name_en="Finland")
    regions = {
        row["code"]: upsert_area(AreaKind.REGION, row["code"], **{n: row[n] for n in NAMES})
        for row in rows(folder / "regions.csv")
    }
    districts: dict[tuple[str, str], Area] = {}
    for kind, (file, _column) in DISTRICT_FILES.items():
        for row in rows(folder / file):
            area = upsert_area(kind, row["code"], **{n: row[n] for n in NAMES})
            districts[kind, row["code"]] = area
    municipalities: dict[str, Area] = {}
    for row in rows(folder / "municipalities.csv"):
        area = upsert_area(
            AreaKind.MUNICIPALITY, row["code"], region=regions[row["region_code"]],
            longitude=float(row["lon"]), latitude=float(row["lat"]),
            **{n: row[n] for n in NAMES},
        )  # fmt: skip
        municipalities[row["code"]] = area
        area.districts.set(
            districts[kind, row[column]]
            for kind, (_file, column) in DISTRICT_FILES.items()
            if (kind, row[column]) in districts
        )
    for row in rows(folder / "former_municipalities.csv"):
        merged = municipalities[row["merged_into"]]
        upsert_area(
            AreaKind.MUNICIPALITY, row["code"], name_fi=row["name_fi"], name_sv=row["name_sv"],
            region=merged.region, successor=merged,
            valid_to=dt.date.fromisoformat(row["valid_to"]),
        )  # fmt: skip
    return Area.objects.count()


@transaction.atomic
def load_authorities(folder: Path) -> int:
    """Authorities with parents, dates and successors, and one head unit each; returns how many."""
    entries = yaml.safe_load((folder / "authorities.yaml").read_text(encoding="utf-8"))[
        "authorities"
    ]
    loaded: dict[str, Authority] = {}
    for entry in entries:
        name, mission = entry["name"], entry.get("mission", {})
        short = entry.get("short", {})
        loaded[entry["code"]], _created = Authority.objects.update_or_create(
            code=entry["code"],
            defaults={
                **{f"name_{code}": name.get(code, "") for code in ("fi", "sv", "en")},
                **{f"short_{code}": short.get(code, "") for code in ("fi", "sv", "en")},
                **{f"mission_{code}": mission.get(code, "") for code in ("fi", "sv", "en")},
                "kind": entry["kind"],
                "region_model": entry.get("region_model", ""),
                "website": entry.get("website", ""),
                "inspects": "inspects" in entry.get("roles", []),
                "source_confidence": entry.get("confidence", ""),
                "valid_from": entry.get("valid_from"),
                "valid_to": entry.get("valid_to"),
            },
        )
    for entry in entries:
        authority = loaded[entry["code"]]
        authority.parent = loaded.get(entry.get("parent", ""))
        authority.save(update_fields=["parent"])
        successor = loaded.get(entry.get("successor", ""))
        if successor is not None and authority.valid_to is not None:
            _succeed(authority, successor, entry.get("successor_note", ""))
        for code in entry.get("predecessors", []):
            if code in loaded and loaded[code].valid_to is not None:
                _succeed(loaded[code], authority, "")
    for authority in loaded.values():
        _head_unit(authority)
    _district_units(loaded, folder)
    return len(loaded)


def _succeed(predecessor: Authority, successor: Authority, note: str) -> None:
    assert predecessor.valid_to is not None
    Succession.objects.update_or_create(
        predecessor=predecessor,
        successor=successor,
        on=predecessor.valid_to + dt.timedelta(days=1),
        defaults={"note": note},
    )


def _head_unit(authority: Authority) -> Unit:
    unit, created = Unit.objects.get_or_create(
        authority=authority, code="HEAD", defaults={n: getattr(authority, n) for n in NAMES}
    )
    if created:
        unit.valid_from, unit.valid_to = authority.valid_from, authority.valid_to
        unit.save()
    ensure_role_groups(unit)
    return unit


def _district_units(loaded: dict[str, Authority], folder: Path) -> None:
    """Police departments, economic development centres and former districts as units."""
    for code, kind in (("POLICE", AreaKind.POLICE_DEPARTMENT), ("EVK", AreaKind.ECONOMIC_CENTRE)):
        head = Unit.objects.get(authority=loaded[code], code="HEAD")
        for area in Area.objects.filter(kind=kind, country="FI").order_by("code"):
            unit, _created = Unit.objects.update_or_create(
                authority=loaded[code], code=area.code,
                defaults={"parent": head, **{n: getattr(area, n) for n in NAMES}},
            )  # fmt: skip
            unit.areas.set([area])
            ensure_role_groups(unit)
    for row in rows(folder / "former_authorities.csv"):
        authority = loaded.get(row["kind"])
        if authority is None or row["code"] == row["kind"]:
            continue
        ended = dt.date.fromisoformat(row["valid_to"]) if row["valid_to"] else authority.valid_to
        Unit.objects.update_or_create(
            authority=authority, code=row["code"],
            defaults={**{n: row[n] for n in NAMES}, "valid_to": ended},
        )  # fmt: skip
