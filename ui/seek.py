"""Walking on through a long list: from a row to those after it, at the same cost at any depth.

A list is one or more *stretches*, one after the other. Each is in the order of a value and an id, and
gives what follows a place in it. The address carries such a place (``after``, ``before``) as it
is: the number of the stretch, the value and the id of a row that was shown. Nothing depends on that row
being there still, and a place tells no more than what was shown.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

Values = tuple[Any, ...]  # the value of the order and the id
Place = tuple[int, Values]  # number of the stretch and where in it
LONGEST = 500  # characters of a place in an address


class NoPlace(ValueError):
    """The address names no place in this list."""


@dataclass(frozen=True)
class Part:
    """What was found, and from where to go on; ``on`` is None when the stretch has ended."""

    found: list[Values]
    on: Values | None = None


@dataclass(frozen=True)
class Stretch:
    """``take(start, number, backwards)`` gives up to ``number`` rows beyond ``start``.

    ``kind``: type of the value: str, date or float.
    """

    kind: type
    take: Callable[[Values | None, int, bool], Part]


@dataclass(frozen=True)
class Found:
    """Rows of one page: their ids in order, and the places before and after them (None: an end)."""

    ids: list[int] = field(default_factory=list)
    before: Place | None = None
    after: Place | None = None


def beyond(
    rows: QuerySet[Any], value: tuple[str, bool], key: tuple[str, bool], start: Values | None,
    number: int, *, bound: Callable[[Any], Any] = lambda given: given,
) -> list[Values]:  # fmt: skip
    """Values and ids of ``number`` rows beyond ``start``. One query.

    ``value`` and ``key`` are fields and whether they go down. What shares the value of ``start`` and what
    has a later one are asked apart, so that both are read from an index and no more than
    ``number`` of each. ``bound`` makes of a value what the field is compared with.
    """
    order = [f"-{name}" if down else name for name, down in (value, key)]
    plain = rows.order_by(*order).values_list(value[0], key[0])
    if start is None:
        return list(plain[:number])
    given = bound(start[0])
    same = plain.filter(**{value[0]: given, _past(key): start[1]}).order_by(order[1])
    later = plain.filter(**{_past(value): given})
    return list(same[:number].union(later[:number], all=True).order_by(*order)[:number])


def _past(field: tuple[str, bool]) -> str:
    name, down = field
    return f"{name}__lt" if down else f"{name}__gt"


def by_field(rows: QuerySet[Any], name: str, kind: type, descending: bool) -> Stretch:
    """All ``rows`` by a field of their own that is never empty, then by id."""

    def take(start: Values | None, number: int, backwards: bool) -> Part:
        down = descending != backwards
        found = beyond(rows, (name, down), ("pk", down), start, number)
        return Part(found, found[-1] if len(found) == number else None)

    return Stretch(kind, take)


def walked(
    ahead: Callable[[Values | None, int, bool], list[Values]],
    counting: Callable[[list[Values]], list[Values]],
    kind: type,
    looks: Sequence[int],
) -> Stretch:
    """A stretch along other rows, of which only some count: after ``looks`` of them it stops.

    ``ahead`` gives values and ids beyond a place, ``counting`` those that are rows of the list.
    ``looks``: how many are seen in all after the first, second, … query.
    """

    def take(start: Values | None, number: int, backwards: bool) -> Part:
        found: dict[Values, None] = {}
        seen, place = 0, start
        for look in looks:
            size = min(max(look, 2 * number), looks[-1]) - seen
            if size <= 0:
                continue
            chunk = ahead(place, size, backwards)
            found |= dict.fromkeys(counting(chunk))
            if len(chunk) < size:
                return Part(list(found))
            seen, place = seen + size, chunk[-1]
            if len(found) >= number:
                break
        return Part(list(found), place)

    return Stretch(kind, take)


def walk(
    stretches: Sequence[Stretch], place: Place | None, number: int, backwards: bool = False
) -> Found:
    """Up to ``number`` rows beyond ``place``; from the beginning (backwards: the end) without one."""
    index, start = place or (len(stretches) - 1 if backwards else 0, None)
    rows: list[Place] = []
    on: Place | None = None
    while 0 <= index < len(stretches):
        part = stretches[index].take(start, number + 1 - len(rows), backwards)
        rows += [(index, values) for values in part.found]
        if len(rows) > number:
            rows = rows[:number]
            on = rows[-1]
            break
        if part.on is not None:
            on = (index, part.on)
            break
        index, start = index + (-1 if backwards else 1), None
    near = rows[0] if rows else place
    if backwards:
        return Found([row[1][-1] for row in reversed(rows)], before=on, after=near)
    return Found([row[1][-1] for row in rows], before=near, after=on)


def walk_to(stretches: Sequence[Stretch], number: int) -> Found:
    """The first ``number`` rows, however many others must be looked at for them."""
    ids: list[int] = []
    place: Place | None = None
    while True:
        found = walk(stretches, place, number - len(ids))
        ids += found.ids
        if found.after is None or len(ids) >= number:
            return Found(ids, after=found.after)
        place = found.after


def parts(stretches: Sequence[Stretch], number: int) -> Iterator[list[int]]:
    """Ids of all rows in order, about ``number`` at a time, each part in a transaction of its own."""
    place: Place | None = None
    while True:
        with transaction.atomic(savepoint=False):
            found = walk(stretches, place, number)
        yield found.ids
        if found.after is None:
            return
        place = found.after


# ---------------------------------------------------------------------- in the address
def written(place: Place) -> str:
    """A place as it stands in an address."""
    index, values = place
    plain = [v.isoformat() if isinstance(v, dt.date) else v for v in values]
    return json.dumps([index, *plain], ensure_ascii=False, separators=(",", ":"))


def read(text: str, stretches: Sequence[Stretch]) -> Place:
    """The place that ``text`` names; raises NoPlace for anything else."""
    try:
        index, value, key = json.loads(text[:LONGEST])
        if not _is_whole(index) or not 0 <= index < len(stretches) or not _is_whole(key):
            raise NoPlace
        return index, (_value(value, stretches[index].kind), key)
    except (ValueError, TypeError, RecursionError) as error:
        raise NoPlace from error


def _is_whole(number: Any) -> bool:
    return type(number) is int and -(2**63) <= number < 2**63


def _value(given: Any, kind: type) -> Any:
    if kind is dt.date and isinstance(given, str):
        return dt.date.fromisoformat(given)
    if kind is float and type(given) in (int, float) and (given == 0 or 1e-30 < abs(given) < 1e30):
        return float(given)  # within what four bytes hold
    if kind is str and isinstance(given, str) and "\0" not in given:
        given.encode()  # half a surrogate pair is no text
        return given
    raise NoPlace
