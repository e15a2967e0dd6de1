"""The same problem under a handful of weightings: what each gives and what it costs.

Weights are policy, and one number hides what they trade. The points are measured alike, whatever
weights their plan was made with.
"""

from dataclasses import dataclass, replace

import numpy as np

from planning.optimise.check import members, plan_value
from planning.optimise.problem import (
    Cancelled,
    Options,
    Plan,
    Problem,
    Progress,
    Weights,
    part_of,
)
from planning.optimise.solve import solve
from planning.optimise.whatif import days_used, visits

DEFAULT = "default"


@dataclass(frozen=True)
class Measures:
    """A plan in numbers that do not depend on its weights."""

    findings: float  # expected, of all authorities on the visits
    weighted: float  # findings by severity
    visits: int
    authority_visits: int  # how often an authority calls on a firm
    spared: int  # visits that firms are spared because authorities come together
    travel: float
    unseen: float  # visited sites of which little is known
    wishes: float
    days: tuple[float, ...]  # [A]


@dataclass(frozen=True)
class Point:
    """One weighting, its plan and measures; ``value`` by the problem's own weights."""

    name: str
    weights: Weights
    plan: Plan
    measures: Measures
    value: float
    dominated: bool  # another point is as good in all of GOOD and better in one


# What more of is better; travel counts as less.
GOOD = ("weighted", "spared", "unseen", "wishes", "travel")


def weightings(weights: Weights) -> dict[str, Weights]:
    """The default, findings alone, and one weight at a time made heavy."""
    none = replace(weights, evidence=0.0, burden=0.0, wish=0.0, coverage=0.0, travel=0.0)
    return {
        DEFAULT: weights,
        "findings": none,
        "burden": replace(weights, burden=4 * weights.burden + 0.2),
        "travel": replace(weights, travel=4 * weights.travel + 0.1),
        "coverage": replace(weights, coverage=4 * weights.coverage + 0.2),
        "wishes": replace(weights, wish=4 * weights.wish + 0.2),
    }


def frontier(
    problem: Problem, options: Options | None = None, *,
    progress: Progress | None = None, cancelled: Cancelled | None = None,
) -> list[Point]:  # fmt: skip
    """A point for each weighting, the default first. Raises ``Infeasible`` as the solver does.

    Cancelled, it ends with the weightings it has.
    """
    options = options or Options(effort=0.1)
    plans: dict[str, tuple[Weights, Plan]] = {}
    wanted = weightings(problem.weights)
    for number, (name, weights) in enumerate(wanted.items()):
        weighted = replace(problem, weights=weights)
        plans[name] = (weights, solve(
            weighted, options, progress=part_of(progress, number, len(wanted)), cancelled=cancelled
        ))  # fmt: skip
        if cancelled is not None and cancelled():
            break
    measured = {name: measures(problem, plan) for name, (_, plan) in plans.items()}
    return [
        Point(
            name, weights, plan, measured[name], plan_value(problem, plan),
            any(_beats(other, measured[name]) for other in measured.values()),
        )
        for name, (weights, plan) in plans.items()
    ]  # fmt: skip


def measures(problem: Problem, plan: Plan) -> Measures:
    """The numbers of a plan that can be compared between weightings."""
    car_pool = problem.weights.car_pool
    findings = weighted = travel = wishes = 0.0
    calls = 0
    for visit in visits(plan).values():
        who = members(visit.team, len(problem.authorities))
        findings += float(problem.p[visit.site, who].sum())
        weighted += float((problem.severity[who] * problem.p[visit.site, who]).sum())
        wishes += float(problem.wishes[visit.site, who].sum())
        travel += float(problem.travel[visit.site]) * (len(who) - car_pool * (len(who) - 1))
        calls += len(who)
    return Measures(
        findings, weighted, len(plan.site), calls, calls - len(plan.site), travel,
        float(np.sum(problem.unseen[plan.site])), wishes, days_used(problem, plan),
    )  # fmt: skip


def compare(problem: Problem, a: Plan, b: Plan) -> dict[str, float | tuple[float, ...]]:
    """By how much every measure of plan ``b`` is above that of plan ``a``."""
    before, after = measures(problem, a), measures(problem, b)
    out: dict[str, float | tuple[float, ...]] = {}
    for name in Measures.__dataclass_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(old, tuple):
            out[name] = tuple(y - x for x, y in zip(old, new, strict=True))
        else:
            out[name] = new - old
    return out


def _beats(one: Measures, other: Measures) -> bool:
    differences = [
        (getattr(one, name) - getattr(other, name)) * (-1 if name == "travel" else 1)
        for name in GOOD
    ]
    return min(differences) >= -1e-9 and max(differences) > 1e-9
