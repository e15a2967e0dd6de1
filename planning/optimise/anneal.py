"""Many small moves with a fixed seed and a counted number of steps: the same plan each time.

A move gives a site a column and makes room for it: visits that are in the way go where they are
worth most, to another team, another period, or out. Whether the result stays is decided as in
simulated annealing (Kirkpatrick, Gelatt, Vecchi 1983); the best plan met is kept.
"""

from typing import Any, NamedTuple

import numpy as np

from planning.optimise.columns import TOLERANCE
from planning.optimise.compiled import compiled, within
from planning.optimise.frame import Choice, Frame
from planning.optimise.model import Picked
from planning.optimise.problem import Ints
from planning.optimise.state import (
    State,
    choice_of,
    empty,
    gain,
    longest,
    put,
    refill,
    row_limits,
    rows_of,
    take,
)

# A visit more than this in the way of one column, and the move is given up.
EJECTIONS = 4
# Of the visits that use an overfull limit so many are looked at.
LOOKED_AT = 12


class Lists(NamedTuple):
    """Who uses each upper limit: ``member[start[row]:start[row] + size[row]]``."""

    start: Ints
    size: Ints
    member: Any


class Bands(NamedTuple):
    """Columns worth trying, by site, the ones of most worth first."""

    start: Ints  # [n + 1]
    site: Any
    column: Any
    period: Any


class Log(NamedTuple):
    """What a move has changed, to take it back: site, former column and period."""

    site: Ints
    column: Ints
    period: Ints
    size: Ints  # [1]


def bands(f: Frame, picked: Picked) -> Bands:
    n = len(f.start) - 1
    count = np.bincount(picked.site, minlength=n)
    worth = f.value[picked.column] * f.discount[picked.period]
    order = np.lexsort((-worth, picked.site))
    return Bands(
        np.concatenate([[0], np.cumsum(count)]), picked.site[order].astype(np.int32),
        picked.column[order].astype(np.int32), picked.period[order].astype(np.int32),
    )  # fmt: skip


def lists(f: Frame, state: State) -> Lists:
    """Room for all who could use a limit at once, and one more each."""
    limits = row_limits(f)
    smallest = float(f.days[f.days > 0].min(initial=np.inf))
    least = np.ones(len(limits))
    least[: f.capacity.size] = smallest
    if f.need_amount.size:
        least[f.capacity.size : f.capacity.size + f.supply.size] = f.need_amount.min()
    room = np.minimum(limits / least + 2, len(f.start) + 1).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(room)])
    out = Lists(start, np.zeros(len(limits), np.int64), np.empty(start[-1], np.int32))
    _list_all(f, state, out, longest(f))
    return out


@compiled
def _list_all(f: Any, s: Any, u: Any, room: int) -> None:
    ids, amounts = np.empty(room, np.int64), np.empty(room)
    for i in range(s.column.shape[0]):
        if s.column[i] >= 0:
            _list(f, u, i, s.column[i], s.period[i], ids, amounts)


