"""What one call of the solver knows as it goes: the best plan, the bound, the time, who asks."""

import resource
import sys
import time
from dataclasses import dataclass, field

import numpy as np

from planning.optimise.columns import Columns, build
from planning.optimise.frame import (
    Choice,
    Frame,
    Prices,
    frame,
    no_prices,
    shortfall,
    value_of_choice,
)
from planning.optimise.prices import Relaxation
from planning.optimise.problem import Cancelled, Options, Plan, Problem, Progress, Step
from planning.optimise.state import State, empty, longest, refill


@dataclass
class Run:
    """Nothing here is decided by the clock but the safety limit (``halted``)."""

    problem: Problem
    options: Options
    progress: Progress | None
    cancelled: Cancelled | None
    columns: Columns = field(init=False)
    f: Frame = field(init=False)
    relaxation: Relaxation = field(init=False)
    choice: Choice | None = None
    value: float = -np.inf
    bound: float = np.inf
    prices: Prices = field(init=False)
    stopped: str = ""
    used: set[str] = field(default_factory=set)  # solvers by name
    trail: list[tuple[float, float, float]] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.columns = build(self.problem)
        self.f = frame(self.columns)
        self.relaxation = Relaxation(self.f, threads=self.options.threads)
        self.prices = no_prices(self.f)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    @property
    def gap(self) -> float:
        if not np.isfinite(self.value) or not np.isfinite(self.bound):
            return np.inf
        return max(0.0, self.bound - self.value) / max(abs(self.bound), 1e-12)

    @property
    def good_enough(self) -> bool:
        return self.gap <= self.options.gap

    def halted(self) -> bool:
        """Asked between rounds and within long calls; remembers why."""
        if not self.stopped and self.cancelled is not None and self.cancelled():
            self.stopped = "cancelled"
        if not self.stopped and self.seconds > self.options.time_limit:
            self.stopped = "time"
        return bool(self.stopped)

    def tell(self, phase: str, done: float) -> None:
        if self.progress is not None:
            value = float(self.value) if np.isfinite(self.value) else None
            bound = float(self.bound) if np.isfinite(self.bound) else None
            self.progress(Step(phase, done, value, bound))

    def proved(self, bound: float, prices: Prices | None = None) -> None:
        """A bound holds whichever way it was found; the lowest counts."""
        if prices is not None and bound < self.bound:
            self.prices = prices
        if bound < self.bound:
            self.bound = max(bound, self.value)
            if self.bound - self.value < 1e-9 * max(1.0, abs(self.value)):
                self.bound = self.value
            self._note()

    def found(self, choice: Choice) -> bool:
        """Takes a plan if it keeps all limits and is worth more than the best so far."""
        value = value_of_choice(self.f, choice)
        if value <= self.value + 1e-9 or not keeps_limits(self.f, choice):
            return False
        self.choice, self.value = choice.copy(), value
        self._note()
        return True

    def _note(self) -> None:
        if np.isfinite(self.value) and np.isfinite(self.bound):
            self.trail.append((self.seconds, float(self.value), float(max(self.bound, self.value))))

    def plan(self) -> Plan:
        """The best plan; where none was found before a stop, one without visits."""
        if self.choice is None:
            n = len(self.f.start) - 1
            self.choice = Choice(np.full(n, -1, np.int64), np.zeros(n, np.int64))
            self.value = value_of_choice(self.f, self.choice)
        at = np.flatnonzero(self.choice.column >= 0)
        prices = self.prices
        return Plan(
            site=at, team=self.f.team[self.choice.column[at]].astype(np.int64),
            period=self.choice.period[at], value=self.value,
            bound=max(float(self.bound), self.value), prices=prices.pool,
            quota_prices=prices.quota, resource_prices=prices.resource,
            joint_price=float(prices.joint), shortfall=shortfall(self.f, self.choice),
            stopped=self.stopped or ("gap" if self.good_enough else "effort"),
            solver=" + ".join(["prices", *sorted(self.used)]), seconds=self.seconds,
            memory_mb=memory_mb(), trail=tuple(self.trail),
        )  # fmt: skip


def memory_mb() -> float:
    """The most that the process has held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1024


def state_of(f: Frame, choice: Choice) -> State:
    """The state that a choice leaves; limits may be overrun, see ``keeps_limits``."""
    state = empty(f)
    every = np.arange(len(choice.column))
    refill(f, state, choice.column, choice.period, every, False, longest(f))
    return state


def keeps_limits(f: Frame, choice: Choice) -> bool:
    """All hard limits, after rounding in a linear program has had its say."""
    state = state_of(f, choice)
    hard = ~np.isfinite(f.quota_penalty)
    return bool(
        (state.left >= -2e-7).all()
        and (state.counts >= f.quota_min)[hard].all()
        and state.totals[1] >= f.joint_share * state.totals[0] - 2e-7
        and (choice.column >= 0)[f.pinned].all()
    )
