"""Loads the editions of the industrial classification; can be run again."""

import datetime as dt
from pathlib import Path

import yaml
from django.db import transaction

from authorities.services.reference import rows
from targets.models import Indicator, Industry, IndustryEdition, RetentionClass

EDITIONS = {
    "NACE2": ("NACE Rev. 2", None, None, None),
    "TOL2008": ("TOL 2008", dt.date(2008, 1, 1), dt.date(2025, 12, 31), "NACE2"),
    "NACE21": ("NACE Rev. 2.1", None, None, None),
    "TOL2025": ("TOL 2025", dt.date(2026, 1, 1), None, "NACE21"),
}
FILES = {
    "NACE2": ("nace_rev2.csv",),
    # The upper four levels of TOL are those of NACE; Finnish and Swedish names where they exist.
    "TOL2008": ("nace_rev2.csv", "tol2008_sections_divisions.csv"),
    "NACE21": ("nace_rev21_en.csv",),
    "TOL2025": (
        "nace_rev21_en.csv", "tol2025_translated.csv", "tol2025_sections_divisions.csv",
    ),
}  # fmt: skip
# Editions of which only the upper levels were obtained in Finnish and Swedish: below, a class has the
# names of the edition before where the English name is the same at the same level.
NAMED_BY = {"NACE21": "nace_rev2.csv", "TOL2025": "nace_rev2.csv"}
DEEPEST_LEVEL = 4  # level five of the source file is another country's


@transaction.atomic
def load_industries(folder: Path) -> int:
    """Editions and their classes down to level four; returns the number of classes."""
    for code, (name, first, last, _base) in EDITIONS.items():
        IndustryEdition.objects.update_or_create(
            code=code,
            defaults={
                "name_fi": name, "name_sv": name, "name_en": name, "valid_from": first,
                "valid_to": last,
            },
        )  # fmt: skip
    editions = {edition.code: edition for edition in IndustryEdition.objects.order_by("code")}
    for code, (_name, _first, _last, base) in EDITIONS.items():
        if base:
            IndustryEdition.objects.filter(code=code).update(base=editions[base])
        named_by = folder / NAMED_BY[code] if code in NAMED_BY else None
        _load_edition(editions[code], [folder / name for name in FILES[code]], named_by)
    return Industry.objects.count()


def _name_alike(classes: dict[str, dict[str, str]], file: Path) -> None:
    """Finnish and Swedish names for classes that have none, of the same ones in another edition.

    Many moved to another code unchanged: the same English name at the same level is the same class.
    """
    alike = {(row["level"], row["name_en"].strip()[:200].casefold()): row for row in rows(file)}
    for entry in classes.values():
        row = alike.get((entry["level"], entry.get("name_en", "").strip().casefold()))
        if row:
            entry.setdefault("name_fi", row["name_fi"][:200])
            entry.setdefault("name_sv", row["name_sv"][:200])


def _load_edition(
    edition: IndustryEdition, files: list[Path], named_by: Path | None = None
) -> None:
    classes: dict[str, dict[str, str]] = {}
    for file in files:
        for row in rows(file):
            if int(row["level"]) > DEEPEST_LEVEL:
                continue
            names = {
                "name_en": row.get("name_en") or row.get("name") or "",
                "name_fi": row.get("name_fi") or "",
                "name_sv": row.get("name_sv") or "",
            }
            entry = classes.setdefault(
                row["code"],
                {"parent": row.get("parent") or row.get("parentCode") or "", "level": row["level"]},
            )
            entry.update({key: value[:200] for key, value in names.items() if value})
    if named_by is not None:
        _name_alike(classes, named_by)
    for level in range(1, DEEPEST_LEVEL + 1):
        known = {i.code: i for i in Industry.objects.filter(edition=edition)}
        batch = []
        for code, entry in classes.items():
            if int(entry["level"]) != level:
                continue
            plain = code.replace(".", "")
            parent = known.get(entry["parent"].replace(".", ""))
            if parent and parent.name_en == entry.get("name_en"):  # the only class of its group
                entry.setdefault("name_fi", parent.name_fi)
                entry.setdefault("name_sv", parent.name_sv)
            batch.append(
                Industry(
                    edition=edition,
                    code=plain,
                    level=level,
                    parent=parent,
                    path=f"{parent.path}/{plain}" if parent else plain,
                    name_fi=entry.get("name_fi") or entry.get("name_en", ""),
                    name_sv=entry.get("name_sv", ""),
                    name_en=entry.get("name_en", ""),
                )
            )
        Industry.objects.bulk_create(
            batch,
            update_conflicts=True,
            unique_fields=["edition", "code"],
            update_fields=["level", "parent", "path", "name_fi", "name_sv", "name_en"],
        )


# How long signals are kept, in days. Proposals until each authority has set its own.
RETENTION = (
    ("short", 180, "Lyhyt: puoli vuotta", "Kort: ett halvt år", "Short: half a year"),
    ("normal", 730, "Tavallinen: kaksi vuotta", "Vanlig: två år", "Normal: two years"),
    ("long", 1825, "Pitkä: viisi vuotta", "Lång: fem år", "Long: five years"),
)


@transaction.atomic
def load_indicators(folder: Path) -> int:
    """The ILO's eleven indicators of forced labour, and the retention classes; returns how many."""
    data = yaml.safe_load((folder / "indicators.yaml").read_text(encoding="utf-8"))
    for order, entry in enumerate(data["ilo_indicators"], start=1):
        names = {f"name_{code}": entry["name"][code] for code in ("fi", "sv", "en")}
        Indicator.objects.update_or_create(code=entry["code"], defaults={"order": order, **names})
    for code, days, fi, sv, en in RETENTION:
        RetentionClass.objects.get_or_create(
            code=code, defaults={"days": days, "name_fi": fi, "name_sv": sv, "name_en": en}
        )
    return Indicator.objects.count()
