"""Filters of the lists of sites and companies. Each is bounded at a country's number of rows."""

import datetime as dt
from functools import partial
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from authorities.models import Area, AreaKind, Authority
from targets.fact_words import LICENCES
from targets.hooks import site_choices
from targets.models import (
    REMARKED,
    CompanyStatus,
    Fact,
    Industry,
    PastVisit,
    SearchEntry,
    Site,
    SiteStatus,
    SiteTag,
    SiteType,
    Tag,
    VisitOutcome,
)
from targets.querysets import PastVisitQuerySet
from targets.search import Typed, holding, named_so, spellings
from targets.source_words import anothers
from ui.filters import FilterSet, once
from ui.forms import DateInput
from ui.kept import kept
from ui.names import name_field
from ui.trees import Node, Tree, TreeSelect

SIZES = {"1": (1, 4), "5": (5, 9), "10": (10, 49), "50": (50, 249), "250": (250, None)}
SHOWN_EDITION = "TOL2025"  # the newest national one, whose tree is shown
# Of the last visit, whether it was possible or not: what each choice stands for.
WITH_REMARKS = "remarks"
LAST_OUTCOMES = {WITH_REMARKS: REMARKED}
AGES = {"0": (0, 1), "1": (1, 2), "2": (2, 5), "5": (5, 10), "10": (10, None)}  # years


def in_industry(rows: QuerySet[Any], *values: str) -> QuerySet[Any]:
    """Rows of the classes whose code begins with one of ``values``, or of a section with that letter.

    ``TOL2008 56`` means the code in that edition alone; without one, codes of every edition count.
    Letters mean other industries in other editions: one alone stands for the divisions below it in
    the tree that is shown, in every edition. The classes are found first: their ids lead into an
    index, a join would not.
    """
    found = Q()
    for value in values:
        edition, _space, code = value.strip().upper().rpartition(" ")
        code = code.replace(".", "")
        one = Q(code__startswith=code)
        if code.isalpha() and edition:
            one = Q(code=code) | Q(path__startswith=f"{code}/")
        elif code.isalpha():
            one = in_section(code)
        if edition:
            one &= Q(edition__code=edition.replace(" ", ""))
        found |= one
    ids = Industry.objects.filter(found).order_by("pk").values_list("pk", flat=True)
    return rows.filter(industry__in=list(ids))


def in_section(letter: str) -> Q:
    """Classes of a section of the tree that is shown, whatever their edition. One small query."""
    shown = Q(edition__code=SHOWN_EDITION, path__startswith=f"{letter}/", level=2)
    found = Q(edition__code=SHOWN_EDITION, code=letter)
    for division in Industry.objects.filter(shown).order_by("pk").values_list("code", flat=True):
        found |= Q(code__startswith=division)
    return found


def regions_for(actor: Any) -> QuerySet[Any]:
    """Regions to choose from: those of the membership, else all."""
    regions = Area.objects.filter(kind=AreaKind.REGION).order_by("country", "code")
    return regions.filter(pk__in=actor.region_ids) if actor.region_ids else regions


def areas_to_choose(actor: Any) -> Tree:
    """The tree of areas of this actor in the language in use; no query when it is kept."""
    key = ("areas", get_language(), tuple(sorted(actor.region_ids or ())))
    return kept(key, lambda: Tree.of(area_tree(actor)))


def industries_to_choose() -> Tree:
    return kept(("industries", get_language()), lambda: Tree.of(industry_tree()))


def inspecting() -> list[tuple[str, str]]:
    """Authorities that make inspections."""

    def make() -> list[tuple[str, str]]:
        rows = Authority.objects.filter(inspects=True).order_by("code")
        return [(str(pk), name) for pk, name in rows.values_list("pk", name_field())]

    return kept(("inspecting", get_language()), make)


def tags_to_choose(actor: Any) -> list[tuple[str, str]]:
    tags = Tag.objects.visible_to(actor).order_by("name", "pk")
    return [(str(key), name) for key, name in tags.values_list("public_id", "name")]


