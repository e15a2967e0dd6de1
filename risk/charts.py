"""Shapes for charts drawn by the server; colours come from the style sheet."""

from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

SIZE, LEFT, TOP = 260, 46, 10
HEIGHT, WIDTH = SIZE + TOP + 44, SIZE + LEFT + 26


def calibration(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Promised against found: points of the reliability rows, the line they should lie on, axes."""
    most = max([0.05, *(max(row["predicted"], row["observed"]) for row in rows)])
    top = min(1.0, -(-most * 20 // 1) / 20)  # five steps of whole per cents

    def x(value: float) -> float:
        return round(LEFT + SIZE * value / top, 1)

    def y(value: float) -> float:
        return round(TOP + SIZE * (1 - value / top), 1)

    largest = max((row["n"] for row in rows), default=1)
    return {
        "width": WIDTH, "height": HEIGHT,
        "axis": {"x": LEFT, "y": TOP + SIZE, "right": LEFT + SIZE, "top": TOP},
        "diagonal": {"x1": x(0), "y1": y(0), "x2": x(top), "y2": y(top)},
        "ticks": [
            {"x": x(step * top / 5), "y": y(step * top / 5), "label": _percent(step * top / 5)}
            for step in range(6)
        ],
        "points": [
            {"x": x(row["predicted"]), "y": y(row["observed"]),
             "r": round(3 + 5 * (row["n"] / largest) ** 0.5, 1)}
            for row in rows
        ],
        "rows": [
            {"predicted": _percent(row["predicted"], 1), "observed": _percent(row["observed"], 1),
             "n": row["n"]}
            for row in rows
        ],
        "title": _("Promised and found"),
    }  # fmt: skip


def _percent(value: float, decimals: int = 0) -> str:
    return f"{number_format(100 * value, decimals, use_l10n=True)} %"
