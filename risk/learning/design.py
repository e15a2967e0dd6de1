"""Rate of violations in a population from a lottery with stored probabilities.

Visits that were certain before the lottery (of duty, or set aside first) speak for themselves. Sites
drawn in the lottery speak for one over their inclusion probability. What is picked beside a lottery
that was drawn from all sites is not certain in this sense: the drawn ones speak for those too.
Sources: Horvitz and Thompson 1952; Hájek 1971; the variance for unequal probabilities of one draw of
fixed size after Hájek 1964; the interval after Korn and Graubard 1998 (exact binomial at the
effective size).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Array = NDArray[Any]


@dataclass(frozen=True)
class Estimate:
    """A rate with its interval; ``effective`` is the size of an equal simple draw."""

    rate: float
    low: float
    high: float
    certain: int
    drawn: int
    effective: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def naive(y: Array, level: float = 0.95) -> Estimate:
    """Hit rate of everything that was visited, as if it had been drawn evenly. For comparison."""
    y = np.asarray(y, dtype=float)
    if not y.size:
        return Estimate(float("nan"), 0.0, 1.0, 0, 0, 0.0, "naive")
    low, high = _exact(float(y.mean()), float(len(y)), level)
    return Estimate(float(y.mean()), low, high, 0, len(y), float(len(y)), "naive")


def estimate(
    y: Array,
    probability: Array,
    certain: Array,
    population: dict[Any, int],
    strata: Array | None = None,
    method: str = "hajek",
    level: float = 0.95,
) -> Estimate:
    """Rate over the whole population.

    ``y`` outcome, ``probability`` of inclusion and ``certain`` per visited site; ``population``:
    number of sites per stratum (certain ones included), ``strata`` the stratum per visited site
    (omitted: one stratum, the only key). ``method``: "hajek" divides by the estimated size, "ht"
    by the known one. Raises ``ValueError`` for probabilities outside (0, 1], an unknown stratum or
    a stratum with unvisited sites and no draw, for which nothing can be said.
    """
    y, pi = np.asarray(y, dtype=float), np.asarray(probability, dtype=float)
    certain = np.asarray(certain, dtype=bool)
    strata = np.full(len(y), next(iter(population))) if strata is None else np.asarray(strata)
    if ((pi <= 0) | (pi > 1))[~certain].any():
        raise ValueError("inclusion probabilities lie above 0 and at most at 1")
    if not set(np.unique(strata).tolist()) <= set(population):
        raise ValueError("a stratum without a population size")
    total, variance, rest = 0.0, 0.0, 0
    for stratum, size in population.items():
        here = strata == stratum
        sure, drawn = here & certain, here & ~certain
        left = size - int(sure.sum())
        total += float(y[sure].sum())
        if left <= 0:
            continue
        if not drawn.any():
            raise ValueError(f"no draw in stratum {stratum!r}")
        rest += left
        sum_, var = _stratum(y[drawn], pi[drawn], left, method)
        total += sum_
        variance += var
    size = sum(population.values())
    sure_hits, drawn_count = float(y[certain].sum()), int((~certain).sum())
    counts = (int(certain.sum()), drawn_count)
    if not rest:
        return Estimate(total / size, total / size, total / size, *counts, 0.0, method)
    rate = min(max((total - sure_hits) / rest, 0.0), 1.0)
    effective = _effective(rate, variance / rest**2, drawn_count)
    low, high = ((sure_hits + rest * r) / size for r in _exact(rate, effective, level))
    return Estimate((sure_hits + rest * rate) / size, low, high, *counts, effective, method)


def _stratum(y: Array, pi: Array, left: int, method: str) -> tuple[float, float]:
    """Estimated positives among ``left`` sites, and the variance of that number."""
    weight = 1 / pi
    rate = float((weight * y).sum() / (weight.sum() if method == "hajek" else left))
    residual = y - rate if method == "hajek" else y
    scale = left / weight.sum() if method == "hajek" else 1.0
    expanded = residual * weight * scale
    n, off = len(y), 1 - pi
    if off.sum() <= 0 or n < 2:
        # One drawn site says nothing about its spread: take that of a coin of this rate.
        return rate * left, 0.0 if off.sum() <= 0 else left**2 * max(rate * (1 - rate), 0.05)
    middle = (off * expanded).sum() / off.sum()
    variance = n / (n - 1) * (off * (expanded - middle) ** 2).sum()
    return rate * left, float(variance)


def _effective(rate: float, variance: float, drawn: int) -> float:
    spread = rate * (1 - rate)
    if variance <= 0 or spread <= 0:
        return float(drawn)
    return float(spread / variance)


def _exact(rate: float, size: float, level: float) -> tuple[float, float]:
    """Exact binomial limits for a rate at a size that need not be whole."""
    hits, tail = rate * size, (1 - level) / 2
    low = float(beta.ppf(tail, hits, size - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, size - hits)) if hits < size else 1.0
    return low, high


def lottery(weight: Array, draws: int, seed: int, uniform: float = 0.5) -> tuple[Array, Array]:
    """Rows drawn and every row's inclusion probability, before anything is optimised.

    Share ``uniform`` of the probability is even, the rest proportional to ``weight`` (the
    predicted risk), capped at 1. Systematic draw on shuffled rows: exactly ``draws`` rows up to
    rounding, with exactly these probabilities.
    """
    n = len(weight)
    draws = min(draws, n)
    weight = np.maximum(np.asarray(weight, dtype=float), 0)
    pi = np.full(n, draws / n)
    if weight.sum() > 0:
        pi = uniform * pi + (1 - uniform) * _proportional(weight, draws)
    generator = np.random.default_rng(seed)
    order = generator.permutation(n)
    ladder = np.floor(np.cumsum(pi[order]) + generator.random() + 1e-9)
    hit = np.diff(ladder, prepend=0.0) >= 1
    return np.sort(order[hit]), pi


def _proportional(weight: Array, draws: int) -> Array:
    """Probabilities proportional to weight with sum ``draws``, none above 1."""
    full = np.zeros(len(weight), dtype=bool)
    while True:
        room = draws - full.sum()
        rest = weight[~full].sum()
        pi = np.where(full, 1.0, weight * (room / rest if rest > 0 else 0.0))
        over = (pi > 1) & ~full
        if not over.any():
            return pi
        full |= over
