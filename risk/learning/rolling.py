"""Backtest with a rolling origin, which refuses to run on knowledge from the future."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
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
TREES = 150  # rows below which boosted trees learn nothing


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
    ``weight``: one over the probability of a visit drawn by lot, NaN for all others. ``told``: the
    first day on which an outcome was known; nothing learns from it earlier.
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
    told: Array | None = None

    def at(self, cutoff: int) -> tuple[Array, Array | None]:
        """Matrix and known-from days for a cut-off."""
        if not callable(self.X):
            return np.asarray(self.X, dtype=float), self.known_from
        found = self.X(cutoff)
        return found if isinstance(found, tuple) else (found, self.known_from)


@dataclass(frozen=True)
class Window:
    """Rows with start <= day < end are ranked by a model of rows before start.

    Of those before only rows whose outcome was known when the window begins.
    """

    start: int
    end: int

    def split(self, day: Array, told: Array | None) -> tuple[Array, Array]:
        """Rows to learn from and rows to rank."""
        known = day < self.start
        if told is not None:
            known &= np.asarray(told) <= self.start
        return np.flatnonzero(known), np.flatnonzero((day >= self.start) & (day < self.end))


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
    ceiling: Callable[[], Ranker] | None = None,
    kept: MutableMapping[str, Any] | None = None,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Fit before each window, rank inside it, and report beside the baselines.

    ``capacity``: visits of each window (from 1 on), or its share (below 1), for precision and lift.
    ``nuisance``: whether the fit takes ``panel.group``. Baselines: random order, last-visit rule,
    order as visited. ``ceiling``: a free model, fitted to the same rows without the nuisance, ranked
    beside where every window has ``TREES`` rows to learn from. ``kept``: finished windows of the
    same panel by "window:<number>"; they are taken from there and put there. ``alive`` is called
    between long steps: whoever waits hears that the work goes on.
    Returns numbers, strings, lists and dicts only; intervals as [value, low, high].
    """
    y, day = np.asarray(panel.y, dtype=float), np.asarray(panel.day)
    kept = {} if kept is None else kept
    parts: list[dict[str, Any]] = []
    pooled: list[tuple[Array, dict[str, Any]]] = []
    earlier: tuple[Array, int] | None = None
    for number, span in enumerate(spans):
        X, known_from = panel.at(span.start)
        seen = day < span.end
        refuse_leaks(
            panel.names, X[seen], y[seen], day[seen],
            None if known_from is None else np.asarray(known_from)[seen],
        )  # fmt: skip
        if earlier is not None:
            refuse_changes(panel.names, earlier[0], X, day, earlier[1])
        earlier = (X, span.start)
        train, test = span.split(day, panel.told)
        if not test.size or min(y[train].sum(), (1 - y[train]).sum(), y[test].sum()) < 1:
            parts.append({"start": span.start, "end": span.end, "n": len(test), "skipped": True})
            continue
        key = f"window:{number}"
        if key not in kept:
            groups = panel.group[train] if nuisance and panel.group is not None else None
            own = _scores(X, y, day, groups, (train, test), make, ceiling)
            found = _report(panel, test, own, np.zeros(len(test), dtype=int), capacity, seed,
                            rounds, alive)  # fmt: skip
            kept[key] = own | {
                "part": {"start": span.start, "end": span.end, "trained_on": len(train),
                         **_shift(panel.names, X, train, test), **found}
            }  # fmt: skip
        parts.append(kept[key]["part"])
        pooled.append((test, kept[key]))
    if not pooled:
        return {"windows": parts, "total": None}
    rows = np.concatenate([test for test, _ in pooled])
    scores = {
        name: None if any(done[name] is None for _, done in pooled)
        else np.concatenate([np.asarray(done[name], dtype=float) for _, done in pooled])
        for name in ("score", "p", "ceiling")
    }  # fmt: skip
    window = np.repeat(np.arange(len(pooled)), [len(test) for test, _ in pooled])
    total = _report(panel, rows, scores, window, capacity, seed, rounds, alive)
    score, p = np.asarray(scores["score"]), np.asarray(scores["p"])
    total["chosen"] = float(_chosen(score, window, capacity).mean())
    total["segments"] = _segments(panel, rows, score, p, window, capacity, seed, rounds, alive)
    total["random_arm"] = _random_arm(panel, rows, p, seed, rounds)
    if scores["ceiling"] is not None:
        orders = {"model": score, "ceiling": np.asarray(scores["ceiling"])}
        total["to_ceiling"] = compare(y[rows], orders, window, capacity, seed, rounds)["difference"]
    return {"capacity": capacity, "seed": seed, "rounds": rounds, "windows": parts, "total": total}


