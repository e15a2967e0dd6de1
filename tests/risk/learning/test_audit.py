"""The audit blocks a planted bias and is quiet without one."""

import json
from typing import Any

import numpy as np
import pytest

from risk.learning.audit import Limits, _explained, _ratio_interval, audit


def world(seed: int = 1, rows: int = 8000) -> dict[str, Any]:
    g = np.random.default_rng(seed)
    score = g.beta(2, 6, rows)
    group = np.where(g.random(rows) < 0.3, "b", "a")
    y = (g.random(rows) < score).astype(float)
    lot = g.random(rows) < 0.1
    return {"score": score, "group": group, "y": y, "lot": lot}


def top(score: np.ndarray, share: float = 0.2) -> np.ndarray:
    return score >= np.quantile(score, 1 - share)


def visited(w: dict[str, Any], chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen | w["lot"], w["y"], np.nan)


def codes(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(b["group"], b["measure"]) for b in report["blocking"]}


def test_no_bias_no_block() -> None:
    blocked = 0
    for seed in range(20):
        w = world(seed)
        chosen = top(w["score"])
        report = audit(w["score"], chosen, visited(w, chosen), {"region": w["group"]},
                       random_arm=w["lot"])  # fmt: skip
        json.dumps(report, allow_nan=False)
        blocked += bool(report["blocking"])
    assert blocked <= 1


def test_inflated_scores_of_a_group_are_found() -> None:
    w = world()
    score = w["score"] + np.where(w["group"] == "b", 0.15, 0)
    chosen = top(score)
    report = audit(score, chosen, visited(w, chosen), {"region": w["group"]}, random_arm=w["lot"])
    found = codes(report)
    assert ("region=b", "selection_ratio") in found
    assert ("region=b", "equal_score_chosen") in found
    assert ("region=b", "false_discovery") in found
    row = report["findings"]["region"]["b"]
    assert row["equal_score_chosen"]["difference"] < -0.05
    assert row["selection_ratio"] > 1.25
    block = next(
        b
        for b in report["blocking"]
        if (b["group"], b["measure"]) == ("region=b", "selection_ratio")
    )
    assert block["limit"] == pytest.approx(1.25)
    assert block["value"] == row["selection_ratio"]


def test_need_shown_by_the_lottery_explains_selection() -> None:
    g = np.random.default_rng(4)
    w = world(4, 30_000)
    true = np.clip(w["score"] * np.where(w["group"] == "b", 1.5, 1), 0, 1)
    w["y"] = (g.random(len(true)) < true).astype(float)
    chosen = g.random(len(true)) < true * 0.5
    report = audit(true, chosen, visited(w, chosen), {"region": w["group"]}, random_arm=w["lot"])
    assert report["findings"]["region"]["b"]["selection_ratio"] > 1.25
    assert ("region=b", "selection_ratio") not in codes(report)
    # Without a lottery nobody can say so.
    report = audit(true, chosen, visited(w, chosen), {"region": w["group"]})
    assert ("region=b", "selection_ratio") in codes(report)


def needy(drawn: int, rate_b: float = 0.6, weight: float = 1.0) -> dict[str, Any]:
    """Group b is chosen twice as often; so many of each group were drawn by lot, b's found at a
    rate, of a at 0.3; half the finds of b were drawn with a probability ``weight`` times higher."""
    n = 4_000
    group = np.repeat(["a", "b"], n)
    chosen = np.concatenate([np.arange(n) < 400, np.arange(n) < 800])
    lot = np.tile(np.arange(n) < drawn, 2)
    y = np.where(np.tile(np.arange(n), 2) % 10 < np.where(group == "b", rate_b * 10, 3), 1.0, 0.0)
    weights = np.where((group == "b") & (y == 1), 10 / weight, 10.0)
    return audit(np.zeros(2 * n), chosen, y, {"region": group}, random_arm=lot,
                 weight=np.where(lot, weights, np.nan))  # fmt: skip


@pytest.mark.parametrize(
    ("drawn", "weight", "stops"), [(400, 1, False), (10, 1, True), (20, 1, True), (400, 5, True)]
)
def test_a_need_explains_only_where_it_is_sure(drawn: int, weight: float, stops: bool) -> None:
    """Too few drawn, an interval that allows no difference, or finds whose draw was likely."""
    report = needy(drawn, weight=weight)
    assert (("region=b", "selection_ratio") in codes(report)) is stops


def test_a_zero_selection_is_never_explained() -> None:
    found = {"random_rate": 0.1, "random_rate_others": 0.2, "selection_ratio": 0}
    assert not _explained(found, Limits())


def test_tips_that_prove_worse_than_their_score_are_found() -> None:
    w = world(7)
    origin = np.where(np.random.default_rng(2).random(8000) < 0.4, "tip", "register")
    w["y"] = np.where((origin == "tip") & (np.arange(8000) % 2 == 0), 0, w["y"])
    chosen = top(w["score"])
    report = audit(w["score"], chosen, visited(w, chosen), {"origin": origin})
    assert ("origin=tip", "equal_score_chosen") in codes(report)


def test_small_groups_never_block() -> None:
    w = world()
    group = np.where(np.arange(8000) < 40, "tiny", "rest")
    score = np.where(group == "tiny", 1.0, w["score"])
    chosen = top(score)
    report = audit(score, chosen, visited(w, chosen), {"language": group})
    assert report["findings"]["language"]["tiny"]["too_few"]
    assert not any(b["group"] == "language=tiny" for b in report["blocking"])
    blocked = audit(score, chosen, visited(w, chosen), {"language": group}, limits=Limits(few=20))
    assert any(b["group"] == "language=tiny" for b in blocked["blocking"])


def chosen_of(sizes: dict[str, tuple[int, int]]) -> dict[str, Any]:
    """An audit of groups of (rows, chosen among them) in which nothing but that differs."""
    labels = np.concatenate([np.full(n, name) for name, (n, _k) in sizes.items()])
    chosen = np.concatenate([np.arange(n) < k for n, k in sizes.values()])
    y = np.tile([1.0, 0.0], len(labels))[: len(labels)]
    return audit(np.full(len(labels), 0.5), chosen, y, {"region": labels})


def test_a_ratio_that_may_be_accident_does_not_block() -> None:
    """Eight of 120 chosen where others are chosen at 10 %: 0.67, but that happens by chance."""
    report = chosen_of({"a": (5000, 500), "b": (120, 8)})
    row = report["findings"]["region"]["b"]
    assert row["selection_ratio"] < 0.8
    low, high = row["selection_interval"]
    assert low < 1 < high
    assert row["selection_unsure"]
    assert ("region=b", "selection_ratio") not in codes(report)


def test_a_ratio_that_is_no_accident_blocks() -> None:
    """None of 300 chosen; the same share as above in a large group."""
    report = chosen_of({"a": (5000, 500), "b": (300, 0), "c": (1500, 110)})
    assert ("region=b", "selection_ratio") in codes(report)
    assert ("region=c", "selection_ratio") in codes(report)
    assert report["findings"]["region"]["b"]["selection_interval"][1] < 1


def test_the_interval_of_a_ratio_covers_what_it_says() -> None:
    """Of equal rates the interval leaves out 1 as seldom as the level says."""
    g = np.random.default_rng(3)
    out = 0
    for _ in range(2000):
        counts = (int(g.binomial(200, 0.1)), 200, int(g.binomial(3000, 0.1)), 3000)
        low, high = _ratio_interval(counts, 0.05)
        out += not low <= 1 <= high
    assert 0.02 < out / 2000 < 0.07
