"""Who and what can go out: absences, skills, vehicles, opening hours, and plans of whole rounds."""

import uuid

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Area, Authority, Membership
from planning.models.operations import InspectionDay, Operation
from planning.models.spans import one_at_a_time
from planning.querysets import AbsenceQuerySet, DayPlanQuerySet, VehicleQuerySet
from targets.models import Site


class Vehicle(models.Model):
    """A car or van of an authority; both dates empty: in use for now."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="vehicles")
    name = models.CharField(max_length=80)
    seats = models.PositiveSmallIntegerField()
    in_use_from = models.DateField(null=True, blank=True)
    in_use_to = models.DateField(null=True, blank=True)

    objects = VehicleQuerySet.as_manager()

    class Meta:
        ordering = ["authority", "name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["authority", "name"], name="vehicle_unique"),
            models.CheckConstraint(condition=Q(seats__gte=1), name="vehicle_seats"),
            models.CheckConstraint(
                condition=Q(in_use_from__isnull=True) | Q(in_use_to__isnull=True)
                | Q(in_use_to__gte=F("in_use_from")),
                name="vehicle_dates",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class DayVehicle(models.Model):
    """A vehicle on a day. Date and times are kept equal to the day's by the database."""

    day = models.ForeignKey(InspectionDay, on_delete=models.CASCADE, related_name="vehicles")
    vehicle = models.ForeignKey(Vehicle, on_delete=models.PROTECT, related_name="days")
    date = models.DateField()
    starts_at = models.TimeField(null=True, blank=True)
    ends_at = models.TimeField(null=True, blank=True)
    released = models.BooleanField(default=False)

    class Meta:
        ordering = ["day", "id"]
        constraints = [one_at_a_time("vehicle", "vehicle_once")]


class AbsenceKind(models.TextChoices):
    """What keeps a person; nothing of health or family belongs here."""

    AWAY = "away", _("away")
    TRAINING = "training", _("training")
    DUTY = "duty", _("other duty")


class Absence(models.Model):
    """Days, first and last included, on which a person cannot be on a team. Own authority's alone."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences"
    )
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    starts_on = models.DateField()
    ends_on = models.DateField()
    kind = models.CharField(max_length=10, choices=AbsenceKind.choices, default=AbsenceKind.AWAY)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering = ["starts_on", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="absence_dates"),
            models.CheckConstraint(condition=Q(kind__in=AbsenceKind.values), name="absence_kind"),
            ExclusionConstraint(
                name="absence_once",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    (
                        Func(F("starts_on"), F("ends_on"),
                             RangeBoundary(inclusive_lower=True, inclusive_upper=True),
                             function="DATERANGE", output_field=DateRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]  # fmt: skip


class PersonSkills(models.Model):
    """What a person brings to a team. ``languages``: names in small letters ("vietnam", "viro")."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills"
    )
    languages = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    may_drive = models.BooleanField(default=False)


class SiteHours(models.Model):
    """When a site is open on a weekday (0 Monday … 6 Sunday), local time.

    A site without rows: not known. One with rows: closed on the weekdays that have none.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        ordering = ["site", "weekday", "opens"]
        constraints = [
            models.UniqueConstraint(fields=["site", "weekday"], name="hours_unique"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="hours_weekday"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="hours_order"),
        ]


class TravelTime(models.Model):
    """Minutes by road between two municipalities, as loaded; it holds in both directions."""

    first = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="+")
    minutes = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["first", "second"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="travel_time_unique"),
            models.CheckConstraint(condition=~Q(first=F("second")), name="travel_time_apart"),
        ]


class PlanState(models.TextChoices):
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("being planned")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    UNDONE = "undone", _("undone")


class DayPlan(models.Model):
    """One planning of all days of a round: what was asked, how far it is, what found no place.

    Asked by a person in a membership, with whose eyes the work is done wherever it runs.
    ``starts_at``, ``ends_at``: working hours; ``minutes``: length of a visit. ``left``: rows
    {"site": id, "code": why}.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="day_plans")
    asked_by = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    starts_at = models.TimeField()
    ends_at = models.TimeField()
    minutes = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=PlanState.choices, default=PlanState.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    left = models.JSONField(default=list)
    message = models.TextField(blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DayPlanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=PlanState.values), name="day_plan_state"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="day_plan_hours"),
            models.CheckConstraint(
                condition=Q(minutes__gte=5, minutes__lte=600), name="day_plan_minutes"
            ),
            models.UniqueConstraint(
                fields=["operation"], condition=Q(state__in=["queued", "running"]),
                name="day_plan_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"]) | Q(finished_at__isnull=False),
                name="day_plan_finished_when",
            ),
        ]  # fmt: skip
