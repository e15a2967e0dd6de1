"""Who sees which operation and what hangs on it.

An operation is visible to the role groups it was granted to (guardian rows, direct foreign keys),
asked for the acting membership's groups only. Everything below an operation follows it.
"""

from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from authorities.actors import Actor
    from planning.models import (  # noqa: F401  # named in the classes' brackets
        Absence,
        Availability,
        DayPlan,
        DecisionRecord,
        Hold,
        HoldAlert,
        InspectionDay,
        Minutes,
        Nomination,
        Operation,
        Overlap,
        Participation,
        PoolEntry,
        Reservation,
        Vehicle,
    )

VIEW = "view_operation"
NOMINATE = "nominate_operation"
SIGN = "sign_operation"
RECORD = "record_operation"
MANAGE = "manage_operation"

_M = TypeVar("_M", bound=models.Model)


class OperationQuerySet(models.QuerySet["Operation"]):
    def granted(self, actor: "Actor", permission: str) -> "OperationQuerySet":
        """Operations on which the acting membership's groups hold ``permission``."""
        from planning.models import Operation, OperationGroupObjectPermission

        granted = OperationGroupObjectPermission.objects.filter(
            group_id__in=actor.group_ids,
            permission__codename=permission,
            permission__content_type__app_label="planning",
        ).values("content_object_id")
        operations = self.filter(pk__in=granted)
        if actor.region_ids:
            # A membership narrowed to some regions meets only operations that touch them.
            touching = Operation.regions.through.objects.filter(
                area_id__in=actor.region_ids
            ).values("operation_id")
            operations = operations.filter(pk__in=touching)
        return operations

    def visible_to(self, actor: "Actor") -> "OperationQuerySet":
        return self.granted(actor, VIEW)

    def selection_open_to(self, actor: "Actor") -> "OperationQuerySet":
        """Those whose selection the actor reads: participants, once the joint list is open.

        Somebody only invited sees nothing of it.
        """
        from planning.models import Participation

        places = Participation.objects.held_by(actor).filter(operation=OuterRef("pk"))
        open_to_all = self.visible_to(actor).exclude(state__in=["draft", "inviting", "nominating"])
        return open_to_all.filter(Exists(places))


class _OfOperationQuerySet(models.QuerySet[_M]):
    """Rows that are seen by whoever sees their operation."""

    def visible_to(self, actor: "Actor") -> Self:
        from planning.models import Operation

        return self.filter(operation__in=Operation.objects.visible_to(actor))


class ParticipationQuerySet(_OfOperationQuerySet["Participation"]):
    def accepted(self) -> "ParticipationQuerySet":
        return self.filter(state="accepted")

    def held_by(self, actor: "Actor") -> "ParticipationQuerySet":
        """Accepted places that the actor acts from (``held``)."""
        return self.filter(held(actor))


def held(actor: "Actor") -> Q:
    """Of places: accepted ones of the actor's authority; in operations that have ended also those
    of the authorities whose work it has taken over (``planning.succession``)."""
    inherited = Q(authority__code__in=actor.former_codes)
    ended = Q(operation__state__in=("closed", "cancelled"))
    return Q(state="accepted") & (Q(authority=actor.authority.pk) | ended & inherited)


class NominationQuerySet(_OfOperationQuerySet["Nomination"]):
    def visible_to(self, actor: "Actor") -> Self:
        """All nominations of a visible operation once the joint list is open, before that own.

        While authorities are still nominating, each sees only what it proposed itself.
        """
        visible = super().visible_to(actor)
        return visible.filter(
            Q(authority_id=actor.authority.pk)
            | ~Q(operation__state__in=["draft", "inviting", "nominating"])
        )


class PoolQuerySet(_OfOperationQuerySet["PoolEntry"]):
    pass


class SelectionPartQuerySet(_OfOperationQuerySet[_M]):
    """Runs, proposals, limits, the draw, changes on the board: the participants' alone."""

    def visible_to(self, actor: "Actor") -> Self:
        from planning.models import Operation

        return self.filter(operation__in=Operation.objects.selection_open_to(actor))


