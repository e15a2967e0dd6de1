"""The random share: drawn before anything is chosen, by a lottery that anybody can draw again.

Rule. First firms are drawn, then one site of each: no draw ever holds two sites of one firm. A site
counts by half for being there at all and by half for its predicted risk: with N sites in the frame
and W the sum of their risks (whole millionths, at least one each) its size is ``W + N x risk``, and a
firm is as large as its sites together. A site without a firm stands alone.

Firms lie on a line, ordered by region, in it by stratum (region x industry) and in that in an order
of their own; firms so large that they would be certain are taken out first, again and again until
none is. With k draws left and T the length of the line, points lie T / k apart, the first at random:
a firm of size s is hit with probability k s / T exactly, and the site of size t in it is the one
with t / s, so that its chance is k t / T (of a firm taken out: t / s). Exactly as many different
sites are drawn as there are draws, and each region gets its share of them rounded up or down. All of
it is arithmetic with whole numbers, and the chances are stored as the fractions they are.

The order, the first point and the sites within firms come from SHA-256 of the seed and a name, and
from nothing else. The seed's commitment is published before the draw and the seed after it:
``tools/redraw.py`` does the same again with the standard library alone. Sources: Madow 1949
(systematic draws of unequal probability); Horvitz and Thompson 1952 (what the chances are for).
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import truediv
from typing import Any

RULE = 2  # of the published file: draws by another rule are drawn again by another program
# Risks are whole millionths, at least one: a site of which nothing is known can be drawn too.
MILLION = 1_000_000
SEED_BYTES = 16
SEVERAL = "*"  # region or stratum of a firm whose sites lie in more than one


@dataclass(frozen=True)
class Row:
    """A site of the frame. ``weight``: predicted risk from 0, None where nothing is known."""

    key: str
    firm: str  # "": none
    region: str
    stratum: str  # region x industry
    days: float  # inspector-days of its team
    weight: float | None
    team: tuple[str, ...] = ()  # who visits it if it is drawn: settled before the draw

    @property
    def parts(self) -> int:
        return max(1, round((self.weight or 0.0) * MILLION))

    @property
    def group(self) -> str:
        return self.firm or self.key


@dataclass(frozen=True)
class Group:
    """A firm on the line, with the sizes of its sites by key."""

    name: str
    region: str
    stratum: str
    sites: tuple[tuple[str, int], ...]

    @cached_property
    def size(self) -> int:
        return sum(size for _key, size in self.sites)


@dataclass(frozen=True)
class Frame:
    """Everybody who can be drawn, and how many draws there are: both are covered by the hash.

    Raises ``ValueError`` for a key that stands twice, numbers below zero or not finite, and more
    or fewer draws than can be made.
    """

    rows: tuple[Row, ...]
    draws: int

    def __post_init__(self) -> None:
        if len({row.key for row in self.rows}) != len(self.rows):
            raise ValueError("a key stands twice in the frame")
        for row in self.rows:
            for number in (row.days, row.weight or 0.0):
                if not math.isfinite(number) or number < 0:
                    raise ValueError(f"{row.key}: days and weight are numbers from 0")
        if not 0 <= self.draws <= len(self.groups):
            raise ValueError("draws lie between 0 and the number of firms")

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        return groups_of(self.rows)


@dataclass(frozen=True)
class Draw:
    """A site drawn, and with which chance."""

    key: str
    chance: Fraction


@dataclass(frozen=True)
class Drawing:
    """What was drawn, by key, and the chance of every site of the frame (above 0, at most 1)."""

    drawn: tuple[Draw, ...]
    chances: Mapping[str, Fraction]


def groups_of(rows: Iterable[Row]) -> tuple[Group, ...]:
    """The firms of a frame by name."""
    rows = tuple(rows)
    count, total = len(rows), sum(row.parts for row in rows)
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.key):
        found.setdefault(row.group, []).append(row)
    return tuple(
        Group(
            name, _one({row.region for row in sites}), _one({row.stratum for row in sites}),
            tuple((row.key, total + count * row.parts) for row in sites),
        )
        for name, sites in sorted(found.items())
    )  # fmt: skip


def _one(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else SEVERAL


def published(frame: Frame) -> bytes:
    """The frame as a file: by key [key, firm, region, stratum, days, millionths of risk, team]."""
    rows = sorted(
        (row.key, row.firm, row.region, row.stratum, float(row.days), row.parts, list(row.team))
        for row in frame.rows
    )
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"rule": {RULE}, "draws": {frame.draws}, "rows": [\n{lines}\n]}}\n'.encode()


def frame_hash(frame: Frame) -> str:
    """SHA-256 of the published file, as ``sha256sum`` prints it."""
    return hashlib.sha256(published(frame)).hexdigest()


def commitment(seed: bytes, frame_hash: str) -> str:
    """Published before the draw: SHA-256 of "seed in hexadecimal, space, hash of the frame"."""
    if len(seed) < SEED_BYTES:
        raise ValueError(f"a seed has at least {SEED_BYTES} bytes, or it could be guessed")
    return hashlib.sha256(f"{seed.hex()} {frame_hash}".encode()).hexdigest()


def draws_for(rows: Iterable[Row], days: float) -> int:
    """The most draws whose expected inspector-days stay within ``days``.

    Does not depend on the seed, so nobody can choose the number after looking at the draw.
    """
    rows = tuple(rows)
    groups = groups_of(rows)
    low, high = 0, len(groups)
    while low < high:
        middle = (low + high + 1) // 2
        # Divided in floating point: fractions are twenty times slower and not needed here.
        chance = _chances(groups, middle, truediv)
        if math.fsum(chance[row.key] * row.days for row in rows) <= days:
            low = middle
        else:
            high = middle - 1
    return low


def draw(frame: Frame, seed: bytes) -> Drawing:
    """The sites that the seed draws from the frame; the order of its rows does not matter."""
    chances = _chances(frame.groups, frame.draws)
    keys = sorted(_site_of(group, seed) for group in _drawn(frame, seed))
    return Drawing(tuple(Draw(key, chances[key]) for key in keys), chances)


def verify(frame: Frame, seed: bytes, committed: str, drawn: Iterable[str]) -> list[str]:
    """What does not agree with the commitment and the rule; nothing if all is in order."""
    wrong = []
    if commitment(seed, frame_hash(frame)) != committed:
        wrong.append("The commitment is not that of this seed and this frame.")
    expected, stated = {one.key for one in draw(frame, seed).drawn}, set(drawn)
    wrong += [
        f"{key} was drawn by the seed and is not stated." for key in sorted(expected - stated)
    ]
    wrong += [
        f"{key} is stated and was not drawn by the seed." for key in sorted(stated - expected)
    ]
    return wrong


def most_of(groups: tuple[Group, ...], draws: int, sets: list[set[str]]) -> list[int]:
    """For each set of firms (names): the most of them that any draw can hold, whatever the seed.

    A region's firms lie side by side on the line, so that at most so many points fall on them as
    its length holds, rounded up.
    """
    certain, line, left = _certain(groups, draws)
    total, length = sum(group.size for group in line), dict[str, int]()
    for group in line:
        length[group.region] = length.get(group.region, 0) + group.size
    points = {region: -(-left * size // total) for region, size in length.items()}
    sure, region = {group.name for group in certain}, {group.name: group.region for group in line}
    found = []
    for names in sets:
        there: dict[str, int] = {}
        for name in names - sure:
            there[region[name]] = there.get(region[name], 0) + 1
        count = sum(min(points[where], number) for where, number in there.items())
        found.append(len(names & sure) + min(left, count))
    return found


def _chances(
    groups: tuple[Group, ...], draws: int, ratio: Callable[[int, int], Any] = Fraction
) -> dict[str, Any]:
    certain, line, left = _certain(groups, draws)
    total = sum(group.size for group in line)
    found = {key: ratio(size, group.size) for group in certain for key, size in group.sites}
    return found | {key: ratio(left * size, total) for group in line for key, size in group.sites}


def _certain(groups: tuple[Group, ...], number: int) -> tuple[list[Group], list[Group], int]:
    """Firms whose chance would reach 1, the others, and the draws left for these."""
    certain: list[Group] = []
    line = list(groups)
    while True:
        total = sum(group.size for group in line)
        heavy = [group for group in line if number * group.size >= total]
        if not heavy or not number:
            return certain, line, number
        certain += heavy
        taken = {group.name for group in heavy}
        line = [group for group in line if group.name not in taken]
        number -= len(heavy)


def _dice(seed: bytes, name: str) -> int:
    return int(hashlib.sha256(f"{seed.hex()} {name}".encode()).hexdigest(), 16)


def _drawn(frame: Frame, seed: bytes) -> list[Group]:
    drawn, line, left = _certain(frame.groups, frame.draws)
    if not left:
        return drawn
    regions = {one.region: _dice(seed, f"region {one.region}") for one in line}
    strata = {one.stratum: _dice(seed, f"stratum {one.stratum}") for one in line}
    line.sort(key=lambda one: (
        regions[one.region], strata[one.stratum], _dice(seed, f"firm {one.name}")
    ))  # fmt: skip
    total = sum(group.size for group in line)
    # In units of 1 / left of a size, so that points lie exactly ``total`` apart.
    point, end = _dice(seed, "start") % total, 0
    for group in line:
        end += left * group.size
        if point < end:
            drawn.append(group)
            point += total
    return drawn


def _site_of(group: Group, seed: bytes) -> str:
    point, end = _dice(seed, f"site {group.name}") % group.size, 0
    for key, size in group.sites:
        end += size
        if point < end:
            return key
    raise AssertionError("a point below the sum lies on one of its parts")
