"""What a what-if changes: of a plan's frozen inputs, in the terms of its form.

{"pin": [site], "exclude": [site], "free": [site],          public ids of candidates
 "days": {authority code or key of one of its pools: days more or fewer a period},
 "minimum": {quota key: visits}, "maximum": {quota key: visits or null},
 "weights": {name: number},
 "take": site}                                              what would it take to include it
"""

import copy
import math
from typing import Any

from django.utils.translation import gettext as _

from audit.errors import RuleViolation
from planning.models import Fixed
from planning.optimise.problem import Weights
from planning.services.inputs import pool_key, quota_key

KEYS = {"pin", "exclude", "free", "days", "minimum", "maximum", "weights", "take"}
MOST = 100  # single changes in one question


def check(frozen: dict[str, Any], change: dict[str, Any]) -> None:
    """Raise RuleViolation for what the frozen inputs do not know; names what and where."""
    if not change or set(change) - KEYS or sum(map(_size, change.values())) > MOST:
        raise RuleViolation(
            _("Say what is to be changed: at most %(most)s things.") % {"most": MOST}
        )
    sites = {site["id"] for site in frozen.get("sites", [])}
    named = [*change.get("pin", []), *change.get("exclude", []), *change.get("free", [])]
    if "take" in change:
        named.append(change["take"])
    if set(named) - sites:
        raise RuleViolation(
            _("That site was no candidate when the proposal was made."), field="site"
        )
    if len(set(named)) < len(named):
        raise RuleViolation(_("A site can be changed in one way only."), field="site")
    whose = {a["code"] for a in frozen.get("authorities", [])}
    whose |= {pool_key(pool) for pool in frozen.get("pools", [])}
    if set(change.get("days", {})) - whose:
        raise RuleViolation(_("That authority does not take part."), field="days")
    quotas = {quota_key(q) for q in frozen.get("quotas", [])}
    if (set(change.get("minimum", {})) | set(change.get("maximum", {}))) - quotas:
        raise RuleViolation(_("That quota is not set."), field="quota")
    _check_numbers(change)
    for quota in frozen.get("quotas", []):
        key = quota_key(quota)
        low = change.get("minimum", {}).get(key, quota["minimum"])
        high = change.get("maximum", {}).get(key, quota["maximum"])
        if high is not None and high < low:
            raise RuleViolation(_("The most lies below the least."), field="maximum")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 1


def _check_numbers(change: dict[str, Any]) -> None:
    weights = change.get("weights", {})
    if set(weights) - set(Weights.__dataclass_fields__):
        raise RuleViolation(_("That weight does not exist."), field="weights")
    numbers = [*weights.values(), *change.get("days", {}).values(),
               *change.get("minimum", {}).values(),
               *(v for v in change.get("maximum", {}).values() if v is not None)]  # fmt: skip
    if any(not isinstance(n, int | float) or not math.isfinite(n) for n in numbers):
        raise RuleViolation(_("Give a number."), field="days")
    if any(n < 0 for name in ("minimum", "maximum")
           for n in change.get(name, {}).values() if n is not None):  # fmt: skip
        raise RuleViolation(_("A quota is zero or more."), field="quota")
    if any(n < 0 for n in weights.values()):
        raise RuleViolation(_("A weight is zero or more."), field="weights")


def apply(frozen: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The inputs with the change; the given ones stay as they are. ``take`` changes nothing."""
    inputs = copy.deepcopy(frozen)
    by_id = {site["id"]: site for site in inputs["sites"]}
    for name, fixed in (("pin", Fixed.PINNED), ("exclude", Fixed.EXCLUDED), ("free", Fixed.FREE)):
        for site in change.get(name, []):
            by_id[site] |= {"fixed": str(fixed), "team": [], "week": ""}
    for whose, more in change.get("days", {}).items():
        _add_days([p for p in inputs["pools"] if whose in (p["authority"], pool_key(p))], more)
    for quota in inputs["quotas"]:
        key = quota_key(quota)
        for name in ("minimum", "maximum"):
            if key in change.get(name, {}):
                quota[name] = change[name][key]
    inputs["weights"] |= change.get("weights", {})
    return inputs


def _add_days(pools: list[dict[str, Any]], more: float) -> None:
    """Days more (or fewer) in every period, over all the pools together.

    More are spread evenly. Fewer are taken from each in proportion to what it has, so that the sum
    is what was asked as far as there are days.
    """
    for w in range(len(pools[0]["days"]) if pools else 0):
        # In hundredths of a day, as days are stored: what rounding leaves goes to the largest pools.
        had = [round(100 * pool["days"][w]) for pool in pools]
        change = max(round(100 * more), -sum(had))
        parts = [1] * len(pools) if change > 0 else had
        if not sum(parts):
            continue
        given = [int(change * part / sum(parts)) for part in parts]
        step = 1 if change > 0 else -1
        largest = sorted(range(len(pools)), key=lambda k: (-had[k], k))
        for k in largest[: abs(change - sum(given))]:
            given[k] += step
        for pool, days, extra in zip(pools, had, given, strict=True):
            pool["days"][w] = (days + extra) / 100
