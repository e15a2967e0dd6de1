"""Oslo, the food authority's grades 2016–2022: four themes at one site, as if four authorities."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.learning import metrics
from risk.yardsticks import common
from risk.yardsticks.common import FINE, Candidate, Features, Task
from risk.yardsticks.history import History

Array = NDArray[Any]
FOLDER = "norway-smiley-oslo"
POOR, RATE = 2, 0.37
THEMES = {
    "routines": "g_routines_management",
    "premises": "g_premises_equipment",
    "handling": "g_food_handling",
    "labelling": "g_labelling_traceability",
}


def tasks(folder: Path) -> dict[str, Task]:
    """Ordinary visits with what was known the day before; one task per outcome."""
    raw = common.read(folder, "inspections.parquet")
    origin = int(raw["date"].min()) - 1
    site, when = raw["site_id"].astype(np.int64), raw["date"].astype(np.int64) - origin
    follow_up = raw["visit_type"].astype(float)
    grades = {"total": raw["total_grade"].astype(float)}
    grades |= {k: np.nan_to_num(raw[v].astype(float)) for k, v in THEMES.items()}
    poor = {f"poor_{k}": (g >= POOR).astype(float) for k, g in grades.items()}
    events: dict[str, Array] = {"follow_up": follow_up, "day": when, **grades, **poor}
    events["themes_poor"] = np.sum([poor[f"poor_{k}"] for k in THEMES], axis=0)
    everything = History(site, when, events)
    plain = follow_up == 0
    ordinary = History(site[plain], when[plain], {k: v[plain] for k, v in events.items()})
    entity, day = site[plain], when[plain]
    postcode = np.nan_to_num(raw["postcode"].astype(float)).astype(np.int64)[plain]
    marks = {k: v[plain] for k, v in (poor | grades).items()}
    areas = {n: (postcode // n, History(postcode // n, day, marks)) for n in (1, 10, 100)}
    spans = common.months("2018-01", 8, 6)
    spans = [common.Window(s.start - origin, s.end - origin) for s in spans]
    cut = np.quantile(day, 0.75)
    found = {}
    for outcome in grades:
        features = _features(everything, ordinary, entity, day, outcome)
        for size, (code, past) in areas.items():
            for half_life in (365, 1095):
                rate = past.rate(code, day, f"poor_{outcome}", RATE, 10, half_life)
                group = "district" if (size, half_life) == (10, 1095) else "districts"
                features.add(group, f"area_{size}_{half_life}", rate)
        found[outcome] = Task(
            features, poor[f"poor_{outcome}"][plain], day, day > cut, day <= cut, spans,
            last=ordinary.last(entity, day, outcome),
            known_from=everything.last(entity, day, "day"),
        )  # fmt: skip
    return found


def _features(
    everything: History, ordinary: History, entity: Array, day: Array, outcome: str
) -> Features:
    f = Features()
    f.add("six", "last", everything.last(entity, day, outcome))
    f.add("six", "last_but_one", everything.last(entity, day, outcome, 2))
    f.add("six", "hit_rate", everything.rate(entity, day, f"poor_{outcome}", RATE))
    f.add("six", "visits", everything.total(entity, day))
    f.add("six", "gap", everything.since(entity, day))
    f.add("six", "first", everything.total(entity, day) == 0)
    f.add("ordinary", "last_ordinary", ordinary.last(entity, day, outcome))
    f.add("ordinary", "last_but_one_ordinary", ordinary.last(entity, day, outcome, 2))
    f.add("ordinary", "ordinary_rate", ordinary.rate(entity, day, f"poor_{outcome}", RATE))
    fading = ordinary.rate(entity, day, f"poor_{outcome}", RATE, 1, 730)
    f.add("ordinary", "ordinary_rate_fading", fading)
    f.add("ordinary", "mean_grade", ordinary.rate(entity, day, outcome, 0.9, 1, 730))
    f.add("ordinary", "ordinary_visits", ordinary.total(entity, day))
    f.add("ordinary", "ordinary_gap", ordinary.since(entity, day))
    f.add("follow-ups", "follow_ups_fading", everything.fading(entity, day, "follow_up", 730))
    f.add("follow-ups", "last_was_follow_up", everything.last(entity, day, "follow_up"))
    f.add("follow-ups", "known_for", everything.first(entity, day))
    f.add("themes", "themes_fading", ordinary.rate(entity, day, "themes_poor", 1.0, 1, 730))
    f.add("themes", "themes_last", ordinary.last(entity, day, "themes_poor"))
    for theme in THEMES:
        f.add("themes", f"{theme}_rate", ordinary.rate(entity, day, theme, 0.8, 1, 730))
    return f


SETS = [
    ("six",), ("six", "ordinary"), ("ordinary",), ("ordinary", "follow-ups"),
    ("six", "ordinary", "themes"), ("ordinary", "themes"), ("six", "ordinary", "district"),
    ("six", "ordinary", "follow-ups", "themes", "district"),
    ("six", "ordinary", "district", "districts"), ("six", "ordinary", "themes", "district", "districts"),
]  # fmt: skip


def candidates() -> list[Candidate]:
    """Few rows: strong penalties, few bins."""
    found = [Candidate(s, "logistic", (("penalty", 50.0),)) for s in SETS]
    for groups in (SETS[1], SETS[4], SETS[7], SETS[9]):
        found += [
            Candidate(groups, "logistic", (("half_life", 730.0), ("penalty", 50.0))),
            Candidate(groups, "binned", (("penalty", 20.0), ("quantiles", 4))),
            Candidate(groups, "points", (("penalty", 20.0), ("quantiles", 4))),
            Candidate(groups, "points", FINE),
            Candidate(groups, "ebm", (("rounds", 400), ("bags", 4), ("bins", 16))),
            Candidate(groups, "trees", (("leaves", 6), ("rounds", 80))),
        ]
    return found


def run(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything for Oslo; raises ``Absent`` when the file is not there."""
    works = tasks(data / FOLDER)
    total = works["total"]
    say(f"base rate of the test {total.y[total.test].mean():.3f}, {total.test.sum()} visits")
    chosen, proof = common.choose(total, candidates(), say=say)
    six = common.measure(total, candidates()[0])
    test = common.measure(total, chosen)
    for title, found in (("six features, test:", six), ("chosen, test, once:", test)):
        say("  " + title)
        for line in common.lines(found):
            say("  " + line)
    bars = [
        common.bar("AUC", 0.641, test["auc"][0]),
        common.bar("lift at 10 %", 1.68, test["lift"][0]),
    ]
    for line in common.bar_lines(bars):
        say(line)
    themes = {name: common.measure(works[name], chosen) for name in THEMES}
    say("  four themes side by side (same kind of model, own outcome):")
    for name, found in themes.items():
        work = works[name]
        found["rate"] = float(work.y[work.test].mean())
        say(
            f"    {name:10s} rate {found['rate']:.3f}  AUC {found['auc'][0]:.3f} "
            f"({found['auc'][1]:.3f} to {found['auc'][2]:.3f})  lift {found['lift'][0]:.2f}"
        )
    overlap = side_by_side(works, chosen)
    say(f"  overlap of the four top tenths: {overlap}")
    return {
        "name": "Oslo", "proof": proof, "chosen": chosen.name, "six": six,
        "rolling": common.rolling_intervals(total, chosen), "test": test,
        "bars": bars, "themes": themes, "overlap": overlap,
    }  # fmt: skip


def side_by_side(works: dict[str, Task], candidate: Candidate) -> dict[str, float]:
    """Rank correlation of the themes' scores, and how much of the top tenths two share."""
    scores = {}
    for name in THEMES:
        work = replace(works[name])
        names = work.features.names(candidate.groups)
        X = work.features.matrix(names)
        model = candidate.maker(names)()
        model.fit(X[work.train], work.y[work.train], None, work.day[work.train])
        scores[name] = model.score(X[work.test])
    pairs = [(a, b) for k, a in enumerate(THEMES) for b in list(THEMES)[k + 1 :]]
    shared = []
    for a, b in pairs:
        count = metrics.capacity(len(scores[a]), 0.1)
        tops = [set(np.argsort(-scores[x], kind="stable")[:count].tolist()) for x in (a, b)]
        shared.append(len(tops[0] & tops[1]) / count)
    correlation = [float(metrics.rank_correlation(scores[a], scores[b])) for a, b in pairs]
    return {"rank_correlation": float(np.mean(correlation)), "shared_top": float(np.mean(shared))}
