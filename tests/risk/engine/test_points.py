"""The arithmetic of points: the same in Python and in SQL, exact, monotone, in any order of rows."""

import datetime as dt
import json

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risk.engine.points import HUNDRED, Curve, Rule, age_in_days, decayed, factor, score_sql

DAY = dt.date(2026, 11, 1)
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
numbers = st.one_of(
    st.none(), st.integers(-5, 12).map(float), st.floats(-1e6, 1e6, allow_nan=False)
)
texts = st.one_of(st.none(), st.sampled_from(["56", "41", "it's", "%s", "ä", ""]))
days = st.one_of(st.none(), st.integers(-400, 60_000).map(lambda n: DAY - dt.timedelta(days=n)))


@st.composite
def rules(draw):
    points = st.integers(-300, 300)
    if draw(st.booleans()):
        limits = draw(
            st.lists(st.sampled_from(["56", "41", "it's", "%s"]), unique=True, max_size=3)
        )
        bins = [{"is": [limit], "points": draw(points)} for limit in limits]
        bins.append({"is": None, "points": draw(points)})
    else:
        limits = sorted(draw(st.sets(st.integers(-4, 10), max_size=4)))
        bins = [{"below": limit, "points": draw(points)} for limit in [*limits, None]]
    return Rule(
        tuple(bins), draw(st.integers(-50, 50)) * HUNDRED,
        draw(st.one_of(st.none(), st.integers(1, 4_000))),
        draw(st.one_of(st.none(), st.integers(0, 300).map(lambda n: n * HUNDRED))),
    )  # fmt: skip


def by_sql(made, curve, rows):
    """Rows (site, values) → points, parts, coverage, p, low, high by site, from the statement."""
    kinds = {"v": "float8", "t": "text", "d": "date"}
    columns = [f"{c}{k}" for k in range(len(made)) for c in kinds]
    record = ", ".join(f"{c} {kinds[c[0]]}" for c in columns)
    data = [
        {"site_id": site, "day": DAY.isoformat()}
        | {
            f"{c}{k}": (x.isoformat() if isinstance(x, dt.date) else x)
            for k, cells in enumerate(values) for c, x in zip("vtd", cells, strict=True)
        }
        for site, values in rows
    ]  # fmt: skip
    params = {"run": 1, "version": 1, "authority": 1, "joint": True, "data": json.dumps(data)}
    source = f"jsonb_to_recordset(%(data)s::jsonb) AS q(site_id bigint, day date, {record})"
    with connection.cursor() as cursor:
        cursor.execute(score_sql(made, curve, source, params), params)
        return {r[2]: (r[5], list(r[10]), r[9], r[6], r[7], r[8]) for r in cursor.fetchall()}


@pytest.mark.django_db
@slow
@given(st.data())
def test_sql_and_python_give_the_same_and_the_parts_are_the_whole(data):
    made = data.draw(st.lists(rules(), min_size=1, max_size=4))
    rows = data.draw(
        st.lists(
            st.tuples(*(st.tuples(numbers, texts, days) for _ in made)), min_size=1, max_size=6
        )
    )
    knots = [[-20, 0.01, 0.0, 0.1], [10, 0.2, 0.1, 0.3], [200, 0.9, 0.6, 0.95]]
    curve = Curve(knots)
    found = by_sql(made, curve, list(enumerate(rows)))
    again = by_sql(made, curve, list(reversed(list(enumerate(rows)))))
    assert found == again
    for site, values in enumerate(rows):
        parts = [
            rule.part(number, text, age_in_days(on, DAY))
            for rule, (number, text, on) in zip(made, values, strict=True)
        ]
        points, listed, coverage, p, low, high = found[site]
        assert listed == [part.points for part in parts]
        assert points == sum(listed)
        assert coverage == sum(part.known for part in parts) * 100 // len(parts)
        assert (p, low, high) == pytest.approx(curve.at(points, coverage), rel=1e-6)


@given(st.integers(-30_000, 30_000), st.integers(0, 50_000), st.integers(1, 5_000))
def test_decay_only_takes_away_and_halves_at_the_half_life(points, age, half_life):
    left = decayed(points, age, half_life)
    assert abs(left) <= abs(points)
    assert left * points >= 0
    assert abs(decayed(points, age + 1, half_life)) <= abs(left)
    assert abs(decayed(points, half_life, half_life)) == (abs(points) + 1) // 2
    assert factor(0, half_life) == 1_000_000


@given(rules(), st.floats(-100, 100), st.floats(-100, 100), st.integers(0, 9_000))
def test_rising_points_never_fall_with_the_value(rule, one, other, age):
    """More of what is policy's worse never lowers the score."""
    if rule.of_texts:
        return
    ordered = sorted(int(b["points"]) for b in rule.bins)
    bins = tuple(b | {"points": p} for b, p in zip(rule.bins, ordered, strict=True))
    rising = Rule(bins, rule.missing, rule.half_life, rule.cap)
    low, high = sorted((one, other))
    assert rising.part(low, None, age).points <= rising.part(high, None, age).points


@given(st.lists(st.integers(-60_000, 90_000), min_size=2, max_size=20), st.integers(0, 100))
def test_a_rising_curve_gives_rising_probabilities_within_their_interval(points, coverage):
    curve = Curve([[0, 0.02, 0.01, 0.05], [30, 0.1, 0.05, 0.2], [250, 0.7, 0.5, 0.9]])
    found = [curve.at(p, coverage) for p in sorted(points)]
    assert [p for p, _low, _high in found] == sorted(p for p, _low, _high in found)
    assert all(0 <= low <= p <= high <= 1 for p, low, high in found)


def test_little_known_widens_the_interval_and_leaves_p():
    curve = Curve([[0, 0.1, 0.08, 0.12], [100, 0.5, 0.4, 0.6]])
    p, low, high = curve.at(5_000, 100)
    p_few, low_few, high_few = curve.at(5_000, 20)
    assert p == p_few
    assert low_few < low
    assert high_few > high


def test_a_long_curve_is_kept_in_a_bounded_table():
    curve = Curve([[-3_000, 0.0, 0.0, 0.0], [3_000, 1.0, 1.0, 1.0]])
    assert curve.count <= 50_000
    assert curve.at(0)[0] == pytest.approx(0.5, abs=1e-4)
