"""Words for what is kept as a key: kinds of deviation, kinds of reason, ways to prove who one is."""

from django.utils.translation import gettext_lazy as _

from risk.models import OverrideReason

DEVIATIONS = {
    "added": _("selected although not proposed"),
    "dropped": _("proposed but left out"),
    "team": _("another team than proposed"),
    "week": _("another week than proposed"),
    # Without a plan the joint list is the proposal.
    "below": _("selected from further down the joint list"),
    "passed_over": _("passed over on the joint list"),
}
CODES = dict(OverrideReason.choices)
METHODS = {
    "password": _("password"),
    "totp": _("app code"),
    "webauthn": _("security key"),
    "recovery_codes": _("recovery code"),
    "demonstration": _("demonstration"),
}


def method_words(method: str) -> str:
    """ "password+totp" in words; a dash for signatures from before it was kept."""
    return ", ".join(str(METHODS.get(part, part)) for part in method.split("+") if part) or "–"
