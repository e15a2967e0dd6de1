"""Chicago food inspections 2011–2014: the published protocol, and bars without the inspector.

Three families of candidates are kept apart. *Neutral* ones know nothing that stands for the
inspector, and inspectors take part in the fit as a nuisance. *Plain* ones just leave the inspector
out, which lets features that go with an inspector's district speak for him. *Territory* ones also
know raw hit rates of the neighbourhood, which look strong because inspectors have districts: they
rank the inspector through the back door.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.learning import metrics
from risk.learning.solver import fit_logistic
from risk.yardsticks import common
from risk.yardsticks.common import FINE, Candidate, Features, Task
from risk.yardsticks.history import History, Neighbourhood
from risk.yardsticks.level import followed

Array = NDArray[Any]
FOLDER = "chicago-food-inspections"
RATE = 0.14
WINDOWS = 12  # of two months, all before the test; the bar of days is of the first nine
PUBLISHED = (
    "pastSerious", "pastCritical", "timeSinceLast", "ageAtInspection",
    "consumption_on_premises_incidental_activity", "tobacco_retail_over_counter",
    "heat_burglary", "heat_sanitation", "heat_garbage",
)  # fmt: skip
CACHED = (
    "pastFail", "pastMinor", "firstRecord", "package_goods", "limited_business_license",
    "outdoor_patio", "public_place_of_amusement", "childrens_services_facility_license", "tavern",
    "regulated_business_license", "filling_station", "caterers_liquor_license",
    "mobile_food_license",
)  # fmt: skip
CAPS = {"pastSerious": 1, "pastCritical": 1, "heat_burglary": 70, "heat_sanitation": 70,
        "heat_garbage": 50}  # fmt: skip
PURPOSES = {
    "complaints": ("Complaint", "Poison"),
    "re_inspections": ("Re-",),
    "licence_visits": ("License",),
    "tags": ("Tag",),
}


def harness(table: dict[str, Array]) -> dict[str, Any]:
    """The published model, inspector included, with its own cuts: 7.43 days and 69.0 %."""
    columns = [np.minimum(table[n], CAPS.get(n, np.inf)).astype(float) for n in PUBLISHED]
    columns[PUBLISHED.index("ageAtInspection")] = (table["ageAtInspection"] > 4).astype(float)
    columns.append(table["temperatureMax"].astype(float))
    X, test = np.column_stack(columns), table["Test"].astype(bool)
    X = (X - X[~test].mean(0)) / X[~test].std(0)
    groups = np.unique(table["Inspector_Assigned"].astype(str), return_inverse=True)[1]
    inspector = np.eye(groups.max() + 1)[groups]
    y, day = table["criticalFound"].astype(float), table["Inspection_Date"].astype(float)
    result = {}
    for name, A in (
        ("published with inspector", np.hstack([X, inspector])),
        ("inspector alone", inspector),
        ("published without inspector", X),
    ):
        _, slopes = fit_logistic(A[~test], y[~test], 1.0)
        score = A[test] @ slopes
        result[name] = {
            "days_earlier": float(metrics.days_earlier(y[test], score, day[test])),
            "first_half": float(metrics.first_half(y[test], score, day[test])),
            "auc": float(metrics.auc(y[test], score)),
            "inspector_adjusted_days": float(
                metrics.days_earlier(y[test], score, day[test], groups[test])
            ),
        }
    return result


# Columns of the wide file that have another name there.
WIDE = {"tobacco_retail_over_counter": "tobacco"}
KIND = "Retail Food Establishment"  # the published table holds these only


def rows_known(folder: Path) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """Wide file, published table, and which rows of the former count.

    Those of the published table, and all of its kind made before its test began: the table leaves
    out visits without an inspector group on record, most of them of the four and a half months
    before the test. Their results were known all the same.
    """
    wide = common.read(folder, "canvass_inspections_features.parquet")
    table = common.read(folder, "model_table.parquet")
    start = table["Inspection_Date"][table["Test"].astype(bool)].min()
    listed = np.isin(wide["Inspection_ID"], table["Inspection_ID"])
    kind = np.array([str(x) == KIND for x in wide["LICENSE_DESCRIPTION"]])
    return wide, table, np.flatnonzero(listed | (kind & (wide["Inspection_Date"] < start)))


def in_test(wide: dict[str, Array], table: dict[str, Array], rows: Array) -> Array:
    tested = table["Inspection_ID"][table["Test"].astype(bool)]
    return np.isin(wide["Inspection_ID"][rows], tested)


def inspector_groups(wide: dict[str, Array], rows: Array) -> Array:
    """Number of the inspector group; those without one are a group of their own."""
    names = np.array([str(c) for c in wide["inspector_cluster"][rows]])
    return np.unique(names, return_inverse=True)[1]


def _visits(folder: Path) -> dict[str, Array]:
    """All canvass visits with what each found, and how far that was from the inspector's habit."""
    wide = common.read(folder, "canvass_inspections_features.parquet")
    matrix = common.read(folder, "violation_matrix.parquet")
    order = np.argsort(matrix["Inspection_ID"], kind="stable")
    place = order[np.searchsorted(matrix["Inspection_ID"][order], wide["Inspection_ID"])]
    numbers = [n for n in matrix if n != "Inspection_ID"]
    visits = {"kinds": np.sum([matrix[n][place] > 0 for n in numbers], axis=0)}
    for name in ("License", "Inspection_ID"):
        visits[name] = wide[name].astype(np.int64)
    visits["day"] = wide["Inspection_Date"].astype(np.int64)
    for short, name in (("critical", "criticalCount"), ("serious", "seriousCount"),
                        ("minor", "minorCount"), ("fail", "fail_flag"),
                        ("latitude", "Latitude"), ("longitude", "Longitude")):  # fmt: skip
        visits[short] = wide[name].astype(float)
    visits["found"] = (visits["critical"] > 0).astype(float)
    visits["risk"] = np.array([float(r[5]) for r in wide["Risk"]])
    visits["kind"] = np.unique(
        np.array([str(k) for k in wide["Facility_Type"]]), return_inverse=True
    )[1]
    clusters = np.array([str(c) for c in wide["inspector_cluster"]])
    code = np.unique(clusters, return_inverse=True)[1]
    habits = History(code, visits["day"], {k: visits[k] for k in ("found", "serious", "minor")})
    named = ~np.isin(clusters, ("None", "nan"))
    for name, level in (("found", RATE), ("serious", 0.5), ("minor", 3.0)):
        usual = habits.rate(code, visits["day"], name, level, 20, half_life=365)
        visits[f"{name}_habit"] = np.where(named, usual, level)
        visits[f"{name}_beyond"] = visits[name] - visits[f"{name}_habit"]
    return visits


