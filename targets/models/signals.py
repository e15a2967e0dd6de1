"""Signals: what somebody saw or was told, of one subject, owned by one authority."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority, Unit
from authorities.models.powers import CODE
from targets.models.register import Company, Site
from targets.querysets import OfSignalQuerySet, SignalQuerySet
from ui.names import NamedModel


class Indicator(NamedModel):
    """One of the ILO's indicators of forced labour. A reason to look, never a finding."""

    code = models.CharField(max_length=20, unique=True)
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["order", "code"]


class RetentionClass(NamedModel):
    """How long a signal of this class is kept, in days from the day it was observed."""

    code = models.SlugField(max_length=40, unique=True)
    days = models.PositiveIntegerField()

    class Meta:
        ordering = ["days", "code"]


class About(models.TextChoices):
    COMPANY = "company", _("a company")
    SITE = "site", _("a site")
    ROLE = "role", _("a person’s role")
    PHENOMENON = "phenomenon", _("a phenomenon")


class SourceType(models.TextChoices):
    OBSERVATION = "observation", _("own observation")
    REPORT = "report", _("somebody reported it")
    AUTHORITY = "authority", _("another authority")
    REGISTER = "register", _("a register")
    MEDIA = "media", _("media or open source")
    OTHER = "other", _("other source")


class Reliability(models.TextChoices):
    A = "A", _("A: fully reliable")
    B = "B", _("B: usually reliable")
    C = "C", _("C: fairly reliable")
    D = "D", _("D: not usually reliable")
    E = "E", _("E: unreliable")
    F = "F", _("F: cannot be judged")


class Accuracy(models.TextChoices):
    CONFIRMED = "1", _("1: confirmed by others")
    PROBABLE = "2", _("2: probably true")
    POSSIBLE = "3", _("3: possibly true")
    DOUBTFUL = "4", _("4: doubtful")
    IMPROBABLE = "5", _("5: improbable")
    UNKNOWN = "6", _("6: cannot be judged")


class Classification(models.TextChoices):
    INTERNAL = "internal", _("internal")
    CONFIDENTIAL = "confidential", _("confidential")
    SECRET = "secret", _("secret")  # a class of information, no password


class Signal(ClassifiedModel):
    """A single item. Never holds a name or a personal identity code; see ``services.signals``."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client_id = models.UUIDField(default=uuid.uuid4)  # a request sent again makes no second one
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="signals")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=20, choices=About.choices)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="signals"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="signals"
    )
    topic = models.CharField(max_length=200, blank=True)  # the role or the phenomenon
    kind = models.CharField(max_length=CODE)  # kind of information, a Term
    source_type = models.CharField(max_length=20, choices=SourceType.choices)
    reliability = models.CharField(max_length=1, choices=Reliability.choices)
    accuracy = models.CharField(max_length=1, choices=Accuracy.choices)
    observed_on = models.DateField()
    text = models.TextField()
    classification = models.CharField(
        max_length=20, choices=Classification.choices, default=Classification.CONFIDENTIAL
    )
    purpose = models.CharField(max_length=300)
    retention = models.ForeignKey(RetentionClass, on_delete=models.PROTECT, related_name="+")
    expires_on = models.DateField()  # the last day; erased after it
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ["-observed_on", "-id"]
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        indexes = [
            models.Index(fields=["authority", "-observed_on", "-id"], name="signal_of_authority"),
            # The list reads newest first through the walls and stops at the end of the page.
            models.Index(fields=["-observed_on", "-id"], name="signal_by_day"),
            models.Index(fields=["expires_on"], name="signal_expiry"),
            # The few that have a topic of their own; the search looks through their words.
            models.Index(
                fields=["-observed_on"], name="signal_by_topic", condition=~models.Q(topic="")
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["authority", "client_id"], name="signal_sent_once"),
            models.CheckConstraint(
                condition=Q(about="company", company__isnull=False, site__isnull=True, topic="")
                | Q(about="site", site__isnull=False, company__isnull=True, topic="")
                | (
                    Q(about__in=["role", "phenomenon"], company__isnull=True, site__isnull=True)
                    & ~Q(topic="")
                ),
                name="signal_one_subject",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="signal_has_text"),
            models.CheckConstraint(condition=~Q(purpose=""), name="signal_has_purpose"),
            models.CheckConstraint(
                condition=Q(expires_on__gte=models.F("observed_on")), name="signal_expires_later"
            ),
        ]

    def __str__(self) -> str:
        return self.subject_name

    @property
    def subject_name(self) -> str:
        if self.company_id:
            return str(self.company)
        if self.site_id:
            return str(self.site)
        return self.topic


class Seen(models.TextChoices):
    SEEN = "seen", _("seen")
    NOT_SEEN = "not_seen", _("looked for, not seen")
    NOT_CHECKED = "not_checked", _("not checked")


class SignalIndicator(models.Model):
    """Whether an indicator was seen. Not checked is an answer of its own, never a no."""

    signal = models.ForeignKey(Signal, on_delete=models.CASCADE, related_name="indicators")
    indicator = models.ForeignKey(Indicator, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=20, choices=Seen.choices)

    class Meta:
        ordering = ["signal", "indicator__order"]
        constraints = [
            models.UniqueConstraint(fields=["signal", "indicator"], name="signal_indicator_unique")
        ]


class SignalFile(ClassifiedModel):
    """An attachment; the file lies outside anything served and is handed out by a view only."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="files")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=200)
    file = models.FileField(upload_to="signals/")
    content_type = models.CharField(max_length=80)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    objects = OfSignalQuerySet.as_manager()

    class Meta:
        ordering = ["signal", "id"]
        verbose_name = _("attachment")
        constraints = [
            models.UniqueConstraint(fields=["signal", "sha256"], name="signal_file_once")
        ]
