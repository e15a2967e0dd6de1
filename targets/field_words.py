"""Words for the columns of sites and companies, as rehearsals and histories name them."""

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


def field_words(name: str) -> str:
    """A column in words; of what a fact or a visit says (``value.amount``) the word for that."""
    whole, _dot, part = name.partition(".")
    return str(VALUES.get(part, part) if part else FIELDS.get(whole, whole))
