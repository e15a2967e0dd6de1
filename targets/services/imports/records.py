"""What every source is brought to before it is stored, and how a row is refused."""

import datetime as dt
import hmac
import json
import math
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fi import ytunnus

PERSONAL_CODE = re.compile(r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]\b")
# The end of one, which hardly a row without holds: found four times as fast.
PERSONAL_END = re.compile(r"[-+A-FU-Y]\d{3}[0-9A-Y]")


# What the company register's codes of forms, or their letters, say of who it is; others are silent.
COMPANY_KINDS = {
    **dict.fromkeys(("26", "TMI"), "trader"),
    **dict.fromkeys(("22", "VALTLL", "40", "41", "42", "43", "44", "45", "49", "61", "64"), "public"),
    "60": "foreign",
}  # fmt: skip


class Refused(Exception):
    """One row cannot be taken: which field, a code (``messages``) and the value as it stood."""

    def __init__(self, field_name: str, code: str, value: Any = "") -> None:
        super().__init__(code)
        self.field = field_name
        self.code = code
        self.value = "" if code == "personal_code" else str(storable(str(value)))[:300]


class FileRefused(Exception):
    """The whole file cannot be read; ``code`` is one of ``messages``."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(slots=True)
class CompanyRecord:
    business_id: str | None
    name: str
    names: list[tuple[str, str, str, dt.date | None, dt.date | None]] = field(default_factory=list)
    identifiers: list[tuple[str, str, str]] = field(default_factory=list)
    registrations: list[tuple[str, str, dt.date | None, dt.date | None]] = field(
        default_factory=list
    )
    kind: str = "unknown"  # CompanyKind
    country: str = "FI"
    form: str = ""
    website: str = ""
    status: str = "unknown"
    industry: tuple[str, str] | None = None  # edition code, class code
    municipality: str = ""
    address: str = ""
    postal_code: str = ""
    locality: str = ""  # post town; a municipality only when it has the name of one
    registered_on: dt.date | None = None
    ended_on: dt.date | None = None
    updated_at: dt.datetime | None = None  # as the source says
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SiteRecord:
    source_key: str
    name: str
    name_sv: str = ""
    kind: str = ""
    company: CompanyRecord | None = None
    industry: tuple[str, str] | None = None
    country: str = ""  # where the row says it and not the mapping for the whole file
    municipality: str = ""  # code or name, resolved by ``Places``
    locality: str = ""  # post town; a municipality only when it has the name of one
    address: str = ""
    postal_code: str = ""
    longitude: float | None = None
    latitude: float | None = None
    staff_estimate: int | None = None
    status: str = "unknown"
    opened_on: dt.date | None = None
    closed_on: dt.date | None = None
    type: str = "establishment"  # SiteType
    locator: str = ""
    updated_at: dt.datetime | None = None  # as the source says
    # [{"kind", "value", "from", "to"}]: what the row says of the site besides
    facts: list[dict[str, Any]] = field(default_factory=list)
    # Companies that do something at the site: [{"kind", "name", "from", "to"}] with "business_id",
    # or "country", "scheme" and "value"; "second" and "second_name" are whom they do it for.
    links: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class FactRecord:
    """One statement about a company (``business_id``) or a site (``site_key`` of the source)."""

    source_key: str
    kind: str
    business_id: str = ""
    company_name: str = ""
    site_key: str = ""
    value: dict[str, Any] = field(default_factory=dict)
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    told_on: dt.date | None = None


@dataclass(slots=True)
class RoleRecord:
    """Somebody's role in a company; ``person`` is a keyed hash, never a name."""

    business_id: str
    company_name: str
    role: str
    person: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    @property
    def source_key(self) -> str:
        return f"{self.business_id}|{self.role}|{self.person}|{self.valid_from or ''}"


def person_key(name: str, born: str) -> str:
    """A keyed hash of who is meant (HMAC-SHA256, hex): the same person, the same key; no way back.

    Name in any case and spacing; ``born`` as ISO date or empty.
    """
    words = " ".join(sorted(unicodedata.normalize("NFKC", name).casefold().split()))
    message = f"{words}|{born}".encode()
    return hmac.new(settings.PERSON_KEY.encode(), message, "sha256").hexdigest()


@dataclass(slots=True)
class VisitRecord:
    source_key: str
    site_key: str
    on: dt.date
    outcome: str
    kind: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    told_on: dt.date | None = None


