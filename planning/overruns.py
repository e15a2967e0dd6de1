"""Limits that what people selected does not keep, in words for whoever signs it.

The proposal keeps them all; a person may go past them, and those who sign should know. Reckoned by
the same arrays as the proposal, from what the reader may see.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from audit.context import as_system
from planning.answers import Names, days_words
from planning.candidates import Candidate, candidates
from planning.models import ChoiceState, Operation
from planning.optimise.problem import Floats, Problem, Quota
from planning.services.inputs import freeze, problem_of

SLACK = 0.005  # days are said with two decimals


@dataclass(frozen=True)
class _Visit:
    site: int  # position in the problem
    team: tuple[int, ...]  # positions of authorities
    period: int  # -1: any


def overruns(operation: Operation) -> list[str]:
    """One sentence for each limit that the selected visits do not keep.

    Nothing to whoever is kept away from one of them: sums without it were wrong, and with it told.
    As many queries whatever is selected.
    """
    picked = operation.choices.filter(state=ChoiceState.PICKED)
    seen = list(picked.values_list("site_id", flat=True))
    with as_system("whether there is more than the reader sees, not what"):
        hidden = picked.count() > len(seen)
    if hidden or not seen:
        return []
    rows = candidates(operation, only=seen)
    problem, names = problem_of(freeze(operation, rows=rows)), Names.of(operation)
    names.periods = list(problem.periods)
    code_of = {authority.pk: authority.code for authority in rows[0].taking_part}
    of_visit = {code_of[pk]: days for pk, days in rows[0].days.items()}
    visits = _visits(problem, rows, code_of)
    return [
        *_pools(problem, [of_visit[code] for code in problem.authorities], visits, names),
        *_resources(problem, visits, names), *_quotas(problem, visits, names),
        *_firms(problem, visits, rows), *_joint(problem, visits),
    ]  # fmt: skip


def _visits(problem: Problem, rows: list[Candidate], code_of: dict[int, str]) -> list[_Visit]:
    """A team that nobody named takes nobody's days: whoever comes is still open."""
    at = {key: i for i, key in enumerate(problem.keys)}
    index = {code: a for a, code in enumerate(problem.authorities)}
    periods = {name: w for w, name in enumerate(problem.periods)}
    return [
        _Visit(
            at[str(row.site.public_id)],
            tuple(index[code_of[pk]] for pk in row.choice.team if pk in code_of),
            periods.get(row.choice.week.isoformat(), -1) if row.choice.week else -1,
        )
        for row in rows if row.choice is not None
    ]  # fmt: skip


def _pools(
    problem: Problem, days: list[float], visits: list[_Visit], names: Names
) -> Iterator[str]:
    used = np.zeros((len(problem.pools), len(problem.periods) + 1))
    for visit in visits:
        for a in visit.team:
            pool = problem.pool_of[a, problem.region[visit.site]]
            if pool >= 0:
                _take(used, pool, visit.period, days[a])
    for pool, w, took, has in _over(used, problem.capacity):
        name = names.pool(problem.pools[pool])
        yield _("%(pool)s: %(used)s inspector-days of %(has)s.") % {
            "pool": names.in_period(name, w) if w >= 0 else name,
            "used": days_words(took), "has": days_words(has),
        }  # fmt: skip


def _resources(problem: Problem, visits: list[_Visit], names: Names) -> Iterator[str]:
    used = np.zeros((len(problem.resources), len(problem.periods) + 1))
    for k, resource in enumerate(problem.resources):
        for visit in visits:
            _take(used, k, visit.period, resource.need[visit.site])
    capacity = np.array([resource.capacity for resource in problem.resources], float)
    for k, w, took, has in _over(used, capacity.reshape(len(used), len(problem.periods))):
        key = problem.resources[k].key
        name = names.resources.get(key, key)
        yield _("%(resource)s: needed on %(used)s visits, there for %(has)s.") % {
            "resource": names.in_period(name, w) if w >= 0 else name,
            "used": round(took), "has": round(has),
        }  # fmt: skip


def _take(used: Floats, row: int, period: int, amount: float) -> None:
    """In all (the last column), and in the week of a visit that has one."""
    used[row, -1] += amount
    if period >= 0:
        used[row, period] += amount


def _over(used: Floats, capacity: Floats) -> Iterator[tuple[int, int, float, float]]:
    """Row, period (-1: in all), what is used and what there is, where it is more."""
    has = np.hstack([capacity, capacity.sum(axis=1, keepdims=True)])
    periods = capacity.shape[1]
    for row, w in np.argwhere(used > has + SLACK).tolist():
        if w == periods:
            yield row, -1, float(used[row, w]), float(has[row, w])
        elif periods > 1:  # one period is the same as all
            yield row, w, float(used[row, w]), float(has[row, w])


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
    left_out = problem.single_by_lot
    single = sum(len(visit.team) == 1 and bool(left_out[visit.site]) for visit in known)
    total, joint = len(known) - single, sum(len(visit.team) > 1 for visit in known)
    if total and joint < problem.joint_share * total - SLACK:
        yield _("Joint visits: %(joint)s of %(total)s, at least %(share)s %% of them.") % {
            "joint": joint, "total": total, "share": round(100 * problem.joint_share),
        }  # fmt: skip
