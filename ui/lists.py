"""The generic list page on which every list is built.

The address is the state: filters, ``sort``, ``column``, ``page``, ``per_page``, and beyond the last
numbered page ``after`` or ``before``, a place in the list (``ui.seek``). The same view
answers with the whole page, with the results alone (htmx), or with an export.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

from django.db import models
from django.db.models import F
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.formats import date_format, number_format
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from ui import list_exports, seek
from ui.filters import FilterSet
from ui.models import SavedView

COUNT_LIMIT = 10_000
PER_PAGE = (25, 50, 100)
FIELDS_KEPT = 200  # filter forms as markup, in each process
_FIELDS: dict[Any, SafeString] = {}
PLACES = ("page", "after", "before")
CONTROL_PARAMETERS = {"sort", "column", "per_page", "export", *PLACES}


@dataclass(frozen=True)
class Column:
    """One column. ``value`` gives the plain value (also exported), ``cell`` the markup if richer.

    ``sort`` names the order-by fields (ascending); without it the column cannot be sorted by.
    ``sort_up_to``: no index gives this order, so it is there only while the list is that short.
    """

    key: str
    label: Any
    value: Callable[[Any], Any]
    cell: Callable[[Any], Any] | None = None
    sort: tuple[str, ...] = ()
    sub: Callable[[Any], Any] | None = None
    numeric: bool = False
    default: bool = True
    descending_first: bool = False
    sort_up_to: int | None = None

    def shown(self, row: Any) -> Any:
        """Markup or text of the cell."""
        if self.cell is not None:
            return self.cell(row)
        value = self.value(row)
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if hasattr(value, "hour"):
            return date_format(value, "SHORT_DATETIME_FORMAT")
        if hasattr(value, "isoformat"):
            return date_format(value, "SHORT_DATE_FORMAT")
        if isinstance(value, int | float):
            return number_format(value, use_l10n=True)
        return conditional_escape(value)


def capped_count(queryset: models.QuerySet[Any], limit: int = COUNT_LIMIT) -> int:
    """Number of rows, but never counting beyond ``limit + 1``: a page needs no more."""
    return queryset.order_by().values("pk")[: limit + 1].count()


class Link(Protocol):
    """The address of a row's own page."""

    def __call__(self, row: Any) -> str: ...