def area_tree(actor: Any) -> list[Node]:
    """Regions with their municipalities in force. One query (and the actor's regions)."""
    kinds = [AreaKind.REGION, AreaKind.MUNICIPALITY]
    areas = Area.objects.filter(kind__in=kinds, valid_to__isnull=True)
    if actor.region_ids:
        areas = areas.filter(Q(pk__in=actor.region_ids) | Q(region__in=actor.region_ids))
    rows = list(
        areas.order_by("country", "code", "pk").values_list("pk", "kind", "region_id", name_field())
    )
    heads = {pk: Node(str(pk), name) for pk, kind, _up, name in rows if kind == AreaKind.REGION}
    for pk, kind, region, name in sorted(rows, key=lambda row: row[3]):
        if kind == AreaKind.MUNICIPALITY and region in heads:
            heads[region].children.append(Node(str(pk), name))
    return list(heads.values())


def industry_tree() -> list[Node]:
    """Sections, divisions and groups of the newest national edition. One query."""
    heads: list[Node] = []
    known: dict[str, Node] = {}
    classes = Industry.objects.filter(edition__code=SHOWN_EDITION, level__lte=3).order_by(
        "path", "pk"
    )
    for code, path, name in classes.values_list("code", "path", name_field()):
        node = Node(code, f"{code[:2]}.{code[2:]} {name}" if len(code) > 2 else f"{code} {name}")
        above = known.get(path.rpartition("/")[0])
        (above.children if above else heads).append(node)
        known[path] = node
    return heads


class TreeField(forms.MultipleChoiceField):
    """Ticked values of a tree; unknown ones are refused as a choice would be."""

    widget = TreeSelect


class TreeFilter(django_filters.MultipleChoiceFilter):
    field_class = TreeField

    def grow(self, tree: Tree) -> None:
        widget = TreeSelect()
        widget.nodes, widget.mark = tree.nodes, tree.mark
        # A function: a list of hundreds would be copied and looked through for every form.
        self.extra |= {"choices": lambda: tree.choices, "widget": widget}


def years_ago(today: dt.date, years: int) -> dt.date:
    try:
        return today.replace(year=today.year - years)
    except ValueError:  # the 29th of February
        return today.replace(year=today.year - years, day=28)


def two_years_ago() -> dt.date:
    return years_ago(timezone.localdate(), 2)


