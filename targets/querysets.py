"""Who sees what of the register.

Companies and sites are public register data: every acting member sees them, within the regions
their membership is narrowed to. Past visits, signals and data sets belong to an authority; others
see them by a disclosure that is in force. The same rules stand in the database as row-level
security (``targets/migrations``), which also hides a target from whoever is recused from it.
"""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

if TYPE_CHECKING:
    from authorities.actors import Actor
    from targets.models import (  # noqa: F401  # named in the classes' brackets
        Company,
        Dataset,
        DatasetRow,
        Disclosure,
        Erasure,
        HandOver,
        ImportMapping,
        ImportRun,
        InformationRequest,
        Offer,
        PastVisit,
        Signal,
        SignalFile,
        Site,
    )

_M = TypeVar("_M", bound=models.Model)


class SiteQuerySet(models.QuerySet["Site"]):
    def visible_to(self, actor: "Actor") -> "SiteQuerySet":
        """Those of the acting member's regions; of rows found to be the same, the one kept."""
        visible = self.filter(merged_into__isnull=True)
        return visible.filter(region_id__in=actor.region_ids) if actor.region_ids else visible


class CompanyQuerySet(models.QuerySet["Company"]):
    def visible_to(self, actor: "Actor") -> "CompanyQuerySet":
        """All of the public register: a company may work in a region it is not registered in."""
        return self.filter(merged_into__isnull=True)


class PastVisitQuerySet(models.QuerySet["PastVisit"]):
    def visible_to(self, actor: "Actor") -> "PastVisitQuerySet":
        visible = self.filter(Q(authority_id=actor.authority.pk) | Q(shared=True))
        if actor.region_ids:
            visible = visible.filter(site__region_id__in=actor.region_ids)
        return visible

    def made(self) -> "PastVisitQuerySet":
        """Without those that were not possible."""
        return self.exclude(outcome="not_possible")


class OwnedFactQuerySet(models.QuerySet[_M]):
    """Of facts and links: those of open registers, and the own authority's."""

    def visible_to(self, actor: "Actor") -> Self:
        open_ = Q(shared=True) if self.model.__name__ == "Fact" else Q(authority__isnull=True)
        return self.filter(open_ | Q(authority_id=actor.authority.pk))

    def known(self) -> Self:
        """Facts that are what is known now."""
        return self.filter(known_to__isnull=True)


class MappingQuerySet(models.QuerySet["ImportMapping"]):
    def visible_to(self, actor: "Actor") -> "MappingQuerySet":
        """Those that come with Tarkka and the own authority's."""
        return self.filter(Q(authority__isnull=True) | Q(authority_id=actor.authority.pk))


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    def visible_to(self, actor: "Actor") -> "ImportRunQuerySet":
        """The own authority's imports, for those who may import."""
        if not actor.has_role("analyst", "coordinator", "administrator"):
            return self.none()
        return self.filter(authority_id=actor.authority.pk)


SECRET_READERS = ("manager", "analyst")


def _disclosed(actor: "Actor", item: str) -> Subquery:
    """Whether the outer row (``item``: signal or dataset) is disclosed to the acting authority.

    A scalar sub-select with LIMIT 1 is probed row by row and stops at the end of a page; the same
    test as EXISTS under OR is planned as a hash of everything ever disclosed.
    """
    from targets.models import Disclosure

    rows = Disclosure.objects.filter(
        **{item: OuterRef("pk")}, receiver_id=actor.authority.pk, state="active",
        expires_on__gte=timezone.localdate(),
    ).order_by(f"{item}_id")  # fmt: skip  # the column: the relation would join the item again
    return Subquery(rows.values("pk")[:1])


class SignalQuerySet(models.QuerySet["Signal"]):
    def visible_to(self, actor: "Actor") -> "SignalQuerySet":
        """The own authority's, and those disclosed to it and still in force.

        Secret ones only for managers and analysts, and for whoever wrote them.
        """
        visible = self.alias(disclosed=_disclosed(actor, "signal")).filter(
            Q(authority_id=actor.authority.pk) | Q(disclosed__isnull=False)
        )
        if not actor.has_role(*SECRET_READERS):
            visible = visible.filter(~Q(classification="secret") | Q(author_id=actor.user.pk))
        return visible

    def own(self, actor: "Actor") -> "SignalQuerySet":
        """Those of the own authority, which alone may change and give them."""
        return self.visible_to(actor).filter(authority_id=actor.authority.pk)


class OfSignalQuerySet(models.QuerySet["SignalFile"]):
    def visible_to(self, actor: "Actor") -> "OfSignalQuerySet":
        from targets.models import Signal

        return self.filter(signal__in=Signal.objects.visible_to(actor))


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, actor: "Actor") -> "DatasetQuerySet":
        """The own authority's and those disclosed to it, for the roles that choose targets."""
        if not actor.has_role("analyst", "coordinator", "manager"):
            return self.none()
        return self.alias(disclosed=_disclosed(actor, "dataset")).filter(
            Q(authority_id=actor.authority.pk) | Q(disclosed__isnull=False)
        )


class DatasetRowQuerySet(models.QuerySet["DatasetRow"]):
    def visible_to(self, actor: "Actor") -> "DatasetRowQuerySet":
        from targets.models import Dataset

        return self.filter(dataset__in=Dataset.objects.visible_to(actor))


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def visible_to(self, actor: "Actor") -> "DisclosureQuerySet":
        """Both sides see it, whatever became of it."""
        own = actor.authority.pk
        return self.filter(Q(giver_id=own) | Q(receiver_id=own))

    def in_force(self) -> "DisclosureQuerySet":
        return self.filter(state="active", expires_on__gte=timezone.localdate())


class RequestQuerySet(models.QuerySet["InformationRequest"]):
    def visible_to(self, actor: "Actor") -> "RequestQuerySet":
        own = actor.authority.pk
        return self.filter(Q(asker_id=own) | Q(holder_id=own))


class HandOverQuerySet(models.QuerySet["HandOver"]):
    def visible_to(self, actor: "Actor") -> "HandOverQuerySet":
        """Both sides; of a secret signal only who reads such, and who sent or answered it."""
        own = actor.authority.pk
        visible = self.filter(Q(sender_id=own) | Q(receiver_id=own))
        if not actor.has_role(*SECRET_READERS):
            mine = Q(sent_by_id=actor.user.pk) | Q(answered_by_id=actor.user.pk)
            visible = visible.filter(Q(secret=False) | mine)
        return visible


class OfferQuerySet(models.QuerySet["Offer"]):
    def visible_to(self, actor: "Actor") -> "OfferQuerySet":
        """Offers are the writer's authority's own affair: nobody is told what was not told."""
        return self.filter(authority_id=actor.authority.pk)


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def visible_to(self, actor: "Actor") -> "ErasureQuerySet":
        return self.filter(authority_id=actor.authority.pk)


class TagQuerySet(models.QuerySet[_M]):
    def visible_to(self, actor: "Actor") -> Self:
        """An authority's tags are its own affair."""
        return self.filter(authority_id=actor.authority.pk)
