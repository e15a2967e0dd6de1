"""Bias audit: who is chosen, who is found, and whether equal scores mean the same for all.

Works on arrays. Protected or proxy features are never inputs of a model; here they may be labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Array = NDArray[Any]


@dataclass(frozen=True)
class Limits:
    """When a finding blocks.

    ``selection``: a group's selection rate under four fifths of that of all others, or over 5/4:
    the rule of thumb of the US Uniform Guidelines on Employee Selection Procedures (29 CFR
    1607.4 D, there against the highest group); in both directions, since to be chosen is a burden.
    It blocks only when the observed need does not explain it: the ratio of selection rates is
    compared with the ratio of hit rates in the random arm, each visit speaking for one over its
    probability; with ``few_drawn`` of them on both sides and when the interval of that ratio
    (``level``) leaves out 1 on the same side, since a need that may be accident explains nothing.
    And it blocks when the interval of the ratio of selection rates (``level`` by Bonferroni) leaves
    out 1, or the group has ``large`` rows, so many that the ratio counts as it is. Otherwise it is
    told as unsure.
    ``level``: two-proportion z-test of hit rates at equal score, divided by the number of
    comparisons (Bonferroni). ``gap``: and the hit rates differ by at least this much.
    ``discovery``: the share of visits without a finding exceeds that of all others by this much.
    ``few``: smaller groups are reported, never blocking; ``few_chosen`` the same for the chosen.
    """

    selection: float = 0.8
    level: float = 0.05
    gap: float = 0.05
    discovery: float = 0.1
    few: int = 100
    few_chosen: int = 30
    few_drawn: int = 20
    large: int = 1_000
    bands: int = 5


def audit(
    score: Array,
    chosen: Array,
    y: Array,
    groups: Mapping[str, Array],
    *,
    random_arm: Array | None = None,
    weight: Array | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Findings per dimension and group, and the list of what blocks.

    ``score`` (n,) as ranked; ``chosen`` (n,) bool: picked by the model; ``y`` (n,) outcome with NaN
    where not visited; ``groups``: name of dimension -> label per row; ``random_arm`` (n,) bool:
    visited by lottery, whatever the score; ``weight`` (n,): one over the probability of a drawn
    visit, without it or where it is NaN each counts once. A blocking row is (group, measure, value, limit).
    """
    limits = limits or Limits()
    score, chosen = np.asarray(score, dtype=float), np.asarray(chosen, dtype=bool)
    y = np.asarray(y, dtype=float)
    lot = np.zeros(len(y), dtype=bool) if random_arm is None else np.asarray(random_arm, dtype=bool)
    weights = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    weights = np.where(np.isnan(weights), 1.0, weights)
    comparisons = sum(len(np.unique(v)) for v in groups.values()) * 2
    band = _bands(score, limits.bands)
    findings: dict[str, Any] = {}
    blocking: list[dict[str, Any]] = []
    for name, labels in groups.items():
        labels = np.asarray(labels)
        findings[name] = {}
        for label in np.unique(labels).tolist():
            inside = labels == label
            found = _measures(inside, chosen, y, lot, weights, band)
            findings[name][str(label)] = found
            blocking += _judge(f"{name}={label}", found, limits, comparisons)
    return {
        "findings": findings,
        "blocking": blocking,
        "comparisons": comparisons,
        "limits": vars(limits) | {},
    }


def _bands(score: Array, count: int) -> Array:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right")