def _own(features: Features, visits: dict[str, Array], entity: Array, day: Array) -> None:
    """The site's own past visits."""
    past = History(visits["License"], visits["day"], visits)
    for name in ("critical", "serious", "minor", "fail"):
        features.add("own sums", f"{name}_fading", past.fading(entity, day, name, 365))
    features.add("own sums", "visits", past.total(entity, day))
    for name in ("critical", "serious", "minor", "fail", "1"):
        features.add("own pace", f"{name}_pace", past.pace(entity, day, name, 365))
    features.add("own habits", "hit_rate", past.rate(entity, day, "found", RATE))
    gap = past.since(entity, day)
    features.add("own habits", "log_gap", np.log1p(np.nan_to_num(gap, nan=730)))
    for name in ("found", "serious", "minor"):
        beyond = past.rate(entity, day, f"{name}_beyond", 0, 2, half_life=730)
        features.add("own habits", f"{name}_beyond_habit", beyond)
    features.add("kinds of violation", "kinds_fading", past.fading(entity, day, "kinds", 365))
    features.add("kinds of violation", "last_kinds", past.last(entity, day, "kinds"))
    features.add("kinds of violation", "second_last_minor", past.last(entity, day, "minor", 2))


def _log(features: Features, folder: Path, entity: Array, day: Array) -> None:
    """Visits of every purpose. The log is silent for months, so its clock counts logged days."""
    log = common.read(folder, "inspection_log_all_types.parquet")
    licence = np.array([int(x) if str(x).isdigit() else -1 for x in log["License"]])
    when = log["Inspection_Date"].astype(np.int64)
    days = np.unique(when)
    purpose = log["Inspection_Purpose"].astype(str)
    values = {
        name: np.array([any(w in p for w in words) for p in purpose], dtype=float)
        for name, words in PURPOSES.items()
    }
    events = History(licence, np.searchsorted(days, when), values)
    clock = np.searchsorted(days, day)
    for name in PURPOSES:
        features.add("visit log", f"log_{name}", events.fading(entity, clock, name, 250))
    features.add("visit log", "log_all", events.fading(entity, clock, "1", 250))
    for name in ("complaints", "re_inspections", "licence_visits"):
        some = values[name] > 0
        gone = np.nan_to_num(History(licence[some], when[some], {}).since(entity, day), nan=1500)
        features.add("log, days since", f"log_days_since_{name}", np.log1p(gone))
    since = np.nan_to_num(events.since(entity, clock), nan=999)
    features.add("visited lately", "log_lately", since < 40)


