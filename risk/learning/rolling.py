"""Backtest with a rolling origin, which refuses to run on knowledge from the future."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from risk.learning import metrics
from risk.learning.protocol import Ranker

Array = NDArray[Any]
Features = Callable[[int], "Array | tuple[Array, Array]"]
TOO_GOOD = 0.98
FEW = 30


class Leak(ValueError):
    """A feature knows what cannot have been known; ``feature`` names it."""

    def __init__(self, feature: str, reason: str) -> None:
        super().__init__(f"{feature}: {reason}")
        self.feature, self.reason = feature, reason


@dataclass(frozen=True)
class Panel:
    """Visits with outcomes.

    ``X``: a matrix (rows, features), or ``features(cutoff)`` giving that matrix for all rows with
    what is known before the cut-off day, optionally with its ``known_from``. ``known_from``: day
    from which a value was known, per row (n,) or cell (n, features); NaN means always.
    ``group`` is the nuisance (inspector), ``office`` the part in which an order can be changed.
    ``last``: result of the last visit, for the last-visit rule. ``segments``: labels per row.
    ``weight``: one over the probability of a visit drawn by lot, NaN for all others.
    """

    names: tuple[str, ...]
    X: "Array | Features"
    y: Array
    day: Array
    group: Array | None = None
    office: Array | None = None
    last: Array | None = None
    known_from: Array | None = None
    segments: Mapping[str, Array] = field(default_factory=dict)
    weight: Array | None = None

    def at(self, cutoff: int) -> tuple[Array, Array | None]:
        """Matrix and known-from days for a cut-off."""
        if not callable(self.X):
            return np.asarray(self.X, dtype=float), self.known_from
        found = self.X(cutoff)
        return found if isinstance(found, tuple) else (found, self.known_from)


@dataclass(frozen=True)
class Window:
    """Rows with start <= day < end are ranked by a model of rows before start."""

    start: int
    end: int


def windows(first: int, last: int, length: int) -> list[Window]:
    """Back-to-back windows of ``length`` days from first, the last one ending at or before last."""
    return [Window(s, s + length) for s in range(first, last - length + 1, length)]


def refuse_leaks(
    names: Sequence[str], X: Array, y: Array, day: Array, known_from: Array | None
) -> None:
    """Raise ``Leak`` for a value known only on or after the day of its row, or too telling.

    Too telling: one feature alone, or its being missing, separates the outcomes with an AUC above
    0.98 in either direction.
    """
    if known_from is not None:
        days = np.asarray(known_from, dtype=float)
        days = days[:, None] if days.ndim == 1 else days
        late = (days >= np.asarray(day)[:, None]) & ~np.isnan(X)
        if late.any():
            row, column = np.argwhere(late)[0]
            raise Leak(
                names[column],
                f"known from day {days[row, min(column, days.shape[1] - 1)]:g}, "
                f"used for a visit on day {day[row]:g} ({int(late[:, column].sum())} rows)",
            )
    for j, name in enumerate(names):
        known = ~np.isnan(X[:, j])
        for what, answers, values in (
            ("its value", y[known], X[known, j]),
            ("its absence", y, known.astype(float)),
        ):
            if answers.size and min(answers.sum(), (1 - answers).sum()) >= 5:
                alone = float(metrics.auc(answers, values))
                if max(alone, 1 - alone) > TOO_GOOD:
                    raise Leak(name, f"{what} alone separates the outcomes (AUC {alone:.3f})")


def refuse_changes(
    names: Sequence[str], before: Array, after: Array, day: Array, cutoff: int
) -> None:
    """Raise ``Leak`` when a row dated before the earlier cut-off changes with a later one."""
    old = np.asarray(day) < cutoff
    same = (before[old] == after[old]) | (np.isnan(before[old]) & np.isnan(after[old]))
    if not same.all():
        column = int(np.argwhere(~same)[0][1])
        raise Leak(names[column], f"values of visits before day {cutoff} change afterwards")


def backtest(
    panel: Panel,
    make: Callable[[], Ranker],
    spans: Sequence[Window],
    *,
    capacity: float = 0.1,
    nuisance: bool = True,
    seed: int = 1,
    rounds: int = 300,
) -> dict[str, Any]:
    """Fit before each window, rank inside it, and report beside the baselines.

    ``capacity``: visits (or share of a window) for precision and lift. ``nuisance``: whether the
    fit takes ``panel.group``. Baselines: random order, last-visit rule, order as visited.
    Returns numbers, strings, lists and dicts only; intervals as [value, low, high].
    """
    y, day = np.asarray(panel.y, dtype=float), np.asarray(panel.day)
    parts: list[dict[str, Any]] = []
    pooled: list[tuple[Array, Array, Array]] = []
    earlier: tuple[Array, int] | None = None
    X = np.zeros((0, 0))
    for span in spans:
        X, known_from = panel.at(span.start)
        seen = day < span.end
        refuse_leaks(
            panel.names, X[seen], y[seen], day[seen],
            None if known_from is None else np.asarray(known_from)[seen],
        )  # fmt: skip
        if earlier is not None:
            refuse_changes(panel.names, earlier[0], X, day, earlier[1])
        earlier = (X, span.start)
        train = np.flatnonzero(day < span.start)
        test = np.flatnonzero((day >= span.start) & seen)
        if not test.size or min(y[train].sum(), (1 - y[train]).sum(), y[test].sum()) < 1:
            parts.append({"start": span.start, "end": span.end, "n": len(test), "skipped": True})
            continue
        groups = panel.group[train] if nuisance and panel.group is not None else None
        model = make().fit(X[train], y[train], groups=groups, days=day[train])
        score, p = model.score(X[test]), model.predict(X[test])
        pooled.append((test, score, p))
        found = _report(
            panel, test, score, p, np.zeros(len(test), dtype=int), capacity, seed, rounds
        )
        drift = {
            name: metrics.population_stability(X[train, j], X[test, j])
            for j, name in enumerate(panel.names)
        }
        missing = {n: float(np.isnan(X[test, j]).mean()) for j, n in enumerate(panel.names)}
        parts.append(
            {"start": span.start, "end": span.end, "trained_on": len(train), "drift": drift,
             "missing": missing, **found}
        )  # fmt: skip
    if not pooled:
        return {"windows": parts, "total": None}
    rows = np.concatenate([t for t, _, _ in pooled])
    score, p = (np.concatenate([part[k] for part in pooled]) for k in (1, 2))
    window = np.repeat(np.arange(len(pooled)), [len(t) for t, _, _ in pooled])
    total = _report(panel, rows, score, p, window, capacity, seed, rounds)
    total["segments"] = _segments(panel, rows, score, p, window, capacity)
    total["random_arm"] = _random_arm(panel, rows, p, seed, rounds)
    return {"capacity": capacity, "seed": seed, "rounds": rounds, "windows": parts, "total": total}


def _random_arm(
    panel: Panel, rows: Array, p: Array, seed: int, rounds: int
) -> dict[str, Any] | None:
    """Promised and found among the drawn, each speaking for one over its probability."""
    if panel.weight is None:
        return None
    weight = np.asarray(panel.weight, dtype=float)[rows]
    drawn = ~np.isnan(weight)
    if not drawn.any():
        return None
    y, p, weight = np.asarray(panel.y, dtype=float)[rows][drawn], p[drawn], weight[drawn]
    gap = metrics.bootstrap(metrics.weighted_gap, y, p, weight, seed=seed, rounds=rounds)
    return {
        "n": int(drawn.sum()), "found": float(np.average(y, weights=weight)),
        "promised": float(np.average(p, weights=weight)), "difference": _triple(gap),
    }  # fmt: skip


def _codes(labels: Array) -> Array:
    return np.unique(labels, return_inverse=True)[1]


def _dense(window: Array, labels: Array) -> Array:
    codes = _codes(labels)
    return window * (codes.max() + 1) + codes


def _ranking(
    y: Array, score: Array, day: Array, window: Array, capacity: float, seed: int, rounds: int
) -> dict[str, Any]:
    """Metrics of an order. Orders are only compared inside a window."""
    # A rank inside its window makes scores of different models comparable for capacity.
    placed = _placed(score, window)
    listed: dict[str, tuple[Callable[..., Array], tuple[Array, ...], dict[str, float]]] = {
        "auc": (metrics.auc_within, (y, score, window), {}),
        "average_precision": (metrics.average_precision, (y, placed), {}),
        "precision": (metrics.precision_at, (y, placed), {"k": capacity}),
        "lift": (metrics.lift_at, (y, placed), {"k": capacity}),
        "days_earlier": (metrics.days_earlier, (y, score, day, window), {}),
        "first_half": (metrics.first_half_of, (y, score, _late(day, window), window), {}),
    }
    return {
        name: _triple(metrics.bootstrap(f, *columns, seed=seed, rounds=rounds, **options))
        for name, (f, columns, options) in listed.items()
    }


def _late(day: Array, window: Array) -> Array:
    """1 in the second half of each window's visits, else 0."""
    result = np.zeros(len(day))
    for value in np.unique(window):
        inside = window == value
        result[inside] = rankdata(day[inside], method="max") > inside.sum() / 2
    return result


