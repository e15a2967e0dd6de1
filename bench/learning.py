"""``python -m bench.learning``: how fast models score, and what a lottery buys.

Baseline of the times: one pass of a plain dot product over the same rows. ``ROWS`` and ``SEEDS``
change the sizes.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from risk.learning.ebm import Boosted
from risk.learning.logistic import Logistic
from risk.learning.points import Points
from risk.learning.simulate import World, table

ROWS = int(os.environ.get("ROWS", "1000000"))
SEEDS = int(os.environ.get("SEEDS", "10"))
FEATURES = 12


def seconds(call: Callable[[], Any]) -> float:
    """Best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def scoring() -> list[dict[str, Any]]:
    """Seconds for probabilities, and for contributions, of every model."""
    g = np.random.default_rng(1)
    X = g.normal(size=(ROWS, FEATURES))
    train = slice(0, 20_000)
    y = (g.random(20_000) < 1 / (1 + np.exp(2 - X[train, :3].sum(1)))).astype(float)
    names = [f"f{k}" for k in range(FEATURES)]
    plain = seconds(lambda: X @ np.ones(FEATURES))
    rows = []
    for name, model in (
        ("points", Points(names)),
        ("logistic", Logistic(names)),
        ("logistic, binned", Logistic(names, binned=True)),
        ("ebm", Boosted(names, rounds=400, bags=2)),
    ):
        start = time.perf_counter()
        model.fit(X[train], y)
        row = {
            "model": name,
            "fit": time.perf_counter() - start,
            "predict": seconds(lambda m=model: m.predict(X)),
            "contributions": seconds(lambda m=model: m.contributions(X)),
        }
        rows.append(row | {"to_plain": row["predict"] / plain})
    return rows


def main() -> None:
    result = {
        "rows": ROWS,
        "scoring": scoring(),
        "uniform": table(World(uniform=1.0), seeds=SEEDS),
        "half_by_risk": table(World(uniform=0.5), shares=(0.05, 0.1, 0.2), seeds=SEEDS),
    }
    for row in result["scoring"]:
        print(row)
    for part in ("uniform", "half_by_risk"):
        for row in result[part]["rows"]:
            print(part, row)
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "learning.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
