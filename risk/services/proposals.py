"""A version in use that has fallen behind is trained anew by the system, as a draft for people.

Nothing here approves or activates. Each step is one transaction that finds out what is due from
rows, so it may be killed and repeated: a set of results makes one proposal of a version.
"""

import datetime as dt
import logging

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from audit.context import as_system
from audit.errors import Conflict, RuleViolation
from authorities.models import Membership, Role, Unit
from risk.learning.metrics import STOP
from risk.models import ModelState, ModelVersion, Proposal, Report, ReportKind, ReportState
from risk.services import models, reports
from risk.services.reports import OPEN
from targets.models import PastVisit
from worklist.services import ensure_task

logger = logging.getLogger(__name__)


def sweep() -> None:
    """Look at drift, propose what is due, and tell of proposals whose test has ended."""
    with transaction.atomic(), as_system("a sweep looks at every model in use"):
        bases = list(ModelVersion.objects.filter(state=ModelState.ACTIVE).order_by("pk"))
        untold = list(Proposal.objects.filter(told_at=None).order_by("pk"))
    for base in bases:
        look_at_drift(base)
        propose(base)
    for proposal in untold:
        tell(proposal)


def look_at_drift(base: ModelVersion) -> Report | None:
    """Ask for a look at drift when the last one is older than ``RISK_DRIFT_DAYS``."""
    since = timezone.now() - dt.timedelta(days=settings.RISK_DRIFT_DAYS)
    with transaction.atomic(), as_system("a sweep looks at every model in use"):
        looked = base.reports.filter(kind=ReportKind.DRIFT, created_at__gte=since)
        if looked.exists():
            return None
        try:
            report = reports.new_report(actor=None, version=base, kind=ReportKind.DRIFT)
        except (Conflict, RuleViolation):
            return None  # no longer in use, or without indicators
        reports.send(report)
        return report


def propose(base: ModelVersion) -> Proposal | None:
    """A draft of the same content and its test beside ``base``, when that is due and nobody writes.

    The model's row is locked: of sweeps at once one proposes.
    """
    with transaction.atomic(), as_system("the installation proposes; people decide"):
        base = models.locked(base)
        drafts = base.model.versions.filter(state=ModelState.DRAFT)
        if base.state != ModelState.ACTIVE or drafts.exists():
            return None
        found = due(base)
        if found is None:
            return None
        draft = models.new_draft(base)
        try:
            with transaction.atomic():
                report = reports.new_report(
                    actor=None, version=draft, kind=ReportKind.BACKTEST, trial=True, base=base.pk
                )
        except RuleViolation:
            # Every indicator is retired: there is nothing to train.
            draft.delete()
            return None
        found.version = draft
        found.save()
        models.note(None, draft, "proposed", new=found.new_labels, drift=found.drift)
        reports.send(report)
        return found


def due(base: ModelVersion) -> Proposal | None:
    """An unsaved proposal that says why; None while the version keeps up.

    Due when ``RISK_RETRAIN_LABELS`` results came since it, or the last proposal, was trained; or
    when its score drifted past the limit, once. Never twice for the same number of results.
    """
    visits = PastVisit.objects.filter(
        authority=base.model.authority_id, on__lt=timezone.localdate()
    )
    labels = visits.made().count()
    earlier = Proposal.objects.filter(base=base)
    seen = max(base.trained_on, earlier.aggregate(most=Max("labels"))["most"] or 0)
    new, drift = max(0, labels - base.trained_on), drift_of(base)
    enough = labels - seen >= settings.RISK_RETRAIN_LABELS
    drifted = drift is not None and not earlier.filter(drift__isnull=False).exists()
    if not (enough or drifted) or earlier.filter(labels=labels).exists():
        return None
    return Proposal(
        model=base.model, base=base, labels=labels, new_labels=new, drift=drift
    )  # fmt: skip


def drift_of(base: ModelVersion) -> float | None:
    """The stability index of the newest look, where it passed its limit."""
    done = base.reports.filter(kind=ReportKind.DRIFT, state=ReportState.DONE)
    newest = done.order_by("-created_at", "-pk").first()
    score = newest.results.get("score") if newest else None
    return score if score is not None and score >= STOP else None


def tell(proposal: Proposal) -> None:
    """Once its test has ended: keep the comparison and give the owner's analysts a task."""
    with transaction.atomic(), as_system("the installation proposes; people decide"):
        proposal = (
            Proposal.objects.select_for_update(of=("self",))
            .select_related("model__authority", "version")
            .get(pk=proposal.pk)
        )
        version = proposal.version
        report = (
            version.reports.filter(kind=ReportKind.BACKTEST, params__trial=True)
            .order_by("-pk").first() if version else None
        )  # fmt: skip
        if proposal.told_at is not None or (report is not None and report.state in OPEN):
            return
        proposal.told_at = timezone.now()
        proposal.comparison = report.results.get("beside", {}) if report else {}
        proposal.save(update_fields=["told_at", "comparison"])
        if version is not None and version.state == ModelState.DRAFT:
            _task(proposal, version)


def _task(proposal: Proposal, version: ModelVersion) -> None:
    """One task for each unit with analysts of the owner; for managers where there are none."""
    model = proposal.model
    places = Membership.objects.usable().filter(authority=model.authority).order_by("unit_id")
    for role in (Role.ANALYST, Role.MANAGER):
        units = Unit.objects.filter(
            pk__in=places.filter(roles__contains=[role]).values("unit_id")
        ).order_by("pk")
        for unit in units:
            ensure_task(
                key=f"risk.proposal:{proposal.pk}:{unit.pk}", kind=reports.PROPOSAL_TASK,
                authority=model.authority, unit=unit, role=role, subject=version,
                url=reverse("risk:model_detail", args=[version.public_id]),
                params={"model_fi": model.name_fi, "model_sv": model.name_sv,
                        "model_en": model.name_en, "number": version.number},
            )  # fmt: skip
        if units:
            return
