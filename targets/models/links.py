"""What hangs together: typed and dated links between companies and sites, and roles of persons.

Company and place are not the same: several employers may work at one site, a chain of contractors
is a chain of ``contracts_to`` links, lodging belongs to whoever ``lodges`` in it.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from authorities.models import Authority, DatedModel, dates_in_order
from targets.models.imports import ImportRun
from targets.models.register import Company, Site
from targets.querysets import OwnedFactQuerySet


class LinkKind(models.TextChoices):
    OWNS = "owns", _("owns")
    CONTRACTS = "contracts_to", _("is a contractor of")
    STAFFS = "staffs", _("hires out labour to")
    WORKS_AT = "works_at", _("employs people at")
    COMMISSIONS = "commissions", _("has work done at")
    LODGES = "lodges", _("lodges its people in")
    USES = "uses", _("uses")
    SUCCEEDS = "succeeds", _("goes on after")


# What may stand on either side: (from, to), each "company" or "site".
LINK_ENDS = {
    LinkKind.OWNS: {("company", "company"), ("company", "site")},
    LinkKind.CONTRACTS: {("company", "company")},
    LinkKind.STAFFS: {("company", "company"), ("company", "site")},
    LinkKind.WORKS_AT: {("company", "site")},
    LinkKind.COMMISSIONS: {("company", "site")},
    LinkKind.LODGES: {("company", "site")},
    LinkKind.USES: {("company", "site"), ("site", "site")},
    LinkKind.SUCCEEDS: {("company", "company"), ("site", "site")},
}


def _one_of(first: str, second: str) -> Q:
    return Q(**{f"{first}__isnull": False, f"{second}__isnull": True}) | Q(
        **{f"{first}__isnull": True, f"{second}__isnull": False}
    )


class Link(DatedModel):
    """``from`` does ``kind`` to ``to``. Without ``authority`` it is of a public register."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=LinkKind.choices)
    from_company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="links_from"
    )
    from_site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="links_from"
    )
    to_company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="links_to"
    )
    to_site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="links_to"
    )
    # At which site the link holds (a contract is often for one building site).
    at_site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="links_at"
    )
    note = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=60)
    source_on = models.DateField(null=True, blank=True)
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    run = models.ForeignKey(
        ImportRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What imports said before: [{"run": id, "valid_to": day or None}, ...], the latest last.
    previous = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedFactQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "valid_from", "id"]
        verbose_name = _("link")
        verbose_name_plural = _("links")
        indexes = [models.Index(fields=["run"], name="link_run")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "from_company", "from_site", "to_company", "to_site", "at_site",
                        "valid_from", "authority", "source"],
                name="link_once", nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=_one_of("from_company", "from_site"), name="link_one_from"
            ),
            models.CheckConstraint(condition=_one_of("to_company", "to_site"), name="link_one_to"),
            models.CheckConstraint(
                condition=Q(from_company__isnull=True) | Q(to_company__isnull=True)
                | ~Q(from_company=models.F("to_company")),
                name="link_not_to_itself",
            ),
            dates_in_order("link_dates"),
        ]  # fmt: skip


class PersonRole(DatedModel):
    """Somebody's role in a company, kept so that it can be compared and not read.

    ``person`` is a keyed hash (HMAC-SHA256, hex) of what the register says of the person; names
    and birth dates are never stored (data minimisation, GDPR article 5.1 c).
    """

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="person_roles")
    role = models.CharField(max_length=40)  # code of the source: board, managing_director, ...
    person = models.CharField(max_length=64, db_index=True)
    source = models.CharField(max_length=60)
    known_from = models.DateTimeField(db_default=Now(), editable=False)
    run = models.ForeignKey(
        ImportRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What imports said before: [{"run": id, "valid_to": day or None}, ...], the latest last.
    previous = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["company", "role", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "role", "person", "valid_from", "source"],
                name="person_role_once", nulls_distinct=False,
            ),
            dates_in_order("person_role_dates"),
        ]  # fmt: skip
