"""Explainable boosting without interactions: a learned step function per feature.

Trained by interpret-core, then kept as plain tables, so that a stored model needs only numpy.
Source: Lou, Caruana, Gehrke 2012; Nori et al. 2019 (InterpretML).
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from risk.learning.base import Calibrated
from risk.learning.calibration import Curve
from risk.learning.protocol import ageing, dummies, dumps, loads, matrix, outcomes

Array = NDArray[Any]
KIND = "ebm"


class Boosted(Calibrated):
    """Contributions are log-odds; nuisance groups are extra features set to their average."""

    def __init__(
        self,
        names: Sequence[str],
        directions: Mapping[str, int] | None = None,
        rounds: int = 2000,
        rate: float = 0.015,
        bins: int = 64,
        smoothing: int = 200,
        bags: int = 8,
        half_life: float | None = None,
        seed: int = 0,
        bands: int = 100,
    ) -> None:
        self.names = tuple(names)
        self.bands = bands
        self.directions = {k: int(v) for k, v in (directions or {}).items() if v}
        self.rounds, self.rate, self.bins, self.smoothing = rounds, rate, bins, smoothing
        self.bags, self.half_life, self.seed = bags, half_life, seed
        self.cuts: list[Array] = []
        self.tables: list[Array] = []

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        """Boost; then a logistic curve on the training margins moves the level and the slope."""
        from interpret.glassbox import ExplainableBoostingClassifier

        X = matrix(X, self.names)
        y = outcomes(y, len(X))
        weights = ageing(days, self.half_life)
        nuisance = dummies(groups)
        A = X if nuisance is None else np.hstack([X, nuisance])
        extra = A.shape[1] - X.shape[1]
        machine = ExplainableBoostingClassifier(
            feature_names=[*self.names, *(f"nuisance {k}" for k in range(extra))],
            feature_types=["continuous"] * A.shape[1],
            interactions=0,
            max_bins=self.bins,
            max_rounds=self.rounds,
            learning_rate=self.rate,
            smoothing_rounds=self.smoothing,
            outer_bags=self.bags,
            monotone_constraints=[self.directions.get(n, 0) for n in self.names] + [0] * extra,
            random_state=self.seed,
            n_jobs=1,
        )
        with warnings.catch_warnings():
            # About its own plots, which are not used.
            warnings.filterwarnings("ignore", message="Missing values detected")
            machine.fit(A, y.astype(int), sample_weight=weights)
        self.cuts, self.tables = [], []
        for j in range(len(self.names)):
            # Table of interpret: missing, bins by rising value, unknown (never used for numbers).
            table = np.asarray(machine.term_scores_[j], dtype=float)[:-1]
            self.cuts.append(np.asarray(machine.bins_[j][0], dtype=float))
            self.tables.append(table)
        self._settle(X, y, weights)
        return self

    def _settle(self, X: Array, y: Array, weights: Array | None) -> None:
        margin = self._raw(X).sum(1)
        curve = Curve.fit(margin, y, weights, "logistic", self.bands, self.seed)
        self.tables = [t * curve.slope for t in self.tables]
        means = self._raw(X).mean(0)
        self.tables = [t - m for t, m in zip(self.tables, means, strict=True)]
        self.base = float(curve.offset + means.sum())
        none = np.zeros(0)
        grid = curve.grid * curve.slope + curve.offset
        self.curve = Curve("logistic", 0.0, 1.0, none, none, grid, curve.low, curve.high)

    def _raw(self, X: Array) -> Array:
        columns = []
        for j, (cuts, table) in enumerate(zip(self.cuts, self.tables, strict=True)):
            code = np.searchsorted(cuts, X[:, j], side="right") + 1
            columns.append(table[np.where(np.isnan(X[:, j]), 0, code)])
        return np.stack(columns, axis=1)

    def contributions(self, X: Array) -> Array:
        """Log-odds per row and feature against the average row."""
        return self._raw(matrix(X, self.names))

    def to_json(self) -> str:
        return dumps(
            KIND,
            names=self.names,
            directions=self.directions,
            settings=[self.rounds, self.rate, self.bins, self.smoothing, self.bags],
            half_life=self.half_life,
            seed=self.seed,
            base=self.base,
            cuts=self.cuts,
            tables=self.tables,
            curve=self._curve().to_dict(),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        d = loads(KIND, text)
        settings = dict(
            zip(("rounds", "rate", "bins", "smoothing", "bags"), d["settings"], strict=True)
        )
        self = cls(
            d["names"], d["directions"], **settings, half_life=d["half_life"], seed=d["seed"]
        )
        self.base = d["base"]
        self.cuts = [np.array(c, dtype=float) for c in d["cuts"]]
        self.tables = [np.array(t, dtype=float) for t in d["tables"]]
        self.curve = Curve.from_dict(d["curve"])
        return self
