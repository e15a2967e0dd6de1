"""What the fitted models share: a curve that turns their score into a probability."""

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import NDArray

from risk.learning.calibration import Curve

Array = NDArray[Any]


class Calibrated(ABC):
    """An additive model; ``base`` and ``curve`` come of its fit."""

    base: float = 0.0
    curve: Curve | None = None

    @abstractmethod
    def contributions(self, X: Array) -> Array:
        """Per row and feature; with ``base`` they add up to ``score``."""

    def score(self, X: Array) -> Array:
        """What to rank by."""
        return self.base + self.contributions(X).sum(1)

    def predict(self, X: Array) -> Array:
        """Probability by the curve."""
        return self._curve()(self.score(X))

    def interval(self, X: Array) -> tuple[Array, Array]:
        """95 % band of the probability, of the calibration only."""
        return self._curve().interval(self.score(X))

    def _curve(self) -> Curve:
        if self.curve is None:
            raise ValueError("neither fitted nor given points")
        return self.curve
