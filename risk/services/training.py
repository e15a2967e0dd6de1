"""Rows that a model learns from and is judged by: visits with a result, as known on their day."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from audit.errors import RuleViolation
from risk.models import Arm, Direction, ModelIndicator, ModelKind
from risk.services.scorecards import MILLION, Alive, Card, Scorecard, cell, quiet
from risk.services.segments import UNKNOWN, Judged, segments
from targets.models import PastVisit, Site

if TYPE_CHECKING:
    from risk.models import ModelVersion

Array = NDArray[Any]
MOST_ROWS = 300_000  # the newest ones
FEW = 20  # found and not found, before anything is said of a model
TODAY = 5_000  # sites looked at for drift
SIGNS = {Direction.UP: 1, Direction.DOWN: -1, Direction.FREE: 0}


@dataclass
class Rows:
    """One row a visit, oldest first. ``X`` as in ``scorecards``; ``day`` as ordinals.

    ``told``: the first day on which the result was known, as ordinals; ``value_day`` (rows,
    indicators): the day each value is of, NaN where it has none. ``segments`` are labels for judging
    (``risk.services.segments``), never inputs as such.
    """

    names: tuple[str, ...]
    cards: list[Card]
    kind: str
    X: Array
    y: Array
    day: Array
    told: Array
    value_day: Array
    group: Array | None
    office: Array
    last: Array
    segments: dict[str, Array]
    random: Array
    weight: Array  # one over the probability of a visit drawn by lot, NaN for all others
    asked: list[tuple[int, dt.date]]  # site and day of each row

    @property
    def enough(self) -> bool:
        found = float(self.y.sum())
        return min(found, len(self.y) - found) >= FEW

    def numbers(self) -> dict[str, Any]:
        """How many results, of them found, from and to which day."""
        ends = [dt.date.fromordinal(int(d)).isoformat() for d in (self.day[[0, -1]] if len(self.day)
                else [])]  # fmt: skip
        return {
            "labels": len(self.y), "found": int(self.y.sum()),
            "from": ends[0] if ends else None, "to": ends[1] if ends else None,
        }  # fmt: skip

    def scorecard(
        self, version: "ModelVersion", seed: int = 1, *, curve: bool = True, alive: Alive = quiet
    ) -> Scorecard:
        """Unfitted; in a draft of a kind that learns it learns, afterwards it keeps its points.

        ``curve`` and ``alive`` as in ``Scorecard``.
        """
        return Scorecard(self.cards, self.kind, seed, curve=curve, alive=alive)


def _uses(version: "ModelVersion") -> list[ModelIndicator]:
    return list(version.indicators.select_related("indicator__indicator").order_by("place"))


def _cards(uses: list[ModelIndicator]) -> list[Card]:
    from risk.engine.points import Rule

    cards = []
    for use in uses:
        rule = Rule.of(use)
        codes = rule.of_texts
        cards.append(
            Card(
                use.indicator.indicator.code, tuple(int(b["points"]) for b in rule.bins),
                rule.missing // 100, use.indicator.cap,
                0 if codes else SIGNS[Direction(use.indicator.direction)],
                () if codes else tuple(float(b["below"]) for b in rule.bins[:-1]),
            )
        )  # fmt: skip
    return cards


def _matrix(uses: list[ModelIndicator], asked: Any) -> tuple[Array, Array]:
    """Values as cells, and the day each is of, rows in the order asked. One statement."""
    from risk.engine.points import Rule, age_in_days, factor
    from risk.engine.values import values

    rules = [Rule.of(use) for use in uses]
    found = values([use.indicator for use in uses], asked)
    X, of = np.full((2, len(found), len(uses)), np.nan)
    for i, row in enumerate(found):
        for j, (rule, value) in enumerate(zip(rules, row.values, strict=True)):
            left = MILLION
            age = age_in_days(value.on, row.day)
            if rule.half_life and age and age > 0:
                left = factor(age, rule.half_life)
            X[i, j] = cell(rule.step(value.number, value.text), left)
            of[i, j] = value.on.toordinal() if value.on else np.nan
    return X, of


def first_day_told(on: dt.date, told_on: dt.date | None, known_from: dt.datetime) -> int:
    """The first day that may learn from a result, as an ordinal; the rule by which
    values read visits (``engine.visits``); a test holds the two against each other."""
    here = timezone.localdate(known_from) + dt.timedelta(days=1)
    lag = dt.timedelta(days=settings.RISK_VISIT_LAG_DAYS)
    there = on + lag if told_on is None else told_on + dt.timedelta(days=1)
    return max(on + dt.timedelta(days=1), min(here, there)).toordinal()


def rows(version: "ModelVersion") -> Rows:
    """All results of the model's authority before today, with values as known on their days.

    Runs as the system: a model learns from its authority's own visits, shared or not.
    """
    from risk.engine.values import Asked

    uses = _uses(version)
    visits = list(
        PastVisit.objects.filter(authority=version.model.authority_id, on__lt=timezone.localdate())
        .made()
        .order_by("-on", "-pk")
        .values_list(
            "site_id", "on", "outcome", "label__arm", "label__origin", "label__group",
            "site__region__code", "site__industry__code", "site__staff_estimate",
            "site__company_id", "site__company__registered_on", "label__probability",
            "told_on", "known_from", "label__chosen_on",
        )[:MOST_ROWS]
    )[::-1]  # fmt: skip
    pairs = [(v[0], v[1]) for v in visits]
    X, of = _matrix(uses, Asked.rows(pairs)) if pairs else np.zeros((2, 0, len(uses)))
    found = set(version.model.outcomes)
    y = np.array([v[2] in found for v in visits], dtype=float)
    groups = np.array([v[5] or UNKNOWN for v in visits])
    day = np.array([v[1].toordinal() for v in visits], dtype=int)
    told = np.array([first_day_told(v[1], v[12], v[13]) for v in visits], dtype=int)
    return Rows(
        names=tuple(use.indicator.indicator.code for use in uses),
        cards=_cards(uses),
        # What was learnt stands in the points of a frozen version: nothing is learnt again.
        kind=str(version.kind),
        X=X, y=y,
        day=day, told=told, value_day=of,
        group=groups if len(set(groups.tolist())) > 1 else None,
        office=np.array([v[6] or UNKNOWN for v in visits]),
        last=_last([v[0] for v in visits], y, day, told),
        segments=segments([_judged(v) for v in visits], version.model.authority_id),
        random=np.array([v[3] == Arm.RANDOM for v in visits], dtype=bool),
        asked=pairs,
        weight=np.array(  # the database holds a probability for every random one
            [1 / cast(float, v[11]) if v[3] == Arm.RANDOM else np.nan for v in visits], dtype=float
        ),
    )  # fmt: skip


def score_as_it_stands(version: "ModelVersion", rows: Rows) -> Array:
    """Scores of a version's own points, nothing learnt again, for the visits of ``rows``."""
    from risk.engine.values import Asked

    uses = _uses(version)
    X = _matrix(uses, Asked.rows(rows.asked))[0] if rows.asked else np.zeros((0, len(uses)))
    return Scorecard(_cards(uses), version.kind).score(X)


