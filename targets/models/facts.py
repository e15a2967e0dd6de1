"""Facts of registers about companies and sites: licences, debts, results, with source and dates."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Authority
from targets.models.imports import ImportRun
from targets.models.register import Company, Site
from targets.querysets import OwnedFactQuerySet


class Fact(ClassifiedModel):
    """One statement of one source. Never changed: a new one closes the one before (``known_to``).

    ``valid_from``/``valid_to``: when it holds in the world. ``known_from``/``known_to``: when it was
    what Tarkka knew, so that any past day can be looked at with the knowledge of that day.
    ``authority`` owns it and alone sees it, unless it is ``shared`` (open registers).
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.CASCADE, related_name="facts"
    )
    site = models.ForeignKey(
        Site, null=True, blank=True, on_delete=models.CASCADE, related_name="facts"
    )
    kind = models.CharField(max_length=60)  # code: alcohol_licence, tax_debt, corporate_tax, ...
    value = models.JSONField(default=dict)  # the source's columns, numbers as numbers
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    known_from = models.DateTimeField()
    known_to = models.DateTimeField(null=True, blank=True)
    # When its keeper knew it, where the source says so: rows to learn from go by it.
    told_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=60)
    source_key = models.CharField(max_length=120)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    shared = models.BooleanField(default=False)
    # Own material goes when its time is up; open registers have no such day.
    delete_on = models.DateField(null=True, blank=True, db_index=True)
    run = models.ForeignKey(
        ImportRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="facts"
    )

    objects = OwnedFactQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "-valid_from", "-id"]
        verbose_name = _("fact")
        verbose_name_plural = _("facts")
        indexes = [
            models.Index(
                fields=["site", "kind"], name="fact_site", condition=Q(site__isnull=False)
            ),
            models.Index(
                fields=["company", "kind"], name="fact_company", condition=Q(company__isnull=False)
            ),
            models.Index(fields=["run"], name="fact_run"),
        ]
        constraints = [
            # One statement of a source and key is in force at a time.
            models.UniqueConstraint(
                fields=["authority", "source", "source_key"], condition=Q(known_to__isnull=True),
                name="fact_known_once",
            ),
            models.CheckConstraint(
                condition=Q(site__isnull=False, company__isnull=True)
                | Q(site__isnull=True, company__isnull=False),
                name="fact_of_one",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True)
                | Q(valid_to__gte=F("valid_from")),
                name="fact_dates",
            ),
        ]  # fmt: skip
