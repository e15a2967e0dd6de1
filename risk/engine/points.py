"""From values to points, from points to probabilities: one arithmetic, in Python and in SQL.

Points are whole hundredths. A step of the bins gives whole points; decay multiplies them by a
factor in millionths, rounded once; the result is rounded half away from zero to hundredths; the cap
bounds it. A score is the sum of these numbers and nothing else, so it can be opened without a rest.
Points by age, and ``p`` with its interval by points, are tables made here and handed to SQL, so that
both sides read the same numbers; it is also the fastest way (``bench/scoring.py``).
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from risk.models import IndicatorVersion, Missing, ModelIndicator, ModelVersion

HUNDRED = 100
MILLION = 1_000_000
# Of a model whose points have not been held against results: hardly more than an order, and the
# interval says so.
UNCALIBRATED = ((0.0, 0.02, 0.0, 0.5), (100.0, 0.5, 0.05, 0.95))
MOST_STEPS = 50_000  # of a table of probabilities
HALVINGS = 21  # after so many nothing is left of a million
MOST_AGE = 40_000  # days; what is older decays no further


def factor(age: int, half_life: int) -> int:
    """What is left after ``age`` days, in millionths."""
    return round(0.5 ** (age / half_life) * 1e6)


def decayed(hundredths: int, age: int | None, half_life: int | None) -> int:
    """Points after decay, in hundredths; without a day or a half-life all of them."""
    if half_life is None or age is None or age <= 0:
        return hundredths
    size = (abs(hundredths) * factor(min(age, MOST_AGE), half_life) + MILLION // 2) // MILLION
    return size if hundredths >= 0 else -size


@dataclass(frozen=True)
class Part:
    """One contribution in hundredths: of the step, after decay, after the cap."""

    known: bool
    step: int
    decayed: int
    points: int
    bin: int | None  # which step; None where nothing is known


@dataclass(frozen=True)
class Rule:
    """How one indicator of a model turns a value into points."""

    bins: tuple[dict[str, Any], ...]
    missing: int = 0  # hundredths
    half_life: int | None = None
    cap: int | None = None  # hundredths

    @classmethod
    def of(cls, use: ModelIndicator) -> "Rule":
        """Of an indicator in a model, whose own bins go before the indicator's."""
        own = use.missing_points
        return cls._make(use.indicator, use.bins or use.indicator.bins, own)

    @classmethod
    def of_version(cls, version: IndicatorVersion) -> "Rule":
        return cls._make(version, version.bins, None)

    @classmethod
    def _make(cls, version: IndicatorVersion, bins: Any, missing: int | None) -> "Rule":
        if missing is None:
            missing = version.missing_points if version.missing == Missing.POINTS else 0
        cap = version.cap * HUNDRED if version.cap is not None else None
        return cls(tuple(bins), missing * HUNDRED, version.half_life_days, cap)

    @property
    def of_texts(self) -> bool:
        return bool(self.bins) and "is" in self.bins[0]

    def step(self, number: float | None, text: str | None) -> int | None:
        """Which bin a value falls in; None when nothing is known."""
        if self.of_texts:
            if text is None:
                return None
            return next(k for k, b in enumerate(self.bins) if b["is"] is None or text in b["is"])
        if number is None:
            return None
        return bisect_right([float(b["below"]) for b in self.bins[:-1]], number)

    def part(self, number: float | None, text: str | None, age: int | None) -> Part:
        """The contribution of a value that is ``age`` days old (None: of no particular day)."""
        where = self.step(number, text)
        if where is None:
            return Part(False, self.missing, self.missing, self._capped(self.missing), None)
        step = int(self.bins[where]["points"]) * HUNDRED
        left = decayed(step, age, self.half_life)
        return Part(True, step, left, self._capped(left), where)

    def given(self, step: int, age: int | None) -> int:
        """Hundredths that a step gives after decay and cap."""
        return self._capped(decayed(int(self.bins[step]["points"]) * HUNDRED, age, self.half_life))

    def _capped(self, points: int) -> int:
        return _capped(points, self.cap)

    # ---------------------------------------------------------------- the same in SQL
    def column(self, k: int) -> str:
        return f"{'t' if self.of_texts else 'v'}{k}"

    def points_sql(self, k: int, params: dict[str, Any]) -> str:
        """Hundredths after decay and cap (smallint), of columns ``v<k>``, ``t<k>``, ``d<k>``, ``day``."""
        cases = [f"WHEN {self.column(k)} IS NULL THEN {_small(self._capped(self.missing))}"]
        for at, step in enumerate(self.bins):
            name, given = f"b{k}_{at}", self._given(k, at, params)
            if step[self.limit] is None:
                cases.append(f"ELSE {given}")
            elif self.of_texts:
                params[name] = list(step["is"])
                cases.append(f"WHEN {self.column(k)} = ANY (%({name})s::text[]) THEN {given}")
            else:
                params[name] = float(step["below"])
                cases.append(f"WHEN {self.column(k)} < %({name})s::float8 THEN {given}")
        return f"CASE {' '.join(cases)} END"

    @property
    def limit(self) -> str:
        return "is" if self.of_texts else "below"

    def _given(self, k: int, at: int, params: dict[str, Any]) -> str:
        """Points of one step: a number, or one for each age in days from a table made here."""
        step = int(self.bins[at]["points"]) * HUNDRED
        if not self.half_life or not step:
            return _small(self._capped(step))
        params[f"f{k}_{at}"] = _by_age(step, self.half_life, self.cap)
        age = f"least(greatest(coalesce(day - d{k}, 0), 0), {_oldest(self.half_life)}) + 1"
        return f"(%(f{k}_{at})s::smallint[])[{age}]"


