"""What was known about somebody the day before: counts, recency, fading sums, last values.

The same handful of questions that the product's own indicators ask of past visits, signals and
register facts. Only events dated before the day of the question are ever used.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SPAN = 1_000_000


class History:
    """Dated events of entities (whole numbers), with values; asked at (entity, day) pairs."""

    def __init__(self, entity: Array, day: Array, values: Mapping[str, Array]) -> None:
        entity, day = np.asarray(entity, dtype=np.int64), np.asarray(day, dtype=np.int64)
        if len(day) and (day.min() < 0 or day.max() >= SPAN):
            raise ValueError("days count from 0")
        order = np.lexsort((day, entity))
        self.key = entity[order] * SPAN + day[order]
        self.day = day[order]
        self.values = {k: np.asarray(v, dtype=float)[order] for k, v in values.items()}
        self.values["1"] = np.ones(len(order))

    def _span(self, entity: Array, day: Array, days: int | None = None) -> tuple[Array, Array]:
        """First and one past the last event strictly before the day (at most ``days`` back)."""
        entity, day = np.asarray(entity, dtype=np.int64), np.asarray(day, dtype=np.int64)
        first = np.zeros_like(day) if days is None else np.maximum(day - days, 0)
        return (
            np.searchsorted(self.key, entity * SPAN + first),
            np.searchsorted(self.key, entity * SPAN + day),
        )

    def total(self, entity: Array, day: Array, of: str = "1", days: int | None = None) -> Array:
        """Sum of a value (of nothing named: number of events), optionally of the last days only."""
        start, stop = self._span(entity, day, days)
        sums = np.concatenate([[0.0], np.cumsum(self.values[of])])
        return sums[stop] - sums[start]

    def fading(self, entity: Array, day: Array, of: str = "1", half_life: float = 365.0) -> Array:
        """Sum in which an event counts half after ``half_life`` days."""
        start, stop = self._span(entity, day)
        sums = np.concatenate([[0.0], np.cumsum(self.values[of] * 2.0 ** (self.day / half_life))])
        return (sums[stop] - sums[start]) * 2.0 ** (-np.asarray(day) / half_life)

    def pace(self, entity: Array, day: Array, of: str = "1", half_life: float = 365.0) -> Array:
        """The fading sum per day that could be seen, times the half-life.

        A fading sum grows for as long as the record itself is young: early rows look calm because
        nobody was counting yet. Dividing by the faded length of the record takes that out.
        """
        begin = int(self.day.min()) if len(self.day) else 0
        length = np.maximum(np.asarray(day) - begin, 1) / half_life
        seen = (1 - 2.0**-length) / (1 - 2.0 ** (-1 / half_life))
        return self.fading(entity, day, of, half_life) * half_life / np.maximum(seen, 30.0)

    def last(self, entity: Array, day: Array, of: str, nth: int = 1) -> Array:
        """Value of the nth last event, NaN without one."""
        start, stop = self._span(entity, day)
        at = stop - nth
        found = self.values[of][np.clip(at, 0, None)] if len(self.day) else np.zeros(len(at))
        return np.where(at >= start, found, np.nan)

    def first(self, entity: Array, day: Array) -> Array:
        """Days since the first event, NaN without one."""
        start, stop = self._span(entity, day)
        return np.where(stop > start, day - self.day[np.clip(start, 0, len(self.day) - 1)], np.nan)

    def since(self, entity: Array, day: Array, nth: int = 1) -> Array:
        """Days since the nth last event, NaN without one."""
        start, stop = self._span(entity, day)
        at = stop - nth
        return np.where(at >= start, day - self.day[np.clip(at, 0, None)], np.nan)

    def rate(
        self,
        entity: Array,
        day: Array,
        of: str,
        prior: float,
        strength: float = 2.0,
        half_life: float | None = None,
    ) -> Array:
        """Mean of a value, pulled to ``prior`` as if ``strength`` more events had shown it."""
        if half_life is None:
            top, bottom = self.total(entity, day, of), self.total(entity, day)
        else:
            top = self.fading(entity, day, of, half_life)
            bottom = self.fading(entity, day, "1", half_life)
        return (top + prior * strength) / (bottom + strength)


class Neighbourhood:
    """Events on a grid of ``size`` degrees of latitude; a question covers nine squares."""

    WIDTH = 100_000

    def __init__(
        self,
        latitude: Array,
        longitude: Array,
        day: Array,
        values: Mapping[str, Array],
        size: float,
        stretch: float = 1.34,
    ) -> None:
        self.size, self.stretch = size, stretch
        known = ~np.isnan(latitude) & ~np.isnan(longitude)
        self.history = History(
            self._square(latitude[known], longitude[known]),
            np.asarray(day)[known],
            {k: np.asarray(v)[known] for k, v in values.items()},
        )

    def _square(self, latitude: Array, longitude: Array) -> Array:
        down = np.floor((np.nan_to_num(latitude) + 90) / self.size).astype(np.int64)
        across = np.floor((np.nan_to_num(longitude) + 180) / (self.size * self.stretch))
        return down * self.WIDTH + across.astype(np.int64)

    def fading(
        self, latitude: Array, longitude: Array, day: Array, of: str, half_life: float
    ) -> Array:
        """Fading sum over the nine squares; a place that is not known gets NaN."""
        middle = self._square(latitude, longitude)
        total = np.zeros(len(middle))
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                square = middle + down * self.WIDTH + across
                total += self.history.fading(square, day, of, half_life)
        return np.where(np.isnan(latitude) | np.isnan(longitude), np.nan, total)
