"""Limits that what people selected does not keep, in words for whoever signs it.

The proposal keeps them all; a person may go past them, and those who sign should know. Reckoned by
the same arrays as the proposal, from what the reader may see.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from planning.answers import Names, days_words
from planning.candidates import Candidate, Chances, candidates
from planning.models import ChoiceState, Operation, TargetChoice
from planning.optimise.problem import Floats, Problem, Quota
from planning.services.inputs import freeze, problem_of
from planning.services.parts import choices_of

SLACK = 0.005  # days are said with two decimals


@dataclass(frozen=True)
class _Visit:
    site: int  # position in the problem
    team: tuple[int, ...]  # positions of authorities
    period: int  # -1: any


def overruns(operation: Operation) -> list[str]:
    """One sentence for each limit that the selected visits do not keep. Constant queries."""
    picked = [c for c in choices_of(operation) if c.state == ChoiceState.PICKED]
    if not picked:
        return []
    rows = candidates(operation, only=[choice.site_id for choice in picked])
    problem, names = problem_of(freeze(operation, rows=rows)), Names.of(operation)
    names.periods = list(problem.periods)
    chances = Chances(operation)
    code_of = {place.authority_id: place.authority.code for place in chances.places}
    of_visit = {code: chances.visit_days(pk) for pk, code in code_of.items()}
    days = np.array([of_visit[code] for code in problem.authorities])
    visits = _visits(problem, picked, code_of)
    return [
        *_pools(problem, days, visits, names), *_resources(problem, visits, names),
        *_quotas(problem, visits, names), *_firms(problem, visits, rows),
        *_joint(problem, visits),
    ]  # fmt: skip


def _visits(problem: Problem, picked: list[TargetChoice], code_of: dict[int, str]) -> list[_Visit]:
    """A team that nobody named takes nobody's days: whoever comes is still open."""
    at = {key: i for i, key in enumerate(problem.keys)}
    index = {code: a for a, code in enumerate(problem.authorities)}
    periods = {name: w for w, name in enumerate(problem.periods)}
    return [
        _Visit(
            at[str(choice.site.public_id)],
            tuple(index[code_of[pk]] for pk in choice.team if pk in code_of),
            periods.get(choice.week.isoformat(), -1) if choice.week else -1,
        )
        for choice in picked if str(choice.site.public_id) in at
    ]  # fmt: skip


def _pools(problem: Problem, days: Floats, visits: list[_Visit], names: Names) -> Iterator[str]:
    """Days of each pool in all, and in each week of those visits that have one."""
    used = np.zeros((len(problem.pools), len(problem.periods) + 1))
    for visit in visits:
        for a in visit.team:
            pool = problem.pool_of[a, problem.region[visit.site]]
            if pool >= 0:
                used[pool, -1] += days[a]
                used[pool, visit.period] += days[a] if visit.period >= 0 else 0
    has = np.hstack([problem.capacity, problem.capacity.sum(axis=1, keepdims=True)])
    for pool, w in np.argwhere(used > has + SLACK).tolist():
        whole = w == len(problem.periods)
        if not whole and len(problem.periods) == 1:
            continue  # the same as in all
        name = names.pool(problem.pools[pool])
        yield _("%(pool)s: %(used)s inspector-days of %(has)s.") % {
            "pool": name if whole else names.in_period(name, w),
            "used": days_words(float(used[pool, w])), "has": days_words(float(has[pool, w])),
        }  # fmt: skip


def _resources(problem: Problem, visits: list[_Visit], names: Names) -> Iterator[str]:
    for resource in problem.resources:
        used = round(sum(resource.need[visit.site] for visit in visits))
        has = round(resource.capacity.sum())
        if used > has:
            yield _("%(resource)s: needed on %(used)s visits, there for %(has)s.") % {
                "resource": names.resources.get(resource.key, resource.key),
                "used": used, "has": has,
            }  # fmt: skip


def _quotas(problem: Problem, visits: list[_Visit], names: Names) -> Iterator[str]:
    for quota in problem.quotas:
        count = _counted(quota, visits)
        words = {"quota": names.quota(quota.key), "count": count}
        if quota.maximum is not None and count > quota.maximum:
            yield _("%(quota)s: visits selected %(count)s, at most %(limit)s.") % (
                words | {"limit": quota.maximum}
            )
        if count < quota.minimum:
            yield _("%(quota)s: visits selected %(count)s, at least %(limit)s.") % (
                words | {"limit": quota.minimum}
            )


def _counted(quota: Quota, visits: list[_Visit]) -> int:
    sites = set(quota.sites.tolist())
    return sum(
        v.site in sites and (quota.authority is None or quota.authority in v.team) for v in visits
    )


def _firms(problem: Problem, visits: list[_Visit], rows: list[Candidate]) -> Iterator[str]:
    names = {str(row.site.public_id): row.site.company for row in rows}
    firms, counts = np.unique(problem.firm[[v.site for v in visits]], return_counts=True)
    for firm, count in zip(firms.tolist(), counts.tolist(), strict=True):
        if firm >= 0 and count > problem.most_per_firm:
            key = problem.keys[int(np.flatnonzero(problem.firm == firm)[0])]
            company = names[key]
            yield _("%(firm)s: visits selected %(count)s, at most %(limit)s.") % {
                "firm": company.name if company else "", "count": count,
                "limit": problem.most_per_firm,
            }  # fmt: skip


def _joint(problem: Problem, visits: list[_Visit]) -> Iterator[str]:
    """As the proposal counts: without what chance drew for one authority alone."""
    known = [visit for visit in visits if visit.team]
    single = sum(
        len(v.team) == 1 and problem.by_lot is not None and bool(problem.by_lot[v.site])
        for v in known
    )
    total, joint = len(known) - single, sum(len(visit.team) > 1 for visit in known)
    if total and joint < problem.joint_share * total - SLACK:
        yield _("Joint visits: %(joint)s of %(total)s, at least %(share)s %% of them.") % {
            "joint": joint, "total": total, "share": round(100 * problem.joint_share),
        }  # fmt: skip