@within
def _list(f: Any, u: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> None:
    for k in range(rows_of(f, i, c, w, ids, amounts)):
        if amounts[k] > 0:
            row = ids[k]
            u.member[u.start[row] + u.size[row]] = i
            u.size[row] += 1


@within
def _unlist(f: Any, u: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> None:
    for k in range(rows_of(f, i, c, w, ids, amounts)):
        if amounts[k] > 0:
            row = ids[k]
            at = u.start[row]
            while u.member[at] != i:
                at += 1
            u.size[row] -= 1
            u.member[at] = u.member[u.start[row] + u.size[row]]


@within
def _next(seed: Any) -> np.int64:
    """xorshift64* (Vigna 2016)."""
    x = seed[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    seed[0] = x
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(33))


@within
def _unit(seed: Any) -> float:
    return (_next(seed) + 0.5) / 2147483648.0


@within
def _loss(f: Any, s: Any, i: int) -> float:
    """Worth of the visit of a site, with the penalties that its going brings."""
    c, w = s.column[i], s.period[i]
    worth = f.value[c] * f.discount[w]
    for at in range(f.quota_start[i], f.quota_start[i + 1]):
        k = f.quota_item[at]
        a = f.quota_authority[k]
        if s.counts[k] <= f.quota_min[k] and (a < 0 or (f.team[c] >> a) & 1):
            worth += f.quota_penalty[k]
    return worth


@within
def _change(
    f: Any, s: Any, u: Any, log: Any, i: int, c: int, w: int, ids: Any, amounts: Any
) -> float:
    """Gives a site another column (-1: none), writes it down; returns what it brings."""
    n = log.size[0]
    log.site[n], log.column[n], log.period[n] = i, s.column[i], s.period[i]
    log.size[0] = n + 1
    return _set(f, s, u, i, c, w, ids, amounts)


@within
def _set(f: Any, s: Any, u: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> float:
    brings = 0.0
    if s.column[i] >= 0:
        brings -= _loss(f, s, i)
        _unlist(f, u, i, s.column[i], s.period[i], ids, amounts)
        take(f, s, i, ids, amounts)
    if c >= 0:
        brings += gain(f, s, i, c, w)
        put(f, s, i, c, w, ids, amounts)
        _list(f, u, i, c, w, ids, amounts)
    return brings


@within
def _undo(f: Any, s: Any, u: Any, log: Any, ids: Any, amounts: Any) -> None:
    while log.size[0] > 0:
        n = log.size[0] - 1
        log.size[0] = n
        _set(f, s, u, log.site[n], log.column[n], log.period[n], ids, amounts)


@within
def _overfull(f: Any, s: Any, i: int, ids: Any, amounts: Any) -> int:
    """A limit that the visit of a site overruns, -1 if there is none."""
    for k in range(rows_of(f, i, s.column[i], s.period[i], ids, amounts)):
        if s.left[ids[k]] < -TOLERANCE:
            return ids[k]
    return -1


@within
def _elsewhere(
    f: Any, s: Any, b: Any, j: int, must: bool, ids: Any, amounts: Any, found: Any
) -> float:
    """Where an unmade visit is worth most with what is left; ``found``: column and period."""
    most = -1e18 if must else 0.0
    counted = f.quota_start[j + 1] > f.quota_start[j]
    found[0], found[1] = -1, 0
    for k in range(b.start[j], b.start[j + 1]):
        c, w = b.column[k], b.period[k]
        worth = gain(f, s, j, c, w) if counted else f.value[c] * f.discount[w]
        if worth <= most:
            if counted:
                continue
            break
        fit = True
        for r in range(rows_of(f, j, c, w, ids, amounts)):
            if amounts[r] > s.left[ids[r]] + TOLERANCE:
                fit = False
                break
        if fit:
            most = worth
            found[0], found[1] = c, w
            if not counted:
                break
    return most


@within
def _make_room(
    f: Any, s: Any, u: Any, b: Any, log: Any, i: int, row: int, heat: float, seed: Any, ids: Any,
    amounts: Any, found: Any,
) -> float:  # fmt: skip
    """Sends one visit that uses an overfull limit elsewhere; returns what that brings."""
    size = u.size[row]
    first = _next(seed) % size
    best, chosen, column, period = -1e18, -1, -1, 0
    over = -s.left[row]
    for step in range(min(size, LOOKED_AT)):
        j = u.member[u.start[row] + (first + step) % size]
        if j == i:
            continue
        c, w = s.column[j], s.period[j]
        loss = _loss(f, s, j)
        take(f, s, j, ids, amounts)
        freed = 0.0
        for k in range(rows_of(f, j, c, w, ids, amounts)):
            if ids[k] == row:
                freed = amounts[k]
        most = _elsewhere(f, s, b, j, f.pinned[j], ids, amounts, found)
        put(f, s, j, c, w, ids, amounts)
        if found[0] < 0 and f.pinned[j]:
            continue
        # Two that free half each cost twice.
        brings = (most - loss) * max(1.0, over / max(freed, 1e-9)) - heat * np.log(_unit(seed))
        if brings > best:
            best, chosen, column, period = brings, j, found[0], found[1]
    if chosen < 0:
        return -1e18
    return _change(f, s, u, log, chosen, column, period, ids, amounts)


@compiled
def steps(
    f: Any, s: Any, u: Any, b: Any, log: Any, count: int, hot: float, cold: float, seed: Any,
    room: int,
) -> float:  # fmt: skip
    """``count`` moves while the heat falls from ``hot`` to ``cold``; returns what they brought."""
    ids, amounts, found = np.empty(room, np.int64), np.empty(room), np.zeros(2, np.int64)
    brought = 0.0
    for step in range(count):
        heat = hot * (cold / hot) ** (step / count)
        pick = _next(seed) % b.site.shape[0]
        i, c, w = b.site[pick], b.column[pick], b.period[pick]
        if s.column[i] == c and s.period[i] == w:
            if f.pinned[i]:
                continue
            c = -1
        log.size[0] = 0
        brings = _change(f, s, u, log, i, c, w, ids, amounts)
        for _ in range(EJECTIONS if c >= 0 else 0):
            row = _overfull(f, s, i, ids, amounts)
            if row < 0 or brings < -1e17:
                break
            brings += _make_room(f, s, u, b, log, i, row, heat, seed, ids, amounts, found)
        if c >= 0 and brings > -1e17 and _overfull(f, s, i, ids, amounts) >= 0:
            brings = -1e18
        if s.totals[1] < f.joint_share * s.totals[0] - TOLERANCE:
            brings = -1e18
        if brings >= 0 or (brings > -40 * heat and _unit(seed) < np.exp(brings / heat)):
            brought += brings
        else:
            _undo(f, s, u, log, ids, amounts)
    return brought


class Annealing:
    """Moves in parts, so that between them somebody may look at the plan or stop."""

    def __init__(self, f: Frame, choice: Choice, picked: Picked, seed: int) -> None:
        self.f = f
        self.room = longest(f)
        self.state = empty(f)
        every = np.arange(len(choice.column))
        refill(f, self.state, choice.column, choice.period, every, False, self.room)
        self.bands, self.lists = bands(f, picked), lists(f, self.state)
        self.log = Log(*(np.zeros(64, np.int64) for _ in range(3)), np.zeros(1, np.int64))  # type: ignore[call-arg]
        # Any odd number will do; neighbouring seeds start far apart.
        self.seed = np.array([(2 * seed + 1) * 0x9E3779B97F4A7C15 % (1 << 64)], np.uint64)

    def part(self, count: int, hot: float, cold: float) -> Choice:
        if len(self.bands.site):
            steps(
                self.f, self.state, self.lists, self.bands, self.log, count, hot, cold, self.seed,
                self.room,
            )  # fmt: skip
        return choice_of(self.state)
