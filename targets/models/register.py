"""What may be inspected: companies, the sites they run, past visits, and how they came in.

A company is a legal person; a site is a place and outlives the companies that run it.
"""

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Floor, Mod, Now
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Area, Authority, DatedModel, DatedQuerySet, dates_in_order
from targets.querysets import CompanyQuerySet, PastVisitQuerySet, SiteQuerySet
from ui.names import NamedModel, language_order


class IndustryEdition(NamedModel, DatedModel):
    """An edition of an industrial classification, e.g. TOL 2008, TOL 2025, NACE Rev. 2."""

    code = models.CharField(max_length=20, unique=True)  # TOL2008, TOL2025, NACE2, NACE21
    base = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="derived"
    )

    class Meta:
        ordering = ["code"]
        constraints = [dates_in_order("edition_dates")]


class Industry(NamedModel):
    """One class of one edition. ``code`` has no dots; ``path`` is section first: ``I/56/561``."""

    edition = models.ForeignKey(IndustryEdition, on_delete=models.PROTECT, related_name="classes")
    code = models.CharField(max_length=10)
    level = models.PositiveSmallIntegerField()
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    path = models.CharField(max_length=60, db_index=True)

    class Meta:
        ordering = ["edition", "path"]
        constraints = [models.UniqueConstraint(fields=["edition", "code"], name="industry_unique")]


class CompanyStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    LIQUIDATION = "liquidation", _("in liquidation")
    BANKRUPT = "bankrupt", _("in bankruptcy")
    RESTRUCTURING = "restructuring", _("in restructuring")
    CEASED = "ceased", _("ceased")
    UNKNOWN = "unknown", _("not known")


class CompanyKind(models.TextChoices):
    LEGAL = "legal", _("legal person")
    TRADER = "trader", _("sole trader")
    PUBLIC = "public", _("public body")
    FOREIGN = "foreign", _("foreign company")
    UNKNOWN = "unknown", _("not known")


