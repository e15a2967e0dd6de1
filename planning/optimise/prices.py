"""Prices of capacity by rounds, and the bound that any prices prove.

At given prices every site takes its best team and period on its own, or none; of a firm with more
sites than may be visited the best are taken. The worth of that, with what the capacities cost, is
a bound on every plan (Lagrangian duality). Prices follow over-use until the bound falls no more.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from planning.optimise.compiled import compiled
from planning.optimise.frame import NEVER, Frame, Prices, no_prices, priced
from planning.optimise.problem import Floats, Ints, Plan

# Sites of one task: sums are added in this order whatever the number of threads.
CHUNK = 4_000


@dataclass
class Relaxed:
    """What the sites take at given prices, and the bound."""

    bound: float
    pool: Floats  # [Q, W] days used
    quota: Floats  # [quotas] visits that count
    resource: Floats  # [resources, W]
    visits: float
    joint: float


class Relaxation:
    """The dual function of a problem, or of a sample of its sites with capacity in proportion."""

    def __init__(
        self, f: Frame, rows: Ints | None = None, threads: int = 1, share: float = 1.0
    ) -> None:
        """``share``: of all limits, that these ``rows`` may use."""
        n = len(f.start) - 1
        self.f = f
        self.rows = np.arange(n) if rows is None else rows
        self.share = share
        self.best = np.full(n, NEVER)
        self.margin = np.zeros(n)  # what the best column is worth more than the next, or than none
        self.column = np.full(n, -1, np.int64)
        self.period = np.zeros(n, np.int64)
        self.taken = np.zeros(n, np.bool_)
        self.threads = threads
        grouped = self.rows[f.group[self.rows] >= 0]
        self.members = grouped[np.argsort(f.group[grouped], kind="stable")]
        sizes = np.unique(f.group[self.members], return_counts=True)[1]
        self.group_start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def at(self, prices: Prices) -> Relaxed:
        self._each(lambda rows: _choose(
            self.f, prices, rows, self.best, self.margin, self.column, self.period, self.taken))  # fmt: skip
        _limit_firms(
            self.f.per_firm, self.f.pinned, self.members, self.group_start, self.best, self.taken
        )
        parts = self._each(lambda rows: self._used(rows))
        return self._sum(prices, parts)

    def _each(self, task: Callable[[Ints], Any]) -> list[Any]:
        chunks = [self.rows[k : k + CHUNK] for k in range(0, len(self.rows), CHUNK)]
        if self.threads < 2 or len(chunks) < 2:
            return [task(chunk) for chunk in chunks]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(task, chunks))

    def _used(self, rows: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        f = self.f
        pool, quota = np.zeros_like(f.capacity), np.zeros(len(f.quota_min))
        resource, totals = np.zeros_like(f.supply), np.zeros(3)
        _use(
            f, rows, self.best, self.column, self.period, self.taken, pool, quota, resource, totals
        )
        return pool, quota, resource, totals

    def _sum(self, prices: Prices, parts: list[Any]) -> Relaxed:
        f, share = self.f, self.share
        pool, quota = np.zeros_like(f.capacity), np.zeros(len(f.quota_min))
        resource, totals = np.zeros_like(f.supply), np.zeros(3)
        for part in parts:
            pool += part[0]
            quota += part[1]
            resource += part[2]
            totals += part[3]
        limit = np.where(prices.quota > 0, f.quota_min, f.quota_max)
        bound = totals[0] + share * (
            (prices.pool * f.capacity).sum()
            + (prices.resource * f.supply).sum()
            - (prices.quota * limit).sum()
            + prices.joint * f.joint_share * f.single
        )
        return Relaxed(float(bound), pool, quota, resource, float(totals[1]), float(totals[2]))


@compiled
def _choose(
    f: Any, prices: Any, rows: Any, best: Any, margin: Any, column: Any, period: Any, taken: Any
) -> None:
    """Each site's best column and period; taken if worth more than its price, or pinned."""
    cost = np.zeros(f.days.shape[1])
    out = np.empty((f.widest, f.discount.shape[0]))
    for i in rows:
        most, at, when = NEVER, -1, 0
        second = NEVER if f.pinned[i] else 0.0
        priced(f, prices, i, cost, out)
        for c in range(f.start[i + 1] - f.start[i]):
            for w in range(f.discount.shape[0]):
                if out[c, w] > most:
                    second = max(second, most)
                    most, at, when = out[c, w], f.start[i] + c, w
                elif out[c, w] > second:
                    second = out[c, w]
        best[i], column[i], period[i], margin[i] = most, at, when, most - second
        taken[i] = at >= 0 and (most > 0 or f.pinned[i])


@compiled
def _limit_firms(
    per_firm: int, pinned: Any, members: Any, group_start: Any, best: Any, taken: Any
) -> None:
    """Of each firm the best sites only; pinned ones first."""
    for g in range(group_start.shape[0] - 1):
        left = per_firm
        lo, hi = group_start[g], group_start[g + 1]
        for k in range(lo, hi):
            if pinned[members[k]]:
                left -= 1
        for k in range(lo, hi):
            i = members[k]
            if pinned[i] or not taken[i]:
                continue
            ahead = 0
            for other in range(lo, hi):
                j = members[other]
                if not pinned[j] and (best[j] > best[i] or (best[j] == best[i] and other < k)):
                    ahead += 1
            if ahead >= left:
                taken[i] = False


