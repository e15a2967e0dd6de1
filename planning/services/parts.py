"""What is signed: the selection as a whole, and of it the part that touches one authority.

Both are plain data that hash the same every time. The seed of the draw is no part of it: it is
revealed by the last signature, and what was signed must not change by that.
"""

import hashlib
import json
from typing import Any

from audit.context import as_system
from authorities.models import Authority
from planning.deviations import deviations, plan_of
from planning.models import (
    Capacity,
    ChoiceState,
    Operation,
    Participation,
    ParticipationState,
    TargetChoice,
)
from planning.selectors import draw_of
from targets.selectors import sites_as_named


def choices_of(operation: Operation) -> list[TargetChoice]:
    return list(
        operation.choices.select_related("site__municipality", "decided_by", "decided_for", "run")
        .defer("run__inputs", "run__result", "run__prices")  # large, and once for every choice
        .order_by("rank", "pk")
    )


def selection_content(operation: Operation) -> dict[str, Any]:
    """What is signed, as data. Nine queries at most."""
    choices = choices_of(operation)
    named = sites_as_named(TargetChoice._meta.db_table, [c.pk for c in choices])
    codes = _codes(choices)
    plan, draw = plan_of(operation), draw_of(operation)
    off = {d.choice.pk: d.kinds for d in deviations(choices, plan)}
    return {
        "operation": operation.number,
        "round": operation.round,
        "legal_purpose": operation.legal_purpose,
        "run": plan and {
            "number": plan.number, "inputs": plan.inputs_hash, "solver": plan.solver,
            "value": plan.value, "bound": plan.bound, "gap": plan.gap,
        },
        "draw": draw and {"commitment": draw.commitment, "frame": draw.frame_hash},
        "choices": [
            {
                "site": str(named.get(c.pk, c.site).public_id),
                "name": named.get(c.pk, c.site).name, "state": c.state,
                "team": sorted(codes[pk] for pk in c.team),
                "week": c.week and c.week.isoformat(), "arm": c.arm, "probability": c.probability,
                "reason": c.reason, "code": c.code, "deviates": off.get(c.pk, []),
                "plan": c.run.number if c.run else None,
                "rank": c.rank, "points": "" if c.points is None else str(c.points),
                "decided_for": c.decided_for.code,
            }
            for c in choices
        ],
    }  # fmt: skip


def selection_hash(operation: Operation) -> str:
    """SHA-256 over the canonical JSON of what is signed: the whole, whoever asks."""
    with as_system("one selection has one hash"):
        return digest(selection_content(operation))


def part_contents(operation: Operation) -> dict[int, dict[str, Any]]:
    """Of what is signed, what touches each participant, by authority id. Five queries.

    Its visits with site, week and team, its inspector-days, and the legal purpose. A visit without
    team touches everybody, for nobody has said who stays away; one without week may be on any day
    of the inspection window, so the window belongs to it.
    """
    picked = list(
        operation.choices.filter(state=ChoiceState.PICKED).select_related("site").order_by("pk")
    )
    named = sites_as_named(TargetChoice._meta.db_table, [c.pk for c in picked])
    codes = _codes(picked)
    window = f"{operation.window_start}/{operation.window_end}"
    visits = [
        (c.team, {
            "site": str(named.get(c.pk, c.site).public_id),
            "week": c.week.isoformat() if c.week else window,
            "team": sorted(codes[pk] for pk in c.team),
        })
        for c in picked
    ]  # fmt: skip
    rows = list(Capacity.objects.filter(operation=operation).select_related("region", "unit"))
    places = operation.participations.filter(state=ParticipationState.ACCEPTED)
    return {
        place.authority_id: {
            "legal_purpose": operation.legal_purpose,
            "visits": sorted(
                (visit for team, visit in visits if not team or place.authority_id in team),
                key=lambda visit: str(visit["site"]),
            ),
            "days_a_week": str(place.inspector_days_per_week),
            "capacity": sorted(
                [_whose(row), str(row.week or ""), str(row.days)]
                for row in rows
                if row.authority_id == place.authority_id
            ),
        }
        for place in places
    }  # fmt: skip


def _whose(row: Capacity) -> str:
    """Of a region (code), of a unit ("@" and its code), or of all the rest (empty)."""
    if row.unit is not None:
        return f"@{row.unit.code}"
    return row.region.code if row.region else ""


def part_content(operation: Operation, authority: Authority) -> dict[str, Any]:
    """What touches one participant; see ``part_contents``."""
    return part_contents(operation)[authority.pk]


def part_hash(operation: Operation, authority: Authority) -> str:
    with as_system("a part of one selection has one hash"):
        return digest(part_content(operation, authority))


def digest(content: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of ``content``."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unsigned(operation: Operation) -> list[Participation]:
    """Participations that have not signed the present round."""
    return list(
        operation.participations.filter(state=ParticipationState.ACCEPTED)
        .exclude(signoffs__round=operation.round)
        .select_related("authority")
        .order_by("pk")
    )


def _codes(choices: list[TargetChoice]) -> dict[int, str]:
    ids = {pk for c in choices for pk in c.team}
    return dict(Authority.objects.filter(pk__in=ids).values_list("pk", "code")) if ids else {}
