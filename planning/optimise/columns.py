"""Teams that may go to each site and what they are worth, as flat arrays.

A column is a site, a team and a period. Periods are not written out: a team's value falls with the
period by a factor (``discount``), and ``open`` says which periods a site has. Columns of a site are
``start[i]:start[i + 1]``; within a site teams stand in ascending order of their bit mask.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planning.optimise.compiled import compiled, within
from planning.optimise.problem import EXCLUDED, PINNED, Bools, Floats, Ints, Problem

# Sums of days are compared with a capacity to this, in days.
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Columns:
    """All teams of all sites, and per site what the loops over them need."""

    problem: Problem
    start: Ints  # [n + 1]
    team: NDArray[np.int32]  # [columns] bit masks
    value: Floats  # [columns] before the discount of a period
    discount: Floats  # [W]
    open: Bools  # [n, W] allowed, and the only one of a pinned period
    pinned: Bools  # [n]
    group: Ints  # [n] firms of which more sites could be visited than may be; -1: no such firm
    quota_start: Ints  # [n + 1] quotas of a site
    quota_item: Ints
    need_start: Ints  # [n + 1] resources of which a visit needs any
    need_item: Ints
    need_amount: Floats

    @property
    def sites(self) -> int:
        return len(self.start) - 1

    def of(self, site: int) -> slice:
        return slice(int(self.start[site]), int(self.start[site + 1]))

    def find(self, site: int, team: int) -> int:
        """Position of a team's column, -1 where it may not go there."""
        lo, hi = int(self.start[site]), int(self.start[site + 1])
        at = lo + int(np.searchsorted(self.team[lo:hi], team))
        return at if at < hi and self.team[at] == team else -1

    def site_of(self) -> NDArray[np.int32]:
        """[columns] the site of each."""
        return np.repeat(np.arange(self.sites, dtype=np.int32), np.diff(self.start))


def build(problem: Problem) -> Columns:
    """The columns of a problem. A million sites take a few seconds."""
    may = _may_go(problem)
    people = _people(problem)
    implied = np.array(problem.implied, np.int64).reshape(-1, 2)
    rules = (
        implied, people, problem.min_people, problem.most_authorities,
        problem.needs_entry, _bits(problem.entry), problem.required.astype(np.int64),
        problem.fixed.astype(np.int64), problem.fixed_team.astype(np.int64),
    )  # fmt: skip
    weights = _weights(problem)
    site = (problem.p, problem.severity, problem.wishes, problem.unseen, problem.travel)
    considered = np.zeros(len(may), np.int64)
    count = np.zeros(len(may) + 1, np.int64)
    _count(may, *rules, *site, weights, considered, count)
    start = np.cumsum(count)
    team = np.empty(start[-1], np.int32)
    value = np.empty(start[-1], np.float64)
    _fill(considered, *rules, *site, weights, start, team, value)
    quota_start, quota_item = _quotas_of(problem)
    need_start, need_item, need_amount = _needs_of(problem)
    return Columns(
        problem, start, team, value, discounts(problem), _open(problem), problem.fixed == PINNED,
        _groups(problem, start), quota_start, quota_item, need_start, need_item, need_amount,
    )  # fmt: skip


def discounts(problem: Problem) -> Floats:
    """[W] what is left of a visit's worth in each period."""
    return 1.0 - problem.weights.later * np.arange(len(problem.periods), dtype=float)


def column_values(columns: Columns, site: int) -> Floats:
    """[teams of the site, W] worth; -inf in periods that the site does not have."""
    worth = columns.value[columns.of(site), None] * columns.discount[None, :]
    return np.where(columns.open[site], worth, -np.inf)


def reduced_values(
    columns: Columns,
    site: int,
    prices: Floats,
    quota_prices: Floats,
    resource_prices: Floats,
    joint_price: float,
) -> Floats:
    """[teams of the site, W] worth less what the visit uses at the prices of a ``Plan``."""
    problem = columns.problem
    teams = columns.team[columns.of(site)]
    out = column_values(columns, site)
    on = (teams[:, None] >> np.arange(len(problem.authorities))) & 1 == 1
    pool = problem.pool_of[:, problem.region[site]]
    cost = problem.days[site][:, None] * prices[pool]
    out -= np.where(on[:, :, None], cost[None], 0.0).sum(axis=1)
    for k in columns.quota_item[columns.quota_start[site] : columns.quota_start[site + 1]]:
        authority = problem.quotas[k].authority
        counts = np.ones(len(teams), bool) if authority is None else on[:, authority]
        out += (quota_prices[k] * counts)[:, None]
    for at in range(int(columns.need_start[site]), int(columns.need_start[site + 1])):
        out -= columns.need_amount[at] * resource_prices[columns.need_item[at]][None]
    joint = on.sum(axis=1) >= 2
    return out + (joint_price * (joint - problem.joint_share))[:, None]


