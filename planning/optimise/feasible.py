"""A first plan where limits clash with each other so much that the greedy one breaks some."""

import numpy as np

from planning.optimise.anneal import Annealing
from planning.optimise.exact import choice_of_columns
from planning.optimise.frame import Choice, Frame
from planning.optimise.greedy import greedy
from planning.optimise.highs import integral
from planning.optimise.model import Picked, model, pick
from planning.optimise.problem import Ints
from planning.optimise.run import Run, state_of
from planning.optimise.state import choice_of

# A visit that a hard minimum lacks counts this many times the worth of the best visit.
HARD = 1000.0
MOVES = 20_000


def first_feasible(run: Run, choice: Choice) -> bool:
    """From a choice that breaks pins, hard minimums or the joint share; False: there is none."""
    pins = np.flatnonzero(run.f.pinned)
    if (choice.column[pins] < 0).any():
        placed = _place(run, pins)
        if placed is None:
            return False
        run.relaxation.at(run.prices)
        choice = choice_of(greedy(run.f, run.prices, run.relaxation.best, state_of(run.f, placed)))
        if run.found(choice):
            return True
    if _drawn(run, choice):
        return True
    whole = model(run.f, _all(run, np.arange(len(run.f.start) - 1)))
    run.used.add("HiGHS")
    solved = integral(whole, run.options.seed, run.halted, gap=1e3)
    if solved.x is not None:
        run.found(choice_of_columns(run, whole, solved.x))
    return solved.status != "infeasible"


def hard_counts(f: Frame) -> Frame:
    """Hard minimums as soft ones of great weight, so that moves are drawn to them."""
    weight = HARD * max(1.0, float(np.abs(f.value).max(initial=0.0)))
    return f._replace(quota_penalty=np.where(np.isfinite(f.quota_penalty), f.quota_penalty, weight))


def _place(run: Run, pins: Ints) -> Choice | None:
    """All pinned sites at once, by upper limits only; None: nothing keeps them."""
    f = run.f._replace(quota_min=np.zeros_like(run.f.quota_min), joint_share=0.0)
    whole = model(f, _all(run, pins))
    run.used.add("HiGHS")
    solved = integral(whole, run.options.seed, run.halted)
    return None if solved.x is None else choice_of_columns(run, whole, solved.x)


def _drawn(run: Run, choice: Choice) -> bool:
    f = hard_counts(run.f)
    moves = Annealing(f, choice, _all(run, np.arange(len(f.start) - 1)), run.options.seed)
    for _ in range(10):
        if run.halted() or run.found(moves.part(MOVES, 0.02, 0.01)):
            return run.choice is not None
    return False


def _all(run: Run, sites: Ints) -> Picked:
    return pick(run.f, run.prices, sites, np.full(len(run.f.start) - 1, -np.inf))
