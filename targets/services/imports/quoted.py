"""Records of delimited text, with a watch on quotation marks that are never closed.

A cell in quotes may run over several lines. One whose closing mark is missing would run on over rows
that have nothing to do with it, at worst to the end of the file. Then its first line is a broken row
and the lines behind it are read again, each as what it is.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINES = 1_000  # of one record; a cell of 128 KiB is refused by the reader itself
# Lines that all look like whole rows by chance are let pass up to this many delimiters in all.
CHANCE = 6


@dataclass(slots=True)
class Record:
    """``line``: where it begins, from 0; ``wrong``: code of what makes it no row, else empty.

    Of a row whose quote is open the last value is the cell that the quote opens, mark and all, to
    the end of the line: where that cell ends is not known.
    """

    line: int
    values: list[str]
    wrong: str = ""


class _TooMany(Exception):
    """A record has run over more lines than a record has."""


class _Lines:
    """Lines given out one by one, remembered until the record that took them has been looked at."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.fresh = lines
        self.again: deque[str] = deque()
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MAX_LINES:
            raise _TooMany
        if self.again:
            line = self.again.popleft()
        else:
            try:
                line = next(self.fresh)
            except StopIteration:
                self.ended = True
                raise
        self.taken.append(line)
        return line

    def only_first(self) -> str:
        """The first line taken; those behind it are given out once more."""
        first, *rest = self.taken
        self.again.extendleft(reversed(rest))
        self.ended = False
        return first


def records(lines: Iterator[str], delimiter: str, columns: int) -> Iterator[Record]:
    """Every record of the lines, blank ones too; of ``columns`` cells each as a rule."""
    source = _Lines(lines)
    reader = csv.reader(source, delimiter=delimiter)
    at = 0
    while True:
        source.taken.clear()
        wrong = ""
        values: list[str] = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            wrong = "quote_open" if len(source.taken) > 1 else "too_long"
        except _TooMany:
            wrong = "quote_open"
        if not wrong and (len(source.taken) > 1 or source.ended):
            wrong = "quote_open" if _is_open(source.taken, delimiter, columns) else ""
        if wrong == "quote_open":
            values = _cells(source.only_first(), delimiter)
            yield Record(at, values, wrong)
            at += 1
            continue
        yield Record(at, values, wrong)
        at += len(source.taken)


def _is_open(taken: list[str], delimiter: str, columns: int) -> bool:
    """Whether a record of several lines, or the last one, is held together by a quote left open."""
    try:
        next(csv.reader(iter(taken), delimiter=delimiter, strict=True), None)
    except csv.Error:
        return True
    # Lines of which each divides into as many cells as the table has columns are rows.
    inner = columns - 1
    return (len(taken) - 1) * inner >= CHANCE and all(
        line.count(delimiter) == inner for line in taken
    )


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        values = next(csv.reader(iter([line]), delimiter=delimiter), [])
    except csv.Error:  # longer than a cell may be
        return []
    return [*values[:-1], f'"{values[-1].rstrip()}'] if values else []