def _last(sites: list[int], y: Array, day: Array, told: Array) -> Array:
    """Result of the latest visit at the same site that was known on the day; NaN for none."""
    before: dict[int, list[int]] = {}
    result = np.full(len(y), np.nan)
    for i, site in enumerate(sites):
        earlier = before.setdefault(site, [])
        known = next((k for k in reversed(earlier) if told[k] <= day[i]), None)
        result[i] = np.nan if known is None else y[known]
        earlier.append(i)
    return result


def _judged(visit: Any) -> Judged:
    return Judged(
        site=visit[0], company=visit[9], on=visit[1], chosen_on=visit[14], origin=visit[4] or "",
        region=visit[6], industry=visit[7], staff=visit[8], registered_on=visit[10],
    )  # fmt: skip


def fit(version: "ModelVersion", rows: Rows, alive: Alive = quiet) -> dict[str, Any]:
    """What a draft still lacks: the curve and, for kinds that learn, the points.

    ``{"params", "to", "on", "points"}``; ``points``: place → (points by bin, points if missing) or
    empty. Raises RuleViolation when a kind that learns has too little to learn from.
    """
    if not rows.enough:
        if version.kind != ModelKind.POINTS:
            raise RuleViolation(
                _("To learn from, at least %(count)s visits with a finding and as many without are"
                  " needed. Begin with points.") % {"count": FEW}
            )  # fmt: skip
        # A curve that came with the model, as that of the starter set, stays until there are more.
        return {"params": version.params, "to": None, "on": len(rows.y), "points": {}}
    card = rows.scorecard(version, alive=alive)
    card.fit(rows.X, rows.y, groups=rows.group, days=rows.day)
    learnt = {}
    if version.kind != ModelKind.POINTS:
        learnt = {
            place: (list(one.points), one.missing) for place, one in enumerate(card.cards)
        }  # fmt: skip
    return {
        "params": {"calibration": card.knots(rows.X)},
        "to": dt.date.fromordinal(int(rows.day[-1])),
        "on": len(rows.y),
        "points": learnt,
    }


def matrix_of_today(version: "ModelVersion") -> Array:
    """Cells of a sample of sites as of today."""
    from risk.engine.values import Asked

    ids = Site.objects.filter(merged_into__isnull=True).order_by("public_id")
    sites = list(ids.values_list("pk", flat=True)[:TODAY])
    return _matrix(_uses(version), Asked.some(sites, timezone.localdate()))[0]
