"""The bound holds at any prices, and the rounds bring it to the linear program's."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csc_array, vstack

from bench.instances import make, with_everything
from planning.optimise.columns import build
from planning.optimise.frame import Frame, Prices, frame, value_of_choice
from planning.optimise.greedy import greedy
from planning.optimise.model import model, pick
from planning.optimise.prices import Relaxation, descend, first_prices, signed
from planning.optimise.problem import Options, Quota
from planning.optimise.solve import solve
from planning.optimise.state import choice_of
from tests.planning.optimise.problems import few


def linear_program(f: Frame) -> float:
    """Its optimum by another program, over all columns."""
    n = len(f.start) - 1
    none = Prices(
        np.zeros_like(f.capacity), np.zeros(len(f.quota_min)), np.zeros_like(f.supply), 0.0
    )
    whole = model(f, pick(f, none, np.arange(n), np.full(n, -np.inf)))
    shape = (len(whole.low), len(whole.cost))
    rows = csc_array((whole.amount, whole.index, whole.start), shape=shape).tocsr()
    up, low = np.isfinite(whole.high), np.isfinite(whole.low)
    limits = vstack([rows[up], -rows[low]])
    right = np.concatenate([whole.high[up], -whole.low[low]])
    upper = [(0, u) for u in whole.upper]
    solved = linprog(-whole.cost, A_ub=limits, b_ub=right, bounds=upper, method="highs")
    assert solved.status == 0
    return -solved.fun


def never() -> bool:
    return False


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("periods", [1, 4])
def test_rounds_reach_the_linear_program(periods: int, crowded: bool) -> None:
    problem = make(400, periods, floors="binding")
    f = frame(build(with_everything(problem) if crowded else problem))
    found = descend(Relaxation(f), first_prices(f), 400, never)
    optimum = linear_program(f)
    assert found.bound >= optimum - 1e-6
    assert found.bound <= optimum * 1.002


def test_any_prices_are_above_any_plan() -> None:
    f = frame(build(with_everything(make(300, 4))))
    relaxation = Relaxation(f)
    relaxation.at(first_prices(f))
    worth = value_of_choice(f, choice_of(greedy(f, first_prices(f), relaxation.best)))
    optimum = linear_program(f)
    g = np.random.default_rng(3)
    for _ in range(30):
        low = np.where(np.isfinite(f.quota_penalty), np.minimum(f.quota_penalty, 0.5), 0.5)
        quota = np.where(f.quota_max <= 300, -0.5, low) * g.random(len(f.quota_min))
        prices = Prices(g.random(f.capacity.shape), quota, g.random(f.supply.shape), g.random())
        assert relaxation.at(prices).bound >= optimum - 1e-6
    assert worth <= optimum


def test_firm_takes_its_best_sites_only() -> None:
    problem = make(200, 1)
    one = replace(problem, firm=np.zeros(200, int), most_per_firm=3)
    f = frame(build(one))
    relaxation = Relaxation(f)
    assert relaxation.at(first_prices(f)).visits == 3
    best = np.sort(relaxation.best)[-3:]
    assert np.isclose(np.sort(relaxation.best[relaxation.taken]), best).all()


def test_threads_and_order_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("planning.optimise.prices.CHUNK", 300)
    f = frame(build(make(2000, 4)))
    one = descend(Relaxation(f, threads=1), first_prices(f), 80, never)
    two = descend(Relaxation(f, threads=2), first_prices(f), 80, never)
    assert one.bound == two.bound
    assert np.array_equal(one.prices.pool, two.prices.pool)


def test_prices_of_other_limits_prove_nothing_false() -> None:
    """A minimum that may be missed has no price above its penalty, one taken away none at all; nor
    has a maximum or a joint share that is there no more."""
    sites = np.arange(3)
    given = few(8, quotas=(Quota("least", sites, 6, penalty=2.0), Quota("gone", sites)))
    f = frame(build(given))
    prices = first_prices(f)._replace(quota=np.array([9.0, -9.0]), joint=9.0)
    assert signed(f, prices).quota.tolist() == [2.0, 0.0]
    assert signed(f, prices).joint == 0.0
    assert signed(f, prices._replace(quota=np.array([1.5, 9.0]))).quota.tolist() == [1.5, 0.0]
    best = solve(given, Options(gap=0.0))
    assert best.gap == 0
    proven = Relaxation(f).at(signed(f, prices)).bound
    assert proven >= best.value
    bounded = frame(
        build(replace(given, quotas=(Quota("most", sites, maximum=2),), joint_share=0.5))
    )
    kept = first_prices(bounded)._replace(quota=np.array([-0.5]), joint=0.25)
    assert signed(bounded, kept).quota.tolist() == [-0.5]
    assert signed(bounded, kept).joint == 0.25
