"""Phase 1: an operation, who takes part, what they nominate, what is chosen, signed and planned."""

import secrets
import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from authorities.models import Area, Authority, Unit
from planning.models.spans import one_at_a_time
from planning.querysets import (
    DecisionRecordQuerySet,
    InspectionDayQuerySet,
    NominationQuerySet,
    OperationQuerySet,
    ParticipationQuerySet,
)
from risk.models import Arm
from targets.models import Industry, Site


class OperationState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    INVITING = "inviting", _("Inviting authorities")
    NOMINATING = "nominating", _("Nominating targets")
    SELECTING = "selecting", _("Selecting targets")
    SIGNING = "signing", _("Waiting for sign-off")
    SCHEDULED = "scheduled", _("Scheduled")
    EXECUTING = "executing", _("Inspections under way")
    FEEDBACK = "feedback", _("Feedback and follow-up")
    CLOSED = "closed", _("Closed")
    CANCELLED = "cancelled", _("Cancelled")


class Operation(models.Model):
    """One round of planning, execution and feedback."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=20, unique=True)  # "2026-014", shown to people
    name = models.CharField(max_length=200)
    theme = models.CharField(max_length=200)
    aim = models.TextField()
    legal_purpose = models.TextField()
    industries = models.ManyToManyField(Industry, blank=True, related_name="operations")
    regions = models.ManyToManyField(Area, related_name="operations")
    window_start = models.DateField()
    window_end = models.DateField()
    answer_by = models.DateField()  # invitations
    nominate_by = models.DateField()
    lead_authority = models.ForeignKey(
        Authority, on_delete=models.PROTECT, related_name="led_operations"
    )
    lead_unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL,  # type: ignore[attr-defined]  # taken for Operation.settings
        on_delete=models.PROTECT,
        related_name="led_operations",
    )
    state = models.CharField(
        max_length=20, choices=OperationState.choices, default=OperationState.DRAFT
    )
    cancel_reason = models.TextField(blank=True)
    # Whether other authorities that plan the same site may be told, so that visits can be merged.
    visits_open = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)  # for clashes of two editors
    round = models.PositiveSmallIntegerField(default=1)  # of selection; reopening starts a new one
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,  # type: ignore[attr-defined]  # as above
        on_delete=models.PROTECT,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = OperationQuerySet.as_manager()

    class Meta:
        ordering = ["-window_start", "-id"]
        default_permissions = ()
        permissions = [
            ("view_operation", "view"),
            ("nominate_operation", "nominate targets"),
            ("sign_operation", "sign the selection"),
            ("record_operation", "record results"),
            ("manage_operation", "manage"),
        ]
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=OperationState.values), name="operation_state_known"
            ),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="operation_window"
            ),
            models.CheckConstraint(
                condition=~Q(state="cancelled") | ~Q(cancel_reason=""),
                name="operation_cancelled_why",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at__isnull=True)),
                name="operation_closed_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class OperationUserObjectPermission(UserObjectPermissionBase):
    """Direct grants to people; unused by the rules, present because guardian pairs the two."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        abstract = False


