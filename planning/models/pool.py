"""What a selection starts from: the pool, and what people set of weights, limits and single sites."""

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Area, Authority, Unit
from planning.models.operations import Operation
from planning.querysets import PoolQuerySet, SelectionPartQuerySet
from targets.models import Industry, Site

if TYPE_CHECKING:
    pass


class PoolEntry(models.Model):
    """A site that may be chosen in an operation, put there from the register by a participant.

    Nominated sites belong to the pool as well once nominations are open to all; they need no row.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="pool")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="pool_entries")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "id"]
        constraints = [models.UniqueConstraint(fields=["operation", "site"], name="pool_unique")]


class Periods(models.TextChoices):
    WINDOW = "window", _("the whole inspection window at once")
    WEEKS = "weeks", _("week by week")


class SelectionSettings(models.Model):
    """Weights and rules of one operation's selection; what each does is said on its page.

    Weights are in findings: a weight of 0.10 counts as a tenth of a finding of average severity.
    Shares are in per cent.
    """

    operation = models.OneToOneField(Operation, on_delete=models.CASCADE, related_name="settings")
    periods = models.CharField(max_length=10, choices=Periods.choices, default=Periods.WINDOW)
    evidence = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.25"))
    burden = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.10"))
    wish = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.10"))
    coverage = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.05"))
    travel = models.DecimalField(max_digits=4, decimal_places=2, default=Decimal("0.05"))
    car_pool = models.DecimalField(max_digits=3, decimal_places=2, default=Decimal("0.60"))
    later = models.DecimalField(max_digits=5, decimal_places=3, default=Decimal("0.005"))
    # For each visit that a minimum lacks that may be missed.
    penalty = models.DecimalField(max_digits=5, decimal_places=2, default=Decimal("2.00"))
    random_share = models.PositiveSmallIntegerField(default=10)
    # Of a share of 0: why nothing is drawn. It stands in the decision record.
    no_draw = models.CharField(max_length=500, blank=True)
    joint_share = models.PositiveSmallIntegerField(default=0)
    most_per_firm = models.PositiveSmallIntegerField(default=1)
    # A team of fewer inspectors does not go.
    min_people = models.PositiveSmallIntegerField(default=1)
    # Of more authorities that could come to a site the likeliest to find something are considered:
    # there are twice as many teams with each one more.
    most_authorities = models.PositiveSmallIntegerField(default=4)
    version = models.PositiveIntegerField(default=1)  # for clashes of two editors
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(evidence__gte=0, burden__gte=0, wish__gte=0, coverage__gte=0,
                            travel__gte=0, later__gte=0, later__lte=1, car_pool__gte=0,
                            car_pool__lte=1, penalty__gte=0),
                name="selection_weights",
            ),
            models.CheckConstraint(
                condition=Q(random_share__lte=50, joint_share__lte=100, most_per_firm__gte=1,
                            min_people__gte=1, most_authorities__gte=1,
                            most_authorities__lte=8),
                name="selection_shares",
            ),
            models.CheckConstraint(
                condition=Q(random_share__gt=0) | ~Q(no_draw=""), name="selection_no_draw_reason"
            ),
        ]  # fmt: skip


class Capacity(models.Model):
    """Inspector-days of an authority; without row its answer to the invitation counts.

    ``region``: of that region alone; ``unit``: of all regions of the operation that the unit serves
    and that have no row of their own; neither: of all the others together. ``week`` (a Monday)
    empty: every week. The narrower row replaces the wider one.
    """

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="capacities")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    region = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    unit = models.ForeignKey(
        Unit, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    week = models.DateField(null=True, blank=True)
    days = models.DecimalField(max_digits=6, decimal_places=1)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "authority", F("region").asc(nulls_first=True),
                    F("unit").asc(nulls_first=True), F("week").asc(nulls_first=True), "id"]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "authority", "region", "unit", "week"],
                nulls_distinct=False, name="capacity_unique",
            ),
            models.CheckConstraint(
                condition=Q(region__isnull=True) | Q(unit__isnull=True), name="capacity_place"
            ),
            models.CheckConstraint(condition=Q(days__gte=0), name="capacity_days"),
            models.CheckConstraint(
                condition=Q(week__isnull=True) | Q(week__week_day=2), name="capacity_monday"
            ),
        ]  # fmt: skip


class SelectionQuota(models.Model):
    """At least and at most so many visits in a region, an industry (with what is below it), or by
    an authority; given together, all must fit."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="quotas")
    region = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    minimum = models.PositiveIntegerField(default=0)
    maximum = models.PositiveIntegerField(null=True, blank=True)
    # A plan that cannot reach the minimum: does it lack visits, or is there none?
    hard = models.BooleanField(default=False)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "region", "industry", "authority"], nulls_distinct=False,
                name="quota_unique",
            ),
            models.CheckConstraint(
                condition=Q(region__isnull=False) | Q(industry__isnull=False)
                | Q(authority__isnull=False),
                name="quota_of_something",
            ),
            models.CheckConstraint(
                condition=Q(maximum__isnull=True) | Q(maximum__gte=F("minimum")),
                name="quota_order",
            ),
        ]  # fmt: skip

    @property
    def title(self) -> str:
        """What it counts: region, industry, authority, as far as they are given."""
        parts = [self.region and self.region.name, self.industry and self.industry.name,
                 self.authority and self.authority.short]  # fmt: skip
        return ", ".join(part for part in parts if part)


