"""What people decided beside the list, with a reason as a code, to be held against what was found."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority
from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


class OverrideReason(models.TextChoices):
    """Why people go beside the list. ``OTHER`` needs words."""

    LOCAL = "local", _("local knowledge")
    TIP = "tip", _("fresh tip, not yet in the register")
    RECENT = "recent", _("inspected recently")
    CAPACITY = "capacity", _("capacity or competence")
    TRAVEL = "travel", _("travel and practical reasons")
    DATA = "data", _("the data look wrong")
    DUTY = "duty", _("statutory duty")
    LEARNING = "learning", _("to learn: unknown ground")
    OTHER = "other", _("other")


class Decided(models.TextChoices):
    PICKED = "picked", _("selected")
    DROPPED = "dropped", _("left out")


class OverrideQuerySet(models.QuerySet["Override"]):
    def visible_to(self, actor: "Actor") -> "OverrideQuerySet":
        """The own authority's, in the acting member's regions. Of others only totals are told."""
        mine = self.filter(authority=actor.authority.pk)
        return mine.filter(site__region_id__in=actor.region_ids) if actor.region_ids else mine


class Override(models.Model):
    """A decision on a site of the joint list, whether it follows the list or not.

    ``proposed``: whether the proposal held the site; empty where nothing was proposed: then the
    list itself is the proposal, its first ``n`` for ``n`` selected sites. What came of it is found
    by the labels of the same operation and site.
    """

    operation = models.CharField(max_length=20)  # its number; operations stand in a room above
    round = models.PositiveSmallIntegerField(default=1)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="overrides")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveIntegerField()  # on the list when decided, 1 is first
    of = models.PositiveIntegerField()
    proposed = models.BooleanField(null=True)
    decided = models.CharField(max_length=10, choices=Decided.choices)
    code = models.CharField(max_length=10, choices=OverrideReason.choices, blank=True)
    decided_at = models.DateTimeField()

    objects = OverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-decided_at", "-id"]
        verbose_name = _("decision beside the list")
        verbose_name_plural = _("decisions beside the list")
        constraints = [
            models.UniqueConstraint(fields=["operation", "site", "round"], name="override_once"),
            models.CheckConstraint(
                condition=Q(rank__gte=1, rank__lte=models.F("of")), name="override_rank"
            ),
        ]
