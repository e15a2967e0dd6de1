"""The joint list's numbers for given sites, as every authority may see them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from risk.engine.reasons import Contribution, explain
from risk.models import ModelState, ModelVersion, Score, ScoringRun, Worth

if TYPE_CHECKING:
    from authorities.actors import Actor

# Shown where nothing is known yet: in the middle, because unknown is not low.
UNSCORED = Decimal(50)


@dataclass(frozen=True)
class ModelScore:
    """One model's probability of a finding with its interval (0..1) and coverage (per cent)."""

    version: ModelVersion
    p: float
    p_low: float
    p_high: float
    coverage: int

    @property
    def percent(self) -> str:
        return percent(self.p)

    @property
    def between(self) -> str:
        return f"{percent(self.p_low)}–{percent(self.p_high)}"


@dataclass(frozen=True)
class JointScore:
    """Where a site stands on the joint list. All None when it has not been scored.

    ``value``: expected weighted findings per inspector-day of the best team; ``rank`` of ``of``
    sites, 1 is first; ``level`` 1..5 by fifths; ``coverage`` in per cent.
    """

    site_id: int
    rank: int | None = None
    of: int = 0
    value: float | None = None
    level: int | None = None
    coverage: int | None = None
    models: list[ModelScore] = field(default_factory=list)

    @property
    def points(self) -> Decimal | None:
        """The share of all sites that stand lower, 0..100 with one decimal."""
        if self.rank is None:
            return None
        lower = max(0, self.of - self.rank) / max(1, self.of - 1) if self.of > 1 else 1.0
        return Decimal(str(round(100 * lower, 1)))

    @property
    def words(self) -> str:
        """Rank 38 of 12,345 sites."""
        if self.rank is None:
            return _("Not scored yet")
        words = ngettext(
            "Rank %(rank)s of %(count)s site", "Rank %(rank)s of %(count)s sites", self.of
        )
        return words % {"rank": _grouped(self.rank), "count": _grouped(self.of)}

    @property
    def standing(self) -> Decimal:
        """For ordering beside others: what is not scored stands in the middle."""
        return UNSCORED if self.points is None else self.points


def _grouped(number: int) -> str:
    return formats.number_format(number, use_l10n=True, force_grouping=True)


def plain_number(value: float | None) -> str:
    """At most two decimals and none for a whole number, as the reader writes numbers; 0 for none."""
    value = round(value or 0.0, 2)
    return formats.number_format(int(value) if value.is_integer() else value, use_l10n=True)


def percent(share: float) -> str:
    """A probability as whole per cent in the reader's language."""
    return f"{formats.number_format(round(share * 100), use_l10n=True)} %"


def joint_scores(sites: Iterable[int]) -> dict[int, JointScore]:
    """Joint numbers by site id, for every id that was asked. At most three queries."""
    ids = list(sites)
    run = ScoringRun.objects.shown()
    models: dict[int, list[ModelScore]] = {}
    rows = Score.objects.filter(run=run, joint=True, site__in=ids) if run else Score.objects.none()
    for row in rows.select_related("version__model__authority").order_by("version_id"):
        models.setdefault(row.site_id, []).append(
            ModelScore(row.version, row.p, row.p_low, row.p_high, row.coverage)
        )
    return _placed(run, ids, models)


def joint_places(sites: Iterable[int]) -> dict[int, JointScore]:
    """The same without the numbers of each model, as lists show it. At most two queries."""
    return _placed(ScoringRun.objects.shown(), list(sites), {})


def _placed(
    run: ScoringRun | None, ids: list[int], models: dict[int, list[ModelScore]]
) -> dict[int, JointScore]:
    cards = {pk: JointScore(pk, models=models.get(pk, [])) for pk in ids}
    if run is None:
        return cards
    worths = Worth.objects.filter(run=run, site__in=ids)
    numbers = worths.values_list("site_id", "rank", "value", "level", "coverage")
    for pk, rank, value, level, coverage in numbers:
        cards[pk] = JointScore(pk, rank, run.sites, value, level, coverage, models.get(pk, []))
    return cards


def shown_versions(actor: "Actor") -> QuerySet[ModelVersion]:
    """Versions in use that the actor may see: joint ones and those of the own authority."""
    rows: QuerySet[ModelVersion] = ModelVersion.objects.visible_to(actor)
    return (
        rows.filter(state=ModelState.ACTIVE)
        .select_related("model__authority")
        .order_by("-model__joint", "model__code")
    )


def contributions_of(site_id: int) -> list[dict[str, Any]]:
    """Why the site stands where it does, for a record that is kept: every joint model opened.

    What its owner shows to nobody is not in it: the value of a hidden contribution is empty.
    """
    run = ScoringRun.objects.shown()
    versions: Iterable[ModelVersion] = (
        run.versions.filter(model__joint=True).select_related("model") if run else []
    )
    return [
        {"model": str(version), **_plain(part)}
        for version in versions
        for part in explain(version, site_id).contributions
        if part.points
    ]


def _plain(part: Contribution) -> dict[str, Any]:
    return {
        "indicator": part.indicator.indicator.code, "number": part.indicator.number,
        "value": part.value, "on": part.on.isoformat() if part.on else None,
        "points": part.points / 100,
    }  # fmt: skip