class ListPage(ABC):
    """Subclass with a queryset, filters and columns; see ``docs/pages.md``."""

    key: ClassVar[str]
    title: ClassVar[Any]
    intro: ClassVar[Any] = ""
    columns: ClassVar[Sequence[Column]]
    filterset_class: ClassVar[type[FilterSet] | None] = None
    default_sort: ClassVar[str]
    link: ClassVar[Link | None] = None
    template: ClassVar[str] = "ui/list.html"
    empty_title: ClassVar[Any] = ""
    empty_text: ClassVar[Any] = ""
    classification: ClassVar[Any] = ""
    exportable: ClassVar[bool] = True
    bulk_all: ClassVar[bool] = False  # bulk pages understand ``all`` and ``query`` beside ``id``
    count_limit: ClassVar[int] = COUNT_LIMIT  # counted and paged through up to here, never beyond
    # Long lists first find the ids of the page, then fetch what its columns need of those alone.
    ids_first: ClassVar[bool] = False
    registry: ClassVar[dict[str, type["ListPage"]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "key" in cls.__dict__:
            ListPage.registry[cls.key] = cls

    def __init__(self, actor: Any, query: QueryDict, **kwargs: Any) -> None:
        self.actor = actor
        self.query = query
        self.kwargs = kwargs
        self.made: dict[str, Any] = {}

    # -------------------------------------------------------------- to be given by subclasses
    @abstractmethod
    def queryset(self) -> models.QuerySet[Any]:
        """All rows the actor may see, with what the columns need. No order, no slice."""

    def with_columns(
        self, rows: models.QuerySet[Any], columns: Sequence[Column]
    ) -> models.QuerySet[Any]:
        """``rows`` joined with what these columns show, where ``queryset()`` does not do so."""
        return rows

    def with_order(self, rows: models.QuerySet[Any], column: Column) -> models.QuerySet[Any]:
        """``rows`` with what this column sorts by, where it is no field."""
        return rows

    def annotate_page(self, rows: list[Any]) -> None:  # noqa: B027  # most lists need nothing here
        """Fetch what the columns of just these rows need, in a constant number of queries."""

    def actions(self) -> list[dict[str, Any]]:
        """Buttons beside the title: ``{"url", "label", "icon", "primary"}``."""
        return []

    def bulk_actions(self) -> list[dict[str, Any]]:
        """What can be done with ticked rows: ``{"url", "label"}``; ids travel as ``id``."""
        return []

    def extra_context(self) -> dict[str, Any]:
        return {}

    def count_words(self, count: int) -> str:
        return ngettext("%(count)s row", "%(count)s rows", count)

    # -------------------------------------------------------------- state of the address
    @property
    def parameters(self) -> QueryDict:
        """The filters only."""
        data = self.query.copy()
        for name in CONTROL_PARAMETERS:
            data.pop(name, None)
        return data

    def filterset(self) -> FilterSet | None:
        """The filters as asked; made once, for its choices may cost queries."""
        if self.filterset_class is None:
            return None
        if "filterset" not in self.made:
            self.made["filterset"] = self._filterset()
        return self.made["filterset"]  # type: ignore[no-any-return]

    def _filterset(self) -> FilterSet:
        from types import SimpleNamespace

        assert self.filterset_class is not None
        return self.filterset_class(
            self.parameters or None,
            queryset=self.queryset(),
            request=SimpleNamespace(actor=self.actor),  # type: ignore[arg-type]
        )

    def shown_columns(self) -> list[Column]:
        wanted = self.query.getlist("column")
        columns = list(self.columns)
        if not wanted:
            return [c for c in columns if c.default or c is columns[0]]
        return [c for c in columns if c.key in wanted or c is columns[0]]

    def sort_key(self, count: int = 0) -> tuple[Column, bool]:
        """The column sorted by, and whether descending.

        Unknown keys fall back to the default, as do orders that no index gives when the list is
        longer than they can bear.
        """
        raw = self.query.get("sort", "") or self.default_sort
        sortable = {c.key: c for c in self.columns if self.can_sort(c, count)}
        if raw.lstrip("-") not in sortable:
            raw = self.default_sort
        return sortable[raw.lstrip("-")], raw.startswith("-")

    def ordered(self, rows: models.QuerySet[Any], count: int = 0) -> models.QuerySet[Any]:
        column, descending = self.sort_key(count)
        rows = self.with_order(rows, column)
        # A column that is never empty is asked for plainly: "nulls last" could not use its index.
        never_empty = {f.name for f in rows.model._meta.concrete_fields if not f.null}
        last = {name: None if name in never_empty else True for name in column.sort}
        order = [
            F(name).desc(nulls_last=last[name])
            if descending
            else F(name).asc(nulls_last=last[name])
            for name in column.sort
        ]
        return rows.order_by(*order, "-pk" if descending else "pk")

    def page_ids(self, rows: models.QuerySet[Any], start: int, stop: int, count: int) -> list[int]:
        """Ids of one page in order, for lists that are ``ids_first``."""
        return list(self.ordered(rows, count).values_list("pk", flat=True)[start:stop])

    def page_rows(self, rows: models.QuerySet[Any], start: int, stop: int, count: int) -> list[Any]:
        """The rows of one page in order; ``count`` is that of the whole list, capped."""
        if not self.ids_first:
            return list(self.ordered(rows, count)[start:stop])
        return self.fetched(self.page_ids(rows, start, stop, count))

    def fetched(self, ids: list[int]) -> list[Any]:
        """The rows of these ids, in their order, as far as the actor sees them."""
        rows = self.with_columns(self.queryset(), self.shown_columns())
        found = rows.order_by().in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]

    # -------------------------------------------------------------- beyond the numbered pages
    def stretches(self, rows: models.QuerySet[Any], count: int) -> list[seek.Stretch]:
        """What one walks along beyond the last numbered page; empty where one cannot."""
        if not self.ids_first or count <= self.count_limit:
            return []
        column, descending = self.sort_key(count)
        texts = {f.name for f in rows.model._meta.concrete_fields
                 if not f.null and isinstance(f, models.CharField)}  # fmt: skip
        if len(column.sort) != 1 or column.sort[0] not in texts:
            return []
        return [seek.by_field(rows, column.sort[0], str, descending)]

    def sought(self, rows: models.QuerySet[Any], count: int, per_page: int) -> seek.Found | None:
        """The page that ``after`` or ``before`` asks for; None where the pages have numbers."""
        text = self.query.get("after") or self.query.get("before")
        if not text:
            return None
        backwards = not self.query.get("after")
        stretches = self.stretches(rows, count)
        try:
            place = seek.read(text, stretches)
        except seek.NoPlace:
            self.made["lost"] = True
            return None
        found = seek.walk(stretches, place, per_page, backwards)
        return None if backwards and found.before is None else found

    def place_after(self, last: Any, rows: models.QuerySet[Any], count: int) -> seek.Place | None:
        """Where one goes on from ``last``, the last row of the last numbered page."""
        column, _descending = self.sort_key(count)
        if not self.stretches(rows, count):
            return None
        return 0, (getattr(last, column.sort[0]), last.pk)

    def place_note(self) -> str:
        if not self.made.get("lost"):
            return ""
        return _("The address names no place in this list: these are its first rows.")

    # -------------------------------------------------------------- parts of the page
    def chips(self, filterset: FilterSet | None) -> list[dict[str, str]]:
        """Active filters in words, each with the address that takes it off."""
        if filterset is None or not filterset.is_bound:
            return []
        chips = []
        form = filterset.form
        form.is_valid()
        for name, field in form.fields.items():
            value = form.cleaned_data.get(name)
            if value in (None, "", [], False) or (hasattr(value, "exists") and not list(value)):
                continue
            query = self.query.copy()
            for key in (name, *PLACES):
                query.pop(key, None)
            chips.append(
                {
                    "label": f"{field.label}: {_words(field, value)}",
                    "url": f"?{query.urlencode()}",
                }
            )
        return chips

    def filter_note(self, count: int) -> str:
        """Of an empty list nothing: that a guess was tried could tell of rows that are hidden."""
        filterset = self.filterset()
        return filterset.note() if filterset is not None and count else ""

    def headings(self, columns: Iterable[Column], count: int = 0) -> list[dict[str, Any]]:
        current, descending = self.sort_key(count)
        headings = []
        for column in columns:
            query = self.query.copy()
            for key in PLACES:
                query.pop(key, None)
            is_current = column.key == current.key
            down = not descending if is_current else column.descending_first
            query["sort"] = f"-{column.key}" if down else column.key
            headings.append(
                {
                    "column": column,
                    "url": f"?{query.urlencode()}" if self.can_sort(column, count) else "",
                    "sorted": ("descending" if descending else "ascending") if is_current else "",
                }
            )
        return headings

    def can_sort(self, column: Column, count: int) -> bool:
        return bool(column.sort) and (column.sort_up_to is None or count <= column.sort_up_to)

    def sort_note(self, count: int) -> str:
        """Says that the asked order is not given, and how to get it."""
        asked = self.query.get("sort", "").lstrip("-")
        column = next((c for c in self.columns if c.key == asked), None)
        if column is None or column.sort_up_to is None or count <= column.sort_up_to:
            return ""
        limit = number_format(column.sort_up_to, use_l10n=True, force_grouping=True)
        return _("Sorting by “%(column)s” needs at most %(count)s rows: narrow the list by a filter.") % {
            "column": column.label, "count": limit,
        }  # fmt: skip

    def pages(self, number: int, last: int) -> list[dict[str, Any]]:
        wanted = sorted({1, last, *range(max(1, number - 2), min(last, number + 2) + 1)})
        return [{"number": n, "url": self.page_url(n), "current": n == number} for n in wanted]

    def page_url(self, number: int) -> str:
        return self._url_at("page", str(number))

    def place_url(self, name: str, place: seek.Place | None) -> str:
        return self._url_at(name, seek.written(place)) if place else ""

    def _url_at(self, name: str, place: str) -> str:
        query = self.query.copy()
        for key in PLACES:
            query.pop(key, None)
        query[name] = place
        return f"?{query.urlencode()}"

    def filter_fields(self) -> str:
        """The filters' fields as markup.

        They are half the work of a page and mostly the same, so what was made last of the same
        language, values and choices is kept. The choices are part of the key: what one person may
        choose from is never shown to another, and nothing in it can be out of date.
        """
        filterset = self.filterset()
        if filterset is None:
            return ""
        if filterset.is_bound and filterset.form.errors:
            return _as_groups(filterset.whole_form)
        key = (self.key, get_language(), self.parameters.urlencode(), filterset.choices_apart())
        if key not in _FIELDS:
            if len(_FIELDS) >= FIELDS_KEPT:
                _FIELDS.clear()
            _FIELDS[key] = _as_groups(filterset.whole_form)
        return _FIELDS[key]

    def saved_views(self) -> list[dict[str, Any]]:
        if self.actor is None:  # a list that is open to everybody
            return []
        views = (
            SavedView.objects.filter(
                models.Q(owner=self.actor.user, scope="mine") | models.Q(scope="authority"),
                authority=self.actor.authority,
                list_key=self.key,
            )
            .order_by("name", "id")
            .only("public_id", "name", "query", "owner")
        )
        return [{"view": v, "own": v.owner_id == self.actor.user.pk} for v in views]

    def turned(
        self, rows: models.QuerySet[Any], count: int, per_page: int
    ) -> tuple[list[Any], dict[str, Any]]:
        """The rows of the page asked for, and what the pager needs."""
        found = self.sought(rows, count, per_page)
        if found is not None:
            return self.fetched(found.ids), {
                "sought": True,
                "pages": [{"number": 1, "url": self.page_url(1), "current": False}],
                "previous_url": self.place_url("before", found.before),
                "next_url": self.place_url("after", found.after),
            }
        last = max(1, -(-min(count, self.count_limit) // per_page))
        number = min(max(1, _number(self.query.get("page"), 1)), last)
        page = self.page_rows(rows, (number - 1) * per_page, number * per_page, count)
        after = ""
        if number == last and count > self.count_limit and page:
            after = self.place_url("after", self.place_after(page[-1], rows, count))
        return page, {
            "sought": False,
            "first": (number - 1) * per_page + 1 if page else 0,
            "last_shown": (number - 1) * per_page + len(page),
            "number": number,
            "pages": self.pages(number, last) if last > 1 else [],
            "previous_url": self.page_url(number - 1) if number > 1 else "",
            "next_url": self.page_url(number + 1) if number < last else after,
        }

    def context(self) -> dict[str, Any]:
        """Everything the template needs; constant number of queries."""
        filterset = self.filterset()
        rows = filterset.qs if filterset is not None else self.queryset()
        problem = filterset is not None and filterset.is_bound and not filterset.form.is_valid()
        if problem:
            rows = rows.none()
        count = capped_count(rows, self.count_limit)
        per_page = _number(self.query.get("per_page"), 25)
        per_page = per_page if per_page in PER_PAGE else 25
        page, pager = self.turned(rows, count, per_page)
        self.annotate_page(page)
        columns = self.shown_columns()
        more = count > self.count_limit
        shown_count = number_format(
            min(count, self.count_limit), use_l10n=True, force_grouping=True
        )
        keep = [(n, v) for n, v in self.query.lists() if n in {"sort", "column", "per_page"}]
        return {
            "page": self,
            "filterset": filterset,
            "filter_problem": problem,
            "chips": self.chips(filterset),
            "keep": [(name, value) for name, values in keep for value in values],
            "headings": self.headings(columns, count),
            "filter_note": self.filter_note(count),
            "sort_note": self.place_note() or self.sort_note(count),
            "all_columns": self.columns[1:],
            "shown_keys": [c.key for c in columns],
            "rows": page,
            "rows_markup": self.rows_markup(page, columns),
            "count": count,
            "count_text": self.count_words(count) % {"count": shown_count + ("+" if more else "")},
            "more": more,
            **pager,
            "per_page": per_page,
            "per_page_choices": PER_PAGE,
            "clear_url": "?" + urlencode([(n, v) for n, vs in keep for v in vs]),
            "saved": self.saved_views(),
            "query_string": self.query.urlencode(),
            **self.extra_context(),
        }

    def rows_markup(self, page: Iterable[Any], columns: Sequence[Column]) -> SafeString:
        """The table's body. Put together by hand: a template takes ten times as long for it."""
        picking = bool(self.bulk_actions())
        heads = [
            (
                c,
                f'<td role="cell" data-label="{escape(c.label)}" class="{"num" if c.numeric else ""}',
            )
            for c in columns
        ]
        return SafeString("".join(self._row(row, heads, picking) for row in page))

    def _row(self, row: Any, heads: list[tuple[Column, str]], picking: bool) -> str:
        link = type(self).link
        url = link(row) if link else ""
        parts = ['<tr role="row">']
        if picking:
            words = escape(_("Tick %(name)s") % {"name": row})
            parts.append(
                f'<td role="cell" class="pick"><label><span class="sr">{words}</span><input'
                f' type="checkbox" name="id" value="{escape(row.public_id)}" data-pick></label></td>'
            )
        for at, (column, head) in enumerate(heads):
            shown: str = conditional_escape(column.shown(row))
            sub = conditional_escape(column.sub(row)) if column.sub else ""
            sub = f'<span class="sub">{sub}</span>' if sub else ""
            if at == 0:
                shown = f'<a href="{escape(url)}">{shown}</a>' if url else shown
                parts.append(f'<th scope="row" role="rowheader">{shown}{sub}</th>')
            else:
                empty = "" if shown else " empty-cell"
                parts.append(f'{head}{empty}"><div>{shown}{sub}</div></td>')
        parts.append("</tr>")
        return "".join(parts)

    # -------------------------------------------------------------- the view
    @classmethod
    def as_view(cls) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            page = cls(request.actor, request.GET, **kwargs)  # type: ignore[attr-defined]
            kind = request.GET.get("export", "")
            if cls.exportable and page.actor is not None and kind in list_exports.CONTENT_TYPES:
                return list_exports.answer(page, request, kind)
            context = page.context()
            status = 422 if context["filter_problem"] else 200
            partial = request.headers.get("HX-Request") == "true"
            template = "ui/list_results.html" if partial else cls.template
            return render(request, template, context, status=status)

        view.list_page = cls  # type: ignore[attr-defined]
        return view


def _as_groups(form: Any) -> SafeString:
    return SafeString("".join(field.as_field_group() for field in form))


def _number(raw: str | None, default: int) -> int:
    try:
        return int(raw or default)
    except ValueError:
        return default


def _words(field: Any, value: Any) -> str:
    """A filter's value as the reader knows it."""
    choices = getattr(field, "choices", None)
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, list | tuple | models.QuerySet):
        plain = choices is not None and not isinstance(value, models.QuerySet)
        names = _names(choices) if plain else {}
        return ", ".join(str(names.get(v, v)) for v in value)
    if isinstance(value, bool):
        return _("yes")
    if hasattr(value, "isoformat"):
        return date_format(value, "SHORT_DATE_FORMAT")
    if choices is not None:
        return str(_names(choices).get(value, value))
    return str(value)


def _names(choices: Any) -> dict[Any, Any]:
    """Value → words. Choices given by a function can be walked but not counted, as dict() would."""
    return dict(iter(choices))
