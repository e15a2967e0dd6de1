"""Coordinates of addresses from a file, for registers that give none. Nothing is asked of others."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone

from audit.context import as_system
from targets.services.imports.changed import tell
from targets.services.imports.readers import survey_table, table_rows
from targets.services.imports.records import FileRefused, Refused, number, text
from targets.services.imports.resolve import Places
from targets.services.places import point_of

COLUMNS = ("municipality", "address", "longitude", "latitude")
BATCH = 20_000
WHY = "a gazetteer belongs to all"

UPSERT = """INSERT INTO targets_addresspoint
        (municipality_id, key, longitude, latitude, source, loaded_at)
    SELECT DISTINCT ON (g.municipality, targets_normal(g.address))
           g.municipality, left(targets_normal(g.address), 200), g.longitude, g.latitude,
           %(source)s, %(now)s
      FROM gazetteer g WHERE targets_normal(g.address) <> ''
     ORDER BY g.municipality, targets_normal(g.address)
    ON CONFLICT (municipality_id, key) DO UPDATE
       SET longitude = excluded.longitude, latitude = excluded.latitude,
           source = excluded.source, loaded_at = excluded.loaded_at"""
# A source's own coordinates are never touched; what an older gazetteer gave is.
LOCATE = f"""WITH found AS MATERIALIZED (
      SELECT s.id, s.longitude AS x, s.latitude AS y, s.located_by AS by, p.longitude, p.latitude
        FROM targets_site s
        CROSS JOIN LATERAL ({point_of("s.municipality_id", "s.address", "s.address <> ''")}) p
       WHERE (s.longitude IS NULL OR s.located_by = 'gazetteer') AND s.id > %(after)s
         AND (s.longitude, s.latitude) IS DISTINCT FROM (p.longitude, p.latitude)
       ORDER BY s.id LIMIT %(limit)s),
    placed AS (
      UPDATE targets_site s SET longitude = f.longitude, latitude = f.latitude,
             located_by = 'gazetteer', updated_at = %(now)s
        FROM found f WHERE f.id = s.id
         AND (s.longitude, s.latitude) IS NOT DISTINCT FROM (f.x, f.y) RETURNING s.id),
    noted AS (
      INSERT INTO targets_registerchange (site_id, old, new, source, undo, at)
      SELECT f.id,
             jsonb_build_object('longitude', f.x, 'latitude', f.y, 'located_by', f.by),
             jsonb_build_object('longitude', f.longitude, 'latitude', f.latitude,
                                'located_by', 'gazetteer'),
             'gazetteer', false, %(now)s
        FROM found f JOIN placed p ON p.id = f.id)
    SELECT (SELECT array_agg(f.id ORDER BY f.id) FROM found f),
           (SELECT array_agg(p.id) FROM placed p)"""  # noqa: S608  # our names


@dataclass
class Loaded:
    """How many addresses were stored, how many rows refused and why, how many sites found a place."""

    addresses: int = 0
    refused: int = 0
    located: int = 0
    reasons: list[tuple[int, str, str]] = field(default_factory=list)  # line, code, value


def load_gazetteer(path: Path, *, source: str = "") -> Loaded:
    """Read a CSV or Parquet file with ``COLUMNS`` (degrees, WGS 84) and place sites without a place.

    May be repeated. Raises FileRefused when the file cannot be read.
    """
    survey = survey_table(path, COLUMNS, {}, lambda: None)
    for name in COLUMNS:
        if name not in survey.columns:
            shown = ", ".join(survey.columns[:30])
            raise FileRefused("no_columns", column=name, mapping="gazetteer", found=shown)
    loaded = Loaded()
    with transaction.atomic(), as_system(WHY):
        places = Places()
    batch: list[tuple[int, str, float, float]] = []
    for row in _rows(table_rows(path, survey), places, loaded):
        batch.append(row)
        if len(batch) == BATCH:
            loaded.addresses += _store(batch, source or path.name)
            batch = []
    loaded.addresses += _store(batch, source or path.name)
    loaded.located = locate()
    return loaded


def _rows(
    rows: Iterable[tuple[int, dict[str, object]]], places: Places, loaded: Loaded
) -> Iterator[tuple[int, str, float, float]]:
    for line, row in rows:
        try:
            yield _point(row, places)
        except Refused as refusal:
            loaded.refused += 1
            if len(loaded.reasons) < 20:
                loaded.reasons.append((line, refusal.code, refusal.value))


def _point(row: dict[str, object], places: Places) -> tuple[int, str, float, float]:
    place = places.find(text(row.get("municipality")))
    address = text(row.get("address"))
    longitude, latitude = (
        number(row.get("longitude"), "longitude"),
        number(row.get("latitude"), "latitude"),
    )
    if place is None or not address or longitude is None or latitude is None:
        raise Refused("address", "missing", address)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise Refused("longitude", "coordinates", f"{longitude}, {latitude}")
    return place.pk, address, longitude, latitude


def _store(batch: list[tuple[int, str, float, float]], source: str) -> int:
    if not batch:
        return 0
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(batch)
    file.seek(0)
    with transaction.atomic(), as_system(WHY), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE gazetteer (municipality bigint, address text, longitude float8,"
            " latitude float8) ON COMMIT DROP"
        )
        cursor.copy_expert("COPY gazetteer FROM STDIN WITH (FORMAT csv)", file)
        cursor.execute(UPSERT, {"source": source[:60], "now": timezone.now()})
        stored = int(cursor.rowcount)
        cursor.execute("DROP TABLE gazetteer")
        return stored


def locate(limit: int = 10_000) -> int:
    """Give sites with a known address and no coordinates of their own a place; returns how many."""
    after = total = 0
    while True:
        with transaction.atomic(), as_system(WHY), connection.cursor() as cursor:
            cursor.execute(LOCATE, {"after": after, "limit": limit, "now": timezone.now()})
            found, placed = cursor.fetchone()
            tell(sites=placed or [], companies=[])
        total += len(placed or [])
        if not found:
            return total
        after = found[-1]
