"""Records on their way: resolved, written to the staging table by COPY, one batch a transaction."""

import csv
import datetime as dt
import io
import json
from typing import Any

from django.db import connection

from targets.services.imports.records import (
    CompanyRecord,
    FactRecord,
    RoleRecord,
    SiteRecord,
    VisitRecord,
)
from targets.services.imports.resolve import Industries, Places

SITE = (
    "s_type", "s_locator", "s_name", "s_name_sv", "s_kind", "s_industry", "s_municipality",
    "s_region", "s_address", "s_postal_code", "s_longitude", "s_latitude", "s_staff", "s_status",
    "s_opened", "s_closed",
)  # fmt: skip
COMPANY = (
    "c_business_id", "c_full", "c_name", "c_kind", "c_country", "c_form", "c_status",
    "c_industry", "c_municipality", "c_address", "c_postal_code", "c_website", "c_registered",
    "c_ended", "c_raw", "more",
)  # fmt: skip
VISIT = ("v_about", "v_on", "v_to", "v_kind", "v_outcome", "v_value", "v_told")
COLUMNS = ("run_id", "line", "key", "said_at", *SITE, *COMPANY, *VISIT)
NUMBERS = {
    "run_id", "line", "s_industry", "s_municipality", "s_region", "s_longitude", "s_latitude",
    "s_staff", "s_opened", "s_closed", "said_at", "c_full", "c_industry", "c_municipality",
    "c_registered", "c_ended", "c_raw", "more", "v_on", "v_to", "v_value", "v_told",
}  # fmt: skip
# An empty cell is no value in the columns above and an empty text in the others.
COPY = (
    f"COPY targets_importrow ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv,"
    f" FORCE_NOT_NULL ({', '.join(c for c in COLUMNS if c not in NUMBERS)}))"
)
NO_SITE = (None,) * len(SITE)
NO_COMPANY = ("", "f") + (None,) * (len(COMPANY) - 2)
NO_VISIT = (None,) * len(VISIT)
Record = SiteRecord | CompanyRecord | VisitRecord | FactRecord | RoleRecord


class Stage:
    """Turns the records of one run into rows of the staging table."""

    def __init__(self, run_id: int, country: str = "FI") -> None:
        self.run_id = run_id
        self.places = Places(country)
        self._elsewhere = {country: self.places}
        self.industries = Industries()

    def row(self, line: int, record: Record) -> tuple[Any, ...]:
        """The staging row of a record; Refused when its place or industry is not known."""
        if isinstance(record, SiteRecord):
            company = self._company(record.company) if record.company else NO_COMPANY
            if record.facts or record.links:
                company = (*company[:-1], self.more(record.company, record))
            head = (self.run_id, line, record.source_key, record.updated_at)
            return (*head, *self._site(record), *company, *NO_VISIT)
        if isinstance(record, CompanyRecord):
            head = (self.run_id, line, "", record.updated_at)
            return (*head, *NO_SITE, *self._company(record), *NO_VISIT)
        head = (self.run_id, line, record.source_key, None)
        if isinstance(record, RoleRecord):
            mention = CompanyRecord(business_id=record.business_id, name=record.company_name)
            values: tuple[Any, ...] = (
                record.person,
                record.valid_from,
                record.valid_to,
                record.role,
                "",
                None,
                None,
            )
            return (*head, *NO_SITE, *self._company(mention), *values)
        if isinstance(record, VisitRecord):
            values = (record.site_key, record.on, None, record.kind, record.outcome,
                      _json(record.detail), record.told_on)  # fmt: skip
            return (*head, *NO_SITE, *NO_COMPANY, *values)
        company = (record.business_id, *NO_COMPANY[1:])
        if record.business_id and record.company_name:
            mention = CompanyRecord(business_id=record.business_id, name=record.company_name)
            company = self._company(mention)
        values = (record.site_key, record.valid_from, record.valid_to, record.kind, "",
                  _json(record.value), record.told_on)  # fmt: skip
        return (*head, *NO_SITE, *company, *values)

    def _places(self, country: str) -> Places:
        """The municipalities of the country that a row names."""
        if country not in self._elsewhere:
            self._elsewhere[country] = Places(country)
        return self._elsewhere[country]

    def _site(self, record: SiteRecord) -> tuple[Any, ...]:
        places = self._places(record.country) if record.country else self.places
        place = places.find(record.municipality, record.locality)
        return (
            record.type, record.locator, record.name[:300], record.name_sv[:300], record.kind,
            self.industries.find(record.industry), place.pk if place else None,
            place.region_id if place else None, record.address, record.postal_code,
            record.longitude, record.latitude, record.staff_estimate, record.status,
            record.opened_on, not_before(record.opened_on, record.closed_on),
        )  # fmt: skip

    def _company(self, record: CompanyRecord) -> tuple[Any, ...]:
        place = self.places.find(record.municipality, record.locality)
        return (
            record.business_id, "t" if record.raw else "f", record.name[:300], record.kind,
            record.country, record.form[:20], record.status,
            self.industries.find(record.industry), place.pk if place else None, record.address,
            record.postal_code, record.website[:300], record.registered_on,
            not_before(record.registered_on, record.ended_on),
            _json(record.raw) if record.raw else None, self.more(record, None),
        )  # fmt: skip

    @staticmethod
    def more(company: CompanyRecord | None, site: SiteRecord | None) -> str | None:
        """What hangs on the row, as JSON; None when nothing does."""
        more: dict[str, Any] = {}
        if company is not None:
            if company.names:
                more["names"] = [
                    {"name": n[0], "kind": n[1], "language": n[2], "from": n[3],
                     "to": not_before(n[3], n[4])}
                    for n in {(n[0], n[1], n[3]): n for n in company.names}.values()
                ]  # fmt: skip
            if company.identifiers:
                more["ids"] = [
                    {"scheme": i[0], "country": i[1], "value": i[2]} for i in company.identifiers
                ]
            if company.registrations:
                more["entries"] = [
                    {"register": r[0], "entry": r[1], "from": r[2], "to": r[3]}
                    for r in {(r[0], r[1], r[2]): r for r in company.registrations}.values()
                ]
        if site is not None:
            if site.facts:
                more["facts"] = site.facts
            if site.links:
                more["links"] = site.links
        return _json(more) if more else None


def copy(rows: list[tuple[Any, ...]]) -> None:
    """Add rows to the staging table; DataError when the database refuses a value."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(COPY, text)


def forget(run_id: int) -> None:
    """Empty the staging table of a run."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM targets_importrow WHERE run_id = %s", [run_id])


def _plain(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"{type(value)} is no JSON")


_json = json.JSONEncoder(ensure_ascii=False, default=_plain).encode


def not_before(first: dt.date | None, last: dt.date | None) -> dt.date | None:
    """``last``, but never before ``first`` (registers hold such pairs; the start is trusted)."""
    return max(first, last) if first and last else last
