"""The lottery keeps its probabilities, and the estimate is right where the naive one is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.learning.design import estimate, lottery, naive
from risk.learning.simulate import World, table


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=80), st.integers(1, 5), st.integers(0, 99),
    st.floats(0, 1),
)  # fmt: skip
def test_lottery_draws_as_many_as_asked(
    weight: list[float], draws: int, seed: int, uniform: float
) -> None:
    rows, pi = lottery(np.array(weight), draws, seed, uniform)
    assert ((pi >= 0) & (pi <= 1)).all()
    assert abs(len(rows) - pi.sum()) < 1 + 1e-6
    assert len(set(rows.tolist())) == len(rows)
    assert (lottery(np.array(weight), draws, seed, uniform)[0] == rows).all()


def test_lottery_keeps_the_probabilities_it_states() -> None:
    weight = np.arange(1, 41) / 40
    times = np.zeros(40)
    for seed in range(4000):
        rows, pi = lottery(weight, 8, seed)
        times[rows] += 1
    assert np.abs(times / 4000 - pi).max() < 0.03


def test_by_hand() -> None:
    # Ten sites: two certain (one hit), two of the other eight drawn at 1/4 (one hit).
    y, pi = np.array([1, 0, 1, 0]), np.array([1, 1, 0.25, 0.25])
    certain = np.array([True, True, False, False])
    for method in ("ht", "hajek"):
        found = estimate(y, pi, certain, {"all": 10}, method=method)
        assert found.rate == pytest.approx((1 + 4) / 10)
        assert 0.1 <= found.low < 0.5 < found.high <= 0.9
        assert (found.certain, found.drawn) == (2, 2)
    assert naive(y).rate == pytest.approx(0.5)


def test_equal_probabilities_give_the_textbook_variance() -> None:
    g = np.random.default_rng(1)
    y = (g.random(200) < 0.3).astype(float)
    found = estimate(y, np.full(200, 0.1), np.zeros(200, bool), {"all": 2000})
    textbook = 0.9 * y.var(ddof=1) / 200
    assert y.mean() * (1 - y.mean()) / found.effective == pytest.approx(textbook, rel=1e-6)


def test_strata_are_weighted_by_their_size() -> None:
    y = np.array([1] * 10 + [0] * 10)
    strata = np.array(["a"] * 10 + ["b"] * 10)
    pi = np.array([0.1] * 10 + [0.01] * 10)
    found = estimate(y, pi, np.zeros(20, bool), {"a": 100, "b": 1000}, strata)
    assert found.rate == pytest.approx(100 / 1100)
    with pytest.raises(ValueError, match="no draw in stratum 'c'"):
        estimate(y, pi, np.zeros(20, bool), {"a": 100, "b": 1000, "c": 5}, strata)
    with pytest.raises(ValueError, match="population size"):
        estimate(y, pi, np.zeros(20, bool), {"a": 100}, strata)
    with pytest.raises(ValueError, match="probabilities"):
        estimate(y, pi * 0, np.zeros(20, bool), {"a": 100, "b": 1000}, strata)


def test_nothing_found_is_not_certainty() -> None:
    found = estimate(np.zeros(50), np.full(50, 0.05), np.zeros(50, bool), {"all": 1000})
    assert found.rate == 0
    assert 0.04 < found.high < 0.1


def test_a_census_needs_no_interval() -> None:
    found = estimate(np.array([1, 0]), np.ones(2), np.ones(2, bool), {"all": 2})
    assert (found.low, found.rate, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("uniform", [1.0, 0.5])
def test_intervals_cover_the_truth(uniform: float) -> None:
    g = np.random.default_rng(5)
    chance = g.beta(1, 6, 3000)
    actual = (g.random(3000) < chance).astype(float)
    inside, rates = 0, []
    for seed in range(300):
        rows, pi = lottery(chance, 150, seed, uniform)
        found = estimate(actual[rows], pi[rows], np.zeros(len(rows), bool), {"all": 3000})
        inside += found.low <= actual.mean() <= found.high
        rates.append(found.rate)
    assert inside >= 0.93 * 300
    assert np.mean(rates) == pytest.approx(actual.mean(), abs=0.006)


def test_simulation_shows_what_the_lottery_buys() -> None:
    world = World(sites=4000, quarters=8)
    found = table(world, shares=(0.0, 0.1, 0.3), seeds=2)
    none, some, much = found["rows"]
    assert none["design_error"] is None
    assert some["naive_error"] > 1 > 2 * much["design_error"]
    assert some["design_error"] > much["design_error"]
    assert some["covered"] > 0.85
    assert none["found"] > some["found"] > much["found"]
    assert table(world, shares=(0.0, 0.1, 0.3), seeds=2) == found
