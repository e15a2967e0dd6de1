"""Cutting features into bins; what is not known has a bin of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def quantile_edges(X: Array, bins: int, *, far: bool = False) -> list[Array]:
    """Inner edges per feature at equal counts; few distinct values get one bin each.

    ``far``: more of them at both ends, where the rare high values are.
    """
    steps = np.linspace(0, 1, bins + 1)[1:-1]
    if far:
        steps = np.union1d(steps, [0.01, 0.03, 0.97, 0.99])
    result = []
    for column in np.asarray(X, dtype=float).T:
        known = column[~np.isnan(column)]
        kinds = np.unique(known)
        if len(kinds) <= bins:
            edges = (kinds[1:] + kinds[:-1]) / 2
        else:
            edges = np.unique(np.quantile(known, steps))
            edges = edges[(edges >= kinds[0]) & (edges < kinds[-1])]
        result.append(edges)
    return result


def codes(X: Array, edges: Sequence[Array]) -> Array:
    """Bin per cell: 0 for missing, else 1 + number of edges below the value (edge belongs below).

    Shape as X, whole numbers.
    """
    X = np.asarray(X, dtype=float)
    result = np.zeros(X.shape, dtype=int)
    for j, cuts in enumerate(edges):
        result[:, j] = np.where(np.isnan(X[:, j]), 0, np.searchsorted(cuts, X[:, j]) + 1)
    return result


def thermometer(code: Array, edges: Sequence[Array]) -> tuple[Array, list[slice]]:
    """Columns "missing" and "above edge k" per feature, and where each feature's columns are.

    A coefficient is then the step from one bin to the next, so that a direction is a sign.
    """
    columns, places, at = [], [], 0
    for j, cuts in enumerate(edges):
        steps = np.arange(2, len(cuts) + 2)
        block = np.hstack([code[:, [j]] == 0, code[:, [j]] >= steps[None, :]])
        columns.append(block.astype(float))
        places.append(slice(at, at + block.shape[1]))
        at += block.shape[1]
    return np.hstack(columns) if columns else np.zeros((len(code), 0)), places


def levels(coefficients: Array, places: Sequence[slice]) -> list[Array]:
    """Value per bin (missing first, then the lowest bin at 0) from thermometer coefficients."""
    return [
        np.concatenate([[coefficients[p][0], 0.0], np.cumsum(coefficients[p][1:])]) for p in places
    ]
