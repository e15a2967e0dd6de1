"""The meeting in which participants choose together: who is there, what each says, the minutes."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from planning.models.operations import ChoiceState, Operation
from planning.querysets import MinutesQuerySet, OfMeetingQuerySet, SelectionPartQuerySet
from targets.models import Site


class MeetingState(models.TextChoices):
    OPEN = "open", _("under way")
    CLOSED = "closed", _("closed")


class Meeting(models.Model):
    """One meeting on an operation's selection; one at a time.

    ``quorum``: so many authorities have to be present for a decision. ``sha256``: of the canonical
    JSON of the minutes, set when the meeting is closed; nothing of it changes after that (triggers).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="meetings")
    number = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=MeetingState.choices, default=MeetingState.OPEN)
    quorum = models.PositiveSmallIntegerField()
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "number"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "number"], name="meeting_number_unique"),
            models.UniqueConstraint(
                fields=["operation"], condition=Q(state="open"), name="meeting_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True, sha256="")
                | (Q(state="closed", closed_at__isnull=False) & ~Q(sha256="")),
                name="meeting_closed_with_hash",
            ),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="meeting_quorum"),
        ]  # fmt: skip


class MeetingPlace(models.Model):
    """A person in the meeting for an authority, from when to when.

    ``heard_at``: when their page, or they, last gave a sign; ``lapsed``: they did not leave, nothing
    was heard of them any more.
    """

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="places")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    joined_at = models.DateTimeField(auto_now_add=True)
    heard_at = models.DateTimeField(default=timezone.now)
    left_at = models.DateTimeField(null=True, blank=True)
    lapsed = models.BooleanField(default=False)

    objects = OfMeetingQuerySet.as_manager()

    class Meta:
        ordering = ["meeting", "joined_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(lapsed=False) | Q(left_at__isnull=False), name="meeting_lapsed_when"
            ),
            models.UniqueConstraint(
                fields=["meeting", "user"], condition=Q(left_at__isnull=True),
                name="meeting_there_once",
            )
        ]  # fmt: skip


class ItemState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    OPEN = "open", _("being discussed")
    CLOSED = "closed", _("closed")


class AgendaItem(models.Model):
    """One site on the agenda. ``result`` empty on a closed one: left undecided.

    ``kept_off`` (authority ids): those whose veto keeps them off the visit, as it was closed.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="items")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    order = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.WAITING)
    result = models.CharField(max_length=20, choices=ChoiceState.choices, blank=True)
    reason = models.TextField(blank=True)
    kept_off = ArrayField(models.BigIntegerField(), default=list, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = OfMeetingQuerySet.as_manager()

    class Meta:
        ordering = ["meeting", "order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["meeting", "site"], name="agenda_site_once"),
            models.UniqueConstraint(
                fields=["meeting", "order"], name="agenda_order",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=["meeting"], condition=Q(state="open"), name="agenda_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True, result="")),
                name="agenda_closed_when",
            ),
            models.CheckConstraint(
                condition=Q(result="") | ~Q(reason=""), name="agenda_decided_why"
            ),
        ]  # fmt: skip


class VoiceState(models.TextChoices):
    CONSENT = "consent", _("consents")
    VETO = "veto", _("vetoes")


class Voice(models.Model):
    """What an authority says to one item; it may change until the item is closed."""

    item = models.ForeignKey(AgendaItem, on_delete=models.CASCADE, related_name="voices")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=VoiceState.choices)
    reason = models.TextField(blank=True)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    given_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["item", "authority"]
        constraints = [
            models.UniqueConstraint(fields=["item", "authority"], name="voice_once"),
            models.CheckConstraint(
                condition=Q(state="consent") | ~Q(reason=""), name="voice_veto_why"
            ),
        ]


class MinuteLine(models.Model):
    """One line of the minutes, written as it happens; never changed or removed (trigger).

    ``kind`` and ``data`` say what happened without any language (``planning.minutes`` has the
    words): names as they were then. ``site`` keeps the line from whoever is recused from it.
    """

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    data = models.JSONField(default=dict)

    objects = OfMeetingQuerySet.as_manager()

    class Meta:
        ordering = ["meeting", "number"]
        constraints = [
            models.UniqueConstraint(fields=["meeting", "number"], name="minutes_number_unique")
        ]


class Minutes(models.Model):
    """The minutes of a closed meeting as PDF/UA, one a language; never changed (trigger)."""

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="documents")
    language = models.CharField(max_length=2)
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    content = models.JSONField()  # what the PDF shows, for machines
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MinutesQuerySet.as_manager()

    class Meta:
        ordering = ["meeting", "language"]
        constraints = [
            models.UniqueConstraint(fields=["meeting", "language"], name="minutes_unique")
        ]
