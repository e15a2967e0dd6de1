"""Append-only record of what was done, by whom and for which authority."""

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from authorities.actors import Actor


class EventQuerySet(models.QuerySet["Event"]):
    def about(self, obj: models.Model) -> "EventQuerySet":
        """Events whose subject, or whose wider context, is ``obj``."""
        label = obj._meta.label_lower
        return self.filter(
            Q(subject_type=label, subject_id=obj.pk) | Q(context_type=label, context_id=obj.pk)
        )

    def visible_to(self, actor: "Actor") -> "EventQuerySet":
        """Events open to everybody who may see the subject, or addressed to the actor's authority.

        Seeing the subject itself is checked by the caller (``about`` takes an object already
        fetched through its own ``visible_to``).
        """
        return self.filter(Q(audience__isnull=True) | Q(audience__contains=[actor.authority.pk]))


class Event(models.Model):
    """One thing that happened. Never changed, never deleted (enforced by trigger and grants)."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    membership = models.ForeignKey(
        "authorities.Membership", null=True, on_delete=models.PROTECT, related_name="+"
    )
    authority = models.ForeignKey(
        "authorities.Authority", null=True, on_delete=models.PROTECT, related_name="+"
    )
    verb = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=80, blank=True)
    subject_id = models.BigIntegerField(null=True)
    context_type = models.CharField(max_length=80, blank=True)
    context_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    # Null: everybody who may see the subject. Else the authorities (ids) that may read the event.
    audience = ArrayField(models.BigIntegerField(), null=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "-at"], name="event_subject"),
            models.Index(fields=["context_type", "context_id", "-at"], name="event_context"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type} {self.subject_id}"
