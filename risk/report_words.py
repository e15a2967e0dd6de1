"""Results of tests in words and rows for pages and cards."""

import datetime as dt
from typing import Any

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Area, AreaKind
from risk.learning.metrics import STOP, WATCH
from risk.models import ModelVersion, Report, ReportKind
from risk.override_words import label_words, number
from risk.report_readers import results_for
from risk.small_groups import OTHERS
from targets.models import Industry

# metric: (words, what it says, decimals, whether per cent)
METRICS: dict[str, tuple[Any, Any, int, bool]] = {
    "precision": (gettext_lazy("Found among those chosen"),
                  gettext_lazy("share of the chosen where something is found"), 1, True),
    "lift": (gettext_lazy("Times better than chance"),
             gettext_lazy("hits among the chosen against the average"), 2, False),
    "days_earlier": (gettext_lazy("Days earlier"),
                     gettext_lazy("how much sooner findings would have come"), 1, False),
    "first_half": (gettext_lazy("Found in the first half"),
                   gettext_lazy("share of the findings in the first half of the visits"), 1, True),
    "auc": (gettext_lazy("Order (AUC)"),
            gettext_lazy("chance that a site with a finding stands above one without"), 3, False),
    "average_precision": (gettext_lazy("Average precision"), "", 3, False),
}  # fmt: skip
OWN: dict[str, tuple[Any, Any, int, bool]] = {
    "ece": (gettext_lazy("Error of the probabilities (ECE)"),
            gettext_lazy("how far promised and found rates are apart"), 3, False),
    "brier": (gettext_lazy("Brier score"), gettext_lazy("lower is better"), 4, False),
    "calibration_in_the_large": (gettext_lazy("Found minus promised"),
                                 gettext_lazy("above zero it promises too little"), 3, False),
}  # fmt: skip
ORDERS: dict[str, Any] = {
    "model": gettext_lazy("This model"),
    "random": gettext_lazy("Random order"),
    "last_visit": gettext_lazy("Result of the last visit"),
    "current_practice": gettext_lazy("Order as visited"),
    "ceiling": gettext_lazy("Ceiling: free trees"),
}
DIMENSIONS: dict[str, Any] = {
    "region": gettext_lazy("Region"), "industry": gettext_lazy("Industry"),
    "size": gettext_lazy("Staff"), "firm_age": gettext_lazy("Age of the firm, years"),
    "posted": gettext_lazy("Workers posted from abroad"),
    "origin": gettext_lazy("Where the nomination came from"),
}  # fmt: skip
LABELS: dict[str, Any] = {
    "?": gettext_lazy("not known"), "yes": gettext_lazy("yes"), "no": gettext_lazy("no"),
    "tip": gettext_lazy("tip"), "register": gettext_lazy("register"),
    "nomination": gettext_lazy("nomination"), "draw": gettext_lazy("draw"),
}  # fmt: skip
# Of one group: words, decimals, whether per cent.
OF_GROUP: dict[str, tuple[Any, int, bool]] = {
    "rate": (gettext_lazy("Found"), 1, True),
    "predicted": (gettext_lazy("Promised"), 1, True),
    "chosen": (gettext_lazy("Chosen"), 1, True),
    "precision": (METRICS["precision"][0], 1, True),
    "lift": (METRICS["lift"][0], 2, False),
    "days_earlier": (METRICS["days_earlier"][0], 1, False),
    "first_half": (METRICS["first_half"][0], 1, True),
    "auc": (METRICS["auc"][0], 2, False),
    "auc_last_visit": (gettext_lazy("Order by the last visit’s result (AUC)"), 2, False),
    "ece": (OWN["ece"][0], 3, False),
    "brier": (OWN["brier"][0], 3, False),
}  # fmt: skip
MOST_GROUPS = 40


def shown(value: Any, decimals: int, percent: bool = False) -> str:
    """A number for readers, a dash for none."""
    if value is None:
        return "–"
    if percent:
        return f"{number_format(100 * value, decimals, use_l10n=True)} %"
    return str(number_format(value, decimals, use_l10n=True))


def capacity_words(capacity: float) -> str:
    """A share below 1, or visits of each window, as a test was asked for."""
    if capacity < 1:
        share = round(100 * capacity, 1)
        return _("%(share)s per cent of the visits of each window") % {
            "share": shown(share, 0 if share.is_integer() else 1)
        }
    words = ngettext(
        "%(count)s visit of each window", "%(count)s visits of each window", int(capacity)
    )
    return words % {"count": shown(int(capacity), 0)}


