"""From a problem to a plan with its proof.

Prices first, then a greedy plan, then as much as the gap asks for and the effort allows: many
small moves, and where few columns are left that could be in a better plan, the proof to the end.
Only counted steps decide; the clock stops nothing but what runs past the safety limit.
"""

from dataclasses import dataclass

import numpy as np

from planning.optimise.anneal import Annealing
from planning.optimise.check import violations
from planning.optimise.exact import prove, relevant
from planning.optimise.feasible import first_feasible, hard_counts
from planning.optimise.frame import NEVER, Choice, Prices
from planning.optimise.greedy import dive, greedy
from planning.optimise.model import Picked, pick
from planning.optimise.prices import STEP, Relaxation, descend, first_prices, lifted, signed
from planning.optimise.problem import (
    PINNED,
    Cancelled,
    Infeasible,
    Ints,
    Options,
    Plan,
    Problem,
    Progress,
)
from planning.optimise.run import Run
from planning.optimise.state import choice_of, empty, longest, refill

ROUNDS = 400
# Above so many sites the first rounds look at a sample of them. Its prices fit the sample too
# well: the rounds that look at all begin with large steps again, which then fall fast.
SAMPLED, SAMPLE, LAST_STEP = 60_000, 30_000, 0.1
# Up to how many sites × periods: rounds, and how much of the step is left after each.
LAST_ROUNDS = ((1_500_000, 150, 0.97), (4_000_000, 100, 0.95), (np.inf, 60, 0.93))
# What is left of the step after each round from the prices of another plan: most of them fit, and
# where many limits have changed the first rounds still go far.
SETTLES = 0.93
# The first sweep of the greedy plan at these parts of the prices; the best of them is taken.
SCALES = (1.0, 0.97, 0.93)
# So few columns are searched until there is a proof; more of them for so many nodes.
TINY, SMALL, TRIED, SMALL_NODES, TRIED_NODES = 500, 2_000, 6_000, 20_000, 1_000
# Moves by site, at most so many in all, in parts between which the gap is looked at.
MOVES, FEWEST_MOVES, MOST_MOVES, PARTS = 40, 40_000, 600_000, 16
# Heat in worth: a visit is worth about one. Columns further below the best are not tried.
HOT, COLD, FEW, BAND = 0.02, 0.002, 20, 0.05


@dataclass(frozen=True)
class Former:
    """Visits of another plan, as positions of the problem: all that a search begins from."""

    site: Ints  # [m]
    team: Ints  # [m] bit masks
    period: Ints  # [m]


