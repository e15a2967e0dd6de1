"""Lists of operations, and of sites to nominate."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Area, Authority
from planning.models import Nomination, Operation, OperationState, Participation, PoolEntry
from planning.news import opened
from planning.permissions import can, may_pool
from planning.services.pool import OPEN
from targets.lists import SiteList
from ui.filters import FilterSet
from ui.lists import Column, ListPage
from ui.templatetags.ui import badge


def _regions_of_visible(request: Any) -> QuerySet[Any]:
    """Only regions of operations the reader sees: choices must not tell of others."""
    visible = Operation.objects.visible_to(request.actor)
    return Area.objects.filter(operations__in=visible).distinct().order_by("country", "code")


def _authorities_of_visible(request: Any) -> QuerySet[Any]:
    visible = Operation.objects.visible_to(request.actor)
    return (
        Authority.objects.filter(participations__operation__in=visible).distinct().order_by("code")
    )


class OperationFilter(FilterSet):
    q = django_filters.CharFilter(
        label=gettext_lazy("Name, theme or number"), method="by_text", max_length=100
    )
    state = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=OperationState.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    region = django_filters.ModelMultipleChoiceFilter(
        label=gettext_lazy("Region"), field_name="regions", queryset=_regions_of_visible,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    authority = django_filters.ModelMultipleChoiceFilter(
        label=gettext_lazy("Authority"), method="by_authority", queryset=_authorities_of_visible,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(name__icontains=value) | Q(theme__icontains=value) | Q(number__startswith=value)
        )

    def by_authority(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        if not value:
            return rows
        places = Participation.objects.filter(operation=OuterRef("pk"), authority__in=value)
        return rows.filter(Exists(places))


class OperationList(ListPage):
    key = "operations"
    title = gettext_lazy("Operations")
    filterset_class = OperationFilter
    default_sort = "-window"
    empty_title = gettext_lazy("No operations yet")
    empty_text = gettext_lazy(
        "An operation is one round of planning, execution and feedback. You see those that your "
        "unit leads, takes part in or is invited to."
    )
    columns = (
        Column("name", gettext_lazy("Operation"), lambda o: o.name, sort=("name",),
               sub=lambda o: o.number),
        Column("state", gettext_lazy("State"), lambda o: o.get_state_display(),
               cell=lambda o: badge(o.state, o.get_state_display()), sort=("state",)),
        Column("lead", gettext_lazy("Lead"), lambda o: o.lead_authority.short,
               sort=("lead_authority__code",)),
        Column("theme", gettext_lazy("Theme"), lambda o: o.theme, sort=("theme",), default=False),
        Column("regions", gettext_lazy("Regions"),
               lambda o: ", ".join(r.name for r in o.regions.all())),
        Column("window", gettext_lazy("Inspection window"),
               lambda o: f"{date_format(o.window_start, 'SHORT_DATE_FORMAT')}–"
                         f"{date_format(o.window_end, 'SHORT_DATE_FORMAT')}",
               sort=("window_start",), descending_first=True),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("planning:operation_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return (
            Operation.objects.visible_to(self.actor)
            .select_related("lead_authority")
            .prefetch_related("regions")
        )

    def actions(self) -> list[dict[str, Any]]:
        if not self.actor.has_role("coordinator"):
            return []
        return [{"url": reverse("planning:operation_create"), "label": _("New operation"),
                 "icon": "plus", "primary": True}]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s operation", "%(count)s operations", count)


class CandidateList(SiteList):
    """Sites of the operation's regions, to tick and nominate."""

    key = "candidates"
    title = gettext_lazy("Choose sites to nominate")
    intro = gettext_lazy("Tick sites and go on to give the reason and your own rating.")
    exportable = False

    def __init__(self, actor: Any, query: Any, *, public_id: Any = None) -> None:
        super().__init__(actor, query)
        self.operation = get_object_or_404(
            Operation.objects.granted(actor, "nominate_operation"), public_id=public_id
        )

    def queryset(self) -> QuerySet[Any]:
        own = Nomination.objects.filter(
            operation=self.operation, authority=self.actor.authority, site=OuterRef("pk"),
            state="active",
        )  # fmt: skip
        return (
            super().queryset()
            .filter(region__in=self.operation.regions.all(), status="active")
            .filter(~Exists(own))
        )  # fmt: skip

    def actions(self) -> list[dict[str, Any]]:
        return []

    def bulk_actions(self) -> list[dict[str, Any]]:
        if self.operation.state != "nominating" or not can(self.actor, "nominate", self.operation):
            return []
        return [{"url": reverse("planning:nominate_sites", args=[self.operation.public_id]),
                 "label": _("Nominate the ticked sites")}]  # fmt: skip


class PoolList(SiteList):
    """Sites that the operation can choose from, put there from the register."""

    key = "pool"
    title = gettext_lazy("Pool")
    intro = gettext_lazy(
        "Sites from the register that this operation can choose from. Nominated sites belong to it "
        "as well once selection has begun."
    )
    exportable = False
    template = "planning/pool.html"

    def __init__(self, actor: Any, query: Any, *, public_id: Any = None) -> None:
        super().__init__(actor, query)
        self.operation = get_object_or_404(
            Operation.objects.visible_to(actor).exclude(state__in=["draft", "inviting"]),
            public_id=public_id,
        )

    def queryset(self) -> QuerySet[Any]:
        rows = PoolEntry.objects.visible_to(self.actor).filter(operation=self.operation)
        return super().queryset().filter(pk__in=rows.values("site"))

    def extra_context(self) -> dict[str, Any]:
        news = opened(self.actor, self.operation, "pool")
        return super().extra_context() | {"operation": self.operation} | news

    def actions(self) -> list[dict[str, Any]]:
        if not self._open():
            return []
        query = urlencode([("region", area.pk) for area in self.operation.regions.all()])
        return [{"url": f"{reverse('targets:site_list')}?{query}",
                 "label": _("Choose sites from the register"), "icon": "plus", "primary": True}]  # fmt: skip

    def bulk_actions(self) -> list[dict[str, Any]]:
        if not self._open():
            return []
        return [{"url": reverse("planning:pool_take", args=[self.operation.public_id]),
                 "label": _("Take out of the pool")}]  # fmt: skip

    def _open(self) -> bool:
        return self.operation.state in OPEN and may_pool(self.actor, self.operation)


def search_operations(actor: Any, text: str, limit: int) -> dict[str, Any]:
    """Operations for the global search: only visible ones. One query."""
    rows = (
        Operation.objects.visible_to(actor)
        .filter(Q(name__icontains=text) | Q(number__startswith=text) | Q(theme__icontains=text))
        .order_by("-window_start", "-pk")[:limit]
    )
    return {
        "label": _("Operations"),
        "rows": [
            {"label": o.name, "note": f"{o.number} · {o.get_state_display()}",
             "url": reverse("planning:operation_detail", args=[o.public_id])}
            for o in rows
        ],
        "more_url": "",
    }  # fmt: skip