def _around(
    features: Features, visits: dict[str, Array], folder: Path, place: tuple[Array, Array],
    day: Array,
) -> None:  # fmt: skip
    """Complaints and past results near the site."""
    complaints = common.read(folder, "sanitation_complaints.parquet")
    when = np.array([common.day_number(str(d)[:10]) for d in complaints["Creation_Date"]])
    real = when >= common.day_number("2010-01-01")
    for size, half_life in ((0.003, 90), (0.003, 365), (0.01, 60)):
        near = Neighbourhood(
            complaints["Latitude"][real], complaints["Longitude"][real], when[real], {}, size
        )
        found = np.log1p(near.fading(*place, day, "1", half_life))
        features.add("complaints nearby", f"complaints_{size}_{half_life}", found)
    for size, half_life in ((0.004, 365), (0.012, 365), (0.012, 90), (0.03, 180)):
        near = Neighbourhood(visits["latitude"], visits["longitude"], visits["day"], visits, size)
        count = near.fading(*place, day, "1", half_life)
        for name in ("found", "serious", "minor"):
            beyond = near.fading(*place, day, f"{name}_beyond", half_life) / (count + 10)
            features.add("beyond habit nearby", f"{name}_beyond_{size}_{half_life}", beyond)
        for name, level in (("found", RATE), ("serious", 0.5), ("minor", 3.0),
                            ("found_habit", RATE)):  # fmt: skip
            rate = (near.fading(*place, day, name, half_life) + 5 * level) / (count + 5)
            features.add("territory", f"{name}_{size}_{half_life}", rate)


