"""Scores of a run, in partitions of their own, and the results that models learn from."""

import uuid
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from risk.models.riskmodels import ModelVersion
from targets.models import PastVisit, Site

if TYPE_CHECKING:
    pass


class RunState(models.TextChoices):
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    DROPPED = "dropped", _("no longer kept")


class ScoringRunQuerySet(models.QuerySet["ScoringRun"]):
    def shown(self) -> "ScoringRun | None":
        """The run whose numbers are shown now; None before the first."""
        return self.filter(current=True, state=RunState.DONE).first()


class ScoringRun(models.Model):
    """The models in use on a day over all sites as of that day. The newest done run is the one shown.

    ``versions`` and ``reckoning`` (``risk.engine.worth.Reckoning``; joint versions alone, for
    everybody reads it) say by what it was reckoned: with ``usual`` all that its numbers need besides
    the rows. They are never changed (trigger), whatever is put to use or set anew later.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    as_of = models.DateField()
    known_at = models.DateTimeField()  # nothing learned after this moment is used
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.RUNNING)
    current = models.BooleanField(default=False)
    # More sites have changed since than are scored anew one by one: the next run is due.
    overtaken = models.BooleanField(default=False)
    steps = models.PositiveIntegerField(default=0)
    done_steps = models.PositiveIntegerField(default=0)
    sites = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    keep_until = models.DateField(null=True, blank=True)
    versions = models.ManyToManyField(ModelVersion, related_name="runs")

    objects = ScoringRunQuerySet.as_manager()
    reckoning = models.JSONField(default=dict)
    # By version id: mean p of sites of which enough is known; what an unknown site counts for.
    usual = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("scoring run")
        verbose_name_plural = _("scoring runs")
        constraints = [
            models.UniqueConstraint(
                fields=["current"], condition=Q(current=True), name="run_one_current"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="run_one_running"
            ),
        ]


class Score(models.Model):
    """One model's number for one site. Table partitioned by run (migration ``0002``).

    ``points``: sum of ``parts`` in hundredths of a point; ``parts``: by ``ModelIndicator.place``,
    in hundredths. ``p``: probability of a finding with its interval. ``coverage``: per cent of
    indicators with a value.
    """

    pk = models.CompositePrimaryKey("run", "version", "site")
    run = models.ForeignKey(ScoringRun, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    # Of the model, kept here for the wall.
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    joint = models.BooleanField()
    points = models.IntegerField()
    p = models.FloatField()
    p_low = models.FloatField()
    p_high = models.FloatField()
    coverage = models.PositiveSmallIntegerField()
    parts = ArrayField(models.SmallIntegerField())

    class Meta:
        managed = False
        db_table = "risk_score"


class Worth(models.Model):
    """What a visit to a site is expected to find, of all joint models. Partitioned by run.

    ``value``: expected weighted findings per inspector-day of the best team; ``rank``: 1 is first;
    ``level``: 1 (lowest fifth) to 5; ``coverage``: of the joint models' indicators, per cent.
    """

    pk = models.CompositePrimaryKey("run", "site")
    run = models.ForeignKey(ScoringRun, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    value = models.FloatField()
    rank = models.PositiveIntegerField()
    level = models.PositiveSmallIntegerField()
    coverage = models.PositiveSmallIntegerField()

    class Meta:
        managed = False
        db_table = "risk_worth"


class Arm(models.TextChoices):
    """How a visit came about. No value for visits that a law requires: nothing here knows of them."""

    RANDOM = "random", _("drawn at random")
    CHOSEN = "chosen", _("chosen")
    UNKNOWN = "unknown", _("not known")


class Label(models.Model):
    """How a visit came about, beside its result (``PastVisit``), for learning and evaluation.

    ``probability``: of having been drawn, 1 where it was sure. ``origin``: draw, nomination or
    register; that there was a tip is never written here, where everybody reads who sees the visit
    (``risk.services.segments`` looks it up). ``chosen_on``: when its site was chosen. ``group``: who
    visited, as a key that names nobody; a nuisance when fitting, never an input when ranking.
    """

    visit = models.OneToOneField(PastVisit, on_delete=models.CASCADE, related_name="label")
    arm = models.CharField(max_length=10, choices=Arm.choices, default=Arm.UNKNOWN)
    probability = models.FloatField(null=True, blank=True)
    origin = models.CharField(max_length=20, blank=True)
    chosen_on = models.DateField(null=True, blank=True)
    group = models.CharField(max_length=40, blank=True)
    operation = models.CharField(max_length=20, blank=True)  # number of the one it was made in
    known_from = models.DateTimeField()

    class Meta:
        ordering = ["visit"]
        indexes = [
            models.Index(fields=["operation"], name="label_operation", condition=~Q(operation=""))
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(probability__isnull=True) | Q(probability__gt=0, probability__lte=1),
                name="label_probability",
            ),
            models.CheckConstraint(
                condition=~Q(arm="random") | Q(probability__isnull=False),
                name="label_random_has_probability",
            ),
        ]
