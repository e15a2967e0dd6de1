"""The points scorecard: whole points per bin, added up, read off a curve as a probability.

Points can be given by experts before there is any outcome, or learned; either way a person can
add them up by hand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from risk.learning import bins
from risk.learning.base import Calibrated
from risk.learning.calibration import Curve
from risk.learning.protocol import ageing, dummies, dumps, folds, loads, matrix, outcomes
from risk.learning.solver import fit_logistic, pool

Array = NDArray[Any]
KIND = "points"
# Chosen on the windows before the tests of three cities (docs/targeting.md): a line through the
# bins that the steps leave where the results say so, in points fine enough to lose nothing of it.
DOUBLING = 30.0  # learnt points that double the odds
LINE = 60.0  # penalty of the line
STEPS = (20.0, 60.0, 200.0, 600.0, 2000.0)  # penalties of leaving it that are tried
FAR = (0.005, 0.995)  # what lies beyond counts as lying there


@dataclass(frozen=True)
class Design:
    """Columns of the fit with their penalties: a line a feature (or none), then its steps."""

    columns: Array
    penalty: Array
    places: list[slice]  # of the steps of each feature, counted after the lines
    lines: list[Array]  # value per bin, what is not known first

    def levels(self, found: Array) -> list[Array]:
        """Value per bin from the coefficients, what is not known first."""
        count = len(self.lines)
        steps = bins.levels(found[count:], self.places)
        if not count:
            return steps
        return [s + found[j] * self.lines[j] for j, s in enumerate(steps)]


class Points(Calibrated):
    """Whole points per bin; ``doubling`` points double the odds while fitting.

    ``directions``: +1 where more of a feature may never lower the score, -1 where it may never
    raise it. ``edges``: given inner bin edges per feature, otherwise quantiles (with the far ends).

    ``line``: penalty of a straight line through the middles of the bins, which ``penalty`` then
    lets the steps leave; without it there are steps alone. Of several penalties the one is taken
    with which the fit tells a fifth of the rows, left out, best. With fine bins and a line nothing is
    lost to a straight logistic regression where that is right (docs/targeting.md). ``middles``:
    given values that stand for the bins of a feature (none: no line, as for words), otherwise
    their means.
    """

    def __init__(
        self,
        names: Sequence[str],
        directions: Mapping[str, int] | None = None,
        quantiles: int = 5,
        edges: Mapping[str, Sequence[float]] | None = None,
        doubling: float = 10.0,
        penalty: float | Sequence[float] = 5.0,
        half_life: float | None = None,
        seed: int = 0,
        bands: int = 100,
        line: float | None = None,
        middles: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.bands = bands
        self.line, self.middles = line, dict(middles or {})
        self.directions = {k: int(v) for k, v in (directions or {}).items() if v}
        self.quantiles = quantiles
        self.given = {k: [float(e) for e in v] for k, v in (edges or {}).items()}
        self.penalties = (penalty,) if isinstance(penalty, (int, float)) else tuple(penalty)
        self.doubling, self.half_life, self.seed = doubling, half_life, seed
        self.edges: list[Array] = []
        self.points: list[Array] = []

    @classmethod
    def expert(
        cls,
        table: Mapping[str, tuple[Sequence[float], Sequence[int], int]],
        prior: float = 0.1,
        doubling: float = 10.0,
    ) -> Self:
        """A scorecard without outcomes: feature -> (inner edges, points per bin, points if missing).

        Until ``calibrate`` is called the probability is only an ordering aid: ``prior`` is given
        to a site with no points and ``doubling`` points double the odds.
        """
        self = cls(list(table), doubling=doubling)
        for name, (edges, points, missing) in table.items():
            if len(points) != len(edges) + 1 or list(edges) != sorted(set(edges)):
                raise ValueError(f"{name}: rising edges and one more points than edges")
            self.edges.append(np.array(edges, dtype=float))
            self.points.append(np.array([missing, *points], dtype=int))
        odds = np.log(prior / (1 - prior))
        none = np.zeros(0)
        self.curve = Curve("logistic", float(odds), np.log(2) / doubling, none, none, *[none] * 3)
        self.curve = _unknown_band(self.curve)
        return self

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        """Points from a penalised logistic fit on bins; curve from scores out of fold."""
        X = matrix(X, self.names)
        y = outcomes(y, len(X))
        weights = ageing(days, self.half_life)
        quantiles = bins.quantile_edges(X, self.quantiles, far=self.line is not None)
        self.edges = [
            np.array(self.given[n], dtype=float) if n in self.given else q
            for n, q in zip(self.names, quantiles, strict=True)
        ]
        code = bins.codes(X, self.edges)
        part = folds(len(y), 5, self.seed)
        design = self._design(X, code, dummies(groups), y, weights, part != 0)
        held_out = np.zeros(len(y))
        self.points, found = self._points(design, code, y, weights, part >= 0)
        for fold in range(5):
            train = part != fold
            # From where the whole ends: the same place in a third of the steps.
            points, _found = self._points(design, code, y, weights, train, start=found)
            held_out[~train] = _total(code[~train], points)
        self.curve = Curve.fit(held_out, y, weights, rounds=self.bands, seed=self.seed)
        return self

    def _design(
        self, X: Array, code: Array, nuisance: Array | None, y: Array, weights: Array | None,
        rows: Array,
    ) -> "Design":  # fmt: skip
        """Columns of the fit: lines, steps, and the nuisance that is dropped afterwards.

        How far the steps may leave the lines is decided on the rows that are not in ``rows``.
        """
        steps, places = bins.thermometer(code, self.edges)
        lines: list[Array] = []
        if self.line is not None:
            lines = [self._line(j, X[:, j], code[:, j]) for j in range(len(self.names))]
        of_line = [values[code[:, j]] for j, values in enumerate(lines)]
        parts = [*([np.column_stack(of_line)] if of_line else []), steps]
        if nuisance is not None:
            parts.append(nuisance)
        columns = np.hstack(parts)
        is_step = np.zeros(columns.shape[1], dtype=bool)
        is_step[len(lines) : len(lines) + steps.shape[1]] = True
        strength = np.ones(columns.shape[1])  # of the nuisance
        strength[: len(lines)] = self.line or 0.0
        if lines:  # "not known" is no step
            missing = len(lines) + np.array([place.start for place in places])
            is_step[missing], strength[missing] = False, self.line
        self.penalty = _told_best(
            self.penalties, columns, y, weights, rows,
            lambda penalty: np.where(is_step, penalty, strength),
        )  # fmt: skip
        return Design(columns, np.where(is_step, self.penalty, strength), places, lines)

    def _line(self, j: int, column: Array, code: Array) -> Array:
        """Value per bin on one scale: mean 0 and spread 1 over the rows; 0 where not known."""
        known = code > 0
        size = len(self.edges[j]) + 1
        if not known.any():
            return np.zeros(size + 1)
        given = self.middles.get(self.names[j])
        if given is not None:
            middles = np.array(given, dtype=float) if len(given) else np.zeros(size)
        else:
            low, high = np.quantile(column[known], FAR)
            # A rare flag must not be cut off.
            values = column[known] if low == high else np.clip(column[known], low, high)
            mass = np.bincount(code[known] - 1, minlength=size)
            total = np.bincount(code[known] - 1, values, minlength=size)
            middles = np.where(mass > 0, total / np.maximum(mass, 1), values.mean())
        at = middles[code[known] - 1]
        spread = float(at.std())
        scaled = (middles - at.mean()) / spread if spread > 0 else np.zeros(size)
        return np.concatenate([[0.0], scaled])

    def _points(
        self,
        design: "Design",
        code: Array,
        y: Array,
        weights: Array | None,
        rows: Array,
        start: tuple[float, Array] | None = None,
    ) -> tuple[list[Array], tuple[float, Array]]:
        """Whole points, and the coefficients they came of."""
        w = None if weights is None else weights[rows]
        offset, found = fit_logistic(design.columns[rows], y[rows], design.penalty, w, start=start)
        result = []
        for j, values in enumerate(design.levels(found)):
            mass = np.bincount(code[rows, j], w, minlength=len(values))
            values[1:] = pool(values[1:], mass[1:] + 1e-9, self.directions.get(self.names[j], 0))
            if mass[0] == 0:
                # Never seen missing: as good as an average site, not as the best.
                values[0] = np.average(values[1:], weights=mass[1:] + 1e-9)
            whole = np.rint(values * self.doubling / np.log(2)).astype(int)
            result.append(whole - whole.min())
        return result, (offset, found)

    def calibrate(self, score: Array, y: Array, weights: Array | None = None) -> Self:
        """A new curve from scores and outcomes that did not make the points."""
        self.curve = Curve.fit(score, outcomes(y, len(score)), weights, seed=self.seed)
        return self

    def contributions(self, X: Array) -> Array:
        """Whole points per row and feature; they add up to ``score`` exactly."""
        code = bins.codes(matrix(X, self.names), self.edges)
        return np.stack([p[code[:, j]] for j, p in enumerate(self.points)], axis=1).astype(float)

    def score(self, X: Array) -> Array:
        """Sum of points."""
        return _total(bins.codes(matrix(X, self.names), self.edges), self.points)

    def to_json(self) -> str:
        return dumps(
            KIND,
            names=self.names,
            directions=self.directions,
            quantiles=self.quantiles,
            given=self.given,
            line=self.line,
            middles=self.middles,
            doubling=self.doubling,
            penalty=self.penalties,
            half_life=self.half_life,
            seed=self.seed,
            edges=self.edges,
            points=self.points,
            curve=self._curve().to_dict(),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        d = loads(KIND, text)
        self = cls(
            d["names"], d["directions"], d["quantiles"], d["given"],
            d["doubling"], d["penalty"], d["half_life"], d["seed"],
            line=d["line"], middles=d["middles"],
        )  # fmt: skip
        self.edges = [np.array(e, dtype=float) for e in d["edges"]]
        self.points = [np.array(p, dtype=int) for p in d["points"]]
        self.curve = Curve.from_dict(d["curve"])
        return self


def _told_best(
    penalties: Sequence[float], columns: Array, y: Array, weights: Array | None, rows: Array,
    strength: Callable[[float], Array],
) -> float:  # fmt: skip
    """The penalty with the least log loss on the rows left out of ``rows``."""
    if len(penalties) == 1:
        return penalties[0]
    w = None if weights is None else weights[rows]
    start: tuple[float, Array] | None = None
    losses = []
    for penalty in penalties:
        start = fit_logistic(columns[rows], y[rows], strength(penalty), w, start=start)
        margin = columns[~rows] @ start[1] + start[0]
        losses.append(np.average(np.logaddexp(0, margin) - y[~rows] * margin,
                                 weights=None if weights is None else weights[~rows]))  # fmt: skip
    return penalties[int(np.argmin(losses))]


def _total(code: Array, points: list[Array]) -> Array:
    return sum((p[code[:, j]] for j, p in enumerate(points)), np.zeros(len(code)))


def _unknown_band(curve: Curve) -> Curve:
    """Without outcomes the band says so: anything from 0 to 1."""
    ends = np.array([0.0, 1.0])
    return Curve(
        curve.kind, curve.offset, curve.slope, curve.knots, curve.values, ends,
        np.zeros(2), np.ones(2),
    )  # fmt: skip
