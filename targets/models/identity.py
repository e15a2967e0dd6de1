"""Which rows of the register are the same place or firm, who said so, and what was moved.

Only public register rows are compared, so these rows belong to no authority. A pair that names a
target somebody is recused from does not exist for that person (migration ``0021``).
"""

import uuid
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from targets.models.register import Company, Site

if TYPE_CHECKING:
    from authorities.actors import Actor

_M = TypeVar("_M", bound=models.Model)

DECIDERS = ("analyst", "coordinator", "administrator")
ANY_SOURCE = "*"


class Kind(models.TextChoices):
    SITE = "site", _("sites")
    COMPANY = "company", _("companies")


class IdentityQuerySet(models.QuerySet[_M]):
    """Rows with two ends; ``ends`` names their columns for sites."""

    ends: tuple[str, str] = ("site_a", "site_b")

    def visible_to(self, actor: "Actor") -> Self:
        """For those who decide; whoever is narrowed to regions sees sites of these alone."""
        if not actor.has_role(*DECIDERS):
            return self.none()
        if not actor.region_ids:
            return self
        inside = Q(**{f"{self.ends[0]}__isnull": True}) | Q(
            **{f"{end}__region_id__in": actor.region_ids for end in self.ends}
        )
        return self.filter(inside)


class MatchPairQuerySet(IdentityQuerySet["MatchPair"]):
    def waiting(self) -> "MatchPairQuerySet":
        """Proposed, and neither side has meanwhile become part of another row."""
        return self.filter(
            state="proposed",
            site_a__merged_into__isnull=True, site_b__merged_into__isnull=True,
            company_a__merged_into__isnull=True, company_b__merged_into__isnull=True,
        )  # fmt: skip


class MergeQuerySet(IdentityQuerySet["Merge"]):
    ends = ("site_loser", "site_survivor")

    def of(self, target: Site | Company) -> "MergeQuerySet":
        """Those that made the row what it is, in force or undone, or made it part of another."""
        name = "site" if isinstance(target, Site) else "company"
        return self.filter(Q(**{f"{name}_survivor": target}) | Q(**{f"{name}_loser": target}))


def _of_one_kind(first: str, second: str) -> Q:
    """Both columns of one kind are filled and those of the other empty."""
    return Q(
        **{f"site_{first}__isnull": False, f"site_{second}__isnull": False,
           f"company_{first}__isnull": True, f"company_{second}__isnull": True}
    ) | Q(
        **{f"site_{first}__isnull": True, f"site_{second}__isnull": True,
           f"company_{first}__isnull": False, f"company_{second}__isnull": False}
    )  # fmt: skip


class LinkThreshold(models.Model):
    """From which probability pairs of two sources are proposed, and from which they are strong.

    ``*`` is any source; the most exact row counts. Strong pairs come first in the queue and may be
    joined many at a time; a person decides on all of them (no decision is automatic).
    """

    kind = models.CharField(max_length=10, choices=Kind.choices)
    source_a = models.CharField(max_length=40, default=ANY_SOURCE)
    source_b = models.CharField(max_length=40, default=ANY_SOURCE)
    propose_at = models.FloatField()
    join_at = models.FloatField()

    class Meta:
        ordering = ["kind", "source_a", "source_b"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "source_a", "source_b"], name="threshold_once"),
            models.CheckConstraint(
                condition=Q(propose_at__gt=0, propose_at__lte=F("join_at"), join_at__lte=1),
                name="threshold_order",
            ),
            models.CheckConstraint(
                condition=Q(source_a__lte=F("source_b")), name="threshold_sources_in_order"
            ),
        ]


class RunState(models.TextChoices):
    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")


class RunPhase(models.TextChoices):
    READ = "read", _("Reading the register")
    TRAIN = "train", _("Learning the weights")
    COMPARE = "compare", _("Comparing")
    SUCCESSORS = "successors", _("Looking for successors")