@lru_cache(maxsize=100_000)
def _business_id(value: str) -> str:
    text = re.sub(r"[\s\u2010-\u2015\u2212-]", "", value).upper().removeprefix("FI")
    if text.isdigit() and len(text) == 7:
        text = "0" + text  # old six-digit numbers with their check digit
    try:
        compact = ytunnus.validate(text)
    except InvalidChecksum:
        raise Refused("business_id", "business_id_check", value) from None
    except ValidationError:
        raise Refused("business_id", "business_id_form", value) from None
    return f"{compact[:7]}-{compact[7]}"


def business_id(value: Any) -> str:
    """``NNNNNNN-T`` from how people write it (spaces, missing hyphen, ``FI``, leading zero)."""
    return _business_id(str(value))


DATE_FORMS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d",
    "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H.%M", "%d.%m.%Y %H.%M.%S", "%Y-%m-%d %H:%M",
)  # fmt: skip
# Spreadsheets count days from here; their numbers of this length lie between 1927 and 2173.
SERIAL = re.compile(r"[1-9][0-9]{4}(\.0+)?")
SERIAL_DAY_ZERO = dt.date(1899, 12, 30)


def date(value: Any, field_name: str) -> dt.date | None:
    """A date as it is written in registers here; None when empty."""
    if value is None or value == "":
        return None
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    text = str(value).strip()
    if not text:
        return None
    day = _written_date(text)
    if day is None:
        raise Refused(field_name, "date_form", value)
    return day


@lru_cache(maxsize=50_000)  # a file of a million rows holds a few thousand days
def _written_date(text: str) -> dt.date | None:
    if SERIAL.fullmatch(text):
        return SERIAL_DAY_ZERO + dt.timedelta(days=int(float(text)))
    for form in DATE_FORMS:
        try:
            return dt.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def number(value: Any, field_name: str) -> float | None:
    """A number with decimal comma or point, spaces as thousands; None when empty."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    text = str(value).replace(",", ".")
    if not text.isascii() or " " in text or "_" in text:
        text = re.sub(r"[\s\u00a0\u2009\u202f]", "", text).replace("_", "?")
    if not text:
        return None
    try:
        result = float(text)
    except ValueError:
        raise Refused(field_name, "number_form", value) from None
    if not math.isfinite(result):
        raise Refused(field_name, "number_form", value)
    return result


def text(value: Any) -> str:
    """Plain text of a cell; whole numbers lose their ``.0``."""
    if type(value) is str and value.isascii() and "\0" not in value:
        return value.strip()  # nearly every cell of a million
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(storable(str(value))).strip()


def storable(value: Any) -> Any:
    """The same JSON value without the characters that the database cannot hold."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if not isinstance(value, dict | list):
        return value
    written = _written(value)
    if "\\u0000" not in written and "\\ud" not in written:
        return value  # nothing to take out, as in nearly every record of a million
    if isinstance(value, list):
        return [storable(item) for item in value]
    return {storable(key): storable(item) for key, item in value.items()}


# Of what JSON does not know only that it is there matters: it is let be.
_written = json.JSONEncoder(default=lambda value: None).encode


# What readers mark a row with, beside its columns: the code of what makes it no row; formulas whose
# value was not saved.
SHAPE, UNSAVED = "__shape__", "__unsaved__"


def check_marks(row: dict[str, Any], used: Container[str] | None = None) -> None:
    """Take the marks of the reader off the row; Refused for what they say.

    ``used``: the columns that matter, None for all.
    """
    unsaved = row.pop(UNSAVED, ())
    if wrong := row.pop(SHAPE, ""):
        check_personal_codes(row)  # such a row is not kept, whatever else is wrong with it
        raise Refused("", wrong)
    for name in unsaved:
        if used is None or name in used:
            raise Refused(name[:60], "formula_value", row[name])


def check_personal_codes(row: dict[str, Any]) -> None:
    """Refuse a row that carries a personal identity code anywhere."""
    whole = "\n".join([value for value in row.values() if type(value) is str])
    if not PERSONAL_END.search(whole) or not PERSONAL_CODE.search(whole):
        return
    for name, value in row.items():
        if isinstance(value, str) and PERSONAL_CODE.search(value):
            raise Refused(str(name)[:60], "personal_code")