def _placed(score: Array, window: Array) -> Array:
    result = np.zeros(len(score))
    for value in np.unique(window):
        inside = window == value
        result[inside] = (rankdata(score[inside]) - 0.5) / inside.sum()
    return result


def _report(
    panel: Panel,
    rows: Array,
    score: Array,
    p: Array,
    window: Array,
    capacity: float,
    seed: int,
    rounds: int,
) -> dict[str, Any]:
    y, day = np.asarray(panel.y, dtype=float)[rows], np.asarray(panel.day, dtype=float)[rows]
    orders = {"model": score, "random": np.zeros(len(rows)), "current_practice": -day}
    if panel.last is not None:
        orders["last_visit"] = np.nan_to_num(np.asarray(panel.last, dtype=float)[rows], nan=0.0)
    result: dict[str, Any] = {"n": len(rows), "positives": int(y.sum()), "rate": float(y.mean())}
    for name, order in orders.items():
        result[name] = _ranking(y, order, day, window, capacity, seed, rounds)
    for label, part in (("inspector_adjusted", panel.group), ("within_office", panel.office)):
        if part is not None:
            inside = _dense(window, np.asarray(part)[rows])
            draw = {"seed": seed, "rounds": rounds}
            gained = metrics.bootstrap(metrics.days_earlier, y, score, day, inside, **draw)
            result["model"][label] = {
                "auc": _triple(metrics.bootstrap(metrics.auc_within, y, score, inside, **draw)),
                "days_earlier": _triple(gained),
            }
    for name, metric in (
        ("brier", metrics.brier),
        ("ece", metrics.ece),
        ("calibration_in_the_large", metrics.calibration_in_the_large),
    ):
        result["model"][name] = _triple(metrics.bootstrap(metric, y, p, seed=seed, rounds=rounds))
    result["model"]["reliability"] = metrics.reliability(y, p)
    return result


def _segments(
    panel: Panel, rows: Array, score: Array, p: Array, window: Array, capacity: float
) -> dict[str, Any]:
    """Per label: how many, how often right, how often chosen at capacity. Small ones say so."""
    y = np.asarray(panel.y, dtype=float)[rows]
    placed = _placed(score, window)
    limit = np.sort(placed)[-metrics.capacity(len(rows), capacity)]
    chosen = placed >= limit
    result: dict[str, Any] = {}
    for name, labels in panel.segments.items():
        here = np.asarray(labels)[rows]
        result[name] = {}
        for label in np.unique(here).tolist():
            inside = here == label
            row: dict[str, Any] = {"n": int(inside.sum())}
            if row["n"] < FEW:
                row["too_few"] = True
            else:
                hits = y[inside & chosen]
                row |= {
                    "rate": float(y[inside].mean()),
                    "predicted": float(p[inside].mean()),
                    "auc": _number(metrics.auc_within(y[inside], score[inside], window[inside])),
                    "chosen": float(chosen[inside].mean()),
                    "precision": _number(hits.mean()) if hits.size else None,
                }
            result[name][str(label)] = row
    return result


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _triple(found: metrics.Interval) -> list[float | None]:
    return [_number(part) for part in found]
