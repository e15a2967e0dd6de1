"""The company register's JSON, version 3, into records; tolerant of every shape seen in the wild."""

import datetime as dt
from typing import Any

from django.utils import timezone

from targets.services.imports.records import (
    COMPANY_KINDS,
    CompanyRecord,
    Refused,
    SiteRecord,
    business_id,
    date,
    storable,
    text,
)

EDITION_OF_CODE_SET = {"TOIMI4": "TOL2025", "TOIMI3": "TOL2008", "TOIMI2": "TOL2008"}
NAME_KINDS = {"1": "trade", "2": "parallel", "3": "auxiliary"}
REGISTERS = {
    "1": "trade", "5": "prepayment", "6": "vat", "7": "employer", "4": "trade_other",
}  # fmt: skip
UNKNOWN_INDUSTRIES = {"00000", "X", "X0000"}  # the register's "industry not known"
SITUATIONS = {"KONK": "bankrupt", "SELTILA": "liquidation", "SANE": "restructuring"}


def _list(value: Any) -> list[Any]:
    """A list, whether the source gave a list, one object, or nothing."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; plain values among them become ``{"type": value}``."""
    found = [v if isinstance(v, dict) else {"type": v} for v in _list(value) if v is not None]
    return [entry for entry in found if not isinstance(entry.get("type"), list | dict)]


def record(data: Any) -> SiteRecord | CompanyRecord:
    """A company with a site at its visiting address, or the company alone when it has none."""
    if not isinstance(data, dict):
        raise Refused("", "record_shape", data)
    data = storable(data)
    identifier = data.get("businessId")
    value = identifier.get("value") if isinstance(identifier, dict) else identifier
    if not value:
        raise Refused("businessId", "missing")
    code = business_id(value)
    form = _form(data)
    company = CompanyRecord(
        business_id=code,
        name="",
        form=form,
        kind=COMPANY_KINDS.get(form.upper(), "legal"),
        website=_website(data),
        registered_on=date(
            data.get("registrationDate")
            or (identifier.get("registrationDate") if isinstance(identifier, dict) else None),
            "registrationDate",
        ),
        ended_on=date(data.get("endDate"), "endDate"),
        updated_at=moment(data.get("lastModified")),
        raw=data,
    )
    _names(company, data)
    _registrations(company, data)
    company.status = _status(company, data)
    line = next(iter(_objects(data.get("mainBusinessLine"))), {})
    industry = text(line.get("type")).replace(".", "")
    if industry and industry not in UNKNOWN_INDUSTRIES:
        edition = EDITION_OF_CODE_SET.get(text(line.get("typeCodeSet")), "TOL2025")
        company.industry = (edition, industry)
    euid = data.get("euId")
    euid = text(euid.get("value") if isinstance(euid, dict) else euid)
    if len(euid) > 80:
        raise Refused("euId", "too_long", euid)
    if euid:
        company.identifiers.append(("euid", "FI", euid))
    visiting = _address(company, data)
    if visiting is None:
        return company
    return SiteRecord(
        source_key=code,
        name=_shown_name(company),
        company=company,
        industry=company.industry,
        municipality=company.municipality,
        locality=company.locality,
        address=company.address,
        postal_code=company.postal_code,
        status="closed" if company.ended_on else "active",
        opened_on=company.registered_on,
        closed_on=company.ended_on,
        updated_at=company.updated_at,
    )


def _form(data: dict[str, Any]) -> str:
    """The form without an end, else the last one; a code or letters, a list or one object."""
    forms = _objects(data.get("companyForms"))
    current = [entry for entry in forms if not entry.get("endDate")] or forms[-1:]
    return text(current[0].get("type")) if current else ""


def _website(data: dict[str, Any]) -> str:
    site = next(iter(_objects(data.get("website"))), {})
    return text(site.get("url") or site.get("type"))[:300]


def moment(value: Any) -> dt.datetime | None:
    """``YYYY-MM-DD HH:MM:SS`` in the register's local time; None when it is not one."""
    try:
        moment = dt.datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _names(company: CompanyRecord, data: dict[str, Any]) -> None:
    for entry in _objects(data.get("names")):
        name = text(entry.get("name"))[:300]
        if not name:
            continue
        kind = NAME_KINDS.get(text(entry.get("type")), "trade")
        last = date(entry.get("endDate"), "names.endDate")
        company.names.append(
            (name, kind, "", date(entry.get("registrationDate"), "names.registrationDate"), last)
        )
        if kind == "trade" and last is None and not company.name:
            company.name = name
    if not company.name:
        company.name = company.names[0][0] if company.names else company.business_id or ""


def _shown_name(company: CompanyRecord) -> str:
    """The sign over the door is more often the auxiliary name."""
    current = [n for n in company.names if n[1] == "auxiliary" and n[4] is None]
    return current[0][0] if len(current) == 1 else company.name


def _registrations(company: CompanyRecord, data: dict[str, Any]) -> None:
    for entry in _objects(data.get("registeredEntries")):
        company.registrations.append(
            (
                REGISTERS.get(text(entry.get("register")), text(entry.get("register"))[:40]),
                text(entry.get("type"))[:40],
                date(entry.get("registrationDate"), "registeredEntries.registrationDate"),
                date(entry.get("endDate"), "registeredEntries.endDate"),
            )
        )


def _status(company: CompanyRecord, data: dict[str, Any]) -> str:
    for entry in _objects(data.get("companySituations")):
        kind = text(entry.get("type")).upper()
        if not entry.get("endDate") and kind in SITUATIONS:
            return SITUATIONS[kind]
    if company.ended_on or text(data.get("tradeRegisterStatus")) in {"2", "3"}:
        return "ceased"
    return "active"


def _address(company: CompanyRecord, data: dict[str, Any]) -> dict[str, Any] | None:
    """Fill in the visiting address (type 1); returns it, or None when there is only a postal one."""
    addresses = [a for a in _list(data.get("addresses")) if isinstance(a, dict)]
    visiting = [a for a in addresses if text(a.get("type")) == "1"]
    chosen = next(iter(visiting or addresses), None)
    if chosen is None:
        return None
    offices = [o for o in _list(chosen.get("postOffices")) if isinstance(o, dict)]
    if text(chosen.get("country")).upper() in {"", "FI", "FIN", "SUOMI", "FINLAND"}:
        company.municipality = next(
            (text(o.get("municipalityCode")) for o in offices if o.get("municipalityCode")), ""
        )
        company.locality = next((text(o.get("city")) for o in offices if o.get("city")), "")
    parts = [text(chosen.get(k)) for k in ("street", "buildingNumber", "entrance")]
    company.address = (" ".join(p for p in parts if p) or text(chosen.get("freeAddressLine")))[:300]
    company.postal_code = text(chosen.get("postCode"))[:20]
    return chosen if visiting else None