def task(folder: Path) -> Task:
    """Rows with everything that was known the day before."""
    wide, table, rows = rows_known(folder)
    visits = _visits(folder)
    entity, day = wide["License"][rows].astype(np.int64), wide["Inspection_Date"][rows]
    day = day.astype(np.int64)
    features = Features()
    for group, names in (("published", PUBLISHED), ("cached", CACHED)):
        for name in names:
            features.add(group, name, wide[WIDE.get(name, name)][rows])
    kind = wide["Facility_Type"][rows].astype(str)
    features.add("cached", "grocery", kind == "Grocery Store")
    features.add("cached", "restaurant", kind == "Restaurant")
    features.add("cached", "risk_class", visits["risk"][rows])
    age = wide["ageAtInspection"][rows].astype(float)
    features.add("cached", "log_age", np.log(np.clip(age, 0.05, None)))
    _own(features, visits, entity, day)
    _log(features, folder, entity, day)
    _around(features, visits, folder, (visits["latitude"][rows], visits["longitude"][rows]), day)
    industry = History(visits["kind"], visits["day"], visits)
    code = visits["kind"][rows]
    features.add("industry", "industry_beyond", industry.rate(code, day, "found_beyond", 0, 20))
    newest = History(visits["License"], visits["day"], {"day": visits["day"]})
    test = in_test(wide, table, rows)
    return Task(
        features, (wide["criticalCount"][rows] > 0).astype(float), day, test, ~test,
        common.months("2012-09", WINDOWS, 2), group=inspector_groups(wide, rows),
        last=wide["pastCritical"][rows].astype(float), known_from=newest.last(entity, day, "day"),
    )  # fmt: skip


P, C, H, S = "published", "cached", "own habits", "own sums"
L, LATELY, SINCE = "visit log", "visited lately", "log, days since"
N, K = "beyond habit nearby", "kinds of violation"
BASE, FULL = (P, C, H, S), (P, C, H, S, L, LATELY)
PACED = (P, C, H, "own pace", L, LATELY)
PENALTY = (("penalty", 60.0),)


def neutral() -> list[Candidate]:
    """Candidates without anything that stands for the inspector."""
    linear = [
        ((P,), ()), ((P, C), ()), (BASE, ()), (FULL, ()), (PACED, ()), (FULL, PENALTY),
        (PACED, PENALTY), ((*PACED, SINCE), PENALTY), ((*FULL, SINCE), PENALTY),
        ((*PACED, K), PENALTY), ((*PACED, "complaints nearby"), PENALTY),
        ((*PACED, "industry"), PENALTY), (PACED, (("penalty", 200.0),)),
        (PACED, (("half_life", 730.0), *PENALTY)),
    ]  # fmt: skip
    bent = [
        (PACED, "binned", (("penalty", 50.0),)),
        (PACED, "points", (("penalty", 50.0),)),
        (FULL, "points", FINE),
    ]
    return [
        *(Candidate(groups, "logistic", options, True) for groups, options in linear),
        # Of visits without an inspector group on record no habit can be taken off: near them
        # "beyond habit" is the raw rate of the district, and with it the inspector.
        Candidate((*PACED, N), "logistic", PENALTY, True, compared_only=True),
        *(Candidate(groups, kind, options, True) for groups, kind, options in bent),
    ]


def plain() -> list[Candidate]:
    """No inspector anywhere and no hit rates of places, but the fit does not know of inspectors."""
    return [Candidate(g, "logistic", PENALTY) for g in ((P, C), BASE, PACED)]


def territory() -> list[Candidate]:
    """The same with raw hit rates of the neighbourhood, no nuisance in the fit."""
    groups, options = (*FULL, N, "territory"), (("penalty", 200.0),)
    return [
        Candidate(("territory",), "logistic", options),
        Candidate(groups, "logistic", options),
        Candidate(groups, "logistic", options, True, compared_only=True),
    ]


HALF_LIVES = (15.0, 30.0, 60.0, 365.0)


def levels(work: Task, candidate: Candidate) -> tuple[float, dict[str, float]]:
    """The half-life by which the level is followed, chosen on the earlier windows, and the proof.

    Calibration error of five bins, weighed by visits; "as fitted" is the curve of the fit.
    """
    errors: dict[str, list[float]] = {}
    sizes = []
    for span in work.spans:
        train, test = work.day < span.start, (work.day >= span.start) & (work.day < span.end)
        model, X = common.fitted(work, candidate, train)
        score, y = common.log_odds(model, X), work.y[test]
        found = {"as fitted": model.predict(X[test])} | {
            str(half): followed(score, work.y, work.day, np.flatnonzero(test), half)
            for half in HALF_LIVES
        }
        sizes.append(len(y))
        for name, p in found.items():
            errors.setdefault(name, []).append(float(metrics.ece(y, p, bins=5)))
    proof = {name: float(np.average(values, weights=sizes)) for name, values in errors.items()}
    return min(HALF_LIVES, key=lambda half: proof[str(half)]), proof


