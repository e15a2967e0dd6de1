"""By what right: competences, grounds for disclosure, and the words that go with them.

Codes of vocabularies (kinds of information, actions, premises, conditions) travel as text in every
room; their words are rows of ``Term``. Nothing here is code: law changes by adding dated rows.
"""

import datetime as dt
import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from authorities.models.organisation import (
    Area,
    Authority,
    DatedModel,
    DatedQuerySet,
    dates_in_order,
)
from ui.names import NamedModel, language_order

if TYPE_CHECKING:
    from authorities.actors import Actor

CODE = 60


class TermKind(models.TextChoices):
    PREMISES = "premises", _("kind of place")
    ACTION = "actions", _("action")
    NOTICE = "notice", _("prior notice")
    MODE = "modes", _("way of giving")
    FORCE = "force", _("force")
    INFORMATION = "information", _("kind of information")
    REQUIRES = "requires", _("condition")


class Term(NamedModel):
    """A word of a vocabulary in three languages."""

    kind = models.CharField(max_length=20, choices=TermKind.choices)
    code = models.CharField(max_length=CODE)
    order = models.PositiveSmallIntegerField(default=0)
    # A condition so narrow that the ground is an exception and not the answer (consent, danger …).
    narrow = models.BooleanField(default=False)

    class Meta:
        ordering = ["kind", "order", "code"]
        constraints = [models.UniqueConstraint(fields=["kind", "code"], name="term_unique")]


class AuthorityGroup(NamedModel):
    """A name in grounds for many authorities: by their codes, or all but some kinds.

    ``label`` describes it at length, as the starter file does; ``name`` is shown where it has one.
    """

    name_fi = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=CODE, unique=True)
    label = models.TextField()
    members = ArrayField(models.CharField(max_length=CODE), default=list)
    # Given instead of members: every authority whose kind is none of these.
    all_but_kinds = ArrayField(models.CharField(max_length=40), default=list)
    # What it said before, oldest first: [{"until": ISO moment, "members", "all_but_kinds"}].
    earlier = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(members__len=0) ^ Q(all_but_kinds__len=0), name="group_one_rule"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.label

    def rule(self, known_at: dt.datetime | None = None) -> tuple[list[str], list[str]]:
        """Members, and kinds left out, as the group read at a moment (default now).

        A group that changes would else change past answers with it.
        """
        if known_at is not None:
            for past in self.earlier:
                if known_at < dt.datetime.fromisoformat(past["until"]):
                    return past["members"], past["all_but_kinds"]
        return self.members, self.all_but_kinds

    def holds(self, authority: Authority, known_at: dt.datetime | None = None) -> bool:
        """Whether the authority belongs to the group, as it read at a moment (default now)."""
        members, all_but_kinds = self.rule(known_at)
        if all_but_kinds:
            return authority.kind not in all_but_kinds
        return authority.code in members


class TrilingualText(models.Model):
    text_fi = models.TextField(blank=True)
    text_sv = models.TextField(blank=True)
    text_en = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def text(self) -> str:
        """The text in the reader's language, else in one that has it."""
        for code in language_order():
            value: str = getattr(self, f"text_{code}")
            if value:
                return value
        return ""


class Sourced(models.Model):
    """Where a row comes from, and whether a lawyer has looked at it."""

    # [{"act": "44/2006", "section": "4d §", "amended_by": "920/2021"}]
    basis = models.JSONField(default=list)
    confidence = models.CharField(max_length=40, blank=True)  # of the starter data
    reviewed_by = models.CharField(max_length=200, blank=True)  # authority and role
    reviewed_on = models.DateField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_reviewed(self) -> bool:
        return bool(self.reviewed_by and self.reviewed_on)

    @property
    def is_starter(self) -> bool:
        """Whether the row still says what the starter file says."""
        raise NotImplementedError

    @property
    def basis_words(self) -> str:
        """Legal references as one line: ``44/2006 4d § (920/2021)``."""
        parts = []
        for entry in self.basis:
            words = f"{entry.get('act', '')} {entry.get('section', '')}".strip()
            if entry.get("amended_by"):
                words += f" ({entry['amended_by']})"
            parts.append(words)
        return "; ".join(parts)


class Competence(TrilingualText, Sourced, DatedModel):
    """What an authority may do at a kind of place. ``text``: the conditions.

    No ``premises``: not bound to a place.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(max_length=CODE, unique=True, null=True, blank=True)
    # Whose it is: an authority's own, or a group's (given by a law on all of them).
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="competences"
    )
    group = models.ForeignKey(
        AuthorityGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="competences"
    )
    action = models.CharField(max_length=CODE)
    premises = ArrayField(models.CharField(max_length=CODE), default=list, blank=True)
    notice = models.CharField(max_length=CODE, default="not_applicable")
    entry_right = models.BooleanField(default=False)
    open_question = models.TextField(blank=True)
    edited = models.BooleanField(default=False)  # by a person: the starter file leaves it alone
    version = models.PositiveIntegerField(default=1)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["authority", "action", "id"]
        verbose_name = _("competence")
        constraints = [
            dates_in_order("competence_dates"),
            models.CheckConstraint(
                condition=Q(authority__isnull=True) ^ Q(group__isnull=True),
                name="competence_of_one",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_on__isnull=True) | ~Q(reviewed_by=""),
                name="competence_reviewed_by",
            ),
        ]

    @property
    def is_starter(self) -> bool:
        return bool(self.code) and not self.edited

    @property
    def holder(self) -> str:
        """Whose competence it is, in words."""
        return self.authority.name if self.authority else str(self.group)

    def is_of(self, authority: Authority) -> bool:
        """Whether the authority has it, by itself or through its group (both fetched)."""
        if self.authority_id is not None:
            return self.authority_id == authority.pk
        return self.group is not None and self.group.holds(authority)


class Ground(models.Model):
    """A rule on who may give what to whom; what it says stands in its versions."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    code = models.CharField(max_length=CODE, unique=True)

    class Meta:
        ordering = ["code"]
        verbose_name = _("ground for disclosure")
        verbose_name_plural = _("grounds for disclosure")

    def __str__(self) -> str:
        return self.code


