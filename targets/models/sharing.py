"""Giving, asking, handing over, and what is left when something has been erased."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority, GroundVersion
from authorities.models.powers import CODE
from targets.models.datasets import Dataset
from targets.models.register import Company, Site
from targets.models.signals import Signal
from targets.querysets import (
    DisclosureQuerySet,
    ErasureQuerySet,
    HandOverQuerySet,
    OfferQuerySet,
    RequestQuerySet,
)


class DisclosureState(models.TextChoices):
    ACTIVE = "active", _("In force")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")


class Disclosure(ClassifiedModel):
    """One item given to one authority on one ground; what the ground said is kept with it.

    The row outlives the item: after erasure it still says what kind was given, to whom and why.
    """

    owner_field = "giver_id"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.SET_NULL, related_name="disclosures"
    )
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.SET_NULL, related_name="disclosures"
    )
    item_erased_at = models.DateTimeField(null=True, blank=True)
    kind = models.CharField(max_length=CODE)
    giver = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="given")
    receiver = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="received")
    ground = models.ForeignKey(GroundVersion, on_delete=models.PROTECT, related_name="+")
    ground_text = models.TextField()  # as it stood that day, in the giver's language
    mode = models.CharField(max_length=CODE)
    on = models.DateField()  # the day whose law counts
    purpose = models.CharField(max_length=300)
    confirmed = ArrayField(models.CharField(max_length=CODE), default=list)  # conditions ticked
    expires_on = models.DateField()
    may_pass_on = models.BooleanField(default=False)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="passed_on"
    )
    # An operation of a room above, for whose sake it was given.
    context_type = models.CharField(max_length=80, blank=True)
    context_id = models.BigIntegerField(null=True, blank=True)
    state = models.CharField(
        max_length=20, choices=DisclosureState.choices, default=DisclosureState.ACTIVE
    )
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    given_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    received_at = models.DateTimeField(null=True, blank=True)

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        ordering = ["-given_at", "-id"]
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        indexes = [
            models.Index(
                fields=["signal", "receiver"], name="disclosure_signal",
                condition=Q(state="active"),
            ),
            models.Index(
                fields=["dataset", "receiver"], name="disclosure_dataset",
                condition=Q(state="active"),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(
                condition=Q(item_erased_at__isnull=False)
                | (Q(signal__isnull=True) ^ Q(dataset__isnull=True)),
                name="disclosure_one_item",
            ),
            models.CheckConstraint(
                condition=~Q(giver=F("receiver")), name="disclosure_not_to_itself"
            ),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True)
                | (~Q(state="active") & Q(ended_at__isnull=False)),
                name="disclosure_ended_when",
            ),
            models.UniqueConstraint(
                # By giver: another may have given the same before, unknown to this one.
                fields=["signal", "giver", "receiver", "context_type", "context_id"],
                condition=Q(state="active", signal__isnull=False), nulls_distinct=False,
                name="disclosure_once_signal",
            ),
            models.UniqueConstraint(
                fields=["dataset", "giver", "receiver", "context_type", "context_id"],
                condition=Q(state="active", dataset__isnull=False), nulls_distinct=False,
                name="disclosure_once_dataset",
            ),
            models.CheckConstraint(
                condition=Q(received_by__isnull=True, received_at__isnull=True)
                | Q(received_by__isnull=False, received_at__isnull=False),
                name="disclosure_receipt",
            ),
        ]  # fmt: skip


class RequestState(models.TextChoices):
    OPEN = "open", _("Waiting for an answer")
    ANSWERED = "answered", _("Answered")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Taken back")


class InformationRequest(ClassifiedModel):
    """One authority asks another for a kind of information on a target, with purpose and need."""

    owner_field = "asker_id"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    asker = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="asked")
    holder = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="asked_of")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=CODE)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ground = models.ForeignKey(GroundVersion, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=300)
    necessity = models.TextField()
    deadline = models.DateField()
    state = models.CharField(max_length=20, choices=RequestState.choices, default=RequestState.OPEN)
    answer = models.ForeignKey(
        Disclosure, null=True, blank=True, on_delete=models.PROTECT, related_name="answers"
    )
    answer_note = models.TextField(blank=True)  # of the refusal: its ground in words
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    overdue_told_at = models.DateTimeField(null=True, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        verbose_name = _("request for information")
        verbose_name_plural = _("requests for information")
        constraints = [
            models.CheckConstraint(condition=~Q(asker=F("holder")), name="request_not_of_itself"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "withdrawn"], answered_at__isnull=True)
                | Q(state="answered", answer__isnull=False, answered_at__isnull=False)
                | (Q(state="refused", answered_at__isnull=False) & ~Q(answer_note="")),
                name="request_answered_how",
            ),
            models.CheckConstraint(
                condition=~Q(purpose="") & ~Q(necessity=""), name="request_purpose_and_need"
            ),
            models.UniqueConstraint(
                fields=["asker", "holder", "kind", "company", "site"], condition=Q(state="open"),
                nulls_distinct=False, name="request_open_once",
            ),
        ]  # fmt: skip


class HandOverState(models.TextChoices):
    OFFERED = "offered", _("Waiting for an answer")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")
    LAPSED = "lapsed", _("Not answered in time")
    WITHDRAWN = "withdrawn", _("Taken back")


class RefusalClass(models.TextChoices):
    NO_COMPETENCE = "no_competence", _("not within our competence")
    NOT_ENOUGH = "not_enough", _("too little to act on")
    KNOWN = "known", _("already being dealt with")
    NO_CAPACITY = "no_capacity", _("no capacity now")
    OTHER = "other", _("another reason")


class HandOver(ClassifiedModel):
    """“This is yours to act on”: the receiver accepts or refuses with a reason in time."""

    owner_field = "sender_id"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.SET_NULL, related_name="handovers"
    )
    disclosure = models.ForeignKey(Disclosure, on_delete=models.PROTECT, related_name="handovers")
    # Of the signal; they stay when it is erased, so that a new signal shows earlier refusals.
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=CODE)
    secret = models.BooleanField(default=False)  # as the signal was, which may be out of sight
    sender = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="handed_over")
    receiver = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="taken_over")
    message = models.TextField(blank=True)
    deadline = models.DateField()
    state = models.CharField(
        max_length=20, choices=HandOverState.choices, default=HandOverState.OFFERED
    )
    reason_class = models.CharField(max_length=20, choices=RefusalClass.choices, blank=True)
    reason = models.TextField(blank=True)
    sent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    sent_at = models.DateTimeField(auto_now_add=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = HandOverQuerySet.as_manager()

    class Meta:
        ordering = ["-sent_at", "-id"]
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")
        constraints = [
            models.UniqueConstraint(
                fields=["signal", "receiver"],
                condition=Q(state__in=["offered", "accepted"], signal__isnull=False),
                name="handover_once",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | (~Q(reason_class="") & ~Q(reason="")),
                name="handover_refused_why",
            ),
            models.CheckConstraint(
                condition=Q(state="offered", answered_at__isnull=True)
                | (~Q(state="offered") & Q(answered_at__isnull=False)),
                name="handover_answered_when",
            ),
        ]


class OfferState(models.TextChoices):
    OPEN = "open", _("Waiting for a decision")
    ACCEPTED = "accepted", _("Given")
    POSTPONED = "postponed", _("Postponed")
    DECLINED = "declined", _("Not given")


class Offer(ClassifiedModel):
    """To a writer: another authority wants to know this, and a ground allows telling it unasked."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    signal = models.ForeignKey(Signal, on_delete=models.CASCADE, related_name="offers")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")  # owner
    receiver = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    ground = models.ForeignKey(GroundVersion, on_delete=models.PROTECT, related_name="+")
    duty = models.BooleanField(default=False)
    state = models.CharField(max_length=20, choices=OfferState.choices, default=OfferState.OPEN)
    reason = models.TextField(blank=True)
    postponed_to = models.DateField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(auto_now_add=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        ordering = ["signal", "-duty", "receiver", "id"]
        verbose_name = _("offer to tell")
        constraints = [
            models.UniqueConstraint(fields=["signal", "receiver"], name="offer_once"),
            models.CheckConstraint(
                condition=~Q(state="declined") | ~Q(reason=""), name="offer_declined_why"
            ),
            models.CheckConstraint(
                condition=~Q(state="postponed") | Q(postponed_to__isnull=False),
                name="offer_postponed_to",
            ),
        ]


class LegalHold(ClassifiedModel):
    """Stops erasure of a signal or data set, with a reason."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.CASCADE, related_name="legal_holds"
    )
    dataset = models.ForeignKey(
        Dataset, null=True, blank=True, on_delete=models.CASCADE, related_name="legal_holds"
    )
    reason = models.TextField()
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    placed_at = models.DateTimeField(auto_now_add=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-placed_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(signal__isnull=True) ^ Q(dataset__isnull=True), name="legal_hold_on_one"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="legal_hold_reason"),
            models.UniqueConstraint(
                fields=["signal"], condition=Q(lifted_at__isnull=True, signal__isnull=False),
                name="legal_hold_once_signal",
            ),
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(lifted_at__isnull=True, dataset__isnull=False),
                name="legal_hold_once_dataset",
            ),
        ]  # fmt: skip


class Erasure(models.Model):
    """Proof that something was erased on time: how many rows, and a hash over what they were.

    ``items`` are the public ids; ``digest`` is SHA-256 over ``public id:hash of the content`` of
    each, so that a copy kept elsewhere can be matched and nothing can be read back. Never changed.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=20)  # signal, dataset, facts
    item = models.UUIDField()
    retention = models.CharField(max_length=40, blank=True)
    expired_on = models.DateField()
    rows = models.PositiveIntegerField()  # with what hung on it
    files = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(auto_now_add=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        ordering = ["-erased_at", "-id"]
        verbose_name = _("proof of erasure")
        constraints = [models.UniqueConstraint(fields=["what", "item"], name="erased_once")]


class Recusal(models.Model):
    """A person kept away from a target for a conflict of interest: nothing of it exists for them.

    Enforced by the database itself on every table that names the target (``targets.walls``).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recusals"
    )
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=300)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-made_at", "-id"]
        verbose_name = _("recusal")
        constraints = [
            models.CheckConstraint(
                condition=Q(company__isnull=True) ^ Q(site__isnull=True), name="recusal_of_one"
            ),
            models.UniqueConstraint(
                fields=["user", "company", "site"], condition=Q(ended_at__isnull=True),
                nulls_distinct=False, name="recused_once",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="recusal_reason"),
        ]  # fmt: skip
