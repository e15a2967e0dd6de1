"""Saved views of lists, and exports that are made in the background."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SavedViewScope(models.TextChoices):
    MINE = "mine", _("Only me")
    AUTHORITY = "authority", _("Everybody in my authority")


class SavedView(models.Model):
    """A named query of one list: the address is the state, this row remembers it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    list_key = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    query = models.TextField(blank=True)
    scope = models.CharField(
        max_length=10, choices=SavedViewScope.choices, default=SavedViewScope.MINE
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    authority = models.ForeignKey(
        "authorities.Authority", on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "authority", "list_key", "name"], name="saved_view_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ExportState(models.TextChoices):
    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")


def export_name(job: "ExportJob", name: str) -> str:
    """Where the file of a job is kept: one place however often the job is taken up."""
    return f"exports/{job.created_at:%Y/%m}/{name}"


class ExportJob(models.Model):
    """One export asked for; the row is the job. The file is kept for seven days."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    list_key = models.CharField(max_length=60)
    query = models.TextField(blank=True)
    format = models.CharField(max_length=4, choices=[("csv", "CSV"), ("xlsx", "XLSX")])
    language = models.CharField(max_length=2)
    membership = models.ForeignKey(
        "authorities.Membership", on_delete=models.CASCADE, related_name="+"
    )
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.QUEUED)
    file = models.FileField(upload_to=export_name, blank=True)
    rows = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(default=0)  # goes up with each process that takes the job
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | ~Q(file=""), name="export_done_has_file"
            )
        ]
