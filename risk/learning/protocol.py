"""What every model offers, and what they share."""

import json
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Ranker(Protocol):
    """What can be fitted, ranked by and opened: all that a backtest asks for.

    ``score`` is what to rank by: ``base`` plus the sum of the contributions. ``predict`` is the
    calibrated probability, which never falls as the score rises (but may be flat).
    """

    names: tuple[str, ...]
    base: float

    def fit(
        self, X: Array, y: Array, groups: Array | None = None, days: Array | None = None
    ) -> Self:
        """Learn from ``X (n, features)`` and outcomes ``y (n,)`` of 0 and 1.

        ``groups`` (n,) are nuisance groups, such as the inspector: they take part in the fit and
        are set to their average afterwards. ``days`` (n,) let old rows weigh less.
        """

    def score(self, X: Array) -> Array: ...

    def predict(self, X: Array) -> Array: ...

    def contributions(self, X: Array) -> Array: ...


class Model(Ranker, Protocol):
    """A ranker that can be stored: the same predictions, bit for bit, when it is read again."""

    def to_json(self) -> str: ...

    @classmethod
    def from_json(cls, text: str) -> Self: ...


def matrix(X: Array, names: Sequence[str]) -> Array:
    """Floats of shape (n, len(names)); ``ValueError`` when the width is another."""
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or X.shape[1] != len(names):
        raise ValueError(f"expected {len(names)} features, got shape {X.shape}")
    return X


def outcomes(y: Array, rows: int) -> Array:
    """Zeros and ones as floats; ``ValueError`` for anything else or only one kind."""
    y = np.asarray(y, dtype=float)
    if y.shape != (rows,) or not np.isin(y, (0, 1)).all():
        raise ValueError("outcomes must be 0 or 1, one a row")
    if y.min(initial=1) == y.max(initial=0):
        raise ValueError("outcomes of one kind only teach nothing")
    return y


def ageing(days: Array | None, half_life: float | None) -> Array | None:
    """Weights that halve every ``half_life`` days before the newest row; None: all alike."""
    if days is None or half_life is None:
        return None
    days = np.asarray(days, dtype=float)
    return np.asarray(2.0 ** ((days - days.max()) / half_life))


def dummies(groups: Array | None) -> Array | None:
    """One 0/1 column per group, sorted by name."""
    if groups is None:
        return None
    kinds = np.unique(groups)
    return (np.asarray(groups)[:, None] == kinds[None, :]).astype(float)


def folds(rows: int, count: int, seed: int) -> Array:
    """A fold number per row, balanced, shuffled by seed."""
    return np.random.default_rng(seed).permutation(np.arange(rows) % count)


def dumps(kind: str, **parts: Any) -> str:
    """JSON with floats in full (Python writes the shortest text that reads back the same)."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(type(value).__name__)

    return json.dumps({"kind": kind, **parts}, default=plain, sort_keys=True, allow_nan=False)


def loads(kind: str, text: str) -> dict[str, Any]:
    """The parts; ``ValueError`` when the text describes a model of another kind."""
    parts: dict[str, Any] = json.loads(text)
    if parts.get("kind") != kind:
        raise ValueError(f"not a {kind}: {parts.get('kind')}")
    return parts
