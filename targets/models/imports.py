"""Files being read into the register: how their columns are mapped, how far they have come."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from targets.querysets import ImportRunQuerySet, MappingQuerySet


class ImportKind(models.TextChoices):
    SITES = "sites", _("sites")
    VISITS = "visits", _("visits")
    FACTS = "facts", _("facts about companies or sites")
    ROLES = "roles", _("roles of persons in companies")


# Kind of the facts by which a list's owner keeps what the site does not show.
SITE_DETAILS = "site_details"
_DETAILS = ("opened_on", "closed_on", "staff_estimate")


def details_of(columns: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """Fields of rows of sites that a private list keeps as facts of their own (``SITE_DETAILS``).

    Only a list that brings facts can be private. What a rule of a fact names is in that fact.
    """
    rules = options.get("facts", [])
    named = {
        column for rule in rules
        for column in (*rule["columns"].values(), rule.get("from"), rule.get("to"))
    }  # fmt: skip
    return [f for f in _DETAILS if rules and f in columns and columns[f] not in named]


class ImportMapping(models.Model):
    """Saved column mapping for files of one shape; ``columns`` is field → column name.

    Without ``authority`` it comes with Tarkka and is for everybody.
    """

    code = models.SlugField(max_length=60, unique=True)  # NAME of --format for tabular files
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=ImportKind.choices)
    columns = models.JSONField(default=dict)
    options = models.JSONField(
        default=dict
    )  # delimiter, encoding, date format, country, outcome map
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MappingQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")

    def __str__(self) -> str:
        return self.name

    @property
    def fact_kinds(self) -> list[str]:
        """Kinds of facts that files of this shape bring."""
        if self.kind == ImportKind.FACTS:
            return [self.options["fact"]]
        if self.kind == ImportKind.SITES:
            kinds = {rule["kind"] for rule in self.options.get("facts", [])}
            if details_of(self.columns, self.options):
                kinds.add(SITE_DETAILS)
            return sorted(kinds)
        return []

    @property
    def own_material(self) -> bool:
        """Whether files of this shape say what is no open register's: somebody answers for it."""
        return bool(self.fact_kinds) and not self.options.get("open")


class ImportState(models.TextChoices):
    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    READY = "ready", _("Rehearsed, nothing stored yet")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")
    CANCELLED = "cancelled", _("Cancelled")
    UNDONE = "undone", _("Undone")


ENDED = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED, ImportState.UNDONE)


class ImportPhase(models.TextChoices):
    READ = "read", _("Reading the file")
    COMPARE = "compare", _("Comparing with the register")
    MERGE = "merge", _("Storing")
    INDEX = "index", _("Making it findable")
    UNDO = "undo", _("Undoing")


