"""What readers of other authorities see of a test: no group small enough to tell one visit by.

A joint model is tested on all visits of its owner, shared or not; the report is read by everybody
who works with risk. The owner's own people see every group. Where visits came from is theirs
alone, whether or not a tip is among it: held against the shared visits of an area, the number of
tips would tell of a signal, and so would a table that is there only while there are none.
"""

from typing import Any

from risk.models import Report, ReportKind
from risk.services.segments import ORIGIN
from risk.small_groups import FEW, OTHERS, merged

AMONG_CHOSEN = ("precision", "lift")
RATES = ("hit_rate", "hit_rate_others", "false_discovery", "false_discovery_others",
         "false_discovery_excess")  # fmt: skip
SELECTION = ("selection_rate", "selection_rate_others", *RATES)


def results_for(report: Report, *, own: bool) -> dict[str, Any]:
    """Results of a done report as its owner (``own``) or somebody else may read them."""
    results: dict[str, Any] = report.results
    if own or not results.get("enough"):
        return results
    if report.kind == ReportKind.AUDIT:
        told = {
            name: _findings(rows) for name, rows in _without_origins(results["findings"]).items()
        }
        blocking = [_block(block, told) for block in results["blocking"]]
        return results | {"findings": told, "blocking": blocking}
    if report.kind == ReportKind.BACKTEST and results.get("total"):
        return results | {
            "total": _total(results["total"]),
            "windows": [_window(window) for window in results["windows"]],
        }
    return results


def _without_origins(dimensions: dict[str, Any]) -> dict[str, Any]:
    return {name: rows for name, rows in dimensions.items() if name != ORIGIN}


def _block(block: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """What stops a version; of an origin not which. Of a group whose rate of findings is not told,
    no more than the tens of points: with the rates of the others the rest would tell it."""
    dimension, _equals, label = block["group"].partition("=")
    if dimension == ORIGIN:
        block = block | {"group": f"{ORIGIN}={OTHERS}"}
    withheld = told.get(dimension, {}).get(label, {}).get("hit_rate") is None
    if withheld and block["measure"] != "selection_ratio":
        block = block | {"value": round(block["value"], 1)}
    return block


def _told(rows: dict[str, Any]) -> dict[str, Any]:
    """Groups by label; small ones as one, of which the number of visits alone is told."""
    under = merged({label: row["n"] for label, row in rows.items()})
    found = {label: row for label, row in rows.items() if under[label] != OTHERS}
    together = sum(row["n"] for label, row in rows.items() if under[label] == OTHERS)
    return found | ({OTHERS: {"n": together, "too_few": True}} if together else {})


def _findings(rows: dict[str, Any]) -> dict[str, Any]:
    """Of groups in which few of the chosen have a result no rate of findings is told, nor of the
    one beside them that the difference to the whole would tell it by."""
    rates = merged({label: row.get("visited_chosen", 0) for label, row in rows.items()})
    found = {}
    for label, row in _told(rows).items():
        row = dict.fromkeys(SELECTION) | row
        if rates.get(label, OTHERS) == OTHERS:
            row |= dict.fromkeys(RATES) | {"equal_score_chosen": None}
        found[label] = row
    return found


def _segment(rows: dict[str, Any]) -> dict[str, Any]:
    """Where few are chosen it is not told what was found among them."""
    rates = merged({label: int(row.get("n_chosen", 0)) for label, row in rows.items()})
    return {
        label: row | dict.fromkeys(AMONG_CHOSEN) if rates.get(label, OTHERS) == OTHERS else row
        for label, row in _told(rows).items()
    }


def _total(total: dict[str, Any]) -> dict[str, Any]:
    model = total["model"]
    return total | {
        "segments": {
            name: _segment(rows) for name, rows in _without_origins(total["segments"]).items()
        },
        "random_arm": drawn_for(total.get("random_arm"), own=False),
        "model": model | {
            "reliability": [line for line in model["reliability"] if line["n"] >= FEW]
        },
    }  # fmt: skip


def _window(window: dict[str, Any]) -> dict[str, Any]:
    """A window of few visits has no numbers of its own."""
    if window["n"] >= FEW:
        return window
    return {name: window[name] for name in ("start", "end")} | {"n": None}


def drawn_for(drawn: dict[str, Any] | None, *, own: bool) -> dict[str, Any] | None:
    """Promised and found among drawn visits; nothing of a few to others than their owner."""
    return drawn if own or drawn is None or drawn["n"] >= FEW else None
