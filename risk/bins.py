"""Bins: from a value to points. Checks and words of them; no database.

Of numbers ``[{"below": number or None, "points": int}, ...]`` ascending, the last ``below`` None; of
texts ``[{"is": [codes], "points": int}, ..., {"is": None, "points": int}]`` (all others last).
"""

from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from risk.models import Direction

MOST_POINTS = 100
MOST_BINS = 20
Bins = list[dict[str, Any]]


def number(text: str) -> int | float | None:
    """A number as typed (comma or point); None when it is none."""
    try:
        value = Decimal(text.strip().replace(" ", "").replace("\u00a0", "").replace(",", "."))
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def is_texts(bins: Bins) -> bool:
    return bool(bins) and "is" in bins[0]


def problems(bins: Any, direction: str) -> list[str]:
    """What is wrong with bins, in words; an empty list when nothing is."""
    if not isinstance(bins, list) or not bins:
        return [_("Give at least one line of points.")]
    if len(bins) > MOST_BINS:
        return [_("Use at most %(count)s lines of points.") % {"count": MOST_BINS}]
    if not all(_is_points(row.get("points")) for row in bins):
        return [_("Points are whole numbers from -%(most)s to %(most)s.") % {"most": MOST_POINTS}]
    return _text_problems(bins) if is_texts(bins) else _number_problems(bins, direction)


def _is_points(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_POINTS


def _number_problems(bins: Bins, direction: str) -> list[str]:
    limits: list[Any] = [row.get("below") for row in bins]
    if limits[-1] is not None or any(not isinstance(v, int | float) for v in limits[:-1]):
        return [_("Every line but the last needs a limit; the last holds for everything above.")]
    if any(one >= other for one, other in pairwise(limits[:-1])):
        return [_("The limits have to rise from line to line.")]
    points = [row["points"] for row in bins]
    if direction == Direction.UP and any(a > b for a, b in pairwise(points)):
        return [_("More means higher risk here, so the points may not fall from line to line.")]
    if direction == Direction.DOWN and any(a < b for a, b in pairwise(points)):
        return [_("More means lower risk here, so the points may not rise from line to line.")]
    return []


def _text_problems(bins: Bins) -> list[str]:
    if bins[-1].get("is") is not None or any(not row.get("is") for row in bins[:-1]):
        return [_("Every line but the last needs codes; the last holds for all others.")]
    codes = [code for row in bins[:-1] for code in row["is"]]
    if len(codes) != len(set(codes)):
        return [_("A code can stand in one line only.")]
    return []


def words(bins: Bins) -> list[dict[str, Any]]:
    """Lines for readers: ``{"label", "points"}``."""
    if is_texts(bins):
        return [
            {"label": ", ".join(row["is"]) if row["is"] else _("all others"),
             "points": row["points"]}
            for row in bins
        ]  # fmt: skip
    lines, lower = [], None
    for row in bins:
        upper = row["below"]
        if upper is None:
            label = _("every value") if lower is None else _("%(low)s or more") % {"low": lower}
        elif lower is None:
            label = _("below %(high)s") % {"high": _shown(upper)}
        else:
            label = _("from %(low)s to below %(high)s") % {"low": lower, "high": _shown(upper)}
        lower = _shown(upper) if upper is not None else None
        lines.append({"label": label, "points": row["points"]})
    return lines


def _shown(value: int | float) -> str:
    return number_format(value, use_l10n=True)


def span(bins: Bins, missing_points: int, cap: int | None) -> tuple[int, int]:
    """Fewest and most points that can come of it, the cap applied; what others see of "level"."""
    points = [row["points"] for row in bins] + [missing_points]
    least, most = min(points), max(points)
    if cap is not None:
        least, most = max(least, -cap), min(most, cap)
    return least, most
