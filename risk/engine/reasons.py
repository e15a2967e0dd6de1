"""Why a score is what it is: contributions, what would change it, and the rank without one of them.

Everything is computed anew from the rows as they were known, with the arithmetic of the scoring
statement, and never read back from a text stored beside the number.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from audit.context import Context, as_system, current
from risk.engine.asked import Asked, known_when
from risk.engine.points import Curve, Part, Rule, age_in_days
from risk.engine.values import Value, values
from risk.engine.worth import Reckoning, Worths
from risk.models import (
    IndicatorVersion,
    ModelVersion,
    Refreshed,
    Score,
    ScoringRun,
    Worth,
)
from targets.models import Site

WHY = "a score is opened; what the reader may not see is taken out of it below"


@dataclass(frozen=True)
class Change:
    """Another step of the same indicator: what the value would have to be, and what it would give.

    ``low`` ≤ value < ``high`` for numbers (None: open), ``words`` for texts (empty: all others).
    ``difference`` in hundredths of a point, ``p`` the probability then.
    """

    low: float | None
    high: float | None
    words: tuple[str, ...]
    difference: int
    p: float


@dataclass(frozen=True)
class Contribution:
    """One indicator's part of a score, in hundredths of a point.

    ``step`` before decay, ``decayed`` before the cap, ``points`` what counts. ``hidden``: the value
    is its owner's; only the points are told.
    """

    place: int
    indicator: IndicatorVersion
    value: float | str | None
    on: dt.date | None
    known: bool
    step: int
    decayed: int
    points: int
    hidden: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Explanation:
    """A score opened. ``points`` is the sum of its contributions, in hundredths of a point."""

    version: ModelVersion
    site_id: int
    as_of: dt.date
    known_at: dt.datetime | None
    contributions: tuple[Contribution, ...]
    points: int
    coverage: int
    p: float
    p_low: float
    p_high: float


class NotShown(LookupError):
    """The version or the site does not exist for whoever asks."""


def explain(
    version: ModelVersion, site_id: int, as_of: dt.date | None = None,
    known: dt.datetime | None = None,
) -> Explanation:  # fmt: skip
    """Open the score of a site. Without a day: the one shown now (its run, or its own refresh).

    A past day is seen with what was known when it ended, or at ``known``. Raises NotShown where
    the acting authority may not see the version or the site.
    """
    viewer = current()
    with transaction.atomic():
        if not ModelVersion.objects.filter(pk=version.pk, model__isnull=False).exists() or (
            not Site.objects.filter(pk=site_id).exists()
        ):
            raise NotShown
    with transaction.atomic(), as_system(WHY):
        version = _whole(version, viewer)
        if as_of is None:
            as_of, known = _shown(site_id)
        elif known is None:
            known = known_when(as_of)
        uses = list(version.indicators.all())
        asked = Asked.some([site_id], as_of, known)
        found = values([use.indicator for use in uses], asked)
    row = found[0].values if found else tuple(Value() for _ in uses)
    return _opened(version, site_id, as_of, known, row, viewer)


def _whole(version: ModelVersion, viewer: Context) -> ModelVersion:
    """The version with what it is made of; NotShown where the viewer may not see its model."""
    found = (
        ModelVersion.objects.select_related("model")
        .prefetch_related("indicators__indicator__indicator")
        .get(pk=version.pk)
    )
    if not (viewer.system or found.model.shown_to(viewer.authority)):
        raise NotShown
    return found


def _shown(site_id: int) -> tuple[dt.date, dt.datetime | None]:
    """Day and moment of the numbers that are shown for a site."""
    run = ScoringRun.objects.shown()
    if run is None:
        return timezone.localdate(), None
    own = Refreshed.objects.filter(run=run, site_id=site_id).first()
    return (own.as_of, own.known_at) if own else (run.as_of, run.known_at)


def _opened(
    version: ModelVersion, site_id: int, as_of: dt.date, known: dt.datetime | None,
    row: Sequence[Value], viewer: Context,
) -> Explanation:  # fmt: skip
    uses, curve = list(version.indicators.all()), Curve.of(version)
    rules = [Rule.of(use) for use in uses]
    parts = [
        rule.part(value.number, value.text, age_in_days(value.on, as_of))
        for rule, value in zip(rules, row, strict=True)
    ]
    points = sum(part.points for part in parts)
    coverage = sum(part.known for part in parts) * 100 // max(1, len(parts))
    made = []
    for use, rule, value, part in zip(uses, rules, row, parts, strict=True):
        hidden = not (viewer.system or use.indicator.open_to(viewer.authority))
        said: float | str | None = value.text if rule.of_texts else value.number
        made.append(
            Contribution(
                use.place, use.indicator, None if hidden else said, None if hidden else value.on,
                part.known, part.points if hidden else part.step,
                part.points if hidden else part.decayed, part.points, hidden,
                () if hidden else _changes(rule, value, part, as_of, curve, points, coverage),
            )
        )  # fmt: skip
    p, low, high = curve.at(points, coverage)
    return Explanation(version, site_id, as_of, known, tuple(made), points, coverage, p, low, high)


def _changes(
    rule: Rule, value: Value, part: Part, as_of: dt.date, curve: Curve, points: int, coverage: int
) -> tuple[Change, ...]:
    """The other steps that would give other points; of numbers the two next to the value."""
    if part.bin is None:
        return ()
    steps = range(len(rule.bins))
    if not rule.of_texts:
        steps = range(max(0, part.bin - 1), min(len(rule.bins), part.bin + 2))
    age, found = age_in_days(value.on, as_of), []
    for step in steps:
        difference = rule.given(step, age) - part.points
        if step == part.bin or not difference:
            continue
        low = high = None
        words: tuple[str, ...] = ()
        if rule.of_texts:
            words = tuple(rule.bins[step]["is"] or ())
        else:
            low = float(rule.bins[step - 1]["below"]) if step else None
            limit = rule.bins[step]["below"]
            high = None if limit is None else float(limit)
        p = curve.at(points + difference, coverage)[0]
        found.append(Change(low, high, words, difference, p))
    return tuple(found)


# ------------------------------------------------------------------------------- what if
@dataclass(frozen=True)
class WhatIf:
    """The rank of a site as it is and without one contribution (1 is first), and p both times."""

    rank: int
    rank_without: int
    p: float
    p_without: float


def without(version: ModelVersion, site_id: int, place: int) -> WhatIf | None:
    """What if the indicator at ``place`` gave no points: in the run shown now. Few look-ups.

    Ranks are those of the joint list for a joint version, else those by p of the version itself.
    None where the site has no score in that run.
    """
    viewer = current()
    with transaction.atomic(), as_system(WHY):
        version = _whole(version, viewer)
        run = ScoringRun.objects.shown()
        score = run and Score.objects.filter(run=run, version=version, site=site_id).first()
        if not run or not score or place >= len(score.parts):
            return None
        curve = Curve.of(version)
        p_without = curve.at(score.points - score.parts[place], score.coverage)[0]
        worth = Worth.objects.filter(run=run, site=site_id).first() if version.model.joint else None
        if worth is None:
            return WhatIf(
                _rank_by_p(run, version, score.p), _rank_by_p(run, version, p_without), score.p,
                p_without,
            )  # fmt: skip
        new = _worth_with(run, site_id, version, p_without)
        return WhatIf(worth.rank, _rank_by_worth(run, new, worth), score.p, p_without)


def _rank_by_p(run: ScoringRun, version: ModelVersion, p: float) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 + count(*) FROM risk_score WHERE run_id = %s AND version_id = %s"
            " AND p > %s::real", [run.pk, version.pk, p],
        )  # fmt: skip
        return int(cursor.fetchone()[0])


def _worth_with(run: ScoringRun, site_id: int, version: ModelVersion, p: float) -> float:
    """The joint worth of a site were one version's probability ``p``."""
    from risk.services.scoring import used

    worths = Worths.of(Reckoning.read(run.reckoning))
    rows = {s.version_id: s for s in Score.objects.filter(run=run, site=site_id)}
    ps = []
    for one in worths.versions:
        row = rows.get(one)
        mine = p if one == version.pk else (row.p if row else 0.0)
        ps.append(used(run, one, mine, row.coverage if row else 0))
    return worths.at(ps)


def _rank_by_worth(run: ScoringRun, value: float, own: Worth) -> int:
    """One more than the number of other sites above ``value``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rank FROM risk_worth WHERE run_id = %s AND value <= %s::real"
            " AND site_id <> %s ORDER BY value DESC, rank LIMIT 1", [run.pk, value, own.site_id],
        )  # fmt: skip
        found = cursor.fetchone()
    rank = int(found[0]) if found else max(run.sites, 1)
    # The site itself was counted among those above them and is no longer there.
    return rank - 1 if found and own.rank < rank else rank