def _scores(
    X: Array, y: Array, day: Array, groups: Array | None, rows: tuple[Array, Array],
    make: Callable[[], Ranker], ceiling: Callable[[], Ranker] | None,
) -> dict[str, list[float] | None]:  # fmt: skip
    """Scores and probabilities of a window by a model of the rows before it, and the ceiling's."""
    train, test = rows
    model = make().fit(X[train], y[train], groups=groups, days=day[train])
    free = None
    if ceiling is not None and len(train) >= TREES:
        free = ceiling().fit(X[train], y[train], days=day[train]).score(X[test]).tolist()
    score, p = model.score(X[test]), model.predict(X[test])
    return {"score": score.tolist(), "p": p.tolist(), "ceiling": free}


def _shift(names: Sequence[str], X: Array, train: Array, test: Array) -> dict[str, Any]:
    """How far a window's values lie from those before, and how many are missing."""
    return {
        "drift": {
            name: metrics.population_stability(X[train, j], X[test, j])
            for j, name in enumerate(names)
        },
        "missing": {name: float(np.isnan(X[test, j]).mean()) for j, name in enumerate(names)},
    }


@dataclass(frozen=True)
class Walked:
    """Rows ranked by models of earlier rows, their scores and the number of their window."""

    rows: Array
    score: Array
    window: Array


def walk(
    X: Array, y: Array, day: Array, groups: Array | None, make: Callable[[], Ranker],
    spans: Sequence[Window], told: Array | None = None,
) -> Walked:  # fmt: skip
    """Fit before each window and score inside it, where there is something to learn from."""
    rows, scores, places = [np.zeros(0, dtype=int)], [np.zeros(0)], [np.zeros(0, dtype=int)]
    for place, span in enumerate(spans):
        train, test = span.split(day, told)
        if not test.size or min(y[train].sum(), (1 - y[train]).sum()) < 1:
            continue
        model = make().fit(
            X[train], y[train], groups=None if groups is None else groups[train], days=day[train]
        )
        rows.append(test)
        scores.append(model.score(X[test]))
        places.append(np.full(len(test), place))
    return Walked(np.concatenate(rows), np.concatenate(scores), np.concatenate(places))


