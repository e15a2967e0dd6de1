"""How many draws surely fit: whatever the lottery draws, all of it can be visited.

A drawn visit takes a slot of every limit that its site and team touch: a whole visit's days of each
authority's pool, an interpreter or a vehicle, a maximum. Put the visits into their periods one after
another, those pinned by hand first. A visit finds no period only if in each that is open to it one
of its limits is full; and so many visits fill at most the periods with the fewest slots. So if for
every site that can be drawn the periods that all other visits could fill are fewer than those open
to it, no draw ever gets stuck. The condition is sufficient, not necessary: by weeks a few draws more
might fit, but they would not be sure to.

Visits that hard minimums need are held back beside the draws (``draw_minimums``): they count among
the visits that take slots, as far as no drawn site takes their place.

At most how many of the draws touch a limit follows from the line of the lottery
(``lottery.most_of``): the seed does not enter, so nobody can choose after looking at a draw.
"""

from dataclasses import dataclass

import numpy as np

from planning.optimise.draw_minimums import hold
from planning.optimise.lottery import Group, most_of
from planning.optimise.problem import PINNED, Bools, Ints, Problem

CAPACITY, RESOURCE, MAXIMUM, MINIMUM = "capacity", "resource", "quota_max", "quota_min"
TINY = 1e-9


@dataclass(frozen=True)
class Limit:
    """What visits take slots of. ``kind`` and ``key`` as in the words about clashes."""

    kind: str
    key: str
    slots: Ints  # [W] whole visits that fit in each period; of a maximum [1] in all
    fixed: int  # visits pinned by hand that may lie in any period
    sites: Bools  # [n] whose visit takes one
    authority: int | None = None  # only visits on which it goes; None: every visit

    def filled(self, visits: int, open_to: Bools) -> int:
        """At most how many of the periods ``open_to`` a site so many visits of others fill."""
        if self.kind == MAXIMUM:
            return int(open_to.sum()) if visits >= self.slots[0] else 0
        return int((np.cumsum(np.sort(self.slots[open_to])) <= visits).sum())


