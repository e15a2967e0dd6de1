"""Other plans that are worth nearly as much and visit clearly different sites.

A site of a plan already shown is made worth a little less, by more and more, until enough visits
differ; as long as the plan stays within the tolerance by the true worth it may be shown.
"""

from dataclasses import dataclass, replace

import numpy as np

from planning.optimise.check import plan_value
from planning.optimise.problem import (
    Cancelled,
    Floats,
    Options,
    Plan,
    Problem,
    Progress,
    part_of,
)
from planning.optimise.solve import solve
from planning.optimise.whatif import Difference, difference

# Halvings of the interval in which the right penalty lies.
STEPS = 6


@dataclass(frozen=True)
class Alternative:
    """Another plan, its worth by the true weights and what it does otherwise than the first."""

    plan: Plan
    value: float
    difference: Difference
    different: float  # share of the first plan's sites that are not visited


def alternatives(
    problem: Problem,
    plan: Plan,
    options: Options | None = None,
    *,
    count: int = 2,
    within: float = 0.01,
    different: float = 0.2,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> list[Alternative]:
    """Up to ``count`` plans within ``within`` of the worth that differ in ``different`` of visits.

    Each also differs so much from the others. Fewer or none are returned where none are found. The
    plans keep the bound and prices of the first: they are plans of the same problem. Cancelled, it
    ends with those it has.
    """
    options = options or Options(gap=within / 4, effort=0.1)
    least = plan.value - within * abs(plan.value)
    found: list[Alternative] = []
    for number in range(count):
        asked = Asked(options, least, different, part_of(progress, number, count), cancelled)
        shown = [plan, *(one.plan for one in found)]
        other = _another(problem, shown, asked)
        if other is None or asked.over:
            break
        gone = _gone(plan, other)
        found.append(Alternative(other, other.value, difference(problem, plan, other), gone))
    return found


@dataclass(frozen=True)
class Asked:
    """What is looked for, and who hears of it or may end it."""

    options: Options
    least: float
    different: float
    progress: Progress | None
    cancelled: Cancelled | None

    @property
    def over(self) -> bool:
        return self.cancelled is not None and self.cancelled()


def _another(problem: Problem, shown: list[Plan], asked: Asked) -> Plan | None:
    """The plan of the smallest penalty with which enough differs, if it is worth enough."""
    times = np.zeros(len(problem.keys))
    for one in shown:
        times[one.site] += 1
    low, high = 0.0, max(1.0, abs(shown[0].value)) / max(1, len(shown[0].site))
    best: Plan | None = None
    for step in range(STEPS):
        middle = (low + high) / 2
        other = _with_penalty(problem, middle * times, asked, step, shown[0])
        if asked.over:
            break
        if min(_gone(one, other) for one in shown) >= asked.different:
            high = middle
            if other.value >= asked.least and (best is None or other.value > best.value):
                best = other
        else:
            low = middle
    return best


def _with_penalty(problem: Problem, penalty: Floats, asked: Asked, step: int, first: Plan) -> Plan:
    """Solved with the sites' worth lowered, then counted by the true worth."""
    weights = problem.weights
    # With a weight of 1 the term for little-known sites is free to carry any number.
    lowered = replace(
        problem,
        unseen=weights.coverage * problem.unseen - penalty,
        weights=replace(weights, coverage=1.0),
    )
    other = solve(
        lowered, asked.options, progress=part_of(asked.progress, step, STEPS),
        cancelled=asked.cancelled,
    )  # fmt: skip
    return replace(
        other, value=plan_value(problem, other), bound=first.bound, prices=first.prices,
        quota_prices=first.quota_prices, resource_prices=first.resource_prices,
        joint_price=first.joint_price, trail=(),
    )  # fmt: skip


def _gone(before: Plan, after: Plan) -> float:
    """Share of the sites of ``before`` that ``after`` does not visit."""
    old = set(before.site.tolist())
    return len(old - set(after.site.tolist())) / len(old) if old else 0.0
