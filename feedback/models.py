"""Phase 3: outcomes, follow-up measures, feedback to nominators, debrief."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority, Unit
from execution.models import Visit
from feedback.querysets import (
    DebriefQuerySet,
    FeedbackQuerySet,
    MeasureQuerySet,
    OutcomeQuerySet,
)
from planning.models import Nomination, Operation


class OutcomeKind(models.TextChoices):
    NO_REMARKS = "no_remarks", _("No remarks")
    REMARKS = "remarks", _("Remarks")
    SERIOUS = "serious", _("Serious deficiencies")
    NOT_VISITED = "not_visited", _("Not visited")


class Outcome(ClassifiedModel):
    """What a visit led to for one authority. Participants see ``kind``; ``note`` is its own."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="outcomes")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="outcomes")
    kind = models.CharField(max_length=20, choices=OutcomeKind.choices)
    note = models.TextField(blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    recorded_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects = OutcomeQuerySet.as_manager()

    class Meta:
        ordering = ["visit", "authority"]
        constraints = [
            models.UniqueConstraint(fields=["visit", "authority"], name="outcome_unique")
        ]


class MeasureKind(models.TextChoices):
    ADVICE = "advice", _("Advice")
    IMPROVEMENT_NOTICE = "improvement_notice", _("Improvement notice")
    PROHIBITION = "prohibition", _("Prohibition of use")
    ORDER = "order", _("Order")
    NEGLIGENCE_FEE = "negligence_fee", _("Negligence fee")
    TAX_AUDIT = "tax_audit", _("Tax audit")
    PRETRIAL = "pretrial_investigation", _("Pre-trial investigation")
    PERMIT_WITHDRAWN = "permit_withdrawn", _("Withdrawal of a licence")
    FOLLOW_UP_INSPECTION = "follow_up_inspection", _("Follow-up inspection")
    REFERRAL = "referral", _("Referral")


class MeasureState(models.TextChoices):
    OPEN = "open", _("Open")
    IN_PROGRESS = "in_progress", _("In progress")
    CLOSED = "closed", _("Closed")
    CANCELLED = "cancelled", _("Cancelled")


class MeasureResult(models.TextChoices):
    COMPLIED = "complied", _("Put right")
    PARTLY = "partly", _("Partly put right")
    NOT_COMPLIED = "not_complied", _("Not put right")
    DECIDED = "decided", _("Decision made")
    TRANSFERRED = "transferred", _("Handed to another authority")


class Measure(ClassifiedModel):
    """A follow-up measure of one authority after a visit, with a deadline until closed."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="measures")
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="measures")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="measures")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=40, choices=MeasureKind.choices)
    description = models.TextField(blank=True)
    legal_reference = models.CharField(max_length=120, blank=True)
    deadline = models.DateField()  # local date
    state = models.CharField(max_length=20, choices=MeasureState.choices, default=MeasureState.OPEN)
    result = models.CharField(max_length=20, choices=MeasureResult.choices, blank=True)
    result_note = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    objects = MeasureQuerySet.as_manager()

    class Meta:
        ordering = ["deadline", "id"]
        indexes = [models.Index(fields=["authority", "state", "deadline"], name="measure_open")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["closed", "cancelled"], closed_at__isnull=False)
                | Q(state__in=["open", "in_progress"], closed_at__isnull=True),
                name="measure_closed_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="closed") | ~Q(result=""), name="measure_closed_result"
            ),
        ]


class Feedback(models.Model):
    """What the nominator hears about one nomination; made automatically, once."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    nomination = models.OneToOneField(Nomination, on_delete=models.PROTECT, related_name="feedback")
    # Lawful minimum: what was decided and done, and the outcome kinds the participants see.
    chosen = models.BooleanField()
    choice_reason = models.TextField(blank=True)
    visited = models.BooleanField()
    outcomes = models.JSONField(default=list)  # [{"authority": code, "kind": ...}]
    measures_open = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("feedback")


class Debrief(models.Model):
    """What one participating authority wants to remember; shared with the participants."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="debriefs")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    went_well = models.TextField(blank=True)
    to_improve = models.TextField(blank=True)
    lessons = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    written_at = models.DateTimeField(auto_now=True)

    objects = DebriefQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "authority"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "authority"], name="debrief_unique")
        ]
