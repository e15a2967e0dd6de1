"""Phase 2: what happened at the site, recorded by each authority for its own part."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority, DatedModel, DatedQuerySet, dates_in_order
from execution.querysets import FindingQuerySet, PhotoQuerySet, RecordQuerySet, VisitQuerySet
from planning.models import Operation, PlannedVisit
from targets.models import Signal, Site
from ui.names import NamedModel


class Checklist(NamedModel, DatedModel):
    """What one authority goes through at a visit; a new edition is a new row."""

    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="checklists")
    code = models.CharField(max_length=60)
    edition = models.PositiveSmallIntegerField(default=1)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["authority", "code", "edition"]
        constraints = [
            models.UniqueConstraint(
                fields=["authority", "code", "edition"], name="checklist_unique"
            ),
            dates_in_order("checklist_dates"),
        ]


class ChecklistItem(models.Model):
    """One question. ``legal_reference`` is offered as default for a finding made from it."""

    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="items")
    order = models.PositiveSmallIntegerField()
    text_fi = models.CharField(max_length=300)
    text_sv = models.CharField(max_length=300, blank=True)
    text_en = models.CharField(max_length=300, blank=True)
    legal_reference = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["checklist", "order"]
        constraints = [
            models.UniqueConstraint(fields=["checklist", "order"], name="checklist_item_order")
        ]

    @property
    def text(self) -> str:
        from ui.names import language_order

        for code in language_order():
            value: str = getattr(self, f"text_{code}")
            if value:
                return value
        return ""


class VisitState(models.TextChoices):
    PLANNED = "planned", _("Not started")
    STARTED = "started", _("Under way")
    ENDED = "ended", _("Ended")
    NOT_POSSIBLE = "not_possible", _("Not possible")


class NotPossibleReason(models.TextChoices):
    CLOSED = "closed", _("The place was closed")
    MOVED = "moved", _("The business has moved or ended")
    NO_ENTRY = "no_entry", _("Entry was refused")
    UNSAFE = "unsafe", _("It was not safe")
    NO_WORK = "no_work", _("No work was going on")
    TIME = "time", _("Time ran out")
    OTHER = "other", _("Another reason")


class Visit(models.Model):
    """The joint visit at one site; start and end are stamped by the server."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="visits")
    planned = models.OneToOneField(PlannedVisit, on_delete=models.PROTECT, related_name="visit")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="visits")
    state = models.CharField(max_length=20, choices=VisitState.choices, default=VisitState.PLANNED)
    started_at = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    not_possible_reason = models.CharField(
        max_length=20, choices=NotPossibleReason.choices, blank=True
    )
    not_possible_note = models.TextField(blank=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "planned__day__date", "planned__order", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["started", "ended"])
                | Q(started_at__isnull=False, started_by__isnull=False),
                name="visit_started_by",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | Q(ended_at__isnull=False), name="visit_ended_when"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="visit_end_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(state="not_possible") | ~Q(not_possible_reason=""),
                name="visit_not_possible_why",
            ),
        ]


class RecordState(models.TextChoices):
    OPEN = "open", _("Being written")
    SUBMITTED = "submitted", _("Submitted")


class RecordOutcome(models.TextChoices):
    NO_REMARKS = "no_remarks", _("No remarks")
    REMARKS = "remarks", _("Remarks")
    SERIOUS = "serious", _("Serious deficiencies")


