"""Risk models of one authority's findings, their versions, approvals and reports."""

import uuid
from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority, Membership
from risk.models.indicators import IndicatorVersion
from ui.names import NamedModel

if TYPE_CHECKING:
    from authorities.actors import Actor

_M = TypeVar("_M", bound=models.Model)


class ModelKind(models.TextChoices):
    POINTS = "points", _("points")
    LOGISTIC = "logistic", _("logistic regression")
    EBM = "ebm", _("additive model of steps (EBM)")


class ModelState(models.TextChoices):
    DRAFT = "draft", _("draft")
    TESTED = "tested", _("backtested")
    AUDITED = "audited", _("bias audit passed")
    BLOCKED = "blocked", _("stopped by the bias audit")
    APPROVED = "approved", _("approved")
    ACTIVE = "active", _("active")
    RETIRED = "retired", _("retired")


class OfModelQuerySet(models.QuerySet[_M]):
    """Rows of models; ``model_path`` leads from the row to its model."""

    model_path = ""

    def visible_to(self, actor: "Actor") -> Self:
        """Of joint models and one's own (``RiskModel.shown_to``)."""
        joint, own = f"{self.model_path}joint", f"{self.model_path}authority"
        return self.filter(Q(**{joint: True}) | Q(**{own: actor.authority.pk}))


class ModelVersionQuerySet(OfModelQuerySet["ModelVersion"]):
    model_path = "model__"


class ReportQuerySet(OfModelQuerySet["Report"]):
    model_path = "version__model__"


class RiskModel(NamedModel):
    """How probable it is that a visit of one authority finds what it looks for.

    ``outcomes``: results of visits (``targets.VisitOutcome``) that count as found. ``joint``: its
    numbers are shown to all and move the joint list; it can then have no sealed indicator.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(max_length=60, unique=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="risk_models")
    joint = models.BooleanField(default=True)
    outcomes = models.JSONField(default=list)
    severity = models.DecimalField(max_digits=6, decimal_places=2, default=1)  # weight of a finding
    visit_days = models.DecimalField(max_digits=5, decimal_places=2, default=1)  # inspector-days
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfModelQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        verbose_name = _("risk model")
        verbose_name_plural = _("risk models")
        constraints = [
            models.CheckConstraint(condition=Q(visit_days__gt=0), name="model_takes_time"),
            models.CheckConstraint(condition=Q(severity__gt=0), name="model_has_weight"),
        ]

    def shown_to(self, authority_id: int | None) -> bool:
        """The models an authority keeps to itself are its alone; joint ones are shown to all."""
        return self.joint or self.authority_id == authority_id


class ModelVersion(models.Model):
    """A model with everything that makes its numbers. Immutable from its first test on (trigger).

    ``params``: what the kind needs besides points, as JSON (``risk.learning`` reads and writes it):
    weights, intercept, calibration. ``content_hash``: SHA-256 of indicators, bins and params.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    model = models.ForeignKey(RiskModel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=ModelKind.choices, default=ModelKind.POINTS)
    state = models.CharField(max_length=10, choices=ModelState.choices, default=ModelState.DRAFT)
    params = models.JSONField(default=dict)
    trained_to = models.DateField(null=True, blank=True)  # last day whose outcomes it has seen
    trained_on = models.PositiveIntegerField(default=0)  # number of outcomes
    content_hash = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Ids of everybody who wrote in it: none of them can approve it.
    writers = ArrayField(models.BigIntegerField(), default=list, blank=True)
    edits = models.PositiveIntegerField(default=1)  # for clashes of two editors
    created_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["model", "-number"]
        verbose_name = _("version of a risk model")
        verbose_name_plural = _("versions of risk models")
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="model_number"),
            models.UniqueConstraint(
                fields=["model"], condition=Q(state="active"), name="model_one_active"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | ~Q(content_hash=""), name="model_has_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.code} {self.number}"


class ModelIndicator(models.Model):
    """An indicator in a model. ``place`` is its place in ``Score.parts``.

    ``bins``: points of this model in the form of ``IndicatorVersion.bins``; empty: the indicator's.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="indicators")
    indicator = models.ForeignKey(IndicatorVersion, on_delete=models.PROTECT, related_name="uses")
    place = models.PositiveSmallIntegerField()
    bins = models.JSONField(default=list, blank=True)
    missing_points = models.SmallIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["version", "place"]
        constraints = [
            models.UniqueConstraint(fields=["version", "place"], name="model_place"),
            models.UniqueConstraint(fields=["version", "indicator"], name="model_indicator_once"),
        ]


class Approval(models.Model):
    """One authority's yes to a version. Two of different authorities are needed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="approvals")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)  # what was approved
    reason = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["version", "at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "authority"], name="approval_of_authority"),
            models.UniqueConstraint(fields=["version", "user"], name="approval_of_person"),
        ]


class ReportKind(models.TextChoices):
    BACKTEST = "backtest", _("backtest")
    AUDIT = "audit", _("bias audit")
    DRIFT = "drift", _("drift")


class ReportState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class Report(models.Model):
    """A backtest, a bias audit or a look at drift: work due as a row, then its result.

    Everybody who sees the model reads the row, whole as SQL gives it: ``results`` is what
    ``risk.report_readers.reduced`` leaves, everything that was found stands in ``whole``.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=10, choices=ReportKind.choices)
    state = models.CharField(
        max_length=10, choices=ReportState.choices, default=ReportState.WAITING
    )
    params = models.JSONField(default=dict)  # what was asked: windows, capacity, seed
    results = models.JSONField(default=dict)
    passed = models.BooleanField(null=True, blank=True)
    done_steps = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, blank=True)  # of the version it looked at
    attempts = models.PositiveSmallIntegerField(default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [
            models.UniqueConstraint(
                fields=["version", "kind"], condition=Q(state__in=["waiting", "running"]),
                name="report_one_at_a_time",
            )
        ]  # fmt: skip


class ReportWhole(models.Model):
    """Everything a test found, also of small groups: for the model's owner and the system alone.

    The wall goes by the model, so that whoever follows its owner reads it too.
    """

    report = models.OneToOneField(Report, on_delete=models.CASCADE, related_name="whole")
    results = models.JSONField()


class ReportStep(models.Model):
    """A finished part of a test under way: the fit, a window, an indicator. It goes when the test
    has ended. For the model's owner and the system alone, as what it found (``ReportWhole``).

    ``key`` begins with a fingerprint of the rows it was made of, so that a part of other rows is
    never taken for it; not that of the fit, which is of the version.
    """

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="kept")
    key = models.CharField(max_length=120)
    content = models.JSONField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["report", "key"], name="report_step_once")]


class MethodEdition(models.Model):
    """What was told to everybody of the method, from a moment on. Rows are only added.

    ``content``: ``{"models": [...]}`` with names, sentences and grounds in every language, made
    from the active joint models alone (``risk.services.method``).
    """

    number = models.PositiveIntegerField(unique=True)
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    # The version whose activation or retirement changed the method.
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        verbose_name = _("edition of the public method")
        verbose_name_plural = _("editions of the public method")
