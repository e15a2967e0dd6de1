"""From values to points, from points to probabilities: one arithmetic, in Python and in SQL.

Points are whole hundredths. A step of the bins gives whole points; decay multiplies them by a
factor in millionths, rounded once; the result is rounded half away from zero to hundredths; the cap
bounds it. A score is the sum of these numbers and nothing else, so it can be opened without a rest.
``p`` and its interval are read from a table made here, once for each model.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from risk.models import IndicatorVersion, Missing, ModelIndicator, ModelVersion

HUNDRED = 100
MILLION = 1_000_000
# Of a model whose points have not been held against results: hardly more than an order, and the
# interval says so.
UNCALIBRATED = ((0.0, 0.02, 0.0, 0.5), (100.0, 0.5, 0.05, 0.95))
MOST_STEPS = 50_000  # of a table of probabilities


def factor(age: int, half_life: int) -> int:
    """What is left after ``age`` days, in millionths."""
    return round(0.5 ** (age / half_life) * 1e6)


def decayed(hundredths: int, age: int | None, half_life: int | None) -> int:
    """Points after decay, in hundredths; without a day or a half-life all of them."""
    if half_life is None or age is None or age <= 0:
        return hundredths
    size = (abs(hundredths) * factor(age, half_life) + MILLION // 2) // MILLION
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

    def _capped(self, points: int) -> int:
        return points if self.cap is None else max(-self.cap, min(self.cap, points))

    # ---------------------------------------------------------------- the same in SQL
    def known_sql(self, k: int) -> str:
        return f"({'t' if self.of_texts else 'v'}{k} IS NOT NULL)"

    def points_sql(self, k: int, params: dict[str, Any]) -> str:
        """Hundredths after decay and cap, of columns ``v<k>``, ``t<k>``, ``d<k>`` and ``day``."""
        final = [
            decayed_points if self.half_life else self._capped(decayed_points)
            for decayed_points in (int(b["points"]) * HUNDRED for b in self.bins)
        ]
        column = f"{'t' if self.of_texts else 'v'}{k}"
        missing = self._capped(self.missing)
        cases = [f"WHEN {column} IS NULL THEN {0 if self.half_life else missing}"]
        for at, (step, points) in enumerate(zip(self.bins[:-1], final[:-1], strict=True)):
            name = f"b{k}_{at}"
            if self.of_texts:
                params[name] = list(step["is"])
                cases.append(f"WHEN {column} = ANY (%({name})s::text[]) THEN {points}")
            else:
                params[name] = float(step["below"])
                cases.append(f"WHEN {column} < %({name})s::float8 THEN {points}")
        chosen = f"CASE {' '.join(cases)} ELSE {final[-1]} END"
        if not self.half_life:
            return chosen
        half = int(self.half_life)
        weight = f"round(power(0.5::float8, (day - d{k})::float8 / {half}) * 1e6)::bigint"
        if min(final) >= 0:
            left = f"(({chosen})::bigint * {weight} + {MILLION // 2}) / {MILLION}"
        else:
            left = (
                f"sign({chosen})::bigint"
                f" * ((abs({chosen})::bigint * {weight} + {MILLION // 2}) / {MILLION})"
            )
        left = f"({left})::integer"
        left = f"CASE WHEN d{k} IS NULL OR d{k} >= day THEN {chosen} ELSE {left} END"
        if self.cap is not None:
            left = f"least(greatest({left}, {-self.cap}), {self.cap})"
        return f"CASE WHEN {column} IS NULL THEN {missing} ELSE {left} END"


class Curve:
    """Probability and interval of a number of points, from knots ``[points, p, low, high]``.

    Linear between two knots, level beyond the outer ones. Stored as a table of at most
    ``MOST_STEPS`` steps, which SQL gets as three arrays: both sides read the same numbers.
    """

    def __init__(self, knots: Sequence[Sequence[float]]) -> None:
        rows = sorted(tuple(float(x) for x in knot) for knot in knots)
        self.low = round(rows[0][0] * HUNDRED)
        top = round(rows[-1][0] * HUNDRED)
        self.width = max(1, -(-(top - self.low) // MOST_STEPS))
        self.count = (top - self.low) // self.width + 1
        self._rows = rows
        self.top = max(row[3] for row in rows)

    @classmethod
    def of(cls, version: ModelVersion) -> "Curve":
        return cls(version.params.get("calibration") or UNCALIBRATED)

    @cached_property
    def table(self) -> tuple[list[float], list[float], list[float]]:
        """p, low and high of each step, rounded to seven digits."""
        found: tuple[list[float], list[float], list[float]] = ([], [], [])
        xs = [row[0] for row in self._rows]
        for step in range(self.count):
            x = (self.low + step * self.width) / HUNDRED
            at = bisect_right(xs, x)
            for column, values in enumerate(found, start=1):
                if at == 0 or at == len(xs):
                    value = self._rows[min(at, len(xs) - 1) if at == 0 else -1][column]
                else:
                    (x0, *_a), (x1, *_b) = self._rows[at - 1], self._rows[at]
                    y0, y1 = self._rows[at - 1][column], self._rows[at][column]
                    value = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
                values.append(round(min(1.0, max(0.0, value)), 7))
        return found

    def at(self, points: int, coverage: int = 100) -> tuple[float, float, float]:
        """p, low and high of ``points`` hundredths; what is not known widens the interval."""
        step = min(max((points - self.low) // self.width, 0), self.count - 1)
        p, low, high = (column[step] for column in self.table)
        return p, low * coverage / 100.0, high + (self.top - high) * (100 - coverage) / 100.0

    def sql(self, points: str, coverage: str, params: dict[str, Any]) -> str:
        """``p, p_low, p_high`` of the columns ``points`` and ``coverage``."""
        for name, column in zip(("p", "low", "high"), self.table, strict=True):
            # As one word: the parser would make a node of each of the thousands of numbers.
            params[f"curve_{name}"] = "{" + ",".join(map(repr, column)) + "}"
        params["curve_top"] = self.top
        step = f"({points} - ({self.low}))"
        if self.width > 1:
            step = f"floor({step}::float8 / {self.width})::int"
        place = f"least(greatest({step}, 0), {self.count - 1}) + 1"
        high = f"(%(curve_high)s::float8[])[{place}]"
        return (
            f"(%(curve_p)s::float8[])[{place}]::real,"
            f" ((%(curve_low)s::float8[])[{place}] * {coverage} / 100.0::float8)::real,"
            f" ({high} + (%(curve_top)s::float8 - {high}) * (100 - {coverage}) / 100.0::float8)::real"
        )


def score_sql(rules: Sequence[Rule], curve: Curve, source: str, params: dict[str, Any]) -> str:
    """Rows of ``risk_score`` from a table of values (columns ``site_id, day, v0, t0, d0, ...``).

    Needs the parameters ``run``, ``version``, ``authority`` and ``joint`` besides those it adds.
    """
    parts = "".join(f", {rule.points_sql(k, params)} AS p{k}" for k, rule in enumerate(rules))
    known = " + ".join(f"{rule.known_sql(k)}::int" for k, rule in enumerate(rules)) or "0"
    total = " + ".join(f"p{k}" for k in range(len(rules))) or "0"
    listed = ", ".join(f"p{k}" for k in range(len(rules)))
    return f"""SELECT %(run)s::bigint, %(version)s::bigint, site_id, %(authority)s::bigint,
       %(joint)s::boolean, points, {curve.sql("points", "coverage", params)},
       coverage::smallint, parts::smallint[]
  FROM (SELECT site_id, {total} AS points, known * 100 / {max(1, len(rules))} AS coverage,
               ARRAY[{listed}]::integer[] AS parts
          FROM (SELECT site_id{parts}, {known} AS known FROM {source} OFFSET 0) x OFFSET 0) y"""  # noqa: S608


def age_in_days(on: dt.date | None, day: dt.date) -> int | None:
    """Days from the day of a value to the day of the score."""
    return None if on is None else (day - on).days