class TeamRule(models.Model):
    """``authority`` goes on a visit only together with ``needs``."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="team_rules")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    needs = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "authority", "needs"], name="team_rule_unique"
            ),
            models.CheckConstraint(condition=~Q(authority=F("needs")), name="team_rule_of_two"),
        ]


class PresenceRule(models.Model):
    """On every visit to a kind of place (code of the vocabulary of premises) ``authority`` comes."""

    operation = models.ForeignKey(
        Operation, on_delete=models.CASCADE, related_name="presence_rules"
    )
    kind = models.CharField(max_length=60)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "kind", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "kind", "authority"], name="presence_rule_unique"
            ),
            models.CheckConstraint(condition=~Q(kind=""), name="presence_rule_kind"),
        ]


class ResourceKind(models.TextChoices):
    INTERPRETER = "interpreter", _("interpreter")
    VEHICLE = "vehicle", _("vehicle")


class SelectionResource(models.Model):
    """Interpreters of a language, or vehicles of a kind: so many visits a week they can serve."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="resources")
    kind = models.CharField(max_length=20, choices=ResourceKind.choices)
    name = models.CharField(max_length=80)  # "vietnam", "pakettiauto"
    per_week = models.PositiveSmallIntegerField()

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "kind", "name"], name="resource_unique")
        ]


class Fixed(models.TextChoices):
    FREE = "free", _("free")
    PINNED = "pinned", _("pinned: must be visited")
    EXCLUDED = "excluded", _("excluded: is not visited")


class SiteTerms(models.Model):
    """What people set of one candidate before the solver proposes: pinned, excluded, needs.

    ``team`` (authority ids) and ``week`` only of a pinned site; empty: whichever is best. Others
    read the reason, so it says nothing that was not disclosed.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="terms")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    fixed = models.CharField(max_length=10, choices=Fixed.choices, default=Fixed.FREE)
    team = ArrayField(models.BigIntegerField(), default=list, blank=True)
    week = models.DateField(null=True, blank=True)
    needs = models.ManyToManyField(SelectionResource, blank=True, related_name="terms")
    reason = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_for = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    objects = SelectionPartQuerySet.as_manager()

    class Meta:
        ordering = ["operation", "id"]
        constraints = [
            models.UniqueConstraint(fields=["operation", "site"], name="terms_unique"),
            models.CheckConstraint(
                condition=Q(fixed="free") | ~Q(reason=""), name="terms_reason"
            ),
            models.CheckConstraint(
                condition=Q(fixed="pinned") | Q(team=[], week__isnull=True), name="terms_of_pinned"
            ),
        ]  # fmt: skip