def compare(
    y: Array, scores: Mapping[str, Array], window: Array, capacity: float, seed: int,
    rounds: int = 300,
) -> dict[str, Any]:  # fmt: skip
    """Two orders of the same rows, and the first minus the second, with intervals.

    The difference is drawn over the same resampled rows, so it is narrower than the two apart.
    """
    (first, a), (second, b) = scores.items()
    at, at_b = (AtCapacity.of(score, window, capacity) for score in (a, b))
    pa, pb = at.column, at_b.column
    listed: dict[str, Callable[..., Array]] = {
        "auc": lambda y, score, column, window: metrics.auc_within(y, score, window),
        "precision": lambda y, score, column, window: at.precision(y, column, **at.options),
    }
    result: dict[str, Any] = {first: {}, second: {}, "difference": {}}
    draw: dict[str, Any] = {"seed": seed, "rounds": rounds}
    for name, metric in listed.items():
        result[first][name] = _triple(metrics.bootstrap(metric, y, a, pa, window, **draw))
        result[second][name] = _triple(metrics.bootstrap(metric, y, b, pb, window, **draw))

        def gap(
            y: Array, a: Array, pa: Array, b: Array, pb: Array, w: Array, f: Any = metric
        ) -> Array:
            return np.asarray(f(y, a, pa, w) - f(y, b, pb, w))

        result["difference"][name] = _triple(
            metrics.bootstrap(gap, y, a, pa, b, pb, window, **draw)
        )
    return result


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
    at = AtCapacity.of(score, window, capacity)
    listed: dict[str, tuple[Callable[..., Array], tuple[Array, ...], dict[str, float]]] = {
        "auc": (metrics.auc_within, (y, score, window), {}),
        "average_precision": (metrics.average_precision, (y, placed), {}),
        "precision": (at.precision, (y, at.column), at.options),
        "lift": (at.lift, (y, at.column), at.options),
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


@dataclass(frozen=True)
class AtCapacity:
    """Precision and lift of an order: functions of the outcomes and one column of it.

    Of a share of each window the ranks inside it, for which a resampled row counts by the limit of
    its sample; of a number of visits which rows of each window are chosen.
    """

    precision: Callable[..., Array]
    lift: Callable[..., Array]
    column: Array
    options: dict[str, float]

    @classmethod
    def of(cls, score: Array, window: Array, capacity: float) -> "AtCapacity":
        if capacity < 1:
            placed = _placed(score, window)
            return cls(metrics.precision_at, metrics.lift_at, placed, {"k": capacity})
        chosen = _chosen(score, window, capacity)
        return cls(metrics.rate_among, metrics.lift_among, chosen, {})


def _chosen(score: Array, window: Array, capacity: float) -> Array:
    """1 for what is chosen at capacity, else 0; of a tie at the limit each the share with room."""
    if capacity < 1:
        return _highest(_placed(score, window), metrics.capacity(len(score), capacity))
    result = np.zeros(len(score))
    for value in np.unique(window):
        inside = window == value
        count = metrics.capacity(int(inside.sum()), capacity)
        result[inside] = _highest(score[inside], count)
    return result


def _highest(score: Array, count: int) -> Array:
    limit = np.sort(score)[-count]
    above, tied = score > limit, score == limit
    return above + tied * (count - above.sum()) / tied.sum()


def _report(
    panel: Panel,
    rows: Array,
    scores: Mapping[str, Any],
    window: Array,
    capacity: float,
    seed: int,
    rounds: int,
    alive: Callable[[], None],
) -> dict[str, Any]:
    y, day = np.asarray(panel.y, dtype=float)[rows], np.asarray(panel.day, dtype=float)[rows]
    score, p = np.asarray(scores["score"]), np.asarray(scores["p"])
    orders = {"model": score, "random": np.zeros(len(rows)), "current_practice": -day}
    if panel.last is not None:
        orders["last_visit"] = np.nan_to_num(np.asarray(panel.last, dtype=float)[rows], nan=0.0)
    if scores["ceiling"] is not None:
        orders["ceiling"] = np.asarray(scores["ceiling"])
    result: dict[str, Any] = {"n": len(rows), "positives": int(y.sum()), "rate": float(y.mean())}
    for name, order in orders.items():
        alive()
        result[name] = _ranking(y, order, day, window, capacity, seed, rounds)
    for label, part in (("inspector_adjusted", panel.group), ("within_office", panel.office)):
        if part is not None:
            alive()
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
    panel: Panel, rows: Array, score: Array, p: Array, window: Array, capacity: float, seed: int,
    rounds: int, alive: Callable[[], None],
) -> dict[str, Any]:  # fmt: skip
    """Per label: how many, how often right and how often chosen at capacity, with intervals.

    Chosen are the same as in the whole: the capacity is not a group's own. The intervals draw the
    group's rows and leave the choice as it is. Small groups say so.
    """
    y, day = (np.asarray(part, dtype=float)[rows] for part in (panel.y, panel.day))
    chosen = _chosen(score, window, capacity)
    last = None if panel.last is None else np.nan_to_num(np.asarray(panel.last, dtype=float)[rows])
    result: dict[str, Any] = {}
    for name, labels in panel.segments.items():
        here = np.asarray(labels)[rows]
        result[name] = {}
        for label in np.unique(here).tolist():
            alive()
            inside = here == label
            row: dict[str, Any] = {"n": int(inside.sum())}
            if row["n"] < FEW:
                row["too_few"] = True
            else:
                columns = (y, score, p, day, window, chosen)
                row["n_chosen"] = float(chosen[inside].sum())
                row |= _of_group(*(c[inside] for c in columns),
                                 last=None if last is None else last[inside],
                                 seed=seed, rounds=rounds)  # fmt: skip
            result[name][str(label)] = row
    return result


def _of_group(
    y: Array, score: Array, p: Array, day: Array, window: Array, chosen: Array, *,
    last: Array | None, seed: int, rounds: int,
) -> dict[str, Any]:  # fmt: skip
    listed: dict[str, tuple[Callable[..., Array], tuple[Array, ...]]] = {
        "rate": (metrics.rate, (y,)),
        "predicted": (metrics.rate, (p,)),
        "chosen": (metrics.rate, (chosen,)),
        "precision": (metrics.rate_among, (y, chosen)),
        "lift": (metrics.lift_among, (y, chosen)),
        "auc": (metrics.auc_within, (y, score, window)),
        "days_earlier": (metrics.days_earlier, (y, score, day, window)),
        "first_half": (metrics.first_half_of, (y, score, _late(day, window), window)),
        "brier": (metrics.brier, (y, p)),
        "ece": (metrics.ece, (y, p)),
    }
    if last is not None:
        listed["auc_last_visit"] = (metrics.auc_within, (y, last, window))
    return {
        name: _triple(metrics.bootstrap(metric, *columns, seed=seed, rounds=rounds))
        for name, (metric, columns) in listed.items()
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _triple(found: metrics.Interval) -> list[float | None]:
    return [_number(part) for part in found]
