"""A plan in one sweep, led by prices; then what is left over is filled, then single sites move.

Sites are taken in the order of their reduced value, each with the best team and period that fits.
Every upper limit is kept at each step. Minimums draw by their prices and penalties.
"""

from typing import Any

import numpy as np

from planning.optimise.columns import TOLERANCE
from planning.optimise.frame import NEVER, Frame, Prices, compiled, priced
from planning.optimise.problem import Floats, Ints
from planning.optimise.state import (
    State,
    empty,
    fits,
    gain,
    longest,
    may_add,
    put,
    take,
)

# Prices at which leftover capacity is worth taking: all of it, half of it, none.
FILLS = (1.0, 0.7, 0.4, 0.0)


def greedy(
    f: Frame, prices: Prices, best: Floats, start: State | None = None, first: float = 1.0
) -> State:
    """``best`` [n] reduced value of each site at these prices; ``start``: visits to keep.

    ``first``: by how much the prices are scaled in the first sweep.
    """
    state = empty(f) if start is None else start
    order = np.argsort(-best, kind="stable")
    order = order[best[order] > 0.5 * NEVER]
    free = order[~f.pinned[order]]
    room = longest(f)
    sweep(f, state, prices, _hardest_first(f, order), 0.0, room)
    for share in (first, *FILLS):
        sweep(f, state, scaled(prices, share), free, -TOLERANCE, room)
    for _ in range(2):
        if not rearrange(f, state, order, room):
            break
    return state


def scaled(prices: Prices, share: float) -> Prices:
    return Prices(prices.pool * share, prices.quota, prices.resource * share, prices.joint * share)


def _hardest_first(f: Frame, order: Ints) -> Ints:
    """Pinned sites by how few columns they have."""
    pins = np.sort(order[f.pinned[order]])
    options = np.diff(f.start)[pins] * f.open[pins].sum(axis=1)
    return pins[np.argsort(options, kind="stable")]


@compiled
def sweep(f: Any, s: Any, prices: Any, order: Any, least: float, room: int) -> None:
    """Gives each unvisited site in turn its best column that fits and is worth ``least`` or more.

    A pinned site takes whatever fits.
    """
    cost = np.zeros(f.days.shape[1])
    out = np.empty((f.widest, f.discount.shape[0]))
    ids, amounts = np.empty(room, np.int64), np.empty(room)
    for i in order:
        if s.column[i] >= 0:
            continue
        priced(f, prices, i, cost, out)
        lowest = 0.5 * NEVER if f.pinned[i] else least
        most, at, when = lowest, -1, 0
        for c in range(f.start[i], f.start[i + 1]):
            if not f.pinned[i] and not may_add(f, s, c):
                continue
            for w in range(f.discount.shape[0]):
                worth = out[c - f.start[i], w]
                if worth > most and fits(f, s, i, c, w, ids, amounts):
                    most, at, when = worth, c, w
        if at >= 0 and (f.pinned[i] or gain(f, s, i, at, when) > 0):
            put(f, s, i, at, when, ids, amounts)


@compiled
def rearrange(f: Any, s: Any, order: Any, room: int) -> bool:
    """Moves each visit to the team and period that is worth most where it fits."""
    ids, amounts = np.empty(room, np.int64), np.empty(room)
    moved = False
    for i in order:
        if s.column[i] < 0:
            continue
        old, when_old = s.column[i], s.period[i]
        take(f, s, i, ids, amounts)
        at, when, most = old, when_old, gain(f, s, i, old, when_old) + TOLERANCE
        for c in range(f.start[i], f.start[i + 1]):
            if c != old and not may_add(f, s, c):
                continue
            for w in range(f.discount.shape[0]):
                if not f.open[i, w]:
                    continue
                worth = gain(f, s, i, c, w)
                if worth > most and fits(f, s, i, c, w, ids, amounts):
                    most, at, when = worth, c, w
        moved = moved or at != old or when != when_old
        put(f, s, i, at, when, ids, amounts)
    return moved
