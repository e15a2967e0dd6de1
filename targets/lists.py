"""Lists of sites, companies and imports, and what they give to the search of all pages."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import Min, OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from targets.filters import CompanyFilter, SiteFilter, WordFilter
from targets.hooks import SiteColumn, bulk_actions, site_columns
from targets.models import (
    Company,
    EntryKind,
    ImportMapping,
    ImportRun,
    PastVisit,
    SearchEntry,
    Site,
    SiteTag,
)
from targets.search import SIDES, Hit, find
from targets.source_words import shown_source
from ui.lists import Column, ListPage
from ui.names import name_field
from ui.seek import Place, Stretch, Values, beyond, by_field, walk, walk_to, walked
from ui.templatetags.ui import badge

# Counted and paged through up to here; beyond, a filter helps more than a page 4,000.
COUNTED = 1_000
# A list as short as this is sorted by anything.
SORTED = COUNTED
# Visits looked at in all, after each query, to fill one page sorted by last visit.
LOOKS = (200, 3_000, 10_000)


class WalkedList(ListPage):
    """A list of the register. A long one may be walked along other rows than its own.

    By name, those whose names begin with one or two letters are walked along these names: among
    all sites in order they stand far from the first.
    """

    def lanes(self, rows: QuerySet[Any], count: int) -> list[Stretch]:
        """What a list of ``count`` rows is walked along; empty where it is sorted as any other."""
        if count <= self.count_limit:
            return []
        column, descending = self.sort_key(count)
        filterset = self.filterset()
        assert isinstance(filterset, WordFilter)
        named = filterset.named_so() if column.key == "name" else None
        return self._by_names(rows, *named, descending) if named else []

    def page_ids(self, rows: QuerySet[Any], start: int, stop: int, count: int) -> list[int]:
        """In a long list enough rows match that a page is filled after few looks; where it is not,
        the page goes by the name of the rows and says so. By name itself one goes on looking: names
        that begin so and the plain order are two orders, and a list has one.
        """
        lanes = self.lanes(rows, count)
        if not lanes:
            return super().page_ids(rows, start, stop, count)
        column, _descending = self.sort_key(count)
        by_name = column.key == "name"
        found = walk_to(lanes, stop) if by_name else walk(lanes, None, stop)
        if len(found.ids) < stop and found.after is not None:
            self.made["by_name"] = True
            return list(rows.order_by("name", "pk").values_list("pk", flat=True)[start:stop])
        self.made["after"] = found.after
        return found.ids[start:stop]

    def stretches(self, rows: QuerySet[Any], count: int) -> list[Stretch]:
        return self.lanes(rows, count) or super().stretches(rows, count)

    def place_after(self, last: Any, rows: QuerySet[Any], count: int) -> Place | None:
        if self.lanes(rows, count):
            return self.made.get("after")
        return super().place_after(last, rows, count)

    def _by_names(
        self, rows: QuerySet[Any], begun: QuerySet[SearchEntry], worded: QuerySet[SearchEntry],
        descending: bool,
    ) -> list[Stretch]:  # fmt: skip
        """Along names that begin so, each row at its first one; then what has the letters as words."""
        side = self.filterset_class.side  # type: ignore[union-attr]
        key = f"{SIDES[side][1]}_id"

        def ahead(start: Values | None, number: int, backwards: bool) -> list[Values]:
            down = descending != backwards
            return beyond(begun, ("text", down), (key, down), start, number)

        def counting(chunk: list[Values]) -> list[Values]:
            ids = {pk for _text, pk in chunk}
            seen = set(rows.filter(pk__in=ids).order_by().values_list("pk", flat=True))
            names = begun.filter(**{f"{key}__in": seen}).values(key).annotate(first=Min("text"))
            first = {row[key]: row["first"] for row in names}
            return [(text, pk) for text, pk in chunk if first.get(pk) == text]

        other = begun.filter(**{key: OuterRef("pk")}).order_by("pk").values("pk")[:1]
        rest = rows.filter(pk__in=worded.values(key)).alias(other=Subquery(other))
        return [
            walked(ahead, counting, str, LOOKS),
            by_field(rest.filter(other__isnull=True), "name", str, descending),
        ]


class SiteList(WalkedList):
    key = "sites"
    title = gettext_lazy("Sites")
    filterset_class = SiteFilter
    default_sort = "name"
    count_limit = COUNTED
    ids_first = True
    bulk_all = True
    template = "targets/site_list.html"
    own_columns = (
        Column("name", gettext_lazy("Site"), lambda s: s.shown_name, sort=("name",),
               sub=lambda s: s.company.name if s.company and s.company.name != s.name else ""),
        Column("municipality", gettext_lazy("Municipality"),
               lambda s: s.municipality.name if s.municipality else "", sort=("place_name",),
               sort_up_to=SORTED),
        Column("region", gettext_lazy("Region"), lambda s: s.region.name if s.region else "",
               default=False),
        Column("industry", gettext_lazy("Industry"),
               lambda s: s.industry.name if s.industry else "", sort=("industry__path",),
               sort_up_to=SORTED),
        Column("business_id", gettext_lazy("Business ID"),
               lambda s: s.company.business_id if s.company else "", default=False),
        Column("address", gettext_lazy("Address"), lambda s: s.address, default=False),
        Column("last_visit", gettext_lazy("Last visit"), lambda s: s.last_visit,
               sort=("last_visit",), descending_first=True),
        Column("status", gettext_lazy("State"), lambda s: s.get_status_display(),
               cell=lambda s: badge(s.status, s.get_status_display()), default=False),
        Column("staff", gettext_lazy("People at work"), lambda s: s.staff_estimate, numeric=True,
               sort=("staff_estimate",), sort_up_to=SORTED, default=False),
        Column("tags", gettext_lazy("Tags"), lambda s: ", ".join(s.tag_names), default=False),
        Column("source", gettext_lazy("Register"), lambda s: s.register, default=False),
    )  # fmt: skip

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        """Its own and those of the rooms above."""
        return (*self.own_columns, *(added.column for added in site_columns()))

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:site_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Site.objects.visible_to(self.actor)

    def with_columns(self, rows: QuerySet[Any], columns: Sequence[Column]) -> QuerySet[Any]:
        keys = {column.key for column in columns}
        joined = {"company"} | {"municipality", "region", "industry"} & keys
        rows = rows.select_related(*sorted(joined))
        return self._with_last_visit(rows) if "last_visit" in keys else rows

    def with_order(self, rows: QuerySet[Any], column: Column) -> QuerySet[Any]:
        if column.key == "municipality":
            return rows.annotate(place_name=name_field("municipality__"))
        if column.key == "last_visit":
            return self._with_last_visit(rows)
        added = self._adding(column)
        return added.annotate(rows) if added and added.annotate else rows

    def _with_last_visit(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        visits = PastVisit.objects.visible_to(self.actor).made().filter(site=OuterRef("pk"))
        return rows.annotate(last_visit=Subquery(visits.order_by("-on").values("on")[:1]))

    @staticmethod
    def _adding(column: Column) -> SiteColumn | None:
        return next((added for added in site_columns() if added.column is column), None)

    # -------------------------------------------------------------- long lists
    def lanes(self, rows: QuerySet[Any], count: int) -> list[Stretch]:
        """By last visit along the visits, by its order along the joint list; then by name those
        that have no place there, both ways."""
        column, descending = self.sort_key(count)
        added = self._adding(column)
        walks = column.key == "last_visit" or (added is not None and added.walk is not None)
        if not walks or count <= self.count_limit:
            return super().lanes(rows, count)
        along = self._along(rows, added, descending) if added else self._by_visits(rows, descending)
        empty = {f"{column.sort[0]}__isnull": True}
        without = self.with_order(rows, column).filter(**empty)
        return [along, by_field(without, "name", str, False)]

    def _along(self, rows: QuerySet[Any], added: SiteColumn, descending: bool) -> Stretch:
        """An order that another room gives."""
        ahead = added.walk
        assert ahead is not None

        def counting(chunk: list[Values]) -> list[Values]:
            seen = set(
                rows.filter(pk__in=[site for _v, site in chunk]).values_list("pk", flat=True)
            )
            return [(value, site) for value, site in chunk if site in seen]

        return walked(
            lambda start, number, backwards: ahead(descending != backwards, start, number),
            counting, float, LOOKS,
        )  # fmt: skip

    def _by_visits(self, rows: QuerySet[Any], descending: bool) -> Stretch:
        """A visit counts when it is the last that the actor knows of at its site."""
        filterset = self.filterset()
        visits = filterset.in_window(PastVisit.objects.visible_to(self.actor).made())  # type: ignore[union-attr]

        def ahead(start: Values | None, number: int, backwards: bool) -> list[Values]:
            down = descending != backwards
            return beyond(visits, ("on", down), ("site_id", not down), start, number)

        def counting(chunk: list[Values]) -> list[Values]:
            sites = self._with_last_visit(rows.filter(pk__in={site for _on, site in chunk}))
            last = dict(sites.values_list("pk", "last_visit"))
            return [(on, site) for on, site in chunk if last.get(site) == on]

        return walked(ahead, counting, dt.date, LOOKS)

    def sort_note(self, count: int) -> str:
        if self.made.get("by_name"):
            return _("Too few of these sites are near the beginning of that order to sort so many by "
                     "it: this page goes by name. Narrow the list by a filter.")  # fmt: skip
        return super().sort_note(count)

    def annotate_page(self, rows: list[Any]) -> None:
        for row in rows:
            row.register = shown_source(row.source, self.actor)
        if any(column.key == "tags" for column in self.shown_columns()):
            self._name_tags(rows)
        for added in site_columns():
            if added.annotate_rows:
                added.annotate_rows(rows, self.actor)

    def _name_tags(self, rows: list[Any]) -> None:
        tags: dict[int, list[str]] = {}
        given = SiteTag.objects.visible_to(self.actor).filter(site__in=[row.pk for row in rows])
        for site, name in given.order_by("tag__name", "pk").values_list("site_id", "tag__name"):
            tags.setdefault(site, []).append(name)
        for row in rows:
            row.tag_names = tags.get(row.pk, [])

    def actions(self) -> list[dict[str, Any]]:
        if not self.actor.has_role("analyst", "coordinator", "administrator"):
            return []
        return [{"url": reverse("targets:import_create"), "label": _("Import"), "icon": "import"}]

    def bulk_actions(self) -> list[dict[str, Any]]:
        return [
            {"url": reverse(action.url_name), "label": action.label}
            for action in bulk_actions(self.actor)
        ]

    def extra_context(self) -> dict[str, Any]:
        return {"map_tiles": settings.MAP_TILES, "map_tiles_source": settings.MAP_TILES_SOURCE}

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s site", "%(count)s sites", count)


class CompanyList(WalkedList):
    key = "companies"
    title = gettext_lazy("Companies")
    filterset_class = CompanyFilter
    default_sort = "name"
    count_limit = COUNTED
    ids_first = True
    columns = (
        Column("name", gettext_lazy("Company"), lambda c: c.name, sort=("name",)),
        Column("business_id", gettext_lazy("Business ID"), lambda c: c.business_id or "",
               sort=("business_id",)),
        Column("municipality", gettext_lazy("Municipality"),
               lambda c: c.municipality.name if c.municipality else ""),
        Column("industry", gettext_lazy("Industry"),
               lambda c: c.industry.name if c.industry else "", sort=("industry__path",),
               sort_up_to=SORTED),
        Column("status", gettext_lazy("State"), lambda c: c.get_status_display(),
               cell=lambda c: badge(c.status, c.get_status_display()), sort=("status",),
               sort_up_to=SORTED),
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
                 "icon": "import", "primary": True},
                {"url": reverse("targets:mapping_list"), "label": _("Column mappings"),
                 "icon": "columns"}]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s import", "%(count)s imports", count)


class MappingList(ListPage):
    key = "import_mappings"
    title = gettext_lazy("Column mappings")
    intro = gettext_lazy("Which column of a file is what: those that come with Tarkka, and ours.")
    default_sort = "name"
    exportable = False
    columns = (
        Column("name", gettext_lazy("Name"), lambda m: m.name, sort=("name",), sub=lambda m: m.code),
        Column("kind", gettext_lazy("Kind"), lambda m: m.get_kind_display(), sort=("kind",)),
        Column("columns", gettext_lazy("Columns"), lambda m: ", ".join(
            ", ".join(c) if isinstance(c, list) else c for c in m.columns.values())),
        Column("owner", gettext_lazy("Owner"),
               lambda m: m.authority.name if m.authority else _("comes with Tarkka")),
        Column("created", gettext_lazy("Made"), lambda m: m.created_at, sort=("created_at",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:mapping_detail", args=[row.code])

    def queryset(self) -> QuerySet[Any]:
        return ImportMapping.objects.visible_to(self.actor).select_related("authority")

    def actions(self) -> list[dict[str, Any]]:
        return [{"url": reverse("targets:mapping_create"), "label": _("New column mapping"),
                 "icon": "import", "primary": True}]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s mapping", "%(count)s mappings", count)


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
