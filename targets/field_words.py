"""Words for the columns of sites and companies, as rehearsals, histories and refusals name them."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy

from targets.fact_words import VALUES

FIELDS = {
    "name": gettext_lazy("Name"), "name_fi": gettext_lazy("Name in Finnish"),
    "name_sv": gettext_lazy("Name in Swedish"), "kind": gettext_lazy("Kind"),
    "type": gettext_lazy("Type of place"), "locator": gettext_lazy("Registration or web address"),
    "company_id": gettext_lazy("Company"), "industry_id": gettext_lazy("Industry"),
    "municipality_id": gettext_lazy("Municipality"), "region_id": gettext_lazy("Region"),
    "address": gettext_lazy("Address"), "postal_code": gettext_lazy("Postal code"),
    "longitude": gettext_lazy("Longitude"), "latitude": gettext_lazy("Latitude"),
    "located_by": gettext_lazy("Where the coordinates come from"),
    "staff_estimate": gettext_lazy("Staff"), "status": gettext_lazy("State"),
    "opened_on": gettext_lazy("Opened"), "closed_on": gettext_lazy("Closed"),
    "form": gettext_lazy("Company form"), "country": gettext_lazy("Country"),
    "website": gettext_lazy("Web site"), "registered_on": gettext_lazy("Registered"),
    "ended_on": gettext_lazy("Ended"), "source": gettext_lazy("Register"),
    "source_updated_at": gettext_lazy("Changed in the register"),
    "on": gettext_lazy("Day of the visit"), "outcome": gettext_lazy("Result"),
    "told_on": gettext_lazy("Day on which it was known"),
    "shared": gettext_lazy("Others may see it"), "valid_from": gettext_lazy("Holds from"),
    "valid_to": gettext_lazy("Holds until"), "site_id": gettext_lazy("Site"),
    "raw": gettext_lazy("The register's own record"),
}  # fmt: skip

# Fields of rows that are no column of the register but can be what a row is refused for. Those with
# a capital inside are the company register's own.
ASKED = {
    "key": gettext_lazy("Number or key of the row"),
    "site": gettext_lazy("Key of the site, as in the list of sites"),
    "business_id": gettext_lazy("Business ID"),
    "company_name": gettext_lazy("Name of the company"),
    "company_form": gettext_lazy("Form of the company, by code or letters"),
    "identifier": gettext_lazy("Tax or register number of a company from abroad"),
    "municipality": gettext_lazy("Municipality"), "locality": gettext_lazy("Post town"),
    "industry": gettext_lazy("Industry"), "year": gettext_lazy("Year"),
    "role": gettext_lazy("Role"), "person": gettext_lazy("Person"),
    "born": gettext_lazy("Date of birth"),
    "businessId": gettext_lazy("Business ID"), "euId": gettext_lazy("European identifier (EUID)"),
    "registrationDate": gettext_lazy("Registered"), "endDate": gettext_lazy("Ended"),
    "names.registrationDate": gettext_lazy("First day of a name"),
    "names.endDate": gettext_lazy("Last day of a name"),
    "registeredEntries.registrationDate": gettext_lazy("First day of a register entry"),
    "registeredEntries.endDate": gettext_lazy("Last day of a register entry"),
}  # fmt: skip
NAMING_A_COLUMN = {"formula_value", "personal_code"}  # codes of refusals


def refused_words(field: str, code: str, columns: Sequence[str]) -> str:
    """What a row was refused for, in words; empty for the row as a whole.

    Some refusals name a column of the file (``columns``), which stays as it stands there.
    """
    if code in NAMING_A_COLUMN and field in columns:
        return field
    return str(ASKED.get(field) or FIELDS.get(field) or field)


def field_words(name: str) -> str:
    """A column in words; of what a fact or a visit says (``value.amount``) the word for that."""
    whole, _dot, part = name.partition(".")
    return str(VALUES.get(part, part) if part else FIELDS.get(whole, whole))
