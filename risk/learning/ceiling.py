"""Boosted trees, mean of five seeds: what a free model would reach. For reports only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from risk.learning.protocol import ageing, dummies, dumps, loads, matrix, outcomes

Array = NDArray[Any]
KIND = "ceiling"
SEEDS = 5


class Ceiling:
    """LightGBM with small trees; log-odds averaged over seeds. Its contributions are Shapley
    values of trees: they add up, yet are no table anyone could check by hand.
    """

    def __init__(
        self,
        names: Sequence[str],
        directions: Mapping[str, int] | None = None,
        rounds: int = 200,
        rate: float = 0.03,
        leaves: int = 15,
        half_life: float | None = None,
        seed: int = 0,
        alive: Callable[[], None] | None = None,
    ) -> None:
        """``alive`` is called after each seed: whoever waits hears that the work goes on."""
        self.alive = alive
        self.names = tuple(names)
        self.directions = {k: int(v) for k, v in (directions or {}).items() if v}
        self.rounds, self.rate, self.leaves = rounds, rate, leaves
        self.half_life, self.seed = half_life, seed
        self.base = 0.0
        self.nuisance: list[float] = []
        self.trees: list[str] = []
        self._loaded: list[Any] = []

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        import lightgbm

        X = matrix(X, self.names)
        y = outcomes(y, len(X))
        extra = dummies(groups)
        self.nuisance = [] if extra is None else extra.mean(0).tolist()
        A = X if extra is None else np.hstack([X, extra])
        constraints = [self.directions.get(n, 0) for n in self.names] + [0] * len(self.nuisance)
        data = lightgbm.Dataset(
            A, label=y, weight=ageing(days, self.half_life), params={"verbose": -1}
        )
        self.trees, self._loaded = [], []
        for k in range(SEEDS):
            settings = {
                "objective": "binary", "learning_rate": self.rate, "num_leaves": self.leaves,
                "min_data_in_leaf": 60, "bagging_fraction": 0.8, "bagging_freq": 1,
                "feature_fraction": 0.5, "monotone_constraints": constraints,
                "deterministic": True, "force_row_wise": True, "num_threads": 1,
                "seed": self.seed * SEEDS + k, "verbose": -1,
            }  # fmt: skip
            booster = lightgbm.train(settings, data, num_boost_round=self.rounds)
            self.trees.append(booster.model_to_string())
            if self.alive is not None:
                self.alive()
        self.base = float(self._mean(X[:1], pred_contrib=True)[0, -1])
        return self

    def _boosters(self) -> list[Any]:
        import lightgbm

        if not self.trees:
            raise ValueError("not fitted")
        if not self._loaded:
            self._loaded = [lightgbm.Booster(model_str=t) for t in self.trees]
        return self._loaded

    def _mean(self, X: Array, **options: Any) -> Array:
        """Mean over seeds and, by their shares, over the nuisance groups."""
        X = matrix(X, self.names)
        total: Any = 0.0
        for at, share in enumerate(self.nuisance or [1.0]):
            group = np.zeros((len(X), len(self.nuisance)))
            group[:, at : at + 1] = 1
            wide = np.hstack([X, group])
            parts = [b.predict(wide, num_threads=1, **options) for b in self._boosters()]
            total = total + share * np.mean(parts, axis=0)
        return np.asarray(total)

    def contributions(self, X: Array) -> Array:
        return self._mean(X, pred_contrib=True)[:, : len(self.names)]

    def score(self, X: Array) -> Array:
        """Log-odds. With nuisance groups the contributions add up to it only nearly."""
        return self._mean(X, raw_score=True)

    def predict(self, X: Array) -> Array:
        return np.asarray(expit(self.score(X)))

    def to_json(self) -> str:
        return dumps(
            KIND,
            names=self.names,
            directions=self.directions,
            settings=[self.rounds, self.rate, self.leaves],
            half_life=self.half_life,
            seed=self.seed,
            base=self.base,
            nuisance=self.nuisance,
            trees=self.trees,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        d = loads(KIND, text)
        settings = dict(zip(("rounds", "rate", "leaves"), d["settings"], strict=True))
        self = cls(
            d["names"], d["directions"], **settings, half_life=d["half_life"], seed=d["seed"]
        )
        self.base, self.nuisance, self.trees = d["base"], d["nuisance"], d["trees"]
        return self