def _bits(flags: Bools) -> Ints:
    """[n] rows of flags as bit masks."""
    out = np.zeros(len(flags), np.int64)
    for a in range(flags.shape[1]):
        out |= flags[:, a].astype(np.int64) << a
    return out


def _may_go(problem: Problem) -> Ints:
    """[n] authorities that could come and have a pool for the region; none where excluded."""
    may = _bits(problem.able) & _bits(problem.pool_of.T >= 0)[problem.region]
    may[problem.fixed == EXCLUDED] = 0
    return may


def _people(problem: Problem) -> Ints:
    if problem.people is None:
        return np.full(len(problem.authorities), 2, np.int64)
    return problem.people.astype(np.int64)


def _weights(problem: Problem) -> Floats:
    w = problem.weights
    return np.array([w.evidence, w.burden, w.wish, w.coverage, w.travel, w.car_pool])


def _open(problem: Problem) -> Bools:
    chosen = problem.fixed_period
    fixed = (problem.fixed == PINNED) & (chosen >= 0)
    if not fixed.any():
        return problem.allowed
    only = np.arange(len(problem.periods))[None, :] == chosen[:, None]
    return problem.allowed & (only | ~fixed[:, None])


def _groups(problem: Problem, start: Ints) -> Ints:
    """Numbers of the firms whose limit could matter, in order of the firm's number."""
    out = np.full(len(problem.firm), -1, np.int64)
    has = (problem.firm >= 0) & (np.diff(start) > 0)
    firms, where, size = np.unique(problem.firm[has], return_inverse=True, return_counts=True)
    matters = size > problem.most_per_firm
    number = np.where(matters, np.cumsum(matters) - 1, -1)
    out[has] = number[where] if len(firms) else -1
    return out


def _quotas_of(problem: Problem) -> tuple[Ints, Ints]:
    pairs = [(np.unique(q.sites), k) for k, q in enumerate(problem.quotas)]
    sites = np.concatenate([s for s, _ in pairs]) if pairs else np.zeros(0, np.int64)
    items = np.repeat([k for _, k in pairs], [len(s) for s, _ in pairs]).astype(np.int64)
    start, order = _csr(sites, len(problem.keys))
    return start, items[order]


def _needs_of(problem: Problem) -> tuple[Ints, Ints, Floats]:
    found = [np.flatnonzero(r.need > 0) for r in problem.resources]
    sites = np.concatenate(found) if found else np.zeros(0, np.int64)
    items = np.repeat(np.arange(len(found)), [len(f) for f in found]).astype(np.int64)
    amounts = [r.need[f] for r, f in zip(problem.resources, found, strict=True)]
    amount = np.concatenate(amounts).astype(float) if found else np.zeros(0)
    start, order = _csr(sites, len(problem.keys))
    return start, items[order], amount[order]


def _csr(sites: Ints, n: int) -> tuple[Ints, Ints]:
    count = np.bincount(sites.astype(np.int64), minlength=n)
    return np.concatenate([[0], np.cumsum(count)]), np.argsort(sites, kind="stable")


@within
def popcount(mask: int) -> int:
    count = 0
    while mask:
        mask &= mask - 1
        count += 1
    return count


@within
def _closure(mask: int, implied: Any) -> int:
    """With the authorities that the team rules add."""
    before = -1
    while before != mask:
        before = mask
        for k in range(implied.shape[0]):
            if mask & implied[k, 0] == implied[k, 0]:
                mask |= implied[k, 1]
    return mask


@within
def _best(among: int, i: int, p: Any, severity: Any, wishes: Any, weights: Any) -> int:
    """The authority to which the site is worth most on its own, as a bit."""
    best, most = 0, 0.0
    for a in range(severity.shape[0]):
        if (among >> a) & 1:
            worth = severity[a] * p[i, a] + weights[2] * wishes[i, a]
            if best == 0 or worth > most:
                best, most = 1 << a, worth
    return best


