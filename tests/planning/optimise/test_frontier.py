"""What weightings trade: measures by hand, and each weight moves its own measure."""

from dataclasses import replace

import numpy as np
import pytest

from planning.optimise.frontier import DEFAULT, GOOD, compare, frontier, measures
from planning.optimise.problem import Options, Weights
from planning.optimise.solve import solve
from planning.optimise.whatif import change
from tests.planning.optimise.small import problem
from tests.planning.optimise.test_explain import medium

QUICK = Options(effort=0.1)


def test_measures_by_hand() -> None:
    given = problem(
        3, 2, travel=np.array([2.0, 3.0, 0.0]), unseen=np.array([0.5, 1.0, 0.0]),
        severity=np.array([1.0, 3.0]), wishes=np.full((3, 2), 0.25),
    )  # fmt: skip
    plan = replace(
        solve(given, QUICK), site=np.array([0, 1]), team=np.array([3, 2]), period=np.array([0, 0])
    )
    found = measures(given, plan)
    # Findings 0.9 and 0.85 at the first site, 0.75 at the second.
    assert found.findings == pytest.approx(2.5)
    assert found.weighted == pytest.approx(0.9 + 3 * 0.85 + 3 * 0.75)
    assert (found.visits, found.authority_visits, found.spared) == (2, 3, 1)
    assert found.travel == pytest.approx(2.0 * (2 - 0.6) + 3.0)
    assert (found.unseen, found.wishes, found.days) == (1.5, 0.75, (1.0, 2.0))
    other = replace(plan, team=np.array([1, 2]))
    assert compare(given, plan, other)["spared"] == -1
    assert compare(given, plan, other)["days"] == (0.0, -1.0)
    assert compare(given, plan, other)["findings"] == pytest.approx(-0.85)


def test_each_weight_moves_its_own_measure() -> None:
    g = np.random.default_rng(5)
    given = replace(medium(4), wishes=g.random((60, 2)), capacity=np.full((3, 2), 4.0))
    given = change(given, weights=Weights(0.0, 0.01, 0.01, 0.01, 0.01))
    points = {one.name: one for one in frontier(given, Options(gap=1e-4))}
    assert next(iter(points)) == DEFAULT
    default = points[DEFAULT].measures
    assert points["findings"].measures.weighted >= default.weighted - 1e-3
    assert points["burden"].measures.spared > default.spared
    assert points["travel"].measures.travel < default.travel
    assert points["coverage"].measures.unseen > default.unseen
    assert points["wishes"].measures.wishes > default.wishes
    # By the problem's own weights no other weighting gives more than the default.
    for one in points.values():
        assert one.value <= points[DEFAULT].value + 1e-3
        assert one.dominated == any(
            all(_at(p, name) >= _at(one, name) - 1e-9 for name in GOOD)
            and any(_at(p, name) > _at(one, name) + 1e-9 for name in GOOD)
            for p in points.values()
        )


def _at(point: object, name: str) -> float:
    value = getattr(point.measures, name)  # type: ignore[attr-defined]
    return -value if name == "travel" else value
