"""Tasks, reminders and notifications: what people have to do, in every phase.

A task's subject is a plain reference (type, id, address) because tasks are made by rooms above
this one.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from worklist.querysets import (
    DigestQuerySet,
    NotificationQuerySet,
    ReminderQuerySet,
    TaskQuerySet,
)


class TaskState(models.TextChoices):
    NOT_STARTED = "not_started", _("Not started")
    IN_PROGRESS = "in_progress", _("In progress")
    WAITING = "waiting", _("Waiting for others")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")


OPEN_TASK_STATES = [TaskState.NOT_STARTED, TaskState.IN_PROGRESS, TaskState.WAITING]


class Task(models.Model):
    """Something to do by a local date, for a person or for those of a unit in a role."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # What kind of work, e.g. "planning.answer_invitation"; titles are built from it, translated.
    kind = models.CharField(max_length=80)
    title = models.CharField(max_length=300, blank=True)  # only for tasks made by hand
    note = models.TextField(blank=True)
    params = models.JSONField(default=dict)  # values for the title of a task made by a transition
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tasks",
    )
    unit = models.ForeignKey(
        "authorities.Unit", null=True, blank=True, on_delete=models.PROTECT, related_name="tasks"
    )
    role = models.CharField(max_length=20, blank=True)
    # Only the assignee may know of it, not even the managers of the authority.
    private = models.BooleanField(default=False)
    # The target it is about, if any: whoever is recused from it does not see the task.
    site_id = models.BigIntegerField(null=True, blank=True)
    company_id = models.BigIntegerField(null=True, blank=True)
    # The authority whose work this is; nobody else sees the task.
    authority = models.ForeignKey(
        "authorities.Authority", on_delete=models.PROTECT, related_name="tasks"
    )
    subject_type = models.CharField(max_length=80, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    subject_url = models.CharField(max_length=300, blank=True)  # path to the exact field
    due = models.DateField(null=True, blank=True)  # local date
    state = models.CharField(
        max_length=20, choices=TaskState.choices, default=TaskState.NOT_STARTED
    )
    # Same key, same task: a transition repeated makes no second one.
    key = models.CharField(max_length=200, unique=True, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    escalated_at = models.DateTimeField(null=True, blank=True)

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["due", "id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id"], name="task_subject"),
            models.Index(
                fields=["due"],
                name="task_open_due",
                condition=Q(state__in=["not_started", "in_progress", "waiting"]),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(assignee__isnull=False) | Q(unit__isnull=False),
                name="task_has_assignee",
            ),
            models.CheckConstraint(
                condition=Q(private=False) | Q(assignee__isnull=False), name="task_private_to_one"
            ),
            models.CheckConstraint(
                condition=Q(state__in=TaskState.values), name="task_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False)
                | (~Q(state="done") & Q(done_at__isnull=True)),
                name="task_done_when",
            ),
            models.CheckConstraint(
                condition=~Q(kind="manual") | ~Q(title=""), name="task_manual_has_title"
            ),
        ]

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_TASK_STATES

    def get_absolute_url(self) -> str:
        return reverse("worklist:task_detail", args=[self.public_id])


class DigestState(models.TextChoices):
    CLAIMED = "claimed", _("Claimed")  # nothing has been handed over yet
    SENDING = "sending", _("Being sent")  # stored just before the text is handed over
    SENT = "sent", _("Sent")
    EMPTY = "empty", _("Nothing left to say")
    RETRY = "retry", _("Will be tried again")  # the server refused, or was not there
    FAILED = "failed", _("Failed")  # given up for that day
    UNKNOWN = "unknown", _("Unknown")  # the sender died between handing over and recording


class Digest(models.Model):
    """One mail to one person for one local day. The unique key is what keeps it single."""

    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="digests"
    )
    day = models.DateField()
    state = models.CharField(max_length=20, choices=DigestState.choices)
    claimed_at = models.DateTimeField()  # of the present state; also tells one claim from another
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    message_id = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)

    objects = DigestQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "id"]
        indexes = [
            models.Index(
                fields=["state"],
                name="digest_unfinished",
                condition=Q(state__in=["claimed", "sending", "retry"]),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["recipient", "day"], name="digest_once_a_day"),
            models.CheckConstraint(
                condition=Q(state__in=DigestState.values), name="digest_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
                name="digest_sent_when",
            ),
            models.CheckConstraint(
                condition=Q(state="retry", next_attempt_at__isnull=False)
                | (~Q(state="retry") & Q(next_attempt_at__isnull=True)),
                name="digest_retry_when",
            ),
        ]


class Heartbeat(models.Model):
    """When a piece of machinery last did its work, and what went wrong if it did not."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]


class ReminderKind(models.TextChoices):
    DUE_SOON = "due_soon", _("Due soon")
    DUE_TODAY = "due_today", _("Due today")
    OVERDUE = "overdue", _("Overdue")
    ESCALATION = "escalation", _("Escalated to manager")
    NEW = "new", _("New task")


class Reminder(models.Model):
    """One reason to tell one person about one task on one local day."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="reminders")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reminders"
    )
    kind = models.CharField(max_length=20, choices=ReminderKind.choices)
    due = models.DateField()  # local date on which it should reach the recipient
    digest = models.ForeignKey(
        Digest, null=True, blank=True, on_delete=models.SET_NULL, related_name="reminders"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        ordering = ["due", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "recipient", "kind", "due"], name="reminder_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["due", "recipient"],
                name="reminder_waiting",
                condition=Q(digest__isnull=True),
            )
        ]


class Notification(models.Model):
    """A line in the inbox of the application, with the reason why this person gets it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notifications"
    )
    # The authority in whose service the person gets it; shown only while acting for it.
    authority = models.ForeignKey(
        "authorities.Authority", on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=80)
    params = models.JSONField(default=dict)
    url = models.CharField(max_length=300, blank=True)
    # The target it is about, if any: whoever is recused from it does not read it.
    site_id = models.BigIntegerField(null=True, blank=True)
    company_id = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    key = models.CharField(max_length=200, unique=True, null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["recipient"], name="notification_unread", condition=Q(read_at__isnull=True)
            )
        ]
