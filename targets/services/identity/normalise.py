"""Names, addresses and identifiers in the one form in which they are compared.

Nothing here is shown or stored in the register: the register keeps what its source wrote.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from stdnum import exceptions
from stdnum.dk import cvr
from stdnum.ee import registrikood
from stdnum.eu import vat
from stdnum.fi import ytunnus
from stdnum.lt import pvm
from stdnum.lv import pvn
from stdnum.no import orgnr as no_orgnr
from stdnum.pl import nip
from stdnum.se import orgnr as se_orgnr

# Letters that do not come apart into a plain letter and a mark.
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "ß": "ss", "đ": "d", "ł": "l", "þ": "th", "œ": "oe"})
# Words for the form of a company; they tell firms apart hardly ever, and are written or not.
FORMS = frozenset({
    "oy", "oyj", "ab", "abp", "ky", "kb", "ay", "tmi", "toiminimi", "firma", "fa", "osk",
    "andelslag", "osuuskunta", "ry", "rf", "sr", "ltd", "llc", "inc", "gmbh", "ou", "as", "sia",
    "uab", "zoo", "spzoo", "bv", "srl", "plc", "aps", "asa", "julkinen", "publikt",
    "kommandiittiyhtio", "avoin", "yhtio", "osakeyhtio", "aktiebolag",
})  # fmt: skip
FILLERS = frozenset({"ja", "och", "and", "the", "und", "en", "et"})
# The same trade in the two languages of the country (and English): one word stands for all.
TRADES = {
    "restaurang": "ravintola", "restaurant": "ravintola", "restaurangen": "ravintola",
    "ravintolat": "ravintola", "kafe": "kahvila", "cafe": "kahvila", "cafeet": "kahvila",
    "bageri": "leipomo", "bageriet": "leipomo", "bakery": "leipomo", "bygg": "rakennus",
    "byggnads": "rakennus", "rakennusliike": "rakennus", "construction": "rakennus",
    "stad": "siivous", "stadservice": "siivouspalvelu", "cleaning": "siivous",
    "frisor": "parturi", "barber": "parturi", "bilservice": "autohuolto",
    "bilverkstad": "autohuolto", "autokorjaamo": "autohuolto", "handel": "kauppa",
    "butik": "kauppa", "shop": "kauppa", "transport": "kuljetus", "hotell": "hotelli",
    "hotel": "hotelli", "tjanst": "palvelu", "service": "palvelu", "services": "palvelu",
    "palvelut": "palvelu", "gard": "tila", "maatila": "tila",
}  # fmt: skip
# How streets end: Finnish, Swedish (with and without article), English → one word.
STREET_ENDINGS = {
    "katu": ("katu", "gatan", "gata", "street"),
    "tie": ("tie", "vagen", "vag", "road"),
    "kuja": ("kuja", "granden", "grand"),
    "polku": ("polku", "stigen", "stig"),
    "tori": ("tori", "torget", "torg"),
    "kaari": ("kaari", "bagen", "bage"),
    "ranta": ("ranta", "stranden", "strand"),
    "puisto": ("puisto", "parken"),
    "rinne": ("rinne", "brinken"),
    "vayla": ("vayla", "leden"),
    "aukio": ("aukio", "platsen", "plats"),
    "raitti": ("raitti", "straket"),
    "penger": ("penger", "terrassen"),
    "portti": ("portti", "porten"),
    "maki": ("maki", "backen"),
    "laituri": ("laituri", "kajen"),
    "bulevardi": ("bulevardi", "boulevarden"),
    "avenue": ("avenue",),
}
ENDINGS = sorted(
    ((written, one) for one, all_ in STREET_ENDINGS.items() for written in all_),
    key=lambda pair: -len(pair[0]),
)
# What is left of an ending before a full stop: "Hämeenk. 3", "Storg. 3".
SHORTENED = {"k": "katu", "t": "tie", "g": "katu", "v": "tie"}
SHORT_WORDS = {"st": "katu", "rd": "tie", "ave": "avenue"}
PO_BOX = re.compile(
    r"^\s*(?:pl|pb|p\.?o\.?\s*box|box|postilokero|postlada|postbox)\b", re.IGNORECASE
)
CARE_OF = re.compile(r"^\s*c\s*/\s*o\b[^,]*,?", re.IGNORECASE)
NUMBER_LAST = re.compile(r"^(?P<street>.*?[^\W\d].*?)[\s,]+(?P<number>\d+)")
NUMBER_FIRST = re.compile(r"^\s*(?P<number>\d+)\s*(?:-\s*\d+)?\s+(?P<street>[^\W\d].*)$")


@lru_cache(maxsize=200_000)
def fold(text: str) -> str:
    """Lower case without marks: ``Å`` and ``Ä`` are ``a``, ``Ö`` is ``o``; NFKC first."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(LETTERS)
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """Folded words; letters in a row with full stops between are one: ``T:mi``, ``r.y.``, ``O.Y.``."""
    folded = fold(text)
    folded = re.sub(r"\b([a-z])[.:](?=[a-z]{1,2}\b)", r"\1", folded)
    folded = re.sub(r"['’`´]", "", folded)
    return re.findall(r"[^\W_]+", folded)