def interval(values: Any, decimals: int, percent: bool = False) -> str:
    """``value (low–high)`` of a list of three; a number alone, as groups had before they had
    intervals, as it is."""
    if isinstance(values, int | float):
        return shown(values, decimals, percent)
    if not values or values[0] is None:
        return "–"
    value, low, high = (shown(v, decimals, percent) for v in values)
    if percent:
        low, high = low.removesuffix(" %"), high.removesuffix(" %")
    return f"{value} ({low} … {high})"


class GroupNames:
    """Codes of groups in the reader's words. Two queries, once."""

    def __init__(self) -> None:
        self.regions = {area.code: area.name for area in Area.objects.filter(kind=AreaKind.REGION)}
        self.industries = {
            row.code: row.name for row in Industry.objects.filter(level=2).select_related("edition")
        }

    def group(self, dimension: str, label: str) -> str:
        if label == OTHERS:
            return _("Others together")
        if dimension == "region":
            return self.regions.get(label, str(LABELS.get(label, label)))
        if dimension == "industry" and label in self.industries:
            return f"{label} {self.industries[label]}"
        if dimension in ("size", "firm_age") and label.endswith("-"):
            return _("%(low)s or more") % {"low": label[:-1]}
        return str(LABELS.get(label, label)).replace("-", "–")

    def both(self, group: str) -> str:
        """``region=18`` in words."""
        dimension, _equals, label = group.partition("=")
        return f"{DIMENSIONS.get(dimension, dimension)}: {self.group(dimension, label)}"


class Names(GroupNames):
    """Those of indicators too. Three queries, once."""

    def __init__(self, version: ModelVersion) -> None:
        super().__init__()
        self.indicators = {
            part.indicator.indicator.code: part.indicator.name
            for part in version.indicators.select_related("indicator__indicator")
        }

    def indicator(self, code: str) -> str:
        return self.indicators.get(code, code)


def backtest_rows(report: Report, names: Names, *, own: bool = False) -> dict[str, Any]:
    """Everything the page shows of a backtest; small groups to its owner alone (``own``)."""
    results = results_for(report, own=own)
    total = results.get("total")
    if not results.get("enough") or not total:
        return {"enough": False, "numbers": results}
    orders = [code for code in ORDERS if code in total]
    table = [
        {"label": label, "help": help_text,
         "cells": [{"order": ORDERS[o], "value": interval(total[o].get(code), decimals, percent)}
                   for o in orders]}
        for code, (label, help_text, decimals, percent) in METRICS.items()
    ]  # fmt: skip
    beside = [
        {"label": label, "help": help_text,
         "value": interval(total["model"].get(code), decimals, percent)}
        for code, (label, help_text, decimals, percent) in OWN.items()
    ]  # fmt: skip
    for code, words in (
        ("inspector_adjusted", _("Order within the visits of the same inspector (AUC)")),
        ("within_office", _("Order within the same office (AUC)")),
    ):
        if code in total["model"]:
            beside.append(
                {"label": words, "help": "", "value": interval(total["model"][code]["auc"], 3)}
            )
    return {
        "enough": True, "numbers": results, "total": total,
        "orders": [ORDERS[o] for o in orders], "table": table, "own": beside,
        "capacity": capacity_words(results["capacity"]),
        "verdict": verdict(total), "ceiling": ceiling_words(total),
        "reliability": total["model"]["reliability"],
        "segments": _segments(total["segments"], names),
        "of_group": [words for words, _decimals, _percent in OF_GROUP.values()],
        "drift": _drift(results["windows"], names),
        "overrides": _overrides(results.get("overrides") or {}),
        "windows": [
            {"start": day(w["start"]), "end": day(w["end"]), "n": shown(w["n"], 0),
             "auc": shown(w["model"]["auc"][0], 3) if "model" in w else "–"}
            for w in results["windows"]
        ],
    }  # fmt: skip


def day(text: str) -> str:
    return date_format(dt.date.fromisoformat(text), "SHORT_DATE_FORMAT")


def verdict(total: dict[str, Any]) -> str:
    """One sentence: is the order better than the rule of the last visit, as far as one can tell?"""
    model = total["model"]["auc"]
    rule = total.get("last_visit", total["random"])["auc"]
    if model[1] is None or rule[0] is None:
        return _("The results are too few for a judgement.")
    if model[1] > rule[2]:
        return _("The order is better than that of the last visit’s result.")
    if model[2] < rule[1]:
        return _("The order is worse than that of the last visit’s result.")
    return _("The order cannot be told apart from that of the last visit’s result.")


