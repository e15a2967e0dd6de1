"""Every limit of a plan recomputed from the problem alone; shares no code with the solver.

Plain loops, written for reading beside ``problem.py``. The service runs it before a plan is stored.
"""

from collections import defaultdict

import numpy as np

from planning.optimise.problem import EXCLUDED, PINNED, Plan, Problem

# Days, units and worth: what sums of a few thousand numbers may differ by.
SLACK = 1e-6


def members(team: int, authorities: int) -> list[int]:
    return [a for a in range(authorities) if (team >> a) & 1]


def value_of(problem: Problem, site: int, team: int, period: int) -> float:
    """Worth of one visit by the formula of ``Weights``, less what its period takes off."""
    w = problem.weights
    who = members(team, len(problem.authorities))
    worth = sum(problem.severity[a] * problem.p[site, a] for a in who)
    worth += w.wish * sum(problem.wishes[site, a] for a in who)
    none = float(np.prod([1 - problem.p[site, a] for a in who]))
    worth += w.evidence * (len(who) - 1) * (1 - none)
    worth += w.burden * (len(who) - 1)
    worth += w.coverage * problem.unseen[site]
    worth -= w.travel * problem.travel[site] * (len(who) - w.car_pool * (len(who) - 1))
    return float(worth * (1 - w.later * period))


def shortfalls(problem: Problem, plan: Plan) -> list[int]:
    """Visits lacking of every quota's minimum."""
    return [
        max(0, q.minimum - n) for q, n in zip(problem.quotas, _counts(problem, plan), strict=True)
    ]


def plan_value(problem: Problem, plan: Plan) -> float:
    """Worth of all visits less the penalties of soft minimums."""
    worth = sum(value_of(problem, i, t, w) for i, t, w in _visits(plan))
    for quota, lacking in zip(problem.quotas, shortfalls(problem, plan), strict=True):
        if not quota.hard:
            worth -= quota.penalty * lacking
    return worth


def violations(problem: Problem, plan: Plan) -> list[str]:
    """What the plan breaks, in words; an empty list is a plan that may be stored."""
    found = _shape(problem, plan)
    if found:
        return found
    for i, team, w in _visits(plan):
        found += [f"{problem.keys[i]}: {what}" for what in _visit(problem, i, team, w)]
    found += _pins(problem, plan)
    found += _capacity(problem, plan)
    found += _firms(problem, plan)
    found += _quotas(problem, plan)
    found += _resources(problem, plan)
    found += _joint(problem, plan)
    found += _numbers(problem, plan)
    return found


def _visits(plan: Plan) -> list[tuple[int, int, int]]:
    return [
        (int(i), int(t), int(w)) for i, t, w in zip(plan.site, plan.team, plan.period, strict=True)
    ]


def _shape(problem: Problem, plan: Plan) -> list[str]:
    if not len(plan.site) == len(plan.team) == len(plan.period):
        return ["the plan's columns have different lengths"]
    found = []
    if len(set(plan.site.tolist())) != len(plan.site):
        found.append("a site is visited twice")
    if plan.site.tolist() != sorted(plan.site.tolist()):
        found.append("sites do not ascend")
    if any(not 0 <= i < len(problem.keys) for i in plan.site):
        found.append("a site is unknown")
    if any(not 0 < t < 1 << len(problem.authorities) for t in plan.team):
        found.append("a team is empty or holds an unknown authority")
    if any(not 0 <= w < len(problem.periods) for w in plan.period):
        found.append("a period is unknown")
    return found


def _visit(problem: Problem, i: int, team: int, w: int) -> list[str]:
    """Rules about one visit."""
    found = []
    who = members(team, len(problem.authorities))
    if problem.fixed[i] == EXCLUDED:
        found.append("excluded")
    if not problem.allowed[i, w]:
        found.append(f"not open in {problem.periods[w]}")
    for a in who:
        if not problem.able[i, a]:
            found.append(f"{problem.authorities[a]} may not come")
        if problem.pool_of[a, problem.region[i]] < 0:
            found.append(f"{problem.authorities[a]} has no pool there")
    if problem.needs_entry[i] and not any(problem.entry[i, a] for a in who):
        found.append("nobody may enter by right")
    for a in members(int(problem.required[i]), len(problem.authorities)):
        if a not in who:
            found.append(f"{problem.authorities[a]} is required")
    for first, second in problem.implied:
        if team & first == first and team & second != second:
            found.append("a team rule is broken")
    if not problem.fixed_team[i] and len(who) > problem.most_authorities:
        found.append("too many authorities")
    people = sum(2 if problem.people is None else int(problem.people[a]) for a in who)
    if people < problem.min_people:
        found.append("too few people")
    return found