class OperationGroupObjectPermission(GroupObjectPermissionBase):
    """A grant on one operation to a unit's role group; given and taken by participation."""

    content_object = models.ForeignKey(Operation, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        abstract = False


class ParticipationState(models.TextChoices):
    INVITED = "invited", _("Invited")
    ACCEPTED = "accepted", _("Takes part")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrew")


class Participation(models.Model):
    """One authority's place in an operation; the lead has one too."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(
        Operation, on_delete=models.CASCADE, related_name="participations"
    )
    authority = models.ForeignKey(
        Authority, on_delete=models.PROTECT, related_name="participations"
    )
    # The unit asked; on acceptance the authority may name another of its own.
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="participations")
    is_lead = models.BooleanField(default=False)
    state = models.CharField(
        max_length=20, choices=ParticipationState.choices, default=ParticipationState.INVITED
    )
    message = models.TextField(blank=True)  # of the invitation
    answer_note = models.TextField(blank=True)  # reason of a refusal, or a word to the lead
    inspector_days_per_week = models.DecimalField(
        max_digits=5, decimal_places=1, null=True, blank=True
    )
    competences = models.TextField(blank=True)
    contact = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    invited_at = models.DateTimeField(auto_now_add=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = ParticipationQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "-is_lead", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "authority"], name="participation_unique"),
            models.UniqueConstraint(
                fields=["operation"], condition=Q(is_lead=True), name="participation_one_lead"
            ),
            models.CheckConstraint(
                condition=Q(state="invited", answered_at__isnull=True)
                | (~Q(state="invited") & Q(answered_at__isnull=False, answered_by__isnull=False)),
                name="participation_answered_by",
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(inspector_days_per_week__isnull=False),
                name="participation_capacity",
            ),
        ]


class NominationState(models.TextChoices):
    ACTIVE = "active", _("Nominated")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Nomination(models.Model):
    """One authority's proposal of one site.

    ``reason`` and ``rating`` are shown to all participants; ``own_note`` only to the nominator's
    authority.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="nominations")
    participation = models.ForeignKey(
        Participation, on_delete=models.PROTECT, related_name="nominations"
    )
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="nominations")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="nominations")
    reason = models.TextField()
    rating = models.PositiveSmallIntegerField()  # 1 (low) .. 5 (very high), the authority's own
    own_note = models.TextField(blank=True)
    state = models.CharField(
        max_length=20, choices=NominationState.choices, default=NominationState.ACTIVE
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    objects = NominationQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "site", "authority", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "authority", "site"], name="nomination_unique"
            ),
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5), name="nomination_rating"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="nomination_reason"),
        ]


class ChoiceState(models.TextChoices):
    PICKED = "picked", _("Selected")
    DROPPED = "dropped", _("Left out")


class TargetChoice(models.Model):
    """What people decided on one candidate, with the score as it stood at that moment.

    Of a picked one: who goes (``team``, authority ids) and in which week (a Monday; empty: any in
    the window). ``as_proposed``: exactly as ``run`` proposed it; anything else needs a reason from
    the person who decides. ``arm`` and ``probability`` say how it came about, for what is learned.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="choices")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="choices")
    state = models.CharField(max_length=20, choices=ChoiceState.choices)
    team = ArrayField(models.BigIntegerField(), default=list, blank=True)
    week = models.DateField(null=True, blank=True)
    run = models.ForeignKey(
        "planning.SelectionRun", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    as_proposed = models.BooleanField(default=False)
    arm = models.CharField(max_length=10, choices=Arm.choices, default=Arm.CHOSEN)
    probability = models.FloatField(null=True, blank=True)
    reason = models.TextField(blank=True)
    code = models.CharField(max_length=30, blank=True)  # kind of the reason for a deviation
    version = models.PositiveIntegerField(default=1)  # for clashes of two people on the board
    points = models.DecimalField(max_digits=6, decimal_places=1, null=True)
    contributions = models.JSONField(default=list)
    rank = models.PositiveIntegerField(null=True)  # on the joint list when decided
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_for = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["operation", "rank", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "site"], name="choice_unique"),
            models.CheckConstraint(
                condition=~Q(reason="") | Q(as_proposed=True, run__isnull=False),
                name="choice_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="picked") | Q(team=[], week__isnull=True), name="choice_team"
            ),
            models.CheckConstraint(
                condition=~Q(arm="random") | Q(probability__isnull=False), name="choice_drawn"
            ),
        ]


class SignOff(models.Model):
    """A participating authority's manager accepts the selection; one per authority and round.

    ``selection_hash`` ties the signature to exactly what was signed, ``part_hash`` to what of it
    touches the authority. A reopened selection starts a new ``round``; an authority whose part is
    the same then keeps its signature: a row with ``carried_from``, the one that was written.
    ``method``: how the person proved who they are, as "password+totp".
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="signoffs")
    participation = models.ForeignKey(
        Participation, on_delete=models.PROTECT, related_name="signoffs"
    )
    round = models.PositiveSmallIntegerField(default=1)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    signed_at = models.DateTimeField(auto_now_add=True)
    selection_hash = models.CharField(max_length=64)
    part_hash = models.CharField(max_length=64, blank=True)  # empty: signed before there were parts
    carried_from = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="carried"
    )
    method = models.CharField(max_length=60, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["operation", "round", "signed_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["participation", "round"], name="signoff_once_per_round"
            ),
            models.CheckConstraint(
                condition=Q(carried_from__isnull=True) | ~Q(part_hash=""),
                name="signoff_carried_part",
            ),
        ]


