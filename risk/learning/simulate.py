"""A made-up population with known truth: what a lottery costs and what it makes measurable.

Sites have risk drivers; history starts biased; half-way the drivers change. Each quarter the
lottery is drawn first, the model picks the rest of the capacity, and both learn.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from risk.learning.design import estimate, lottery, naive
from risk.learning.solver import fit_logistic

Array = NDArray[Any]
DRIVERS = 8


@dataclass(frozen=True)
class World:
    """Sizes of the simulation. ``capacity``: share of the sites visited each quarter."""

    sites: int = 20_000
    quarters: int = 16
    capacity: float = 0.05
    half_life: float = 4.0
    uniform: float = 1.0
    level: float = -2.1


def _truth(world: World, generator: np.random.Generator) -> tuple[Array, list[Array]]:
    """Features (sites, drivers) and the probability of a violation per quarter."""
    X = generator.normal(size=(world.sites, DRIVERS))
    early = np.array([0.8, 0.6, 0.5, 0.4, 0, 0, 0.2, 0.1])
    later = np.array([0.2, 0.1, 0.5, 0.4, 0.7, 0.6, 0, 0.1])
    chances = []
    for quarter in range(world.quarters):
        drivers = early if quarter < world.quarters // 2 else later
        chances.append(expit(world.level + X @ drivers))
    return X, chances


def _biased_start(
    X: Array, chance: Array, count: int, generator: np.random.Generator
) -> tuple[Array, Array]:
    """History before the first quarter: officers went where one visible feature was high."""
    habit = X[:, 0] + 0.5 * generator.normal(size=len(X))
    rows = np.argsort(-habit)[:count]
    return rows, (generator.random(count) < chance[rows]).astype(float)


def run(world: World, share: float, seed: int) -> dict[str, Any]:
    """One history with this share of the capacity given to the lottery."""
    generator = np.random.default_rng(seed)
    X, chances = _truth(world, generator)
    count = round(world.capacity * world.sites)
    rows, y = _biased_start(X, chances[0], 2 * count, generator)
    seen, outcome, when = [rows], [y], [np.full(len(rows), -1.0)]
    found, errors, design_errors, covered = 0.0, [], [], []
    for quarter, chance in enumerate(chances):
        actual = (generator.random(world.sites) < chance).astype(float)
        age = 2.0 ** ((np.concatenate(when) - quarter) / world.half_life)
        past = np.concatenate(seen)
        offset, slopes = fit_logistic(X[past], np.concatenate(outcome), 1.0, age)
        score = expit(offset + X @ slopes)
        draws = round(share * count)
        picked, pi = lottery(score, draws, int(generator.integers(2**31)), world.uniform)
        visited, certain = _fill(score, picked if draws else picked[:0], count)
        y = actual[visited]
        found += float(y.sum())
        truth = float(actual.mean())
        errors.append(abs(naive(y).rate - truth) / truth)
        if draws and (~certain).sum() >= 2:
            rate = estimate(y, pi[visited], certain, {"all": world.sites})
            design_errors.append(abs(rate.rate - truth) / truth)
            covered.append(rate.low <= truth <= rate.high)
        seen.append(visited)
        outcome.append(y)
        when.append(np.full(len(visited), float(quarter)))
    return {
        "found": found,
        "naive_error": float(np.mean(errors)),
        "design_error": float(np.mean(design_errors)) if design_errors else None,
        "covered": float(np.mean(covered)) if covered else None,
    }


def _fill(score: Array, drawn: Array, count: int) -> tuple[Array, Array]:
    """Visited sites and which of them were certain.

    The rest of the capacity goes down the list. Whoever stands above the last one picked would
    have been visited anyway, drawn or not: certain.
    """
    free = np.ones(len(score), dtype=bool)
    free[drawn] = False
    order = np.argsort(-score, kind="stable")
    picks = order[free[order]][: count - len(drawn)]
    visited = np.concatenate([drawn, picks])
    last = score[picks[-1]] if len(picks) else np.inf
    return visited, score[visited] >= last


def table(
    world: World | None = None,
    shares: tuple[float, ...] = (0.0, 0.02, 0.05, 0.1, 0.2, 1.0),
    seeds: int = 5,
    first_seed: int = 1,
) -> dict[str, Any]:
    """One row per share: violations found, error of both estimators (relative, mean), coverage."""
    world = world or World()
    rows = []
    for share in shares:
        runs = [run(world, share, first_seed + k) for k in range(seeds)]
        row: dict[str, Any] = {"share": share}
        for key in ("found", "naive_error", "design_error", "covered"):
            values = [r[key] for r in runs if r[key] is not None]
            row[key] = float(np.mean(values)) if values else None
        row["found_se"] = float(np.std([r["found"] for r in runs]) / np.sqrt(max(seeds - 1, 1)))
        rows.append(row)
    return {"world": asdict(world), "seeds": seeds, "first_seed": first_seed, "rows": rows}
