"""Lists of authorities and of people."""

from typing import Any

import django_filters
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from authorities.models import Authority, Membership, Role
from ui.filters import FilterSet
from ui.lists import Column, ListPage
from ui.names import name_field


class AuthorityFilter(FilterSet):
    q = django_filters.CharFilter(label=_("Name or code"), method="by_name")
    inspects = django_filters.BooleanFilter(label=_("Makes inspections"))
    valid = django_filters.ChoiceFilter(
        label=_("In force"),
        method="by_validity",
        choices=[("now", _("Now")), ("former", _("Former"))],
    )

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(name_fi__icontains=value) | Q(name_sv__icontains=value)
            | Q(name_en__icontains=value) | Q(code__icontains=value)
        )  # fmt: skip

    def by_validity(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        current = Authority.objects.valid_on().values("pk")
        return rows.filter(pk__in=current) if value == "now" else rows.exclude(pk__in=current)


class AuthorityList(ListPage):
    key = "authorities"
    title = _("Authorities and people")
    intro = _("Who takes part, and whom to call. Starter data, not reviewed.")
    filterset_class = AuthorityFilter
    default_sort = "name"
    columns = (
        Column("name", _("Authority"), lambda a: a.name, sort=("shown_name",),
               sub=lambda a: a.code),
        Column("inspects", _("Makes inspections"), lambda a: a.inspects, sort=("inspects",)),
        Column("units", _("Units"), lambda a: a.unit_count, sort=("unit_count",), numeric=True),
        Column("valid_from", _("From"), lambda a: a.valid_from, sort=("valid_from",)),
        Column("valid_to", _("Until"), lambda a: a.valid_to, sort=("valid_to",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("authorities:authority_detail", args=[row.code])

    def queryset(self) -> QuerySet[Any]:
        return Authority.objects.annotate(
            shown_name=name_field(), unit_count=Count("units", distinct=True)
        )

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s authority", "%(count)s authorities", count)


class PersonFilter(FilterSet):
    q = django_filters.CharFilter(label=_("Name or e-mail"), method="by_name")
    role = django_filters.ChoiceFilter(label=_("Role"), choices=Role.choices, method="by_role")

    def by_name(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(user__first_name__icontains=value) | Q(user__last_name__icontains=value)
            | Q(user__email__icontains=value)
        )  # fmt: skip

    def by_role(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(roles__contains=[value])


class PersonList(ListPage):
    """The own authority's places, for its administrators."""

    key = "people"
    title = _("People of my authority")
    filterset_class = PersonFilter
    default_sort = "name"
    columns = (
        Column("name", _("Name"), lambda m: m.user.full_name,
               sort=("user__last_name", "user__first_name"), sub=lambda m: m.user.email),
        Column("unit", _("Unit"), lambda m: m.unit.name, sort=("unit__code",)),
        Column("roles", _("Roles"),
               lambda m: ", ".join(str(Role(r).label) for r in m.roles)),
        Column("valid_from", _("First day"), lambda m: m.valid_from, sort=("valid_from",),
               default=False),
        Column("valid_to", _("Last day"), lambda m: m.valid_to, sort=("valid_to",)),
        Column("active", _("Account open"), lambda m: m.user.is_active,
               sort=("user__is_active",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("authorities:membership_edit", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Membership.objects.filter(authority=self.actor.authority).select_related(
            "user", "unit"
        )

    def actions(self) -> list[dict[str, Any]]:
        return [
            {"url": reverse("authorities:person_add"), "label": _("Add a person"), "icon": "plus",
             "primary": True},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s person", "%(count)s people", count)
