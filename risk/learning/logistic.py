"""Logistic regression on standardised or binned features, exact in log-odds."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from risk.learning import bins
from risk.learning.base import Calibrated
from risk.learning.calibration import Curve
from risk.learning.protocol import ageing, dummies, dumps, folds, loads, matrix, outcomes
from risk.learning.solver import fit_logistic

Array = NDArray[Any]
KIND = "logistic"


class Logistic(Calibrated):
    """``binned``: steps between quantile bins instead of one slope per feature.

    ``directions``: +1 keeps coefficients (or steps) at zero or above, -1 at zero or below. What is
    not known has a coefficient of its own, free of the direction. Contributions are log-odds
    against an average row of the training data.
    """

    def __init__(
        self,
        names: Sequence[str],
        directions: Mapping[str, int] | None = None,
        binned: bool = False,
        quantiles: int = 8,
        penalty: float = 20.0,
        half_life: float | None = None,
        seed: int = 0,
        bands: int = 100,
    ) -> None:
        self.names = tuple(names)
        self.bands = bands
        self.directions = {k: int(v) for k, v in (directions or {}).items() if v}
        self.binned, self.quantiles = binned, quantiles
        self.penalty, self.half_life, self.seed = penalty, half_life, seed
        self.edges: list[Array] = []
        # Which features were ever missing in training; others count as average when missing.
        self.gaps: list[bool] = []
        self.centre, self.spread = np.zeros(0), np.ones(0)
        self.bottom, self.top = np.zeros(0), np.zeros(0)
        self.coefficients, self.average = np.zeros(0), np.zeros(0)

    def _learn_scale(self, X: Array) -> None:
        self.gaps = [bool(gap) for gap in np.atleast_1d(np.isnan(X).any(0))]
        if self.binned:
            self.edges = bins.quantile_edges(X, self.quantiles)
            return
        filled = np.where(np.isnan(X).all(0), 0.0, X)
        self.bottom, self.top = np.nanquantile(filled, [0.005, 0.995], axis=0)
        # A rare flag must not be cut off.
        flat = self.bottom == self.top
        self.bottom = np.where(flat, np.nanmin(filled, axis=0), self.bottom)
        self.top = np.where(flat, np.nanmax(filled, axis=0), self.top)
        clipped = np.clip(filled, self.bottom, self.top)
        self.centre = np.nanmean(clipped, axis=0)
        spread = np.nanstd(clipped, axis=0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def _design(self, X: Array) -> tuple[Array, list[slice]]:
        if self.binned:
            return bins.thermometer(bins.codes(X, self.edges), self.edges)
        missing = np.isnan(X)
        scaled = (np.clip(X, self.bottom, self.top) - self.centre) / self.spread
        scaled[missing] = 0.0
        columns, places, at = [], [], 0
        for j, gaps in enumerate(self.gaps):
            block = [missing[:, j].astype(float)] if gaps else []
            columns += [*block, scaled[:, j]]
            places.append(slice(at, at + len(block) + 1))
            at = places[-1].stop
        return np.column_stack(columns), places

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        """Coefficients, then a logistic curve on scores out of fold (so that ranks are kept)."""
        X = matrix(X, self.names)
        y = outcomes(y, len(X))
        weights = ageing(days, self.half_life)
        self._learn_scale(X)
        design, places = self._design(X)
        low, high = self._bounds(places, design.shape[1])
        nuisance = dummies(groups)
        A = design
        if nuisance is not None:
            A = np.hstack([design, nuisance])
            free = np.full(nuisance.shape[1], np.inf)
            low, high = np.concatenate([low, -free]), np.concatenate([high, free])
        strength = np.full(A.shape[1], self.penalty)
        strength[design.shape[1] :] = 1.0
        part, width = folds(len(y), 5, self.seed), design.shape[1]
        whole = fit_logistic(A, y, strength, weights, low, high)
        held_out = np.zeros(len(y))
        for fold in range(5):
            rows = part != fold
            w = None if weights is None else weights[rows]
            _, found = fit_logistic(A[rows], y[rows], strength, w, low, high, whole)
            held_out[~rows] = design[~rows] @ found[:width]
        curve = Curve.fit(held_out, y, weights, kind="logistic", rounds=self.bands, seed=self.seed)
        self._settle(whole[1][:width], design, curve)
        return self

    def _bounds(self, places: list[slice], width: int) -> tuple[Array, Array]:
        low, high = np.full(width, -np.inf), np.full(width, np.inf)
        for name, place in zip(self.names, places, strict=True):
            # The first column says "missing", unless the feature never was.
            first = place.stop - 1 if not self.binned else place.start + 1
            steps = slice(first, place.stop)
            if self.directions.get(name, 0) > 0:
                low[steps] = 0
            elif self.directions.get(name, 0) < 0:
                high[steps] = 0
        return low, high

    def _settle(self, found: Array, design: Array, curve: Curve) -> None:
        """Fold the curve into the coefficients: the score is then the log-odds itself."""
        self.coefficients = found * curve.slope
        self.average = design.mean(0)
        self.base = float(self.average @ self.coefficients + curve.offset)
        none = np.zeros(0)
        grid = curve.grid * curve.slope + curve.offset
        self.curve = Curve("logistic", 0.0, 1.0, none, none, grid, curve.low, curve.high)

    def contributions(self, X: Array) -> Array:
        """Log-odds per row and feature against the average row; they add up to score - base."""
        X = matrix(X, self.names)
        if self.binned:
            return self._looked_up(X)
        design, places = self._design(X)
        parts = (design - self.average) * self.coefficients
        return np.stack([parts[:, p].sum(1) for p in places], axis=1)

    def _looked_up(self, X: Array) -> Array:
        """The same from one table per feature: 1 M rows need no wide matrix of steps."""
        _, places = bins.thermometer(np.zeros((0, len(self.edges)), dtype=int), self.edges)
        code = bins.codes(X, self.edges)
        result = np.empty(X.shape)
        for j, (place, table) in enumerate(
            zip(places, bins.levels(self.coefficients, places), strict=True)
        ):
            usual = float(self.average[place] @ self.coefficients[place])
            result[:, j] = (table - usual)[code[:, j]]
        return result

    def to_json(self) -> str:
        return dumps(
            KIND,
            names=self.names,
            directions=self.directions,
            binned=self.binned,
            quantiles=self.quantiles,
            penalty=self.penalty,
            half_life=self.half_life,
            seed=self.seed,
            base=self.base,
            edges=self.edges,
            gaps=self.gaps,
            scale=[self.bottom, self.top, self.centre, self.spread],
            coefficients=self.coefficients,
            average=self.average,
            curve=self._curve().to_dict(),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        d = loads(KIND, text)
        self = cls(
            d["names"], d["directions"], d["binned"], d["quantiles"],
            d["penalty"], d["half_life"], d["seed"],
        )  # fmt: skip
        self.base, self.gaps = d["base"], d["gaps"]
        self.edges = [np.array(e, dtype=float) for e in d["edges"]]
        self.bottom, self.top, self.centre, self.spread = (
            np.array(s, dtype=float) for s in d["scale"]
        )
        self.coefficients = np.array(d["coefficients"], dtype=float)
        self.average = np.array(d["average"], dtype=float)
        self.curve = Curve.from_dict(d["curve"])
        return self
