"""How good a ranking or a probability is, each with a bootstrap interval.

Every metric works along the last axis, so that a bootstrap is one call on a matrix of resampled
rows. Ties are settled in expectation (as if equal scores were put in random order), hence no
metric depends on the order of the rows and a constant score gives exactly the random order.
Undefined values (no positives, no negatives) are NaN.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[Any]
CELLS = 4_000_000
WATCH, STOP = 0.1, 0.25  # how a population stability index is usually read


class Interval(NamedTuple):
    """A value and its percentile interval."""

    value: float
    low: float
    high: float


def _ratio(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)


def auc(y: Array, score: Array) -> Array:
    """Chance that a positive is ranked above a negative, ties counted half."""
    y = np.asarray(y, dtype=float)
    ranks = rankdata(score, axis=-1)
    positives = y.sum(-1)
    negatives = y.shape[-1] - positives
    return _ratio((ranks * y).sum(-1) - positives * (positives + 1) / 2, positives * negatives)


def auc_within(y: Array, score: Array, group: Array) -> Array:
    """AUC over pairs of the same group only (group: whole numbers); weighted by pairs.

    One ranking for all groups: hundreds of them (inspectors in windows) cost what one costs.
    """
    y, score, group = np.broadcast_arrays(np.asarray(y, dtype=float), score, group)
    lead, n = y.shape[:-1], y.shape[-1]
    code = np.unique(group, return_inverse=True)[1].reshape(-1, n)
    kinds = int(code.max(initial=0)) + 1
    # Groups one above the other, so that a rank inside a group is the rank less all groups below.
    place = code * (n + 1) + rankdata(score, method="dense", axis=-1).reshape(-1, n)
    ranks, hit = rankdata(place, axis=-1), y.reshape(-1, n)
    cells = (np.arange(len(code))[:, None] * kinds + code).ravel()

    def by_group(weights: Array | None) -> Array:
        counted = None if weights is None else weights.ravel()
        return np.bincount(cells, counted, minlength=len(code) * kinds).reshape(-1, kinds)

    size, hits = by_group(None), by_group(hit)
    below = np.cumsum(size, axis=1) - size
    top = by_group(ranks * hit) - below * hits - hits * (hits + 1) / 2
    return _ratio(top.sum(1), (hits * (size - hits)).sum(1)).reshape(lead)


def average_precision(y: Array, score: Array) -> Array:
    """Mean over positives of the precision at their own score (equal scores enter together)."""
    y, score = np.broadcast_arrays(np.asarray(y, dtype=float), np.asarray(score, dtype=float))
    order = np.argsort(-score, axis=-1, kind="stable")
    hits = np.cumsum(np.take_along_axis(y, order, -1), axis=-1)
    reach = rankdata(-score, method="max", axis=-1).astype(int)
    precision = np.take_along_axis(hits, reach - 1, -1) / reach
    return _ratio((precision * y).sum(-1), y.sum(-1))


def brier(y: Array, p: Array) -> Array:
    """Mean squared distance of probability and outcome."""
    return ((np.asarray(p, dtype=float) - y) ** 2).mean(-1)


def _bins(p: Array, bins: int) -> Array:
    p = np.asarray(p, dtype=float)
    return np.minimum((rankdata(p, axis=-1) - 0.5) * bins / p.shape[-1], bins - 1).astype(int)


def ece(y: Array, p: Array, bins: int = 10) -> Array:
    """Expected calibration error over bins of equal count (equal probabilities share a bin)."""
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    code = _bins(p, bins)
    return sum(np.abs(((y - p) * (code == b)).sum(-1)) for b in range(bins)) / y.shape[-1]


def reliability(y: Array, p: Array, bins: int = 10) -> list[dict[str, float]]:
    """Rows of the reliability plot: count, mean probability, observed rate; one sample only."""
    code = _bins(p, bins)
    return [
        {
            "n": int((code == b).sum()),
            "predicted": float(p[code == b].mean()),
            "observed": float(y[code == b].mean()),
        }
        for b in range(bins)
        if (code == b).any()
    ]


def calibration_in_the_large(y: Array, p: Array) -> Array:
    """Observed minus predicted rate; above zero the model promises too little."""
    return np.asarray(y, dtype=float).mean(-1) - np.asarray(p, dtype=float).mean(-1)


def weighted_gap(y: Array, p: Array, weight: Array) -> Array:
    """Like ``calibration_in_the_large``, each row counting as often as its weight says."""
    return _ratio(((np.asarray(y, dtype=float) - p) * weight).sum(-1), np.sum(weight, -1))


def precision_at(y: Array, score: Array, k: float) -> Array:
    """Hit rate of the k best (k below 1: that share of the rows)."""
    y, score = np.asarray(y, dtype=float), np.asarray(score, dtype=float)
    n = score.shape[-1]
    count = capacity(n, k)
    threshold = np.partition(score, n - count, axis=-1)[..., n - count, None]
    above, tied = score > threshold, score == threshold
    room = count - above.sum(-1)
    return ((y * above).sum(-1) + room * _ratio((y * tied).sum(-1), tied.sum(-1))) / count


def capacity(n: int, k: float) -> int:
    """Visits that fit: k itself, or the share k of n when k is below 1; at least one."""
    return max(1, min(n, round(k * n) if k < 1 else int(k)))


def lift_at(y: Array, score: Array, k: float) -> Array:
    """Precision at k over the base rate."""
    return _ratio(precision_at(y, score, k), np.asarray(y, dtype=float).mean(-1))


def rate(y: Array) -> Array:
    """Share of positives."""
    return np.asarray(y, dtype=float).mean(-1)


def rate_among(y: Array, chosen: Array) -> Array:
    """Share of positives among the rows of ``chosen`` (a share each: of a tie at the limit less)."""
    return _ratio((np.asarray(y, dtype=float) * chosen).sum(-1), np.asarray(chosen).sum(-1))


def lift_among(y: Array, chosen: Array) -> Array:
    """``rate_among`` over the rate of all rows."""
    return _ratio(rate_among(y, chosen), rate(y))


def _dealt(score: Array, value: Array, group: Array | None) -> Array:
    """What each row gets when slot values, sorted, are dealt to rows by descending score.

    With ``group`` (whole numbers) the slots of a group are dealt to its own rows.
    """
    code = np.zeros_like(score, dtype=int) if group is None else np.asarray(group).astype(int)
    code, value = np.broadcast_to(code, score.shape), np.broadcast_to(value, score.shape)
    n = score.shape[-1]
    slots = np.take_along_axis(value, np.lexsort((value, code), axis=-1), -1)
    key = code * (n + 1.0) + rankdata(-score, method="min", axis=-1)
    first = rankdata(key, method="min", axis=-1).astype(int) - 1
    last = rankdata(key, method="max", axis=-1).astype(int)
    total = np.concatenate([np.zeros((*slots.shape[:-1], 1)), np.cumsum(slots, axis=-1)], axis=-1)
    spread = np.take_along_axis(total, last, -1) - np.take_along_axis(total, first, -1)
    return spread / (last - first)


def days_earlier(y: Array, score: Array, day: Array, group: Array | None = None) -> Array:
    """Mean over positives of real day minus the day dealt by rank onto the same calendar.

    The protocol of the Chicago evaluation. With ``group`` (office, inspector group) the order
    changes only inside each group's own slots.
    """
    y, day = np.asarray(y, dtype=float), np.asarray(day, dtype=float)
    gained = (day - _dealt(np.asarray(score, dtype=float), day, group)) * y
    return _ratio(gained.sum(-1), y.sum(-1))


def _late(day: Array) -> Array:
    """1 where the visits up to and including that day reach half of all, else 0."""
    return (rankdata(day, method="max", axis=-1) > day.shape[-1] / 2).astype(float)


def first_half(y: Array, score: Array, day: Array, group: Array | None = None) -> Array:
    """Share of positives dealt to days by whose end at most half of the visits are made."""
    return first_half_of(y, score, _late(np.asarray(day, dtype=float)), group)


def first_half_of(y: Array, score: Array, late: Array, group: Array | None = None) -> Array:
    """Like ``first_half`` with the halves given: ``late`` is 0 in the first half, else 1."""
    y = np.asarray(y, dtype=float)
    # Slots are sorted by "late", which sorts them by day as far as it matters here.
    early = (1 - _dealt(np.asarray(score, dtype=float), late, group)) * y
    return _ratio(early.sum(-1), y.sum(-1))


def rank_correlation(a: Array, b: Array) -> Array:
    """Spearman's, ties at their mean rank."""
    first, second = rankdata(a, axis=-1), rankdata(b, axis=-1)
    first = first - first.mean(-1, keepdims=True)
    second = second - second.mean(-1, keepdims=True)
    bottom = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return _ratio((first * second).sum(-1), bottom)


