"""Models add up exactly, keep their directions, and come back from JSON bit for bit."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.learning import metrics
from risk.learning.calibration import Curve
from risk.learning.ceiling import Ceiling
from risk.learning.ebm import Boosted
from risk.learning.logistic import Logistic
from risk.learning.points import Points
from risk.learning.solver import fit_logistic, pool

NAMES = ("tips", "age", "flag", "noise")


def data(rows: int = 3000, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    g = np.random.default_rng(seed)
    X = np.column_stack(
        [g.poisson(1, rows), g.gamma(2, 4, rows), g.random(rows) < 0.2, g.normal(size=rows)]
    ).astype(float)
    X[g.random(rows) < 0.1, 1] = np.nan
    group = g.integers(0, 3, rows)
    margin = -2 + 0.7 * X[:, 0] - 0.05 * np.nan_to_num(X[:, 1], nan=8) + 0.8 * X[:, 2]
    y = g.random(rows) < 1 / (1 + np.exp(-(margin + np.array([-1.5, 0, 1.5])[group])))
    return X, y.astype(float), group


MAKERS = {
    "points": lambda: Points(NAMES, {"tips": 1, "age": -1}),
    "logistic": lambda: Logistic(NAMES, {"tips": 1}),
    "binned": lambda: Logistic(NAMES, {"tips": 1, "age": -1}, binned=True),
    "ebm": lambda: Boosted(NAMES, {"tips": 1}, rounds=50, bags=2),
    "ceiling": lambda: Ceiling(NAMES, {"tips": 1}, rounds=20),
}


@pytest.fixture(scope="module", params=list(MAKERS))
def model(request: pytest.FixtureRequest) -> Any:
    X, y, group = data()
    return MAKERS[request.param]().fit(X, y, groups=group, days=np.arange(len(y)))


def test_contributions_add_up_to_the_score(model: Any) -> None:
    X = data(500, 2)[0]
    total = model.base + model.contributions(X).sum(1)
    if isinstance(model, Ceiling):
        # What remains is the constant part of the nuisance groups and rounding.
        gap = model.score(X) - total
        assert np.ptp(gap) < 0.5
    elif isinstance(model, Points):
        assert (total == model.score(X)).all()
        assert (total == np.rint(total)).all()
    else:
        assert np.allclose(total, model.score(X), atol=1e-10)
        assert np.allclose(np.log(model.predict(X) / (1 - model.predict(X))), total)


def test_json_brings_back_the_same_bits(model: Any) -> None:
    X = data(500, 3)[0]
    text = model.to_json()
    json.loads(text)
    again = type(model).from_json(text)
    assert (again.predict(X) == model.predict(X)).all()
    assert (again.contributions(X) == model.contributions(X)).all()
    assert again.to_json() == text
    with pytest.raises(ValueError, match="not a"):
        type(model).from_json(json.dumps(json.loads(text) | {"kind": "other"}))


def test_fitting_twice_gives_the_same_model() -> None:
    X, y, group = data(1500)
    for make in MAKERS.values():
        assert make().fit(X, y, groups=group).to_json() == make().fit(X, y, groups=group).to_json()


def test_it_ranks_and_its_probabilities_hold(model: Any) -> None:
    X, y, _ = data(4000, 9)
    assert metrics.auc(y, model.score(X)) > 0.65
    if not isinstance(model, Ceiling):
        assert metrics.ece(y, model.predict(X)) < 0.04
        low, high = model.interval(X)
        assert ((low <= model.predict(X)) & (model.predict(X) <= high)).all()
        assert (high - low).mean() < 0.2


def test_more_tips_never_lower_the_score(model: Any) -> None:
    X = data(300, 4)[0]
    scores = []
    for tips in range(8):
        X[:, 0] = tips
        scores.append(model.score(X))
    assert (np.diff(scores, axis=0) >= -1e-12).all()


def test_wrong_direction_is_pooled_away() -> None:
    X, y, _ = data()
    for model in (Points(NAMES, {"tips": -1}), Logistic(NAMES, {"tips": -1}, binned=True)):
        parts = model.fit(X, y).contributions(X)[:, 0]
        assert np.ptp(parts) < 1e-9


def test_the_nuisance_is_not_in_the_ranking() -> None:
    """Two groups of the same sites, one strict and one lenient: the site's flag must not pay."""
    g = np.random.default_rng(5)
    strict = g.random(6000) < 0.5
    X = np.column_stack([np.where(g.random(6000) < 0.9, strict, ~strict), g.normal(size=6000)])
    X = X.astype(float)
    y = (g.random(6000) < np.where(strict, 0.4, 0.05) + 0.1 * (X[:, 1] > 1)).astype(float)
    names = ("district", "other")
    for make in (lambda: Logistic(names, penalty=1.0), lambda: Points(names)):
        naive = make().fit(X, y)
        fair = make().fit(X, y, groups=strict)
        spread = np.ptp(fair.contributions(X)[:, 0])
        assert spread < 0.2 * np.ptp(naive.contributions(X)[:, 0])
        assert abs(metrics.calibration_in_the_large(y, fair.predict(X))) < 0.02


