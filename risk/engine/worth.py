"""What a visit of the best team is worth: expected weighted findings per inspector-day.

For the joint models a of a team b, with the probability p, the weight s of a finding and the
inspector-days d of each model:

    V(b) = sum of s p + e (|b| - 1) (1 - product of (1 - p))      (e: worth of shared evidence)
    D(b) = sum of d - c (sum of d - greatest d)                   (c: share saved by going together)
    worth = greatest V(b) / D(b) over the teams of at most four models

The form follows ``docs/decisions/0017-risk-room-and-scoring.md``: points of different models are
never added up, because full teams would follow big sums. With more than five models the teams are
of at most two, to keep the statement short.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Self

from django.conf import settings

from risk.models import ModelVersion


@dataclass(frozen=True)
class Weight:
    """What a finding of a joint version (id) counts, and the inspector-days of a visit."""

    version: int
    severity: float
    days: float


@dataclass(frozen=True)
class Reckoning:
    """All by which a run reckons the joint worth besides the scores; kept with the run.

    ``evidence`` and ``saves`` as in the formula, ``least``: coverage below which a site counts as a
    usual one at least; all in per cent.
    """

    evidence: int
    saves: int
    least: int
    joint: tuple[Weight, ...]

    @classmethod
    def of(cls, versions: Sequence[ModelVersion], settled: "Reckoning | None" = None) -> Self:
        """Of joint versions, with their models fetched; by the settings of now or ``settled``."""
        joint = tuple(
            Weight(v.pk, float(v.model.severity), float(v.model.visit_days)) for v in versions
        )
        if settled is not None:
            return cls(settled.evidence, settled.saves, settled.least, joint)
        return cls(
            settings.RISK_TEAM_EVIDENCE, settings.RISK_TEAM_SAVES, settings.RISK_COVERAGE_LEAST,
            joint,
        )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"joint": [asdict(weight) for weight in self.joint]}

    @classmethod
    def read(cls, plain: dict[str, Any]) -> Self:
        return cls(**(plain | {"joint": tuple(Weight(**weight) for weight in plain["joint"])}))


@dataclass(frozen=True)
class Team:
    """Places of its models among the joint ones, and its inspector-days."""

    members: tuple[int, ...]
    days: float


@dataclass(frozen=True)
class Worths:
    """The formula for a set of joint versions, in Python and in SQL alike."""

    versions: tuple[int, ...]  # ids
    weights: tuple[float, ...]
    teams: tuple[Team, ...]
    evidence: float

    @classmethod
    def of(cls, reckoning: Reckoning) -> "Worths":
        joint = reckoning.joint
        most = 4 if len(joint) <= 5 else 2
        teams = tuple(
            Team(members, _days([joint[m].days for m in members], reckoning.saves / 100))
            for size in range(1, min(most, len(joint)) + 1)
            for members in combinations(range(len(joint)), size)
        )
        return cls(
            tuple(weight.version for weight in joint),
            tuple(weight.severity for weight in joint), teams, reckoning.evidence / 100,
        )  # fmt: skip

    def at(self, p: Sequence[float]) -> float:
        """Worth of a site with these probabilities, in the order of ``versions``."""
        return max(self._team(team, p) for team in self.teams)

    def _team(self, team: Team, p: Sequence[float]) -> float:
        value, none = 0.0, 1.0
        for member in team.members:
            value += self.weights[member] * p[member]
            none *= 1.0 - p[member]
        return (value + self.evidence * (len(team.members) - 1) * (1.0 - none)) / team.days

    def sql(self) -> str:
        """The same of columns ``p0, p1, ...``."""
        parts = []
        for team in self.teams:
            value = " + ".join(f"{self.weights[m]!r}::float8 * p{m}" for m in team.members)
            more = len(team.members) - 1
            if more:
                none = " * ".join(f"(1.0::float8 - p{m})" for m in team.members)
                value += f" + {self.evidence * more!r}::float8 * (1.0::float8 - {none})"
            parts.append(f"({value}) / {team.days!r}::float8")
        return f"greatest({', '.join(parts)})"


def _days(days: Sequence[float], saves: float) -> float:
    return sum(days) - saves * (sum(days) - max(days))


def worth_sql(worths: Worths, rows: str) -> str:
    """``site_id, value, coverage`` from rows of ``risk_score`` (a condition on alias ``s``).

    Needs the parameters ``usual`` (p by version id, as JSON), ``least``, ``counts`` (numbers of
    indicators by version id, as JSON). A site of which little is known counts as a usual one at
    least: unknown is not low.
    """
    used = (
        "CASE WHEN s.coverage < %(least)s THEN"
        " greatest(s.p, (%(usual)s::jsonb ->> s.version_id::text)::real) ELSE s.p END"
    )
    columns = ", ".join(
        f"coalesce(max({used}) FILTER (WHERE s.version_id = {pk}), 0)::float8 AS p{k}"
        for k, pk in enumerate(worths.versions)
    )
    count = "(%(counts)s::jsonb ->> s.version_id::text)::int"
    return f"""SELECT site_id, ({worths.sql()})::real AS value, coverage FROM (
      SELECT s.site_id, {columns},
             (sum(s.coverage * {count}) / sum({count}))::smallint AS coverage
        FROM risk_score s WHERE {rows} GROUP BY s.site_id OFFSET 0) x"""
