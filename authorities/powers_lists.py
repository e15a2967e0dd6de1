"""Lists of competences and of grounds."""

from typing import Any

import django_filters
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from authorities import terms
from authorities.models import (
    Authority,
    AuthorityGroup,
    Competence,
    Ground,
    GroundKind,
    GroundState,
    GroundVersion,
    TermKind,
)
from ui.filters import FilterSet
from ui.forms import DateInput
from ui.lists import Column, ListPage

SHOWN_NAMES = 3


def few(words: str) -> str:
    """The first names of a comma-separated line, and how many more there are."""
    names = words.split(", ")
    more = len(names) - SHOWN_NAMES
    if more <= 1:  # naming the last one takes no more room than counting it
        return words
    return ngettext("%(names)s and %(count)s more", "%(names)s and %(count)s more", more) % {
        "names": ", ".join(names[:SHOWN_NAMES]), "count": more,
    }  # fmt: skip


def wide(words: str) -> SafeString:
    """Running text that needs room in a table."""
    return format_html('<span class="wide">{}</span>', words)


def _authorities() -> list[tuple[str, str]]:
    rows = [(a.code, a.name) for a in Authority.objects.order_by("code")]
    return sorted(rows, key=lambda row: row[1])


class CompetenceFilter(FilterSet):
    action = django_filters.ChoiceFilter(
        label=_("What may be done"), choices=lambda: terms.choices(TermKind.ACTION)
    )
    place = django_filters.ChoiceFilter(
        label=_("Kind of place"), method="by_place",
        choices=lambda: terms.choices(TermKind.PREMISES),
    )  # fmt: skip
    who = django_filters.ChoiceFilter(label=_("Authority"), method="by_who", choices=_authorities)
    entry = django_filters.BooleanFilter(
        label=_("Gives a right of entry"), field_name="entry_right"
    )
    day = django_filters.DateFilter(label=_("On the day"), method="by_day", widget=DateInput())
    q = django_filters.CharFilter(label=_("Words or act"), method="by_text")

    def by_place(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(premises__contains=[value])

    def by_who(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Its own competences and those of the groups it belongs to."""
        authority = Authority.objects.get(code=value)
        groups = [g.pk for g in AuthorityGroup.objects.all() if g.holds(authority)]
        return rows.filter(Q(authority=authority) | Q(group_id__in=groups))

    def by_day(self, rows: Any, name: str, value: Any) -> Any:
        return rows.valid_on(value)

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(
            Q(text_fi__icontains=value) | Q(text_sv__icontains=value) | Q(text_en__icontains=value)
            | Q(basis__icontains=value) | Q(code__iexact=value)
        )  # fmt: skip


class CompetenceList(ListPage):
    key = "competences"
    title = _("Powers")
    intro = _("Who may do what, where and on which legal ground.")
    filterset_class = CompetenceFilter
    default_sort = "authority"
    template = "authorities/competences.html"
    empty_title = _("No competence matches")
    empty_text = _("Loosen a filter, for example the kind of place.")
    columns = (
        Column("action", _("What may be done"), lambda c: c.action_words, sort=("action",)),
        Column("authority", _("Authority"), lambda c: c.holder, sort=("authority__code",)),
        Column("text", _("Conditions"), lambda c: c.text, cell=lambda c: wide(c.text)),
        Column("entry", _("Entry"), lambda c: c.entry_right, sort=("entry_right",)),
        Column("premises", _("Kinds of place"), lambda c: c.premises_words,
               cell=lambda c: few(c.premises_words)),
        Column("notice", _("Prior notice"), lambda c: c.notice_words, default=False),
        Column("basis", _("Legal reference"), lambda c: c.basis_words),
        Column("from", _("From"), lambda c: c.valid_from, sort=("valid_from",), default=False),
        Column("to", _("Until"), lambda c: c.valid_to, sort=("valid_to",), default=False),
        Column("reviewed", _("Reviewed"), lambda c: c.reviewed_on or _now("not reviewed"),
               sort=("reviewed_on",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("authorities:competence_detail", args=[row.public_id])

    def queryset(self) -> QuerySet[Any]:
        return Competence.objects.select_related("authority", "group")

    def extra_context(self) -> dict[str, Any]:
        return {"all_reviewed": not self.queryset().filter(reviewed_on__isnull=True).exists()}

    def annotate_page(self, rows: list[Any]) -> None:
        actions, places, notices = (
            terms.labels(kind) for kind in (TermKind.ACTION, TermKind.PREMISES, TermKind.NOTICE)
        )
        for row in rows:
            row.action_words = actions.get(row.action, row.action)
            row.premises_words = ", ".join(places.get(code, code) for code in row.premises)
            row.notice_words = notices.get(row.notice, row.notice)

    def actions(self) -> list[dict[str, Any]]:
        if self.actor is None or not self.actor.has_role("administrator"):
            return []
        return [
            {"url": reverse("authorities:competence_create"), "label": _now("Add a competence"),
             "icon": "plus", "primary": True},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s competence", "%(count)s competences", count)


class GroundFilter(FilterSet):
    giver = django_filters.ChoiceFilter(
        label=_("Who gives"), method="by_side", choices=_authorities
    )
    receiver = django_filters.ChoiceFilter(
        label=_("Who receives"), method="by_side", choices=_authorities
    )
    information = django_filters.ChoiceFilter(
        label=_("Kind of information"), method="by_information",
        choices=lambda: terms.choices(TermKind.INFORMATION),
    )  # fmt: skip
    mode = django_filters.ChoiceFilter(
        label=_("Way of giving"), method="by_mode",
        choices=lambda: terms.choices(TermKind.MODE),
    )  # fmt: skip
    state = django_filters.ChoiceFilter(
        label=_("State"), method="by_state",
        choices=[("open", _("Waiting for a decision")), ("unreviewed", _("Not reviewed"))],
    )  # fmt: skip

    def by_side(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Named itself, or by a group it belongs to."""
        authority = Authority.objects.get(code=value)
        codes = [value, *(g.code for g in AuthorityGroup.objects.all() if g.holds(authority))]
        field = {"giver": "givers", "receiver": "receivers"}[name]
        return _saying(rows, **{f"{field}__overlap": codes})

    def by_information(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return _saying(rows, information__contains=[value])

    def by_mode(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return _saying(rows, mode=value)

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value == "open":
            waiting = GroundVersion.objects.filter(state=GroundState.SUBMITTED)
            return rows.filter(pk__in=waiting.values("ground_id"))
        return rows.filter(reviewed_on__isnull=True)


def _saying(rows: QuerySet[Any], **what: Any) -> QuerySet[Any]:
    """Grounds whose shown version says ``what``: older and rejected ones are not searched."""
    found = GroundVersion.objects.filter(pk=OuterRef("shown_pk"), **what)
    return rows.filter(Exists(found))


class GroundList(ListPage):
    key = "grounds"
    title = _("Grounds for disclosure")
    intro = _("Who may give what to whom, by which law and from which day.")
    filterset_class = GroundFilter
    default_sort = "code"
    template = "authorities/grounds.html"
    columns = (
        Column("code", _("Code"), lambda g: g.code, sort=("code",),
               cell=lambda g: format_html('<span class="nowrap">{}</span>', g.code)),
        Column("givers", _("Who gives"), lambda g: g.words["givers"],
               cell=lambda g: few(g.words["givers"])),
        Column("receivers", _("Who receives"), lambda g: g.words["receivers"],
               cell=lambda g: few(g.words["receivers"])),
        Column("information", _("Kinds of information"), lambda g: g.words["information"],
               cell=lambda g: few(g.words["information"])),
        Column("mode", _("Way of giving"), lambda g: g.words["mode"]),
        Column("kind", _("Does it apply?"), lambda g: g.words["kind"],
               sub=lambda g: g.words["since"]),
        Column("from", _("From"), lambda g: g.words["from"], default=False),
        Column("reviewed", _("Reviewed"), lambda g: g.reviewed_on or _now("not reviewed"),
               sort=("reviewed_on",)),
    )  # fmt: skip

    @staticmethod
    def link(row: Any) -> str:
        return reverse("authorities:ground_detail", args=[row.code])

    def queryset(self) -> QuerySet[Any]:
        """Grounds with the version that is shown: the newest published, else the newest."""
        published_first = Case(When(state=GroundState.PUBLISHED, then=Value(0)), default=Value(1))
        shown = (
            GroundVersion.objects.visible_to(self.actor)
            .filter(ground=OuterRef("pk"))
            .order_by(published_first, "-number")
        )
        return Ground.objects.annotate(
            shown_pk=Subquery(shown.values("pk")[:1]),
            reviewed_on=Subquery(shown.values("reviewed_on")[:1]),
        ).filter(shown_pk__isnull=False)

    def extra_context(self) -> dict[str, Any]:
        return {"all_reviewed": not self.queryset().filter(reviewed_on__isnull=True).exists()}

    def annotate_page(self, rows: list[Any]) -> None:
        from authorities.powers_forms import group_names

        newest = GroundVersion.objects.in_bulk([row.shown_pk for row in rows])
        names, kinds, modes = (
            group_names(), terms.labels(TermKind.INFORMATION), terms.labels(TermKind.MODE),
        )  # fmt: skip
        for row in rows:
            row.words = version_words(newest[row.shown_pk], names, kinds, modes)

    def actions(self) -> list[dict[str, Any]]:
        if self.actor is None or not self.actor.has_role("administrator"):
            return []
        return [
            {"url": reverse("authorities:ground_create"), "label": _now("Add a ground"),
             "icon": "plus", "primary": True},
        ]  # fmt: skip

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s ground", "%(count)s grounds", count)


def version_words(
    version: GroundVersion, names: dict[str, str], kinds: dict[str, str], modes: dict[str, str]
) -> dict[str, Any]:
    """A version's codes as words for a reader."""
    today = timezone.localdate()
    kind = version.get_kind_display()
    if version.is_open:
        kind = version.get_state_display()
    elif version.kind == GroundKind.IN_FORCE and version.valid_from and version.valid_from > today:
        kind = _now("will apply")
    elif version.kind == GroundKind.IN_FORCE and version.valid_to and version.valid_to < today:
        kind = _now("no longer applies")
    return {
        "givers": ", ".join(names.get(code, code) for code in version.givers),
        "receivers": ", ".join(names.get(code, code) for code in version.receivers),
        "information": ", ".join(kinds.get(code, code) for code in version.information),
        "mode": modes.get(version.mode, version.mode), "kind": kind, "from": version.valid_from,
        "since": _now("from %(day)s")
        % {"day": date_format(version.valid_from, "SHORT_DATE_FORMAT")}
        if version.valid_from else "",
    }  # fmt: skip
