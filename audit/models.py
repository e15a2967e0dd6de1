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
    # The target it is about, if any: whoever is recused from it does not read the event.
    site_id = models.BigIntegerField(null=True)
    company_id = models.BigIntegerField(null=True)
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
            models.Index(
                fields=["site_id", "-at"], name="event_site", condition=Q(site_id__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject_type} {self.subject_id}"


class Purpose(models.Model):
    """Why a person looks at the non-public part of a case; asked once and remembered for a while.

    ``implied`` marks one that followed from work (a task, an operation) and was not typed in.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="purposes"
    )
    membership = models.ForeignKey(
        "authorities.Membership", on_delete=models.PROTECT, related_name="+"
    )
    authority = models.ForeignKey(
        "authorities.Authority", on_delete=models.PROTECT, related_name="+"
    )
    subject_type = models.CharField(max_length=80)
    subject_id = models.BigIntegerField()
    text = models.CharField(max_length=300)
    implied = models.BooleanField(default=False)
    stated_at = models.DateTimeField(auto_now_add=True)
    holds_until = models.DateTimeField()

    class Meta:
        ordering = ["-stated_at", "-id"]
        indexes = [
            models.Index(
                fields=["membership", "subject_type", "subject_id", "-holds_until"],
                name="purpose_of_case",
            )
        ]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="purpose_has_words")]


class AccessEntryQuerySet(models.QuerySet["AccessEntry"]):
    def visible_to(self, actor: "Actor") -> "AccessEntryQuerySet":
        """Looks at the authority's own data, and looks of its own people, for those who watch."""
        if not actor.has_role("administrator", "manager"):
            return self.none()
        pk = actor.authority.pk
        return self.filter(Q(owner_id=pk) | Q(authority_id=pk))


class AccessEntry(models.Model):
    """One look at non-public data. Never changed, never deleted (trigger and grants)."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="looks"
    )
    membership = models.ForeignKey(
        "authorities.Membership", on_delete=models.PROTECT, related_name="+"
    )
    authority = models.ForeignKey(
        "authorities.Authority", on_delete=models.PROTECT, related_name="looks"
    )
    # Whose data it was; null where no authority owns it.
    owner = models.ForeignKey(
        "authorities.Authority", null=True, on_delete=models.PROTECT, related_name="looked_at"
    )
    object_type = models.CharField(max_length=80)
    object_id = models.BigIntegerField(null=True)  # null: ``count`` further rows of this kind
    count = models.PositiveIntegerField(default=1)
    route = models.CharField(max_length=120)
    purpose = models.ForeignKey(
        Purpose, null=True, on_delete=models.PROTECT, related_name="entries"
    )
    request_id = models.CharField(max_length=64, blank=True)

    objects = AccessEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-at"], name="access_of_owner"),
            models.Index(fields=["authority", "-at"], name="access_by_authority"),
            models.Index(fields=["user", "-at"], name="access_by_user"),
        ]


class AccessLink(models.Model):
    """One link of the chain over the access log: the hash of an entry and of the link before."""

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3 … without gaps
    entry = models.OneToOneField(AccessEntry, on_delete=models.PROTECT, related_name="link")
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["number"]
