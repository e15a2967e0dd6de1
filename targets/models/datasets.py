"""Mass data for targeting: kept apart from signals and cases, with its own ground and end."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority, GroundVersion
from targets.models.register import Company
from targets.querysets import DatasetQuerySet, DatasetRowQuerySet


class DatasetState(models.TextChoices):
    NEW = "new", _("Nothing read yet")
    READING = "reading", _("Being read")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Stopped by an error")


class Dataset(ClassifiedModel):
    """A set of rows for targeting. ``purpose``, ground and expiry come before anything is read.

    A row can never become evidence: nothing refers to ``DatasetRow``, and no service reads a row
    into a signal, a finding or a case (the database knows no such reference).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="datasets")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=60)  # kind of information, a Term
    ground = models.ForeignKey(GroundVersion, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=300)
    use = models.CharField(max_length=20, default="targeting")
    # Codes of the authorities it may be shared with, said before anything is read; none: own use.
    recipients = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    expires_on = models.DateField()
    state = models.CharField(max_length=20, choices=DatasetState.choices, default=DatasetState.NEW)
    columns = models.JSONField(default=list)
    row_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("data set")
        verbose_name_plural = _("data sets")
        constraints = [
            models.CheckConstraint(condition=Q(use="targeting"), name="dataset_for_targeting_only"),
            models.CheckConstraint(condition=~Q(purpose=""), name="dataset_has_purpose"),
        ]

    def __str__(self) -> str:
        return self.title


class DatasetRow(models.Model):
    """One row as received, matched to a company by its business id where it has one."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    business_id = models.CharField(max_length=20, blank=True)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    data = models.JSONField()

    objects = DatasetRowQuerySet.as_manager()

    class Meta:
        ordering = ["dataset", "line"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "line"], name="dataset_row_unique")
        ]
        indexes = [models.Index(fields=["company", "dataset"], name="dataset_row_company")]


class DatasetMapping(models.Model):
    """Which column is what, saved to be used again by the same authority."""

    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    business_id = models.CharField(max_length=120)  # the column that holds the business id
    keep = models.JSONField(default=list)  # columns kept; empty: all

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["authority", "name"], name="dataset_mapping_unique")
        ]


class DatasetRunState(models.TextChoices):
    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")


class DatasetRun(ClassifiedModel):
    """One reading of a file: a rehearsal that writes nothing, or the real one."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="runs")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    rehearsal = models.BooleanField()
    file_name = models.CharField(max_length=255)
    stored_as = models.CharField(max_length=255)
    business_id_column = models.CharField(max_length=120)
    keep = models.JSONField(default=list)
    state = models.CharField(
        max_length=10, choices=DatasetRunState.choices, default=DatasetRunState.QUEUED
    )
    lines_read = models.PositiveIntegerField(default=0)
    good = models.PositiveIntegerField(default=0)
    matched = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    # The first refused rows: [{"line", "field", "code", "value"}]
    errors = models.JSONField(default=list)
    message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # a file that kills its reader ends
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
