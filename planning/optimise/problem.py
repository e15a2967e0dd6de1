"""What is given to the solver, as arrays, and what comes out of it.

Indices: sites i (n), authorities a (A, at most 16), regions r (R), periods w (W: one, or weeks),
capacity pools q (Q: an authority's office for a region, or its one national pool). A team is a bit
mask over authorities. Days are inspector-days with preparation and report.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FREE, PINNED, EXCLUDED = 0, 1, 2


@dataclass(frozen=True)
class Weights:
    """Policy weights, each a setting of the operation.

    The value of team b at site i, before the discount of its period:

        sum over a in b of severity_a p_ia + wish wishes_ia
        + evidence (|b| - 1) (1 - product over a in b of (1 - p_ia))
        + burden (|b| - 1)                  visits spared to the firm
        + coverage unseen_i                 of a site of which little is known
        - travel travel_i (|b| - car_pool (|b| - 1))
    """

    evidence: float = 0.25
    burden: float = 0.10
    wish: float = 0.10
    coverage: float = 0.05
    travel: float = 0.05
    car_pool: float = 0.6
    # Taken off a period's worth for each period that it lies later: earlier is better.
    later: float = 0.005


@dataclass(frozen=True)
class Quota:
    """At least ``minimum`` and at most ``maximum`` visits among ``sites`` (positions).

    With ``authority`` only visits on which that one goes count. A ``hard`` minimum makes a problem
    that cannot reach it infeasible; a soft one costs ``penalty`` for each visit that is lacking.
    """

    key: str
    sites: Ints
    minimum: int = 0
    maximum: int | None = None
    authority: int | None = None
    hard: bool = False
    penalty: float = 2.0


@dataclass(frozen=True)
class Resource:
    """Interpreters of a language, vehicles of a kind: ``need`` by site, ``capacity`` by period."""

    key: str
    need: Floats  # [n] units for a visit
    capacity: Floats  # [W]


@dataclass(frozen=True)
class Problem:
    """All that the plan depends on. Two problems with the same ``fingerprint`` have one plan."""

    keys: tuple[str, ...]  # [n] names of sites, for the fingerprint and for words
    authorities: tuple[str, ...]  # [A]
    regions: tuple[str, ...]  # [R]
    periods: tuple[str, ...]  # [W] "2026-W37", or one name for the whole window
    pools: tuple[str, ...]  # [Q]
    pool_authority: Ints  # [Q] whose pool
    pool_of: Ints  # [A, R] the pool that serves a region; -1: the authority has none there
    capacity: Floats  # [Q, W]
    region: Ints  # [n]
    firm: Ints  # [n] sites of one firm share a number; -1: no firm
    able: Bools  # [n, A] may and could come: ground, competence, nomination or p above a threshold
    entry: Bools  # [n, A] may enter this kind of place by right
    needs_entry: Bools  # [n] somebody on the team must be able to enter by right
    required: Ints  # [n] bit mask of authorities that must be on the team, 0 for none
    p: Floats  # [n, A] calibrated probability of a finding
    severity: Floats  # [A]
    days: Floats  # [n, A]
    wishes: Floats  # [n, A] the authority's own rating, 0..1
    unseen: Floats  # [n] 0..1, 1: nothing is known of the site
    travel: Floats  # [n]
    allowed: Bools  # [n, W] opening hours, holidays, rest period, notice period
    fixed: Ints  # [n] FREE, PINNED or EXCLUDED
    fixed_team: Ints  # [n] bit mask of a pinned site's team, 0: whichever is best
    fixed_period: Ints  # [n] period of a pinned site, -1: whichever is best
    weights: Weights = field(default_factory=Weights)
    quotas: tuple[Quota, ...] = ()
    resources: tuple[Resource, ...] = ()
    most_per_firm: int = 1
    joint_share: float = 0.0  # at least this share of all visits is made by two or more
    by_lot: Bools | None = None  # [n] sites drawn by lot; None: none
    most_authorities: int = 4  # of the able ones the best are considered, so that teams stay few
    min_people: int = 2  # authorities whose days at a site are too few do not go alone
    people: Ints | None = None  # [A] inspectors whom the authority sends on a visit; None: two each
    # Team rules: with the first set on the team, all of the second must be on it (bit masks).
    implied: tuple[tuple[int, int], ...] = ()

    @property
    def single_by_lot(self) -> Bools:
        """[n] sites that the joint share leaves out: drawn by lot for one authority alone.

        Nobody chose these visits to be single, and every draw has to leave a plan.
        """
        if self.by_lot is None:
            return np.zeros(len(self.keys), bool)
        team = self.fixed_team
        single: Bools = (team > 0) & (team & (team - 1) == 0)
        return self.by_lot & (self.fixed == PINNED) & single

    @property
    def alone_by_lot(self) -> int:
        """How many visits the joint share leaves out."""
        return int(self.single_by_lot.sum())

    def fingerprint(self) -> str:
        """SHA-256 over everything given, in a fixed order and form."""
        digest = hashlib.sha256()
        for name in self.__dataclass_fields__:
            digest.update(name.encode())
            digest.update(_stable(getattr(self, name)))
        return digest.hexdigest()


def _stable(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        kind = "<f8" if value.dtype.kind == "f" else "<i8"
        return repr(value.shape).encode() + np.ascontiguousarray(value).astype(kind).tobytes()
    if isinstance(value, Weights):
        return json.dumps(asdict(value), sort_keys=True).encode()
    if isinstance(value, Quota | Resource):
        return b"".join(n.encode() + _stable(getattr(value, n)) for n in value.__dataclass_fields__)
    if isinstance(value, tuple):
        return repr(len(value)).encode() + b"\0".join(_stable(part) for part in value)
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Options:
    """How long and how hard to look. Only what is deterministic decides the plan of record.

    ``effort`` bounds the work in counted steps (rounds, deterministic solver time), so that the
    same problem gives the same plan on any machine; ``time_limit`` in seconds is a safety net, and a
    plan stopped by it says so (``Plan.stopped``).
    """

    gap: float = 0.001  # proven, relative; looking ends when it is reached
    effort: float = 1.0  # 1: a plan of record; 0.1: a what-if within seconds
    time_limit: float = 600.0
    seed: int = 1
    threads: int = 1


@dataclass(frozen=True)
class Step:
    """Progress: the best plan so far, the proven bound, and in which part of the work it is."""

    phase: str  # "prices", "greedy", "lp", "rounding", "repair", "proof"
    done: float  # 0..1, an estimate
    incumbent: float | None
    bound: float | None


@dataclass(frozen=True)
class Plan:
    """A feasible plan with its proof.

    ``value`` counts soft quotas' penalties; ``bound`` is proven: no plan is worth more.
    Prices are per inspector-day of a pool and period, per visit of a quota, per unit of a resource:
    with them each site's reduced value says why it is in or not.
    """

    site: Ints  # [m] positions, ascending
    team: Ints  # [m] bit masks
    period: Ints  # [m]
    value: float
    bound: float
    prices: Floats  # [Q, W] >= 0
    quota_prices: Floats  # [quotas] > 0: of a minimum that binds; < 0: of a maximum
    resource_prices: Floats  # [resources, W] >= 0
    joint_price: float  # >= 0, of the joint share
    shortfall: Ints  # [quotas] visits lacking of soft minimums
    stopped: str  # "gap", "effort", "time", "cancelled"
    solver: str  # "HiGHS 1.16.0 + CP-SAT 9.15" ...
    seconds: float
    memory_mb: float
    trail: tuple[tuple[float, float, float], ...]  # (seconds, incumbent, bound) as found

    @property
    def gap(self) -> float:
        """Relative to the bound; 0 proves the plan best."""
        if self.bound == 0:
            return 0.0
        return max(0.0, (self.bound - self.value) / abs(self.bound))


class Infeasible(Exception):
    """No plan keeps all hard limits. ``clash``: a smallest set of them that no plan keeps.

    Each is (kind, key, data): kind "pin", "quota_min", "quota_max", "capacity", "firm", "resource",
    "entry", "period"; data holds the numbers for the sentence (``needs``, ``has`` in days or
    visits, ``authority``, ``pool``).
    """

    def __init__(self, clash: list[tuple[str, str, dict[str, Any]]]) -> None:
        super().__init__(str(clash))
        self.clash = clash


Progress = Callable[[Step], None]
Cancelled = Callable[[], bool]


def part_of(progress: Progress | None, number: int, of: int) -> Progress | None:
    """Progress of one solve of several, numbered from 0. Its worth and bound are its own alone."""
    if progress is None:
        return None

    def tell(step: Step) -> None:
        assert progress is not None
        progress(Step(step.phase, (number + step.done) / of, None, None))

    return tell
