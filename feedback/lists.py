"""Lists of measures, outcomes, feedback and reports."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authorities.models import Area, Authority
from feedback.models import (
    Feedback,
    Measure,
    MeasureKind,
    MeasureState,
    Outcome,
    OutcomeKind,
)
from planning.models import Operation
from ui.filters import FilterSet
from ui.lists import Column, ListPage
from ui.templatetags.ui import badge


def _visible_operations(request: Any) -> QuerySet[Any]:
    return (
        Operation.objects.visible_to(request.actor)
        .filter(state__in=["executing", "feedback", "closed"])
        .order_by("-window_start", "-pk")
    )


def _authorities(request: Any) -> QuerySet[Any]:
    visible = Operation.objects.visible_to(request.actor)
    return (
        Authority.objects.filter(participations__operation__in=visible).distinct().order_by("code")
    )


def _regions(request: Any) -> QuerySet[Any]:
    visible = Operation.objects.visible_to(request.actor)
    return Area.objects.filter(operations__in=visible).distinct().order_by("country", "code")


class MeasureFilter(FilterSet):
    operation = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Operation"), queryset=_visible_operations, to_field_name="public_id"
    )
    authority = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Authority"), queryset=_authorities, to_field_name="code"
    )
    region = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Region"), queryset=_regions, field_name="visit__site__region"
    )
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Kind"), choices=MeasureKind.choices)
    state = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=MeasureState.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    due = django_filters.ChoiceFilter(
        label=gettext_lazy("Deadline"), method="by_deadline",
        choices=[("open", gettext_lazy("All open")), ("overdue", gettext_lazy("Overdue"))],
    )  # fmt: skip

    def by_deadline(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        rows = rows.open()
        if value == "overdue":
            rows = rows.filter(deadline__lt=timezone.localdate())
        return rows  # type: ignore[no-any-return]


def shown_measure_state(measure: Measure) -> Any:
    if measure.state in ("open", "in_progress") and measure.deadline < timezone.localdate():
        return badge("overdue", _("Overdue"))
    return badge(measure.state, measure.get_state_display())


class MeasureList(ListPage):
    key = "measures"
    title = gettext_lazy("Follow-up measures")
    filterset_class = MeasureFilter
    default_sort = "deadline"
    empty_title = gettext_lazy("No follow-up measures")
    empty_text = gettext_lazy("Measures are opened on an operation’s Outcomes tab.")
    columns = (
        Column("kind", gettext_lazy("Measure"), lambda m: m.get_kind_display(), sort=("kind",),
               sub=lambda m: m.visit.site.shown_name),
        Column("operation", gettext_lazy("Operation"), lambda m: m.operation.name,
               sort=("operation__number",)),
        Column("authority", gettext_lazy("Authority"), lambda m: m.authority.short,
               sort=("authority__code",)),
        Column("deadline", gettext_lazy("Deadline"), lambda m: m.deadline, sort=("deadline",)),
        Column("state", gettext_lazy("State"), lambda m: m.get_state_display(),
               cell=shown_measure_state, sort=("state",)),
        Column("result", gettext_lazy("Result"), lambda m: m.get_result_display(), default=False),
        Column("region", gettext_lazy("Region"),
               lambda m: m.visit.site.region.name if m.visit.site.region else "", default=False),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("feedback:measure_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Measure.objects.visible_to(self.actor).select_related(
            "visit__site__region", "operation", "authority"
        )

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s measure", "%(count)s measures", count)


class OutcomeFilter(FilterSet):
    operation = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Operation"), queryset=_visible_operations,
        field_name="visit__operation", to_field_name="public_id",
    )  # fmt: skip
    authority = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Authority"), queryset=_authorities, to_field_name="code"
    )
    region = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Region"), queryset=_regions, field_name="visit__site__region"
    )
    kind = django_filters.ChoiceFilter(label=gettext_lazy("Outcome"), choices=OutcomeKind.choices)


class OutcomeList(ListPage):
    key = "outcomes"
    title = gettext_lazy("Outcomes")
    intro = gettext_lazy("One row for each visit and authority.")
    filterset_class = OutcomeFilter
    default_sort = "site"
    columns = (
        Column("site", gettext_lazy("Site"), lambda o: o.visit.site.shown_name,
               sort=("visit__site__name",), sub=lambda o: o.visit.operation.name),
        Column("authority", gettext_lazy("Authority"), lambda o: o.authority.short,
               sort=("authority__code",)),
        Column("kind", gettext_lazy("Outcome"), lambda o: o.get_kind_display(),
               cell=lambda o: badge(o.kind, o.get_kind_display()), sort=("kind",)),
        Column("region", gettext_lazy("Region"),
               lambda o: o.visit.site.region.name if o.visit.site.region else ""),
        Column("recorded", gettext_lazy("Recorded"), lambda o: o.recorded_at,
               sort=("recorded_at",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("execution:visit", args=[row.visit.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Outcome.objects.visible_to(self.actor).select_related(
            "visit__site__region", "visit__operation", "authority"
        )

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s outcome", "%(count)s outcomes", count)


class FeedbackFilter(FilterSet):
    operation = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Operation"), queryset=_visible_operations,
        field_name="nomination__operation", to_field_name="public_id",
    )  # fmt: skip
    chosen = django_filters.BooleanFilter(label=gettext_lazy("Selected"))


class FeedbackList(ListPage):
    key = "feedback"
    title = gettext_lazy("What became of our nominations")
    filterset_class = FeedbackFilter
    default_sort = "-when"
    empty_title = gettext_lazy("No feedback yet")
    empty_text = gettext_lazy("It comes by itself when an operation reaches feedback.")
    columns = (
        Column("site", gettext_lazy("Site"), lambda f: f.nomination.site.shown_name,
               sort=("nomination__site__name",), sub=lambda f: f.nomination.operation.name),
        Column("chosen", gettext_lazy("Decision"),
               lambda f: _("Selected") if f.chosen else _("Left out"),
               cell=lambda f: badge("picked" if f.chosen else "dropped",
                                    _("Selected") if f.chosen else _("Left out")),
               sub=lambda f: f.choice_reason),
        Column("visited", gettext_lazy("Visited"), lambda f: f.visited, sort=("visited",)),
        Column("outcomes", gettext_lazy("Outcomes"),
               lambda f: ", ".join(
                   f"{o['authority']}: {OutcomeKind(o['kind']).label}" for o in f.outcomes)),
        Column("measures", gettext_lazy("Open measures"), lambda f: f.measures_open,
               numeric=True),
        Column("when", gettext_lazy("When"), lambda f: f.created_at, sort=("created_at",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:site_detail", args=[row.nomination.site.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Feedback.objects.visible_to(self.actor).select_related(
            "nomination__site", "nomination__operation"
        )

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s nomination", "%(count)s nominations", count)


class ReportList(ListPage):
    key = "reports"
    title = gettext_lazy("Reports")
    default_sort = "-window"
    exportable = False
    empty_title = gettext_lazy("No reports yet")
    empty_text = gettext_lazy("An operation has a report once its inspections have begun.")
    columns = (
        Column("name", gettext_lazy("Operation"), lambda o: o.name, sort=("name",),
               sub=lambda o: o.number),
        Column("state", gettext_lazy("State"), lambda o: o.get_state_display(),
               cell=lambda o: badge(o.state, o.get_state_display()), sort=("state",)),
        Column("lead", gettext_lazy("Lead"), lambda o: o.lead_authority.short),
        Column("window", gettext_lazy("Inspections until"), lambda o: o.window_end,
               sort=("window_end",)),
        Column("overdue", gettext_lazy("Measures overdue"), lambda o: o.has_overdue),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("feedback:report", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        overdue = Measure.objects.open().filter(
            operation=OuterRef("pk"), deadline__lt=timezone.localdate()
        )
        return (
            Operation.objects.visible_to(self.actor)
            .filter(state__in=["executing", "feedback", "closed"])
            .select_related("lead_authority")
            .annotate(has_overdue=Exists(overdue))
        )

    def actions(self) -> list[dict[str, Any]]:
        return [
            {"url": reverse("feedback:inbox"), "label": _("What became of our nominations"),
             "icon": "message"},
            {"url": reverse("feedback:outcome_list"), "label": _("Outcomes"), "icon": "follow"},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s report", "%(count)s reports", count)
