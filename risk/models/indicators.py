"""Indicators: what is counted or read of a target, with what points, on what ground, for whom."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority, GroundVersion
from ui.names import NamedModel, language_order

if TYPE_CHECKING:
    from authorities.actors import Actor


class Visibility(models.TextChoices):
    OPEN = "open", _("open: value and points are shown")
    LEVEL = "level", _("level: only the points are shown")
    SEALED = "sealed", _("sealed: for its owner only")


class Source(models.TextChoices):
    """Where a value comes from; each has its own form of ``definition`` (``risk.engine``)."""

    SIGNALS = "signals", _("signals")
    FACTS = "facts", _("facts of registers")
    REGISTER = "register", _("the register of companies and sites")
    VISITS = "visits", _("earlier visits and their findings")
    LINKS = "links", _("links between companies and sites")
    CASES = "cases", _("operations and nominations")


class Direction(models.TextChoices):
    """What policy says of a higher value; points and learned weights have to follow it."""

    UP = "up", _("more means higher risk")
    DOWN = "down", _("more means lower risk")
    FREE = "free", _("neither")


class Missing(models.TextChoices):
    NOTHING = "nothing", _("no points, and coverage goes down")
    POINTS = "points", _("points of its own")


class IndicatorState(models.TextChoices):
    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    RETIRED = "retired", _("retired")


class IndicatorQuerySet(models.QuerySet["Indicator"]):
    def visible_to(self, actor: "Actor") -> "IndicatorQuerySet":
        """Shared ones, one's own, and of others those that were published and are not sealed.

        That a sealed indicator exists is told to nobody but its owner.
        """
        return self.filter(Q(authority=None) | Q(authority=actor.authority.pk) | Q(told=True))


class IndicatorVersionQuerySet(models.QuerySet["IndicatorVersion"]):
    def visible_to(self, actor: "Actor") -> "IndicatorVersionQuerySet":
        """One's own and shared ones in any state; of others the published ones, never sealed."""
        mine = Q(indicator__authority=None) | Q(indicator__authority=actor.authority.pk)
        others = ~Q(visibility=Visibility.SEALED) & ~Q(state=IndicatorState.DRAFT)
        return self.filter(mine | others)


class Indicator(models.Model):
    """One question about a target, over all its versions."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.SlugField(max_length=60, unique=True)
    # Empty: shared; it reads only what all may see.
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="risk_indicators"
    )
    # A version that is not sealed has been published: others may know of it.
    told = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IndicatorQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        verbose_name = _("indicator")
        verbose_name_plural = _("indicators")

    def __str__(self) -> str:
        return self.code


class IndicatorVersion(NamedModel):
    """What an indicator says from a day on. Never changed once published (trigger).

    ``definition``: form by ``source``, checked by ``risk.engine.definitions``.
    ``bins``: ``[{"below": number or null, "points": int}, ...]`` ascending, the last ``below`` null;
    or for texts ``[{"is": [codes], "points": int}, ..., {"is": null, "points": int}]``.
    A decay halves the points every ``half_life_days`` after the day of the value; ``cap`` is the
    most points (in absolute value) the indicator may give.
    ``sentence_*``: plain words with ``{value}`` in them, shown with each score.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    indicator = models.ForeignKey(Indicator, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=10, choices=IndicatorState.choices, default=IndicatorState.DRAFT
    )
    sentence_fi = models.CharField(max_length=300, blank=True)
    sentence_sv = models.CharField(max_length=300, blank=True)
    sentence_en = models.CharField(max_length=300, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    definition = models.JSONField(default=dict)
    direction = models.CharField(max_length=5, choices=Direction.choices, default=Direction.UP)
    bins = models.JSONField(default=list)
    missing = models.CharField(max_length=10, choices=Missing.choices, default=Missing.NOTHING)
    missing_points = models.SmallIntegerField(default=0)
    half_life_days = models.PositiveIntegerField(null=True, blank=True)
    cap = models.PositiveSmallIntegerField(null=True, blank=True)
    visibility = models.CharField(
        max_length=10, choices=Visibility.choices, default=Visibility.OPEN
    )
    # The legal ground for using this in selection: of the catalogue, or in words.
    ground = models.ForeignKey(
        GroundVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ground_text = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Ids of everybody who wrote in it: none of them publishes what is shared.
    writers = ArrayField(models.BigIntegerField(), default=list, blank=True)
    edits = models.PositiveIntegerField(default=1)  # for clashes of two editors
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = IndicatorVersionQuerySet.as_manager()

    class Meta:
        ordering = ["indicator", "-number"]
        verbose_name = _("version of an indicator")
        verbose_name_plural = _("versions of indicators")
        constraints = [
            models.UniqueConstraint(fields=["indicator", "number"], name="indicator_number"),
            models.UniqueConstraint(
                fields=["indicator"], condition=Q(state="draft"), name="indicator_one_draft"
            ),
            models.UniqueConstraint(
                fields=["indicator"], condition=Q(state="published"), name="indicator_one_published"
            ),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(published_at__isnull=False),
                name="indicator_published_when",
            ),
            # Whoever publishes names the ground of its use.
            models.CheckConstraint(
                condition=Q(state="draft") | Q(ground__isnull=False) | ~Q(ground_text=""),
                name="indicator_has_ground",
            ),
        ]

    @property
    def sentence(self) -> str:
        """The plain sentence in the reader's language, with ``{value}`` in it; empty without one."""
        texts = (getattr(self, f"sentence_{code}") for code in language_order())
        return next((text for text in texts if text), "")

    def open_to(self, authority_id: int | None) -> bool:
        """Whether an authority sees definition, bins, values and examples, and not the points alone."""
        owner = self.indicator.authority_id
        return owner is None or owner == authority_id or self.visibility == Visibility.OPEN