class GroundState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for a second person")
    PUBLISHED = "published", _("Published")
    REJECTED = "rejected", _("Rejected")


# The ways and forces that the gateway reckons with; their words are rows of Term.
MODES = ["own_initiative", "on_request", "mass_data", "joint_presence"]
FORCES = ["duty", "permission"]


class GroundKind(models.TextChoices):
    IN_FORCE = "in_force", _("applies")
    PROPOSED = "proposed", _("proposed, does not apply")
    OPEN_QUESTION = "open_question", _("open question, does not apply")
    WITHDRAWN = "withdrawn", _("withdrawn")


class GroundVersionQuerySet(DatedQuerySet["GroundVersion"]):
    def visible_to(self, actor: "Actor | None") -> "GroundVersionQuerySet":
        """Everything to those who act here; what is published to everybody else."""
        if actor is not None:
            return self
        return self.filter(state=GroundState.PUBLISHED)


class GroundVersion(TrilingualText, Sourced, DatedModel):
    """What a ground says from a day on. A published version is never changed (trigger).

    For a day the highest number among the versions published by then and in force from that day or
    earlier wins; publishing touches no older version, so a past answer can be given again.
    ``text``: conditions. ``givers`` and ``receivers``: codes of authorities or groups.
    ``test_cases``: [{"date", "item", "giver", "receiver", "expect", "note"}] where expect is
    must_give | may_give | on_request | may_not | not_by_this_rule.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ground = models.ForeignKey(Ground, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=20, choices=GroundState.choices, default=GroundState.DRAFT)
    kind = models.CharField(max_length=20, choices=GroundKind.choices, default=GroundKind.IN_FORCE)
    givers = ArrayField(models.CharField(max_length=CODE))
    receivers = ArrayField(models.CharField(max_length=CODE))
    information = ArrayField(models.CharField(max_length=CODE))
    mode = models.CharField(max_length=CODE)
    force = models.CharField(max_length=CODE)
    requires = ArrayField(models.CharField(max_length=CODE), default=list, blank=True)
    onward = models.TextField(blank=True)  # what the receiver may do with it further
    onward_allowed = models.BooleanField(default=False)
    test_cases = models.JSONField(default=list, blank=True)
    test_results = models.JSONField(default=list, blank=True)
    note = models.TextField(blank=True)  # why this version
    refusal = models.TextField(blank=True)  # why it was rejected
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    # Ids of everybody who wrote in the draft: none of them can be the second person.
    writers = ArrayField(models.BigIntegerField(), default=list, blank=True)
    drafted_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)  # for clashes of two editors

    objects = GroundVersionQuerySet.as_manager()

    class Meta:
        ordering = ["ground", "number"]
        verbose_name = _("version of a ground")
        constraints = [
            models.UniqueConstraint(fields=["ground", "number"], name="ground_version_unique"),
            models.UniqueConstraint(
                fields=["ground"],
                condition=Q(state__in=["draft", "submitted"]),
                name="ground_one_open_draft",
            ),
            models.CheckConstraint(
                condition=Q(state="published", published_at__isnull=False)
                | (~Q(state="published") & Q(published_at__isnull=True)),
                name="ground_published_when",
            ),
            # Starter data has no people; everything else needs a second person.
            models.CheckConstraint(
                condition=~Q(state="published")
                | Q(drafted_by__isnull=True, decided_by__isnull=True)
                | (Q(drafted_by__isnull=False, decided_by__isnull=False)
                   & ~Q(drafted_by=F("decided_by"))),
                name="ground_second_person",
            ),  # and none of ``writers``: ground_no_writer, migration 0003
            models.CheckConstraint(
                condition=Q(mode__in=MODES) & Q(force__in=FORCES), name="ground_known_mode"
            ),
            models.CheckConstraint(
                condition=Q(reviewed_on__isnull=True)
                | (~Q(reviewed_by="") & Q(state="published")),
                name="ground_reviewed_by",
            ),
            dates_in_order("ground_dates"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.ground.code} v{self.number}"

    @property
    def is_starter(self) -> bool:
        return self.state == GroundState.PUBLISHED and self.drafted_by_id is None

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided on it yet."""
        return self.state in (GroundState.DRAFT, GroundState.SUBMITTED)


class Limit(TrilingualText):
    """A limit that is shown whatever the answer."""

    code = models.CharField(max_length=CODE, unique=True)
    basis = models.CharField(max_length=200)

    class Meta:
        ordering = ["code"]


class NeutralPhrase(TrilingualText):
    """Words that may be said to another authority when nothing may be given."""

    code = models.CharField(max_length=CODE, unique=True)

    class Meta:
        ordering = ["code"]


class Interest(DatedModel):
    """A kind of information that an authority wants to be told of; published by itself."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="interests")
    information = models.CharField(max_length=CODE)
    # First figures of industry codes (any edition), none: every industry.
    industries = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    regions = models.ManyToManyField(Area, blank=True, related_name="+")
    note = models.CharField(max_length=300, blank=True)
    from_starter = models.BooleanField(default=False)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["authority", "information", "id"]
        verbose_name = _("interest")
        constraints = [
            models.UniqueConstraint(
                fields=["authority", "information"],
                condition=Q(valid_to__isnull=True),
                name="interest_published_once",
            ),
            dates_in_order("interest_dates"),
        ]