def population_stability(before: Array, after: Array, bins: int = 10) -> float:
    """Population stability index over quantile bins of ``before``, missing as its own bin.

    Usual reading: from 0.1 watch, from 0.25 stop.
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    known = before[~np.isnan(before)]
    steps = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(known, steps)) if known.size else np.zeros(0)

    def shares(x: Array) -> Array:
        code = np.where(np.isnan(x), len(edges) + 1, np.searchsorted(edges, x, side="left"))
        return (np.bincount(code, minlength=len(edges) + 2) + 0.5) / (len(x) + 0.5)

    old, new = shares(before), shares(after)
    return float(((new - old) * np.log(new / old)).sum())


def _interval(value: float, draws: Array, level: float) -> Interval:
    known = draws[~np.isnan(draws)]
    if not known.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def bootstrap(
    metric: Callable[..., Array],
    *columns: Array,
    seed: int,
    rounds: int = 500,
    level: float = 0.95,
    **options: Any,
) -> Interval:
    """The metric of the columns (y, score, day …), with a percentile interval over rows.

    Rows are drawn with replacement, ``rounds`` times, from a generator with the given seed.
    Resampling treats rows as independent; repeated visits to one site make it a little narrow.
    """
    arrays = [np.asarray(c) for c in columns]
    n = len(arrays[0])
    value = float(metric(*arrays, **options))
    generator = np.random.default_rng(seed)
    step = max(1, CELLS // max(n, 1))
    draws = []
    for start in range(0, rounds, step):
        rows = generator.integers(0, n, size=(min(step, rounds - start), n))
        draws.append(np.atleast_1d(metric(*(a[rows] for a in arrays), **options)))
    return _interval(value, np.concatenate(draws) if draws else np.zeros(0), level)
