"""Tables as CSV and XLSX: the same rows and columns as on the page, safe to open."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, BinaryIO

import xlsxwriter
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

# A cell that begins like this may be run as a formula by a spreadsheet program (also full-width).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe_text(value: str) -> str:
    """``value`` with an apostrophe before anything a spreadsheet could take for a formula."""
    value = value.replace("\0", "")
    if value.startswith(FORMULA_STARTS) or value.lstrip().startswith(FORMULA_STARTS):
        return "'" + value
    return value


def plain(value: Any) -> Any:
    """A cell's value: numbers, dates and times stay what they are, all else is text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float | Decimal | dt.date):
        return value
    return str(value)


def _csv_cell(value: Any) -> str:
    value = plain(value)
    if isinstance(value, dt.datetime):
        return date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float | Decimal):
        return str(value)
    return safe_text(value)


def head_lines(title: str, who: str, filters: str, classification: str) -> list[str]:
    """First lines of every export: what, who and when, which filter, classification."""
    return [
        title,
        _("Exported by %(who)s on %(when)s")
        % {"who": who, "when": date_format(timezone.localtime(), "DATETIME_FORMAT")},
        _("Filters: %(filters)s") % {"filters": filters or _("none")},
        _("Classification: %(classification)s") % {"classification": classification},
    ]


def write_csv(
    target: BinaryIO, head: Sequence[str], labels: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Write UTF-8 with BOM and ``;``, as spreadsheet programs here expect; returns rows written."""
    text = io.TextIOWrapper(target, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for line in head:
        writer.writerow([safe_text(line)])
    writer.writerow([])
    writer.writerow([safe_text(label) for label in labels])
    count = 0
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
        count += 1
    text.detach()
    return count


def write_xlsx(
    target: BinaryIO, head: Sequence[str], labels: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """Write one sheet; text is never read as formula or link. Returns rows written."""
    book = xlsxwriter.Workbook(
        target,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "d.m.yyyy",
            "remove_timezone": True,
        },
    )
    count = _fill_sheet(book, book.add_worksheet(), head, labels, rows)
    book.close()
    return count


def _fill_sheet(
    book: Any, sheet: Any, head: Sequence[str], labels: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    bold = book.add_format({"bold": True, "bottom": 1})
    moment = book.add_format({"num_format": "d.m.yyyy hh:mm"})
    for number, line in enumerate(head):
        sheet.write_string(number, 0, safe_text(line))
    first = len(head) + 1
    for column, label in enumerate(labels):
        sheet.write_string(first, column, safe_text(label), bold)
        sheet.set_column(column, column, max(12, min(40, len(label) + 4)))
    count = 0
    for count, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            cell = plain(value)
            if isinstance(cell, dt.datetime):
                local = timezone.localtime(cell).replace(tzinfo=None)
                sheet.write_datetime(first + count, column, local, moment)
            elif isinstance(cell, dt.date):
                sheet.write_datetime(first + count, column, dt.datetime(*cell.timetuple()[:3]))
            elif isinstance(cell, int | float | Decimal):
                sheet.write_number(first + count, column, float(cell))
            else:
                sheet.write_string(first + count, column, safe_text(cell)[:32_000])
    sheet.freeze_panes(first + 1, 1)
    return count


def write_workbook(
    target: BinaryIO,
    head: Sequence[str],
    sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]],
) -> None:
    """Several sheets (name, labels, rows) in one workbook, each with the head lines."""
    book = xlsxwriter.Workbook(
        target,
        {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "d.m.yyyy",
            "remove_timezone": True,
        },
    )
    for name, labels, rows in sheets:
        _fill_sheet(book, book.add_worksheet(name[:31]), head, labels, rows)
    book.close()