def _rate(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _measures(
    inside: Array, chosen: Array, y: Array, lot: Array, weights: Array, band: Array
) -> dict[str, Any]:
    visited = ~np.isnan(y)
    picked = chosen & visited
    rate, others = float(chosen[inside].mean()), _rate(chosen[~inside].astype(float))
    found: dict[str, Any] = {
        "n": int(inside.sum()),
        "chosen": int((inside & chosen).sum()),
        "n_others": int((~inside).sum()),
        "chosen_others": int((~inside & chosen).sum()),
        "visited_chosen": int((inside & picked).sum()),
        "selection_rate": rate,
        "selection_rate_others": others,
        "selection_ratio": rate / others if others else None,
        "hit_rate": _rate(y[inside & picked]),
        "hit_rate_others": _rate(y[~inside & picked]),
    }
    found["false_discovery"] = None if found["hit_rate"] is None else 1 - found["hit_rate"]
    found["false_discovery_others"] = (
        None if found["hit_rate_others"] is None else 1 - found["hit_rate_others"]
    )
    found["equal_score_chosen"] = _at_equal_score(inside, picked, y, band)
    found["equal_score_random"] = _at_equal_score(inside, lot & visited, y, band)
    for name, side in (("random", inside), ("random_others", ~inside)):
        found |= _drawn(name, y[side & lot & visited], weights[side & lot & visited])
    return found


def _drawn(name: str, y: Array, weights: Array) -> dict[str, Any]:
    """Rate of the drawn by their weights; how many there are, and how many equal draws they are."""
    rate = float(np.average(y, weights=weights)) if y.size else None
    effective = float(weights.sum() ** 2 / (weights**2).sum()) if y.size else 0.0
    key = name.replace("random", "random_rate", 1)
    return {key: rate, f"{name}_n": len(y), f"{name}_effective": effective}


def _at_equal_score(inside: Array, among: Array, y: Array, band: Array) -> dict[str, Any] | None:
    """Hit rate of the group and of others weighted to the group's bands; p-value over bands.

    The test is the stratified form of the two-proportion test (Cochran; Mantel and Haenszel).
    """
    hits = expected = variance = other = 0.0
    n = 0
    table = []
    for value in np.unique(band):
        mine, theirs = (y[among & (band == value) & side] for side in (inside, ~inside))
        if not mine.size or not theirs.size:
            continue
        table.append(
            {"band": int(value), "n": len(mine), "hit_rate": float(mine.mean()),
             "hit_rate_others": float(theirs.mean())}
        )  # fmt: skip
        total, all_hits = len(mine) + len(theirs), mine.sum() + theirs.sum()
        hits += float(mine.sum())
        other += len(mine) * float(theirs.mean())
        n += len(mine)
        expected += len(mine) * all_hits / total
        if total > 1:
            spread = len(mine) * len(theirs) * all_hits * (total - all_hits)
            variance += spread / (total**2 * (total - 1))
    if not n:
        return None
    z = (hits - expected) / np.sqrt(variance) if variance > 0 else 0.0
    return {
        "n": n, "hit_rate": hits / n, "hit_rate_others": other / n,
        "difference": (hits - other) / n, "p": float(2 * norm.sf(abs(z))), "bands": table,
    }  # fmt: skip


def _judge(
    group: str, found: dict[str, Any], limits: Limits, comparisons: int
) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []

    def block(measure: str, value: float, limit: float) -> None:
        result.append({"group": group, "measure": measure, "value": value, "limit": limit})

    if found["n"] < limits.few:
        found["too_few"] = True
        return result
    level = limits.level / max(comparisons, 1)
    ratio = found["selection_ratio"]
    outside = ratio is not None and not limits.selection <= ratio <= 1 / limits.selection
    if outside and not _explained(found, limits):
        low, high = found["selection_interval"] = _ratio_interval(
            (found["chosen"], found["n"], found["chosen_others"], found["n_others"]), level
        )
        if low <= 1 <= high and found["n"] < limits.large:
            found["selection_unsure"] = True
        else:
            limit = limits.selection if ratio < 1 else 1 / limits.selection
            block("selection_ratio", ratio, limit)
    for measure in ("equal_score_chosen", "equal_score_random"):
        test = found[measure]
        if (
            test is not None
            and test["n"] >= limits.few_chosen
            and test["p"] < level
            and abs(test["difference"]) >= limits.gap
        ):
            block(measure, test["difference"], limits.gap)
    if found["visited_chosen"] >= limits.few_chosen and found["false_discovery_others"] is not None:
        excess = found["false_discovery"] - found["false_discovery_others"]
        hits = found["visited_chosen"] * found["hit_rate"]
        found["false_discovery_excess"] = excess
        if excess > limits.discovery and _rare(hits, found, level):
            block("false_discovery", excess, limits.discovery)
    return result


def _ratio_interval(counts: tuple[float, float, float, float], level: float) -> list[float]:
    """Limits of the ratio of two rates on the logarithmic scale (Katz and others 1978).

    ``counts``: hits and size of the first, of the second. Half a case is added to each count, so
    that none chosen has limits too.
    """
    a, n, b, m = (count + 0.5 for count in counts)
    spread = float(norm.isf(level / 2)) * float(np.sqrt(1 / a - 1 / n + 1 / b - 1 / m))
    middle = float(np.log((a / n) / (b / m)))
    return [float(np.exp(middle - spread)), float(np.exp(middle + spread))]


def _rare(hits: float, found: dict[str, Any], level: float) -> bool:
    """Whether so low a hit rate is no accident, the others' rate taken as known."""
    rate, n = found["hit_rate_others"], found["visited_chosen"]
    spread = np.sqrt(max(rate * (1 - rate), 1e-9) / n)
    return bool(norm.cdf((hits / n - rate) / spread) < level)


def _explained(found: dict[str, Any], limits: Limits) -> bool:
    """Whether the lottery's own hit rates differ as much as the selection rates do, for certain."""
    mine, theirs = found["random_rate"], found["random_rate_others"]
    ratio = found["selection_ratio"]
    if not mine or not theirs or not ratio:
        return False
    relative = ratio / (mine / theirs)
    found["selection_ratio_at_need"] = relative
    if min(found["random_n"], found["random_others_n"]) < limits.few_drawn:
        return False
    n, m = found["random_effective"], found["random_others_effective"]
    low, high = found["need_interval"] = _ratio_interval((mine * n, n, theirs * m, m), limits.level)
    differs = low > 1 if ratio > 1 else high < 1
    return bool(differs and limits.selection <= relative <= 1 / limits.selection)
