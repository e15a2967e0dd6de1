"""Metrics: known cases by hand, bounds, and indifference to the order of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from risk.learning import metrics as m

rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 20), st.integers(0, 2)),
    min_size=2,
    max_size=60,
)


def columns(data: list[tuple[bool, int, int, int]]) -> list[np.ndarray]:
    return [np.array(c, dtype=float) for c in zip(*data, strict=True)]


def everything(y: np.ndarray, s: np.ndarray, day: np.ndarray, group: np.ndarray) -> np.ndarray:
    p = s / 6
    return np.array(
        [
            m.auc(y, s), m.auc_within(y, s, group), m.average_precision(y, s), m.brier(y, p),
            m.ece(y, p), m.calibration_in_the_large(y, p), m.precision_at(y, s, 3),
            m.lift_at(y, s, 0.3), m.days_earlier(y, s, day), m.days_earlier(y, s, day, group),
            m.first_half(y, s, day), m.first_half(y, s, day, group), m.rank_correlation(y, s),
            m.population_stability(s, day),
        ]
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(data: list, random: object) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        everything(*columns(data)), everything(*columns(shuffled)), atol=1e-9
    )


@settings(max_examples=150, deadline=None)
@given(rows)
def test_bounds(data: list) -> None:
    y, s, day, group = columns(data)
    for value in (
        m.auc(y, s), m.auc_within(y, s, group), m.average_precision(y, s), m.brier(y, s / 6),
        m.ece(y, s / 6), m.precision_at(y, s, 2), m.first_half(y, s, day),
        m.first_half(y, s, day, group),
    ):  # fmt: skip
        assert np.isnan(value) or -1e-12 <= value <= 1 + 1e-12
    span = day.max() - day.min()
    for grouping in (None, group):
        value = m.days_earlier(y, s, day, grouping)
        assert np.isnan(value) or -span <= value <= span
    correlation = m.rank_correlation(s, day)
    assert np.isnan(correlation) or -1 - 1e-12 <= correlation <= 1 + 1e-12
    assert m.population_stability(s, day) >= 0


@settings(max_examples=100, deadline=None)
@given(rows)
def test_only_the_order_of_scores_counts(data: list) -> None:
    y, s, day, group = columns(data)
    for metric in (m.auc, m.average_precision):
        np.testing.assert_allclose(metric(y, s), metric(y, np.exp(s) * 3))
    np.testing.assert_allclose(
        m.days_earlier(y, s, day, group), m.days_earlier(y, np.exp(s), day, group)
    )


@settings(max_examples=100, deadline=None)
@given(rows)
def test_agrees_with_scikit_learn(data: list) -> None:
    y, s, _, _ = columns(data)
    if 0 < y.sum() < len(y):
        assert m.auc(y, s) == pytest.approx(roc_auc_score(y, s))
        assert m.average_precision(y, s) == pytest.approx(average_precision_score(y, s))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_many_samples_at_once_are_the_same_as_one_by_one(data: list) -> None:
    y, s, day, group = columns(data)
    g = np.random.default_rng(0)
    index = g.integers(0, len(y), (4, len(y)))
    for metric, args in (
        (m.auc, (y, s)), (m.auc_within, (y, s, group)), (m.average_precision, (y, s)),
        (m.ece, (y, s / 6)), (m.days_earlier, (y, s, day)), (m.rank_correlation, (s, day)),
        (m.days_earlier, (y, s, day, group)), (m.first_half, (y, s, day, group)),
    ):  # fmt: skip
        together = metric(*(a[index] for a in args))
        single = [metric(*(a[i] for a in args)) for i in index]
        np.testing.assert_allclose(together, single, atol=1e-9)


def test_by_hand() -> None:
    y = np.array([1, 0, 1, 0])
    s = np.array([0.9, 0.8, 0.3, 0.3])
    assert m.auc(y, s) == pytest.approx((2 + 0.5) / 4)
    assert m.average_precision(y, s) == pytest.approx((1 + 2 / 4) / 2)
    assert m.precision_at(y, s, 2) == pytest.approx(0.5)
    assert m.precision_at(y, s, 3) == pytest.approx(1.5 / 3)
    assert m.lift_at(y, s, 0.25) == pytest.approx(2)
    assert m.brier(y, s) == pytest.approx((0.01 + 0.64 + 0.49 + 0.09) / 4)
    assert m.calibration_in_the_large(y, s) == pytest.approx(0.5 - 0.575)
    assert m.ece(y, s, bins=2) == pytest.approx((abs(1 - 1.7) + abs(1 - 0.6)) / 4)
    table = m.reliability(y, s, bins=2)
    assert [row["n"] for row in table] == [2, 2]
    assert [row["observed"] for row in table] == [0.5, 0.5]


def test_dealing_by_hand() -> None:
    # Real days 1..4, the positives were visited last; the score finds both at once.
    day = np.array([1, 2, 3, 4])
    y = np.array([0, 0, 1, 1])
    assert m.days_earlier(y, np.array([0, 0, 2, 3]), day) == pytest.approx(((3 - 2) + (4 - 1)) / 2)
    assert m.first_half(y, -day, day) == 0
    assert m.first_half(y, y, day) == 1
    # Without any knowledge everybody gets the mean day.
    assert m.days_earlier(y, np.zeros(4), day) == pytest.approx(3.5 - 2.5)
    # Inside two offices (days 1, 3 and 2, 4) each positive gains two days.
    office = np.array([0, 1, 0, 1])
    assert m.days_earlier(y, y, day, office) == pytest.approx(2)
    # As visited: nothing gained.
    assert m.days_earlier(y, -day, day) == pytest.approx(0)


def test_within_groups_the_group_itself_is_worth_nothing() -> None:
    group = np.repeat([0, 1], 50)
    y = np.where(group == 1, np.arange(100) % 2, np.arange(100) % 10 == 0)
    assert m.auc(y, group) > 0.7
    assert m.auc_within(y, group, group) == pytest.approx(0.5)


def test_stability_sees_a_shift_and_missing_values() -> None:
    g = np.random.default_rng(1)
    a, b = g.normal(size=5000), g.normal(size=5000)
    assert m.population_stability(a, b) < 0.02
    assert m.population_stability(a, b + 1) > 0.5
    gone = b.copy()
    gone[:2000] = np.nan
    assert m.population_stability(a, gone) > 0.5


def test_bootstrap_covers_and_repeats() -> None:
    g = np.random.default_rng(7)
    inside = 0
    for k in range(60):
        s = g.normal(size=400)
        y = g.random(400) < 1 / (1 + np.exp(1 - s))
        value, low, high = m.bootstrap(m.auc, y, s, seed=k, rounds=200)
        assert low <= value <= high
        inside += low < 0.748 < high
    assert inside >= 50
    assert m.bootstrap(m.auc, y, s, seed=3) == m.bootstrap(m.auc, y, s, seed=3)
    assert np.isnan(m.bootstrap(m.auc, np.zeros(5), np.arange(5), seed=1).low)
