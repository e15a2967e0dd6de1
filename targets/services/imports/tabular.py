"""Tables (CSV, Parquet) into records through a saved column mapping.

``columns`` maps our fields to the file's columns; ``key`` may be a list of columns. ``options``:
``source`` (register the keys belong to), ``name_template`` (for registers without names),
``country``, ``municipality`` (one for the whole file), ``industry`` (``[edition, code]`` for the
whole file or an edition for a column), ``postal_width``, ``outcome`` (``map`` or ``bins``; ``else``
with a ``column`` and ``map`` where it is empty), ``optional`` (fields whose column a file may lack),
``detail`` (columns kept as they are), ``fact`` (kind of facts), ``values`` (name → column of what a
fact says), ``facts`` and ``links`` (what rows of sites say besides), ``type`` (of the sites),
``aliases`` (municipality nicknames), ``repeats`` (a site stands on several rows, one a visit; a visit
on several, one a finding), ``no_visit`` (a day that stands for none), ``mixed_address`` and
``loose_industry`` (cells as people fill them), ``own`` (keys are the importing authority's numbers).
"""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Container
from math import isfinite
from typing import Any

from django.utils import timezone

from targets.models import SITE_DETAILS, SiteType, details_of
from targets.services.imports import foreign
from targets.services.imports.addresses import Place, taken_apart, written_whole
from targets.services.imports.records import (
    COMPANY_KINDS,
    CompanyRecord,
    FactRecord,
    Refused,
    RoleRecord,
    SiteRecord,
    VisitRecord,
    business_id,
    check_marks,
    check_personal_codes,
    date,
    number,
    person_key,
    text,
)

MAX_KEY = 80  # as long as a key of a site may be
SITE_TYPES = frozenset(SiteType.values)
# A leading zero or plus is part of a code, not of a number.
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})([.,][0-9]{1,10})?")


def _as_number(cell: str) -> int | float | str:
    if not PLAIN_NUMBER.fullmatch(cell):
        return cell
    value = float(cell.replace(",", "."))
    return int(value) if value.is_integer() else value


