"""HiGHS on a ``Model``: linear programs with their prices, and whole plans with their proof."""

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np

from planning.optimise.frame import Frame, Prices, no_prices
from planning.optimise.model import Model
from planning.optimise.problem import Floats


@dataclass
class Solved:
    """``status``: "optimal", "infeasible" or "stopped"; ``x`` per picked column, if there is one."""

    status: str
    x: Floats | None
    value: float  # without the constant of what the partial plan is worth
    bound: float
    duals: Floats  # [rows] of a linear program, >= 0 for upper limits


def _highs(model: Model, seed: int, halt: Callable[[], bool], whole: bool) -> highspy.Highs:
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
    if whole:
        lp.integrality_ = [highspy.HighsVarType.kInteger] * len(model.cost)
    h.passModel(lp)

    def ask(event: highspy.HighsCallbackEvent) -> None:
        if halt():
            event.interrupt()

    for callback in (h.cbMipInterrupt,) if whole else (h.cbSimplexInterrupt, h.cbIpmInterrupt):
        callback.subscribe(ask)
    return h


def _status(h: highspy.Highs) -> str:
    status = h.getModelStatus()
    if status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        return "optimal"
    if status == highspy.HighsModelStatus.kInfeasible:
        return "infeasible"
    return "stopped"


def linear(model: Model, seed: int, halt: Callable[[], bool], method: str = "choose") -> Solved:
    """The linear program, to a vertex: few sites are split between columns."""
    h = _highs(model, seed, halt, False)
    h.setOptionValue("solver", method)
    h.run()
    status = _status(h)
    if status != "optimal":
        return Solved(status, None, -np.inf, np.inf, np.zeros(0))
    solution = h.getSolution()
    value = h.getInfo().objective_function_value
    x = np.array(solution.col_value)[: model.size]
    return Solved(status, x, value, value, np.array(solution.row_dual))


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
    h = _highs(model, seed, halt, True)
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
        return Solved(status, None, -np.inf, bound, np.zeros(0))
    x = np.round(np.array(h.getSolution().col_value)[: model.size])
    return Solved(status, x, info.objective_function_value, bound, np.zeros(0))


def prices_of(f: Frame, model: Model, solved: Solved, before: Prices) -> Prices:
    """Duals of a linear program as prices; limits that no column touches keep the former one."""
    duals = solved.duals
    limits = np.concatenate([before.pool.ravel(), before.resource.ravel(), np.minimum(0.0, before.quota)])
    upper = np.maximum(0.0, duals[model.sites : model.sites + len(model.limits)])
    pools, supplies, quotas = f.capacity.size, f.supply.size, len(f.quota_min)
    inside = model.limits < pools + supplies + quotas
    values = np.where(model.limits >= pools + supplies, -upper, upper)
    limits[model.limits[inside]] = values[inside]
    quota = np.where(limits[pools + supplies :] < 0, limits[pools + supplies :], 0.0)
    at = model.sites + len(model.limits)
    least = np.maximum(0.0, -duals[at : at + len(model.minimums)])
    for k, price in zip(model.minimums, least, strict=True):
        quota[k] = min(quota[k] + price, f.quota_penalty[k])
    joint = max(0.0, -duals[-1]) if f.joint_share > 0 and len(duals) else 0.0
    fresh = no_prices(f)
    return Prices(
        limits[:pools].reshape(fresh.pool.shape), quota,
        limits[pools : pools + supplies].reshape(fresh.resource.shape), float(joint),
    )  # fmt: skip
