"""A plan in one sweep, led by prices; then what is left over is filled, then single sites move.

Sites are taken in the order of their reduced value, each with the best team and period that fits.
Every upper limit is kept at each step. Minimums draw by their prices and penalties.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from planning.optimise.columns import TOLERANCE
from planning.optimise.compiled import compiled
from planning.optimise.frame import NEVER, Frame, Prices, priced
from planning.optimise.prices import Relaxation, descend
from planning.optimise.problem import Floats, Ints
from planning.optimise.state import (
    State,
    empty,
    fits,
    gain,
    longest,
    may_add,
    put,
    refill,
    take,
)

# The dive: so much of those that are taken is settled in each stage; NEAR: worth looking at still.
STAGES, STAGE_SHARE, STAGE_ROUNDS, STAGE_STEP, NEAR = 7, 0.5, 40, 0.15, 0.1
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


def dive(f: Frame, prices: Prices, halted: Callable[[], bool], threads: int = 1) -> State:
    """A greedy plan in stages: those who lose most by another column go first, then new prices.

    Prices of the whole problem leave many sites indifferent between weeks; what is left of the
    capacity after the clear cases tells them apart.
    """
    state, room = empty(f), longest(f)
    rows = np.flatnonzero(np.diff(f.start) > 0)
    relaxation = Relaxation(f, rows, threads)
    for stage in range(STAGES):
        rest = _what_is_left(f, state)
        relaxation = Relaxation(rest, rows, threads)
        if stage:
            prices = descend(relaxation, prices, STAGE_ROUNDS, halted, STAGE_STEP).prices
        relaxation.at(prices)
        taken = rows[relaxation.taken[rows]]
        clear = taken[np.argsort(-relaxation.margin[taken], kind="stable")]
        first = clear[: int(len(clear) * STAGE_SHARE) + 1]
        refill(f, state, relaxation.column, relaxation.period, first, True, room)
        near = (relaxation.best[rows] > -NEAR) | f.pinned[rows]
        rows = rows[near & (state.column[rows] < 0)]
        if halted() or not len(rows):
            break
    whole = Relaxation(f, None, threads)
    whole.at(prices)
    return greedy(f, prices, whole.best, state)


def _what_is_left(f: Frame, state: State) -> Frame:
    """The problem of the sites that are not visited yet. Of a full firm nobody can be added."""
    pools, supplies = f.capacity.size, f.supply.size
    left = np.maximum(state.left, 0.0)
    return f._replace(
        capacity=left[:pools].reshape(f.capacity.shape),
        supply=left[pools : pools + supplies].reshape(f.supply.shape),
        quota_min=np.maximum(0, f.quota_min - state.counts),
        quota_max=f.quota_max - state.counts,
    )


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
