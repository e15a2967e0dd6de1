"""Runs of the solver with their frozen inputs, the lottery, and each change people make on the board."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from planning.models.operations import Operation
from planning.querysets import SelectionPartQuerySet
from risk.models import Arm
from targets.models import Site


class DrawState(models.TextChoices):
    COMMITTED = "committed", _("seed committed")
    DRAWN = "drawn", _("drawn")
    REVEALED = "revealed", _("seed revealed")


class Draw(models.Model):
    """The lottery of one round: hash of the seed first, then the draw, at last the seed.

    ``frame``: what can be drawn, as published for whoever draws again; ``frame_hash`` its SHA-256.
    The seed is read by nobody before it is revealed: it is in no page, log or export.
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="draws")
    round = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=DrawState.choices, default=DrawState.COMMITTED)
    share = models.PositiveSmallIntegerField()  # per cent of the inspector-days
    seed = models.BinaryField(max_length=32)
    commitment = models.CharField(max_length=64)
    frame = models.JSONField(null=True, blank=True)
    frame_hash = models.CharField(max_length=64, blank=True)
    committed_at = models.DateTimeField(auto_now_add=True)
    committed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    drawn_at = models.DateTimeField(null=True, blank=True)
    revealed_at = models.DateTimeField(null=True, blank=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "round"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "round"], name="draw_once_a_round"),
            models.CheckConstraint(
                condition=Q(state="committed") | (Q(drawn_at__isnull=False) & ~Q(frame_hash="")),
                name="draw_drawn_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="revealed") | Q(revealed_at__isnull=False),
                name="draw_revealed_when",
            ),
        ]


class DrawnSite(models.Model):
    """A site that was drawn, with its probability of having been drawn.

    ``team``: authority ids, ascending; who visits it was settled before the draw.
    """

    draw = models.ForeignKey(Draw, on_delete=models.CASCADE, related_name="sites")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    stratum = models.CharField(max_length=80)
    probability = models.FloatField()
    team = ArrayField(models.BigIntegerField(), default=list, blank=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["draw", "id"]
        constraints = [
            models.UniqueConstraint(fields=["draw", "site"], name="drawn_once"),
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1), name="drawn_probability"
            ),
        ]


class SolverState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    INFEASIBLE = "infeasible", _("no plan keeps all limits")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class RunKind(models.TextChoices):
    PLAN = "plan", _("proposal")
    WHAT_IF = "what_if", _("what if")
    FRONTIER = "frontier", _("weightings compared")
    ALTERNATIVES = "alternatives", _("alternatives")


class SelectionRun(models.Model):
    """One run of the solver. Once done it is never changed (trigger): it is the evidence.

    ``inputs``: everything the plan depends on, as ``planning.services.inputs`` froze it, by
    public ids; ``inputs_hash``: SHA-256 of its canonical JSON. ``prices``: of inspector-days by pool
    and period, quotas and resources, by which every answer "why not" is given. ``result``: what a
    run of another kind than a plan found. ``clash``: the smallest set of limits that no plan keeps.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField()
    round = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=RunKind.choices, default=RunKind.PLAN)
    state = models.CharField(max_length=20, choices=SolverState.choices, default=SolverState.QUEUED)
    based_on = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="variants"
    )
    change = models.JSONField(default=dict)  # of a what-if, in the terms of its form
    inputs = models.JSONField(null=True, blank=True)
    inputs_hash = models.CharField(max_length=64, blank=True)
    options = models.JSONField(default=dict)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_for = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    phase = models.CharField(max_length=20, blank=True)
    progress = models.FloatField(default=0)  # 0..1
    value = models.FloatField(null=True, blank=True)  # best plan so far, then the plan's
    bound = models.FloatField(null=True, blank=True)  # proven: no plan is worth more
    stopped = models.CharField(max_length=20, blank=True)  # "gap", "effort", "time"
    solver = models.CharField(max_length=120, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    memory_mb = models.FloatField(null=True, blank=True)
    prices = models.JSONField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    clash = models.JSONField(null=True, blank=True)
    message = models.TextField(blank=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "number"], name="run_number_unique"),
            models.CheckConstraint(
                condition=~Q(state="done") | (
                    ~Q(inputs_hash="") & Q(finished_at__isnull=False, value__isnull=False,
                                           bound__isnull=False)
                ),
                name="run_done_with_proof",
            ),
            models.UniqueConstraint(
                fields=["operation"], name="run_one_plan_at_once",
                condition=Q(kind="plan", state__in=["queued", "running"]),
            ),
            models.UniqueConstraint(
                fields=["operation", "asked_by"], name="run_one_question_at_once",
                condition=~Q(kind="plan") & Q(state__in=["queued", "running"]),
            ),
        ]  # fmt: skip

    @property
    def gap(self) -> float | None:
        """How far the plan may be from the best one, as a share of the bound: what is signed."""
        if self.value is None or not self.bound:
            return None
        return max(0.0, (self.bound - self.value) / abs(self.bound))

    @property
    def gap_percent(self) -> float | None:
        """The same as people read it."""
        return None if self.gap is None else 100 * self.gap


class Proposal(models.Model):
    """One visit that a run proposes: the site, who goes, when, and what it is worth.

    ``reduced``: worth less the price of what it takes; of a site drawn at random it may be below 0.
    """

    run = models.ForeignKey(SelectionRun, on_delete=models.CASCADE, related_name="proposals")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    team = ArrayField(models.BigIntegerField())  # authority ids, ascending
    week = models.DateField(null=True, blank=True)  # a Monday; empty: any in the window
    arm = models.CharField(max_length=10, choices=Arm.choices, default=Arm.CHOSEN)
    probability = models.FloatField(null=True, blank=True)
    value = models.FloatField()
    reduced = models.FloatField()

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["run", "-value", "id"]
        constraints = [models.UniqueConstraint(fields=["run", "site"], name="proposed_once")]


class BoardChange(models.Model):
    """One change on the board, in order; the board is what they make of the proposal.

    ``before`` and ``after``: {"state", "team" (authority codes), "week", "reason", "code", "run"
    (number), "as_proposed", "by", "for"} or null for "undecided"; of the whole board {"run",
    "picked", "dropped", "kept"}, numbers only. ``number`` counts within
    the operation: a browser asks for what came after the last it has seen. Never changed or removed
    (trigger).
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="board")
    number = models.PositiveIntegerField()
    round = models.PositiveSmallIntegerField()
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # empty: of the whole board
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_for = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    undoes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    request = models.UUIDField(null=True, blank=True)  # the same request again is the same change

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "number"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "number"], name="board_number_unique"),
            models.UniqueConstraint(fields=["operation", "request"], name="board_request_unique"),
        ]
