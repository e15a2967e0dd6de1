"""Penalised logistic regression with bounds on coefficients."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Array = NDArray[Any]


def fit_logistic(
    A: Array,
    y: Array,
    penalty: Array | float = 1.0,
    weights: Array | None = None,
    low: Array | None = None,
    high: Array | None = None,
) -> tuple[float, Array]:
    """Intercept and coefficients that minimise log loss + penalty/2 · coef² (intercept free).

    ``A (n, m)``, ``y (n,)`` of 0/1, ``penalty`` one number or one per column, ``low``/``high``
    bounds per column. Starts from the base rate; deterministic.
    """
    A = np.ascontiguousarray(A, dtype=float)
    n, m = A.shape
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    strength = np.broadcast_to(np.asarray(penalty, dtype=float), (m,))
    rate = float(np.clip((w * y).sum() / w.sum(), 1e-6, 1 - 1e-6))
    start = np.concatenate([[np.log(rate / (1 - rate))], np.zeros(m)])

    def loss(beta: Array) -> tuple[float, Array]:
        margin = A @ beta[1:] + beta[0]
        miss = w * (expit(margin) - y)
        value = (w * (np.logaddexp(0, margin) - y * margin)).sum()
        value += 0.5 * (strength * beta[1:] ** 2).sum()
        slope = np.concatenate([[miss.sum()], A.T @ miss + strength * beta[1:]])
        return float(value / n), slope / n

    bottom = np.full(m, -np.inf) if low is None else low
    top = np.full(m, np.inf) if high is None else high
    bounds = [(None, None), *zip(bottom.tolist(), top.tolist(), strict=True)]
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-10, "gtol": 1e-6, "maxcor": 20},
    )
    return float(found.x[0]), np.asarray(found.x[1:])


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
