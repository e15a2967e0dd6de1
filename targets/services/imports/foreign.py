"""Companies from abroad: whose country is told and whose identifiers are checked where a check is known."""

import re
from functools import lru_cache
from typing import Any

from stdnum import get_cc_module
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from targets.services.identity import normalise
from targets.services.imports.records import Refused, text

# As people and registers write them → ISO 3166.
COUNTRIES = {"EL": "GR", "UK": "GB"}
EU = {code.upper() for code in vat.MEMBER_STATES} | {"GR"}
# Checkers of persons' codes beside the one each country's list calls so. Iceland has one for both.
PERSONS = {"PL": "pesel", "LT": "asmens", "BG": "egn", "RO": "cnp", "CZ": "rc", "SK": "rc"}


def country_code(value: Any) -> str:
    """Two letters; Refused for anything else that is not empty."""
    code = text(value).upper()
    code = COUNTRIES.get(code, code)
    if code and not re.fullmatch(r"[A-Z]{2}", code):
        raise Refused("country", "country", value)
    return code


@lru_cache(maxsize=50_000)
def identifier(country: str, told: str) -> tuple[str, str]:
    """Scheme and value of a company's identifier in a country.

    ``vat``: of an EU country, with its prefix; ``register``: of the country's companies; ``tax``:
    of any other kind. Refused when the country's checks are known and none lets it pass, and for
    a person's code.
    """
    value = normalise.identifier("", country, told).value
    if _is_person(country, value):
        raise Refused("identifier", "personal_code")
    if country in EU:
        # The prefix of Greece is that of its language.
        checked = normalise.identifier("vat", {"GR": "EL"}.get(country, country), value)
        if checked.valid:
            return "vat", checked.value
    checked = normalise.identifier("register", country, value)
    if checked.valid:
        return "register", checked.value
    checks = [
        (scheme, module)
        for scheme, module in (
            ("register", get_cc_module(country, "businessid")),
            ("tax", get_cc_module(country, "vat") if country not in EU else None),
        )
        if module is not None
    ]
    for scheme, module in checks:
        try:
            return scheme, str(module.validate(value))
        except ValidationError:
            continue
    if checks or country in EU or checked.valid is False:
        raise Refused("identifier", "identifier_check", told)
    return "tax", value[:80]


def _is_person(country: str, value: str) -> bool:
    if country == "IS":
        return False
    digits = value.removeprefix(country)
    if country == "LV" and re.fullmatch(r"[0-3][0-9]{10}", digits):
        return True
    names = ["personalid", *([PERSONS[country]] if country in PERSONS else [])]
    for name in names:
        module = get_cc_module(country, name)
        try:
            if module is not None and module.validate(digits):
                return True
        except ValidationError:
            continue
    return False