def _small(points: int) -> str:
    return f"({points:d})::smallint"


def _capped(points: int, cap: int | None) -> int:
    return points if cap is None else max(-cap, min(cap, points))


def _oldest(half_life: int) -> int:
    """Age in days from which nothing changes any more."""
    return min(half_life * HALVINGS, MOST_AGE)


# The same tables go with every part of every run: made once, they cost a run nothing.
@lru_cache(maxsize=256)
def _by_age(step: int, half_life: int, cap: int | None) -> str:
    """Hundredths that a step gives at each age in days, as an array of the database."""
    ages = range(_oldest(half_life) + 1)
    return _array([_capped(decayed(step, age, half_life), cap) for age in ages])


def _array(numbers: Sequence[float]) -> str:
    """An array of the database as one word: of thousands of words the parser makes as many nodes."""
    return "{" + ",".join(map(repr, numbers)) + "}"


class Curve:
    """Probability and interval of a number of points, from knots ``[points, p, low, high]``.

    Linear between two knots, level beyond the outer ones. Stored as a table of at most
    ``MOST_STEPS`` steps, which SQL gets as three arrays: both sides read the same numbers.
    """

    def __init__(self, knots: Sequence[Sequence[float]]) -> None:
        rows = sorted(tuple(float(x) for x in knot) for knot in knots)
        self.low = round(rows[0][0] * HUNDRED)
        top = round(rows[-1][0] * HUNDRED)
        self.width = max(1, -(-(top - self.low) // (MOST_STEPS - 1)))
        self.count = (top - self.low) // self.width + 1
        self._rows = rows
        self._xs = [row[0] for row in rows]
        self.top = max(row[3] for row in rows)

    @classmethod
    def of(cls, version: ModelVersion) -> "Curve":
        return cls(version.params.get("calibration") or UNCALIBRATED)

    def _row(self, step: int) -> tuple[float, float, float]:
        """p, low and high of a step of the table, rounded to seven digits."""
        x = (self.low + step * self.width) / HUNDRED
        at = bisect_right(self._xs, x)
        if at == 0 or at == len(self._xs):
            row = self._rows[0 if at == 0 else -1]
            found = row[1:4]
        else:
            one, other = self._rows[at - 1], self._rows[at]
            share = (x - one[0]) / (other[0] - one[0])
            found = tuple(one[k] + (other[k] - one[k]) * share for k in (1, 2, 3))
        p, low, high = (round(min(1.0, max(0.0, value)), 7) for value in found)
        return p, low, high

    @property
    def table(self) -> tuple[list[float], list[float], list[float]]:
        """p, low and high of all steps."""
        rows = [self._row(step) for step in range(self.count)]
        return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]

    def at(self, points: int, coverage: int = 100) -> tuple[float, float, float]:
        """p, low and high of ``points`` hundredths; what is not known widens the interval."""
        p, low, high = self._row(min(max((points - self.low) // self.width, 0), self.count - 1))
        return p, low * coverage / 100.0, high + (self.top - high) * (100 - coverage) / 100.0

    def place_sql(self, points: str) -> str:
        """The step of the table, counted from 1."""
        step = f"({points}) - ({self.low})"
        if self.width > 1:
            step = f"floor(({step})::float8 / {self.width})::int"
        return f"least(greatest({step}, 0), {self.count - 1}) + 1"

    def sql(self, params: dict[str, Any]) -> str:
        """``p, p_low, p_high`` of the columns ``place`` and ``coverage``."""
        p, low, high = _arrays(tuple(self._rows))
        params |= {"curve_p": p, "curve_low": low, "curve_high": high, "curve_top": self.top}
        high_sql = "(%(curve_high)s::float8[])[place]"
        return (
            "(%(curve_p)s::float8[])[place]::real,"
            " ((%(curve_low)s::float8[])[place] * coverage / 100.0::float8)::real,"
            f" CASE WHEN coverage = 100 THEN {high_sql} ELSE {high_sql}"
            f" + (%(curve_top)s::float8 - {high_sql}) * (100 - coverage) / 100.0::float8 END::real"
        )


@lru_cache(maxsize=32)
def _arrays(knots: tuple[tuple[float, ...], ...]) -> tuple[str, str, str]:
    """p, low and high of all steps of the curve with these knots, as arrays of the database."""
    p, low, high = Curve(knots).table
    return _array(p), _array(low), _array(high)


def score_sql(rules: Sequence[Rule], curve: Curve, source: str, params: dict[str, Any]) -> str:
    """Rows of ``risk_score`` from a table of values (columns ``site_id, day, v0, t0, d0, ...``).

    Needs the parameters ``run``, ``version``, ``authority`` and ``joint`` besides those it adds.
    """
    parts = "".join(f", {rule.points_sql(k, params)} AS p{k}" for k, rule in enumerate(rules))
    columns = ", ".join(rule.column(k) for k, rule in enumerate(rules))
    known = f"num_nonnulls({columns})" if rules else "0"
    total = "".join(f" + p{k}" for k in range(len(rules)))
    listed = ", ".join(f"p{k}" for k in range(len(rules)))
    return f"""SELECT %(run)s::bigint, %(version)s::bigint, site_id, %(authority)s::bigint,
       %(joint)s::boolean, points, {curve.sql(params)}, coverage::smallint, parts
  FROM (SELECT site_id, points, {curve.place_sql("points")} AS place, coverage, parts
          FROM (SELECT site_id, 0{total} AS points, known * 100 / {max(1, len(rules))} AS coverage,
                       ARRAY[{listed}]::smallint[] AS parts
                  FROM (SELECT site_id{parts}, {known} AS known FROM {source} OFFSET 0) x
                OFFSET 0) y OFFSET 0) z"""


def age_in_days(on: dt.date | None, day: dt.date) -> int | None:
    """Days from the day of a value to the day of the score."""
    return None if on is None else (day - on).days
