"""Writing risk models: drafts, what makes their numbers, copies, use and retirement."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.context import as_system, service
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record
from risk import bins as bins_of
from risk import permissions, states
from risk.models import (
    IndicatorState,
    IndicatorVersion,
    ModelIndicator,
    ModelKind,
    ModelState,
    ModelVersion,
    ReportKind,
    ReportState,
    RiskModel,
    Visibility,
)
from targets.models import VisitOutcome
from worklist.services import finish_tasks

if TYPE_CHECKING:
    from authorities.actors import Actor

MOST_INDICATORS = 60


@dataclass(frozen=True)
class Part:
    """An indicator in a draft; ``bins`` empty and ``missing_points`` None: the indicator's own."""

    indicator: IndicatorVersion
    bins: list[dict[str, Any]] = field(default_factory=list)
    missing_points: int | None = None


@service
def create_model(
    *, actor: "Actor", name_fi: str, outcomes: Sequence[str], name_sv: str = "", name_en: str = "",
    joint: bool = True, severity: Decimal = Decimal(1), visit_days: Decimal = Decimal(1),
    kind: str = ModelKind.POINTS,
) -> ModelVersion:  # fmt: skip
    """A model of the actor's authority with an empty first draft.

    ``outcomes``: results of visits that count as found. ``severity``: weight of one finding;
    ``visit_days``: inspector-days of a visit. These make the numbers too and are never changed.
    """
    if not permissions.may_draft(actor, actor.authority.pk):
        raise NotAllowed(_("Models are written by analysts."))
    allowed = set(VisitOutcome.values) - {VisitOutcome.NO_REMARKS, VisitOutcome.NOT_POSSIBLE}
    if not outcomes or not set(outcomes) <= allowed:
        raise RuleViolation(_("Choose which results count as found."), field="outcomes")
    if severity <= 0 or visit_days <= 0:
        raise RuleViolation(_("Weight and days have to be more than nothing."), field="severity")
    model = RiskModel(
        authority=actor.authority, joint=joint, name_fi=name_fi, name_sv=name_sv, name_en=name_en,
        outcomes=sorted(outcomes), severity=severity, visit_days=visit_days,
    )  # fmt: skip
    # As with indicators: a refusal must not tell which codes others have.
    model.code = f"{slugify(name_en or name_fi)[:50] or 'model'}-{model.public_id.hex[:8]}"
    model.save()
    version = ModelVersion.objects.create(
        model=model, number=1, kind=kind, created_by=actor.user, writers=[actor.user.pk]
    )
    _record(actor, version, "drafted")
    return version


@service
def change_model(
    *, actor: "Actor", version: ModelVersion, shown: int, parts: Sequence[Part],
    kind: str | None = None, note: str | None = None,
) -> ModelVersion:  # fmt: skip
    """Replace the indicators of a draft; ``shown`` is the edit counter of the page filled in.

    Raises NotAllowed, Conflict when it was changed meanwhile or a test of it is under way, and
    RuleViolation for indicators and points that may not be in it.
    """
    version = _writable(actor, version)
    if version.edits != shown:
        raise Conflict(_("Somebody has changed this draft since you opened it. Read it again."))
    _check_parts(actor, version.model, parts)
    version.indicators.all().delete()
    ModelIndicator.objects.bulk_create(
        ModelIndicator(
            version=version, indicator=part.indicator, place=place, bins=part.bins,
            missing_points=part.missing_points,
        )
        for place, part in enumerate(parts)
    )  # fmt: skip
    version.kind = kind or version.kind
    version.note = version.note if note is None else note
    # Whatever was learnt or hashed was of another content.
    version.params, version.content_hash = {}, ""
    version.trained_to, version.trained_on = None, 0
    version.edits += 1
    version.writers = sorted({*version.writers, actor.user.pk})
    version.save()
    _record(actor, version, "changed")
    return version


def _check_parts(actor: "Actor", model: RiskModel, parts: Sequence[Part]) -> None:
    if len(parts) > MOST_INDICATORS:
        raise RuleViolation(
            _("A model has at most %(count)s indicators.") % {"count": MOST_INDICATORS}
        )
    wanted = [part.indicator.pk for part in parts]
    seen = {
        row.pk: row
        for row in IndicatorVersion.objects.visible_to(actor)
        .filter(pk__in=wanted)
        .select_related("indicator")
    }
    if len(set(wanted)) != len(wanted):
        raise RuleViolation(_("An indicator can be in a model once."))
    for part in parts:
        row = seen.get(part.indicator.pk)
        if row is None or row.state == IndicatorState.DRAFT:
            raise RuleViolation(_("Only published indicators can be in a model."))
        name = {"name": row.name}
        if row.state == IndicatorState.RETIRED:
            raise RuleViolation(_("%(name)s is retired. Take it out or take its successor.") % name)
        if row.indicator.authority_id not in (None, model.authority_id):
            raise RuleViolation(
                _("%(name)s is another authority's; a model uses its own and shared ones.") % name
            )
        if model.joint and row.visibility == Visibility.SEALED:
            raise RuleViolation(
                _("%(name)s is sealed: it can never be in a model whose numbers others see.") % name
            )
        if part.bins:
            found = bins_of.problems(part.bins, row.direction)
            if bins_of.is_texts(part.bins) != bins_of.is_texts(row.bins):
                found = [_("Points have to be given in the form of the indicator.")]
            if found:
                raise RuleViolation(f"{row.name}: {found[0]}")


