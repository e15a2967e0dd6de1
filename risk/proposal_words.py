"""Why the system proposes a version, and how it does beside the one in use."""

from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from risk.models import Proposal
from risk.report_words import METRICS, day, interval, shown


def proposal(row: Proposal) -> dict[str, Any]:
    """For the page of the version: the reason, the comparison, and what it says in one sentence."""
    found = row.comparison
    return {
        "row": row, "reason": reason(row), "enough": bool(found.get("enough")),
        "verdict": verdict(found), "n": found.get("n", 0), "positives": found.get("positives", 0),
        "from": day(found["from"]) if found.get("enough") else "",
        "to": day(found["to"]) if found.get("enough") else "",
        "rows": _rows(found) if found.get("enough") else [],
    }  # fmt: skip


def reason(row: Proposal) -> str:
    """Because 214 new results came; because it drifted by 0.27; or both."""
    values = {
        "count": number_format(row.new_labels, use_l10n=True, force_grouping=True),
        "number": row.base.number, "drift": shown(row.drift, 2),
    }  # fmt: skip
    if row.drift is None:
        words = ngettext(
            "Proposed by the system, because %(count)s result came since version %(number)s was"
            " trained.",
            "Proposed by the system, because %(count)s results came since version %(number)s was"
            " trained.",
            row.new_labels,
        )
        return words % values
    words = ngettext(
        "Proposed by the system, because the sites of today differ from those version %(number)s"
        " was trained on (drift %(drift)s); %(count)s result came since.",
        "Proposed by the system, because the sites of today differ from those version %(number)s"
        " was trained on (drift %(drift)s); %(count)s results came since.",
        row.new_labels,
    )
    return words % values


def _rows(found: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"label": METRICS[code][0], "new": interval(found["new"][code], decimals, percent),
         "in_use": interval(found["in_use"][code], decimals, percent),
         "difference": interval(found["difference"][code], decimals, percent)}
        for code, decimals, percent in (("auc", 3, False), ("precision", 1, True))
    ]  # fmt: skip


def verdict(found: dict[str, Any]) -> str:
    """Whether the new one orders better, as far as one can tell."""
    if not found.get("enough"):
        return _("The results since then are too few to hold it against the version in use.")
    _value, low, high = found["difference"]["auc"]
    if low is None:
        return _("The results since then are too few to hold it against the version in use.")
    if low > 0:
        return _("It orders the results since then better than the version in use.")
    if high < 0:
        return _("It orders the results since then worse than the version in use.")
    return _("Its order of the results since then cannot be told apart from that in use.")
