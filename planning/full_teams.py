"""Who visits a site drawn at random: settled by a rule before the draw, the same for every draw."""

from collections.abc import Collection
from dataclasses import dataclass, field

from planning.candidates import Candidate, Chance, Chances
from planning.leading import may_lead


@dataclass
class FullTeams:
    """All that can come, the likeliest to find something first, as far as the rules about teams allow.

    ``people``: inspectors whom each authority (id) sends on a visit; ``least``: inspectors on a
    visit at least; ``most``: authorities on it at most. The rules are the solver's own
    (``planning.optimise.columns``), so that a team given here is always one that it may send.
    """

    chances: Chances
    people: dict[int, int]
    least: int = 1
    most: int = 4
    # By region id (0: none of the operation's) who is without a day for it.
    idle: dict[int, set[int]] = field(default_factory=dict)
    _order: dict[int, str] = field(init=False)

    def __post_init__(self) -> None:
        self._order = {p.authority_id: p.authority.code for p in self.chances.places}

    def of(self, row: Candidate, found: dict[int, Chance]) -> list[int]:
        """Authority ids, ascending; of a drawn site as it was drawn. Empty: no team may go there.

        ``found``: who can come.
        """
        if row.drawn is not None and row.drawn.team and set(row.drawn.team) <= found.keys():
            return sorted(row.drawn.team)
        idle = self.idle.get(row.site.region_id or 0, self.idle.get(0, set()))
        able = {pk: chance for pk, chance in found.items() if pk not in idle}
        return self.full(able, row.enter, self.chances.present.get(row.kind, set()))

    def full(
        self, found: dict[int, Chance], enter: set[int] | None,
        present: Collection[int] = (),
    ) -> list[int]:  # fmt: skip
        """``enter``: who may enter by right where somebody must; None: nobody is asked for.

        Whoever goes only with others comes with them or not at all; who must be ``present`` comes.
        """
        severity = self.chances.severity
        order = sorted(found, key=lambda pk: (-found[pk].p * severity(pk), self._order[pk]))
        groups = [_with_partners(pk, self.chances.together) for pk in order]
        groups = [group for group in groups if group <= found.keys() and len(group) <= self.most]
        team: set[int] = set()
        for pk in present:
            team |= _with_partners(pk, self.chances.together)
        if not team <= found.keys() or len(team) > self.most:
            return []
        if enter is not None and not may_lead(team, enter):
            opening = (g for g in groups if may_lead(g, enter) and len(team | g) <= self.most)
            team |= next(opening, set())
            if not may_lead(team, enter):
                return []
        for group in groups:
            if len(team | group) <= self.most:
                team |= group
        return sorted(team) if sum(self.people[pk] for pk in team) >= self.least else []


def _with_partners(pk: int, together: dict[int, set[int]]) -> set[int]:
    group, ask = {pk}, [pk]
    while ask:
        new = together.get(ask.pop(), set()) - group
        group |= new
        ask += new
    return group
