"""The audit blocks a planted bias and is quiet without one."""

import json
from typing import Any

import numpy as np
import pytest

from risk.learning.audit import Limits, audit


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


def test_tips_that_prove_worse_than_their_score_are_found() -> None:
    w = world(7)
    origin = np.where(np.random.default_rng(2).random(8000) < 0.4, "tip", "register")
    w["y"] = np.where((origin == "tip") & (np.arange(8000) % 2 == 0), 0, w["y"])
    chosen = top(w["score"])
    report = audit(w["score"], chosen, visited(w, chosen), {}, origin=origin)
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