class Company(models.Model):
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=300)  # current name
    business_id = models.CharField(max_length=9, null=True, blank=True)
    kind = models.CharField(max_length=10, choices=CompanyKind.choices, default=CompanyKind.UNKNOWN)
    country = models.CharField(max_length=2, default="FI")
    form = models.CharField(max_length=20, blank=True)
    status = models.CharField(
        max_length=20, choices=CompanyStatus.choices, default=CompanyStatus.UNKNOWN
    )
    # Without indexes: nobody asks for companies by them, sites are asked for.
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="companies",
        db_index=False,
    )  # fmt: skip
    municipality = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="companies",
        db_index=False,
    )  # fmt: skip
    address = models.CharField(max_length=300, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    registered_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=40)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    website = models.CharField(max_length=300, blank=True)
    # The row that stands for this one since both were found to be the same.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged",
        db_index=False,
    )  # fmt: skip
    raw = models.JSONField(default=dict)  # the source's record as received; unknown fields kept
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        indexes = [
            models.Index(fields=["name", "id"], name="company_by_name"),
            models.Index(fields=["registered_on"], name="company_registered"),
            models.Index(
                fields=["merged_into"],
                name="company_merged",
                condition=Q(merged_into__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["business_id"], name="company_business_id_unique"),
            models.CheckConstraint(
                condition=Q(business_id__isnull=True) | Q(business_id__regex=r"^[0-9]{7}-[0-9]$"),
                name="company_business_id_form",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True)
                | Q(registered_on__isnull=True)
                | Q(ended_on__gte=F("registered_on")),
                name="company_dates",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="company_not_into_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NameKind(models.TextChoices):
    TRADE = "trade", _("trade name")
    PARALLEL = "parallel", _("parallel trade name")
    AUXILIARY = "auxiliary", _("auxiliary trade name")


class SaidModel(models.Model):
    """A datum with the register that said it and the moment it became known here."""

    source = models.CharField(max_length=40, blank=True, db_default="")
    known_from = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True


class CompanyName(SaidModel, DatedModel):
    """Every name a company has or had, by kind and language."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="names")
    name = models.CharField(max_length=300)
    kind = models.CharField(max_length=20, choices=NameKind.choices)
    language = models.CharField(max_length=2, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["company", "kind", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "name", "kind", "valid_from"],
                name="company_name_unique",
                nulls_distinct=False,
            ),
            dates_in_order("company_name_dates"),
        ]


class CompanyIdentifier(SaidModel):
    """Identifier other than the Finnish business id: EUID, foreign register or tax number."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=40)  # "euid", "vat", "register"
    country = models.CharField(max_length=2, blank=True)
    value = models.CharField(max_length=80)

    class Meta:
        ordering = ["company", "scheme", "value"]
        constraints = [
            models.UniqueConstraint(
                fields=["scheme", "country", "value"], name="company_identifier_unique"
            )
        ]


class CompanyRegistration(SaidModel, DatedModel):
    """Entry in a public register: prepayment, VAT, employer, trade register."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="registrations")
    register = models.CharField(max_length=40)
    entry = models.CharField(max_length=40, blank=True)
    # When its last day became known, if that was after the entry itself.
    end_known_from = models.DateTimeField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["company", "register", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "register", "entry", "valid_from"],
                name="company_registration_unique",
                nulls_distinct=False,
            )
        ]


class SiteStatus(models.TextChoices):
    ACTIVE = "active", _("in operation")
    CLOSED = "closed", _("closed")
    UNKNOWN = "unknown", _("not known")


class SiteType(models.TextChoices):
    """What kind of place it is; ``Site.kind`` says what is done there."""

    ESTABLISHMENT = "establishment", _("establishment")
    TEMPORARY = "temporary", _("temporary site")
    VEHICLE = "vehicle", _("vehicle")
    DWELLING = "dwelling", _("dwelling used as lodging")
    ONLINE = "online", _("online presence")


class Site(models.Model):
    """A place where work is done. ``source`` + ``source_key`` make an import repeatable."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name_fi = models.CharField(max_length=300, blank=True)
    name_sv = models.CharField(max_length=300, blank=True)
    name_en = models.CharField(max_length=300, blank=True)
    # The name shown and sorted by; one of the above, or the register's only name.
    name = models.CharField(max_length=300)
    type = models.CharField(max_length=15, choices=SiteType.choices, default=SiteType.ESTABLISHMENT)
    # Registration of a vehicle, address on the web, number of a building permit.
    locator = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=40, blank=True)  # premises vocabulary of authorities.yaml
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="sites"
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="sites",
        db_index=False,  # the indexes of two columns below begin with it; so with the region
    )  # fmt: skip
    municipality = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="sites"
    )
    # Equal to municipality.region; kept here for the lists.
    region = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="region_sites",
        db_index=False,
    )  # fmt: skip
    address = models.CharField(max_length=300, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    # Empty: as the source gave them; "gazetteer": found by the address.
    located_by = models.CharField(max_length=20, blank=True, db_default="")
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    # For the map, kept by the database: which small rectangle it lies in (``targets.map``), and one
    # of 1,024 equal parts of all sites, so that a look at some of them stands for all.
    tile = models.GeneratedField(
        expression=Cast(
            Floor((F("longitude") + 180.0) * 8.0) * 4096 + Floor((F("latitude") + 90.0) * 16.0),
            models.IntegerField(),
        ),
        output_field=models.IntegerField(null=True), db_persist=True, null=True,
    )  # fmt: skip
    sample = models.GeneratedField(
        expression=Cast(Mod(F("id") * 40503, 1024), models.SmallIntegerField()),
        output_field=models.SmallIntegerField(), db_persist=True,
    )  # fmt: skip
    staff_estimate = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=SiteStatus.choices, default=SiteStatus.UNKNOWN)
    opened_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=40)
    source_key = models.CharField(max_length=80)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    # The row that stands for this one since both were found to be the same place.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged",
        db_index=False,
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        indexes = [
            models.Index(fields=["name", "id"], name="site_by_name"),
            models.Index(fields=["region", "name", "id"], name="site_region_name"),
            models.Index(fields=["industry", "region"], name="site_industry_region"),
            models.Index(fields=["staff_estimate"], name="site_staff"),
            models.Index(fields=["tile"], name="site_tile"),
            models.Index(fields=["sample", "tile"], name="site_sample"),
            models.Index(
                fields=["merged_into"], name="site_merged", condition=Q(merged_into__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source", "source_key"], name="site_source_unique"),
            models.CheckConstraint(condition=~Q(name=""), name="site_has_name"),
            models.CheckConstraint(
                condition=Q(longitude__isnull=True, latitude__isnull=True)
                | Q(longitude__gte=-180, longitude__lte=180, latitude__gte=-90, latitude__lte=90),
                name="site_coordinates",
            ),
            models.CheckConstraint(
                condition=Q(closed_on__isnull=True)
                | Q(opened_on__isnull=True)
                | Q(closed_on__gte=F("opened_on")),
                name="site_dates",
            ),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="site_not_into_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """The name in the reader's language where the register has one, else its only name."""
        for code in language_order():
            value: str = getattr(self, f"name_{code}")
            if value:
                return value
        return self.name


class SiteOperator(SaidModel, DatedModel):
    """Who ran the site when; ``Site.company`` is the present one.

    Written from the first change on: a site that never changed hands has no rows (``turns_of``).
    """

    # The unique index begins with it.
    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="operators", db_index=False
    )
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="operated_sites")

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["site", "valid_from", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "company", "valid_from"],
                name="site_operator_unique",
                nulls_distinct=False,
            ),
            dates_in_order("site_operator_dates"),
        ]


