"""Decisions beside the list in words."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from risk.models import OverrideReason
from risk.small_groups import FEW

WAYS: dict[str, Any] = {
    "by_list": gettext_lazy("selected by the list"),
    "against": gettext_lazy("selected against the list"),
    "random": gettext_lazy("drawn by lot"),
    "left_out": gettext_lazy("left out though on the list"),
}


def number(count: int | None, least: int = FEW) -> str:
    """A count; what is below ``least`` is told as that."""
    if count is None or 0 < count < least:
        return _("under %(least)s") % {"least": least}
    return str(count)


def label_words(label: str) -> str:
    """A way or a reason in words."""
    if label == "":
        return _("Other reasons together")
    if label == "not_said":
        return _("no reason given as a code")
    return str(WAYS[label] if label in WAYS else OverrideReason(label).label)
