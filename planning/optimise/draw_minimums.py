"""Visits held back before the draw, so that hard minimums can be kept whatever is drawn.

For each hard minimum so many visits are set aside as it needs beside what is pinned, at most one of
a firm. A visit is held for the minimums that every site of its firm would serve if it were drawn: so
where the firm is drawn, the drawn visit takes its place. Any other drawn site that serves the same
minimums may take the place of one held visit as well; each site is counted for one kind of held
visits (``kind``), so that no draw takes two places. After the draw the minimums are met by what was
drawn and by the held visits left, and ``draw_room`` sees that all of these find room. Nothing of it
depends on the seed, and chances are what they were: only the number of draws can be smaller.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from planning.optimise.problem import FREE, Bools, Floats, Ints, Problem, Quota


@dataclass(frozen=True)
class Held:
    """``kind`` [n]: of which held visits a drawn site takes the place of one, -1: of none.

    ``count`` of held visits by kind; ``touching`` [kinds, limits]: how many of them take a slot of
    each limit. ``lacking``: key of a minimum for which too few sites can be held.
    """

    kind: Ints
    count: list[int]
    touching: Ints
    lacking: str = ""


def hold(
    problem: Problem, drawable: Bools, by_hand: Bools, able: Bools, touched: Bools,
    authority: list[int | None], slots: Floats,
) -> Held:  # fmt: skip
    """What is held back of a problem in which each drawable site is pinned with its team.

    ``able`` [n, A]: who can come to a site that is not drawn. ``touched`` [limits, n]: limits of
    which a site's full team takes a slot; ``authority`` by limit: only visits on which it goes take
    one, None: every visit. ``slots`` [limits] in all.
    """
    asked = [
        (quota, lack) for quota in problem.quotas
        if quota.hard and (lack := quota.minimum - int(_serves(problem, quota, by_hand).sum())) > 0
    ]  # fmt: skip
    if not asked:
        return _nothing(problem, len(slots))
    return _Holding(problem, drawable, able, touched, authority, slots, asked).held()


def _nothing(problem: Problem, limits: int, lacking: str = "") -> Held:
    return Held(np.full(len(problem.keys), -1), [], np.zeros((0, limits), np.int64), lacking)


def _serves(problem: Problem, quota: Quota, among: Bools) -> Bools:
    """[n] which of these sites count for a quota when they are visited by their full team."""
    there = np.zeros(len(problem.keys), bool)
    there[quota.sites] = True
    if quota.authority is not None:
        there &= problem.fixed_team >> quota.authority & 1 == 1
    return there & among


class _Holding:
    def __init__(
        self, problem: Problem, drawable: Bools, able: Bools, touched: Bools,
        authority: list[int | None], slots: Floats, asked: list[tuple[Quota, int]],
    ) -> None:  # fmt: skip
        self.problem, self.drawable = problem, drawable
        self.touched, self.authority, self.slots = touched, authority, slots
        self.firm = _firms(problem)
        # What holds few sites is held for first: what serves it often serves a wider one as well.
        self.asked = sorted(asked, key=lambda pair: len(pair[0].sites))
        self.serves = np.array([_serves(problem, quota, drawable) for quota, _lack in self.asked])
        self.relied = self._by_every_site_of_the_firm()
        self.teams = _teams(problem, drawable, able)
        self.load = np.zeros(len(slots))
        self.visits: list[tuple[int, int]] = []  # site, team

    def held(self) -> Held:
        taken = set[int]()
        for at, (quota, lack) in enumerate(self.asked):
            lack -= sum(self._counts(at, site, team) for site, team in self.visits)
            heaps = self._alike(at, quota, taken)
            for _ in range(lack):
                chosen = self._lightest(heaps, quota, taken)
                if chosen is None:
                    return _nothing(self.problem, len(self.slots), quota.key)
                site, team = chosen
                taken.add(int(self.firm[site]))
                self.visits.append(chosen)
                self.load += self._takes(site, team)
        return self._by_kind()

    def _by_every_site_of_the_firm(self) -> Bools:
        """[asked, n] minimums that every drawable site of the same firm serves."""
        out = self.serves.copy()
        for row in out:
            broken = np.unique(self.firm[self.drawable & ~row])
            row &= ~np.isin(self.firm, broken)
        return out

    def _alike(self, at: int, quota: Quota, taken: set[int]) -> list[list[int]]:
        """Sites that can be held for a minimum, those that differ in nothing together, one a firm."""
        heaps: dict[tuple[bytes, bytes, tuple[int, ...]], list[int]] = defaultdict(list)
        for i in np.flatnonzero(self.relied[at])[::-1].tolist():
            firm = int(self.firm[i])
            teams = tuple(t for t in self.teams[i] if _has(t, quota.authority))
            if firm not in taken and teams:
                heaps[self.touched[:, i].tobytes(), self.relied[:, i].tobytes(), teams].append(i)
        return list(heaps.values())

    def _lightest(
        self, heaps: list[list[int]], quota: Quota, taken: set[int]
    ) -> tuple[int, int] | None:
        """The next visit to hold: the one by which the fullest limit that it touches is least full."""
        best: tuple[float, float, int, int] | None = None
        for heap in heaps:
            while heap and int(self.firm[heap[-1]]) in taken:
                heap.pop()
            if not heap:
                continue
            site = heap[-1]
            for team in self.teams[site]:
                if not _has(team, quota.authority):
                    continue
                takes = self._takes(site, team)
                full = (self.load + 1)[takes] / np.maximum(self.slots[takes], 1e-9)
                one = (float(full.max(initial=0.0)), self._days(site, team), site, team)
                best = one if best is None or one < best else best
        return (best[2], best[3]) if best else None

    def _takes(self, site: int, team: int) -> Bools:
        """[limits] of which the visit takes a slot."""
        goes = np.array([_has(team, who) for who in self.authority], bool)
        return self.touched[:, site] & goes

    def _days(self, site: int, team: int) -> float:
        days = self.problem.days[site]
        return float(sum(days[a] for a in range(len(days)) if team >> a & 1))

    def _counts(self, at: int, site: int, team: int) -> bool:
        return bool(self.relied[at, site]) and _has(team, self.asked[at][0].authority)

    def _by_kind(self) -> Held:
        """Held visits by what they are held for, and for each site whose place it takes if drawn."""
        kind = np.full(len(self.problem.keys), -1)
        kinds: dict[tuple[int, ...], list[tuple[int, int]]] = defaultdict(list)
        for site, team in self.visits:
            held_for = [at for at in range(len(self.asked)) if self._counts(at, site, team)]
            kinds[tuple(held_for)].append((site, team))
        # The widest last: it is the one that a site counts for.
        names = sorted(kinds, key=lambda name: (len(name), name))
        for number, name in enumerate(names):
            kind[self.serves[list(name)].all(axis=0)] = number
        for number, name in enumerate(names):
            firms = [self.firm[site] for site, _team in kinds[name]]
            kind[self.drawable & np.isin(self.firm, firms)] = number
        touching = [sum(self._takes(site, team).astype(np.int64) for site, team in kinds[name])
                    for name in names]  # fmt: skip
        return Held(kind, [len(kinds[name]) for name in names], np.array(touching))


def _has(team: int, authority: int | None) -> bool:
    return authority is None or bool(team >> authority & 1)


def _firms(problem: Problem) -> Ints:
    """[n] firms by number; a site without one is a firm of its own."""
    alone = problem.firm.max(initial=-1) + 1 + np.arange(len(problem.keys))
    return np.where(problem.firm >= 0, problem.firm, alone)


def _teams(problem: Problem, drawable: Bools, able: Bools) -> list[tuple[int, ...]]:
    """By site the teams that may go there undrawn, out of the one that would if it were drawn."""
    from planning.optimise.columns import build

    free = replace(
        problem, able=able, fixed=np.where(drawable, FREE, problem.fixed),
        fixed_team=np.where(drawable, 0, problem.fixed_team),
    )  # fmt: skip
    columns = build(free)
    full = problem.fixed_team.tolist()
    return [
        tuple(t for t in columns.team[columns.of(i)].tolist() if not t & ~full[i])
        if drawable[i] else ()
        for i in range(columns.sites)
    ]  # fmt: skip