class Table:
    """One mapping at work on one file."""

    def __init__(
        self, columns: dict[str, Any], options: dict[str, Any], *, private: bool = False
    ) -> None:
        """``private``: what rows of sites say besides is its owner's alone, so the number of people
        and the days, which everybody would read with the site (and a last day in its state), are
        left to a fact of their own."""
        self.columns = columns
        self.options = options
        self.private = private
        self.details = details_of(columns, options) if private else []
        # Hashes, not keys: a few tens of bytes a row however long the keys are.
        self._seen: set[int] = set()
        self._again: Counter[int] = Counter()
        self._used = self._columns_used()

    def _columns_used(self) -> set[str]:
        """Every column of the file that the mapping takes something from."""
        used = {*self._named(self.columns), *self.options.get("detail", [])}
        used |= set(self.options.get("values", {}).values())
        for rule in [*self.options.get("facts", []), *self.options.get("links", [])]:
            used |= {v for k, v in rule.items() if k != "kind" and isinstance(v, str)}
            used |= set(rule.get("columns", {}).values())
        return used

    def needed(self) -> list[str]:
        """Columns that the file must have."""
        return self._named(set(self.columns) - set(self.options.get("optional", [])))

    def _named(self, fields: Container[str]) -> list[str]:
        names: list[str] = []
        for field, value in self.columns.items():
            if field in fields:
                names += value if isinstance(value, list) else [value]
        return names

    def _value(self, row: dict[str, Any], field: str) -> Any:
        column = self.columns.get(field)
        return row.get(column) if column else None

    def _number(self, row: dict[str, Any], field: str) -> float | None:
        value = self._value(row, field)
        return None if value is None else number(value, field)

    def _date(self, row: dict[str, Any], field: str) -> dt.date | None:
        value = self._value(row, field)
        return None if value is None else date(value, field)

    def _text(self, row: dict[str, Any], field: str, limit: int = 300) -> str:
        column = self.columns.get(field)
        if not column:  # most of the fields of most files
            return ""
        value = row.get(column)
        if value is None:
            return ""
        if type(value) is str and value.isascii() and "\0" not in value:
            value = value.strip()  # as ``text`` does, without the call: a dozen times a row
        else:
            value = text(value)
        if len(value) > limit:
            raise Refused(field, "too_long", value[:80])
        return value

    def _key(self, row: dict[str, Any], field: str = "key") -> str:
        column = self.columns[field]
        names = column if isinstance(column, list) else [column]
        values = [text(row.get(name)) for name in names]
        if not all(values):
            raise Refused(field, "missing")
        key = "|".join(v.replace(" 00:00:00", "") for v in values)
        if len(key) <= MAX_KEY:
            return key
        if len(names) == 1:
            raise Refused(field, "too_long", key)
        # Put together from columns of words: its beginning, and what tells it from all others.
        return f"{key[: MAX_KEY - 33]}#{hashlib.sha256(key.encode()).hexdigest()[:32]}"

    def key_of(self, row: dict[str, Any]) -> str | None:
        """The key of a row that may have been refused; None when it does not tell one."""
        try:
            return self._key(row)
        except Refused:
            return None

    def _times(self, key: str) -> int:
        """How many rows with this key have come, this one included."""
        mark = hash(key)
        if mark not in self._seen:
            self._seen.add(mark)
            return 1
        self._again[mark] += 1
        return self._again[mark] + 1

    def _check(self, row: dict[str, Any]) -> None:
        check_marks(row, self._used)
        check_personal_codes(row)

    def site(self, row: dict[str, Any]) -> SiteRecord | None:
        """A site, or None when the file has named it before and is one of a row a visit."""
        self._check(row)
        key = self._key(row)
        if hash(key) in self._seen:
            if self.options.get("repeats"):
                return None
            raise Refused("key", "duplicate", key)
        record = self._site(row, key)
        self._seen.add(hash(key))
        return record

    def _site(self, row: dict[str, Any], key: str) -> SiteRecord:
        template = self.options.get("name_template")
        name = self._text(row, "name") or (template.format(key=key) if template else "")
        if not name:
            raise Refused("name", "missing")
        longitude = self._number(row, "longitude")
        latitude = self._number(row, "latitude")
        if (longitude is None) != (latitude is None) or longitude == latitude == 0:
            longitude = latitude = None  # many registers write two zeros for "not known"
        if (
            longitude is not None
            and latitude is not None
            and not (-180 <= longitude <= 180 and -90 <= latitude <= 90)
        ):
            raise Refused("longitude", "coordinates", f"{longitude}, {latitude}")
        postal = self._postal_code(row)
        address, locality = self._text(row, "address"), self._text(row, "locality")
        country = self._text(row, "country", 2).upper()
        opened = self._date(row, "opened_on")
        closed = self._date(row, "closed_on")
        if opened and closed and closed < opened:
            raise Refused("closed_on", "dates_order", closed)
        municipality = self._text(row, "municipality")
        municipality = self.options.get("aliases", {}).get(municipality.upper(), municipality)
        if self.options.get("mixed_address") and address:
            place = taken_apart(address, municipality)
            address, postal = place.address, postal or place.postal_code
            locality = locality or place.locality
            if longitude is None:
                longitude, latitude = place.longitude, place.latitude
        elif not (postal or locality) and (whole := self._whole_address(address, country)):
            address, postal, locality = whole.address, whole.postal_code, whole.locality
        staff = self._number(row, "staff_estimate")
        if staff is not None and not 0 <= staff < 10_000_000:
            raise Refused("staff_estimate", "range", staff)
        return SiteRecord(
            type=self._type(row),
            locator=self._text(row, "locator", 200),
            facts=self._facts_of_site(row),
            links=self._links(row),
            source_key=key,
            name=name,
            name_sv=self._text(row, "name_sv"),
            kind=self._text(row, "kind", 40) or self.options.get("kind", ""),
            company=self._company(row),
            industry=self._industry(row),
            country=country,
            municipality=municipality or self.options.get("municipality", ""),
            locality=locality,
            address=address,
            postal_code=postal,
            longitude=longitude,
            latitude=latitude,
            staff_estimate=int(staff) if staff is not None and not self.private else None,
            status=self._status(closed),
            opened_on=None if self.private else opened,
            closed_on=None if self.private else closed,
        )

    def _whole_address(self, cell: str, country: str) -> Place | None:
        """What is written into one cell; codes of five digits are Finland's."""
        country = country or self.options.get("country", "FI")
        return written_whole(cell) if country == "FI" else None

    def _status(self, closed: dt.date | None) -> str:
        """Whether the site is closed; empty where the file does not say it to everybody."""
        if self.private:
            return ""
        return "closed" if closed and closed <= timezone.localdate() else "active"

    def _postal_code(self, row: dict[str, Any]) -> str:
        """A spreadsheet's number has lost its leading zeros; in Finland there are five digits."""
        postal = self._text(row, "postal_code", 20)
        is_number = isinstance(self._value(row, "postal_code"), int | float)
        finnish = 5 if is_number and self.options.get("country", "FI") == "FI" else 0
        return postal.zfill(self.options.get("postal_width", finnish)) if postal else ""

    def _type(self, row: dict[str, Any]) -> str:
        told = self._text(row, "type", 15)
        if told and told not in SITE_TYPES:
            raise Refused("type", "site_type", told)
        return told or str(self.options.get("type", "establishment"))

    def _company(self, row: dict[str, Any]) -> CompanyRecord | None:
        identifier = self._text(row, "business_id")
        name = self._text(row, "company_name") or self._text(row, "name")
        if not identifier:
            return None
        form = self._text(row, "company_form", 20)
        kind = COMPANY_KINDS.get(form.upper(), "unknown")
        return CompanyRecord(business_id=business_id(identifier), name=name, form=form, kind=kind)

    def _industry(self, row: dict[str, Any]) -> tuple[str, str] | None:
        whole = self.options.get("industry")
        code = self._text(row, "industry").replace(".", "")
        if self.options.get("loose_industry") and not code.isdecimal():
            code = ""  # words, and not a class; the mapping keeps them as a fact
        if code:
            edition = self._text(row, "industry_edition", 20)
            return (edition or self.options.get("edition", "TOL2025"), code)
        return (whole[0], whole[1]) if whole else None

    def _facts_of_site(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """What ``options.facts`` names: ``{kind, columns, from, to}``; left out when all is empty."""
        facts = []
        for rule in self.options.get("facts", []):
            value = self._values(row, rule["columns"])
            if value:
                first = date(row.get(rule.get("from", "")), "valid_from")
                last = date(row.get(rule.get("to", "")), "valid_to")
                if first and last and last < first:
                    raise Refused("valid_to", "dates_order", last)
                facts.append({"kind": rule["kind"], "value": value, "from": first, "to": last})
        kept = self._kept_from_the_site(row)
        if kept:  # apart: it neither makes a licence or debt of itself nor restates one
            facts.append({"kind": SITE_DETAILS, "value": kept, "from": None, "to": None})
        return facts

    def _kept_from_the_site(self, row: dict[str, Any]) -> dict[str, Any]:
        """What a private list tells of a site that the site does not show and no rule of a fact names."""
        kept: dict[str, Any] = {}
        for field in self.details:
            if field == "staff_estimate":
                staff = self._number(row, field)
                kept[field] = None if staff is None else int(staff)
            else:
                day = self._date(row, field)
                kept[field] = day.isoformat() if day else None
        return {field: said for field, said in kept.items() if said is not None}

    def _links(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Links that ``options.links`` names, each with the company that does something.

        A rule is ``{kind, business_id, name, from, to}``; with ``country`` and ``identifier`` for
        companies from abroad, with ``second`` and ``second_name`` where it is done for another
        company at the site and not to the site.
        """
        links = []
        for rule in self.options.get("links", []):
            first = self._party(row, rule)
            second = text(row.get(rule.get("second", "")))
            if first is None or ("second" in rule and not second):
                continue
            start = date(row.get(rule.get("from", "")), "valid_from")
            end = date(row.get(rule.get("to", "")), "valid_to")
            if start and end and end < start:
                raise Refused("valid_to", "dates_order", end)
            link = {"kind": rule["kind"], **first, "from": start, "to": end}
            if second:
                link["second"] = business_id(second)
                link["second_name"] = text(row.get(rule.get("second_name", "")))[:300]
            links.append(link)
        return links

    def _party(self, row: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any] | None:
        """Who does what a rule of ``options.links`` says; None when the row names nobody."""
        name = text(row.get(rule.get("name", "")))[:300]
        finnish = text(row.get(rule["business_id"]))
        if finnish:
            return {"business_id": business_id(finnish), "name": name}
        told = text(row.get(rule.get("identifier", "")))
        if "country" not in rule or not (name or told):
            return None
        country = foreign.country_code(row.get(rule["country"]))
        if not country and told[:2].isalpha():
            country = foreign.country_code(told[:2])
        if not country:
            raise Refused("country", "missing")
        if country == "FI":
            if not told:
                raise Refused("business_id", "missing")
            return {"business_id": business_id(told), "name": name}
        scheme, value = foreign.identifier(country, told) if told else ("", "")
        return {"country": country, "scheme": scheme, "value": value, "name": name or value}

    def _values(self, row: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
        """Name → cell; numbers as numbers when every sign of the cell belongs to one."""
        value = {}
        for name, column in columns.items():
            cell = text(row.get(column))
            if cell:
                value[name] = _as_number(cell)
        return value

    def fact(self, row: dict[str, Any]) -> FactRecord:
        """A statement about a company (``business_id``) or a site (``site``)."""
        self._check(row)
        key = self._key(row)
        if hash(key) in self._seen:
            raise Refused("key", "duplicate", key)
        identifier = self._text(row, "business_id")
        site = self._key(row, "site") if "site" in self.columns else ""
        if not identifier and not site:
            raise Refused("business_id", "missing")
        first = self._date(row, "valid_from")
        last = self._date(row, "valid_to")
        year = self._number(row, "year")
        if year is not None:
            if not 1900 <= year <= 2200:
                raise Refused("year", "range", year)
            first, last = dt.date(int(year), 1, 1), dt.date(int(year), 12, 31)
        if first and last and last < first:
            raise Refused("valid_to", "dates_order", last)
        record = FactRecord(
            source_key=key,
            kind=self.options["fact"],
            business_id=business_id(identifier) if identifier else "",
            company_name=self._text(row, "company_name"),
            site_key=site,
            value=self._values(row, self.options.get("values", {})),
            valid_from=first,
            valid_to=last,
            told_on=self._told(row),
        )
        self._seen.add(hash(key))
        return record

    def _told(self, row: dict[str, Any], earliest: dt.date | None = None) -> dt.date | None:
        """The day on which the row's keeper knew it, as the file says."""
        told = self._date(row, "told_on")
        if told is not None and told > timezone.localdate():
            raise Refused("told_on", "future", told)
        if told is not None and earliest is not None and told < earliest:
            raise Refused("told_on", "dates_order", told)
        return told

    def role(self, row: dict[str, Any]) -> RoleRecord:
        """Somebody's role in a company: the name is used for its hash and forgotten."""
        self._check(row)
        identifier = self._text(row, "business_id")
        name = self._text(row, "person")
        if not identifier:
            raise Refused("business_id", "missing")
        if not name:
            raise Refused("person", "missing")
        first = self._date(row, "valid_from")
        last = self._date(row, "valid_to")
        if first and last and last < first:
            raise Refused("valid_to", "dates_order", last)
        born = self._date(row, "born")
        return RoleRecord(
            business_id=business_id(identifier),
            company_name=self._text(row, "company_name"),
            role=self._text(row, "role", 40),
            person=person_key(name, born.isoformat() if born else ""),
            valid_from=first,
            valid_to=last,
        )

    def visit(self, row: dict[str, Any]) -> VisitRecord | None:
        """A visit; None for a day that stands for none (``options.no_visit``), and for further
        rows of one that has been told of when ``options.repeats``."""
        self._check(row)
        on = self._date(row, "on")
        if on is not None and on.isoformat() == self.options.get("no_visit"):
            return None
        if on is None:
            raise Refused("on", "missing")
        if on > timezone.localdate():
            raise Refused("on", "future", on)
        key = self._key(row)
        times = self._times(key)
        if times > 1 and self.options.get("repeats"):
            return None
        if times > 1:  # the same place twice a day: both are kept, in file order
            key = f"{key}#{times}"
        return VisitRecord(
            source_key=key,
            site_key=self._key(row, "site"),
            on=on,
            outcome=self._outcome(row),
            kind=self.options.get("kinds", {}).get(
                self._text(row, "kind", 60), self._text(row, "kind", 60)
            ),
            detail=self._detail(row),
            told_on=self._told(row, earliest=on),
        )

    def _detail(self, row: dict[str, Any]) -> dict[str, Any]:
        """The source's grades as they stand: numbers as numbers, all else as text."""
        detail: dict[str, Any] = {}
        for name in self.options.get("detail", []):
            value = row.get(name)
            if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
                detail[name] = value
            elif text(value):
                detail[name] = text(value)
        return detail

    def _outcome(self, row: dict[str, Any]) -> str:
        rule = self.options["outcome"]
        raw = self._value(row, "outcome")
        if not text(raw) and "else" in rule:
            rule = rule["else"]
            raw = row.get(rule["column"])
        if "map" in rule:
            outcome = rule["map"].get(text(raw).upper()) or rule["map"].get(text(raw))
            if outcome is None:
                raise Refused("outcome", "outcome", raw)
            return str(outcome)
        value = number(raw, "outcome")
        if value is None:
            raise Refused("outcome", "missing")
        for least, outcome in rule["bins"]:
            if value >= least:
                return str(outcome)
        raise Refused("outcome", "outcome", raw)