def _pins(problem: Problem, plan: Plan) -> list[str]:
    planned = {i: (team, w) for i, team, w in _visits(plan)}
    found = []
    for i in np.flatnonzero(problem.fixed == PINNED).tolist():
        team, w = planned.get(i, (0, -1))
        if not team:
            found.append(f"{problem.keys[i]}: pinned, not visited")
        elif problem.fixed_team[i] and team != problem.fixed_team[i]:
            found.append(f"{problem.keys[i]}: pinned with another team")
        elif problem.fixed_period[i] >= 0 and w != problem.fixed_period[i]:
            found.append(f"{problem.keys[i]}: pinned in another period")
    return found


def _capacity(problem: Problem, plan: Plan) -> list[str]:
    used: dict[tuple[int, int], float] = defaultdict(float)
    for i, team, w in _visits(plan):
        for a in members(team, len(problem.authorities)):
            used[int(problem.pool_of[a, problem.region[i]]), w] += float(problem.days[i, a])
    return [
        f"{problem.pools[q]}: {days:g} days of {problem.capacity[q, w]:g} in {problem.periods[w]}"
        for (q, w), days in sorted(used.items())
        if days > problem.capacity[q, w] + SLACK
    ]


def _firms(problem: Problem, plan: Plan) -> list[str]:
    visits: dict[int, int] = defaultdict(int)
    for i in plan.site.tolist():
        if problem.firm[i] >= 0:
            visits[int(problem.firm[i])] += 1
    return [
        f"firm {firm}: {count} visits of at most {problem.most_per_firm}"
        for firm, count in sorted(visits.items())
        if count > problem.most_per_firm
    ]


def _counts(problem: Problem, plan: Plan) -> list[int]:
    """Visits that count for each quota."""
    out = []
    for quota in problem.quotas:
        inside = set(quota.sites.tolist())
        out.append(
            sum(
                i in inside and (quota.authority is None or bool((team >> quota.authority) & 1))
                for i, team, _ in _visits(plan)
            )
        )
    return out


def _quotas(problem: Problem, plan: Plan) -> list[str]:
    found = []
    for k, count in enumerate(_counts(problem, plan)):
        quota = problem.quotas[k]
        if quota.maximum is not None and count > quota.maximum:
            found.append(f"{quota.key}: {count} visits of at most {quota.maximum}")
        if quota.hard and count < quota.minimum:
            found.append(f"{quota.key}: {count} visits of at least {quota.minimum}")
        if plan.shortfall[k] != max(0, quota.minimum - count):
            found.append(f"{quota.key}: lacking {plan.shortfall[k]} is stated wrongly")
    return found


def _resources(problem: Problem, plan: Plan) -> list[str]:
    found = []
    for resource in problem.resources:
        used = np.zeros(len(problem.periods))
        for i, _, w in _visits(plan):
            used[w] += resource.need[i]
        for w in np.flatnonzero(used > resource.capacity + SLACK).tolist():
            found.append(
                f"{resource.key}: {used[w]:g} of {resource.capacity[w]:g} in {problem.periods[w]}"
            )
    return found


def _joint(problem: Problem, plan: Plan) -> list[str]:
    total = len(plan.site) - problem.alone_by_lot
    joint = sum(len(members(t, len(problem.authorities))) >= 2 for _, t, _ in _visits(plan))
    if joint < problem.joint_share * total - SLACK:
        return [f"joint: {joint} of {total} visits, at least {problem.joint_share:g} of all"]
    return []


def _numbers(problem: Problem, plan: Plan) -> list[str]:
    """The stated worth is the plan's, and the bound is not below it."""
    found = []
    worth = plan_value(problem, plan)
    if abs(worth - plan.value) > SLACK * max(1.0, abs(worth)):
        found.append(f"value is {worth:.6f}, stated {plan.value:.6f}")
    if plan.bound < plan.value:
        found.append("the bound is below the value")
    if (plan.prices < 0).any() or (plan.resource_prices < 0).any() or plan.joint_price < 0:
        found.append("a price is negative")
    return found
