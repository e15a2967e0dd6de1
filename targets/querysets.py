"""Who sees what of the register.

Companies and sites are public register data: every acting member sees them, within the regions
their membership is narrowed to. Past visits belong to the authority that made them.
"""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from authorities.actors import Actor


class SiteQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def visible_to(self, actor: "Actor") -> "SiteQuerySet":
        if not actor.region_ids:
            return self.all()
        return self.filter(region_id__in=actor.region_ids)


class CompanyQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def visible_to(self, actor: "Actor") -> "CompanyQuerySet":
        """All of the public register: a company may work in a region it is not registered in."""
        return self.all()


class PastVisitQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def visible_to(self, actor: "Actor") -> "PastVisitQuerySet":
        visible = self.filter(Q(authority_id=actor.authority.pk) | Q(shared=True))
        if actor.region_ids:
            visible = visible.filter(site__region_id__in=actor.region_ids)
        return visible


class ImportRunQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def visible_to(self, actor: "Actor") -> "ImportRunQuerySet":
        """The own authority's imports, for those who may import."""
        if not actor.has_role("analyst", "coordinator", "administrator"):
            return self.none()
        return self.filter(authority_id=actor.authority.pk)
