"""From a problem to a plan with its proof.

Prices first, then a greedy plan, then as much as the gap asks for and the effort allows: small
problems are proved to the end, the others get the linear program's prices and many small moves.
"""

import numpy as np

from planning.optimise.exact import prove, relevant
from planning.optimise.frame import Choice
from planning.optimise.greedy import greedy
from planning.optimise.prices import descend, first_prices
from planning.optimise.problem import (
    PINNED,
    Cancelled,
    Infeasible,
    Options,
    Plan,
    Problem,
    Progress,
)
from planning.optimise.run import Run
from planning.optimise.state import choice_of

ROUNDS = 400
# Columns up to which the search goes on until there is a proof.
SMALL = 2_000


def solve(
    problem: Problem,
    options: Options,
    *,
    start: Plan | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Plan:
    """The best plan found and a proven bound. ``start``: a former plan to begin from.

    Raises ``Infeasible`` if no plan keeps all hard limits.
    """
    run = Run(problem, options, progress, cancelled)
    _pins_possible(run)
    _prices(run)
    _first_plan(run, start)
    if not run.good_enough and not run.halted():
        _small(run)
    run.tell("proof", 1.0)
    if run.choice is None:
        _no_plan(run)
    return run.plan()


def _prices(run: Run) -> None:
    run.tell("prices", 0.0)
    rounds = max(40, int(ROUNDS * min(1.0, run.options.effort)))
    found = descend(
        run.relaxation, first_prices(run.f), rounds, stop=lambda k, bound: run.halted() and k > 0
    )
    run.proved(found.bound, found.prices)
    run.tell("prices", 0.1)


def _first_plan(run: Run, start: Plan | None) -> None:
    run.relaxation.at(run.prices)
    run.found(choice_of(greedy(run.f, run.prices, run.relaxation.best)))
    if start is not None:
        run.found(_former(run, start))
    run.tell("greedy", 0.15)


def _former(run: Run, start: Plan) -> Choice:
    """What is still possible of a former plan, by position."""
    n = len(run.f.start) - 1
    choice = Choice(np.full(n, -1, np.int64), np.zeros(n, np.int64))
    for i, team, w in zip(start.site, start.team, start.period, strict=True):
        if i < n and w < len(run.f.discount) and run.f.open[i, w]:
            choice.column[i], choice.period[i] = run.columns.find(int(i), int(team)), w
    return choice


def _small(run: Run) -> None:
    whole = relevant(run)
    if whole.size <= SMALL:
        prove(run, whole, None)


def _pins_possible(run: Run) -> None:
    possible = (np.diff(run.f.start) > 0) & run.f.open.any(axis=1)
    if not possible[run.problem.fixed == PINNED].all():
        _no_plan(run)


def _no_plan(run: Run) -> None:
    try:
        from planning.optimise.clash import smallest_clash
    except ImportError:
        raise Infeasible([]) from None
    raise Infeasible(smallest_clash(run.problem))
