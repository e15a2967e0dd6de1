"""A changed problem differs in what was changed, and two plans in what was done otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from bench.instances import make, with_everything
from planning.optimise.check import plan_value, violations
from planning.optimise.columns import build
from planning.optimise.explain import proven_bound
from planning.optimise.prices import prices_of
from planning.optimise.problem import (
    EXCLUDED,
    FREE,
    PINNED,
    Options,
    Plan,
    Quota,
    Resource,
    Weights,
)
from planning.optimise.solve import solve
from planning.optimise.whatif import Visit, change, difference, part, visits
from tests.planning.optimise.problems import same
from tests.planning.optimise.small import problem

PROOF = Options(gap=0.0)


def test_only_what_is_changed_changes() -> None:
    given = problem(4, 2, 2, quotas=(Quota("q", np.arange(4), 1), Quota("r", np.arange(2), 1)))
    before = given.fingerprint()
    assert change(given).fingerprint() == before
    other = change(
        given, pin=[0, Visit(1, 3, 1)], exclude=[2], capacity={0: 7.0, (1, 1): 5.0},
        quota={1: (2, 3)}, weights=Weights(burden=0.5),
    )  # fmt: skip
    assert other.fixed.tolist() == [PINNED, PINNED, EXCLUDED, FREE]
    assert other.fixed_team.tolist() == [0, 3, 0, 0]
    assert other.fixed_period.tolist() == [-1, 1, -1, -1]
    assert other.capacity.tolist() == [[7.0, 7.0], [2.0, 5.0]]
    assert [(q.minimum, q.maximum) for q in other.quotas] == [(1, None), (2, 3)]
    assert other.weights.burden == 0.5
    assert given.fingerprint() == before
    again = change(other, free=[0, 1, 2], capacity={0: 2.0, 1: 2.0}, quota={1: (1, None)},
                   weights=given.weights)  # fmt: skip
    assert again.fingerprint() == before
    with pytest.raises(ValueError, match="s1"):
        change(given, pin=[0, 1], exclude=[1, 2])


def test_difference_by_hand() -> None:
    given = problem(5, 2, 2, days=np.full((5, 2), 0.5))
    base = solve(given, PROOF)

    def plan(*rows: tuple[int, int, int]) -> Plan:
        site, team, period = (np.array(column) for column in zip(*rows, strict=True))
        return replace(base, site=site, team=team, period=period)

    a = plan((0, 3, 0), (1, 1, 0), (2, 2, 0), (3, 1, 0))
    b = plan((0, 3, 1), (1, 3, 1), (2, 2, 0), (4, 2, 0))
    found = difference(given, a, b)
    assert found.entered == (Visit(4, 2, 0),)
    assert found.left == (Visit(3, 1, 0),)
    assert found.moved == ((Visit(0, 3, 0), Visit(0, 3, 1)),)
    assert found.changed == ((Visit(1, 1, 0), Visit(1, 3, 1)),)
    assert found.days == (-0.5, 1.0)
    assert found.value == pytest.approx(plan_value(given, b) - plan_value(given, a))
    assert difference(given, a, a).nothing
    assert not found.nothing


def test_pinning_a_left_out_site_costs_what_the_difference_says() -> None:
    given = problem(6, 2)
    base = solve(given, PROOF)
    (left_out, *_) = sorted(set(range(6)) - set(base.site.tolist()), reverse=True)
    other = solve(change(given, pin=[left_out]), PROOF)
    found = difference(given, base, other)
    assert left_out in [one.site for one in found.entered]
    assert found.value == pytest.approx(other.value - base.value)
    assert found.value < 0


def test_excluding_a_chosen_site_lets_others_in() -> None:
    given = problem(6, 2)
    base = solve(given, PROOF)
    gone = int(base.site[0])
    other = change(given, exclude=[gone])
    after = solve(other, PROOF)
    assert gone not in visits(after)
    assert violations(other, after) == []
    assert difference(given, base, after).left[0].site == gone


def test_a_part_has_the_columns_of_its_sites() -> None:
    given = problem(
        6, 2, travel=np.arange(6.0), quotas=(Quota("q", np.array([1, 3, 5]), 1),),
        resources=(Resource("x", np.arange(6.0), np.ones(1)),),
    )  # fmt: skip
    some = np.array([5, 1])
    small, whole = build(part(given, some)), build(given)
    for place, i in enumerate(some):
        assert small.value[small.of(place)].tolist() == whole.value[whole.of(i)].tolist()
    assert part(given, some).quotas[0].sites.tolist() == [1, 0]
    assert part(given, some).resources[0].need.tolist() == [5.0, 1.0]
    assert part(given, np.arange(6)).fingerprint() == given.fingerprint()


# ----------------------------------------------------------- from the prices of another plan
QUICK = Options(gap=0.001, effort=0.1)


@pytest.mark.parametrize("crowded", [False, True])
def test_from_prices_that_fit_the_same_rounds_prove_more(crowded: bool) -> None:
    given = with_everything(make(800, 4)) if crowded else make(800, 4)
    base = solve(given, Options(gap=0.001, effort=0.5))
    free = np.flatnonzero(given.fixed == FREE)
    pool = len(given.pools) - 1  # a national one: in a small one a pin could have no room
    questions = {
        "pin": change(given, pin=np.setdiff1d(free, base.site)[:1].tolist()),
        "exclude": change(given, exclude=np.intersect1d(free, base.site)[:3].tolist()),
        "fewer days": change(given, capacity={pool: 0.8 * float(given.capacity[pool].mean())}),
        "more days": change(given, capacity={pool: 1.5 * float(given.capacity[pool].mean())}),
    }
    for name, asked in questions.items():
        cold = solve(asked, QUICK, start=base)
        warm = solve(asked, QUICK, start=base, prices=prices_of(base))
        assert violations(asked, warm) == [], name
        assert warm.bound < cold.bound, name
        assert warm.gap < cold.gap, name
        assert warm.bound <= proven_bound(asked, warm) + 1e-9, name
        again = solve(asked, replace(QUICK, threads=2), start=base, prices=prices_of(base))
        assert same(again, warm), name


def test_days_that_cost_nothing_get_a_price_when_they_become_few() -> None:
    """Prices move by a factor, so that one of nothing has to be lifted first."""
    given = make(600, 13)
    base = solve(given, Options(gap=0.001, effort=0.1))
    dearest = base.prices.max(axis=1)
    half = np.where(dearest > np.median(dearest), 0.0, 1.0)[:, None]
    found = solve(given, QUICK, prices=prices_of(replace(base, prices=base.prices * half)))
    assert found.gap <= base.gap
