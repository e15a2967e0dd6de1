"""Lists as files: read in parts, so that no list is too long, whatever its order costs."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from audit.errors import RuleViolation
from audit.services import record
from ui import exports, seek

if TYPE_CHECKING:
    from ui.lists import ListPage

NOW_LIMIT = 2_000  # rows that are written while the page is waited for
PART = 2_000  # rows that one statement finds
BLOCK = 500  # rows held in memory with what their columns show
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Tick = Callable[[], None]


def answer(page: "ListPage", request: HttpRequest, kind: str) -> HttpResponse:
    """The file itself, or the page of a job when the list is long."""
    from ui.lists import capped_count

    filterset = page.filterset()
    rows = filterset.qs if filterset is not None else page.queryset()
    if capped_count(rows, NOW_LIMIT) > NOW_LIMIT:
        return _as_job(page, request, kind)
    head, labels, values = export_rows(page)
    response = HttpResponse(content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{page.key}.{kind}"'
    writer = exports.write_csv if kind == "csv" else exports.write_xlsx
    written = writer(response, head, labels, values)  # type: ignore[arg-type]
    record(
        actor=page.actor,
        verb="list.exported",
        data={"list": page.key, "rows": written, "format": kind, "filters": head[2]},
        audience=[page.actor.authority.pk],
    )
    return response


def _as_job(page: "ListPage", request: HttpRequest, kind: str) -> HttpResponse:
    from ui.services import start_export

    try:
        job = start_export(actor=page.actor, list_key=page.key, query=page.query, kind=kind)
    except RuleViolation as error:
        messages.error(request, str(error))
        left = page.query.copy()
        left.pop("export", None)
        return redirect(f"{request.path}?{left.urlencode()}")
    return redirect("ui:export_job", public_id=job.public_id)


def export_rows(
    page: "ListPage", tick: Tick = lambda: None
) -> tuple[list[str], list[str], Iterable[list[Any]]]:
    """Head lines, labels and rows (read in parts) of the list as filtered and sorted.

    ``tick`` is called after each part, outside its transaction.
    """
    from ui.lists import capped_count

    with transaction.atomic(savepoint=False):
        filterset = page.filterset()
        rows = filterset.qs if filterset is not None else page.queryset()
        if filterset is not None and filterset.is_bound and not filterset.form.is_valid():
            rows = rows.none()
        count = capped_count(rows, page.count_limit)
        words = ", ".join(chip["label"] for chip in page.chips(filterset))
        words = " ".join(part for part in (words, page.filter_note(count)) if part)
        ways, note = _ways(page, rows, count)
    who = f"{page.actor.user.full_name}, {page.actor.authority.name}"
    head = exports.head_lines(
        str(page.title), who, words, str(page.classification or _("for official use"))
    )
    ids = seek.parts(ways, PART) if ways else _ids_in_order(page, rows, count)
    labels = [str(column.label) for column in page.shown_columns()]
    return [*head, *([note] if note else [])], labels, _values(page, rows, count, ids, tick)


def _ways(page: "ListPage", rows: QuerySet[Any], count: int) -> tuple[list[seek.Stretch], str]:
    """What a long list is walked along, and words for an order that is not the one asked for.

    Nothing to walk along: the list is short enough to be sorted at once.
    """
    ways, note = page.stretches(rows, count), page.sort_note(count)
    if ways or not page.ids_first or count <= page.count_limit:
        return ways, note
    name = page.default_sort.lstrip("-")
    column = next(column for column in page.columns if column.key == name)
    note = _("A list as long as this is exported in the order of “%(column)s”.") % {
        "column": column.label
    }
    return [seek.by_field(rows, column.sort[0], str, page.default_sort.startswith("-"))], note


def _ids_in_order(page: "ListPage", rows: QuerySet[Any], count: int) -> Iterable[list[int]]:
    with transaction.atomic(savepoint=False):
        found = list(dict.fromkeys(page.ordered(rows, count).values_list("pk", flat=True)))
    for start in range(0, len(found), PART):
        yield found[start : start + PART]


def _values(
    page: "ListPage", rows: QuerySet[Any], count: int, parts: Iterable[list[int]], tick: Tick
) -> Iterable[list[Any]]:
    columns = page.shown_columns()
    for part in parts:
        tick()  # also after a part in which nothing was found
        for start in range(0, len(part), BLOCK):
            ids = part[start : start + BLOCK]
            with transaction.atomic(savepoint=False):
                if page.ids_first:
                    block = page.fetched(ids)
                else:
                    shown = page.with_columns(page.ordered(rows, count), columns)
                    block = list(shown.filter(pk__in=ids))
                page.annotate_page(block)
                values = [[column.value(row) for column in columns] for row in block]
            tick()
            yield from values
