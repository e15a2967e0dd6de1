"""What came of decisions beside the list: hit rates by way and by reason. Reads only.

A site of an operation is one decision; of several rounds the last one counts. Rows of others are
read by the system and told as totals alone, groups under five together.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q

from audit.context import as_system
from risk.learning.design import Estimate, naive
from risk.models import Arm, Decided, Label, Override
from risk.small_groups import FEW, OTHERS, merged
from targets.models import VisitOutcome

if TYPE_CHECKING:
    from authorities.actors import Actor

# How a site came onto the round, and what was left off it.
BY_LIST, AGAINST, RANDOM, LEFT_OUT = "by_list", "against", "random", "left_out"
WAYS = (BY_LIST, AGAINST, RANDOM)


@dataclass(frozen=True)
class Decision:
    """``way`` as above; None: left out and not proposed, as it should be. ``found``: None without
    a result."""

    authority: int
    operation: str
    site: int
    way: str | None
    code: str
    found: bool | None


@dataclass(frozen=True)
class Line:
    """How many were decided so, how many have a result, and the share with a finding."""

    label: str
    decisions: int
    visited: int
    rate: Estimate | None


def decisions(
    authorities: Q, outcomes: Iterable[str], visited_by: int | None = None
) -> list[Decision]:
    """The last decision on each site of each operation, with what was found there. Two queries.

    ``authorities``: whose decisions; ``outcomes``: results that count as found; ``visited_by``: the
    authority whose results are looked at, None for all. Call it as the system.
    """
    rows = list(
        Override.objects.filter(authorities)
        .order_by("operation", "site_id", "-round")
        .distinct("operation", "site_id")
        .values_list("operation", "site_id", "authority_id", "rank", "proposed", "decided", "code")
    )
    results = _results(frozenset(outcomes), visited_by)
    picked: dict[str, int] = defaultdict(int)
    for operation, _site, _authority, _rank, _proposed, decided, _code in rows:
        picked[operation] += decided == Decided.PICKED
    found = []
    for operation, site, authority, rank, proposed, decided, code in rows:
        hit, drawn = results.get((operation, site), (None, False))
        of_list = rank <= picked[operation] if proposed is None else proposed
        way = RANDOM if drawn else _way(decided == Decided.PICKED, of_list)
        found.append(Decision(authority, operation, site, way, code, hit))
    return found


def _way(picked: bool, of_list: bool) -> str | None:
    if picked:
        return BY_LIST if of_list else AGAINST
    return LEFT_OUT if of_list else None


def _results(
    outcomes: frozenset[str], visited_by: int | None
) -> dict[tuple[str, int], tuple[bool | None, bool]]:
    """(operation, site) → whether anybody found something there, and whether it was drawn."""
    labels = Label.objects.exclude(operation="")
    if visited_by is not None:
        labels = labels.filter(visit__authority=visited_by)
    result: dict[tuple[str, int], tuple[bool | None, bool]] = {}
    rows = labels.order_by("pk").values_list("operation", "visit__site_id", "visit__outcome", "arm")
    for operation, site, outcome, arm in rows:
        hit, drawn = result.get((operation, site), (None, False))
        if outcome != VisitOutcome.NOT_POSSIBLE:
            hit = bool(hit) or outcome in outcomes
        result[operation, site] = hit, drawn or arm == Arm.RANDOM
    return result


def by_way(rows: list[Decision]) -> list[Line]:
    """By the list, against it, drawn by lot. Fewer than five are told without a rate."""
    return [_line(way, [row for row in rows if row.way == way]) for way in WAYS]


def by_code(rows: list[Decision], *, least: int = FEW) -> list[Line]:
    """Deviations by reason, the most frequent first; ``not_said`` where no code was given.

    Selected against the list and left out though proposed count; the rate is that of the selected.
    """
    groups: dict[str, list[Decision]] = defaultdict(list)
    for row in rows:
        if row.way in (AGAINST, LEFT_OUT):
            groups[row.code or "not_said"].append(row)
    told = merged({code: len(group) for code, group in groups.items()}, least)
    together: dict[str, list[Decision]] = defaultdict(list)
    for code, group in groups.items():
        together[told[code]] += group
    lines = [_line(code, group, least) for code, group in together.items()]
    return sorted(lines, key=lambda line: (line.label == OTHERS, -line.decisions, line.label))


def _line(label: str, rows: list[Decision], least: int = FEW) -> Line:
    hits = [row.found for row in rows if row.found is not None]
    if len(rows) < least:
        return Line(label, len(rows), len(hits), None)
    rate = naive(np.array(hits, dtype=float)) if len(hits) >= least else None
    return Line(label, len(rows), len(hits), rate)


@dataclass(frozen=True)
class Outcome:
    """Own decisions, and those of all other authorities as totals."""

    own: list[Decision]
    others: list[Decision]


def outcome_of(actor: "Actor", outcomes: Iterable[str]) -> Outcome:
    """Decisions of the acting authority and, for totals alone, of all others. Two queries.

    Own totals are of the whole authority: they are no rows of sites.
    """
    with as_system("totals over authorities; who they are of is not told"):
        rows = decisions(Q(), outcomes)
    mine = actor.authority.pk
    return Outcome(
        [row for row in rows if row.authority == mine],
        [row for row in rows if row.authority != mine],
    )


def for_report(authority: int, outcomes: Iterable[str]) -> dict[str, Any]:
    """Of one authority's decisions and its own results, as plain numbers for a report.

    ``{"ways": [line], "codes": [line]}``, a line ``{"label", "decisions", "visited", "rate"}`` with
    numbers null below five. Call it as the system.
    """
    rows = decisions(Q(authority=authority), outcomes, authority)
    return {"ways": _plain(by_way(rows)), "codes": _plain(by_code(rows))}


def _plain(lines: list[Line]) -> list[dict[str, Any]]:
    return [
        {"label": line.label, "decisions": line.decisions if line.decisions >= FEW else None,
         "visited": line.visited if line.visited >= FEW else None,
         "rate": [line.rate.rate, line.rate.low, line.rate.high] if line.rate else None}
        for line in lines if line.decisions
    ]  # fmt: skip
