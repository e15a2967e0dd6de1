"""What is compared: public rows of the register, brought to their comparable form.

Read without a person and without an authority (``audit.context.NOBODY``): the database itself then
shows no row that belongs to anybody, so that nothing undisclosed can influence a pair.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from audit.context import NOBODY, using
from targets.services.identity import normalise

BATCH = 20_000
SITES = """
    SELECT s.id, coalesce(s.merged_into_id, s.id), s.source,
           array[s.name, s.name_fi, s.name_sv, s.name_en],
           c.name, ARRAY(SELECT n.name FROM targets_companyname n WHERE n.company_id = c.id),
           s.address, s.postal_code, s.municipality_id, coalesce(m.country, 'FI'),
           c.business_id,
           ARRAY(SELECT i.scheme || '|' || i.country || '|' || i.value
                   FROM targets_companyidentifier i WHERE i.company_id = c.id),
           s.latitude, s.longitude,
           %(since)s::timestamptz IS NULL OR s.updated_at >= %(since)s OR c.updated_at >= %(since)s
      FROM targets_site s
      LEFT JOIN targets_company c ON c.id = s.company_id
      LEFT JOIN authorities_area m ON m.id = s.municipality_id
     WHERE s.id > %(after)s ORDER BY s.id LIMIT %(batch)s"""
COMPANIES = """
    SELECT c.id, coalesce(c.merged_into_id, c.id), c.source, array[c.name],
           NULL, ARRAY(SELECT n.name FROM targets_companyname n WHERE n.company_id = c.id),
           c.address, c.postal_code, c.municipality_id, coalesce(m.country, c.country),
           c.business_id,
           ARRAY(SELECT i.scheme || '|' || i.country || '|' || i.value
                   FROM targets_companyidentifier i WHERE i.company_id = c.id),
           NULL, NULL, %(since)s::timestamptz IS NULL OR c.updated_at >= %(since)s
      FROM targets_company c
      LEFT JOIN authorities_area m ON m.id = c.municipality_id
     WHERE c.id > %(after)s ORDER BY c.id LIMIT %(batch)s"""


@dataclass(frozen=True)
class Row:
    """One row of the register as its source wrote it. ``part``: the row that stands for it."""

    id: int
    part: int
    source: str
    names: list[str]
    firm: str | None = None
    firm_names: list[str] = field(default_factory=list)
    address: str = ""
    postal_code: str = ""
    place: int | None = None
    country: str = "FI"
    business_id: str | None = None
    identifiers: list[str] = field(default_factory=list)  # "scheme|country|value"
    latitude: float | None = None
    longitude: float | None = None
    changed: bool = True


# Columns of the comparable form and their types in the engine.
COLUMNS = {
    "unique_id": "BIGINT", "part": "BIGINT", "source": "VARCHAR", "name_key": "VARCHAR",
    "name_plain": "VARCHAR", "first_word": "VARCHAR", "initials": "VARCHAR",
    "names": "VARCHAR[]", "street": "VARCHAR",
    "number": "VARCHAR", "address_key": "VARCHAR", "postal_code": "VARCHAR", "place": "BIGINT",
    "firm_id": "VARCHAR", "registered": "BOOLEAN", "latitude": "DOUBLE", "longitude": "DOUBLE",
    "changed": "BOOLEAN",
}  # fmt: skip


def read(kind: str, since: dt.datetime | None = None) -> Iterator[list[Row]]:
    """All rows of the register in batches, each in a transaction of its own and with nobody's eyes.

    Those older than ``since`` come as not changed.
    """
    after = 0
    while True:
        with transaction.atomic(), using(NOBODY), connection.cursor() as cursor:
            cursor.execute(
                SITES if kind == "site" else COMPANIES,
                {"since": since, "after": after, "batch": BATCH},
            )
            batch = [Row(*values) for values in cursor.fetchall()]
        if not batch:
            return
        after = batch[-1].id
        yield batch


def comparable(rows: Iterable[Row]) -> dict[str, list[Any]]:
    """Columns for the engine; what is not known is None, so that it counts neither way."""
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for row in rows:
        for name, value in zip(COLUMNS, _comparable(row), strict=True):
            table[name].append(value)
    return table


def _comparable(row: Row) -> tuple[Any, ...]:
    name = normalise.name(row.names[0])
    known = dict.fromkeys([*row.names, row.firm or "", *row.firm_names])
    keys = dict.fromkeys(normalise.name(text).key for text in known if text)
    address = normalise.address(row.address)
    firm = firm_id(row.business_id, row.identifiers)
    return (
        row.id, row.part, row.source, name.key or None, name.plain or None, name.first or None,
        name.initials or None, [key for key in keys if key] or None, address.street or None,
        address.number or None,
        address.key or None, normalise.postal_code(row.postal_code, row.country) or None,
        row.place, firm, bool(row.business_id), row.latitude, row.longitude, row.changed,
    )  # fmt: skip


def firm_id(business_id: str | None, identifiers: list[str]) -> str | None:
    """One identifier of the firm: the Finnish business id if any is behind them, else a foreign one.

    Those that fail their check are no evidence and are left out.
    """
    if business_id:
        return business_id
    foreign = []
    for text in identifiers:
        scheme, country, value = text.split("|", 2)
        checked = normalise.identifier(scheme, country, value)
        if checked.valid is False:
            continue
        finnish = normalise.business_id(checked.value)
        if finnish and (country in ("", "FI") or checked.value.startswith("FI")):
            return finnish
        foreign.append(checked.value if scheme == "vat" else f"{country}{checked.value}")
    return min(foreign, default=None)
