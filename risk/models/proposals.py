"""What the system proposes by itself: a version trained anew, for people to approve or to drop."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from risk.models.riskmodels import ModelVersion, OfModelQuerySet, RiskModel


class ProposalQuerySet(OfModelQuerySet["Proposal"]):
    model_path = "model__"


class Proposal(models.Model):
    """A draft trained anew because enough results came or the sites drifted away.

    ``labels``: results there were then: a set of results is learnt from once. ``comparison``: what
    the backtest said beside the version in use (``risk.services.tested.beside``). ``version`` is
    empty once the draft was given up.
    """

    model = models.ForeignKey(RiskModel, on_delete=models.CASCADE, related_name="proposals")
    base = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="proposals"
    )
    labels = models.PositiveIntegerField()
    new_labels = models.PositiveIntegerField()
    drift = models.FloatField(null=True)  # of the score, where it passed its limit
    comparison = models.JSONField(default=dict)
    made_at = models.DateTimeField(auto_now_add=True)
    told_at = models.DateTimeField(null=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-id"]
        verbose_name = _("proposal of the system")
        verbose_name_plural = _("proposals of the system")
        constraints = [
            models.UniqueConstraint(fields=["base", "labels"], name="proposal_once_per_labels"),
        ]