@within
def _consider(
    may: int, implied: Any, most: int, doors: int, required: int, i: int,
    p: Any, severity: Any, wishes: Any, weights: Any,
) -> int:  # fmt: skip
    """Of which authorities a site's teams are made.

    The required ones, one that may enter where that is needed (``doors``), then the best as long
    as they, with those whom the team rules add to them, are at most ``most``.
    """
    mask = _closure(required, implied)
    if mask & ~may or popcount(mask) > most:
        return 0
    left = may & doors
    while left and not mask & doors:
        best = _best(left, i, p, severity, wishes, weights)
        left &= ~best
        brought = _closure(best, implied)
        if not brought & ~may and popcount(mask | brought) <= most:
            mask |= brought
    left = may & ~mask
    while left:
        best = _best(left, i, p, severity, wishes, weights)
        left &= ~best
        brought = _closure(best, implied)
        if not brought & ~may and popcount(mask | brought) <= most:
            mask |= brought
    return mask


@within
def _may_stand(
    team: int, implied: Any, people: Any, fewest: int, needs_entry: bool, entry: int, required: int
) -> bool:
    """Whether a team keeps all rules about its members."""
    if team == 0 or team & required != required or (needs_entry and not team & entry):
        return False
    if _closure(team, implied) != team:
        return False
    count = 0
    for a in range(people.shape[0]):
        if (team >> a) & 1:
            count += people[a]
    return count >= fewest


@within
def _worth(
    team: int, i: int, p: Any, severity: Any, wishes: Any, unseen: Any, travel: Any, weights: Any
) -> float:
    """The formula in ``problem.Weights``."""
    own, none, size = 0.0, 1.0, 0
    for a in range(severity.shape[0]):
        if (team >> a) & 1:
            own += severity[a] * p[i, a] + weights[2] * wishes[i, a]
            none *= 1.0 - p[i, a]
            size += 1
    shared = (size - 1) * (weights[0] * (1.0 - none) + weights[1])
    return (
        own
        + shared
        + weights[3] * unseen[i]
        - weights[4] * travel[i] * (size - weights[5] * (size - 1))
    )


@compiled
def _count(
    may: Any, implied: Any, people: Any, fewest: int, most: int, needs_entry: Any, entry: Any,
    required: Any, fixed: Any, fixed_team: Any, p: Any, severity: Any, wishes: Any, unseen: Any,
    travel: Any, weights: Any, considered: Any, count: Any,
) -> None:  # fmt: skip
    """Fills ``considered`` [n], a bit mask, and ``count`` [n + 1], teams by site moved by one."""
    for i in range(may.shape[0]):
        if may[i] == 0:
            continue
        only = fixed_team[i] if fixed[i] == 1 else 0
        if only:
            considered[i] = only if not only & ~may[i] else 0
        else:
            doors = entry[i] if needs_entry[i] else 0
            considered[i] = _consider(
                may[i], implied, most, doors, required[i], i, p, severity, wishes, weights
            )
        team = considered[i]
        while team:
            if (not only or team == only) and _may_stand(
                team, implied, people, fewest, needs_entry[i], entry[i], required[i]
            ):
                count[i + 1] += 1
            team = (team - 1) & considered[i]


@compiled
def _fill(
    considered: Any, implied: Any, people: Any, fewest: int, most: int, needs_entry: Any,
    entry: Any, required: Any, fixed: Any, fixed_team: Any, p: Any, severity: Any, wishes: Any,
    unseen: Any, travel: Any, weights: Any, start: Any, teams: Any, value: Any,
) -> None:  # fmt: skip
    """Fills ``teams`` and ``value`` [columns], each site's from its end: masks are ascending."""
    for i in range(considered.shape[0]):
        only = fixed_team[i] if fixed[i] == 1 else 0
        team, at = considered[i], start[i + 1]
        while team:
            if (not only or team == only) and _may_stand(
                team, implied, people, fewest, needs_entry[i], entry[i], required[i]
            ):
                at -= 1
                teams[at] = team
                value[at] = _worth(team, i, p, severity, wishes, unseen, travel, weights)
            team = (team - 1) & considered[i]