def _family(work: Task, candidates: list[Candidate], say: Callable[[str], None]) -> dict[str, Any]:
    """Choose on the earlier windows, order and level; then measure the test months once."""
    chosen, proof = common.choose(work, candidates, say=say)
    rows = {row["candidate"]: row for row in proof}
    first = max((r for r in proof if r["eligible"]), key=lambda r: np.mean(r["aucs"][:8]))
    late = {
        "candidate": first["candidate"], "auc": float(np.mean(first["aucs"][8:])),
        "days": float(np.mean(first["days_by_window"][8:])),
    }  # fmt: skip
    say(
        f"  chosen on the first eight windows, seen on the last four: AUC {late['auc']:.3f}, "
        f"{late['days']:+.2f} days ({late['candidate']})"
    )
    half, errors = levels(work, chosen)
    say("  ECE of the windows by level: " + ", ".join(f"{k} {v:.4f}" for k, v in errors.items()))
    test = common.measure(work, chosen, bins=5)
    model, X = common.fitted(work, chosen, work.train)
    p = followed(common.log_odds(model, X), work.y, work.day, np.flatnonzero(work.test), half)
    test["ece_followed"] = common.calibrated(work, p, 5)["ece"]
    say(f"  test months, once (level followed with a half-life of {half:g} days):")
    for line in common.lines(test):
        say("  " + line)
    nine = float(np.mean(rows[chosen.name]["days_by_window"][:9]))
    bars = [
        common.bar("days earlier, test months", 4.7, test["days_earlier"][0]),
        common.bar("AUC, test months", 0.62, test["auc"][0]),
        common.bar("days earlier, mean of nine windows", 5.6, nine),
        common.bar("ECE, test months, 5 bins, as fitted", 0.02, test["ece"][0], at_most=True),
        common.bar("ECE, test months, 5 bins, level followed", 0.02, test["ece_followed"][0],
                   at_most=True),
    ]  # fmt: skip
    for line in common.bar_lines(bars):
        say(line)
    return {
        "rolling": common.rolling_intervals(work, chosen), "proof": proof, "chosen": chosen.name,
        "late": late, "levels": errors, "test": test, "bars": bars,
    }  # fmt: skip


def run(data: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything for Chicago; raises ``Absent`` when a file is not there."""
    folder = data / FOLDER
    check = harness(common.read(folder, "model_table.parquet"))
    published = check["published with inspector"]
    say("Harness, published protocol")
    for name, found in check.items():
        say(
            f"  {name}: {found['days_earlier']:.2f} days, first half {found['first_half']:.3f}, "
            f"AUC {found['auc']:.3f}, inside inspectors {found['inspector_adjusted_days']:+.2f} days"
        )
    work = task(folder)
    result: dict[str, Any] = {"name": "Chicago", "harness": check, "families": {}}
    families = (("neutral", neutral()), ("plain", plain()), ("territory", territory()))
    for family, candidates in families:
        say(f"{family}: {WINDOWS} earlier two-month windows, test months not looked at")
        result["families"][family] = _family(work, candidates, say)
    result["bars"] = [
        common.bar("harness: distance from 7.43 days", 0.1,
                   abs(published["days_earlier"] - 7.43), at_most=True),
        common.bar("harness: distance from 69.0 %, points", 0.2,
                   abs(published["first_half"] * 100 - 69.0), at_most=True),
    ]  # fmt: skip
    for line in common.bar_lines(result["bars"]):
        say(line)
    return result
