"""Words for what is kept as a key: kinds of deviation, kinds of reason, ways to prove who one is."""

import datetime as dt
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from planning.models import ChoiceState
from risk.models import OverrideReason

if TYPE_CHECKING:
    from planning.services.board import Decision

DEVIATIONS = {
    "added": _("selected although not proposed"),
    "dropped": _("proposed but left out"),
    "drawn": _("drawn at random but left out"),
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


def not_adopted(number: int) -> str:
    """Said of a plan newer than the one that people followed, without a full stop."""
    return gettext("Plan %(number)s was made later and was not adopted") % {"number": number}


def decision_in_words(decision: "Decision") -> str:
    """“Selected: OSH, Tax; week 49” without a full stop. One query for the team."""
    word = str(ChoiceState(decision.state).label)
    if decision.state == ChoiceState.DROPPED:
        return word
    rows = Authority.objects.filter(pk__in=decision.team).order_by("code")
    return team_in_words([row.short for row in rows], decision.week)


def team_in_words(names: list[str], week: dt.date | None) -> str:
    values = {"team": ", ".join(names), "week": week.isocalendar().week if week else ""}
    if week is None:
        return gettext("Selected: %(team)s, any week") % values
    return gettext("Selected: %(team)s, week %(week)s") % values
