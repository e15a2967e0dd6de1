"""From a score to a probability, with an interval from resampling the curve's own rows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit

from risk.learning.solver import fit_logistic

Array = NDArray[Any]
FEW = 1000
FLOOR = 1e-4


@dataclass(frozen=True)
class Curve:
    """Probability against score: a logistic line (``slope``, ``offset``) or knots between which it
    is straight. ``grid``, ``low``, ``high`` draw the band.
    """

    kind: str
    offset: float
    slope: float
    knots: Array
    values: Array
    grid: Array
    low: Array
    high: Array

    @classmethod
    def fit(
        cls,
        score: Array,
        y: Array,
        weights: Array | None = None,
        kind: str = "",
        rounds: int = 100,
        seed: int = 0,
    ) -> Self:
        """Isotonic, or logistic with fewer than 1,000 positives, unless ``kind`` says which."""
        score, y = np.asarray(score, dtype=float), np.asarray(y, dtype=float)
        w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
        kind = kind or ("isotonic" if y.sum() >= FEW else "logistic")
        parts = _logistic(score, y, w) if kind == "logistic" else _isotonic(score, y, w)
        grid = np.unique(np.quantile(score, np.linspace(0, 1, 101)))
        generator = np.random.default_rng(seed)
        band = []
        for _ in range(rounds):
            rows = generator.integers(0, len(y), len(y))
            redo = _logistic if kind == "logistic" else _isotonic
            band.append(_value(kind, *redo(score[rows], y[rows], w[rows]), grid))
        low, high = np.quantile(band, [0.025, 0.975], axis=0) if band else (grid * 0, grid * 0 + 1)
        return cls(kind, *parts, grid, low, high)

    def __call__(self, score: Array) -> Array:
        return _value(self.kind, self.offset, self.slope, self.knots, self.values, score)

    def interval(self, score: Array) -> tuple[Array, Array]:
        """95 % band of the probability at each score; always holds the probability itself."""
        p = self(score)
        low = np.minimum(np.interp(score, self.grid, self.low), p)
        return low, np.maximum(np.interp(score, self.grid, self.high), p)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "offset": self.offset,
            "slope": self.slope,
            **{k: getattr(self, k).tolist() for k in ("knots", "values", "grid", "low", "high")},
        }

    @classmethod
    def from_dict(cls, parts: dict[str, Any]) -> Self:
        arrays = {
            k: np.array(parts[k], dtype=float) for k in ("knots", "values", "grid", "low", "high")
        }
        return cls(parts["kind"], parts["offset"], parts["slope"], **arrays)


def _value(
    kind: str, offset: float, slope: float, knots: Array, values: Array, score: Array
) -> Array:
    if kind == "logistic":
        return np.asarray(expit(offset + slope * np.asarray(score, dtype=float)))
    return np.interp(score, knots, values)


def _logistic(score: Array, y: Array, w: Array) -> tuple[float, float, Array, Array]:
    """A rising line in log-odds; a flat one when the score teaches nothing."""
    spread = float(score.std()) or 1.0
    middle = float(score.mean())
    offset, (slope,) = fit_logistic(
        ((score - middle) / spread)[:, None], y, 1e-3, w, low=np.zeros(1)
    )
    slope = float(slope) / spread
    return offset - slope * middle, slope, np.zeros(0), np.zeros(0)


def _isotonic(score: Array, y: Array, w: Array) -> tuple[float, float, Array, Array]:
    """Knots at the middle of each pooled block, kept off 0 and 1."""
    kinds, inverse = np.unique(score, return_inverse=True)
    mass = np.bincount(inverse, w)
    rate = np.bincount(inverse, w * y) / mass
    found = isotonic_regression(rate, weights=mass)
    starts = found.blocks[:-1]
    weighted = np.add.reduceat(kinds * mass, starts) / np.add.reduceat(mass, starts)
    values = np.clip(found.x[starts], FLOOR, 1 - FLOOR)
    return 0.0, 0.0, weighted, values
