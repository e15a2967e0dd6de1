"""The access log as its readers see it: who looked at our data, and what our people looked at."""

from typing import Any

import django_filters
from django.apps import apps
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from audit.models import AccessEntry
from ui.filters import FilterSet
from ui.forms import DateInput
from ui.lists import Column, ListPage


def kind_words(entry: AccessEntry) -> str:
    """What kind of thing was looked at, in the reader's words."""
    try:
        return str(apps.get_model(entry.object_type)._meta.verbose_name)
    except LookupError:
        return entry.object_type


def object_words(entry: AccessEntry) -> str:
    if entry.object_id is not None:
        return f"{kind_words(entry)} {entry.object_id}"
    return ngettext(
        "%(count)s further row of: %(kind)s", "%(count)s further rows of: %(kind)s", entry.count
    ) % {"count": entry.count, "kind": kind_words(entry)}


class AccessFilter(FilterSet):
    whose = django_filters.ChoiceFilter(
        label=_("Which looks"), method="by_side",
        choices=[("ours", _("At our data")), ("people", _("By our people"))],
    )  # fmt: skip
    q = django_filters.CharFilter(label=_("Person or purpose"), method="by_text")
    since = django_filters.DateFilter(
        label=_("From"), field_name="at", lookup_expr="date__gte", widget=DateInput()
    )
    until = django_filters.DateFilter(
        label=_("Until"), field_name="at", lookup_expr="date__lte", widget=DateInput()
    )
    stated = django_filters.ChoiceFilter(
        label=_("Purpose"), method="by_purpose",
        choices=[("stated", _("Typed in")), ("work", _("Follows from work")),
                 ("none", _("None asked"))],
    )  # fmt: skip

    def by_side(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        own = self.request.actor.authority.pk
        return rows.filter(owner_id=own) if value == "ours" else rows.filter(authority_id=own)

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(user__last_name__icontains=value) | Q(user__first_name__icontains=value)
            | Q(user__email__iexact=value) | Q(purpose__text__icontains=value)
        )  # fmt: skip

    def by_purpose(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "none":
            return rows.filter(purpose__isnull=True)
        return rows.filter(purpose__implied=value == "work")


class AccessList(ListPage):
    key = "access"
    title = _("Access log")
    intro = _(
        "Every look at non-public data of your authority, and every look of its people. Entries "
        "cannot be changed or removed by anybody."
    )
    filterset_class = AccessFilter
    default_sort = "-at"
    empty_title = _("Nobody has looked yet")
    empty_text = _("Looks appear here as soon as they happen.")
    columns = (
        Column("at", _("Time"), lambda e: e.at, sort=("at",)),
        Column("who", _("Person"), lambda e: e.user.full_name, sub=lambda e: e.membership.unit.name,
               sort=("user__last_name", "user__first_name")),
        Column("authority", _("Acting for"), lambda e: e.authority.short,
               sort=("authority__code",)),
        Column("object", _("Looked at"), object_words, sort=("object_type", "object_id")),
        Column("owner", _("Owner"), lambda e: e.owner.short if e.owner else "",
               sort=("owner__code",)),
        Column("purpose", _("Purpose"), lambda e: e.purpose.text if e.purpose else ""),
        Column("stated", _("Purpose typed in"),
               lambda e: e.purpose is not None and not e.purpose.implied, default=False),
        Column("route", _("Page"), lambda e: e.route, default=False),
    )  # fmt: skip

    def queryset(self) -> QuerySet[Any]:
        return AccessEntry.objects.visible_to(self.actor).select_related(
            "user", "membership__unit", "authority", "owner", "purpose"
        )

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s look", "%(count)s looks", count)
