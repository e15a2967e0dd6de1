"""Words for kinds of facts and for what they say; a code without words is shown as it is."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from targets.models import SITE_DETAILS

KINDS: dict[str, Any] = {
    "alcohol_licence": _("Alcohol licence"),
    "transport_licence": _("Transport licence"),
    "security_licence": _("Private security licence"),
    "posted_workers": _("Notification of posted workers"),
    "corporate_tax": _("Corporate income tax of the year"),
    "compliance_report": _("Compliance report"),
    "contractor_liability": _("Contractor's liability report"),
    "tax_debt": _("Tax debt"),
    "employer": _("In the employer register"),
    "phone": _("Phone number"),
    "violation": _("What an inspection found"),
    "list_entry": _("Entry of a coordinator's list"),
    SITE_DETAILS: _("What the list says of the site itself"),
}
# Licences that sites can be found by, and whose they are: of the site or of its company.
LICENCES = {
    "alcohol_licence": "site",
    "transport_licence": "company",
    "security_licence": "company",
}
VALUES: dict[str, Any] = {
    "type": _("type"), "state": _("state"), "serving_until": _("serving until"),
    "seats_inside": _("seats inside"), "seats_outside": _("seats outside"),
    "sender_country": _("country of the sending company"), "workers": _("workers"),
    "representative": _("representative in Finland"), "taxable_income": _("taxable income"),
    "taxes": _("taxes imposed"), "prepayments": _("prepayments"), "refund": _("tax refund"),
    "arrears": _("back taxes"), "purpose_item": _("item of the purpose"),
    "tax_debt": _("tax debt, euros"), "beyond_plan": _("debt beyond a payment arrangement"),
    "missing_tax_returns": _("tax returns missing"),
    "missing_employer_returns": _("employer's returns missing"),
    "prepayment_register": _("prepayment register"), "vat_register": _("VAT register"),
    "employer_register": _("employer register"), "pension_debt": _("pension debt, euros"),
    "pension_neglect": _("pension insurance neglected"),
    "accident_insurance": _("accident insurance"),
    "unemployment_debt": _("unemployment insurance debt, euros"),
    "customs_debt": _("customs debt, euros"), "insolvent": _("found without means"),
    "linked_bankruptcies": _("bankruptcies of linked companies, five years"),
    "pension_insurance": _("pension insurance"), "collective_agreement": _("collective agreement"),
    "occupational_health": _("occupational health care"), "amount": _("amount, euros"),
    "description": _("description"), "trade": _("trade in words"), "reason": _("why it was proposed"),
    "proposed_by": _("proposed by"), "priority": _("importance"),
    "wished_weeks": _("weeks wished for"), "note": _("note"),
    "opened_on": _("first day"), "closed_on": _("last day"), "staff_estimate": _("people at work"),
}  # fmt: skip


def kind_words(code: str) -> str:
    return str(KINDS.get(code, code))


def value_words(value: dict[str, Any]) -> list[tuple[str, Any]]:
    """Name in words and value, in the order they were stored in."""
    return [(str(VALUES.get(name, name)), said) for name, said in value.items()]


def register_name(register: str) -> str:
    names = {
        "prepayment": _("prepayment"),
        "employer": _("employer"),
        "vat": _("VAT"),
        "trade": _("trade"),
    }
    return str(names.get(register, register))
