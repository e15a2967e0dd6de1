"""Keeping a target out: availability, reservations, holds, and visits that meet at one place.

What everybody sees is ``Availability``: one state and one wording, whatever the cause. The causes
(``Reservation``, ``Hold``) belong to one authority; a silent hold only to the people cleared for it.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority
from planning.models.operations import Operation, PlannedVisit
from planning.querysets import (
    AvailabilityQuerySet,
    HoldAlertQuerySet,
    HoldQuerySet,
    OverlapQuerySet,
    ReservationQuerySet,
)
from targets.models import Company, Site


class AvailabilityState(models.TextChoices):
    CHECKING = "checking", _("Being checked")
    AVAILABLE = "available", _("Available")
    NOT_AVAILABLE = "not_available", _("Not available for this round")


class Availability(models.Model):
    """Whether a nominated site can be selected in an operation; decided by a sweep, never in a request.

    ``due_at`` falls on the same instants for every site, so that waiting tells nothing.
    """

    operation = models.ForeignKey(
        Operation, on_delete=models.CASCADE, related_name="availabilities"
    )
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="availabilities")
    state = models.CharField(
        max_length=20, choices=AvailabilityState.choices, default=AvailabilityState.CHECKING
    )
    due_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)
    # Told on purpose: whom to call about a named hold, or under which conditions to go.
    told = models.TextField(blank=True)

    objects = AvailabilityQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "site"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "site"], name="availability_unique"),
            models.CheckConstraint(
                condition=Q(state="checking") | Q(checked_at__isnull=False),
                name="availability_checked_when",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="availability_due")]


class Reservation(ClassifiedModel):
    """A participating authority sets a target aside in one operation, telling nobody why."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="reservations")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="reservations")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)  # the authority's own
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-id"]
        verbose_name = _("reservation")
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "site", "authority"], condition=Q(ended_at__isnull=True),
                name="reserved_once",
            )
        ]  # fmt: skip


class HoldKind(models.TextChoices):
    NAMED = "named", _("named: others see whom to call")
    SILENT = "silent", _("silent: nobody else can tell")


class HoldState(models.TextChoices):
    ACTIVE = "active", _("Keeps the target out")
    CONDITIONAL = "conditional", _("Open under conditions")
    RELEASED = "released", _("Released")


class Hold(ClassifiedModel):
    """An authority keeps a site, or every site of a company, out of selection."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="holds")
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="holds"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="holds"
    )
    kind = models.CharField(max_length=10, choices=HoldKind.choices)
    state = models.CharField(max_length=20, choices=HoldState.choices, default=HoldState.ACTIVE)
    liaison = models.CharField(max_length=200)  # whom to call
    reason = models.TextField()  # the cleared people's own
    conditions = models.TextField(blank=True)  # told to the operation when conditional
    answer_days = models.PositiveSmallIntegerField(default=2)
    superior = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now_add=True)
    version = models.PositiveIntegerField(default=1)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-set_at", "-id"]
        verbose_name = _("hold")
        constraints = [
            models.CheckConstraint(
                condition=Q(company__isnull=True) ^ Q(site__isnull=True), name="hold_on_one"
            ),
            models.CheckConstraint(
                condition=~Q(state="conditional") | ~Q(conditions=""), name="hold_conditions_said"
            ),
            models.CheckConstraint(
                condition=Q(answer_days__gte=1, answer_days__lte=30), name="hold_answer_days"
            ),
        ]


class HoldPerson(models.Model):
    """Somebody cleared for a hold; for a silent one nobody else can tell that it exists."""

    hold = models.ForeignKey(Hold, on_delete=models.CASCADE, related_name="people")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["hold", "id"]
        constraints = [models.UniqueConstraint(fields=["hold", "user"], name="cleared_once")]


class HoldEntry(models.Model):
    """What happened to a hold. Kept here and not among the events, which more people may read."""

    hold = models.ForeignKey(Hold, on_delete=models.CASCADE, related_name="entries")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    what = models.CharField(max_length=20)
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-id"]


class HoldAlert(models.Model):
    """A held target was nominated: the cleared people are asked, then the superior; never opens."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    hold = models.ForeignKey(Hold, on_delete=models.CASCADE, related_name="alerts")
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    due = models.DateField()
    made_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answer = models.CharField(max_length=20, blank=True)  # keep, release, convert, conditions
    escalations = models.PositiveSmallIntegerField(default=0)

    objects = HoldAlertQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["hold", "operation", "site"], name="hold_alert_once"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="")
                | (Q(answered_at__isnull=False) & ~Q(answer="")),
                name="hold_alert_answered",
            ),
        ]


class OverlapState(models.TextChoices):
    OFFERED = "offered", _("Merge offered")
    MERGED = "merged", _("Merged")
    DECLINED = "declined", _("Not merged")


class Overlap(models.Model):
    """Two open operations plan the same site in nearby weeks; both are told and offered a merge."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    first = models.ForeignKey(PlannedVisit, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(PlannedVisit, on_delete=models.CASCADE, related_name="+")
    first_operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    second_operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(
        max_length=20, choices=OverlapState.choices, default=OverlapState.OFFERED
    )
    first_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    second_accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    declined_by = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.TextField(blank=True)
    found_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = OverlapQuerySet.as_manager()

    class Meta:
        ordering = ["-found_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="overlap_unique"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="overlap_in_order"),
            models.CheckConstraint(
                condition=~Q(state="declined") | (Q(declined_by__isnull=False) & ~Q(reason="")),
                name="overlap_declined_why",
            ),
            models.CheckConstraint(
                condition=~Q(state="merged")
                | Q(first_accepted_by__isnull=False, second_accepted_by__isnull=False),
                name="overlap_merged_by_both",
            ),
        ]
