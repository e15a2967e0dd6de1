"""Penalised logistic regression with bounds on coefficients."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import ThreadpoolController

Array = NDArray[Any]
ROUNDS = 100


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def fit_logistic(
    A: Array,
    y: Array,
    penalty: Array | float = 1.0,
    weights: Array | None = None,
    low: Array | None = None,
    high: Array | None = None,
    start: tuple[float, Array] | None = None,
) -> tuple[float, Array]:
    """Intercept and coefficients that minimise log loss + penalty/2 · coef² (intercept free).

    ``A (n, m)``, ``y (n,)`` of 0/1, ``penalty`` one number or one per column, ``low``/``high``
    bounds per column. Projected Newton steps (Bertsekas 1982) from ``start`` or the base rate;
    deterministic. One thread of linear algebra: the same bits whatever the machine's load, and
    measured 2 to 15 times faster than two threads on two busy cores.
    """
    with _threads().limit(limits=1, user_api="blas"):
        return _fit(A, y, penalty, weights, low, high, start)


def _fit(
    A: Array,
    y: Array,
    penalty: Array | float,
    weights: Array | None,
    low: Array | None,
    high: Array | None,
    start: tuple[float, Array] | None,
) -> tuple[float, Array]:
    n, m = np.shape(A)
    A = np.hstack([np.ones((n, 1)), np.asarray(A, dtype=float)])
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    # A trace of penalty on the intercept keeps the system solvable.
    strength = np.concatenate([[1e-9], np.broadcast_to(np.asarray(penalty, dtype=float), (m,))])
    bottom = np.concatenate([[-np.inf], np.full(m, -np.inf) if low is None else low])
    top = np.concatenate([[np.inf], np.full(m, np.inf) if high is None else high])
    rate = float(np.clip((w * y).sum() / w.sum(), 1e-6, 1 - 1e-6))
    offset, slopes = start or (np.log(rate / (1 - rate)), np.zeros(m))
    beta = np.clip(np.concatenate([[offset], slopes]), bottom, top)

    def loss(at: Array) -> tuple[float, Array]:
        margin = A @ at
        value = (w * (np.logaddexp(0, margin) - y * margin)).sum()
        return float(value + 0.5 * (strength * at**2).sum()), margin

    value, margin = loss(beta)
    for _ in range(ROUNDS):
        p = expit(margin)
        slope = A.T @ (w * (p - y)) + strength * beta
        held = ((beta <= bottom) & (slope > 0)) | ((beta >= top) & (slope < 0))
        free = np.flatnonzero(~held)
        part = A if len(free) == m + 1 else A[:, free]
        curve = (part * (w * p * (1 - p) + 1e-12)[:, None]).T @ part
        curve[np.diag_indices_from(curve)] += strength[free] + 1e-9
        step = np.zeros(m + 1)
        step[free] = np.linalg.solve(curve, slope[free])
        scale, better = 1.0, False
        while scale > 1e-6 and not better:
            trial = np.clip(beta - scale * step, bottom, top)
            new, new_margin = loss(trial)
            better = new <= value - 1e-4 * float(slope @ (beta - trial))
            scale /= 2
        if not better:
            break
        gain, beta, value, margin = value - new, trial, new, new_margin
        if gain <= 1e-10 * max(abs(value), 1.0):
            break
    return float(beta[0]), beta[1:]


def pool(values: Array, weights: Array, direction: int) -> Array:
    """Isotonic pooling: the nearest sequence that never falls (+1) or never rises (-1)."""
    if direction == 0 or len(values) < 2:
        return np.asarray(values, dtype=float)
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values * direction, weights, strict=True):
        means.append(float(value))
        masses.append(float(weight))
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            mass = masses[-2] + masses[-1]
            share = masses[-1] / mass if mass > 0 else 0.5
            means[-2:] = [means[-2] * (1 - share) + means[-1] * share]
            masses[-2:] = [mass]
            sizes[-2:] = [sizes[-2] + sizes[-1]]
    return np.repeat(means, sizes) * direction
