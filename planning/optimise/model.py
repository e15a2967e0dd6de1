"""Some columns as a program in whole numbers.

Rows: each site once, every upper limit that is touched, minimums (with a
variable for what is lacking where the minimum is soft), the joint share.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from planning.optimise.columns import TOLERANCE
from planning.optimise.compiled import compiled
from planning.optimise.frame import NEVER, Frame, Prices, priced
from planning.optimise.problem import Floats, Ints
from planning.optimise.state import empty, is_joint, longest, rows_of


class Picked(NamedTuple):
    """Columns in ascending order of site."""

    site: Ints
    column: Ints
    period: Ints
    reduced: Floats


@dataclass
class Model:
    """Maximise ``cost`` x with ``low`` <= A x <= ``high``; the last variables are shortfalls."""

    picked: Picked
    cost: Floats
    upper: Floats
    start: Ints
    index: Ints
    amount: Floats
    low: Floats
    high: Floats

    @property
    def size(self) -> int:
        return len(self.picked.site)


@compiled
def _pick(
    f: Any, prices: Any, rows: Any, slack: Any, counting: bool, site: Any, column: Any,
    period: Any, reduced: Any,
) -> int:  # fmt: skip
    cost = np.zeros(f.days.shape[1])
    out = np.empty((f.widest, f.discount.shape[0]))
    count = 0
    for i in rows:
        priced(f, prices, i, cost, out)
        for c in range(f.start[i + 1] - f.start[i]):
            for w in range(f.discount.shape[0]):
                if out[c, w] > 0.5 * NEVER and out[c, w] >= slack[i]:
                    if not counting:
                        site[count], column[count] = i, f.start[i] + c
                        period[count], reduced[count] = w, out[c, w]
                    count += 1
    return count


def pick(f: Frame, prices: Prices, rows: Ints, least: Floats) -> Picked:
    """All columns of the sites ``rows`` whose reduced value is at least ``least`` [n]."""
    none = np.zeros(0, np.int64)
    count = _pick(f, prices, rows, least, True, none, none, none, np.zeros(0))
    picked = Picked(*(np.empty(count, np.int64) for _ in range(3)), np.empty(count))  # type: ignore[call-arg]
    _pick(f, prices, rows, least, False, *picked)
    return picked


@compiled
def _entries(
    f: Any, picked: Any, counting: bool, number: Any, quota_row: Any, joint_row: int, room: int,
    start: Any, index: Any, amount: Any,
) -> None:  # fmt: skip
    ids, amounts = np.empty(room, np.int64), np.empty(room)
    row, before, at = -1, -1, 0
    for k in range(picked.site.shape[0]):
        i, c, w = picked.site[k], picked.column[k], picked.period[k]
        if i != before:
            row += 1
            before = i
        many = rows_of(f, i, c, w, ids, amounts)
        if counting:
            for j in range(many):
                number[ids[j]] = 1
            continue
        start[k] = at
        index[at], amount[at] = row, 1.0
        at += 1
        for j in range(many):
            if amounts[j] != 0:
                index[at], amount[at] = number[ids[j]], amounts[j]
                at += 1
        for j in range(f.quota_start[i], f.quota_start[i + 1]):
            q = f.quota_item[j]
            a = f.quota_authority[q]
            if quota_row[q] >= 0 and (a < 0 or (f.team[c] >> a) & 1):
                index[at], amount[at] = quota_row[q], 1.0
                at += 1
        if joint_row >= 0:
            share = f.joint_share
            index[at], amount[at] = joint_row, (1.0 - share) if is_joint(f.team[c]) else -share
            at += 1
    if not counting:
        start[picked.site.shape[0]] = at


def model(f: Frame, picked: Picked) -> Model:
    """Sites of which no column is picked are not visited."""
    state = empty(f)
    room = longest(f)
    number = np.full(len(state.left), -1, np.int64)
    quota_row = np.full(len(f.quota_min), -1, np.int64)
    none_i, none_f = np.zeros(0, np.int64), np.zeros(0)
    _entries(f, picked, True, number, quota_row, -1, room, none_i, none_i, none_f)
    sites = np.unique(picked.site)
    limits = np.flatnonzero(number > 0)
    number[limits] = len(sites) + np.arange(len(limits))
    lacking = f.quota_min
    minimums = np.flatnonzero(lacking > 0)
    quota_row[minimums] = len(sites) + len(limits) + np.arange(len(minimums))
    joint_row = len(sites) + len(limits) + len(minimums) if f.joint_share > 0 else -1
    size = len(picked.site)
    start = np.zeros(size + 1, np.int64)
    most = size * (room + int(np.diff(f.quota_start).max(initial=0)) + 2)
    index, amount = np.empty(most, np.int32), np.empty(most)
    _entries(f, picked, False, number, quota_row, joint_row, room, start, index, amount)
    soft = minimums[np.isfinite(f.quota_penalty[minimums])]
    end = start[-1]
    joint = [-f.joint_share * f.single - TOLERANCE] if joint_row >= 0 else []
    pinned = f.pinned[sites]
    return Model(
        picked,
        np.concatenate([f.value[picked.column] * f.discount[picked.period], -f.quota_penalty[soft]]),
        np.concatenate([np.ones(size), lacking[soft]]),
        np.concatenate([start, end + 1 + np.arange(len(soft))]),
        np.concatenate([index[:end], quota_row[soft]]).astype(np.int32),
        np.concatenate([amount[:end], np.ones(len(soft))]),
        np.concatenate([
            np.where(pinned, 1.0, 0.0), np.full(len(limits), -np.inf), lacking[minimums], joint,
        ]),
        np.concatenate([
            np.ones(len(sites)), state.left[limits], np.full(len(minimums) + len(joint), np.inf),
        ]),
    )  # fmt: skip