class ImportRun(models.Model):
    """One file being read. The row is the job: progress, result and refused rows hang on it.

    ``staged_line`` and ``merged_line`` say how far each phase has come: both move in the same
    transaction as the rows they speak of, so that a killed run goes on from there.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=ImportKind.choices)
    format = models.CharField(max_length=60)
    file_name = models.CharField(max_length=255)
    stored_as = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    shared = models.BooleanField(default=False)
    # Said by whoever brings the file: why it may be held, what for, and until when.
    legal_basis = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=300, blank=True)
    received_on = models.DateField(null=True, blank=True)
    delete_on = models.DateField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.QUEUED)
    phase = models.CharField(max_length=10, choices=ImportPhase.choices, default=ImportPhase.READ)
    # What the file leaves out has ended: it is the whole list of its source, not a part.
    full_list = models.BooleanField(default=False)
    rehearse = models.BooleanField(default=False)  # stop before storing and show what would change
    wanted = models.CharField(
        max_length=10,
        blank=True,
        choices=[("pause", _("pause")), ("cancel", _("cancel"))],
    )  # what a person asks of the process at work; it looks between two batches
    staged_line = models.PositiveIntegerField(default=0)
    merged_line = models.PositiveIntegerField(default=0)
    # The search follows the run's changes up to this id.
    indexed_to = models.BigIntegerField(default=0)
    # Changes with a lower id are still to be undone; None before the first.
    undo_before = models.BigIntegerField(null=True, blank=True)
    columns = models.JSONField(default=list)  # as found in the file, for the refused rows
    preview = models.JSONField(default=dict)
    rows_read = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(null=True, blank=True)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    ended_count = models.PositiveIntegerField(default=0)  # facts that a full list left out
    undone_count = models.PositiveIntegerField(default=0)
    kept_count = models.PositiveIntegerField(default=0)  # could not be undone: others build on it
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Counts who has taken the run up: what an overtaken process does is told apart by it.
    claim = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(finished_at__isnull=True)),
                name="import_finished_when",
            ),
            models.CheckConstraint(
                condition=Q(delete_on__isnull=True)
                | Q(received_on__isnull=True)
                | Q(delete_on__gte=models.F("received_on")),
                name="import_dates",
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class ImportRefusal(models.Model):
    """One refused row: where, which field, why (code and values; words are made when shown).

    ``row`` is the row as it was read, so that it can be mended and loaded again; empty where it
    must not be kept (personal identity codes).
    """

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="refusals")
    line = models.PositiveIntegerField()
    field = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=60)
    value = models.CharField(max_length=300, blank=True)
    row = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["run", "line", "id"]


class ImportRow(models.Model):
    """One row of a file on its way into the register; gone when the run has ended.

    The table is not logged: after a crash of the database server it is empty and the run starts
    over. ``s_`` columns are the site's, ``c_`` those of its company.
    """

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    line = models.PositiveIntegerField()
    key = models.TextField(blank=True)  # source key of the site, visit or fact
    s_type = models.TextField(blank=True)
    s_locator = models.TextField(blank=True)
    s_name = models.TextField(blank=True)
    s_name_sv = models.TextField(blank=True)
    s_kind = models.TextField(blank=True)
    s_industry = models.BigIntegerField(null=True)
    s_municipality = models.BigIntegerField(null=True)
    s_region = models.BigIntegerField(null=True)
    s_address = models.TextField(blank=True)
    s_postal_code = models.TextField(blank=True)
    s_longitude = models.FloatField(null=True)
    s_latitude = models.FloatField(null=True)
    s_staff = models.IntegerField(null=True)
    s_status = models.TextField(blank=True)
    s_opened = models.DateField(null=True)
    s_closed = models.DateField(null=True)
    said_at = models.DateTimeField(null=True)  # when the source says it last changed the record
    c_business_id = models.TextField(blank=True)
    c_full = models.BooleanField(default=False)  # the company's own record, not a mere mention
    c_name = models.TextField(blank=True)
    c_kind = models.TextField(blank=True)
    c_country = models.TextField(blank=True)
    c_form = models.TextField(blank=True)
    c_status = models.TextField(blank=True)
    c_industry = models.BigIntegerField(null=True)
    c_municipality = models.BigIntegerField(null=True)
    c_address = models.TextField(blank=True)
    c_postal_code = models.TextField(blank=True)
    c_website = models.TextField(blank=True)
    c_registered = models.DateField(null=True)
    c_ended = models.DateField(null=True)
    c_raw = models.JSONField(null=True)
    # Names, identifiers, registrations, links and facts that hang on the row.
    more = models.JSONField(null=True)
    # Of a visit or a fact: what it is about and says.
    v_about = models.TextField(blank=True)  # source key of the site
    v_on = models.DateField(null=True)
    v_to = models.DateField(null=True)
    v_told = models.DateField(null=True)
    v_kind = models.TextField(blank=True)
    v_outcome = models.TextField(blank=True)
    v_value = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["run", "line"], name="import_row_line")]


class ImportPart(models.Model):
    """A chunk of lines that has been merged; written in its transaction, so that it is merged once."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="parts")
    low = models.PositiveIntegerField()  # lines above this one
    high = models.PositiveIntegerField()  # up to this one

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "low"], name="import_part_once")]
