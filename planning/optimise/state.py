"""A plan while it is being built: what is left of every limit.

All upper limits are rows of one kind, numbered: pool q in period w, resource s in period w, the
maximum of quota k, firm g. A visit takes an amount of some rows; a row never falls below nothing.
"""

from typing import Any, NamedTuple

import numpy as np

from planning.optimise.columns import TOLERANCE
from planning.optimise.compiled import compiled, within
from planning.optimise.frame import Choice, Frame
from planning.optimise.problem import Floats, Ints


class State(NamedTuple):
    column: Ints  # [n] -1: not visited
    period: Ints  # [n]
    left: Floats  # [rows]
    counts: Ints  # [quotas] visits that count
    totals: Ints  # visits but for those that the joint share leaves out, joint visits


def row_limits(f: Frame) -> Floats:
    """[rows] what each may be used."""
    groups = int(f.group.max(initial=-1)) + 1
    return np.concatenate([
        f.capacity.ravel(), f.supply.ravel(), f.quota_max.astype(float),
        np.full(groups, float(f.per_firm)),
    ])  # fmt: skip


def empty(f: Frame) -> State:
    n = len(f.start) - 1
    return State(
        np.full(n, -1, np.int64), np.zeros(n, np.int64), row_limits(f),
        np.zeros(len(f.quota_min), np.int64), np.array([-f.single, 0], np.int64),
    )  # fmt: skip


def longest(f: Frame) -> int:
    """Rows that one visit may touch."""
    quotas = int(np.diff(f.quota_start).max(initial=0))
    needs = int(np.diff(f.need_start).max(initial=0))
    return f.days.shape[1] + quotas + needs + 1


def choice_of(state: State) -> Choice:
    return Choice(state.column.copy(), state.period.copy())


@within
def rows_of(f: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> int:
    """Rows that a visit uses and how much of each; returns how many there are."""
    weeks, pools, supplies = f.discount.shape[0], f.capacity.shape[0], f.supply.shape[0]
    team, count, a = f.team[c], 0, 0
    left = team
    while left:
        if left & 1:
            ids[count] = f.pool_of[a, f.region[i]] * weeks + w
            amounts[count] = f.days[i, a]
            count += 1
        left >>= 1
        a += 1
    for at in range(f.need_start[i], f.need_start[i + 1]):
        ids[count] = (pools + f.need_item[at]) * weeks + w
        amounts[count] = f.need_amount[at]
        count += 1
    base = (pools + supplies) * weeks
    for at in range(f.quota_start[i], f.quota_start[i + 1]):
        k = f.quota_item[at]
        a = f.quota_authority[k]
        if f.quota_max[k] < f.start.shape[0] and (a < 0 or (team >> a) & 1):
            ids[count] = base + k
            amounts[count] = 1.0
            count += 1
    if f.group[i] >= 0:
        ids[count] = base + f.quota_min.shape[0] + f.group[i]
        amounts[count] = 1.0
        count += 1
    return count


@within
def is_joint(team: int) -> bool:
    return team & (team - 1) != 0


@within
def may_add(f: Any, s: Any, c: int) -> bool:
    """Whether the least share of joint visits bears one more: a joint one always helps it."""
    return is_joint(f.team[c]) or s.totals[1] >= f.joint_share * (s.totals[0] + 1) - TOLERANCE


@within
def fits(f: Any, s: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> bool:
    """Whether a visit of a site that is not visited would keep all upper limits."""
    for k in range(rows_of(f, i, c, w, ids, amounts)):  # noqa: SIM110  (compiled)
        if amounts[k] > s.left[ids[k]] + TOLERANCE:
            return False
    return True


@within
def put(f: Any, s: Any, i: int, c: int, w: int, ids: Any, amounts: Any) -> None:
    """Makes a visit; whether it fits is for the caller to know."""
    s.column[i], s.period[i] = c, w
    for k in range(rows_of(f, i, c, w, ids, amounts)):
        s.left[ids[k]] -= amounts[k]
    _count(f, s, i, c, 1)


@within
def take(f: Any, s: Any, i: int, ids: Any, amounts: Any) -> None:
    """Unmakes the visit of a site."""
    c, w = s.column[i], s.period[i]
    for k in range(rows_of(f, i, c, w, ids, amounts)):
        s.left[ids[k]] += amounts[k]
    _count(f, s, i, c, -1)
    s.column[i] = -1


@compiled
def refill(
    f: Any, s: Any, column: Any, period: Any, order: Any, only_fitting: bool, room: int
) -> None:
    """Makes the visits of a choice in turn, or those of them that fit."""
    ids, amounts = np.empty(room, np.int64), np.empty(room)
    for i in order:
        c, w = column[i], period[i]
        if c < 0:
            continue
        if only_fitting:
            if s.column[i] >= 0 or not (f.pinned[i] or may_add(f, s, c)):
                continue
            if not fits(f, s, i, c, w, ids, amounts):
                continue
        put(f, s, i, c, w, ids, amounts)


@within
def _count(f: Any, s: Any, i: int, c: int, sign: int) -> None:
    team = f.team[c]
    for at in range(f.quota_start[i], f.quota_start[i + 1]):
        a = f.quota_authority[f.quota_item[at]]
        if a < 0 or (team >> a) & 1:
            s.counts[f.quota_item[at]] += sign
    s.totals[0] += sign
    if is_joint(team):
        s.totals[1] += sign


@within
def gain(f: Any, s: Any, i: int, c: int, w: int) -> float:
    """Worth of adding a visit, with the penalties of minimums that it spares."""
    worth = f.value[c] * f.discount[w]
    for at in range(f.quota_start[i], f.quota_start[i + 1]):
        k = f.quota_item[at]
        a = f.quota_authority[k]
        if s.counts[k] < f.quota_min[k] and (a < 0 or (f.team[c] >> a) & 1):
            worth += f.quota_penalty[k]
    return worth