def ceiling_words(total: dict[str, Any]) -> str:
    """How far the model is from what a free one reaches; empty where it was not measured."""
    if "to_ceiling" not in total:
        return ""
    _value, low, high = total["to_ceiling"]["auc"]
    difference = {"difference": interval(total["to_ceiling"]["auc"], 3)}
    if low is None:
        return ""
    if high < 0:
        return _("The ceiling orders better: there is more in the indicators than the points take"
                 " from them. Order of the model minus that of the ceiling (AUC):"
                 " %(difference)s.") % difference  # fmt: skip
    if low > 0:
        return _("The points order better than the ceiling. Order of the model minus that of the"
                 " ceiling (AUC): %(difference)s.") % difference  # fmt: skip
    return _("The points cannot be told apart from the ceiling. Order of the model minus that of"
             " the ceiling (AUC): %(difference)s.") % difference  # fmt: skip


def _segments(segments: dict[str, Any], names: Names) -> list[dict[str, Any]]:
    return [
        {"label": DIMENSIONS.get(dimension, dimension), "rows": [
            {"label": names.group(dimension, label), "n": row["n"],
             "few": row.get("too_few", False),
             "cells": [{"label": OF_GROUP[code][0], "value": interval(row.get(code), *OF_GROUP[code][1:])}
                       for code in OF_GROUP]}
            for label, row in sorted(rows.items(), key=lambda item: -item[1]["n"])[:MOST_GROUPS]
        ]}
        for dimension, rows in segments.items()
    ]  # fmt: skip