class VisitOutcome(models.TextChoices):
    NO_REMARKS = "no_remarks", _("No remarks")
    MINOR = "minor", _("Minor remarks")
    SERIOUS = "serious", _("Serious deficiencies")
    SEVERE = "severe", _("Severe deficiencies")
    NOT_POSSIBLE = "not_possible", _("Visit was not possible")


# Whatever was found, however grave.
REMARKED = (VisitOutcome.MINOR, VisitOutcome.SERIOUS, VisitOutcome.SEVERE)


class PastVisit(ClassifiedModel):
    """A visit made before or outside Tarkka, or in a closed operation.

    Belongs to the authority that made it; others see it only when ``shared``.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="past_visits")
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="past_visits")
    # Who made it, where another authority has since taken over what it did.
    performed_by = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    shared = models.BooleanField(default=False)
    on = models.DateField()
    kind = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=20, choices=VisitOutcome.choices)
    detail = models.JSONField(default=dict)  # source's grades as received
    # When it came into the register, so that a score of a past day can be made again.
    known_from = models.DateTimeField(db_default=Now(), editable=False)
    # When whoever made it knew the result, where the source says so: rows to learn from go by it.
    told_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=40)
    source_key = models.CharField(max_length=120)
    # The import that last said this, and what it said over: [{"run": id, column: value, ...}, ...];
    # with "until", the moment, where Tarkka itself recorded the result again.
    run_id = models.BigIntegerField(null=True, blank=True)
    previous = models.JSONField(default=list, blank=True)

    objects = PastVisitQuerySet.as_manager()

    class Meta:
        ordering = ["-on", "-id"]
        indexes = [
            models.Index(fields=["site", "-on"], name="past_visit_site"),
            # Newest first of all sites: how a long list is sorted by its last visits.
            models.Index(fields=["-on", "site"], name="past_visit_day"),
            models.Index(
                fields=["run_id"], name="past_visit_run", condition=Q(run_id__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_key"], name="past_visit_source_unique"
            )
        ]
