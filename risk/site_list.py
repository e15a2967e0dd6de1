"""What this room adds to the list of sites: where each stands, and a filter by it."""

from typing import TYPE_CHECKING, Any

from django.db.models import (
    Exists,
    F,
    FloatField,
    Max,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy

from audit.context import as_system
from risk.models import ScoringRun, Touched, Worth
from risk.selectors import joint_places
from targets.hooks import SiteChoice, SiteColumn, site_choice, site_column
from targets.models import Site
from ui.lists import Column
from ui.seek import Values, beyond
from ui.templatetags.ui import risk

if TYPE_CHECKING:
    from authorities.actors import Actor

LEVELS = [
    ("5", gettext_lazy("Highest fifth")), ("4", gettext_lazy("Second fifth")),
    ("3", gettext_lazy("Middle fifth")), ("2", gettext_lazy("Fourth fifth")),
    ("1", gettext_lazy("Lowest fifth")), ("none", gettext_lazy("Not scored yet")),
]  # fmt: skip

MOST = 10_000  # sites on no list yet that are named one by one


def _levels(actor: "Actor") -> list[tuple[str, Any]]:
    return list(LEVELS)


def _scored() -> QuerySet[Worth]:
    """Of all sites on the joint list; none before there is one."""
    run = ScoringRun.objects.shown()
    return Worth.objects.filter(run=run.pk if run else None)


def _of_run(site: Any) -> QuerySet[Worth]:
    return _scored().filter(site=site).order_by("rank")


def _not_scored(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of ``rows`` that stand on no joint list yet. Four queries before theirs.

    A run scores all, so that these came later than the newest scored one or were touched since. To
    look for each of a million sites would take minutes, unless so many are left that it soon finds
    some.
    """
    scored = _scored().order_by()
    with as_system("which sites are on no list is told, and not why one was touched"):
        newest = scored.aggregate(newest=Max("site_id"))["newest"] or 0
        newer = Site.objects.filter(pk__gt=newest).order_by("pk").values_list("pk")
        touched = Touched.objects.exclude(site_id=None).order_by("pk").values_list("site_id")
        found = {pk for (pk,) in newer[: MOST + 1].union(touched[: MOST + 1])}
        if len(found) <= MOST:
            done = scored.filter(site__in=found).values_list("site_id", flat=True)
            return rows.filter(pk__in=found.difference(done))
    place = Subquery(scored.filter(site=OuterRef("pk")).order_by("rank").values("site_id")[:1])
    return rows.alias(place=place).filter(place__isnull=True)


def _at_level(rows: QuerySet[Any], actor: "Actor", value: str) -> QuerySet[Any]:
    if value == "none":
        return _not_scored(rows)
    if value not in {"1", "2", "3", "4", "5"}:
        return rows
    placed = _of_run(OuterRef("pk")).order_by()
    return rows.filter(Exists(placed.filter(level=int(value))))


def _annotate(rows: list[Any], actor: "Actor") -> None:
    cards = joint_places(row.pk for row in rows)
    for row in rows:
        row.card = cards[row.pk]


def _ranked(rows: QuerySet[Any]) -> QuerySet[Any]:
    # By worth and not by the rank kept beside it: of what was scored anew since the run, the rank
    # is only that of its place among the others.
    worth = _of_run(OuterRef("pk")).annotate(below=-F("value")).values("below")[:1]
    return rows.annotate(risk_rank=Subquery(worth, output_field=FloatField()))


class _Real(FloatField):
    """As the column is: what was read of it is equal to it again only when cut to four bytes."""

    def db_type(self, connection: Any) -> str:
        return "real"


def _walk(descending: bool, start: Values | None, number: int) -> list[Values]:
    """Worths and site ids along the joint list, of which the highest worth comes first."""
    return beyond(
        _scored(), ("value", not descending), ("site_id", descending), start, number,
        bound=lambda value: Cast(Value(value), _Real()),
    )  # fmt: skip


def register() -> None:
    site_choice(SiteChoice("risk", gettext_lazy("Place on the joint list"), _levels, _at_level))
    site_column(
        SiteColumn(
            Column("risk", gettext_lazy("Joint list"), lambda s: s.card.rank,
                   cell=lambda s: risk(s.card.points), sort=("risk_rank",)),
            annotate_rows=_annotate, annotate=_ranked, walk=_walk,
        )
    )  # fmt: skip
    site_column(
        SiteColumn(
            Column("coverage", gettext_lazy("Data coverage"),
                   lambda s: "" if s.card.coverage is None else f"{s.card.coverage} %",
                   default=False),
        )
    )  # fmt: skip
