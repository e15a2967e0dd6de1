"""Long lists inside a page, a part at a time: what is shown of how many, and the way to the rest."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.functional import Promise

from ui.lists import capped_count

COUNTED = 1_000  # never counted beyond


@dataclass
class Part:
    """``words`` say what of how many is shown, and are empty where it is everything."""

    rows: list[Any]
    words: str = ""
    previous: str = ""
    following: str = ""


def part_of(
    rows: QuerySet[Any], request: HttpRequest, name: str, size: int, words: tuple[Promise, Promise]
) -> Part:
    """The part of ``rows`` (ordered, and seen by the reader) that ``name`` in the address asks for.

    ``words``: with %(first)s, %(last)s and %(count)s, where the count is known and where it is
    only known to be more than that. One query; up to two more where the part is full.
    """
    number = max(1, _number(request.GET.get(name, "")))
    shown = list(rows[(number - 1) * size : number * size])
    if not shown and number > 1:
        number, shown = 1, list(rows[:size])
    if number == 1 and len(shown) < size:
        return Part(shown)
    count = capped_count(rows, COUNTED)
    start = (number - 1) * size
    stop = start + len(shown)
    # By their ids: rows that are not shown are not read, a look at some of them is logged.
    more = count > stop or (count > COUNTED and rows.values("pk")[stop : stop + 1].exists())
    if number == 1 and not more:
        return Part(shown)
    said = {"first": start + 1, "last": stop, "count": min(count, COUNTED)}
    return Part(
        shown,
        str(words[count > COUNTED])
        % {key: number_format(value, use_l10n=True, force_grouping=True) for key, value in said.items()},
        _url(request, name, number - 1) if number > 1 else "",
        _url(request, name, number + 1) if more else "",
    )  # fmt: skip


def _number(raw: str) -> int:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else 1


def _url(request: HttpRequest, name: str, number: int) -> str:
    query = request.GET.copy()
    query[name] = str(number)
    return f"?{query.urlencode()}#{name}"
