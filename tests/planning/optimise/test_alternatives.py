"""Alternatives are plans of the same problem, nearly as good and clearly different."""

import numpy as np
import pytest

from planning.optimise.alternatives import alternatives
from planning.optimise.check import plan_value, violations
from planning.optimise.problem import Options
from planning.optimise.solve import solve
from tests.planning.optimise.small import problem
from tests.planning.optimise.test_explain import medium

QUICK = Options(effort=0.1)


def test_alternatives_keep_all_limits_and_differ() -> None:
    given = medium(7)
    plan = solve(given, Options())
    found = alternatives(given, plan, QUICK, within=0.05, different=0.15)
    assert found
    shown = [plan]
    for one in found:
        assert violations(given, one.plan) == []
        assert one.value == pytest.approx(plan_value(given, one.plan))
        assert one.value >= plan.value * 0.95
        for other in shown:
            same = set(one.plan.site.tolist()) & set(other.site.tolist())
            assert len(same) <= 0.85 * len(other.site)
        left = {visit.site for visit in one.difference.left}
        assert left == set(plan.site.tolist()) - set(one.plan.site.tolist())
        assert one.different == pytest.approx(len(left) / len(plan.site))
        shown.append(one.plan)
    again = alternatives(given, plan, QUICK, within=0.05, different=0.15)
    assert [one.plan.site.tolist() for one in again] == [one.plan.site.tolist() for one in found]


def test_none_is_shown_where_every_other_plan_is_worse() -> None:
    p = np.array([[0.9], [0.9], [0.05], [0.05]])
    given = problem(4, 1, p=p)
    assert alternatives(given, solve(given, Options(gap=0.0)), QUICK) == []


def test_twins_are_exchanged() -> None:
    given = problem(6, 1, p=np.full((6, 1), 0.5))
    plan = solve(given, Options(gap=0.0))
    first, second = alternatives(given, plan, QUICK, different=1.0)
    sites = [set(one.site.tolist()) for one in (plan, first.plan, second.plan)]
    assert set.union(*sites) == set(range(6))
    assert first.value == pytest.approx(plan.value)
