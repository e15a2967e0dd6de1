"""By what a model is judged, for backtests and bias audits alike: where, what, how large, whence.

Industry, staff and age of the firm are inputs of the starter models too; they are looked at here
because they are. Posted workers stand for firms whose workers come from abroad, so for nationality:
no starter model has them as an input, and the audit shows when one does.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from risk.engine.asked import midnight
from targets.models import Fact, Signal, SourceType

Array = NDArray[Any]
UNKNOWN = "?"
# Up to how many: code. Sizes of staff and ages of firms in years.
SIZES = ((4, "0-4"), (9, "5-9"), (49, "10-49"), (10**9, "50-"))
AGES = ((2, "0-2"), (5, "3-5"), (10, "6-10"), (10**9, "11-"))
ORIGIN, TIP, DRAW = "origin", "tip", "draw"


@dataclass(frozen=True)
class Judged:
    """What is asked of one visit. ``chosen_on``: when its site was chosen, None where not known."""

    site: int
    company: int | None
    on: dt.date
    chosen_on: dt.date | None
    origin: str
    region: str | None
    industry: str | None
    staff: int | None
    registered_on: dt.date | None


def segments(visits: Sequence[Judged], authority: int) -> dict[str, Array]:
    """Label of each visit by dimension; ``authority`` (id) is the model's owner. Three queries."""
    posting = set(
        Fact.objects.filter(Q(shared=True) | Q(authority=authority))
        .filter(kind="posted_workers", company__isnull=False)
        .values_list("company_id", flat=True)
        .distinct()
    )
    return {
        "region": np.array([v.region or UNKNOWN for v in visits]),
        "industry": np.array([(v.industry or UNKNOWN)[:2] for v in visits]),
        "size": np.array([_step(v.staff, SIZES) for v in visits]),
        "firm_age": np.array([_step(_years(v.registered_on, v.on), AGES) for v in visits]),
        "posted": np.array(["yes" if v.company in posting else "no" for v in visits]),
        ORIGIN: np.array(_origins(visits, authority)),
    }


def _origins(visits: Sequence[Judged], authority: int) -> list[str]:
    """Where each visit came from: drawn, a tip, a nomination or the register.

    A tip is what somebody reported to the owner itself (``SourceType.REPORT``) of the site or its
    company, written down before the day of the choice and not yet past its last day then; where no
    day of the choice is known, before the day of the visit. What was drawn stays drawn: nobody
    chose it.
    """
    tips = _tips(visits, authority)
    found = []
    for visit in visits:
        day = visit.chosen_on or visit.on
        known = midnight(day)
        about = (*tips.get(("site", visit.site), ()), *tips.get(("company", visit.company), ()))
        told = any(written < known and last >= day for written, last in about)
        found.append(TIP if told and visit.origin != DRAW else visit.origin or UNKNOWN)
    return found


Told = tuple[dt.datetime, dt.date]  # written down, last day


def _tips(visits: Iterable[Judged], authority: int) -> dict[tuple[str, int | None], list[Told]]:
    reported = Signal.objects.filter(authority=authority, source_type=SourceType.REPORT)
    found: dict[tuple[str, int | None], list[Told]] = {}
    for what, wanted in (
        ("site", {v.site for v in visits}), ("company", {v.company for v in visits}),
    ):  # fmt: skip
        rows = reported.exclude(**{what: None}).values_list(
            f"{what}_id", "created_at", "expires_on"
        )
        for pk, written, last in rows:
            if pk in wanted:
                found.setdefault((what, pk), []).append((written, last))
    return found


def _years(since: dt.date | None, day: dt.date) -> int | None:
    return None if since is None else (day - since).days // 365


def _step(value: int | None, steps: tuple[tuple[int, str], ...]) -> str:
    return UNKNOWN if value is None else next(code for most, code in steps if value <= most)
