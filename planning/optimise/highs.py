"""HiGHS on a ``Model``: the best plan of its columns, with the proof."""

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from planning.optimise.model import Model
from planning.optimise.problem import Floats


@dataclass
class Solved:
    """``status``: "optimal", "infeasible" or "stopped"; ``x`` per picked column, if there is one."""

    status: str
    x: Floats | None
    value: float
    bound: float


def _highs(model: Model, seed: int, halt: Callable[[], bool]) -> highspy.Highs:
    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("threads", 1)
    h.setOptionValue("parallel", "off")
    h.setOptionValue("random_seed", seed)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.cost), len(model.low)
    lp.col_cost_ = model.cost
    lp.col_lower_, lp.col_upper_ = np.zeros(len(model.cost)), model.upper
    lp.row_lower_, lp.row_upper_ = model.low, model.high
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = model.start.astype(np.int32)
    lp.a_matrix_.index_ = model.index
    lp.a_matrix_.value_ = model.amount
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(model.cost)
    h.passModel(lp)

    def ask(event: highspy.HighsCallbackEvent) -> None:
        if halt():
            event.interrupt()

    h.cbMipInterrupt.subscribe(ask)
    return h


def _status(h: highspy.Highs) -> str:
    status = h.getModelStatus()
    if status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        return "optimal"
    if status == highspy.HighsModelStatus.kInfeasible:
        return "infeasible"
    return "stopped"


def integral(
    model: Model,
    seed: int,
    halt: Callable[[], bool],
    nodes: int | None = None,
    gap: float = 0.0,
    hint: Floats | None = None,
) -> Solved:
    """The best whole plan, or the best within ``nodes`` nodes of the search, with its proof.

    ``hint``: 0 or 1 for each variable, a plan to start from.
    """
    h = _highs(model, seed, halt)
    h.setOptionValue("mip_rel_gap", gap)
    h.setOptionValue("mip_abs_gap", 1e-9)
    h.setOptionValue("mip_feasibility_tolerance", 1e-7)
    if nodes is not None:
        h.setOptionValue("mip_max_nodes", nodes)
    if hint is not None:
        start = highspy.HighsSolution()
        start.col_value = list(hint)
        h.setSolution(start)
    h.run()
    status, info = _status(h), h.getInfo()
    bound = info.mip_dual_bound if status != "infeasible" else -np.inf
    if info.primal_solution_status != highspy.kSolutionStatusFeasible:
        return Solved(status, None, -np.inf, float(bound))
    x = np.round(np.array(h.getSolution().col_value)[: model.size])
    return Solved(status, x, info.objective_function_value, float(bound))
