"""What visits drawn by lot say of a whole register, beside what all visits say. Reads only."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from risk.learning.design import Estimate, estimate, naive
from risk.models import Arm, ModelVersion, Report, ReportKind, ReportState
from risk.permissions import owns
from risk.selectors import shown_versions
from risk.small_groups import FEW, merged
from targets.models import REMARKED, PastVisit, VisitOutcome

if TYPE_CHECKING:
    from authorities.actors import Actor

Array = NDArray[Any]
MOST_VISITS = 200_000  # the newest ones
# What counts as found: any remark, or serious ones.
FOUND: dict[str, frozenset[str]] = {
    "any": frozenset(REMARKED),
    "serious": frozenset({VisitOutcome.SERIOUS, VisitOutcome.SEVERE}),
}


@dataclass(frozen=True)
class Visits:
    """One row a visit whose way is known; ``probability`` NaN where no lottery was held."""

    authority: Array
    region: Array
    industry: Array
    found: Array
    drawn: Array
    probability: Array

    def of(self, authority: int) -> "Visits":
        here = self.authority == authority
        return Visits(**{name: column[here] for name, column in vars(self).items()})

    @property
    def lots(self) -> int:
        return int(self.drawn.sum())


@dataclass(frozen=True)
class Rate:
    """Of a group: the rate among all visits, and by the lottery (None: too few were drawn).

    ``design.drawn`` visits speak for ``speaks_for`` sites of the lotteries they were drawn in.
    """

    label: str
    visits: int
    drawn: int
    naive: Estimate
    design: Estimate | None
    speaks_for: int = 0


def labelled_visits(actor: "Actor", since: dt.date, found: str) -> Visits:
    """Visits with a result that the actor may see and of which it is known how they came about.

    One query. ``found``: a key of ``FOUND``.
    """
    rows = list(
        PastVisit.objects.visible_to(actor)
        .filter(label__isnull=False, on__gte=since, on__lte=timezone.localdate())
        .made()
        .order_by("-on", "-pk")
        .values_list(
            "authority_id", "site__region__code", "site__industry__code", "outcome", "label__arm",
            "label__probability",
        )[:MOST_VISITS]
    )  # fmt: skip
    hits = FOUND[found]
    return Visits(
        authority=np.array([row[0] for row in rows], dtype=int),
        region=np.array([row[1] or "?" for row in rows], dtype=str),
        industry=np.array([(row[2] or "?")[:2] for row in rows], dtype=str),
        found=np.array([row[3] in hits for row in rows], dtype=float),
        drawn=np.array([row[4] == Arm.RANDOM for row in rows], dtype=bool),
        probability=np.array([row[5] for row in rows], dtype=float),
    )


def rate(visits: Visits, label: str = "") -> Rate:
    """Both rates of these visits.

    In the lotteries' part stand the drawn ones, each for one over its probability, and those that
    would have been visited whatever the lot, each for itself. Visits without a lottery say nothing
    of others and are in the first rate only.
    """
    plain = naive(visits.found)
    if visits.lots < FEW:
        return Rate(label, len(visits.found), visits.lots, plain, None)
    inside = visits.drawn | ~np.isnan(visits.probability)
    pi, y = visits.probability[inside], visits.found[inside]
    certain = ~visits.drawn[inside] | (pi >= 1)
    left = max(int((~certain).sum()), round(float((1 / pi[~certain]).sum())))
    population = int(certain.sum()) + left
    design = estimate(y, pi, certain, {"all": population})
    return Rate(label, len(visits.found), visits.lots, plain, design, population)


def rates(visits: Visits, labels: Array) -> list[Rate]:
    """Rates by group, the most drawn first; groups with few drawn visits are one, told last."""
    names, place = np.unique(labels, return_inverse=True)
    drawn = np.bincount(place, weights=visits.drawn, minlength=len(names)).astype(int)
    told = merged({str(name): int(n) for name, n in zip(names, drawn, strict=True)})
    shown = np.array([told[str(name)] for name in names], dtype=str)[place]
    found = [
        rate(Visits(**{key: column[shown == label] for key, column in vars(visits).items()}), label)
        for label in sorted(set(told.values()))
    ]
    return sorted(found, key=lambda row: (row.label == "", -row.drawn, row.label))


@dataclass(frozen=True)
class Promise:
    """What a model in use promised and what was found among the drawn; None: not tested so far."""

    version: ModelVersion
    drawn: dict[str, Any] | None


def promises(actor: "Actor") -> list[Promise]:
    """Models in use that the actor sees, with their newest backtest on drawn visits. Two queries."""
    versions = list(shown_versions(actor))
    reports: QuerySet[Report] = Report.objects.filter(
        version__in=versions, kind=ReportKind.BACKTEST, state=ReportState.DONE
    )
    newest = {
        version: (told, whole)
        for version, told, whole in reports.order_by("version_id", "-created_at", "-pk")
        .distinct("version_id")
        .values_list(
            "version_id", "results__total__random_arm", "whole__results__total__random_arm"
        )
    }
    found = []
    for version in versions:
        told, whole = newest.get(version.pk, (None, None))
        found.append(Promise(version, whole if owns(actor, version.model) else told))
    return found
