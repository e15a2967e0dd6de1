"""A problem as plain arrays for compiled loops, and what its rows are: pools, quotas, resources.

Every way of looking (prices, greedy, moves, linear programs) uses the same ``Frame``, so that a
limit is read from the problem at one place.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from planning.optimise.columns import TOLERANCE, Columns
from planning.optimise.compiled import compiled, within
from planning.optimise.problem import Bools, Floats, Ints

NEVER = -1e30


class Frame(NamedTuple):
    """Arrays of a problem and its columns; see ``Problem`` and ``Columns`` for their shapes."""

    start: Ints
    team: Any
    value: Floats
    discount: Floats
    open: Bools
    pinned: Bools
    group: Ints
    days: Floats
    pool_of: Ints
    region: Ints
    capacity: Floats
    quota_start: Ints
    quota_item: Ints
    quota_authority: Ints  # -1: every visit counts
    quota_min: Ints
    quota_max: Ints  # a number above all sites where there is none
    quota_penalty: Floats  # inf: a hard minimum
    need_start: Ints
    need_item: Ints
    need_amount: Floats
    supply: Floats  # [resources, W]
    per_firm: int
    joint_share: float
    single: int  # visits that the joint share leaves out (``Problem.alone_by_lot``)
    widest: int  # teams of the site that has most of them


class Prices(NamedTuple):
    """One price for each row. Any prices of the right sign give a proven bound."""

    pool: Floats  # [Q, W] >= 0
    quota: Floats  # [quotas] up to the penalty of a soft minimum; negative: a maximum binds
    resource: Floats  # [resources, W] >= 0
    joint: float  # >= 0


@dataclass(frozen=True)
class Choice:
    """One column and period per site, or none (-1)."""

    column: Ints  # [n]
    period: Ints  # [n]

    def copy(self) -> "Choice":
        return Choice(self.column.copy(), self.period.copy())


def frame(columns: Columns) -> Frame:
    p = columns.problem
    quotas, resources = p.quotas, p.resources
    none = len(p.keys) + 1
    supply = np.array([r.capacity for r in resources], float).reshape(-1, len(p.periods))
    return Frame(
        columns.start, columns.team, columns.value, columns.discount, _c(columns.open),
        _c(columns.pinned), columns.group, _c(p.days.astype(float)), _c(p.pool_of.astype(np.int64)),
        _c(p.region.astype(np.int64)), _c(p.capacity.astype(float)), columns.quota_start,
        columns.quota_item,
        np.array([-1 if q.authority is None else q.authority for q in quotas], np.int64),
        np.array([q.minimum for q in quotas], np.int64),
        np.array([none if q.maximum is None else q.maximum for q in quotas], np.int64),
        np.array([np.inf if q.hard else q.penalty for q in quotas], float),
        columns.need_start, columns.need_item, columns.need_amount, supply,
        int(p.most_per_firm), float(p.joint_share), p.alone_by_lot,
        int(max(1, np.diff(columns.start).max(initial=0))),
    )  # fmt: skip


def _c(array: Any) -> Any:
    return np.ascontiguousarray(array)


def no_prices(f: Frame) -> Prices:
    return Prices(
        np.zeros_like(f.capacity), np.zeros(len(f.quota_min)), np.zeros_like(f.supply), 0.0
    )


@within
def priced(f: Any, prices: Any, i: int, cost: Any, out: Any) -> None:
    """``out`` [teams, W]: reduced value of each column of a site, NEVER where it cannot be.

    ``cost`` [A] is room to work in. A column that alone needs more than a pool has is none.
    """
    lo, hi = f.start[i], f.start[i + 1]
    every, quota_from, quota_to = 0, f.quota_start[i], f.quota_start[i + 1]
    for c in range(lo, hi):
        every |= f.team[c]
    base = 0.0
    for at in range(quota_from, quota_to):
        if f.quota_authority[f.quota_item[at]] < 0:
            base += prices.quota[f.quota_item[at]]
    for w in range(f.discount.shape[0]):
        flat = base
        possible = f.open[i, w]
        for at in range(f.need_start[i], f.need_start[i + 1]):
            flat -= f.need_amount[at] * prices.resource[f.need_item[at], w]
            if f.need_amount[at] > f.supply[f.need_item[at], w] + TOLERANCE:
                possible = False
        if not possible:
            for c in range(lo, hi):
                out[c - lo, w] = NEVER
            continue
        for a in range(f.days.shape[1]):
            if (every >> a) & 1:
                q = f.pool_of[a, f.region[i]]
                cost[a] = f.days[i, a] * prices.pool[q, w]
                if f.days[i, a] > f.capacity[q, w] + TOLERANCE:
                    cost[a] = -NEVER
        for at in range(quota_from, quota_to):
            a = f.quota_authority[f.quota_item[at]]
            if a >= 0:
                cost[a] -= prices.quota[f.quota_item[at]]
        for c in range(lo, hi):
            left = f.team[c]
            worth = f.value[c] * f.discount[w] + flat - prices.joint * f.joint_share
            size, a = 0, 0
            while left:
                if left & 1:
                    worth -= cost[a]
                    size += 1
                left >>= 1
                a += 1
            if size >= 2:
                worth += prices.joint
            out[c - lo, w] = worth if worth > 0.5 * NEVER else NEVER


def value_of_choice(f: Frame, choice: Choice) -> float:
    """Worth of a choice less the penalties of soft minimums."""
    at = np.flatnonzero(choice.column >= 0)
    worth = (f.value[choice.column[at]] * f.discount[choice.period[at]]).sum()
    lacking = shortfall(f, choice)
    soft = np.isfinite(f.quota_penalty)
    return float(worth - (f.quota_penalty[soft] * lacking[soft]).sum())


def shortfall(f: Frame, choice: Choice) -> Ints:
    """[quotas] visits lacking of each minimum."""
    counts = np.zeros(len(f.quota_min), np.int64)
    _count_quotas(f, choice.column, counts)
    return np.maximum(0, f.quota_min - counts)


@compiled
def _count_quotas(f: Any, column: Any, counts: Any) -> None:
    for i in range(column.shape[0]):
        if column[i] < 0:
            continue
        for at in range(f.quota_start[i], f.quota_start[i + 1]):
            a = f.quota_authority[f.quota_item[at]]
            if a < 0 or (f.team[column[i]] >> a) & 1:
                counts[f.quota_item[at]] += 1
