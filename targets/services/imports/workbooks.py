"""Workbooks (XLSX) as streams of rows. A formula counts as the value it was saved with.

One that was saved without a value (by a program that does not calculate) is marked in its row, so
that it is refused where the value matters and does not pass for an empty cell.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from targets.services.imports.readers import (
    HEADER_WITHIN,
    MAX_RATIO,
    MAX_UNPACKED,
    MAX_WHOLE,
    Place,
    Row,
    Survey,
    Tick,
    column_name,
)
from targets.services.imports.records import UNSAVED, FileRefused

BROKEN = (ParseError, zipfile.BadZipFile, zlib.error, KeyError, ValueError, IndexError, OSError,
          EOFError, AttributeError, TypeError, RuntimeError, OverflowError,
          struct.error)  # fmt: skip
STREAMED = ("xl/worksheets/", "xl/media/")
MAX_ROWS = 1_048_576  # of a sheet in any program; a number beyond it would be counted up to
TICK_ROWS = 5_000


def is_workbook(path: Path) -> bool:
    """Whether the file is a zip that holds a workbook; FileRefused for a broken zip."""
    if not zipfile.is_zipfile(path):  # looks for the end of a zip only, not whether all is there
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except BROKEN:
        raise FileRefused("xlsx_broken") from None


def lines(path: Path, place: Place | None = None) -> Iterator[tuple[Any, ...]]:
    """Rows of the first sheet as they stand; FileRefused for what is broken or a bomb."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            # Sheets are read as a stream, pictures not at all; the rest, texts above all, at once.
            whole = sum(member.file_size for member in archive.infolist()
                        if not member.filename.startswith(STREAMED))  # fmt: skip
        if size > MAX_UNPACKED or size > MAX_RATIO * max(1, path.stat().st_size):
            raise FileRefused("zip_size", limit="8 GiB")
        if whole > MAX_WHOLE:
            raise FileRefused("zip_size", limit="512 MiB")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except BROKEN:
        raise FileRefused("xlsx_broken") from None
    try:
        # It is parsed while it is read, so it may turn out broken late.
        sheet = book.worksheets[0]
        # The size a file states for its sheet is often wrong, and rows beyond it would be lost.
        sheet.reset_dimensions()
        for number, values in enumerate(_values(sheet, place or Place()), start=1):
            if number > MAX_ROWS:
                raise FileRefused("too_many_rows", limit=MAX_ROWS)
            yield values
    except BROKEN:
        raise FileRefused("xlsx_broken") from None
    finally:
        book.close()


class Unsaved(str):
    """A formula that was saved without a value."""


class _Cells(WorkSheetParser):  # type: ignore[misc]
    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None:
            formula = element.find(FORMULA_TAG)
            # An empty value of the type of texts is one: the formula gave an empty text.
            given = element.get("t") == "str" and element.find(VALUE_TAG) is not None
            if formula is not None and not given:
                cell["value"] = Unsaved(f"={formula.text or ''}")
        return cell


def _values(sheet: Any, place: Place) -> Iterator[tuple[Any, ...]]:
    """What the library's ``iter_rows(values_only=True)`` gives, with ``Unsaved`` cells."""
    book = sheet.parent
    with sheet._get_source() as source:
        place.of = book._archive.getinfo(sheet._worksheet_path).file_size
        parser = _Cells(
            source, sheet._shared_strings, data_only=True, epoch=book.epoch,
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        expected = 1
        for number, cells in parser.parse():
            place.done = source.tell()
            while expected < number:  # rows without any cell are left out of the file
                expected += 1
                yield ()
            if expected == number:
                expected += 1
                yield sheet._get_row(cells, values_only=True)


def survey(path: Path, needed: Sequence[str], tick: Tick) -> Survey:
    """The header is the first row that has every column, else the first that is not empty."""
    first: Survey | None = None
    for number, values in enumerate(lines(path), start=1):
        if number > HEADER_WITHIN:
            break
        names = [column_name(str(v)) if v is not None else "" for v in values]
        if not any(names):
            continue
        found = Survey([*names], 0, header_line=number)
        first = first or found
        if set(needed) <= set(names):
            return found
    if first is None:
        raise FileRefused("empty")
    return first


def rows(
    path: Path, found: Survey, tick: Tick = lambda: None, place: Place | None = None
) -> Iterator[Row]:
    """Rows below the header with the number of their row in the sheet; ``place`` moves along."""
    for number, values in enumerate(lines(path, place), start=1):
        if number % TICK_ROWS == 0:  # also over rows that are empty
            tick()
        if number > found.header_line and any(v is not None and v != "" for v in values):
            named = zip(found.columns, values, strict=False)
            row = {name: value for name, value in named if name}
            unsaved = [name for name, value in row.items() if type(value) is Unsaved]
            if unsaved:
                row[UNSAVED] = unsaved
            yield number, row
