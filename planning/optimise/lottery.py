"""The random share: drawn before anything is chosen, by a lottery that anybody can draw again.

Rule. Half of the draws (rounded up) give every site of the frame the same chance, the other half
gives chances in proportion to the predicted risk. The two halves are drawn independently; a site
drawn in both counts once. Its chance is therefore 1 - (1 - even)(1 - risk), stored as a fraction.

Each half is a systematic draw. Sites lie on a line in the order of their strata (and inside a
stratum in an order of their own), each as long as its weight; sites so heavy that they would be
certain are taken out first, again and again until none is. With k draws left and W the length of
the line, points lie W / k apart, the first at random. A site of weight w is hit with probability
k w / W exactly, each stratum gets its share of the draws rounded up or down, and every half has
exactly its number. All of it is arithmetic with whole numbers.

The order and the first point come from SHA-256 of the seed and a name, and from nothing else. The
seed's commitment is published before the draw and the seed after it: ``tools/redraw.py`` does the
same again with the standard library alone. Sources: Madow 1949 (systematic draws of unequal
probability); Horvitz and Thompson 1952 (what the stored chances are for).
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from operator import truediv
from typing import Any

EVEN, RISK, BOTH = "even", "risk", "both"
# Weights are whole millionths, at least one: a site of which nothing is known can be drawn too.
MILLION = 1_000_000
SEED_BYTES = 16


@dataclass(frozen=True)
class Row:
    """A site of the frame. ``weight``: predicted risk from 0, None where nothing is known."""

    key: str
    stratum: str  # region x industry
    days: float  # inspector-days of a full team
    weight: float | None

    @property
    def parts(self) -> int:
        return max(1, round((self.weight or 0.0) * MILLION))


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
        if not 0 <= self.draws <= 2 * len(self.rows):
            raise ValueError("draws lie between 0 and twice the number of sites")


@dataclass(frozen=True)
class Draw:
    """A site drawn: in which half, and with which chance."""

    key: str
    half: str
    chance: Fraction


@dataclass(frozen=True)
class Drawing:
    """What was drawn, by key, and the chance of every site of the frame (above 0, at most 1)."""

    drawn: tuple[Draw, ...]
    chances: Mapping[str, Fraction]

    @property
    def expected(self) -> float:
        """Different sites to be expected: as many as the chances' sum."""
        return float(sum(self.chances.values()))


def published(frame: Frame) -> bytes:
    """The frame as a file: rows by key as [key, stratum, days, millionths of risk]."""
    rows = sorted((row.key, row.stratum, float(row.days), row.parts) for row in frame.rows)
    lines = ",\n".join(json.dumps(row) for row in rows)
    return f'{{"draws": {frame.draws}, "rows": [\n{lines}\n]}}\n'.encode()


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
    low, high = 0, 2 * len(rows)
    while low < high:
        middle = (low + high + 1) // 2
        # Divided in floating point: fractions are twenty times slower and not needed here.
        chance = _chances(rows, middle, truediv)
        if math.fsum(chance[row.key] * row.days for row in rows) <= days:
            low = middle
        else:
            high = middle - 1
    return low


def draw(frame: Frame, seed: bytes) -> Drawing:
    """The sites that the seed draws from the frame; the order of its rows does not matter."""
    even, risk = (
        set(_half(_weights(frame.rows, name), number, seed, name))
        for name, number in _halves(frame.draws)
    )
    chances = _chances(frame.rows, frame.draws)
    drawn = tuple(
        Draw(key, BOTH if key in even & risk else EVEN if key in even else RISK, chances[key])
        for key in sorted(even | risk)
    )
    return Drawing(drawn, chances)


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


# A site on the line: (stratum, key, weight).
Line = list[tuple[str, str, int]]


def _halves(draws: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return (EVEN, draws - draws // 2), (RISK, draws // 2)


def _weights(rows: Iterable[Row], half: str) -> Line:
    return [(row.stratum, row.key, 1 if half == EVEN else row.parts) for row in rows]


def _chances(
    rows: tuple[Row, ...], draws: int, ratio: Callable[[int, int], Any] = Fraction
) -> dict[str, Any]:
    missed = dict.fromkeys((row.key for row in rows), ratio(1, 1))
    for half, number in _halves(draws):
        certain, line, left = _certain(_weights(rows, half), number)
        total = sum(weight for *_, weight in line)
        for key in certain:
            missed[key] = ratio(0, 1)
        for _, key, weight in line:
            missed[key] *= 1 - ratio(left * weight, total)
    return {key: 1 - chance for key, chance in missed.items()}


def _certain(line: Line, number: int) -> tuple[list[str], Line, int]:
    """Keys whose chance would reach 1, the others, and the draws left for these."""
    certain: list[str] = []
    while True:
        total = sum(weight for *_, weight in line)
        heavy = [key for _, key, weight in line if number * weight >= total]
        if not heavy or not number:
            return certain, line, number
        certain += heavy
        taken = set(heavy)
        line = [one for one in line if one[1] not in taken]
        number -= len(heavy)


def _half(line: Line, number: int, seed: bytes, half: str) -> list[str]:
    drawn, line, left = _certain(line, number)
    if not left:
        return drawn

    def dice(name: str) -> int:
        return int(hashlib.sha256(f"{seed.hex()} {half} {name}".encode()).hexdigest(), 16)

    strata = {stratum: dice(f"stratum {stratum}") for stratum in {one[0] for one in line}}
    line = sorted(line, key=lambda one: (strata[one[0]], dice(f"site {one[1]}")))
    total = sum(weight for *_, weight in line)
    # In units of 1 / left of a weight, so that points lie exactly ``total`` apart.
    point, end = dice("start") % total, 0
    for _, key, weight in line:
        end += left * weight
        if point < end:
            drawn.append(key)
            point += total
    return drawn
