"""Reading the stored tables, choosing a candidate on earlier windows, measuring it once."""

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from risk.learning import metrics
from risk.learning.ceiling import Ceiling
from risk.learning.ebm import Boosted
from risk.learning.logistic import Logistic
from risk.learning.points import DOUBLING, LINE, STEPS, Points
from risk.learning.protocol import Ranker
from risk.learning.rolling import Panel, Window, backtest, refuse_leaks

Array = NDArray[Any]
ROUNDS = 1000
SEED = 20


class Absent(Exception):
    """A file of the data set is not there; the words say which."""


def read(folder: Path, name: str) -> dict[str, Array]:
    """Columns of a Parquet file; dates as whole days since 1970."""
    path = folder / name
    if not path.is_file():
        raise Absent(f"skipped: {path} is not there")
    table = pq.read_table(path)
    found = {}
    for label, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            column = pc.cast(column, pa.date32()).cast(pa.int32())
        found[label] = column.to_numpy()
    return found


def day_number(text: str) -> int:
    """Days since 1970 of an ISO date."""
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def months(first: str, count: int, length: int) -> list[Window]:
    """``count`` windows of ``length`` calendar months each, back to back."""
    year, month = int(first[:4]), int(first[5:7]) - 1
    edges = []
    for k in range(count + 1):
        at = year * 12 + month + k * length
        edges.append(day_number(f"{at // 12}-{at % 12 + 1:02d}-01"))
    return [Window(a, b) for a, b in itertools.pairwise(edges)]


@dataclass
class Features:
    """Columns by name, in named groups."""

    columns: dict[str, Array] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)

    def add(self, group: str, name: str, values: Array) -> None:
        self.columns[name] = np.asarray(values, dtype=float)
        self.groups.setdefault(group, []).append(name)

    def names(self, groups: Sequence[str]) -> tuple[str, ...]:
        return tuple(n for g in groups for n in self.groups[g])

    def matrix(self, names: Sequence[str]) -> Array:
        return np.column_stack([self.columns[n] for n in names])


# Points as the product learns them: fine bins, a line through them, and steps that may leave it.
FINE = (("quantiles", 16), ("doubling", DOUBLING), ("penalty", STEPS), ("line", LINE))


@dataclass(frozen=True)
class Candidate:
    """Groups of features, a kind of model with options, and whether the inspector is a nuisance."""

    groups: tuple[str, ...]
    kind: str
    options: tuple[tuple[str, Any], ...] = ()
    nuisance: bool = False
    compared_only: bool = False

    @property
    def name(self) -> str:
        tail = "".join(f", {k} {v}" for k, v in self.options)
        if self.nuisance:
            tail += ", inspector as nuisance"
        return f"{self.kind}{tail}: {' + '.join(self.groups)}"

    @property
    def eligible(self) -> bool:
        """Whether it may be chosen: additive, and not there for comparison alone."""
        return self.kind != "trees" and not self.compared_only

    def maker(self, names: tuple[str, ...]) -> Callable[[], Ranker]:
        options = dict(self.options)
        kinds: dict[str, Callable[[], Ranker]] = {
            "logistic": lambda: Logistic(names, bands=0, **options),
            "binned": lambda: Logistic(names, binned=True, bands=0, **options),
            "points": lambda: Points(names, bands=0, **options),
            "ebm": lambda: Boosted(names, bands=0, **options),
            "trees": lambda: Ceiling(names, **options),
        }
        return kinds[self.kind]


@dataclass(frozen=True)
class Task:
    """One outcome: rows, what is known, and which rows are the untouched test."""

    features: Features
    y: Array
    day: Array
    test: Array
    train: Array
    spans: list[Window]
    group: Array | None = None
    last: Array | None = None
    known_from: Array | None = None

    def panel(self, names: tuple[str, ...], rows: Array) -> Panel:
        def some(values: Array | None) -> Array | None:
            return None if values is None else values[rows]

        return Panel(
            names, self.features.matrix(names)[rows], self.y[rows], self.day[rows],
            group=some(self.group), last=some(self.last), known_from=some(self.known_from),
        )  # fmt: skip


def rolled(task: Task, candidate: Candidate, rounds: int = 0) -> dict[str, Any]:
    """Backtest of a candidate over the earlier windows; rows of the test are not even passed in."""
    names = task.features.names(candidate.groups)
    earlier = ~task.test & (task.day < task.day[task.test].min())
    return backtest(
        task.panel(names, earlier), candidate.maker(names), task.spans,
        nuisance=candidate.nuisance, rounds=rounds, seed=SEED,
    )  # fmt: skip


def _summary(candidate: Candidate, report: dict[str, Any]) -> dict[str, Any]:
    parts = [w for w in report["windows"] if not w.get("skipped")]

    def over(metric: str, of: list[dict[str, Any]]) -> float:
        return float(np.mean([w["model"][metric][0] for w in of]))

    row = {
        "candidate": candidate.name,
        "eligible": candidate.eligible,
        # Weighted by pairs inside windows: windows with a dozen visits do not decide.
        "auc": report["total"]["model"]["auc"][0],
        "lift": report["total"]["model"]["lift"][0],
        "days": over("days_earlier", parts),
        "brier": report["total"]["model"]["brier"][0],
        "aucs": [w["model"]["auc"][0] for w in parts],
        "days_by_window": [w["model"]["days_earlier"][0] for w in parts],
    }
    adjusted = report["total"]["model"].get("inspector_adjusted")
    if adjusted:
        row |= {f"adjusted_{k}": v[0] for k, v in adjusted.items()}
    return row