@dataclass(frozen=True)
class Name:
    """``key``: its words in order of the alphabet; ``plain``: as written, without spaces."""

    key: str
    plain: str
    first: str  # the longest word: what a firm is called by, whatever stands before it

    @property
    def initials(self) -> str:
        """First letters of its words: people mistype any letter before the first."""
        return "".join(sorted(word[0] for word in self.key.split()))


def name(text: str) -> Name:
    """A name without company form and fillers, its trade in one language."""
    kept = [TRADES.get(w, w) for w in words(text) if w not in FORMS and w not in FILLERS]
    kept = kept or words(text)
    proper = [w for w in kept if w not in TRADES.values()] or kept
    first = max(proper, key=lambda w: (len(w), w), default="")
    return Name(" ".join(sorted(kept)), "".join(kept), first)


@dataclass(frozen=True)
class Address:
    """``street``: stem and one word for its kind; ``number``: of the house, without its letter."""

    street: str = ""
    number: str = ""

    @property
    def key(self) -> str:
        return f"{self.street} {self.number}" if self.street and self.number else ""


def address(text: str) -> Address:
    """Street and house number of a written address; empty for post boxes and what has no street."""
    text = CARE_OF.sub("", text).strip(" ,")
    if not text or PO_BOX.match(text):
        return Address()
    found = NUMBER_FIRST.match(text) or NUMBER_LAST.match(text)
    if found is None:
        return Address(street=street(text.split(",")[0]))
    return Address(street=street(found["street"]), number=found["number"].lstrip("0") or "0")


def street(text: str) -> str:
    """``Mannerheimintie``, ``Mannerheimvägen`` and ``Mannerheimint.`` are all ``mannerheim tie``."""
    short = re.search(r"([^\W\d_]{3,}?)([ktgv])\.\s*$", fold(text))
    if short:
        return f"{_stem(short[1])} {SHORTENED[short[2]]}"
    parts = words(text)
    if not parts:
        return ""
    last = SHORT_WORDS.get(parts[-1], parts[-1])
    for written, one in ENDINGS:
        if last.endswith(written) and (len(parts) > 1 or len(last) > len(written) + 1):
            stem = " ".join([*parts[:-1], last.removesuffix(written)]).strip()
            return f"{_stem(stem)} {one}"
    return _stem(" ".join([*parts[:-1], last]))


def _stem(text: str) -> str:
    """Without the genitive of either language, in Finnish spelling: ``Alexanders`` → ``aleksander``."""
    for foreign, native in (("x", "ks"), ("ck", "k"), ("c", "k"), ("w", "v"), ("q", "k")):
        text = text.replace(foreign, native)
    if len(text) > 5 and text.endswith("in"):
        return text[:-2]
    if len(text) > 3 and text[-1] in "ns":
        return text[:-1]
    return text


def postal_code(text: str, country: str = "FI") -> str:
    """Without country prefix and spaces; leading zeros that a spreadsheet ate come back in Finland."""
    code = re.sub(r"[\s\u00a0]", "", text).upper()
    code = re.sub(r"^[A-Z]{1,2}-(?=\d)", "", code)
    if country == "FI":
        code = code.removeprefix("FI")
        return code.zfill(5) if code.isdecimal() and 0 < len(code) <= 5 else code
    return code


def business_id(text: str) -> str:
    """``NNNNNNN-T`` of a valid Finnish business id however written (also as VAT number), else ''."""
    value = re.sub(r"[\s\u00a0]", "", text).upper().translate(DASHES)
    value = value.removeprefix("FIPRO.").removeprefix("FI")
    if re.fullmatch(r"\d{6}-\d|\d{7}", value):  # the old form of seven digits in all
        value = f"0{value}"
    if not ytunnus.is_valid(value):
        return ""
    digits = ytunnus.compact(value)
    return f"{digits[:7]}-{digits[7]}"


DASHES = str.maketrans({"–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-"})

# Registers of companies of the countries that posting companies mostly come from.
REGISTERS = {
    "EE": registrikood, "SE": se_orgnr, "NO": no_orgnr, "DK": cvr, "PL": nip, "LV": pvn, "LT": pvm,
}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """``valid`` None: no check is known for the scheme, the value is only cleaned."""

    value: str
    valid: bool | None


def identifier(scheme: str, country: str, text: str) -> Checked:
    """An identifier other than the business id, cleaned and checked where a check is known.

    Schemes: ``vat`` (EU VAT number), ``euid``, ``register`` (company register of ``country``).
    """
    value = re.sub(r"[\s\u00a0]", "", text).upper().translate(DASHES)
    country = country.upper()
    if scheme == "vat":
        full = value if value[:2].isalpha() else f"{country}{value}"
        return _checked(vat, full)
    if scheme == "euid":
        if value.startswith("FIPRO."):
            normal = business_id(value)
            return Checked(f"FIPRO.{normal}" if normal else value, bool(normal))
        return Checked(value, None)
    if scheme == "register" and country == "FI":
        normal = business_id(value)
        return Checked(normal or value, bool(normal))
    if scheme == "register" and country in REGISTERS:
        return _checked(REGISTERS[country], value.removeprefix(country))
    return Checked(value, None)


def _checked(module: Any, value: str) -> Checked:
    try:
        return Checked(module.validate(value), True)
    except exceptions.ValidationError:
        return Checked(value, False)
