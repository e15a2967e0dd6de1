"""Lists of sites, companies and imports."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Area, AreaKind
from targets.models import (
    Company,
    CompanyStatus,
    EntryKind,
    ImportRun,
    PastVisit,
    Site,
    SiteStatus,
    VisitOutcome,
)
from targets.scoring import scorer
from targets.search import Hit, find, holding
from ui.forms import DateInput
from ui.lists import Column, ListPage
from ui.names import name_field
from ui.templatetags.ui import badge, risk


def in_industry(rows: QuerySet[Any], value: str) -> QuerySet[Any]:
    """Rows of the classes whose code begins with ``value``, or of the section with that letter.

    ``TOL2008 56`` means the code in that edition alone; without one, codes of every edition count.
    """
    edition, _space, code = value.strip().upper().rpartition(" ")
    code = code.replace(".", "")
    if edition:
        rows = rows.filter(industry__edition__code=edition.replace(" ", ""))
    if code.isalpha():
        return rows.filter(Q(industry__code=code) | Q(industry__path__startswith=f"{code}/"))
    return rows.filter(industry__code__startswith=code)


class SiteFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        label=gettext_lazy("Name or business ID"), method="by_text", max_length=100
    )
    region = django_filters.ModelMultipleChoiceFilter(
        label=gettext_lazy("Region"), queryset=lambda request: regions_for(request.actor)
    )
    municipality = django_filters.CharFilter(
        label=gettext_lazy("Municipality"), method="by_municipality", max_length=80
    )
    industry = django_filters.CharFilter(
        label=gettext_lazy("Industry code begins with"),
        method="by_industry",
        max_length=20,
        help_text=gettext_lazy("For one classification alone write its name first: TOL2008 56"),
    )
    status = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=SiteStatus.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    visited = django_filters.ChoiceFilter(
        label=gettext_lazy("Last visit"),
        method="by_visit",
        choices=[
            ("never", gettext_lazy("None known")),
            ("2y", gettext_lazy("More than two years ago, or none")),
            ("recent", gettext_lazy("Within two years")),
        ],
    )
    visited_before = django_filters.DateFilter(
        label=gettext_lazy("Last visit before"), method="by_visit_before", widget=DateInput
    )
    visited_after = django_filters.DateFilter(
        label=gettext_lazy("Last visit on or after"), method="by_visit_after", widget=DateInput
    )
    outcome = django_filters.ChoiceFilter(
        label=gettext_lazy("Result of an earlier visit"), choices=VisitOutcome.choices,
        method="by_outcome",
    )  # fmt: skip
    source = django_filters.CharFilter(
        label=gettext_lazy("Register"), field_name="source", lookup_expr="istartswith",
        max_length=40,
    )  # fmt: skip

    @property
    def actor(self) -> Any:
        return self.request.actor

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return holding(rows, "s", self.actor, value)

    def by_municipality(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        areas = Area.objects.filter(
            Q(name_fi__istartswith=value) | Q(name_sv__istartswith=value) | Q(code=value),
            kind=AreaKind.MUNICIPALITY,
        )
        return rows.filter(municipality__in=list(areas.values_list("pk", flat=True)[:500]))

    def by_industry(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return in_industry(rows, value)

    def by_visit(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        visits = PastVisit.objects.visible_to(self.actor).filter(site=OuterRef("pk"))
        border = timezone.localdate().replace(day=1)
        border = border.replace(year=border.year - 2)
        if value == "never":
            return rows.filter(~Exists(visits))
        if value == "2y":
            return rows.filter(~Exists(visits.filter(on__gte=border)))
        return rows.filter(Exists(visits.filter(on__gte=border)))

    def by_visit_before(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Visited, but not since: those never visited have a choice of their own."""
        visits = PastVisit.objects.visible_to(self.actor).filter(site=OuterRef("pk"))
        return rows.filter(
            Exists(visits.filter(on__lt=value)), ~Exists(visits.filter(on__gte=value))
        )

    def by_visit_after(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        visits = PastVisit.objects.visible_to(self.actor).filter(site=OuterRef("pk"))
        return rows.filter(Exists(visits.filter(on__gte=value)))

    def by_outcome(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        visits = PastVisit.objects.visible_to(self.actor).filter(site=OuterRef("pk"), outcome=value)
        return rows.filter(Exists(visits))


def regions_for(actor: Any) -> QuerySet[Any]:
    """Regions to choose from: those of the membership, else all."""
    regions = Area.objects.filter(kind=AreaKind.REGION).order_by("country", "code")
    return regions.filter(pk__in=actor.region_ids) if actor.region_ids else regions


class SiteList(ListPage):
    key = "sites"
    title = gettext_lazy("Sites")
    filterset_class = SiteFilter
    default_sort = "name"
    columns = (
        Column("name", gettext_lazy("Site"), lambda s: s.shown_name, sort=("name",),
               sub=lambda s: s.company.name if s.company and s.company.name != s.name else ""),
        Column("municipality", gettext_lazy("Municipality"),
               lambda s: s.municipality.name if s.municipality else "", sort=("place_name",)),
        Column("region", gettext_lazy("Region"), lambda s: s.region.name if s.region else "",
               default=False),
        Column("industry", gettext_lazy("Industry"),
               lambda s: s.industry.name if s.industry else "", sort=("industry__path",)),
        Column("business_id", gettext_lazy("Business ID"),
               lambda s: s.company.business_id if s.company else "", default=False),
        Column("address", gettext_lazy("Address"), lambda s: s.address, default=False),
        Column("last_visit", gettext_lazy("Last visit"), lambda s: s.last_visit,
               sort=("last_visit",), descending_first=True),
        Column("score", gettext_lazy("Score"), lambda s: float(s.card.points),
               cell=lambda s: risk(s.card.points)),
        Column("coverage", gettext_lazy("Data coverage"), lambda s: f"{s.card.coverage} %",
               default=False),
        Column("status", gettext_lazy("State"), lambda s: s.get_status_display(),
               cell=lambda s: badge(s.status, s.get_status_display()), default=False),
        Column("source", gettext_lazy("Register"), lambda s: s.source, default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:site_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        visits = (
            PastVisit.objects.visible_to(self.actor).filter(site=OuterRef("pk")).order_by("-on")
        )
        return (
            Site.objects.visible_to(self.actor)
            .select_related("company", "municipality", "region", "industry")
            .annotate(
                last_visit=Subquery(visits.values("on")[:1]),
                place_name=name_field("municipality__"),
            )
        )

    def annotate_page(self, rows: list[Any]) -> None:
        cards = scorer().score(rows, timezone.localdate())
        for row in rows:
            row.card = cards[row.pk]

    def actions(self) -> list[dict[str, Any]]:
        if not self.actor.has_role("analyst", "coordinator", "administrator"):
            return []
        return [{"url": reverse("targets:import_create"), "label": _("Import"), "icon": "import"}]

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s site", "%(count)s sites", count)


class CompanyFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        label=gettext_lazy("Name or business ID"), method="by_text", max_length=100
    )
    status = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=CompanyStatus.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    industry = django_filters.CharFilter(
        label=gettext_lazy("Industry code begins with"),
        method="by_industry",
        max_length=20,
        help_text=gettext_lazy("For one classification alone write its name first: TOL2008 56"),
    )

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return holding(rows, "c", self.request.actor, value)

    def by_industry(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return in_industry(rows, value)


class CompanyList(ListPage):
    key = "companies"
    title = gettext_lazy("Companies")
    filterset_class = CompanyFilter
    default_sort = "name"
    columns = (
        Column("name", gettext_lazy("Company"), lambda c: c.name, sort=("name",)),
        Column("business_id", gettext_lazy("Business ID"), lambda c: c.business_id or "",
               sort=("business_id",)),
        Column("municipality", gettext_lazy("Municipality"),
               lambda c: c.municipality.name if c.municipality else ""),
        Column("industry", gettext_lazy("Industry"),
               lambda c: c.industry.name if c.industry else "", sort=("industry__path",)),
        Column("status", gettext_lazy("State"), lambda c: c.get_status_display(),
               cell=lambda c: badge(c.status, c.get_status_display()), sort=("status",)),
        Column("registered", gettext_lazy("Registered"), lambda c: c.registered_on,
               sort=("registered_on",), default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:company_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Company.objects.visible_to(self.actor).select_related("municipality", "industry")

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s company", "%(count)s companies", count)


class ImportList(ListPage):
    key = "imports"
    title = gettext_lazy("Imports")
    intro = gettext_lazy("Files read into the register by my authority, and how that went.")
    default_sort = "-created"
    exportable = False
    columns = (
        Column("file", gettext_lazy("File"), lambda r: r.file_name, sort=("file_name",),
               sub=lambda r: r.format),
        Column("state", gettext_lazy("State"), lambda r: r.get_state_display(),
               cell=lambda r: badge(r.state, r.get_state_display()), sort=("state",)),
        Column("read", gettext_lazy("Rows read"), lambda r: r.rows_read, numeric=True),
        Column("new", gettext_lazy("New"), lambda r: r.created_count, numeric=True),
        Column("refused", gettext_lazy("Refused"), lambda r: r.refused_count, numeric=True,
               sort=("refused_count",)),
        Column("created", gettext_lazy("Started"), lambda r: r.created_at, sort=("created_at",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:import_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return ImportRun.objects.visible_to(self.actor)

    def actions(self) -> list[dict[str, Any]]:
        return [{"url": reverse("targets:import_create"), "label": _("New import"),
                 "icon": "import", "primary": True}]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s import", "%(count)s imports", count)


def _note(hit: Hit, place: str) -> str:
    """What stands below a name that was found: why it was found, if not by its name, and where."""
    why = {
        EntryKind.FORMER: _("formerly %(name)s") % {"name": hit.shown},
        EntryKind.CODE: hit.shown,
    }.get(EntryKind(hit.kind), "")
    return " · ".join(part for part in (why, place) if part)


def search_sites(actor: Any, text: str, limit: int) -> dict[str, Any]:
    """Sites for the global search."""
    hits = find(actor, "s", text, limit)
    rows = Site.objects.visible_to(actor).select_related("municipality", "company")
    sites = rows.in_bulk([hit.pk for hit in hits])
    return {
        "label": _("Sites"),
        "rows": [
            {
                "label": site.shown_name,
                "url": reverse("targets:site_detail", args=[site.public_id]),
                "note": _note(hit, ", ".join(part for part in (
                    site.address, site.municipality.name if site.municipality else "") if part)),
            }
            for hit in hits if (site := sites.get(hit.pk))
        ],
        "more_url": f"{reverse('targets:site_list')}?{urlencode({'q': text})}",
    }  # fmt: skip


def search_companies(actor: Any, text: str, limit: int) -> dict[str, Any]:
    """Companies for the global search."""
    hits = find(actor, "c", text, limit)
    companies = Company.objects.visible_to(actor).in_bulk([hit.pk for hit in hits])
    return {
        "label": _("Companies"),
        "rows": [
            {
                "label": company.name,
                "url": reverse("targets:company_detail", args=[company.public_id]),
                "note": _note(hit, "" if hit.shown == company.business_id
                              else company.business_id or ""),
            }
            for hit in hits if (company := companies.get(hit.pk))
        ],
        "more_url": f"{reverse('targets:company_list')}?{urlencode({'q': text})}",
    }  # fmt: skip
