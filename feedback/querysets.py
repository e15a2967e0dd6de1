"""Who sees which outcome, measure, feedback and debrief.

Participants see outcome kinds, debriefs, and that a measure exists with its kind, deadline and
state; notes and descriptions are shown only to the authority that wrote them.
"""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from authorities.actors import Actor
    from feedback.models import (  # noqa: F401  # named in the classes' brackets
        Debrief,
        Feedback,
        Measure,
        Outcome,
    )

_M = TypeVar("_M", bound=models.Model)


class OutcomeQuerySet(models.QuerySet["Outcome"]):
    def visible_to(self, actor: "Actor") -> "OutcomeQuerySet":
        from planning.models import Operation

        return self.filter(visit__operation__in=Operation.objects.visible_to(actor))


class _OfOperationQuerySet(models.QuerySet[_M]):
    def visible_to(self, actor: "Actor") -> Self:
        from planning.models import Operation

        return self.filter(operation__in=Operation.objects.visible_to(actor))


class MeasureQuerySet(_OfOperationQuerySet["Measure"]):
    def open(self) -> "MeasureQuerySet":
        return self.filter(state__in=["open", "in_progress"])


class DebriefQuerySet(_OfOperationQuerySet["Debrief"]):
    pass


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    def visible_to(self, actor: "Actor") -> "FeedbackQuerySet":
        """Feedback goes to the authority that nominated."""
        from planning.models import Operation

        return self.filter(
            nomination__authority_id=actor.authority.pk,
            nomination__operation__in=Operation.objects.visible_to(actor),
        )