@service
def copy_model(*, actor: "Actor", version: ModelVersion) -> ModelVersion:
    """A new draft with the same content; an open draft of the model is returned instead.

    Indicators that have a newer published version come in that one; retired ones stay out.
    """
    model = RiskModel.objects.select_for_update().get(pk=version.model_id)
    if not permissions.may_write_model(actor, model):
        raise NotAllowed(_("Versions of a model are written by analysts of its authority."))
    waiting = model.versions.filter(state=ModelState.DRAFT).order_by("-number").first()
    if waiting is not None:
        return waiting
    draft = new_draft(
        version, created_by=actor.user, writers=[actor.user.pk],
        note=_("From version %(number)s") % {"number": version.number},
    )  # fmt: skip
    _record(actor, draft, "drafted")
    return draft


def new_draft(version: ModelVersion, **values: Any) -> ModelVersion:
    """A draft with the content of ``version``, its model locked; without a writer the system's."""
    versions = ModelVersion.objects.filter(model=version.model_id).order_by("-number")
    number = versions.values_list("number", flat=True)[0] + 1
    draft = ModelVersion.objects.create(
        model_id=version.model_id, number=number, kind=version.kind, **values
    )
    _copy_parts(version, draft)
    return draft


def _copy_parts(version: ModelVersion, draft: ModelVersion) -> None:
    parts = list(version.indicators.select_related("indicator").order_by("place"))
    newest = {
        row.indicator_id: row
        for row in IndicatorVersion.objects.filter(
            indicator_id__in=[p.indicator.indicator_id for p in parts],
            state=IndicatorState.PUBLISHED,
        )
    }
    place = 0
    for part in parts:
        row = newest.get(part.indicator.indicator_id)
        if row is None:
            continue
        same = row.pk == part.indicator_id
        fits = bins_of.is_texts(part.bins) == bins_of.is_texts(row.bins) and not bins_of.problems(
            part.bins, row.direction
        )
        ModelIndicator.objects.create(
            version=draft, indicator=row, place=place,
            bins=part.bins if same or fits else [],
            missing_points=part.missing_points if same else None,
        )  # fmt: skip
        place += 1


@service
def drop_model_draft(*, actor: "Actor", version: ModelVersion) -> None:
    """Give up a draft; a model that has no other version goes with it."""
    version = _writable(actor, version)
    _record(actor, version, "dropped")
    finish_tasks(actor=None, subject=version, cancelled=True)
    model = version.model
    version.reports.all().delete()
    version.delete()
    if not model.versions.exists():
        model.delete()


def content(version: ModelVersion) -> dict[str, Any]:
    """Everything that makes the numbers of a version, in a canonical order. Two queries."""
    model = version.model
    parts = version.indicators.select_related("indicator__indicator").order_by("place")
    return {
        "model": model.code,
        "number": version.number,
        "kind": version.kind,
        "outcomes": sorted(model.outcomes),
        "severity": str(Decimal(model.severity).normalize()),
        "visit_days": str(Decimal(model.visit_days).normalize()),
        "indicators": [_part_content(part) for part in parts],
        "params": version.params,
        "trained_to": version.trained_to.isoformat() if version.trained_to else None,
        "trained_on": version.trained_on,
    }


def _part_content(part: ModelIndicator) -> dict[str, Any]:
    row = part.indicator
    return {
        "indicator": row.indicator.code,
        "number": row.number,
        "source": row.source,
        "definition": row.definition,
        "direction": row.direction,
        "bins": part.bins or row.bins,
        "missing": row.missing,
        "missing_points": (
            row.missing_points if part.missing_points is None else part.missing_points
        ),
        "half_life_days": row.half_life_days,
        "cap": row.cap,
    }


