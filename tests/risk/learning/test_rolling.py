"""The backtest trains on the past only, and refuses what could not have been known."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from risk.learning.logistic import Logistic
from risk.learning.points import Points
from risk.learning.rolling import Leak, Panel, Window, backtest, walk, windows

NAMES = ("past", "noise")


def panel(rows: int = 4000, seed: int = 3) -> Panel:
    g = np.random.default_rng(seed)
    day = np.sort(g.integers(0, 400, rows))
    X = g.normal(size=(rows, 2))
    inspector = g.integers(0, 3, rows)
    chance = 1 / (1 + np.exp(2 - X[:, 0] - np.array([-1, 0, 1])[inspector]))
    y = (g.random(rows) < chance).astype(float)
    return Panel(
        NAMES, X, y, day, group=inspector, office=g.integers(0, 2, rows),
        last=(X[:, 0] > 0).astype(float),
        segments={"region": np.where(np.arange(rows) % 40 == 0, "Far", "Near"),
                  "size": np.where(np.arange(rows) < rows - 10, "small", "large")},
    )  # fmt: skip


def make() -> Logistic:
    return Logistic(NAMES, bands=0)


SPANS = windows(200, 400, 50)


def test_windows_lie_back_to_back() -> None:
    assert SPANS[0] == Window(200, 250)
    assert len(SPANS) == 4
    assert SPANS[-1].end == 400


def test_report_has_model_baselines_segments_and_drift() -> None:
    report = backtest(panel(), make, SPANS, rounds=60)
    json.dumps(report, allow_nan=False)
    total = report["total"]
    assert total["n"] == sum(w["n"] for w in report["windows"])
    value, low, high = total["model"]["auc"]
    assert low < value < high
    assert value > 0.65 > 0.55 > abs(total["random"]["auc"][0])
    assert total["random"]["auc"][0] == pytest.approx(0.5)
    assert total["random"]["lift"][0] == pytest.approx(1)
    assert value > total["last_visit"]["auc"][0] > 0.55
    assert total["current_practice"]["days_earlier"][0] == pytest.approx(0, abs=0.5)
    assert total["model"]["days_earlier"][0] > 2
    assert total["model"]["inspector_adjusted"]["auc"][0] > 0.65
    assert total["model"]["within_office"]["days_earlier"][0] > 2
    assert total["segments"]["size"]["large"] == {"n": 10, "too_few": True}
    near, far = total["segments"]["region"]["Near"], total["segments"]["region"]["Far"]
    told = {m: v for m, v in near.items() if m not in ("n", "n_chosen")}
    assert {"rate", "predicted", "chosen", "precision", "lift", "brier", "ece"} < set(told)
    for measure, (value, low, high) in told.items():
        assert low < value < high, measure
    assert near["auc"][2] - near["auc"][1] < far["auc"][2] - far["auc"][1]
    # The chosen of all groups are those of the whole.
    chosen = sum(row["n"] * row["chosen"][0] for row in (near, far))
    assert chosen == pytest.approx(round(0.1 * total["n"]))
    assert max(report["windows"][0]["drift"].values()) < 0.1
    value, low, high = report["windows"][0]["model"]["auc"]
    assert low < value < high
    assert high - low > total["model"]["auc"][2] - total["model"]["auc"][1]
    # Without rounds there is no interval, and it is said so.
    assert backtest(panel(), make, SPANS, rounds=0)["total"]["model"]["auc"][1] is None
    assert backtest(panel(), make, SPANS, rounds=60) == report


def test_a_sign_of_life_comes_with_each_group() -> None:
    """A dimension may have a hundred groups, and each takes its time."""

    def signs(groups: int) -> int:
        rows = panel()
        labels = np.arange(len(rows.y)) % groups
        heard: list[int] = []
        backtest(replace(rows, segments={"industry": labels}), make, SPANS, rounds=2,
                 alive=lambda: heard.append(1))  # fmt: skip
        return len(heard)

    assert signs(12) - signs(2) == 10


def test_capacity_may_be_a_number_of_visits_of_each_window() -> None:
    """Twenty a window are the twenty of each, also where windows are of unequal size."""
    data = panel()
    keep = (data.day >= 250) | (np.arange(len(data.day)) % 8 == 0)
    small = replace(
        data, X=data.X[keep], y=data.y[keep], day=data.day[keep], group=None, office=None,
        last=data.last[keep], segments={"all": np.full(int(keep.sum()), "all")},
    )  # fmt: skip
    report = backtest(small, make, SPANS, capacity=20, rounds=60)
    total = report["total"]
    parts = [w["model"]["precision"][0] for w in report["windows"]]
    assert total["model"]["precision"][0] == pytest.approx(np.mean(parts))
    assert total["segments"]["all"]["all"]["n_chosen"] == pytest.approx(80)
    assert total["segments"]["all"]["all"]["precision"] == total["model"]["precision"]
    # Random order chooses twenty of each window too, not the whole of the smallest.
    rates = [w["rate"] for w in report["windows"]]
    assert total["random"]["precision"][0] == pytest.approx(np.mean(rates))
    low, high = total["model"]["precision"][1:]
    assert low < high
    # More than there are is all of them.
    every = backtest(small, make, SPANS, capacity=10_000, rounds=0)["total"]
    assert every["model"]["lift"][0] == pytest.approx(1)


def test_training_sees_only_rows_before_the_window() -> None:
    data = panel()
    seen = []

    class Spy(Logistic):
        def fit(self, X: Any, y: Any, groups: Any = None, days: Any = None) -> Any:
            seen.append(days.max())
            return super().fit(X, y, groups, days)

    report = backtest(data, lambda: Spy(NAMES, bands=0), SPANS, rounds=0)
    assert all(last < span.start for last, span in zip(seen, SPANS, strict=True))
    # Outcomes after a window are nothing to it.
    changed = data.y.copy()
    changed[data.day >= 250] = 1 - changed[data.day >= 250]
    other = backtest(replace(data, y=changed), make, SPANS[:1], rounds=0)
    assert other["windows"][0]["model"] == report["windows"][0]["model"]


def test_planted_outcome_is_refused() -> None:
    data = panel()
    X = np.column_stack([data.X, data.y + np.random.default_rng(1).normal(0, 0.1, len(data.y))])
    leaky = replace(data, names=(*NAMES, "result_of_this_visit"), X=X)
    with pytest.raises(Leak, match="result_of_this_visit") as caught:
        backtest(leaky, lambda: Logistic((*NAMES, "result_of_this_visit")), SPANS)
    assert caught.value.feature == "result_of_this_visit"


def test_planted_outcome_in_the_pattern_of_gaps_is_refused() -> None:
    data = panel()
    fine = np.where(data.y == 1, 100.0, np.nan)
    leaky = replace(data, names=(*NAMES, "fine"), X=np.column_stack([data.X, fine]))
    with pytest.raises(Leak, match="absence"):
        backtest(leaky, lambda: Logistic((*NAMES, "fine")), SPANS)


@pytest.mark.parametrize("late", [0, 3])
def test_value_known_on_the_day_or_later_is_refused(late: int) -> None:
    data = panel()
    known = np.column_stack([data.day - 1, data.day - 10]).astype(float)
    backtest(replace(data, known_from=known), make, SPANS[:1], rounds=0)
    known[700, 1] = data.day[700] + late
    with pytest.raises(Leak, match="noise") as caught:
        backtest(replace(data, known_from=known), make, SPANS, rounds=0)
    assert f"day {data.day[700]}" in caught.value.reason


def test_what_is_not_known_needs_no_date() -> None:
    data = panel()
    X, known = np.array(data.X), np.full(np.shape(data.X), np.nan)
    X[5, 1], known[5, 1] = np.nan, data.day[5] + 5
    backtest(replace(data, X=X, known_from=known), make, SPANS[:1], rounds=0)


def test_features_by_cut_off() -> None:
    data = panel()
    asked: list[int] = []

    def honest(cutoff: int) -> Any:
        asked.append(cutoff)
        return data.X, (data.day - 1).astype(float)

    report = backtest(replace(data, X=honest), make, SPANS, rounds=0)
    assert asked == [200, 250, 300, 350]
    assert report["total"]["model"] == backtest(data, make, SPANS, rounds=0)["total"]["model"]

    def rewriting(cutoff: int) -> Any:
        X = np.array(data.X)
        X[data.day < 100, 1] += cutoff / 1000
        return X

    with pytest.raises(Leak, match="noise"):
        backtest(replace(data, X=rewriting), make, SPANS, rounds=0)


@pytest.mark.parametrize("factory", [make, lambda: Points(NAMES, bands=0)])
def test_the_inspector_does_not_help_a_ranking(factory: Callable[[], Any]) -> None:
    data = panel()
    with_it = backtest(data, factory, SPANS, rounds=0, nuisance=True)
    without = backtest(data, factory, SPANS, rounds=0, nuisance=False)
    gap = with_it["total"]["model"]["auc"][0] - without["total"]["model"]["auc"][0]
    assert abs(gap) < 0.02


def test_windows_without_positives_are_told() -> None:
    data = panel()
    y = np.where(data.day >= 350, 0, data.y)
    report = backtest(replace(data, y=y), make, SPANS, rounds=0)
    assert report["windows"][-1]["skipped"] is True
    assert backtest(replace(data, y=y * 0), make, SPANS)["total"] is None


def test_nothing_is_learnt_from_a_result_that_was_not_known_yet() -> None:
    """Results that became known a month later make the rows to learn from fewer."""
    one = panel()
    late = backtest(replace(one, told=one.day + 30), make, SPANS, rounds=10)
    at_once = backtest(replace(one, told=one.day + 1), make, SPANS, rounds=10)
    for span, window, other in zip(SPANS, late["windows"], at_once["windows"], strict=True):
        assert window["trained_on"] == int((one.day + 30 <= span.start).sum())
        assert other["trained_on"] == int((one.day < span.start).sum()) > window["trained_on"]
    walked = walk(one.X, one.y, one.day, None, make, SPANS[:1], one.day + 500)
    assert not walked.rows.size