class Room:
    """A problem in which every site that could be drawn is pinned with its team.

    ``drawable``: these, all others are as people set them. ``able`` [n, A]: who can come to a site
    that is not drawn, where that is not who comes to a drawn one.
    """

    def __init__(self, problem: Problem, drawable: Bools, able: Bools | None = None) -> None:
        self.problem = problem
        self.by_hand = (problem.fixed == PINNED) & ~drawable
        self.limits = [*self._pools(), *self._resources(), *self._maxima()]
        self.touched = np.array([limit.sites for limit in self.limits], bool).reshape(
            len(self.limits), len(problem.keys)
        )
        self.drawable = drawable & self._alone(drawable)
        self.held = hold(
            problem, self.drawable, self.by_hand, problem.able if able is None else able,
            self.touched,
            [limit.authority for limit in self.limits],
            np.array([limit.slots.sum() - limit.fixed for limit in self.limits], float),
        )  # fmt: skip

    def _limit(
        self, kind: str, key: str, slots: Ints, sites: Bools, authority: int | None = None
    ) -> Limit:
        there = self.by_hand & sites
        fixed_period = self.problem.fixed_period
        for i in np.flatnonzero(there & (fixed_period >= 0)):
            slots[fixed_period[i] if kind != MAXIMUM else 0] -= 1
        return Limit(
            kind, key, np.maximum(slots, 0), int((there & (fixed_period < 0)).sum()), sites,
            authority,
        )  # fmt: skip

    def _pools(self) -> list[Limit]:
        problem, found = self.problem, []
        for q, owner in enumerate(problem.pool_authority.tolist()):
            here = problem.pool_of[owner, problem.region] == q
            sites = here & (problem.fixed_team >> owner & 1 == 1) & (problem.fixed == PINNED)
            if sites.any():
                days = float(problem.days[sites, owner].max())
                most = np.floor(problem.capacity[q] / max(days, TINY) + TINY)
                slots = np.minimum(most, len(sites)).astype(np.int64)
                found.append(self._limit(CAPACITY, problem.pools[q], slots, sites, owner))
        return found

    def _resources(self) -> list[Limit]:
        pinned, found = self.problem.fixed == PINNED, []
        for resource in self.problem.resources:
            sites = pinned & (resource.need > 0)
            if sites.any():
                most = np.floor(resource.capacity / resource.need[sites].max() + TINY)
                slots = np.minimum(most, len(sites)).astype(np.int64)
                found.append(self._limit(RESOURCE, resource.key, slots, sites))
        return found

    def _maxima(self) -> list[Limit]:
        problem, found = self.problem, []
        for quota in problem.quotas:
            if quota.maximum is None:
                continue
            sites = np.zeros(len(problem.keys), bool)
            sites[quota.sites] = True
            sites &= problem.fixed == PINNED
            if quota.authority is not None:
                sites &= problem.fixed_team >> quota.authority & 1 == 1
            if sites.any():
                most = np.array([quota.maximum])
                found.append(self._limit(MAXIMUM, quota.key, most, sites, quota.authority))
        return found

    def _alone(self, drawable: Bools) -> Bools:
        """Sites that fit if they alone are drawn, and whose firm has a visit left for it."""
        problem = self.problem
        alone = drawable.copy()
        for a in range(len(problem.authorities)):
            alone &= (problem.fixed_team >> a & 1 == 0) | (problem.pool_of[a, problem.region] >= 0)
        none = [0] * len(self.limits)
        for i in np.flatnonzero(alone):
            alone[i] = self._fits(problem.allowed[i], np.flatnonzero(self.touched[:, i]), none)
        taken = problem.firm[self.by_hand & (problem.firm >= 0)]
        firms, visits = np.unique(taken, return_counts=True)
        full = firms[visits >= problem.most_per_firm]
        return alone & ~np.isin(problem.firm, full)

    def _fits(self, open_to: Bools, touched: Ints, others: list[int]) -> bool:
        filled = sum(
            self.limits[at].filled(self.limits[at].fixed + others[at], open_to) for at in touched
        )
        return filled < int(open_to.sum())

    def surely(self, groups: tuple[Group, ...], wanted: int) -> tuple[int, Limit | None]:
        """The most draws up to ``wanted`` that surely fit, and what stops one more (or None).

        ``groups``: the firms of the frame, which holds exactly the ``drawable`` sites.
        """
        names, ways = self._names(groups), self._ways()

        def stopped(draws: int) -> Limit | None:
            if not draws:
                return None
            if self.held.lacking:
                return self._minimum()
            # Every limit is seen from a visit of its own: the others are one fewer.
            others = [max(0, most - 1) for most in self._visits(groups, draws, names)]
            for open_to, touched in ways:
                if not self._fits(open_to, touched, others):
                    return self._tightest(open_to, touched, others)
            return None

        low, high = 0, wanted
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (low, middle - 1) if stopped(middle) else (middle, high)
        # The most of a limit can fall by one as draws rise, so the number found is looked at too.
        while stopped(low):
            low -= 1
        return low, stopped(low + 1) if low < wanted else None

    def _visits(self, groups: tuple[Group, ...], draws: int, names: list[set[str]]) -> list[int]:
        """By limit the most visits that take a slot of it: what is drawn, and what is held back.

        Of a kind of held visits that are ``count`` in all, as many are left as no drawn site takes
        the place of; of these at most so many touch the limit as did before.
        """
        most = np.array(most_of(groups, draws, names), np.int64)
        most, found = most.reshape(len(self.limits), 2 + len(self.held.count)), []
        for at, (whole, rest, *by_kind) in enumerate(most.tolist()):
            kinds = zip(by_kind, self.held.count, self.held.touching[:, at].tolist(), strict=True)
            total, held = rest, 0
            for drawn, count, touching in kinds:
                total += max(drawn, min(drawn + touching, count))
                held += touching
            found.append(min(total, whole + held))
        return found

    def _names(self, groups: tuple[Group, ...]) -> list[set[str]]:
        """By limit the firms of its sites: of all, of those that take no held visit's place, and of
        those that take one, by kind."""
        kinds = [*range(-1, len(self.held.count))]
        name = {key: group.name for group in groups for key, _size in group.sites}
        keys, found = self.problem.keys, []
        for limit in self.limits:
            there = np.flatnonzero(limit.sites & self.drawable)
            found.append({name[keys[i]] for i in there})
            found += [
                {name[keys[i]] for i in there[self.held.kind[there] == kind]} for kind in kinds
            ]
        return found

    def _minimum(self) -> Limit:
        none = np.zeros(0, np.int64)
        return Limit(MINIMUM, self.held.lacking, none, 0, np.zeros(len(self.problem.keys), bool))

    def _ways(self) -> list[tuple[Bools, Ints]]:
        """Which periods are open and which limits are touched, each combination once."""
        rows = np.flatnonzero(self.drawable)
        both = np.hstack([self.problem.allowed[rows], self.touched[:, rows].T])
        periods = len(self.problem.periods)
        return [(row[:periods], np.flatnonzero(row[periods:])) for row in np.unique(both, axis=0)]

    def _tightest(self, open_to: Bools, touched: Ints, others: list[int]) -> Limit:
        limits = [self.limits[at] for at in touched]
        filled = [
            limit.filled(limit.fixed + others[at], open_to)
            for at, limit in zip(touched, limits, strict=True)
        ]
        return limits[int(np.argmax(filled))]
