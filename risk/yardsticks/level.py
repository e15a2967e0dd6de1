"""The level of probabilities, followed from day to day with results that were known by then.

Hit rates of a city rise and fall by the season; an order does not mind, a probability does. Each
morning the log-odds of all scores are moved by one number, so that what was promised for the visits
behind us, older ones counting less, is what was found. The order of one day stays as it is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[Any]
STEPS = 30
FORGOTTEN = 12  # half-lives after which a row counts no more


def shift(score: Array, y: Array, weights: Array) -> float:
    """The number that, added to log-odds, makes the weighted promise what was found (Newton)."""
    wanted, moved = float(weights @ y), 0.0
    for _ in range(STEPS):
        p = expit(score + moved)
        slope = float(weights @ (p * (1 - p)))
        step = (wanted - float(weights @ p)) / max(slope, 1e-9)
        moved += float(np.clip(step, -1, 1))
        if abs(step) < 1e-9:
            break
    return moved


def followed(score: Array, y: Array, day: Array, rows: Array, half_life: float) -> Array:
    """Probabilities of ``rows`` from log-odds: each day's level is of results of earlier days."""
    result = np.zeros(len(rows))
    for today in np.unique(day[rows]):
        known = (day < today) & (day >= today - FORGOTTEN * half_life)
        weights = 2.0 ** ((day[known] - today) / half_life)
        here = day[rows] == today
        result[here] = expit(score[rows[here]] + shift(score[known], y[known], weights))
    return result
