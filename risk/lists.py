"""The list of indicators."""

from typing import Any

import django_filters
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Authority
from risk.models import (
    Indicator,
    IndicatorState,
    IndicatorVersion,
    ModelIndicator,
    ModelState,
    Source,
    Visibility,
)
from risk.permissions import may_draft
from ui.filters import FilterSet
from ui.lists import Column, ListPage
from ui.names import name_field
from ui.templatetags.ui import badge

SHORT: dict[str, Any] = {
    Visibility.OPEN: gettext_lazy("everything"),
    Visibility.LEVEL: gettext_lazy("points only"),
    Visibility.SEALED: gettext_lazy("nothing"),
}


def latest_of(actor: Any) -> QuerySet[Any]:
    """The newest version that the actor sees of the outer indicator."""
    rows = IndicatorVersion.objects.visible_to(actor).filter(indicator=OuterRef("pk"))
    return rows.order_by("-number").values("pk")[:1]


def shown_indicators(actor: Any) -> QuerySet[Any]:
    """Indicators of which the actor sees a version at all; ``shown`` is the newest one's id."""
    return (
        Indicator.objects.visible_to(actor)
        .annotate(shown=Subquery(latest_of(actor)))
        .filter(shown__isnull=False)
    )


def _owners(request: Any) -> QuerySet[Any]:
    """Authorities that own an indicator the reader sees: no other is told by the choices."""
    seen = shown_indicators(request.actor).values("authority")
    return Authority.objects.filter(pk__in=seen).order_by("code")


class IndicatorFilter(FilterSet):
    source = django_filters.ChoiceFilter(
        label=gettext_lazy("Where the value comes from"), choices=Source.choices,
        method="by_version",
    )  # fmt: skip
    state = django_filters.ChoiceFilter(
        label=gettext_lazy("State"), choices=IndicatorState.choices, method="by_version"
    )
    visibility = django_filters.ChoiceFilter(
        label=gettext_lazy("What others see of it"), choices=Visibility.choices,
        method="by_version",
    )  # fmt: skip
    authority = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Owner"), queryset=_owners, to_field_name="code",
        empty_label=gettext_lazy("Everybody’s"), null_label=gettext_lazy("shared by all"),
    )  # fmt: skip

    def by_version(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(shown__in=IndicatorVersion.objects.filter(**{name: value}).values("pk"))


def _owner(row: Any) -> str:
    return row.authority.name if row.authority else _("shared by all")


class IndicatorList(ListPage):
    key = "indicators"
    title = gettext_lazy("Indicators")
    intro = gettext_lazy(
        "Each asks one question of a site and turns the answer into points. Models are made of"
        " published ones; what is published is never changed."
    )
    filterset_class = IndicatorFilter
    default_sort = "name"
    empty_title = gettext_lazy("No indicators yet")
    empty_text = gettext_lazy("An analyst builds the first one.")
    columns = (
        Column("name", gettext_lazy("Indicator"), lambda r: r.version.name,
               sub=lambda r: r.version.unit, sort=("sort_name",)),
        Column("owner", gettext_lazy("Owner"), _owner, sort=("authority__code",)),
        Column("source", gettext_lazy("Source"), lambda r: r.version.get_source_display()),
        Column("visibility", gettext_lazy("What others see"),
               lambda r: Visibility(r.version.visibility).name.lower(),
               cell=lambda r: SHORT[r.version.visibility]),
        Column("state", gettext_lazy("State"), lambda r: r.version.get_state_display(),
               cell=lambda r: badge(r.version.state, r.version.get_state_display())),
        Column("number", gettext_lazy("Version"), lambda r: r.version.number, numeric=True),
        Column("uses", gettext_lazy("In active models"), lambda r: r.uses, numeric=True),
        Column("ground", gettext_lazy("Legal ground"),
               lambda r: r.version.ground.basis_words if r.version.ground
               else r.version.ground_text, default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("risk:indicator_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        named = IndicatorVersion.objects.filter(pk=OuterRef("shown"))
        return (
            shown_indicators(self.actor)
            .select_related("authority")
            .annotate(sort_name=Subquery(named.annotate(n=name_field()).values("n")[:1]))
        )

    def annotate_page(self, rows: list[Any]) -> None:
        """Two queries: the versions shown, and in how many active models they are."""
        versions = IndicatorVersion.objects.visible_to(self.actor).select_related("ground")
        found = versions.in_bulk([row.shown for row in rows])
        uses = dict(
            ModelIndicator.objects.filter(indicator__indicator__in=[row.pk for row in rows])
            .filter(version__state=ModelState.ACTIVE)
            .filter(Q(version__model__joint=True)
                    | Q(version__model__authority=self.actor.authority.pk))
            .values_list("indicator__indicator")
            .annotate(count=Count("version", distinct=True))
            .order_by()
        )  # fmt: skip
        for row in rows:
            row.version, row.uses = found[row.shown], uses.get(row.pk, 0)

    def actions(self) -> list[dict[str, Any]]:
        if not may_draft(self.actor, self.actor.authority.pk):
            return []
        return [{"url": reverse("risk:indicator_create"), "label": _("New indicator"),
                 "icon": "plus", "primary": True}]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s indicator", "%(count)s indicators", count)
