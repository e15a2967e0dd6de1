"""The queue of pairs that may be the same."""

from typing import TYPE_CHECKING, Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from targets.identity_words import percent, summary
from targets.models import Kind, LinkRun, MatchPair
from targets.services.identity.thresholds import SETTERS
from targets.source_words import anothers, shown_source
from ui.filters import FilterSet
from ui.lists import Column, ListPage
from ui.templatetags.ui import badge

if TYPE_CHECKING:
    from targets.models.identity import MatchPairQuerySet

STATES = [
    ("waiting", gettext_lazy("To be decided")),
    ("put_off", gettext_lazy("Put off")),
    ("same", gettext_lazy("Decided: the same")),
    ("different", gettext_lazy("Decided: different")),
]


def in_state(rows: "MatchPairQuerySet", state: str) -> QuerySet[Any]:
    today = timezone.localdate()
    if state == "put_off":
        return rows.waiting().filter(put_off_until__gt=today)
    if state == "waiting":
        return rows.waiting().filter(Q(put_off_until__isnull=True) | Q(put_off_until__lte=today))
    return rows.filter(state=state)


class PairFilter(FilterSet):
    state = django_filters.ChoiceFilter(
        label=gettext_lazy("State"), choices=STATES, method="by_state",
        empty_label=gettext_lazy("To be decided"),
    )  # fmt: skip
    kind = django_filters.ChoiceFilter(
        label=gettext_lazy("What"), choices=Kind.choices, method="by_kind"
    )
    strong = django_filters.BooleanFilter(
        label=gettext_lazy("Only strong ones"), method="by_strength", widget=forms.CheckboxInput
    )
    source = django_filters.CharFilter(
        label=gettext_lazy("Register"), method="by_source", max_length=40
    )

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows  # in the list's own queryset, which also knows what is meant without a choice

    def by_kind(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(**{f"{value}_a__isnull": False})

    def by_strength(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(strong=True) if value else rows

    def by_source(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        ends = ("site_a", "site_b", "company_a", "company_b")
        found = Q()
        for end in ends:
            starts = Q(**{f"{end}__source__istartswith": value})
            found |= starts & ~anothers(self.request.actor, f"{end}__source")
        return rows.filter(found)


def _place(pair: MatchPair) -> str:
    names = [row.municipality.name for row in (pair.a, pair.b) if row.municipality]
    return ", ".join(dict.fromkeys(names))


def _state(pair: MatchPair) -> str:
    return _("Put off") if pair.is_put_off else pair.get_state_display()


class MatchPairList(ListPage):
    key = "pairs"
    title = gettext_lazy("Possible matches")
    intro = gettext_lazy(
        "Rows of the registers that may be one and the same place or company. People decide on"
        " each; what was merged can be taken apart again."
    )
    filterset_class = PairFilter
    default_sort = "-probability"
    template = "targets/identity/pairs.html"
    empty_title = gettext_lazy("Nothing waits for a decision")
    empty_text = gettext_lazy("Pairs come here when the registers are compared.")
    columns = (
        Column("pair", gettext_lazy("Pair"), lambda p: p.a.name, sub=lambda p: p.b.name),
        Column("kind", gettext_lazy("What"), lambda p: Kind(p.kind).label),
        Column("probability", gettext_lazy("Probability"), lambda p: round(p.probability, 4),
               cell=lambda p: percent(p.probability), sort=("probability",), numeric=True,
               descending_first=True),
        Column("evidence", gettext_lazy("What speaks for it"), summary),
        Column("place", gettext_lazy("Municipality"), _place),
        Column("registers", gettext_lazy("Registers"),
               lambda p: ", ".join(dict.fromkeys(p.registers))),
        Column("state", gettext_lazy("State"), _state, cell=lambda p: badge(p.state, _state(p)),
               default=False),
        Column("decided_by", gettext_lazy("Decided by"),
               lambda p: p.decided_by.full_name if p.decided_by else "", default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:pair", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        state = self.query.get("state", "")
        known = {code for code, _words in STATES}
        rows = MatchPair.objects.visible_to(self.actor).select_related(
            "site_a__municipality", "site_b__municipality", "company_a__municipality",
            "company_b__municipality", "decided_by",
        )  # fmt: skip
        return in_state(rows, state if state in known else "waiting")

    def annotate_page(self, rows: list[Any]) -> None:
        for row in rows:
            row.registers = [shown_source(end.source, self.actor) for end in (row.a, row.b)]

    def actions(self) -> list[dict[str, Any]]:
        if not self.actor.has_role(*SETTERS):
            return []
        return [{"url": reverse("targets:thresholds"), "label": _("Limits"), "icon": "filter"}]

    def bulk_actions(self) -> list[dict[str, Any]]:
        return [{"url": reverse("targets:pairs_join"), "label": _("These are the same")}]

    def extra_context(self) -> dict[str, Any]:
        return {"runs": list(LinkRun.objects.order_by("-created_at", "-pk")[:2])}

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s pair", "%(count)s pairs", count)
