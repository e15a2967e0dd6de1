"""Lists of signals, data sets and proofs of erasure."""

from itertools import islice
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from authorities import terms
from authorities.models import TermKind
from targets.models import Classification, Dataset, Erasure, Signal
from targets.search import find
from ui.filters import FilterSet
from ui.forms import DateInput
from ui.lists import Column, ListPage

SIGNALS = 300  # of the targets found, the newest of which are shown


class SignalFilter(FilterSet):
    q = django_filters.CharFilter(label=_("Target or words"), method="by_text")
    kind = django_filters.ChoiceFilter(
        label=_("Kind of information"), choices=lambda: terms.choices(TermKind.INFORMATION)
    )
    whose = django_filters.ChoiceFilter(
        label=_("Owner"), method="by_owner",
        choices=[("own", _("My authority")), ("received", _("Received from others"))],
    )  # fmt: skip
    classification = django_filters.ChoiceFilter(
        label=_("Classification"), choices=Classification.choices
    )
    since = django_filters.DateFilter(
        label=_("Seen from"), field_name="observed_on", lookup_expr="gte", widget=DateInput()
    )

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(company__name__icontains=value) | Q(company__business_id__startswith=value)
            | Q(site__name__icontains=value) | Q(topic__icontains=value) | Q(text__icontains=value)
        )  # fmt: skip

    def by_owner(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        own = Q(authority_id=self.request.actor.authority.pk)
        return rows.filter(own if value == "own" else ~own)


class SignalList(ListPage):
    key = "signals"
    title = _("Signals")
    intro = _("What your authority has seen or been told, and what others have given it.")
    filterset_class = SignalFilter
    default_sort = "-observed"
    empty_title = _("No signals yet")
    empty_text = _("Write the first one: it takes less than a minute.")
    classification = _("confidential")
    columns = (
        Column("subject", _("About"), lambda s: s.subject_name, sub=lambda s: s.get_about_display()),
        Column("kind", _("Kind of information"), lambda s: s.kind_words, sort=("kind",)),
        Column("observed", _("Seen on"), lambda s: s.observed_on, sort=("observed_on",),
               descending_first=True),
        Column("grade", _("Grade"), lambda s: f"{s.reliability}{s.accuracy}",
               sort=("reliability", "accuracy")),
        Column("owner", _("Owner"), lambda s: s.authority.short, sort=("authority__code",)),
        Column("classification", _("Classification"), lambda s: s.get_classification_display(),
               sort=("classification",), default=False),
        Column("expires", _("Kept until"), lambda s: s.expires_on, sort=("expires_on",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:signal_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Signal.objects.visible_to(self.actor).select_related("company", "site", "authority")

    def annotate_page(self, rows: list[Any]) -> None:
        kinds = terms.labels(TermKind.INFORMATION)
        for row in rows:
            row.kind_words = kinds.get(row.kind, row.kind)

    def actions(self) -> list[dict[str, Any]]:
        return [
            {"url": reverse("targets:signal_create"), "label": _now("Write a signal"),
             "icon": "plus", "primary": True},
            {"url": reverse("targets:sharing"), "label": _now("Given and received"),
             "icon": "send"},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s signal", "%(count)s signals", count)


class DatasetList(ListPage):
    key = "datasets"
    title = _("Data sets")
    intro = _("Mass data for choosing targets. It can never become evidence in a case.")
    default_sort = "-made"
    empty_title = _("No data sets")
    empty_text = _("A data set needs a ground, a purpose and a last day before it is read.")
    columns = (
        Column("title", _("Name"), lambda d: d.title, sort=("title",)),
        Column("kind", _("Kind of information"), lambda d: d.kind_words, sort=("kind",)),
        Column("owner", _("Owner"), lambda d: d.authority.short, sort=("authority__code",)),
        Column("rows", _("Rows"), lambda d: d.row_count, sort=("row_count",), numeric=True),
        Column("state", _("State"), lambda d: d.get_state_display(), sort=("state",)),
        Column("expires", _("Last day"), lambda d: d.expires_on, sort=("expires_on",)),
        Column("made", _("Made"), lambda d: d.created_at, sort=("created_at",), default=False),
    )

    @staticmethod
    def link(row: Any) -> str:
        return reverse("targets:dataset_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Dataset.objects.visible_to(self.actor).select_related("authority")

    def annotate_page(self, rows: list[Any]) -> None:
        kinds = terms.labels(TermKind.INFORMATION)
        for row in rows:
            row.kind_words = kinds.get(row.kind, row.kind)

    def actions(self) -> list[dict[str, Any]]:
        if not self.actor.has_role("analyst", "coordinator", "administrator"):
            return []
        return [
            {"url": reverse("targets:dataset_create"), "label": _now("New data set"),
             "icon": "plus", "primary": True},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s data set", "%(count)s data sets", count)


ERASED = {"signal": _("signal"), "dataset": _("data set"), "facts": _("facts of an import")}


class ErasureList(ListPage):
    key = "erasures"
    title = _("Proofs of erasure")
    intro = _("What was erased when its time was over. Entries cannot be changed.")
    default_sort = "-erased"
    columns = (
        Column("item", _("Item"), lambda e: str(e.item)),
        Column("what", _("What"), lambda e: ERASED[e.what], sort=("what",)),
        Column("expired", _("Kept until"), lambda e: e.expired_on, sort=("expired_on",)),
        Column("erased", _("Erased"), lambda e: e.erased_at, sort=("erased_at",)),
        Column("rows", _("Rows"), lambda e: e.rows, numeric=True),
        Column("files", _("Files"), lambda e: e.files, numeric=True),
        Column("digest", _("Digest"), lambda e: e.digest),
    )  # fmt: skip

    def queryset(self) -> QuerySet[Any]:
        return Erasure.objects.visible_to(self.actor)

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s proof", "%(count)s proofs", count)


def search_signals(actor: Any, text: str, limit: int) -> dict[str, Any]:
    """Signals for the global search, by their target (as the search finds it) or their topic."""
    sites = [hit.pk for hit in find(actor, "s", text, limit)]
    companies = [hit.pk for hit in find(actor, "c", text, limit)]
    rows = Signal.objects.visible_to(actor).select_related("company", "site")
    # Unordered, so that the few of these targets are looked up and not all signals walked by day.
    about = rows.filter(Q(company__in=companies) | Q(site__in=sites)).order_by()
    found = list(islice(about.iterator(chunk_size=SIGNALS), SIGNALS)) if sites or companies else []
    topics = rows.filter(~Q(topic=""), topic__icontains=text).order_by("-observed_on", "-pk")
    found += topics[:limit]
    found = sorted(found, key=lambda signal: (signal.observed_on, signal.pk), reverse=True)[:limit]
    return {
        "label": _now("Signals"),
        "rows": [
            {
                "label": signal.subject_name,
                "url": reverse("targets:signal_detail", args=[signal.public_id]),
                "note": date_format(signal.observed_on, "SHORT_DATE_FORMAT"),
            }
            for signal in found
        ],
        "more_url": f"{reverse('targets:signal_list')}?{urlencode({'q': text})}",
    }
