"""What has changed since the scores were made, and which rows of a run were made anew."""

from django.db import models

from risk.models.scores import ScoringRun


class Touched(models.Model):
    """A site or company of which something was learned: its scores are due.

    Rows are added by the database itself (triggers of migration ``0010``) and by
    ``risk.services.changes``; a sweep takes them away. Nobody but the system reads them: that
    something was learned of a site may be its owner's secret.
    """

    site_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
    # A visit: it changes what is said of the sites nearby as well.
    near = models.BooleanField(default=False, db_default=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]


class RunPart(models.Model):
    """A part of one version's sites that a run has stored; written with the rows it speaks of."""

    run = models.ForeignKey(
        ScoringRun, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    version_id = models.BigIntegerField()
    part = models.PositiveSmallIntegerField()
    parts = models.PositiveSmallIntegerField()  # how many there are of this version
    rows = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "version_id", "part"], name="run_part_once")
        ]


class Refreshed(models.Model):
    """A site of a run whose rows were made anew: as of which day and with what knowledge."""

    run = models.ForeignKey(
        ScoringRun, on_delete=models.CASCADE, related_name="refreshed", db_index=False
    )
    site_id = models.BigIntegerField()
    as_of = models.DateField()
    known_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "site_id"], name="refreshed_once")]
