"""What an import changed, row by row: the history of names, addresses and states, and its undoing."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from targets.models.imports import ImportRun
from targets.models.register import Company, Site

NAMES = ("name", "name_fi", "name_sv", "name_en")  # columns that hold a site's name


class RegisterChange(models.Model):
    """One row made or changed by one import. ``old`` and ``new`` hold the changed columns only.

    A row that was made has no ``old``. ``said_on`` is the source's own date of the change where it
    has one, ``at`` when it became known here. Rows are written by the merge and never changed; an
    undone import adds rows of its own (``undo``).
    """

    # Written together with the row they name, millions at a time: the database need not look again.
    run = models.ForeignKey(
        ImportRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="changes",
        db_constraint=False, db_index=False,
    )  # fmt: skip
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="changes",
        db_constraint=False, db_index=False,
    )  # fmt: skip
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="changes",
        db_constraint=False, db_index=False,
    )  # fmt: skip
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)
    source = models.CharField(max_length=40)
    said_on = models.DateTimeField(null=True, blank=True)
    undo = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["run", "id"], name="change_run"),
            # Rows come in the order of time: what changed after a moment lies together.
            BrinIndex(fields=["at"], name="change_at", autosummarize=True),
            models.Index(
                fields=["site", "id"], name="change_site", condition=Q(site__isnull=False)
            ),
            models.Index(
                fields=["company", "id"], name="change_company", condition=Q(company__isnull=False)
            ),
            # Few: the search asks every site for the names it had.
            models.Index(
                fields=["site"],
                name="change_site_renamed",
                condition=Q(site__isnull=False, old__has_any_keys=list(NAMES)),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(site__isnull=False, company__isnull=True)
                | Q(site__isnull=True, company__isnull=False),
                name="change_of_one",
            )
        ]
