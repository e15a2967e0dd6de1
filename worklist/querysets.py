"""Who sees which task, reminder and notification."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from authorities.actors import Actor
    from worklist.models import (  # noqa: F401  # named in the classes' brackets
        Digest,
        Notification,
        Reminder,
        Task,
    )

OPEN_STATES = ["not_started", "in_progress", "waiting"]


class TaskQuerySet(models.QuerySet["Task"]):
    def visible_to(self, actor: "Actor") -> "TaskQuerySet":
        """Tasks of the acting authority; administrators and managers see their authority's all.

        Others see what is theirs or their unit's.
        """
        own = self.filter(authority_id=actor.authority.pk).filter(
            Q(private=False) | Q(assignee_id=actor.user.pk)
        )
        if actor.has_role("manager", "administrator", "coordinator"):
            return own
        return own.filter(
            Q(assignee_id=actor.user.pk) | Q(unit_id=actor.unit.pk, role__in=["", *actor.roles])
        )

    def mine(self, actor: "Actor") -> "TaskQuerySet":
        """Open tasks that this person can do: own ones, and their unit's for their roles."""
        return self.filter(
            Q(assignee_id=actor.user.pk)
            | Q(assignee__isnull=True, unit_id=actor.unit.pk, role__in=["", *actor.roles]),
            authority_id=actor.authority.pk,
            state__in=OPEN_STATES,
        )

    def open(self) -> "TaskQuerySet":
        return self.filter(state__in=OPEN_STATES)

    def overdue(self, day: dt.date | None = None) -> "TaskQuerySet":
        return self.open().filter(due__lt=day or timezone.localdate())


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def waiting(self) -> "ReminderQuerySet":
        return self.filter(digest__isnull=True)


class DigestQuerySet(models.QuerySet["Digest"]):
    def visible_to(self, actor: "Actor") -> "DigestQuerySet":
        """Mails to people of the authority, for its administrators; nobody else sees any."""
        if not actor.has_role("administrator"):
            return self.none()
        # Sub-select, not a join: a person with two places must not come twice.
        places = type(actor.membership).objects.filter(authority_id=actor.authority.pk)
        return self.filter(recipient_id__in=places.values("user_id"))

    def troubled(self) -> "DigestQuerySet":
        """Mails that did not go out, or of which nobody knows."""
        return self.filter(state__in=["retry", "failed", "unknown"])


class NotificationQuerySet(models.QuerySet["Notification"]):
    def visible_to(self, actor: "Actor") -> "NotificationQuerySet":
        return self.filter(recipient_id=actor.user.pk, authority_id=actor.authority.pk)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at__isnull=True)