def content_hash(version: ModelVersion) -> str:
    """SHA-256 (hex) over the canonical JSON of ``content``: sorted keys, no spaces, UTF-8."""
    text = json.dumps(
        content(version), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


def take_points(version: ModelVersion, learnt: dict[int, tuple[list[int], int]]) -> None:
    """Write learnt points into the indicators of a draft: place → (points by bin, if missing)."""
    for part in version.indicators.select_related("indicator"):
        if part.place in learnt:
            points, missing = learnt[part.place]
            lines = part.bins or part.indicator.bins
            part.bins = [
                line | {"points": value} for line, value in zip(lines, points, strict=True)
            ]
            part.missing_points = missing
            part.save(update_fields=["bins", "missing_points"])


def freeze(version: ModelVersion) -> str:
    """Write the hash of a draft that is about to be tested, in the caller's transaction."""
    if version.state != ModelState.DRAFT:
        return version.content_hash
    version.content_hash = content_hash(version)
    version.save(update_fields=["content_hash"])
    return version.content_hash


@service
def activate_model(*, actor: "Actor", version: ModelVersion) -> ModelVersion:
    """Put an approved version to use; the version used so far is retired in the same moment.

    Raises NotAllowed, Conflict (not approved, or no longer, or an audit is under way), RuleViolation when
    its content is not what was approved or the newest audit has not passed it.
    """
    from risk.services import method

    version = locked(version)
    if not permissions.may_activate(actor, version):
        raise NotAllowed(_("A model is put to use by a manager of its authority."))
    state = follow(version, "activate")
    refuse_unaudited(version)
    given = version.approvals.filter(content_hash=version.content_hash).count()
    if content_hash(version) != version.content_hash or given < permissions.approvals_needed(
        version.model
    ):
        raise RuleViolation(_("What was approved is not what this version holds."))
    former = version.model.versions.filter(state=ModelState.ACTIVE).first()
    if former is not None:
        _end(former, "follow")
    version.state, version.activated_at = state, timezone.now()
    try:
        with transaction.atomic():
            version.save(update_fields=["state", "activated_at"])
    except IntegrityError:
        raise Conflict(_("Another version has just been put to use. Look at it again.")) from None
    _record(actor, version, "activated", former=former.number if former else None)
    if version.model.joint:
        method.publish(version)
    return version


def refuse_unaudited(version: ModelVersion) -> None:
    """Refuse to go on with a version while it is audited, or when its newest audit did not pass it.

    An audit may be asked for again after the one that let it be approved: what it finds counts.
    """
    audits = version.reports.filter(kind=ReportKind.AUDIT)
    if audits.filter(state__in=[ReportState.WAITING, ReportState.RUNNING]).exists():
        raise Conflict(_("A bias audit of this version is under way. Wait for its end."))
    newest = (
        audits.filter(state__in=[ReportState.DONE, ReportState.FAILED])
        .order_by("-created_at", "-pk").first()
    )  # fmt: skip
    if newest is None or newest.passed:
        return
    if newest.state == ReportState.FAILED:
        raise RuleViolation(_("The newest bias audit of this version failed. Run it again first."))
    raise RuleViolation(_("The newest bias audit stopped this version. Mend it in a new version."))


@service
def retire_model(*, actor: "Actor", version: ModelVersion, reason: str) -> ModelVersion:
    """Take a version out of use, or close one that will never be used; with a reason."""
    from risk.services import method

    version = locked(version)
    if not permissions.may_retire(actor, version):
        raise NotAllowed(_("A model is taken out of use by a manager of its authority."))
    if not reason.strip():
        raise RuleViolation(_("Say why."), field="reason")
    was_active = version.state == ModelState.ACTIVE
    _end(version, "retire")
    _record(actor, version, "retired", reason=reason.strip())
    if was_active and version.model.joint:
        method.publish(version)
    return version


def _end(version: ModelVersion, what: str) -> None:
    version.state = follow(version, what)
    version.retired_at = timezone.now()
    version.save(update_fields=["state", "retired_at"])


def locked(version: ModelVersion) -> ModelVersion:
    """The version as it is now, with its model locked for the rest of the transaction.

    As the system: whoever may approve has to lock it, also of another authority, which the wall
    lets nobody write. What is found is shown to those only who see the model anyway.
    """
    with as_system("an approval of another authority needs the lock too"):
        RiskModel.objects.select_for_update().get(pk=version.model_id)
        return ModelVersion.objects.select_related("model__authority").get(pk=version.pk)


def follow(version: ModelVersion, what: str) -> str:
    """The state after ``what``; Conflict when the version has moved on."""
    return states.step(states.MODEL, version, what)


def _writable(actor: "Actor", version: ModelVersion) -> ModelVersion:
    version = locked(version)
    if not permissions.may_write_model(actor, version.model):
        raise NotAllowed(_("Versions of a model are written by analysts of its authority."))
    if version.state != ModelState.DRAFT:
        raise Conflict(_("A tested version is never changed. Make a new version of it."))
    if version.reports.filter(state__in=[ReportState.WAITING, ReportState.RUNNING]).exists():
        raise Conflict(_("It is being tested now. Wait for the end or cancel the test."))
    return version


def _record(actor: "Actor | None", version: ModelVersion, what: str, **data: Any) -> None:
    model = version.model
    record(
        actor=actor, verb=f"risk_model.{what}", subject=version, context=model,
        data={"model": model.name_fi, "number": version.number} | data,
        audience=None if model.joint else [model.authority_id],
    )  # fmt: skip


note = _record