class DecisionRecord(models.Model):
    """The signed decision as PDF/UA, one per operation, round and language; never changed."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(
        Operation, on_delete=models.PROTECT, related_name="decision_records"
    )
    round = models.PositiveSmallIntegerField(default=1)
    language = models.CharField(max_length=2)
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    content = models.JSONField()  # what the PDF shows, for machines
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DecisionRecordQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "round", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "round", "language"], name="decision_record_unique"
            )
        ]


class InspectionDay(models.Model):
    """One team on one local date, visiting planned sites in order.

    ``plan``: the planning that made it as a draft; ``by_hand``: a person made it or has changed it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="days")
    date = models.DateField()
    team_name = models.CharField(max_length=80)
    team_lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    meeting_point = models.CharField(max_length=200, blank=True)
    starts_at = models.TimeField(null=True, blank=True)
    ends_at = models.TimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    plan = models.ForeignKey(
        "planning.DayPlan", null=True, blank=True, on_delete=models.SET_NULL, related_name="days"
    )
    by_hand = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    objects = InspectionDayQuerySet.as_manager()

    class Meta:
        ordering = ["date", "team_name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "date", "team_name"], name="inspection_day_unique"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at")),
                name="inspection_day_hours",
            ),
        ]  # fmt: skip


class TeamMember(models.Model):
    """A person on a day's team: on one at a time, over all operations.

    Two teams on one date are possible only where both days have a start and an end that do not
    meet. Date and times are kept equal to the day's by the database; ``released``: the operation
    was cancelled, so the person is free again.
    """

    day = models.ForeignKey(InspectionDay, on_delete=models.CASCADE, related_name="members")
    date = models.DateField()
    starts_at = models.TimeField(null=True, blank=True)
    ends_at = models.TimeField(null=True, blank=True)
    released = models.BooleanField(default=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="team_places"
    )
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["day", "id"]
        constraints = [
            one_at_a_time("user", "one_team_at_a_time"),
            models.UniqueConstraint(fields=["day", "user"], name="team_member_unique"),
        ]


class PlannedVisit(models.Model):
    """A chosen site on a day, in visiting order, with the authorities that come along.

    ``starts_at``: planned local time of arrival, ``minutes`` how long it takes, ``travel_minutes``
    from the visit before (empty: not known).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(
        Operation, on_delete=models.CASCADE, related_name="planned_visits"
    )
    day = models.ForeignKey(InspectionDay, on_delete=models.CASCADE, related_name="visits")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="planned_visits")
    order = models.PositiveSmallIntegerField()
    starts_at = models.TimeField(null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(default=90)
    travel_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.TextField(blank=True)
    # Stopped without a reason; re-dating the visit clears it.
    postponed_at = models.DateTimeField(null=True, blank=True)
    # Made together with another operation's visit to the same site.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )

    class Meta:
        ordering = ["day", "order", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "site"], name="planned_once"),
            models.UniqueConstraint(
                fields=["day", "order"],
                name="planned_order",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=5, minutes__lte=600), name="planned_minutes"
            ),
        ]

    @property
    def goes(self) -> bool:
        """Whether the day's team goes there: not postponed, not made by another operation."""
        return self.postponed_at is None and self.merged_into_id is None


def _token() -> str:
    return secrets.token_urlsafe(32)


class CalendarFeed(models.Model):
    """A person's unguessable, revocable calendar address."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    token = models.CharField(max_length=64, unique=True, default=_token)
    created_at = models.DateTimeField(auto_now_add=True)


class OperationCounter(models.Model):
    """Next running number of a year; locked while an operation is made."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)