def solve(
    problem: Problem,
    options: Options,
    *,
    start: Plan | Former | None = None,
    prices: Prices | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Plan:
    """The best plan found and a proven bound. ``start``: visits to begin from; ``prices``: those of
    another plan, row by row, of which the rounds make those of this problem.

    Raises ``Infeasible`` if no plan keeps all hard limits. Stopped (``cancelled``, ``time_limit``)
    before any plan keeps them, the plan has no visits: ``check.violations`` tells.
    """
    run = Run(problem, options, progress, cancelled)
    _pins_possible(run)
    if prices is None:
        _prices(run)
    else:
        _prices_from(run, signed(run.f, prices))
    _first_plan(run, start)
    _improve(run)
    run.tell("proof", 1.0)
    plan = run.plan()
    if not len(plan.site) and plan.stopped in ("gap", "effort") and violations(problem, plan):
        _no_plan(run)  # no visit can be made, and some must be
    return plan


def _prices(run: Run) -> None:
    run.tell("prices", 0.0)
    rounds = _rounds(run)
    n, prices = len(run.f.start) - 1, first_prices(run.f)
    if n > SAMPLED:
        rows = np.sort(np.random.default_rng(run.options.seed).permutation(n)[:SAMPLE])
        sample = Relaxation(run.f, rows, run.options.threads, SAMPLE / n)
        prices = descend(sample, prices, rounds, run.halted).prices
        last, slower = _last_rounds(run)
        found = descend(run.relaxation, prices, last, run.halted, LAST_STEP, last, slower)
    else:
        found = descend(run.relaxation, prices, rounds, run.halted)
    run.proved(found.bound, found.prices)
    run.tell("prices", 0.1)


def _prices_from(run: Run, prices: Prices) -> None:
    """Those of another plan prove something as they are; from there on the rounds need no sample."""
    run.tell("prices", 0.0)
    run.proved(run.relaxation.at(prices).bound, prices)
    rounds, step, slower = _rounds(run), STEP, SETTLES
    if len(run.f.start) - 1 > SAMPLED:
        last, slower = _last_rounds(run)
        rounds, step = min(rounds, last), LAST_STEP
    found = descend(run.relaxation, lifted(run.f, prices), rounds, run.halted, step, rounds, slower)
    run.proved(found.bound, found.prices)
    run.tell("prices", 0.1)


def _rounds(run: Run) -> int:
    return max(60, int(ROUNDS * min(1.0, run.options.effort)))


def _last_rounds(run: Run) -> tuple[int, float]:
    """Rounds that look at all of many sites, and how much of the step is left after each."""
    size = (len(run.f.start) - 1) * len(run.f.discount)
    return next((rounds, slower) for up_to, rounds, slower in LAST_ROUNDS if size <= up_to)


def _first_plan(run: Run, start: Plan | Former | None) -> None:
    run.relaxation.at(run.prices)
    best = run.relaxation.best
    if (best[run.f.pinned] < 0.5 * NEVER).any():  # a pin's team is more than any pool has
        _no_plan(run)
    scales = SCALES if len(best) <= SAMPLED else SCALES[:1]
    for scale in scales:
        choice = choice_of(greedy(run.f, run.prices, best, first=scale))
        run.found(choice)
    if start is not None:
        state = empty(run.f)
        former = _former(run, start)
        every = np.arange(len(best))
        refill(run.f, state, former.column, former.period, every, True, longest(run.f))
        run.found(choice_of(greedy(run.f, run.prices, best, state)))
    if run.choice is None and not first_feasible(run, choice) and not run.stopped:
        _no_plan(run)
    run.tell("greedy", 0.15)


def _former(run: Run, start: Plan | Former) -> Choice:
    """What is still possible of a former plan, by position."""
    n = len(run.f.start) - 1
    choice = Choice(np.full(n, -1, np.int64), np.zeros(n, np.int64))
    for i, team, w in zip(start.site, start.team, start.period, strict=True):
        if i < n and w < len(run.f.discount) and run.f.open[i, w]:
            choice.column[i], choice.period[i] = run.columns.find(int(i), int(team)), w
    return choice


def _dive(run: Run) -> None:
    """Where periods are many, sites are indifferent between them and the greedy plan is coarse."""
    if len(run.f.discount) > 1 and run.choice is not None:
        run.found(choice_of(dive(run.f, run.prices, run.halted, run.options.threads)))
    run.tell("rounding", 0.2)


def _improve(run: Run) -> None:
    if run.good_enough or run.halted():
        return
    small = relevant(run, TINY)
    if small is None:
        _dive(run)
        if not run.good_enough and not run.halted():
            _move(run)
        small = None if run.good_enough or run.halted() else relevant(run, TRIED)
    if small is not None:
        run.tell("proof", 0.7)
        nodes = SMALL_NODES if small.size <= SMALL else TRIED_NODES
        prove(run, small, None if small.size <= TINY else max(1, int(nodes * run.options.effort)))


def _move(run: Run) -> None:
    if run.choice is None:
        return
    n = len(run.f.start) - 1
    moves = int(run.options.effort * max(FEWEST_MOVES, min(MOVES * n, MOST_MOVES)) / PARTS) + 1
    annealing = Annealing(hard_counts(run.f), run.choice, _near(run), run.options.seed)
    # With few moves a site there is no time to cool down from far above.
    hot = HOT if moves * PARTS >= FEW * n else 2 * COLD
    heat = hot * (COLD / hot) ** (np.arange(PARTS + 1) / PARTS)
    for k in range(PARTS):
        run.found(annealing.part(moves, heat[k], heat[k + 1]))
        run.tell("repair", 0.2 + 0.5 * (k + 1) / PARTS)
        if run.good_enough or run.halted():
            return


def _near(run: Run) -> Picked:
    """Columns whose reduced value is near the best of their site."""
    run.relaxation.at(run.prices)
    best = run.relaxation.best
    near = np.where(run.f.pinned, best, np.maximum(0.0, best)) - BAND
    return pick(run.f, run.prices, np.arange(len(best)), near)


def _pins_possible(run: Run) -> None:
    possible = (np.diff(run.f.start) > 0) & run.f.open.any(axis=1)
    if not possible[run.problem.fixed == PINNED].all():
        _no_plan(run)


def _no_plan(run: Run) -> None:
    try:
        from planning.optimise.clash import smallest_clash
    except ImportError:
        raise Infeasible([]) from None
    raise Infeasible(smallest_clash(run.problem, run.halted))