@compiled
def _use(
    f: Any, rows: Any, best: Any, column: Any, period: Any, taken: Any, pool: Any, quota: Any,
    resource: Any, totals: Any,
) -> None:  # fmt: skip
    """Adds up what the taken columns use; ``totals``: reduced worth, visits, joint visits."""
    for i in rows:
        if not taken[i]:
            continue
        w, team, size = period[i], f.team[column[i]], 0
        for a in range(f.days.shape[1]):
            if (team >> a) & 1:
                pool[f.pool_of[a, f.region[i]], w] += f.days[i, a]
                size += 1
        for at in range(f.quota_start[i], f.quota_start[i + 1]):
            a = f.quota_authority[f.quota_item[at]]
            if a < 0 or (team >> a) & 1:
                quota[f.quota_item[at]] += 1
        for at in range(f.need_start[i], f.need_start[i + 1]):
            resource[f.need_item[at], w] += f.need_amount[at]
        totals[0] += best[i]
        totals[1] += 1
        totals[2] += size >= 2


# Steps by trial on instances of 10,000 sites: after 400 rounds the bound of 13 weeks is within
# 0.002 % of the linear program's.
STEP, SLOWER, MEMORY = 0.3, 0.985, 0.3


@dataclass
class Found:
    """The best prices and what they prove."""

    prices: Prices
    bound: float


def first_prices(f: Frame) -> Prices:
    """A price of days somewhat below what days are worth in the mean; the rounds correct it."""
    if not len(f.value):
        return no_prices(f)
    worth = max(1e-6, float(f.value.mean()))
    days = max(1e-6, float(f.days.mean()))
    start = no_prices(f)
    falling = np.maximum(f.discount, 0.0)
    return start._replace(
        pool=np.full_like(f.capacity, 0.6 * worth / days) * falling,
        resource=np.full_like(f.supply, 0.05 * worth) * falling,
    )


def prices_of(plan: Plan) -> Prices:
    return Prices(plan.prices, plan.quota_prices, plan.resource_prices, plan.joint_price)


# Of the first prices: what those of another plan are lifted to where they are less. Prices move by
# a factor, so that one of nothing would stay nothing however scarce its days have become.
LEAST = 0.01


def lifted(f: Frame, prices: Prices) -> Prices:
    """Prices of another plan, in a form from which the rounds can find those of this problem."""
    first = first_prices(f)
    return prices._replace(
        pool=np.maximum(prices.pool, LEAST * first.pool),
        resource=np.maximum(prices.resource, LEAST * first.resource),
    )


def signed(f: Frame, prices: Prices) -> Prices:
    """The same prices with the signs that a proof needs under the limits of this problem."""
    quota = np.minimum(prices.quota, np.where(f.quota_min > 0, f.quota_penalty, 0.0))
    quota = np.where(f.quota_max <= len(f.pinned), quota, np.maximum(quota, 0.0))
    return Prices(
        np.maximum(prices.pool, 0.0), quota, np.maximum(prices.resource, 0.0),
        max(0.0, prices.joint) if f.joint_share > 0 else 0.0,
    )  # fmt: skip


def descend(
    relaxation: Relaxation, prices: Prices, rounds: int, halted: Callable[[], bool],
    step: float = STEP, patience: int = 60, slower: float = SLOWER,
) -> Found:  # fmt: skip
    """Rounds of pricing; ends early when ``patience`` rounds have brought less than a millionth."""
    f, share = relaxation.f, relaxation.share
    worth = max(1e-6, float(np.abs(f.value).mean())) if len(f.value) else 1.0
    best = Found(prices, np.inf)
    memory: Relaxed | None = None
    before = np.inf
    for k in range(rounds):
        now = relaxation.at(prices)
        if now.bound < best.bound:
            best = Found(prices, now.bound)
        if halted():
            break
        if k % patience == patience - 1:
            if before - best.bound < 1e-6 * abs(best.bound):
                break
            before = best.bound
        memory = _remember(memory, now)
        prices = _step(f, share, prices, memory, step, worth)
        step *= slower
    return best


def _remember(memory: Relaxed | None, now: Relaxed) -> Relaxed:
    """A running mean of what is used, which swings less than the last round."""
    if memory is None:
        return now
    old, new = 1 - MEMORY, MEMORY
    return Relaxed(
        now.bound, old * memory.pool + new * now.pool, old * memory.quota + new * now.quota,
        old * memory.resource + new * now.resource, old * memory.visits + new * now.visits,
        old * memory.joint + new * now.joint,
    )  # fmt: skip


def _step(
    f: Frame, share: float, prices: Prices, used: Relaxed, step: float, worth: float
) -> Prices:
    """Prices of days and units by a factor, of quotas and the joint share by a sum."""
    counts = used.quota / share
    low, high = f.quota_min - counts, f.quota_max - counts
    drawn = (prices.quota > 0) | ((prices.quota == 0) & (low > 0))
    up = np.where(drawn, low, np.where(prices.quota < 0, high, np.minimum(high, 0.0)))
    size = np.maximum(np.where(drawn, f.quota_min, np.minimum(counts, f.quota_max)), 1.0)
    moved = prices.quota + step * worth * np.clip(up / size, -1, 1)
    crossed = moved * prices.quota < 0
    lacking = f.joint_share * (used.visits - share * f.single) - used.joint
    return Prices(
        _by_factor(prices.pool, used.pool / share, f.capacity, step),
        np.where(crossed, 0.0, np.minimum(moved, f.quota_penalty)),
        _by_factor(prices.resource, used.resource / share, f.supply, step),
        max(0.0, prices.joint + 2 * step * worth * lacking / max(1.0, used.visits)),
    )


def _by_factor(price: Floats, used: Floats, limit: Floats, step: float) -> Floats:
    over = (used - limit) / np.maximum(limit, 1e-3)
    return price * np.exp(np.clip(step * over, -0.5, 0.5))