class LinkRun(models.Model):
    """One comparison of the register with itself. The row is the job.

    ``chunks_done`` moves in the same transaction as the pairs it speaks of, and the weights are
    kept in ``model``: a killed run goes on from there. A run that is not ``full`` compares only
    rows changed since ``since``, the ``until`` of the run before it.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    full = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    phase = models.CharField(max_length=12, choices=RunPhase.choices, default=RunPhase.READ)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    rows_read = models.PositiveIntegerField(default=0)
    chunks_done = models.PositiveIntegerField(default=0)
    chunks_total = models.PositiveIntegerField(null=True, blank=True)
    pairs_found = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)  # what kills its worker ends
    pairs_new = models.PositiveIntegerField(default=0)
    model = models.JSONField(default=dict)
    message = models.TextField(blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=Q(state__in=["queued", "running"]), name="link_run_alone"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed"], finished_at__isnull=False),
                name="link_run_finished_when",
            ),
        ]


class PairState(models.TextChoices):
    PROPOSED = "proposed", _("To be decided")
    SAME = "same", _("The same")
    DIFFERENT = "different", _("Different")


class MatchPair(models.Model):
    """Two sites, or two companies, that may be the same. The lower id is ``a``.

    ``evidence``: a list of ``{"what", "weight", "level", "a", "b"}``: which comparison, what it
    adds to or takes from the match weight (bits, log2 of the Bayes factor), how close the values
    are (a code) and both values as compared.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site_a = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    site_b = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    company_a = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    company_b = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    probability = models.FloatField()
    strong = models.BooleanField(default=False)
    evidence = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=PairState.choices, default=PairState.PROPOSED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_for = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    put_off_until = models.DateField(null=True, blank=True)
    run = models.ForeignKey(
        LinkRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MatchPairQuerySet.as_manager()

    class Meta:
        ordering = ["-probability", "id"]
        verbose_name = _("possible match")
        verbose_name_plural = _("possible matches")
        indexes = [
            models.Index(
                fields=["-probability", "id"],
                name="pair_proposed",
                condition=Q(state="proposed"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["site_a", "site_b"], name="pair_of_sites_once"),
            models.UniqueConstraint(
                fields=["company_a", "company_b"], name="pair_of_companies_once"
            ),
            models.CheckConstraint(condition=_of_one_kind("a", "b"), name="pair_of_one_kind"),
            models.CheckConstraint(
                condition=Q(site_a__lt=F("site_b")) | Q(company_a__lt=F("company_b")),
                name="pair_in_order",
            ),
            models.CheckConstraint(
                condition=Q(probability__gte=0, probability__lte=1), name="pair_probability"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_at__isnull=True)
                | (~Q(state="proposed") & Q(decided_at__isnull=False)),
                name="pair_decided_when",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.a} – {self.b}"

    @property
    def kind(self) -> str:
        return Kind.SITE if self.site_a_id is not None else Kind.COMPANY

    @property
    def a(self) -> Any:
        return self.site_a if self.site_a_id is not None else self.company_a

    @property
    def b(self) -> Any:
        return self.site_b if self.site_b_id is not None else self.company_b

    @property
    def is_put_off(self) -> bool:
        return self.put_off_until is not None and self.put_off_until > timezone.localdate()


class Merge(models.Model):
    """One row of the register made part of another. Undoing it moves back what it moved."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site_loser = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    site_survivor = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    company_loser = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    company_survivor = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    pair = models.ForeignKey(
        MatchPair, null=True, blank=True, on_delete=models.SET_NULL, related_name="merges"
    )
    reason = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_reason = models.CharField(max_length=300, blank=True)

    objects = MergeQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-id"]
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        constraints = [
            models.UniqueConstraint(
                fields=["site_loser"], condition=Q(undone_at__isnull=True), name="site_merged_once"
            ),
            models.UniqueConstraint(
                fields=["company_loser"], condition=Q(undone_at__isnull=True),
                name="company_merged_once",
            ),
            models.CheckConstraint(
                condition=_of_one_kind("loser", "survivor"), name="merge_of_one_kind"
            ),
        ]  # fmt: skip

    @property
    def loser(self) -> Any:
        return self.site_loser if self.site_loser_id is not None else self.company_loser

    @property
    def survivor(self) -> Any:
        return self.site_survivor if self.site_survivor_id is not None else self.company_survivor


class MoveAction(models.TextChoices):
    MOVED = "moved", _("moved")
    LEFT = "left", _("left where it was: the other has the same already")
    COPIED = "copied", _("copied")


class MergeMove(models.Model):
    """One row that a merge moved: whose table, which column, which row.

    Says what other authorities have on the target: without ``open`` only the system reads it.
    """

    merge = models.ForeignKey(Merge, on_delete=models.CASCADE, related_name="moves")
    table = models.CharField(max_length=63)
    column = models.CharField(max_length=63)
    row = models.BigIntegerField()
    action = models.CharField(max_length=10, choices=MoveAction.choices)
    open = models.BooleanField(default=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["merge", "table", "column", "row"]
        constraints = [
            models.UniqueConstraint(
                fields=["merge", "table", "column", "row"], name="merge_move_once"
            )
        ]


class HintState(models.TextChoices):
    OPEN = "open", _("To be looked at")
    CONFIRMED = "confirmed", _("Confirmed")
    DISMISSED = "dismissed", _("Dismissed")


class SuccessorHint(models.Model):
    """A company that ended and one that seems to go on with what it did.

    ``evidence``: a list of ``{"what": "site" | "address" | "person" | "name" | "website", ...}``.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    old = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    new = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="+")
    ended_on = models.DateField(null=True, blank=True)
    started_on = models.DateField(null=True, blank=True)
    evidence = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=HintState.choices, default=HintState.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_for = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = _("successor hint")
        verbose_name_plural = _("successor hints")
        constraints = [
            models.UniqueConstraint(fields=["old", "new"], name="hint_once"),
            models.CheckConstraint(condition=~Q(old=F("new")), name="hint_of_two"),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="hint_decided_when",
            ),
        ]