class InspectionRecord(ClassifiedModel):
    """One authority's own record of a visit: its checklist, findings, people met, outcome.

    Only that authority sees the content; the others see that it was submitted, and the outcome.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="records")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="records")
    checklist = models.ForeignKey(
        Checklist, null=True, blank=True, on_delete=models.PROTECT, related_name="records"
    )
    state = models.CharField(max_length=20, choices=RecordState.choices, default=RecordState.OPEN)
    outcome = models.CharField(max_length=20, choices=RecordOutcome.choices, blank=True)
    summary = models.TextField(blank=True)
    # Counts only; nobody is named.
    people_met = models.PositiveSmallIntegerField(null=True, blank=True)
    people_interviewed = models.PositiveSmallIntegerField(null=True, blank=True)
    people_without_right_to_work = models.PositiveSmallIntegerField(null=True, blank=True)
    minors_met = models.PositiveSmallIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = RecordQuerySet.as_manager()

    class Meta:
        ordering = ["visit", "authority"]
        constraints = [
            models.UniqueConstraint(fields=["visit", "authority"], name="record_unique"),
            models.CheckConstraint(
                condition=~Q(state="submitted")
                | (Q(submitted_at__isnull=False, submitted_by__isnull=False) & ~Q(outcome="")),
                name="record_submitted_by",
            ),
            models.CheckConstraint(
                condition=Q(people_met__isnull=True)
                | (
                    (
                        Q(people_interviewed__isnull=True)
                        | Q(people_interviewed__lte=F("people_met"))
                    )
                    & (
                        Q(people_without_right_to_work__isnull=True)
                        | Q(people_without_right_to_work__lte=F("people_met"))
                    )
                    & (Q(minors_met__isnull=True) | Q(minors_met__lte=F("people_met")))
                ),
                name="record_people_counts",
            ),
        ]


class Answer(models.TextChoices):
    OK = "ok", _("In order")
    NOT_OK = "not_ok", _("Not in order")
    NOT_CHECKED = "not_checked", _("Not checked")
    NOT_APPLICABLE = "not_applicable", _("Does not apply")


class ChecklistAnswer(models.Model):
    record = models.ForeignKey(InspectionRecord, on_delete=models.CASCADE, related_name="answers")
    item = models.ForeignKey(ChecklistItem, on_delete=models.PROTECT, related_name="answers")
    answer = models.CharField(max_length=20, choices=Answer.choices)
    note = models.CharField(max_length=500, blank=True)
    answered_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["record", "item__order"]
        constraints = [
            models.UniqueConstraint(fields=["record", "item"], name="checklist_answer_unique")
        ]


class Severity(models.TextChoices):
    MINOR = "minor", _("Minor")
    MODERATE = "moderate", _("Moderate")
    SERIOUS = "serious", _("Serious")
    CRITICAL = "critical", _("Critical")


class Finding(models.Model):
    """A deficiency, the finding authority's own; ``client_id`` makes a repeated send one row."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client_id = models.UUIDField(unique=True, default=uuid.uuid4)
    record = models.ForeignKey(InspectionRecord, on_delete=models.PROTECT, related_name="findings")
    item = models.ForeignKey(
        ChecklistItem, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    severity = models.CharField(max_length=20, choices=Severity.choices)
    text = models.TextField()
    legal_reference = models.CharField(max_length=120)
    # Written with the finding, so that others who want to know it can be told on a ground.
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.SET_NULL, related_name="findings"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    removed_at = models.DateTimeField(null=True, blank=True)  # struck out, kept

    objects = FindingQuerySet.as_manager()

    class Meta:
        ordering = ["record", "created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="finding_text"),
            models.CheckConstraint(
                condition=~Q(legal_reference=""), name="finding_legal_reference"
            ),
        ]


class Photo(models.Model):
    """A photo of a record, re-encoded on arrival so that nothing of the camera's data remains."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client_id = models.UUIDField(unique=True, default=uuid.uuid4)
    record = models.ForeignKey(InspectionRecord, on_delete=models.PROTECT, related_name="photos")
    finding = models.ForeignKey(
        Finding, null=True, blank=True, on_delete=models.PROTECT, related_name="photos"
    )
    file = models.FileField(upload_to="photos/%Y/%m/")  # private storage, random name
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    caption = models.CharField(max_length=200, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = PhotoQuerySet.as_manager()

    class Meta:
        ordering = ["record", "created_at", "id"]
