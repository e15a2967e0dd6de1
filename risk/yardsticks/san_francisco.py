"""San Francisco restaurants 2015–2018: a routine score of 85 or less, test from 27 July 2017."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.yardsticks import common
from risk.yardsticks.common import FINE, Candidate, Features, Task
from risk.yardsticks.history import History, Neighbourhood

Array = NDArray[Any]
FOLDER = "sf-restaurant-inspections"
LIMIT, RATE, MEAN = 85, 0.22, 90.0
KINDS = 40
WORDS = {"high": ("High risk", "Contaminated", "Unclean hands", "No hot water", "Sewage"),
         "vermin": ("vermin",), "temperature": ("temperature", "cooling", "thawing", "reheating"),
         "cleaning": ("Unclean", "cleaned", "sanit"), "knowledge": ("knowledge", "card")}  # fmt: skip


def _violations(folder: Path, origin: int) -> tuple[Array, Array, dict[str, Array]]:
    """One event per violation: place, day and kind. The date of correction is cut off: it was
    written after the visit.
    """
    raw = common.read(folder, "violations.parquet")
    text = np.array([str(d).split("[")[0].strip() for d in raw["description"]])
    kinds, counts = np.unique(text, return_counts=True)
    common_kinds = kinds[np.argsort(-counts, kind="stable")[:KINDS]]
    values = {f"kind {k}": (text == k).astype(float) for k in common_kinds}
    for name, words in WORDS.items():
        values[name] = np.array([any(w in t for w in words) for t in text], dtype=float)
    return raw["business_id"].astype(np.int64), raw["date"].astype(np.int64) - origin, values


def _places(folder: Path, business: Array) -> dict[str, Array]:
    raw = common.read(folder, "businesses.parquet")
    order = np.argsort(raw["business_id"], kind="stable")
    at = order[np.searchsorted(raw["business_id"][order], business)]
    codes = np.unique(np.array([str(c) for c in raw["postal_code"]]), return_inverse=True)[1]
    return {
        "postcode": codes[at],
        "latitude": raw["latitude"][at].astype(float),
        "longitude": raw["longitude"][at].astype(float),
    }


def task(folder: Path) -> Task:
    """Every scored visit with what was known the day before."""
    raw = common.read(folder, "inspections.parquet")
    origin = int(raw["date"].min()) - 1
    entity, day = raw["business_id"].astype(np.int64), raw["date"].astype(np.int64) - origin
    low = raw["score"].astype(float)
    y = (low <= LIMIT).astype(float)
    places = _places(folder, entity)
    past = History(entity, day, {"score": low, "found": y, "lost": 100 - low, "day": day})
    f = Features()
    f.add("six", "last", past.last(entity, day, "score"))
    f.add("six", "last_but_one", past.last(entity, day, "score", 2))
    f.add("six", "hit_rate", past.rate(entity, day, "found", RATE))
    f.add("six", "visits", past.total(entity, day))
    f.add("six", "gap", past.since(entity, day))
    f.add("six", "first", past.total(entity, day) == 0)
    f.add("scores", "mean_score", past.rate(entity, day, "score", MEAN, 1))
    f.add("scores", "fading_score", past.rate(entity, day, "lost", 10, 0.5, 365))
    f.add("scores", "third_last", past.last(entity, day, "score", 3))
    f.add("scores", "trend", past.last(entity, day, "score") - past.last(entity, day, "score", 2))
    f.add("gaps", "gap_before", past.since(entity, day, 2) - past.since(entity, day))
    f.add("gaps", "known_for", past.first(entity, day))
    f.add("register", "number", entity)
    where, when, values = _violations(folder, origin)
    seen = History(where, when, values)
    last = np.nan_to_num(seen.since(entity, day), nan=0).astype(int)
    f.add("violations", "number_fading", seen.fading(entity, day, "1", 365))
    for name in WORDS:
        f.add("violations", f"{name}_fading", seen.fading(entity, day, name, 365))
        f.add("violations", f"{name}_last", seen.total(entity, day, name, 1) * 0
              + seen.total(entity, day, name) - seen.total(entity, day - last, name))  # fmt: skip
    f.add("violations", "number_last", seen.total(entity, day) - seen.total(entity, day - last))
    for name in values:
        if name.startswith("kind "):
            f.add("kinds", name, seen.fading(entity, day, name, 365))
    code = places["postcode"]
    area = History(code, day, {"found": y, "lost": 100 - low})
    f.add("area", "postcode_rate", area.rate(code, day, "found", RATE, 20, 365))
    f.add("area", "postcode_lost", area.rate(code, day, "lost", 10, 20, 365))
    near = Neighbourhood(
        places["latitude"], places["longitude"], day, {"found": y, "lost": 100 - low}, 0.002, 1.26
    )
    spot = (places["latitude"], places["longitude"], day)
    count = near.fading(*spot, "1", 365)
    f.add("area", "near_rate", (near.fading(*spot, "found", 365) + 5 * RATE) / (count + 5))
    f.add("area", "near_lost", (near.fading(*spot, "lost", 365) + 5 * 10) / (count + 5))
    cut = np.quantile(day, 0.75)
    spans = common.months("2016-05", 7, 2)
    spans = [common.Window(s.start - origin, s.end - origin) for s in spans]
    return Task(
        f, y, day, day > cut, day <= cut, spans,
        last=100 - past.last(entity, day, "score"), known_from=past.last(entity, day, "day"),
    )  # fmt: skip


S = ("six", "scores", "gaps")
SETS = [
    ("six",), S, (*S, "violations"), (*S, "violations", "kinds"), (*S, "area"), (*S, "register"),
    (*S, "violations", "area", "register"), (*S, "violations", "kinds", "area", "register"),
]  # fmt: skip


def candidates() -> list[Candidate]:
    """Feature sets with logistic steps, then the fuller sets with every kind of model."""
    found = [Candidate(s, "binned", (("penalty", 5.0),)) for s in SETS]
    for groups in SETS[-2:]:
        found += [
            Candidate(groups, "binned", (("penalty", 20.0),)),
            Candidate(groups, "binned", (("penalty", 60.0),)),
            Candidate(groups, "logistic"),
            Candidate(groups, "logistic", (("penalty", 100.0),)),
            Candidate(groups, "points"),
            Candidate(groups, "points", FINE),
            Candidate(groups, "ebm", (("rounds", 1000), ("bags", 4))),
            Candidate(groups, "trees", (("rounds", 150),)),
        ]
    return found


def run(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything for San Francisco; raises ``Absent`` when a file is not there."""
    work = task(data / FOLDER)
    say(f"base rate of the test {work.y[work.test].mean():.3f}, {work.test.sum()} visits")
    chosen, proof = common.choose(work, candidates(), say=say)
    six = common.measure(work, candidates()[0])
    test = common.measure(work, chosen)
    say("  six features, test:")
    for line in common.lines(six):
        say("  " + line)
    say("  chosen, test, once:")
    for line in common.lines(test):
        say("  " + line)
    bars = [
        common.bar("AUC", 0.779, test["auc"][0]),
        common.bar("lift at 10 %", 2.9, test["lift"][0]),
    ]
    for line in common.bar_lines(bars):
        say(line)
    return {
        "name": "San Francisco", "proof": proof, "chosen": chosen.name, "six": six,
        "rolling": common.rolling_intervals(work, chosen),
        "test": test, "bars": bars,
    }  # fmt: skip
