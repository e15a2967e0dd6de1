"""Who sees which visit, record, finding and photo.

A visit is seen by whoever sees its operation. What an authority wrote at the visit is its own.
"""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from authorities.actors import Actor
    from execution.models import (  # noqa: F401  # named in the classes' brackets
        Finding,
        InspectionRecord,
        Photo,
        Visit,
    )

_M = TypeVar("_M", bound=models.Model)


class VisitQuerySet(models.QuerySet["Visit"]):
    def visible_to(self, actor: "Actor") -> "VisitQuerySet":
        from planning.models import Operation

        return self.filter(operation__in=Operation.objects.visible_to(actor))

    def of_team_member(self, actor: "Actor") -> "VisitQuerySet":
        """Visits of days on whose team the person is, for the acting authority."""
        return self.visible_to(actor).filter(
            planned__day__members__user_id=actor.user.pk,
            planned__day__members__authority_id=actor.authority.pk,
        )


class RecordQuerySet(models.QuerySet["InspectionRecord"]):
    def visible_to(self, actor: "Actor") -> "RecordQuerySet":
        from planning.models import Operation

        return self.filter(
            authority_id=actor.authority.pk,
            visit__operation__in=Operation.objects.visible_to(actor),
        )


class _OfRecordQuerySet(models.QuerySet[_M]):
    def visible_to(self, actor: "Actor") -> Self:
        from planning.models import Operation

        return self.filter(
            record__authority_id=actor.authority.pk,
            record__visit__operation__in=Operation.objects.visible_to(actor),
        )


class FindingQuerySet(_OfRecordQuerySet["Finding"]):
    def standing(self) -> "FindingQuerySet":
        return self.filter(removed_at__isnull=True)


class PhotoQuerySet(_OfRecordQuerySet["Photo"]):
    def standing(self) -> "PhotoQuerySet":
        return self.filter(removed_at__isnull=True)
