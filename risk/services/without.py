"""What a model would choose without one of its indicators, learnt anew where the kind learns."""

import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from risk.learning import metrics
from risk.models import ModelKind
from risk.services.scorecards import Scorecard

if TYPE_CHECKING:
    from risk.models import ModelVersion
    from risk.services.training import Rows

Array = NDArray[Any]
MOST_REFIT = 50_000  # the newest rows
MOST_SECONDS = 1_800.0  # of learning anew in one audit, over all its workers
FEW_DRAWN = 30


def without(
    version: "ModelVersion", rows: "Rows", chosen: Array, picks: Callable[[Array], Array],
    seed: int, kept: MutableMapping[str, Any], alive: Callable[[int], None],
) -> list[dict[str, Any]]:  # fmt: skip
    """One row an indicator: who else would be chosen, how the order changes, also among the drawn.

    ``picks`` turns scores into the rows chosen at capacity; ``alive`` is told the number of each
    indicator. Done ones are in ``kept``, also with the seconds they took: when all together took
    ``MOST_SECONDS``, the rest is taken out of the sum without learning anew ("refit" false).
    """
    card = rows.scorecard(version)
    score, parts = card.score(rows.X), card.contributions(rows.X)
    done: list[dict[str, Any]] = []
    for j, name in enumerate(rows.names):
        alive(j)
        key = f"without:{name}"
        if key not in kept:
            began = time.monotonic()
            spent = sum(row["seconds"] for row in done)
            learns = version.kind != ModelKind.POINTS and len(rows.names) > 1
            refit = learns and spent < MOST_SECONDS
            rest = _learnt_anew(rows, j, seed) if refit else score - parts[:, j]
            kept[key] = _row(rows, name, score, rest, chosen, picks) | {
                # Points that were given stay as they are: without one, the sum is the model.
                "refit": refit or not learns, "seconds": time.monotonic() - began if refit else 0.0,
            }  # fmt: skip
        done.append(kept[key])
    return [{key: value for key, value in row.items() if key != "seconds"} for row in done]


def _learnt_anew(rows: "Rows", place: int, seed: int) -> Array:
    """Scores of all rows by a model that never had the indicator."""
    others = [j for j in range(len(rows.names)) if j != place]
    cards = [replace(rows.cards[j]) for j in others]
    newest = slice(-MOST_REFIT, None)
    X = rows.X[:, others]
    groups = None if rows.group is None else rows.group[newest]
    model = Scorecard(cards, rows.kind, seed, curve=False)
    return model.fit(X[newest], rows.y[newest], groups=groups, days=rows.day[newest]).score(X)


def _row(
    rows: "Rows", name: str, score: Array, rest: Array, chosen: Array,
    picks: Callable[[Array], Array],
) -> dict[str, Any]:  # fmt: skip
    other = picks(rest)
    rates = {
        f"{dimension}={label}": float(other[labels == label].mean())
        for dimension, labels in rows.segments.items()
        for label in np.unique(labels).tolist()
    }
    return {
        "indicator": name, "selection_rates": rates,
        "auc_change": float(metrics.auc(rows.y, rest) - metrics.auc(rows.y, score)),
        "drawn_auc_change": _among_drawn(rows, score, rest, seed=1),
        "moved": float((chosen & ~other).sum() / max(1, chosen.sum())),
    }  # fmt: skip


def _among_drawn(rows: "Rows", score: Array, rest: Array, seed: int) -> list[float] | None:
    """Change of the order among those drawn by lot, who were visited whatever their score."""
    y, a, b = rows.y[rows.random], rest[rows.random], score[rows.random]
    if len(y) < FEW_DRAWN or not 0 < y.sum() < len(y):
        return None

    def gap(y: Array, a: Array, b: Array) -> Array:
        return np.asarray(metrics.auc(y, a) - metrics.auc(y, b))

    return [float(v) for v in metrics.bootstrap(gap, y, a, b, seed=seed, rounds=200)]