def choose(
    task: Task, candidates: Sequence[Candidate], by: str = "auc", say: Callable[[str], None] = print
) -> tuple[Candidate, list[dict[str, Any]]]:
    """The eligible candidate best on the earlier windows, and the scores of all (the proof)."""
    proof = []
    for candidate in candidates:
        row = _summary(candidate, rolled(task, candidate))
        proof.append(row)
        adjusted = f"  within inspector {row['adjusted_auc']:.3f}" if "adjusted_auc" in row else ""
        mark = " " if candidate.eligible else "-"
        say(
            f" {mark}auc {row['auc']:.4f}  lift {row['lift']:.2f}  days {row['days']:+.2f}{adjusted}"
            f"  {row['candidate']}"
        )
    allowed = [k for k, row in enumerate(proof) if row["eligible"]]
    best = max(allowed, key=lambda k: proof[k][by])
    say(f"  chosen by {by}: {proof[best]['candidate']}")
    return candidates[best], proof


def rolling_intervals(task: Task, candidate: Candidate) -> dict[str, Any]:
    """Totals of the chosen candidate over the earlier windows, with intervals and baselines."""
    total: dict[str, Any] = rolled(task, candidate, rounds=100)["total"]
    return total


def fitted(task: Task, candidate: Candidate, rows: Array) -> tuple[Ranker, Array]:
    """The candidate learnt from some rows, and the matrix of all."""
    names = task.features.names(candidate.groups)
    X = task.features.matrix(names)
    groups = task.group[rows] if candidate.nuisance and task.group is not None else None
    return candidate.maker(names)().fit(X[rows], task.y[rows], groups, task.day[rows]), X


def log_odds(model: Ranker, X: Array) -> Array:
    p = np.clip(model.predict(X), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def measure(task: Task, candidate: Candidate, bins: int = 10) -> dict[str, Any]:
    """Fit on the training rows, measure on the test rows, with intervals."""
    names = task.features.names(candidate.groups)
    X = task.features.matrix(names)
    seen = task.train | task.test
    refuse_leaks(
        names, X[seen], task.y[seen], task.day[seen],
        None if task.known_from is None else task.known_from[seen],
    )  # fmt: skip
    model, X = fitted(task, candidate, task.train)
    score, p = model.score(X[task.test]), model.predict(X[task.test])
    return ranked(task, score, bins) | calibrated(task, p, bins) | {"candidate": candidate.name}


def ranked(task: Task, score: Array, bins: int = 10) -> dict[str, Any]:
    """Metrics of an order on the test rows."""
    y, day = task.y[task.test], task.day[task.test].astype(float)
    draw = {"seed": SEED, "rounds": ROUNDS}
    found = {
        "auc": metrics.bootstrap(metrics.auc, y, score, **draw),
        "average_precision": metrics.bootstrap(metrics.average_precision, y, score, **draw),
        "lift": metrics.bootstrap(metrics.lift_at, y, score, k=0.1, **draw),
        "days_earlier": metrics.bootstrap(metrics.days_earlier, y, score, day, **draw),
        "first_half": metrics.bootstrap(metrics.first_half, y, score, day, **draw),
    }
    if task.group is not None:
        inside = np.unique(task.group[task.test], return_inverse=True)[1]
        found["adjusted_auc"] = metrics.bootstrap(metrics.auc_within, y, score, inside, **draw)
        found["adjusted_days"] = metrics.bootstrap(
            metrics.days_earlier, y, score, day, inside, **draw
        )
    return {k: list(v) for k, v in found.items()}


def calibrated(task: Task, p: Array, bins: int) -> dict[str, Any]:
    """Metrics of probabilities on the test rows."""
    y = task.y[task.test]
    draw = {"seed": SEED, "rounds": ROUNDS}
    return {
        "brier": list(metrics.bootstrap(metrics.brier, y, p, **draw)),
        "ece": list(metrics.bootstrap(metrics.ece, y, p, bins=bins, **draw)),
        "calibration_in_the_large": list(
            metrics.bootstrap(metrics.calibration_in_the_large, y, p, **draw)
        ),
        "reliability": metrics.reliability(y, p, bins),
    }


def bar(what: str, limit: float, value: float, at_most: bool = False) -> dict[str, Any]:
    """A bar, what was measured, and whether it is reached (the point estimate decides)."""
    reached = value <= limit if at_most else value >= limit
    return {
        "bar": what, "limit": limit, "value": float(value), "at_most": at_most,
        "reached": bool(reached),
    }  # fmt: skip


def lines(found: dict[str, Any]) -> list[str]:
    """A measured dictionary in words."""
    result = []
    for key, value in found.items():
        if isinstance(value, list) and len(value) == 3 and not isinstance(value[0], dict):
            result.append(f"  {key:26s} {value[0]:8.3f}  ({value[1]:.3f} to {value[2]:.3f})")
    return result


def bar_lines(bars: Sequence[dict[str, Any]]) -> list[str]:
    return [
        f"  {'reached    ' if b['reached'] else 'NOT reached'} {b['bar']}: {b['value']:.4f} "
        f"(bar {'<=' if b['at_most'] else '>='} {b['limit']})"
        for b in bars
    ]