class OfMeetingQuerySet(models.QuerySet[_M]):
    """What hangs on a meeting, for whoever sees the meeting."""

    def visible_to(self, actor: "Actor") -> Self:
        from planning.models import Meeting

        return self.filter(meeting__in=Meeting.objects.visible_to(actor))


class MinutesQuerySet(OfMeetingQuerySet["Minutes"]):
    def visible_to(self, actor: "Actor") -> Self:
        """Not for whoever is recused from a target that the document names."""
        from audit.context import as_system
        from planning.models import AgendaItem
        from targets.selectors import kept_from

        with as_system("what a recused person may not see is looked for in their place"):
            items = AgendaItem.objects.filter(site__in=kept_from(actor.user))
            named = list(items.values_list("meeting_id", flat=True))
        return super().visible_to(actor).exclude(meeting_id__in=named)


class DecisionRecordQuerySet(SelectionPartQuerySet["DecisionRecord"]):
    def visible_to(self, actor: "Actor") -> Self:
        """The participants', as all that it holds; not for whoever is recused from a target that
        the document names."""
        from audit.context import as_system
        from planning.models import SiteTerms, TargetChoice
        from targets.selectors import kept_from

        records = super().visible_to(actor)
        with as_system("what a recused person may not see is looked for in their place"):
            kept = kept_from(actor.user)
            named = {
                pk for rows in (TargetChoice, SiteTerms)  # decided; pinned or excluded
                for pk in rows.objects.filter(site__in=kept).values_list("operation_id", flat=True)
            }  # fmt: skip
        return records.exclude(operation__in=named)


class InspectionDayQuerySet(_OfOperationQuerySet["InspectionDay"]):
    pass


class DayPlanQuerySet(_OfOperationQuerySet["DayPlan"]):
    pass


class VehicleQuerySet(models.QuerySet["Vehicle"]):
    def visible_to(self, actor: "Actor") -> "VehicleQuerySet":
        """The own authority's, to be kept; those of the others are met on days (``of_round``)."""
        return self.filter(authority_id=actor.authority.pk)

    def of_round(self, operation: Any) -> "VehicleQuerySet":
        """Vehicles of the authorities that take part."""
        from planning.models import Participation

        places = Participation.objects.filter(operation=operation, state="accepted")
        return self.filter(authority_id__in=places.values("authority_id"))


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def visible_to(self, actor: "Actor") -> "AbsenceQuerySet":
        return self.filter(authority_id=actor.authority.pk)


class AvailabilityQuerySet(_OfOperationQuerySet["Availability"]):
    pass


class ReservationQuerySet(_OfOperationQuerySet["Reservation"]):
    def visible_to(self, actor: "Actor") -> Self:
        """The own authority's: nobody is told who set a target aside, or that somebody did."""
        return super().visible_to(actor).filter(authority_id=actor.authority.pk)


class HoldQuerySet(models.QuerySet["Hold"]):
    def visible_to(self, actor: "Actor") -> "HoldQuerySet":
        """Holds for which the person is cleared while acting for their owner.

        What a named hold tells the others stands in ``Availability.told``.
        """
        from planning.models import HoldPerson

        cleared = HoldPerson.objects.filter(user_id=actor.user.pk).values("hold_id")
        return self.filter(authority_id=actor.authority.pk, pk__in=cleared)


class HoldAlertQuerySet(models.QuerySet["HoldAlert"]):
    def visible_to(self, actor: "Actor") -> "HoldAlertQuerySet":
        from planning.models import Hold

        return self.filter(hold__in=Hold.objects.visible_to(actor))


class OverlapQuerySet(models.QuerySet["Overlap"]):
    def visible_to(self, actor: "Actor") -> "OverlapQuerySet":
        """Both operations' people are told; neither sees the other's operation by it."""
        from planning.models import Operation

        seen = Operation.objects.visible_to(actor).values("pk")
        return self.filter(Q(first_operation__in=seen) | Q(second_operation__in=seen))
