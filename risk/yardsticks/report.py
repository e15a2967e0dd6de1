"""The table of all yardsticks: bars, the direct way, the way through the product."""

from collections.abc import Iterator
from typing import Any

# City, what is measured, its name in the results, bar, whether the bar is a ceiling.
BARS = (
    ("chicago", "days earlier, test months", "days_earlier", 4.7, False),
    ("chicago", "AUC, test months", "auc", 0.62, False),
    ("chicago", "days earlier, mean of earlier windows", "mean_days_before", 5.6, False),
    ("chicago", "ECE, test months, 5 bins", "ece_5", 0.02, True),
    ("chicago", "the same, level followed", "ece_followed", 0.02, True),
    ("san_francisco", "AUC", "auc", 0.779, False),
    ("san_francisco", "lift at 10 %", "lift", 2.9, False),
    ("oslo", "AUC, ordinary visits", "auc", 0.641, False),
    ("oslo", "lift at 10 %", "lift", 1.68, False),
)


def table(results: dict[str, Any]) -> Iterator[str]:
    """Lines of text; a way that was not gone is a dash."""
    yield f"{'':56s} {'bar':>7s}  {'direct (95 %)':30s} {'through the product (95 %)':30s}"
    for city, what, name, limit, at_most in BARS:
        found = results.get(city, {})
        if "skipped" in found or not found:
            continue
        direct, through = found.get("direct"), found.get("product")
        cells = [
            _cell(direct and _direct(direct, name), limit, at_most),
            _cell(through and through["test"].get(name), limit, at_most),
        ]
        yield f"{city:14s} {what:41s} {limit:7.3f}  {cells[0]:30s} {cells[1]:30s}"
    themes = results.get("oslo", {}).get("product", {}).get("others", {})
    for one in themes.values():
        direct = results["oslo"].get("direct", {}).get("themes", {}).get(one["theme"], {})
        cells = [_cell(direct.get("auc"), None, False), _cell(one["auc"], None, False)]
        yield f"{'oslo':14s} {'AUC, ' + one['theme']:41s} {'':7s}  {cells[0]:30s} {cells[1]:30s}"


def _direct(found: dict[str, Any], name: str) -> Any:
    """The same figure of the direct way; of Chicago's families the neutral one."""
    if "families" in found:
        family = found["families"]["neutral"]
        if name == "mean_days_before":
            return next(b["value"] for b in family["bars"] if "mean" in b["bar"])
        return family["test"].get({"ece_5": "ece"}.get(name, name))
    return found["test"].get(name)


def _cell(value: Any, limit: float | None, at_most: bool) -> str:
    if value is None:
        return "-"
    low_high = ""
    if isinstance(value, list):
        value, low, high = value
        low_high = f" ({low:.3f} to {high:.3f})"
    if limit is None:
        return f"{value:.3f}{low_high}"
    reached = value <= limit if at_most else value >= limit
    return f"{value:.3f}{low_high} {'reached' if reached else 'NOT reached'}"
