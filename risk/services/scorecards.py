"""A model of a version as the backtest sees it: the arithmetic of the scoring run, in arrays.

A cell of the matrix is the number of the bin a value falls in plus half of what decay has taken
from its points, so that bin and decay travel in one number; NaN means not known. Bins end at
``k + 0.75``: a model that learns reads the bin and nothing of the decay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from risk.engine.definitions import MOST_POINTS
from risk.learning.calibration import Curve
from risk.learning.points import DOUBLING, LINE, STEPS, Points
from risk.learning.protocol import folds

Array = NDArray[Any]
MILLION = 1_000_000
HUNDRED = 100
KNOTS = 60
FOLDS = 5  # parts left out one by one for the curve of a boosted model
Alive = Callable[[], None]


def quiet() -> None:
    """Nobody waits for a sign of life."""


@dataclass(frozen=True)
class Card:
    """Points of one indicator: one number a bin, one for not known, the most it may give."""

    name: str
    points: tuple[int, ...]
    missing: int
    cap: int | None
    direction: int  # +1, -1, 0
    limits: tuple[float, ...] = ()  # between the bins; none for words

    @property
    def middles(self) -> list[float]:
        """A value that stands for each bin: its middle; the outer ones as wide as their neighbours.

        Most measures begin at 0, so a first bin above it begins there. Empty for words.
        """
        if not self.limits:
            return []
        low, high = self.limits[0], self.limits[-1]
        first = low / 2 if low > 0 else low - _half(self.limits[:2])
        inner = [(a + b) / 2 for a, b in pairwise(self.limits)]
        return [first, *inner, high + _half(self.limits[-2:])]

    def hundredths(self, column: Array) -> Array:
        """Contributions as the scoring run makes them, in hundredths of a point."""
        known = ~np.isnan(column)
        bins = np.where(known, np.floor(column), 0).astype(int)
        factor = np.rint((1 - 2 * (np.where(known, column, 0) - bins)) * MILLION).astype(np.int64)
        step = np.asarray(self.points, dtype=np.int64)[np.minimum(bins, len(self.points) - 1)]
        size = (np.abs(step * HUNDRED) * factor + MILLION // 2) // MILLION
        found = np.where(known, np.sign(step) * size, self.missing * HUNDRED)
        if self.cap is None:
            return np.asarray(found)
        return np.clip(found, -self.cap * HUNDRED, self.cap * HUNDRED)


def _half(limits: Sequence[float]) -> float:
    """Half the distance of two neighbouring limits; of one alone half of itself."""
    return (limits[-1] - limits[0]) / 2 if len(limits) > 1 else abs(limits[0]) / 2 or 0.5


def cell(place: int | None, factor: int) -> float:
    """A cell of the matrix from a bin and what decay leaves, in millionths."""
    return float("nan") if place is None else place + (MILLION - factor) / MILLION / 2


class Scorecard:
    """Given or learnt points, added up, read off a curve. Fulfils ``risk.learning.protocol.Ranker``;
    the version of the model keeps points and curve, so it is never stored itself.

    ``kind``: points (given), logistic or ebm (both learn the points of the given bins and keep the
    directions). ``curve``: False where the order alone is asked for; boosted steps are then learnt
    once and not once more for each part left out. ``alive`` is called after each time that boosted
    steps were learnt: whoever waits hears that the work goes on.
    """

    base = 0.0

    def __init__(
        self, cards: Sequence[Card], kind: str, seed: int = 0, *, curve: bool = True,
        alive: Alive = quiet,
    ) -> None:  # fmt: skip
        self.cards, self.kind, self.seed = list(cards), kind, seed
        self.curved, self.alive = curve, alive
        self.names = tuple(card.name for card in cards)
        self.curve: Curve | None = None

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        """Learn points where the kind learns, then the curve. ``groups`` is a nuisance only."""
        if self.kind == "logistic":
            self._logistic(X, y, groups)
        elif self.kind == "ebm":
            self._boosted(X, y, groups)
        elif self.curved:
            self.curve = Curve.fit(self.score(X), np.asarray(y, dtype=float), seed=self.seed)
        return self

    def _directions(self) -> dict[str, int]:
        return {card.name: card.direction for card in self.cards if card.direction}

    def _logistic(self, X: Array, y: Array, groups: Array | None) -> None:
        edges = {c.name: [k + 0.75 for k in range(len(c.points) - 1)] for c in self.cards}
        model = Points(
            self.names,
            self._directions(),
            edges=edges,
            doubling=DOUBLING,
            penalty=STEPS,
            line=LINE,
            middles={c.name: c.middles for c in self.cards},
            seed=self.seed,
        ).fit(X, y, groups=groups)
        # First comes what is not known, then the bins from the lowest.
        self._take([np.asarray(points, dtype=float) for points in model.points])
        self.curve = model.curve

    def _boosted(self, X: Array, y: Array, groups: Array | None) -> None:
        """Points from boosted steps; the curve from scores of rows that their points had not seen.

        On its own rows a boosted model looks surer than it is, and so would the curve.
        """
        y = np.asarray(y, dtype=float)
        score = np.full(len(y), np.nan)
        # Of a single row of a kind a part would have nothing to learn from.
        if self.curved and min(y.sum(), (1 - y).sum()) > 1:
            part = np.zeros(len(y), dtype=int)
            for answer in (0, 1):
                part[y == answer] = folds(int((y == answer).sum()), FOLDS, self.seed)
            for fold in range(FOLDS):
                train = part != fold
                inspectors = None if groups is None else groups[train]
                self._take(self._steps(X[train], y[train], inspectors))
                score[~train] = self.score(X[~train])
        self._take(self._steps(X, y, groups))
        if not self.curved:
            return
        own = np.isnan(score)
        score[own] = self.score(X[own])
        self.curve = Curve.fit(score, y, seed=self.seed)

    def _steps(self, X: Array, y: Array, groups: Array | None) -> list[Array]:
        """What boosted steps give for ``[not known, bin 0, bin 1, ...]`` of each indicator."""
        from risk.learning.ebm import Boosted

        whole = np.floor(X)
        # The curve is fitted here to whole points, so that its own needs no band.
        model = Boosted(self.names, self._directions(), seed=self.seed, bands=0)
        model.fit(whole, y, groups=groups)
        learnt = []
        for j, card in enumerate(self.cards):
            probe = np.full((len(card.points) + 1, len(self.cards)), np.nan)
            probe[1:, j] = np.arange(len(card.points))
            logits = model.contributions(probe)[:, j]
            learnt.append(logits * DOUBLING / np.log(2))
        self.alive()
        return learnt

    def _take(self, learnt: Sequence[Array]) -> None:
        """Whole points from ``[not known, bin 0, bin 1, ...]``, the direction kept after rounding."""
        cards = []
        for card, values in zip(self.cards, learnt, strict=True):
            whole = np.clip(np.rint(values), -MOST_POINTS, MOST_POINTS).astype(int)
            steps = whole[1:]
            if card.direction > 0:
                steps = np.maximum.accumulate(steps)
            elif card.direction < 0:
                steps = np.minimum.accumulate(steps)
            cards.append(replace(card, points=tuple(steps.tolist()), missing=int(whole[0])))
        self.cards = cards

    def hundredths(self, X: Array) -> Array:
        """Contributions (rows, indicators) in hundredths of a point."""
        X = np.asarray(X, dtype=float)
        if not self.cards:
            return np.zeros((len(X), 0))
        return np.stack([c.hundredths(X[:, j]) for j, c in enumerate(self.cards)], axis=1)

    def contributions(self, X: Array) -> Array:
        return self.hundredths(X) / HUNDRED

    def score(self, X: Array) -> Array:
        """Sum of points."""
        return np.asarray(self.hundredths(X).sum(axis=1) / HUNDRED)

    def predict(self, X: Array) -> Array:
        if self.curve is None:
            raise ValueError("not fitted")
        return self.curve(self.score(X))

    def knots(self, X: Array) -> list[list[float]]:
        """``[points, p, low, high]`` for the scoring run, over the scores of ``X``."""
        if self.curve is None:
            raise ValueError("not fitted")
        score = self.score(X)
        grid = np.unique(np.linspace(score.min(), score.max(), KNOTS).round(2))
        low, high = self.curve.interval(grid)
        columns = np.stack([grid, self.curve(grid), low, high], axis=1)
        return [[round(float(v), 7) for v in row] for row in columns]
