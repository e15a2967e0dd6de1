"""What people set before the solver proposes: weights and rules, days, quotas, single candidates.

Weights, quotas and resources are the lead's; each authority says its own days; every participant's
coordinators may pin or exclude a candidate, with a reason that all read.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from audit.context import service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from authorities.models import Area, Authority, TermKind, Unit
from authorities.terms import label
from planning.candidates import Chances, candidates
from planning.models import (
    Capacity,
    DrawState,
    Fixed,
    Operation,
    OperationState,
    PresenceRule,
    SelectionQuota,
    SelectionResource,
    SelectionSettings,
    SiteTerms,
    TeamRule,
)
from planning.permissions import may_select
from planning.selectors import draw_of
from planning.services.common import check, check_state, lock
from planning.services.inputs import units_of
from planning.services.lottery import too_late
from planning.workdays import monday, weeks
from targets.models import Industry, Site

if TYPE_CHECKING:
    from authorities.actors import Actor

OF_SETTINGS = (
    "periods", "evidence", "burden", "wish", "coverage", "travel", "car_pool", "later", "penalty",
    "random_share", "no_draw", "joint_share", "most_per_firm", "min_people", "most_authorities",
)  # fmt: skip


def _lead(actor: "Actor", operation: Operation) -> Operation:
    operation = lock(operation)
    check(actor, "manage", operation)
    check_state(operation, OperationState.SELECTING)
    return operation


def _participant(actor: "Actor", operation: Operation) -> Operation:
    operation = lock(operation)
    if not may_select(actor, operation):
        raise NotAllowed(_("Coordinators of the participants do this."))
    check_state(operation, OperationState.SELECTING)
    return operation


@service
def save_settings(
    *, actor: "Actor", operation: Operation, version: int, **values: Any
) -> SelectionSettings:
    """Change weights and rules; ``version`` is that of the form that was shown (0 before the first)."""
    operation = _lead(actor, operation)
    row = SelectionSettings.objects.filter(operation=operation).first()
    if (row.version if row else 0) != version:
        raise Conflict(_("Somebody else changed this while you were writing."), code="version")
    row = row or SelectionSettings(operation=operation, version=0)
    values |= _share(operation, row, values)
    for name in OF_SETTINGS:
        if name in values:
            setattr(row, name, values[name])
    row.version, row.changed_by = version + 1, actor.user
    row.save()
    record(
        actor=actor, verb="criteria.settings", subject=operation, context=operation,
        data={name: str(values[name]) for name in OF_SETTINGS if name in values},
    )  # fmt: skip
    return row


def _share(operation: Operation, row: SelectionSettings, values: dict[str, Any]) -> dict[str, Any]:
    """The random share and, of a share of 0, why; RuleViolation where it may not be so (any more)."""
    share = values.get("random_share", row.random_share)
    reason = str(values.get("no_draw", row.no_draw)).strip()
    draw = draw_of(operation)
    if draw is not None and share != row.random_share:
        # A seed that is only committed can be given up: nobody knows what it would draw.
        open_to = {0, draw.share} if draw.state == DrawState.COMMITTED else set()
        if share not in open_to:
            raise RuleViolation(
                _("The random share of this operation has been drawn for already."),
                field="random_share",
            )
    if share and not row.random_share and too_late(operation):
        raise RuleViolation(
            _("Sites have been proposed or decided already: nothing can be drawn any more."),
            field="random_share",
        )
    if not share and not reason:
        raise RuleViolation(
            _("Say why nothing is drawn; it stands in the decision record."), field="no_draw"
        )
    return {"random_share": share, "no_draw": "" if share else reason}


@service
def set_days(
    *, actor: "Actor", operation: Operation, days: Decimal | None, region: Area | None = None,
    unit: Unit | None = None, week: dt.date | None = None,
) -> None:  # fmt: skip
    """Inspector-days a week of the own authority, in one week or every week.

    Of a region, of a unit for all regions that it serves, or of all that have none of their own.
    None: as before, by the next wider row or the answer to the invitation.
    """
    operation = _participant(actor, operation)
    if region is not None and not operation.regions.filter(pk=region.pk).exists():
        raise RuleViolation(_("That region is not part of this operation."), field="region")
    if unit is not None and days is not None:
        _check_unit(actor, operation, unit, region)
    if week is not None:
        week = monday(week)
        if week not in {w for w, _days in weeks(operation.window_start, operation.window_end)}:
            raise RuleViolation(_("That week lies outside the inspection window."), field="week")
    if days is not None and days < 0:
        raise RuleViolation(_("Days are zero or more."), field="days")
    where: dict[str, Any] = {
        "operation": operation, "authority": actor.authority, "region": region, "unit": unit,
        "week": week,
    }  # fmt: skip
    if days is None:
        Capacity.objects.filter(**where).delete()
    else:
        Capacity.objects.update_or_create(
            **where, defaults={"days": days, "changed_by": actor.user}
        )
    record(
        actor=actor, verb="criteria.days", subject=operation, context=operation,
        data={"authority": actor.authority.short, "days": "" if days is None else str(days)},
    )  # fmt: skip


def _check_unit(actor: "Actor", operation: Operation, unit: Unit, region: Area | None) -> None:
    """RuleViolation where a unit cannot have days of its own in the operation."""
    if region is not None:
        raise RuleViolation(_("Choose a region or a unit, not both."), field="unit")
    if unit.authority_id != actor.authority.pk:
        raise RuleViolation(_("Choose a unit of your own authority."), field="unit")
    rows = Capacity.objects.filter(operation=operation, authority=actor.authority)
    others = set(rows.filter(unit__isnull=False).values_list("unit_id", flat=True)) - {unit.pk}
    served = units_of(operation, {unit.pk, *others})
    if not served[unit.pk]:
        raise RuleViolation(
            _("%(unit)s serves no region of this operation.") % {"unit": unit.name}, field="unit"
        )
    for other in Unit.objects.filter(pk__in=others).order_by("code"):
        both = served[unit.pk] & served[other.pk]
        if both:
            names = ", ".join(a.name for a in Area.objects.filter(pk__in=both).order_by("code"))
            raise RuleViolation(
                _("%(unit)s has days already and serves the same: %(regions)s.")
                % {"unit": other.name, "regions": names}, field="unit",
            )  # fmt: skip


@service
def set_quota(
    *, actor: "Actor", operation: Operation, region: Area | None = None,
    industry: Industry | None = None, authority: Authority | None = None, minimum: int = 0,
    maximum: int | None = None, hard: bool = False,
) -> SelectionQuota:  # fmt: skip
    """Set a quota, or change the one of the same region, industry and authority."""
    operation = _lead(actor, operation)
    if region is None and industry is None and authority is None:
        raise RuleViolation(_("Choose a region, an industry or an authority."), field="region")
    if maximum is not None and maximum < minimum:
        raise RuleViolation(_("The most lies below the least."), field="maximum")
    if not minimum and maximum is None:
        raise RuleViolation(_("Give at least how many or at most how many."), field="minimum")
    row, _new = SelectionQuota.objects.update_or_create(
        operation=operation, region=region, industry=industry, authority=authority,
        defaults={"minimum": minimum, "maximum": maximum, "hard": hard},
    )  # fmt: skip
    record(actor=actor, verb="criteria.quota", subject=operation, context=operation, data={})
    return row


@service
def remove_quota(*, actor: "Actor", quota: SelectionQuota) -> None:
    operation = _lead(actor, quota.operation)
    SelectionQuota.objects.filter(pk=quota.pk).delete()
    record(actor=actor, verb="criteria.quota", subject=operation, context=operation, data={})


@service
def set_team_rule(
    *, actor: "Actor", operation: Operation, authority: Authority, needs: Authority
) -> TeamRule:
    """From the next proposal on ``authority`` goes on a visit only together with ``needs``."""
    operation = _lead(actor, operation)
    taking = set(operation.participations.accepted().values_list("authority_id", flat=True))
    if {authority.pk, needs.pk} - taking:
        raise RuleViolation(_("Choose authorities that take part."), field="authority")
    if authority.pk == needs.pk:
        raise RuleViolation(_("Choose two authorities."), field="needs")
    row, new = TeamRule.objects.get_or_create(operation=operation, authority=authority, needs=needs)
    if new:
        record(
            actor=actor, verb="criteria.team_rule", subject=operation, context=operation,
            data={"authority": authority.short, "needs": needs.short},
        )  # fmt: skip
    return row


@service
def remove_team_rule(*, actor: "Actor", rule: TeamRule) -> None:
    operation = _lead(actor, rule.operation)
    if TeamRule.objects.filter(pk=rule.pk).delete()[0]:
        record(
            actor=actor, verb="criteria.team_rule_removed", subject=operation, context=operation,
            data={"authority": rule.authority.short, "needs": rule.needs.short},
        )  # fmt: skip


@service
def set_presence_rule(
    *, actor: "Actor", operation: Operation, kind: str, authority: Authority
) -> PresenceRule:
    """From the next proposal on ``authority`` comes on every visit to a ``kind`` of place (code)."""
    operation = _lead(actor, operation)
    if not operation.participations.accepted().filter(authority=authority).exists():
        raise RuleViolation(_("Choose an authority that takes part."), field="authority")
    words = {"authority": authority.short, "kind": label(TermKind.PREMISES, kind)}
    able, _enter, _opening = Chances(operation).powers(kind)
    if authority.pk not in able:
        raise RuleViolation(
            _("%(authority)s has no competence at this kind of place (%(kind)s): nothing there "
              "could be visited.") % words, field="authority",
        )  # fmt: skip
    row, new = PresenceRule.objects.get_or_create(
        operation=operation, kind=kind, authority=authority
    )
    if new:
        record(
            actor=actor, verb="criteria.presence_rule", subject=operation, context=operation,
            data=words,
        )  # fmt: skip
    return row


@service
def remove_presence_rule(*, actor: "Actor", rule: PresenceRule) -> None:
    operation = _lead(actor, rule.operation)
    if PresenceRule.objects.filter(pk=rule.pk).delete()[0]:
        record(
            actor=actor, verb="criteria.presence_rule_removed", subject=operation,
            context=operation,
            data={"authority": rule.authority.short, "kind": label(TermKind.PREMISES, rule.kind)},
        )  # fmt: skip


@service
def set_resource(
    *, actor: "Actor", operation: Operation, kind: str, name: str, per_week: int
) -> SelectionResource:
    """So many visits a week can be served with an interpreter or a vehicle."""
    operation = _lead(actor, operation)
    if not name.strip():
        raise RuleViolation(_("Give the language or the kind of vehicle."), field="name")
    row, _new = SelectionResource.objects.update_or_create(
        operation=operation, kind=kind, name=name.strip(), defaults={"per_week": per_week}
    )
    record(actor=actor, verb="criteria.resource", subject=operation, context=operation, data={})
    return row


@service
def remove_resource(*, actor: "Actor", resource: SelectionResource) -> None:
    operation = _lead(actor, resource.operation)
    SelectionResource.objects.filter(pk=resource.pk).delete()
    record(actor=actor, verb="criteria.resource", subject=operation, context=operation, data={})


@service
def set_terms(
    *, actor: "Actor", operation: Operation, site: Site, version: int, fixed: str = Fixed.FREE,
    reason: str = "", team: Iterable[int] = (), week: dt.date | None = None,
    needs: Iterable[SelectionResource] = (),
) -> SiteTerms:  # fmt: skip
    """Pin or exclude a candidate, or say what a visit needs; the proposal keeps to it.

    ``team``: authority ids, of a pinned one; empty: whichever is best. ``version``: of the form that
    was shown (0 before the first).
    """
    operation = _participant(actor, operation)
    if not candidates(operation, only=[site.pk]):
        raise RuleViolation(
            _("%(site)s is not a candidate of this operation.") % {"site": site.name}, field="site"
        )
    row = SiteTerms.objects.filter(operation=operation, site=site).first()
    if (row.version if row else 0) != version:
        raise Conflict(_("Somebody else changed this while you were writing."), code="version")
    if fixed != Fixed.FREE and not reason.strip():
        raise RuleViolation(_("Say why; every participant reads it."), field="reason")
    team = sorted(set(team)) if fixed == Fixed.PINNED else []
    taking = set(operation.participations.accepted().values_list("authority_id", flat=True))
    if set(team) - taking:
        raise RuleViolation(_("Choose authorities that take part."), field="team")
    row = row or SiteTerms(operation=operation, site=site, version=0)
    row.fixed, row.reason, row.team = fixed, reason.strip(), team
    row.week = monday(week) if week and fixed == Fixed.PINNED else None
    row.version, row.set_by, row.set_for = version + 1, actor.user, actor.authority
    row.save()
    row.needs.set([r for r in needs if r.operation_id == operation.pk])
    record(
        actor=actor, verb=f"criteria.{fixed}", subject=row, context=operation,
        data={"site": site.name, "reason": reason.strip()},
    )  # fmt: skip
    return row
