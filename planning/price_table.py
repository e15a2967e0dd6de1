"""The prices of a plan as a file: with the frozen inputs beside it anybody reckons the bound again.

Both directions stand here. Nothing but the two files is needed for the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planning.models import SelectionRun
from planning.optimise.problem import Floats, Plan, Problem
from planning.services.inputs import fingerprint, pool_key, problem_of, quota_key

if TYPE_CHECKING:
    from planning.optimise.frame import Prices


def price_table(run: SelectionRun) -> dict[str, Any]:
    """Every price of a done plan or what-if by the names that stand in its inputs.

    Prices are in points of worth: of an inspector-day for each pool and period, of a visit for each
    quota (above nothing: a minimum draws, below: a maximum keeps away), of a unit for each resource
    and period, of the joint share. ``visits``: site, authorities, number of the period from 0.
    """
    assert run.inputs is not None
    assert run.prices is not None
    return {
        "operation": run.inputs["operation"], "reckoning": run.number, "inputs": run.inputs_hash,
        "value": run.value, "bound": run.bound, "solver": run.solver,
    } | named_prices(run) | {"visits": run.prices["visits"]}  # fmt: skip


def named_prices(run: SelectionRun) -> dict[str, Any]:
    """The prices alone: from them the rounds of another plan can begin."""
    inputs, prices = run.inputs, run.prices
    assert inputs is not None
    assert prices is not None
    return {
        "periods": inputs["periods"],
        "pools": [{"pool": pool_key(pool), "prices": of}
                  for pool, of in zip(inputs["pools"], prices["pools"], strict=True)],
        "quotas": [{"quota": quota_key(quota), "price": of, "lacking": lacking}
                   for quota, of, lacking in zip(
                       inputs["quotas"], prices["quotas"], prices["shortfall"], strict=True)],
        "resources": [{"resource": resource["id"], "prices": of}
                      for resource, of in zip(
                          inputs["resources"], prices["resources"], strict=True)],
        "joint": prices["joint"],
    }  # fmt: skip


def prices_for(problem: Problem, table: dict[str, Any], *, whole: bool = False) -> "Prices":
    """Named prices as rows of a problem; nothing where it has a row that they do not name.

    ``whole``: for a table that must name them all; KeyError names the first that is left out.
    """
    from planning.optimise.frame import Prices

    def by_period(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, float]]:
        return {row[name]: dict(zip(table["periods"], row["prices"], strict=True)) for row in rows}

    def told(named: dict[str, Any], key: str, otherwise: Any) -> Any:
        return named[key] if whole else named.get(key, otherwise)

    def rows(named: dict[str, dict[str, float]], keys: Sequence[str]) -> Floats:
        found = [[told(told(named, key, {}), period, 0.0) for period in problem.periods]
                 for key in keys]  # fmt: skip
        return np.array(found, float).reshape(len(keys), len(problem.periods))

    quotas = {one["quota"]: one["price"] for one in table["quotas"]}
    return Prices(
        rows(by_period(table["pools"], "pool"), problem.pools),
        np.array([told(quotas, quota.key, 0.0) for quota in problem.quotas], float),
        rows(by_period(table["resources"], "resource"), [r.key for r in problem.resources]),
        float(table["joint"]),
    )  # fmt: skip


@dataclass(frozen=True)
class Rechecked:
    """What the two files say when all is reckoned again from them."""

    belongs: bool  # the table names these inputs
    value: float  # what the visits are worth
    bound: float  # what the prices prove: no plan is worth more
    broken: list[str]  # limits that the visits break, and statements that are not so


def recheck(inputs: dict[str, Any], table: dict[str, Any]) -> Rechecked:
    """Worth, bound and limits of a plan from its frozen inputs and its price table alone.

    KeyError names what the table leaves out.
    """
    from planning.optimise.check import plan_value, violations
    from planning.optimise.explain import proven_bound

    problem = problem_of(inputs)
    plan = _plan(problem, table)
    return Rechecked(
        fingerprint(inputs) == table["inputs"], plan_value(problem, plan),
        proven_bound(problem, plan), violations(problem, plan),
    )  # fmt: skip


def _plan(problem: Problem, table: dict[str, Any]) -> Plan:
    prices = prices_for(problem, table, whole=True)
    lacking = {one["quota"]: one["lacking"] for one in table["quotas"]}
    site = {key: i for i, key in enumerate(problem.keys)}
    bit = {code: 1 << a for a, code in enumerate(problem.authorities)}
    visits = sorted((site[key], sum(bit[c] for c in team), w) for key, team, w in table["visits"])
    columns = np.array(visits, dtype=np.int64).reshape(len(visits), 3)
    return Plan(
        site=columns[:, 0], team=columns[:, 1], period=columns[:, 2], value=table["value"],
        bound=table["bound"],
        prices=prices.pool, quota_prices=prices.quota, resource_prices=prices.resource,
        joint_price=prices.joint,
        shortfall=np.array([lacking[q.key] for q in problem.quotas], dtype=np.int64),
        stopped="", solver=table["solver"], seconds=0.0, memory_mb=0.0, trail=(),
    )  # fmt: skip
