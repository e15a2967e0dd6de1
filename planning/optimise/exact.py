"""Small problems to the end: every column that could be in a better plan, given to HiGHS whole."""

import numpy as np

from planning.optimise.frame import Choice
from planning.optimise.highs import integral
from planning.optimise.model import Model, model, pick
from planning.optimise.problem import Floats
from planning.optimise.run import Run


def least_reduced(run: Run) -> Floats:
    """[n] reduced value below which a column is in no plan better than the best known one.

    At prices that prove ``bound``, a plan with that column is worth at most the bound less what
    the site forgoes. Sites of limited firms forgo less than their own: theirs are all kept.
    """
    relaxed = run.relaxation.at(run.prices)
    best = np.where(run.f.pinned, run.relaxation.best, np.maximum(0.0, run.relaxation.best))
    room = max(0.0, relaxed.bound - run.value) + 1e-7
    return np.where(run.f.group >= 0, -np.inf, best - room)


def relevant(run: Run, most: int) -> Model | None:
    """All that is needed for a proof, unless it has more than ``most`` columns."""
    n = len(run.f.start) - 1
    picked = pick(run.f, run.prices, np.arange(n), least_reduced(run))
    return model(run.f, picked) if len(picked.site) <= most else None


def prove(run: Run, whole: Model, nodes: int | None) -> bool:
    """Looks for the best plan; True if the search ended with a proof."""
    run.used.add("HiGHS")
    hint = _hint(run, whole)
    solved = integral(whole, run.options.seed, run.halted, nodes, hint=hint)
    if solved.x is not None:
        run.found(choice_of_columns(run, whole, solved.x))
    if solved.status == "infeasible" and run.choice is None:
        return False
    # A plan worth more than the best known uses relevant columns only.
    run.proved(max(solved.bound, run.value))
    return solved.status == "optimal"


def choice_of_columns(run: Run, whole: Model, x: Floats) -> Choice:
    n = len(run.f.start) - 1
    choice = Choice(np.full(n, -1, np.int64), np.zeros(n, np.int64))
    on = np.flatnonzero(x > 0.5)
    choice.column[whole.picked.site[on]] = whole.picked.column[on]
    choice.period[whole.picked.site[on]] = whole.picked.period[on]
    return choice


def _hint(run: Run, whole: Model) -> Floats | None:
    if run.choice is None:
        return None
    picked = whole.picked
    at = run.choice.column[picked.site] == picked.column
    on = at & (run.choice.period[picked.site] == picked.period)
    hint = np.zeros(len(whole.cost))
    hint[: whole.size] = on
    for k in range(whole.size, len(whole.cost)):
        row = whole.index[whole.start[k]]
        inside = np.flatnonzero(whole.index[: whole.start[whole.size]] == row)
        column = np.searchsorted(whole.start, inside, side="right") - 1
        hint[k] = max(0.0, whole.low[row] - hint[column].sum())
    return hint