class WordFilter(FilterSet):
    """Rows by words, as the search finds them."""

    side: ClassVar[str]  # of ``targets.search``
    q = django_filters.CharFilter(
        label=gettext_lazy("Name, address or business ID"), method="by_text", max_length=100
    )

    def by_text(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return holding(rows, self.side, self.request.actor, value)

    def named_so(self) -> tuple[QuerySet[SearchEntry], QuerySet[SearchEntry]] | None:
        """Entries of names that begin with the one or two letters typed, and that have them as words."""
        asked = self.is_bound and self.form.is_valid() and self.form.cleaned_data.get("q")
        return named_so(self.side, self.request.actor, asked) if asked else None

    def note(self) -> str:
        """That the spelling was guessed, and not which words were taken: one may be a hidden row's."""
        asked = self.is_bound and self.form.is_valid() and self.form.cleaned_data.get("q")
        if not asked or not spellings(self.request.actor, self.side, Typed.of(asked)):
            return ""
        return _("Nothing is written as you typed it. What is listed has similar words.")


class SiteFilter(WordFilter):
    side = "s"
    region = TreeFilter(label=gettext_lazy("Region and municipality"), method="by_area")
    branch = TreeFilter(label=gettext_lazy("Industry"), method="by_branch")
    industry = django_filters.CharFilter(
        label=gettext_lazy("Industry code begins with"),
        method="by_industry",
        max_length=20,
        help_text=gettext_lazy("For one classification alone write its name first: TOL2008 56"),
    )
    visited = django_filters.ChoiceFilter(
        label=gettext_lazy("Last visit"),
        method="by_visit",
        choices=[
            ("never", gettext_lazy("None known")),
            ("2y", gettext_lazy("More than two years ago, or none")),
            ("recent", gettext_lazy("Within two years")),
        ],
    )
    visited_by = django_filters.ChoiceFilter(
        label=gettext_lazy("Visited by"), method="by_visitor", choices=inspecting,
        help_text=gettext_lazy("The choices on visits mean this authority’s visits."),
    )  # fmt: skip
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
    last_outcome = django_filters.ChoiceFilter(
        label=gettext_lazy("Result of the last visit"), method="by_last_outcome",
        choices=[
            (WITH_REMARKS, gettext_lazy("Remarks or deficiencies of any kind")),
            *VisitOutcome.choices,
        ],
        help_text=gettext_lazy("Of the visits you may see the newest, made or not possible."),
    )  # fmt: skip
    size = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("People at work"), method="by_size",
        choices=[("1", "1–4"), ("5", "5–9"), ("10", "10–49"), ("50", "50–249"), ("250", "250–")],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    age = django_filters.ChoiceFilter(
        label=gettext_lazy("Age of the place"), method="by_age",
        help_text=gettext_lazy(
            "From the day the site opened; where that is not known, from the registration of the "
            "company that runs it."
        ),
        choices=[
            ("0", gettext_lazy("Less than a year")), ("1", gettext_lazy("1–2 years")),
            ("2", gettext_lazy("2–5 years")), ("5", gettext_lazy("5–10 years")),
            ("10", gettext_lazy("10 years or more")),
        ],
    )  # fmt: skip
    licence = django_filters.ChoiceFilter(
        label=gettext_lazy("Licence"), method="by_licence",
        choices=[
            ("alcohol_licence", gettext_lazy("Alcohol licence in force")),
            ("-alcohol_licence", gettext_lazy("No alcohol licence in force")),
            ("transport_licence", gettext_lazy("Transport licence in force")),
            ("-transport_licence", gettext_lazy("No transport licence in force")),
            ("security_licence", gettext_lazy("Private security licence in force")),
            ("-security_licence", gettext_lazy("No private security licence in force")),
        ],
    )  # fmt: skip
    tag = django_filters.ChoiceFilter(label=gettext_lazy("Tag of my authority"), method="by_tag")
    status = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("State"), choices=SiteStatus.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    type = django_filters.MultipleChoiceFilter(
        label=gettext_lazy("Kind of place"), choices=SiteType.choices,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    source = django_filters.CharFilter(
        label=gettext_lazy("Register"), method="by_source", max_length=40
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["region"].grow(areas_to_choose(self.actor))
        self.filters["branch"].grow(industries_to_choose())
        self.filters["tag"].extra["choices"] = once(lambda: tags_to_choose(self.actor))
        for choice in site_choices():
            extra = django_filters.ChoiceFilter(
                label=choice.label, method=self._by(choice),
                choices=once(partial(choice.choices, self.actor)),
            )  # fmt: skip
            extra.parent, extra.model = self, Site
            extra.field_name = choice.name
            self.filters[choice.name] = extra

    def _by(self, choice: Any) -> Any:
        return lambda rows, name, value: choice.apply(rows, self.actor, value)

    @property
    def actor(self) -> Any:
        return self.request.actor

    def by_area(self, rows: QuerySet[Any], name: str, value: list[str]) -> QuerySet[Any]:
        heads = {node.value for node in self.filters["region"].extra["widget"].nodes}
        regions = [int(v) for v in value if v in heads]
        places = [int(v) for v in value if v not in heads]
        if not places:
            return rows.filter(region__in=regions) if regions else rows
        if not regions:
            return rows.filter(municipality__in=places)
        return rows.filter(Q(region__in=regions) | Q(municipality__in=places))

    def by_branch(self, rows: QuerySet[Any], name: str, value: list[str]) -> QuerySet[Any]:
        return in_industry(rows, *value) if value else rows

    def by_industry(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return in_industry(rows, value)

    # ------------------------------------------------------------------ visits, as the actor knows
    def _visits(self) -> QuerySet[Any]:
        """Nobody was at a site whose visit was not possible."""
        return self._tried().made()

    def _tried(self) -> PastVisitQuerySet:
        return self._visible().filter(site=OuterRef("pk"))

    def _visible(self) -> PastVisitQuerySet:
        """Visits that the actor may see, of the authority chosen where one is."""
        visits = PastVisit.objects.visible_to(self.actor)
        by = self.form.cleaned_data.get("visited_by")
        return visits.filter(authority_id=by) if by else visits

    def _without(self, rows: QuerySet[Any], visits: QuerySet[Any], name: str) -> QuerySet[Any]:
        """Rows without such a visit: mostly many, so each is looked at as the page is filled."""
        one = Subquery(visits.order_by("-on").values("pk")[:1])
        return rows.alias(**{name: one}).filter(**{f"{name}__isnull": True})

    def by_visit(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        visits = self._visits()
        border = two_years_ago()
        if value == "never":
            return self._without(rows, visits, "any_visit")
        if value == "2y":
            return self._without(rows, visits.filter(on__gte=border), "recent_visit")
        return rows.filter(Exists(visits.filter(on__gte=border)))

    def in_window(self, visits: QuerySet[Any]) -> QuerySet[Any]:
        """Of ``visits`` those that can be a site's last one under the filters given."""
        data = self.form.cleaned_data if self.is_bound and self.form.is_valid() else {}
        before, after = [data.get("visited_before")], [data.get("visited_after")]
        if data.get("visited") == "2y":
            before.append(two_years_ago())
        if data.get("visited") == "recent":
            after.append(two_years_ago())
        if data.get("visited") == "never":
            return visits.none()
        for day in filter(None, before):
            visits = visits.filter(on__lt=day)
        for day in filter(None, after):
            visits = visits.filter(on__gte=day)
        return visits

    def by_visitor(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        others = ("visited", "visited_before", "visited_after", "outcome", "last_outcome")
        if any(self.form.cleaned_data.get(other) for other in others):
            return rows  # it narrows those
        return rows.filter(Exists(self._visits()))

    def by_visit_before(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """Visited, but not since: those never visited have a choice of their own."""
        visits = self._visits()
        rows = rows.filter(Exists(visits.filter(on__lt=value)))
        return self._without(rows, visits.filter(on__gte=value), "visit_since")

    def by_visit_after(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return rows.filter(Exists(self._visits().filter(on__gte=value)))

    def by_outcome(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(Exists(self._tried().filter(outcome=value)))

    def by_last_outcome(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Of sites with such a visit, found first and once, those where it is the last one.

        The last one alone would be looked up for each of a million sites where few match.
        """
        results = LAST_OUTCOMES.get(value, (value,))
        any_ = self._visible().filter(outcome__in=results).order_by().values("site")
        last = self._tried().order_by("-on", "-pk").values("outcome")[:1]
        return rows.filter(pk__in=any_).alias(last=Subquery(last)).filter(last__in=results)

    # ------------------------------------------------------------------ facts
    def by_size(self, rows: QuerySet[Any], name: str, value: list[str]) -> QuerySet[Any]:
        found = Q()
        for key in value:
            low, high = SIZES[key]
            one = Q(staff_estimate__gte=low)
            found |= one & Q(staff_estimate__lte=high) if high else one
        return rows.filter(found)

    def by_age(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """By the day the site opened, where it is known, else by its company's registration."""
        low, high = AGES[value]
        today = timezone.localdate()

        def begun(column: str) -> Q:
            found = Q(**{f"{column}__lte": years_ago(today, low)})
            return found & Q(**{f"{column}__gt": years_ago(today, high)}) if high else found

        by_company = Q(opened_on__isnull=True) & begun("company__registered_on")
        return rows.filter(begun("opened_on") | by_company)

    def by_licence(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        today = timezone.localdate()
        kind = value.lstrip("-")
        of = (
            {"site": OuterRef("pk")}
            if LICENCES[kind] == "site"
            else {"company": OuterRef("company")}
        )
        facts = Fact.objects.visible_to(self.actor).known().filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=today),
            Q(valid_to__isnull=True) | Q(valid_to__gte=today),
            kind=kind, **of,
        )  # fmt: skip
        if value.startswith("-"):
            one = Subquery(facts.order_by("pk").values("pk")[:1])
            return rows.alias(licence=one).filter(licence__isnull=True)
        return rows.filter(Exists(facts))

    def by_source(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return rows.filter(source__istartswith=value).exclude(anothers(self.actor))

    def by_tag(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        tags = Tag.objects.visible_to(self.actor).filter(public_id=value).values("pk")
        tagged = SiteTag.objects.visible_to(self.actor).filter(tag__in=tags, site=OuterRef("pk"))
        return rows.filter(Exists(tagged))


class CompanyFilter(WordFilter):
    side = "c"
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

    def by_industry(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return in_industry(rows, value)