def test_expert_points_work_without_outcomes() -> None:
    model = Points.expert(
        {"tips": ([0, 2], [0, 5, 15], 0), "age": ([1, 5], [10, 5, 0], 3)}, prior=0.1
    )
    X = np.array([[0, 10], [1, 3], [7, 0.5], [np.nan, np.nan]])
    assert model.contributions(X).tolist() == [[0, 0], [5, 5], [15, 10], [0, 3]]
    assert model.score(X).tolist() == [0, 10, 25, 3]
    assert model.predict(X)[0] == pytest.approx(0.1)
    assert model.predict(X)[1] == pytest.approx(2 / 11)
    low, high = model.interval(X)
    assert (low == 0).all()
    assert (high == 1).all()
    again = Points.from_json(model.to_json())
    assert (again.predict(X) == model.predict(X)).all()
    with pytest.raises(ValueError, match="age"):
        Points.expert({"age": ([5, 1], [1, 2, 3], 0)})


def test_missing_has_its_own_bin() -> None:
    g = np.random.default_rng(2)
    X = g.normal(size=(4000, 1))
    gone = g.random(4000) < 0.3
    X[gone] = np.nan
    y = (g.random(4000) < np.where(gone, 0.6, 0.1)).astype(float)
    for model in (Points(["x"]), Logistic(["x"]), Boosted(["x"], rounds=800, bags=2)):
        p = model.fit(X, y).predict(X)
        assert p[gone].mean() > 0.5
        assert p[~gone].mean() < 0.15


def test_curve_is_logistic_with_few_positives_and_isotonic_with_many() -> None:
    g = np.random.default_rng(3)
    s = g.normal(size=12000)
    y = (g.random(12000) < 1 / (1 + np.exp(1.5 - s))).astype(float)
    few, many = Curve.fit(s[:1500], y[:1500]), Curve.fit(s, y)
    assert (few.kind, many.kind) == ("logistic", "isotonic")
    line = np.linspace(-3, 3, 50)
    for curve in (few, many):
        assert (np.diff(curve(line)) >= 0).all()
        assert np.abs(curve(line) - 1 / (1 + np.exp(1.5 - line))).max() < 0.12
        again = Curve.from_dict(json.loads(json.dumps(curve.to_dict())))
        assert (again(line) == curve(line)).all()


def test_refuses_what_teaches_nothing() -> None:
    X = np.zeros((10, 4))
    with pytest.raises(ValueError, match="one kind"):
        Points(NAMES).fit(X, np.zeros(10))
    with pytest.raises(ValueError, match="0 or 1"):
        Points(NAMES).fit(X, np.full(10, 2.0))
    with pytest.raises(ValueError, match="expected 4"):
        Points(NAMES).fit(np.zeros((10, 3)), np.arange(10) % 2)
    with pytest.raises(ValueError, match="neither"):
        Points(NAMES).predict(X[:0])


def test_solver_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    X, y, _ = data()
    X = np.nan_to_num(X, nan=8.0)
    other = LogisticRegression(C=1 / 3, tol=1e-10, max_iter=10_000).fit(X, y)
    intercept, found = fit_logistic(X, y, 3.0)
    assert found == pytest.approx(other.coef_[0], abs=2e-3)
    assert intercept == pytest.approx(other.intercept_[0], abs=5e-3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=1, max_size=20))
def test_pooling_is_monotone_and_keeps_the_mean(pairs: list[tuple[float, float]]) -> None:
    values, weights = (np.array(c) for c in zip(*pairs, strict=True))
    for direction in (1, -1):
        pooled = pool(values, weights, direction)
        assert (np.diff(pooled) * direction >= -1e-12).all()
        assert pooled @ weights == pytest.approx(values @ weights, abs=1e-6)
