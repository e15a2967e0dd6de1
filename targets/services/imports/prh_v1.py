"""The company register's older JSON (BIS, version 1), still found in old exports.

It is brought to the shape of version 3 and read by the same rules.
"""

import datetime as dt
from typing import Any

from targets.services.imports import prh
from targets.services.imports.records import CompanyRecord, Refused, SiteRecord, text

SITUATION_OF = {"selvitystila": "SELTILA", "konkurssi": "KONK", "saneeraus": "SANE"}


def _rows(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [row for row in data.get(name) or [] if isinstance(row, dict)]


def _finnish(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a language stands there; the Finnish ones, or all when there are none."""
    return [r for r in rows if text(r.get("language")).upper() in ("", "FI")] or rows


def _name(row: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "name": row.get("name"), "type": kind, "registrationDate": row.get("registrationDate"),
        "endDate": row.get("endDate"),
    }  # fmt: skip


def _address(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": text(row.get("type")), "street": row.get("street"),
        "postCode": text(row.get("postCode")), "country": row.get("country"),
        "postOffices": [{"city": row.get("city")}],
    }  # fmt: skip


def _situations(data: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for row in _rows(data, "liquidations"):
        words = text(row.get("description") or row.get("type")).lower()
        kind = next((code for word, code in SITUATION_OF.items() if word in words), "SELTILA")
        found.append({"type": kind, "endDate": row.get("endDate")})
    return found


def record(data: Any) -> SiteRecord | CompanyRecord:
    """A record of version 1 by the rules of ``prh.record``; the record itself is kept as it was."""
    if not isinstance(data, dict):
        raise Refused("", "record_shape", data)
    lines = [r for r in _finnish(_rows(data, "businessLines")) if not r.get("endDate")]
    line = min(lines, key=lambda r: text(r.get("order")), default=None)
    shaped = {
        "businessId": data.get("businessId"),
        "registrationDate": data.get("registrationDate"),
        "names": [
            *(_name(r, "1") for r in _rows(data, "names") or [data]),
            *(_name(r, "3") for r in _rows(data, "auxiliaryNames")),
        ],
        "companyForms": [{"type": data.get("companyForm")}] if data.get("companyForm") else [],
        "mainBusinessLine": {"type": line.get("code"), "typeCodeSet": "TOIMI3"} if line else None,
        "addresses": [_address(r) for r in _rows(data, "addresses") if not r.get("endDate")],
        "registeredEntries": [
            {**r, "type": r.get("description") or r.get("status")}
            for r in _finnish(_rows(data, "registeredEntries"))
        ],
        "companySituations": _situations(data),
        "endDate": data.get("endDate"),
    }  # fmt: skip
    made = prh.record(shaped)
    company = made.company if isinstance(made, SiteRecord) else made
    assert company is not None
    company.raw = prh.storable(data)
    company.updated_at = _latest(data)
    if isinstance(made, SiteRecord):
        made.updated_at = company.updated_at
    return made


def _latest(data: dict[str, Any]) -> dt.datetime | None:
    """The last day the record speaks of: an old export must not pass for news."""
    days = [data.get("registrationDate")]
    for rows in data.values():
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict):
                days += [row.get("registrationDate"), row.get("endDate"), row.get("statusDate")]
    return prh.moment(max((text(day) for day in days if day), default=""))
