"""The stored files as an authority would hand them over: one row a visit, site or statement.

Columns of several stored files are joined here; nothing is computed from other visits. ``told_on``
is the day of a visit itself: its result may be used from the next day on.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from risk.yardsticks import chicago, common, oslo, san_francisco

Array = NDArray[Any]
Columns = dict[str, Array]


@dataclass(frozen=True)
class Part:
    """Rows for one mapping and one authority of ``reference/yardsticks.yaml``.

    ``day``: when each row of visits was made; None: all rows are there from the beginning.
    """

    mapping: str
    kind: str
    authority: str
    columns: Columns
    day: Array | None = None
    shared: bool = False

    def some(self, rows: Array) -> "Part":
        return Part(
            self.mapping, self.kind, self.authority,
            {name: values[rows] for name, values in self.columns.items()},
            None if self.day is None else self.day[rows], self.shared,
        )  # fmt: skip

    def write(self, path: Path) -> Path:
        pq.write_table(pa.table(self.columns), path)
        return path


@dataclass(frozen=True)
class City:
    """All parts; ``first`` and ``last`` day of the test, ``groups`` who visited (key → number)."""

    parts: list[Part]
    first: int
    last: int
    groups: dict[str, int]


def dates(days: Array) -> Array:
    """Days since 1970 as dates."""
    return np.asarray(days).astype("datetime64[D]")


def as_date(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(day))


def _texts(values: Array) -> Array:
    """Codes as text, empty where there is none; whole numbers without their ``.0``."""
    plain = [
        "" if v is None or v != v else str(int(v)) if isinstance(v, float) else str(v)
        for v in values.tolist()
    ]
    return np.array(plain, dtype=object)


def of_san_francisco(folder: Path) -> City:
    raw = common.read(folder, "inspections.parquet")
    places = common.read(folder, "businesses.parquet")
    violations = common.read(folder, "violations.parquet")
    day = raw["date"].astype(np.int64)
    code = raw["business_id"].astype(np.int64) * 100_000 + day
    when = violations["business_id"].astype(np.int64) * 100_000 + violations["date"]
    kinds, place = np.unique(when, return_inverse=True)
    text = [str(d).split("[")[0] for d in violations["description"]]
    counts = {"violations": np.ones(len(text))} | {
        name: np.array([any(w in t for w in words) for t in text], dtype=float)
        for name, words in san_francisco.WORDS.items()
    }
    at = np.minimum(np.searchsorted(kinds, code), len(kinds) - 1)
    found = kinds[at] == code
    visits = {
        "key": np.array([f"{b}|{d}" for b, d in zip(raw["business_id"], day, strict=True)]),
        "business_id": raw["business_id"], "date": dates(day), "told_on": dates(day),
        "type": raw["type"], "score": raw["score"].astype(np.int64),
    } | {
        name: np.where(found, np.bincount(place, values)[at], 0).astype(np.int64)
        for name, values in counts.items()
    }  # fmt: skip
    places["postal_code"] = _texts(places["postal_code"])
    return City(
        [Part("yard-sf", "sites", "YARD_SF", places),
         Part("yard-sf-visits", "visits", "YARD_SF", visits, day)],
        int(np.floor(np.quantile(day, 0.75))) + 1, int(day.max()), {},
    )  # fmt: skip


def of_oslo(folder: Path) -> City:
    """Ordinary visits belong to each of five authorities by its grade; a sixth shares follow-ups."""
    raw = common.read(folder, "inspections.parquet")
    day = raw["date"].astype(np.int64)
    ordinary = raw["visit_type"].astype(int) == 0
    visits = {name: values for name, values in raw.items() if name != "postcode"}
    visits |= {"date": dates(day), "told_on": dates(day)}
    for name in oslo.THEMES.values():
        visits[name] = np.nan_to_num(raw[name].astype(float)).astype(np.int64)
    sites = {"site_id": raw["site_id"], "postcode": _texts(raw["postcode"].astype(float))}
    owners = {"YARD_OSLO": "total"} | {
        f"YARD_OSLO_{k}": theme for k, theme in enumerate(oslo.THEMES, start=1)
    }
    whole = Part("", "visits", "", visits, day)
    parts = [Part("yard-oslo", "sites", "YARD_OSLO", sites)]
    for code, theme in owners.items():
        rows = whole.some(np.flatnonzero(ordinary))
        parts.append(Part(f"yard-oslo-{theme}-visits", "visits", code, rows.columns, rows.day))
    rows = whole.some(np.flatnonzero(~ordinary))
    parts.append(
        Part("yard-oslo-total-visits", "visits", "YARD_OSLO_F", rows.columns, rows.day, True)
    )
    first = int(np.floor(np.quantile(day[ordinary], 0.75))) + 1
    return City(parts, first, int(day[ordinary].max()), {})


def of_chicago(folder: Path) -> City:
    """Visits of the published table, and those of the same kind made before its test began.

    The latter have no inspector group on record (the published table leaves them out), but their
    results were known: most of them are of the months just before the test.
    """
    wide, table, rows = chicago.rows_known(folder)
    day = wide["Inspection_Date"][rows].astype(np.int64)
    licence = wide["License"][rows].astype(np.int64)
    numbers = {
        short: wide[name][rows].astype(np.int64)
        for short, name in (("critical", "criticalCount"), ("serious", "seriousCount"),
                            ("minor", "minorCount"), ("fail", "fail_flag"))
    }  # fmt: skip
    visits = {
        "inspection": wide["Inspection_ID"][rows], "licence": licence, "date": dates(day),
        "told_on": dates(day), "kind": wide["Inspection_Type"][rows],
    } | numbers  # fmt: skip
    _, first = np.unique(licence, return_index=True)
    sites = {
        "licence": licence[first], "zip": _texts(wide["Zip"][rows][first]),
        "latitude": wide["Latitude"][rows][first], "longitude": wide["Longitude"][rows][first],
        "opened_on": dates(wide["minDate"][rows][first].astype(float).astype(np.int64)),
    }  # fmt: skip
    owner = "YARD_CHICAGO"
    groups = {
        str(k): n
        for k, n in zip(
            wide["Inspection_ID"][rows].tolist(), chicago.inspector_groups(wide, rows), strict=True
        )
    }
    tested = day[chicago.in_test(wide, table, rows)]
    return City(
        [Part("yard-chicago", "sites", owner, sites),
         Part("yard-chicago-licences", "facts", owner, _licences(wide, rows, day)),
         Part("yard-chicago-log", "facts", owner, _log(folder, licence)),
         Part("yard-chicago-visits", "visits", owner, visits, day)],
        int(tested.min()), int(tested.max()), groups,
    )  # fmt: skip


LICENCE = {
    "tobacco": "tobacco", "consumption": "consumption_on_premises_incidental_activity",
    "package_goods": "package_goods", "limited": "limited_business_license",
    "patio": "outdoor_patio", "amusement": "public_place_of_amusement",
    "children": "childrens_services_facility_license", "tavern": "tavern",
    "regulated": "regulated_business_license", "filling": "filling_station",
    "caterers": "caterers_liquor_license", "mobile": "mobile_food_license",
}  # fmt: skip
NEARBY = {"burglary": "heat_burglary", "sanitation": "heat_sanitation", "garbage": "heat_garbage"}


def _licences(wide: Columns, rows: Array, day: Array) -> Columns:
    """What the licence register and the maps of complaints said on the day before each visit."""
    return {
        "inspection": wide["Inspection_ID"][rows], "licence": wide["License"][rows],
        "told_on": dates(day - 1), "risk": np.array([int(r[5]) for r in wide["Risk"][rows]]),
        "facility": wide["Facility_Type"][rows],
    } | {short: wide[name][rows] for short, name in (LICENCE | NEARBY).items()}  # fmt: skip


def _log(folder: Path, licences: Array) -> Columns:
    log = common.read(folder, "inspection_log_all_types.parquet")
    licence = np.array([int(x) if str(x).isdigit() else -1 for x in log["License"]])
    known = np.flatnonzero(np.isin(licence, licences))
    return {
        "number": known, "licence": licence[known], "date": dates(log["Inspection_Date"][known]),
        "purpose": log["Inspection_Purpose"][known],
    }  # fmt: skip


CITIES = {
    "chicago": (chicago.FOLDER, of_chicago),
    "san_francisco": (san_francisco.FOLDER, of_san_francisco),
    "oslo": (oslo.FOLDER, of_oslo),
}
