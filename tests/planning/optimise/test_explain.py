"""Every site's account follows from the stored prices, and says why."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from planning.optimise import explain
from planning.optimise.columns import build, reduced_values
from planning.optimise.problem import (
    EXCLUDED,
    FREE,
    PINNED,
    Infeasible,
    Options,
    Plan,
    Problem,
    Quota,
    Resource,
)
from planning.optimise.solve import solve
from planning.optimise.whatif import Visit, change, visits
from tests.planning.optimise.bruteforce import brute_force, worth
from tests.planning.optimise.small import problem, problems, put

QUICK = Options(effort=0.1)


def plan_of(given_: Problem) -> Plan:
    try:
        return solve(given_, Options(gap=0.0))
    except Infeasible:
        assume(False)
        raise


def medium(seed: int = 1, n: int = 60) -> Problem:
    """Sites enough for prices to mean something: two authorities, two regions, two periods."""
    g = np.random.default_rng(seed)
    return problem(
        n, 2, 2, regions=("N", "S"), pools=("A0 N", "A0 S", "A1"),
        pool_authority=np.array([0, 0, 1]), pool_of=np.array([[0, 1], [2, 2]]),
        capacity=np.full((3, 2), 8.0), region=g.integers(0, 2, n), p=g.random((n, 2)),
        days=g.integers(1, 5, (n, 2)) / 2, travel=g.uniform(0, 3, n), unseen=g.random(n),
        firm=np.where(g.random(n) < 0.3, g.integers(0, 8, n), -1),
        quotas=(Quota("north", np.arange(0, n, 3), 8), Quota("few", np.arange(0, n, 2), 0, 9)),
        resources=(Resource("Thai", (g.random(n) < 0.3).astype(float), np.array([3.0, 3.0])),),
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_accounts_add_up_to_the_prices_of_the_solver(given_: Problem) -> None:
    plan, columns = plan_of(given_), build(given_)
    for i in range(len(given_.keys)):
        account = explain.account(given_, plan, i)
        table = reduced_values(
            columns, i, plan.prices, plan.quota_prices, plan.resource_prices, plan.joint_price
        )
        for one in (account.chosen, account.best):
            if one is None or given_.fixed[i] == EXCLUDED:
                continue
            at = columns.find(i, one.visit.team) - int(columns.start[i])
            assert one.reduced == pytest.approx(table[at, one.visit.period], abs=1e-9)
            assert one.worth == pytest.approx(worth(given_, (i, *_way(one.visit))), abs=1e-9)
        if account.chosen:
            assert account.chosen.visit == visits(plan)[i]
            assert account.best is not None
            assert account.best.reduced >= account.chosen.reduced - 1e-9


def _way(visit: Visit) -> tuple[int, int]:
    return visit.team, visit.period


def test_rejected_sites_are_not_worth_their_price_or_rounding_is_named() -> None:
    given_ = medium()
    plan = solve(given_, Options(gap=0.0))
    kinds = [explain.account(given_, plan, i).verdict for i in range(len(given_.keys))]
    planned = visits(plan)
    for i, verdict in enumerate(kinds):
        account = explain.account(given_, plan, i)
        assert (i in planned) == (verdict in (explain.CHOSEN, explain.FILLED))
        if verdict == explain.TOO_DEAR:
            assert account.best is not None
            assert account.best.reduced <= explain.THRESHOLD
            assert account.lacking == pytest.approx(max(0.0, -account.best.reduced))
        if verdict == explain.ROUNDING:
            assert account.best is not None
            assert account.best.reduced > explain.THRESHOLD
        if verdict == explain.FIRM:
            assert {given_.firm[j] for j in account.firm} == {given_.firm[i]}
    assert kinds.count(explain.TOO_DEAR) > 20
    # What rounding did is bounded by the gap that the prices leave.
    odd = [i for i, kind in enumerate(kinds) if kind in (explain.ROUNDING, explain.FILLED)]
    lost = sum(abs(_decisive(given_, plan, i)) for i in odd)
    assert lost <= explain.proven_bound(given_, plan) - plan.value + 1e-6


def _decisive(given_: Problem, plan: Plan, i: int) -> float:
    account = explain.account(given_, plan, i)
    one = account.chosen or account.best
    assert one is not None
    return one.reduced


def test_a_sentence_by_hand() -> None:
    """One pool, two days, visits of one day: the third best is short of the price."""
    given_ = problem(4, 1)
    plan = replace(solve(given_, Options(gap=0.0)), prices=np.array([[0.75]]))
    account = explain.account(given_, plan, 2)
    assert account.verdict == explain.TOO_DEAR
    assert account.best is not None
    (cost,) = account.best.costs
    assert (cost.authority, cost.pool, cost.days, cost.price) == (0, 0, 1.0, 0.75)
    assert account.best.worth == pytest.approx(0.7)
    assert account.lacking == pytest.approx(0.05)
    assert explain.why_not(given_, plan, 2) == [("pool", 0, 0.75)]
    assert explain.account(given_, plan, 0).verdict == explain.CHOSEN
    assert explain.account(given_, plan, 0).chosen.reduced == pytest.approx(0.15)  # type: ignore[union-attr]


def test_verdicts_of_hands_rules_and_firms() -> None:
    given_ = problem(
        8, 1,
        fixed=np.array([FREE, EXCLUDED, FREE, FREE, FREE, FREE, PINNED, FREE]),
        able=put(np.ones((8, 1), bool), (2, 0), False),
        allowed=put(np.ones((8, 1), bool), (3, 0), False),
        days=put(np.ones((8, 1)), (4, 0), 40.0),
        firm=np.array([5, -1, -1, -1, -1, 5, -1, -1]),
        capacity=np.array([[9.0]]),
    )  # fmt: skip
    plan = solve(given_, Options(gap=0.0))
    accounts = [explain.account(given_, plan, i) for i in range(8)]
    assert [one.verdict for one in accounts] == [
        explain.CHOSEN, explain.EXCLUDED_BY_HAND, explain.NO_TEAM, explain.CLOSED, explain.TOO_BIG,
        explain.FIRM, explain.PINNED_BY_HAND, explain.CHOSEN,
    ]  # fmt: skip
    assert accounts[5].firm == (0,)
    # An excluded site's worth is still told.
    assert accounts[1].best is not None
    assert accounts[1].best.worth == pytest.approx(0.8)


def test_what_it_takes_names_the_days_and_the_one_that_leaves() -> None:
    given_ = problem(3, 1, days=np.array([[1.0], [1.0], [1.5]]))
    plan = solve(given_, Options(gap=0.0))
    takes = explain.what_would_it_take(given_, plan, 2, QUICK)
    (need,) = takes.days
    assert (need.pool, need.needs, need.free, need.more) == (0, 1.5, 0.0, 1.5)
    assert takes.blocked == ()
    assert takes.instead is not None
    assert [one.site for one in takes.instead.entered] == [2]
    assert [one.site for one in takes.instead.left] == [0, 1]
    assert takes.instead.value == pytest.approx(0.7 - 1.7)
    # With these days more it is in.
    more = change(given_, capacity={0: 2.0 + need.more})
    assert 2 in visits(solve(more, Options(gap=0.0)))


def test_what_it_takes_names_other_limits_and_a_clash() -> None:
    given_ = problem(
        3, 1, firm=np.array([5, -1, 5]), capacity=np.array([[9.0]]),
        fixed=np.array([PINNED, FREE, FREE]),
        quotas=(Quota("q", np.arange(3), maximum=2),),
        resources=(Resource("van", np.ones(3), np.array([2.0])),),
    )  # fmt: skip
    plan = solve(given_, Options(gap=0.0))
    takes = explain.what_would_it_take(given_, plan, 2, QUICK)
    assert takes.blocked == (("firm", 5), ("quota", 0), ("resource", 0))
    assert takes.days[0].more == 0
    assert takes.instead is None
    assert {kind for kind, _, _ in takes.clash} == {"pin", "firm"}


def test_a_day_more_is_worth_at_most_its_price() -> None:
    given_ = medium(2)
    plan = solve(given_, Options(gap=0.0))
    bound = explain.proven_bound(given_, plan)
    assert bound >= plan.value - 1e-9
    dearest, *_, cheapest = explain.marginal(given_, plan)
    assert dearest.best >= cheapest.best
    assert dearest.best > 0
    for one in (dearest, cheapest):
        for period, price in enumerate(one.prices):
            capacity = {(one.pool, period): given_.capacity[one.pool, period] + 1}
            more = change(given_, capacity=capacity)
            assert explain.proven_bound(more, plan) == pytest.approx(bound + price)
            assert solve(more, Options(gap=0.0)).value <= bound + price + 1e-6


def test_free_days_are_those_not_used() -> None:
    given_ = medium(3)
    plan = solve(given_, Options(gap=0.0))
    for one in explain.marginal(given_, plan):
        assert min(one.free) >= 0
        assert given_.pool_authority[one.pool] == one.authority
    total = given_.capacity.sum() - explain.used(given_, plan).sum()
    assert sum(sum(one.free) for one in explain.marginal(given_, plan)) == pytest.approx(total)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_any_prices_prove_a_bound(given_: Problem) -> None:
    """The formula of the bound holds whatever the prices, so it needs no trust in the solver."""
    plan, best = plan_of(given_), brute_force(given_)
    assert best is not None
    g = np.random.default_rng(len(given_.keys))
    signs = [1.0 if q.maximum is None else -1.0 for q in given_.quotas]
    other = replace(
        plan,
        prices=g.uniform(0, 1, plan.prices.shape),
        quota_prices=np.array(signs) * g.uniform(0, 1, len(signs)),
        resource_prices=g.uniform(0, 1, (len(given_.resources), len(given_.periods))),
        joint_price=float(g.uniform(0, 1)),
    )
    assert explain.proven_bound(given_, other) >= best.value - 1e-9
