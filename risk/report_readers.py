"""What readers of other authorities see of a test: no group small enough to tell one visit by.

A joint model is tested on all visits of its owner, shared or not; the report is read by everybody
who works with risk. The owner's own people see every group. Where visits came from is theirs
alone, whether or not a tip is among it: held against the shared visits of an area, the number of
tips would tell of a signal, and so would a table that is there only while there are none.

``reduced`` is the one rule of it. It is applied when a test ends: what it leaves is the row of the
report, the whole is a row behind a wall (``ReportWhole``). Since the row can be read as it is, it
holds no more than pages show, and nothing that is not named here.
"""

from typing import Any

from risk.models import Report, ReportKind
from risk.services.segments import ORIGIN
from risk.small_groups import FEW, OTHERS, merged

COUNTED = ("enough", "labels", "found", "from", "to", "capacity")
OF_BACKTEST = (*COUNTED, "seed", "rounds", "overrides", "beside")
OF_WINDOW = ("start", "end", "n", "skipped", "drift", "missing")
AMONG_CHOSEN = ("precision", "lift")
SELECTION = ("selection_rate", "selection_rate_others")
HITS = ("hit_rate", "hit_rate_others")
OF_FINDING = ("n", "too_few", *SELECTION, "selection_ratio", "selection_unsure", *HITS)


def results_for(report: Report, *, own: bool) -> dict[str, Any]:
    """Results of a report as its owner (``own``) or somebody else may read them.

    The wall has the last word: where it hides the whole, ``own`` finds what everybody finds.
    """
    whole = getattr(report, "whole", None) if own else None
    results: dict[str, Any] = report.results if whole is None else whole.results
    return results


def reduced(kind: str, results: dict[str, Any]) -> dict[str, Any]:
    """What everybody may read who sees the model, of the whole results of a test of a ``kind``.

    Stored as it was told: when the rule changes, what was stored by an earlier one stays.
    """
    if not results.get("enough"):
        return results
    if kind == ReportKind.AUDIT:
        told = {
            name: _findings(rows) for name, rows in _without_origins(results["findings"]).items()
        }
        return _only(results, COUNTED) | {
            "findings": told,
            "blocking": [_block(block, told) for block in results["blocking"]],
            "without": [_without(line, told) for line in results.get("without", [])],
        }
    if kind == ReportKind.BACKTEST and results.get("total"):
        return _only(results, OF_BACKTEST) | {
            "total": _total(results["total"]),
            "windows": [_window(window) for window in results["windows"]],
        }
    return results


def _only(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


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
        line = dict.fromkeys((*SELECTION, *HITS)) | _only(row, OF_FINDING)
        equal = row.get("equal_score_chosen")  # of its bands some are of a single visit
        line["equal_score_chosen"] = equal and {"difference": equal["difference"]}
        if row.get("selection_interval"):
            # Its exact width would tell by how many groups the level was divided, origins too.
            line["selection_interval"] = [round(end, 2) for end in row["selection_interval"]]
        if rates.get(label, OTHERS) == OTHERS:
            line |= dict.fromkeys((*HITS, "equal_score_chosen"))
        found[label] = line
    return found


def _without(line: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """What an indicator does, to the groups that are told by name."""
    return line | {
        "selection_rates": {
            f"{dimension}={label}": line["selection_rates"][f"{dimension}={label}"]
            for dimension, rows in told.items() for label in rows
            if label != OTHERS and f"{dimension}={label}" in line["selection_rates"]
        }
    }  # fmt: skip


def _segment(rows: dict[str, Any]) -> dict[str, Any]:
    """Where few are chosen it is not told what was found among them."""
    rates = merged({label: int(row.get("n_chosen", 0)) for label, row in rows.items()})
    return {
        label: row | dict.fromkeys(AMONG_CHOSEN) if rates.get(label, OTHERS) == OTHERS else row
        for label, row in _told(rows).items()
    }


def _total(total: dict[str, Any]) -> dict[str, Any]:
    model, drawn = total["model"], total.get("random_arm")
    return total | {
        "segments": {
            name: _segment(rows) for name, rows in _without_origins(total["segments"]).items()
        },
        "random_arm": drawn if drawn and drawn["n"] >= FEW else None,
        "model": model | {
            "reliability": [line for line in model["reliability"] if line["n"] >= FEW]
        },
    }  # fmt: skip


def _window(window: dict[str, Any]) -> dict[str, Any]:
    """A window of few visits has no numbers of its own."""
    if window["n"] < FEW:
        return _only(window, ("start", "end")) | {"n": None}
    told = _only(window, OF_WINDOW)
    return told | {"model": _only(window["model"], ("auc",))} if "model" in window else told