def _overrides(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The owner's decisions beside the list, by way and by reason."""
    return [
        {"label": label, "rows": [
            {"label": label_words(line["label"]), "decisions": number(line["decisions"]),
             "visited": number(line["visited"]), "rate": interval(line["rate"], 1, True)}
            for line in told.get(key, [])
        ]}
        for key, label in (("ways", _("How the site was chosen")), ("codes", _("Reason")))
        if told.get(key)
    ]  # fmt: skip


def _level(psi: float | None) -> tuple[str, Any]:
    if psi is None:
        return "unknown", _("not known")
    if psi >= STOP:
        return "bad", _("changed")
    return ("warn", _("watch")) if psi >= WATCH else ("ok", _("steady"))


def _drift(windows: list[dict[str, Any]], names: Names) -> list[dict[str, Any]]:
    """The last window against what was learnt from."""
    last = next((w for w in reversed(windows) if "drift" in w), None)
    if last is None:
        return []
    return [
        {"label": names.indicator(code), "psi": shown(psi, 3), "state": _level(psi),
         "missing": shown(last["missing"].get(code), 0, True)}
        for code, psi in last["drift"].items()
    ]  # fmt: skip


def drift_rows(report: Report, names: Names, *, own: bool = False) -> dict[str, Any]:
    results = results_for(report, own=own)
    if not results.get("enough"):
        return {"enough": False, "numbers": results}
    lines = [
        {"label": _("The score itself"), "psi": shown(results["score"], 3),
         "state": _level(results["score"])}
    ]  # fmt: skip
    lines += [
        {"label": names.indicator(line["indicator"]), "psi": shown(line["psi"], 3),
         "state": _level(line["psi"])}
        for line in results["indicators"]
    ]  # fmt: skip
    return {"enough": True, "rows": lines, "numbers": results}


# ------------------------------------------------------------------------------- bias audit
def finding_words(block: dict[str, Any], names: Names) -> str:
    """What stops the model, in one sentence with numbers."""
    values = {
        "group": names.both(block["group"]),
        "value": shown(block["value"], 2), "limit": shown(block["limit"], 2),
        "points": shown(100 * abs(block["value"]), 0),
    }  # fmt: skip
    measure = block["measure"]
    if measure == "selection_ratio" and block["value"] > 1:
        return (
            _("%(group)s: chosen %(value)s times as often as all others, and what is found there"
              " does not explain it (limit %(limit)s).") % values
        )  # fmt: skip
    if measure == "selection_ratio":
        return (
            _("%(group)s: chosen only %(value)s times as often as all others, and what is found"
              " there does not explain it (limit %(limit)s).") % values
        )  # fmt: skip
    if measure == "false_discovery":
        return (
            _("%(group)s: visits end without a finding more often than elsewhere, by %(points)s"
              " percentage points.") % values
        )  # fmt: skip
    if block["value"] < 0:
        return (
            _("%(group)s: at the same score less is found than elsewhere, by %(points)s percentage"
              " points: the score is too high for them.") % values
        )  # fmt: skip
    return (
        _("%(group)s: at the same score more is found than elsewhere, by %(points)s percentage"
          " points: the score is too low for them.") % values
    )  # fmt: skip


def audit_rows(report: Report, names: Names, *, own: bool = False) -> dict[str, Any]:
    """What blocks, the groups, and for each blocked group which indicator moves it most.

    Small groups to its owner alone (``own``)."""
    results = results_for(report, own=own)
    if not results.get("enough"):
        return {"enough": False, "numbers": results, "blocking": []}
    blocking = [
        {"words": finding_words(block, names), "cause": _cause(block["group"], results, names)}
        for block in results["blocking"]
    ]
    groups = [
        {"label": DIMENSIONS.get(dimension, dimension), "rows": [
            {"label": names.group(dimension, label), "n": row["n"],
             "few": row.get("too_few", False),
             "chosen": shown(row["selection_rate"], 1, True),
             "others": shown(row["selection_rate_others"], 1, True),
             "hits": shown(row["hit_rate"], 1, True),
             "hits_others": shown(row["hit_rate_others"], 1, True),
             "equal": shown((row.get("equal_score_chosen") or {}).get("difference"), 1, True)}
            for label, row in sorted(rows.items(), key=lambda item: -item[1]["n"])[:MOST_GROUPS]
        ]}
        for dimension, rows in results["findings"].items()
    ]  # fmt: skip
    without = [
        {"label": names.indicator(row["indicator"]), "moved": shown(row["moved"], 0, True),
         "auc": shown(row["auc_change"], 3), "drawn": interval(row.get("drawn_auc_change"), 3),
         "refit": row.get("refit", False)}
        for row in results.get("without", [])
    ]  # fmt: skip
    return {
        "enough": True, "numbers": results, "blocking": blocking, "groups": groups,
        "without": without, "unsure": _unsure(results["findings"], names),
        "not_refit": any(not line["refit"] for line in without),
    }  # fmt: skip


def _unsure(findings: dict[str, Any], names: Names) -> list[str]:
    """Groups chosen more or less than the limit allows, where that may be accident."""
    return [
        _("%(group)s: chosen %(value)s times as often as all others. With %(count)s visits that may"
          " be accident (%(low)s … %(high)s), so it does not stop the version.") % {
            "group": names.both(f"{dimension}={label}"), "count": row["n"],
            "value": shown(row["selection_ratio"], 2),
            "low": shown(row["selection_interval"][0], 2),
            "high": shown(row["selection_interval"][1], 2),
        }
        for dimension, rows in findings.items()
        for label, row in rows.items() if row.get("selection_unsure")
    ]  # fmt: skip


def _cause(group: str, results: dict[str, Any], names: Names) -> str:
    """The indicator without which the group's selection rate comes nearest to that of the rest."""
    dimension, _equals, label = group.partition("=")
    row = results["findings"].get(dimension, {}).get(label)
    if row is None or row["selection_rate_others"] is None:
        return ""
    now, rest = row["selection_rate"], row["selection_rate_others"]
    best = min(
        results.get("without", []),
        key=lambda w: abs(w["selection_rates"].get(group, now) - rest), default=None,
    )  # fmt: skip
    if best is None:
        return ""
    then = best["selection_rates"].get(group, now)
    if abs(then - rest) >= abs(now - rest) * 0.9:
        return ""
    return _(
        "Without the indicator “%(name)s” they would be chosen in %(then)s of cases instead of"
        " %(now)s."
    ) % {
        "name": names.indicator(best["indicator"]), "then": shown(then, 1, True),
        "now": shown(now, 1, True),
    }  # fmt: skip


def of(report: Report, names: Names, *, own: bool = False) -> dict[str, Any]:
    """Rows of a done report, by its kind; ``own``: for readers of the owning authority."""
    rows = {
        ReportKind.BACKTEST: backtest_rows, ReportKind.AUDIT: audit_rows,
        ReportKind.DRIFT: drift_rows,
    }[ReportKind(report.kind)]  # fmt: skip
    return rows(report, names, own=own)
