"""What may be inspected: companies, the sites they run, past visits, and how they came in.

A company is a legal person; a site is a place and outlives the companies that run it.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from audit.access import ClassifiedModel
from authorities.models import Area, Authority, DatedModel, DatedQuerySet, dates_in_order
from targets.querysets import CompanyQuerySet, ImportRunQuerySet, PastVisitQuerySet, SiteQuerySet
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


class Company(models.Model):
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=300)  # current name
    business_id = models.CharField(max_length=9, unique=True, null=True, blank=True)
    form = models.CharField(max_length=20, blank=True)
    status = models.CharField(
        max_length=20, choices=CompanyStatus.choices, default=CompanyStatus.UNKNOWN
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="companies"
    )
    municipality = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="companies"
    )
    address = models.CharField(max_length=300, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    registered_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=40)
    source_updated_at = models.DateTimeField(null=True, blank=True)
    raw = models.JSONField(default=dict)  # the source's record as received; unknown fields kept
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        indexes = [
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="company_name_trgm"),
            models.Index(fields=["name", "id"], name="company_by_name"),
        ]
        constraints = [
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
        ]

    def __str__(self) -> str:
        return self.name


class NameKind(models.TextChoices):
    TRADE = "trade", _("trade name")
    PARALLEL = "parallel", _("parallel trade name")
    AUXILIARY = "auxiliary", _("auxiliary trade name")


class CompanyName(DatedModel):
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


class CompanyIdentifier(models.Model):
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


class CompanyRegistration(DatedModel):
    """Entry in a public register: prepayment, VAT, employer, trade register."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="registrations")
    register = models.CharField(max_length=40)
    entry = models.CharField(max_length=40, blank=True)

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


class Site(models.Model):
    """A place where work is done. ``source`` + ``source_key`` make an import repeatable."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name_fi = models.CharField(max_length=300, blank=True)
    name_sv = models.CharField(max_length=300, blank=True)
    name_en = models.CharField(max_length=300, blank=True)
    # The name shown and sorted by; one of the above, or the register's only name.
    name = models.CharField(max_length=300)
    kind = models.CharField(max_length=40, blank=True)  # premises vocabulary of authorities.yaml
    company = models.ForeignKey(
        Company, null=True, blank=True, on_delete=models.PROTECT, related_name="sites"
    )
    industry = models.ForeignKey(
        Industry, null=True, blank=True, on_delete=models.PROTECT, related_name="sites"
    )
    municipality = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="sites"
    )
    # Equal to municipality.region; kept here for the lists.
    region = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.PROTECT, related_name="region_sites"
    )
    address = models.CharField(max_length=300, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)
    staff_estimate = models.PositiveIntegerField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=SiteStatus.choices, default=SiteStatus.UNKNOWN)
    opened_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=40)
    source_key = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SiteQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        indexes = [
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="site_name_trgm"),
            models.Index(fields=["name", "id"], name="site_by_name"),
            models.Index(fields=["region", "name", "id"], name="site_region_name"),
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


class SiteOperator(DatedModel):
    """Who ran the site when; ``Site.company`` is the present one."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="operators")
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
    source = models.CharField(max_length=40)
    source_key = models.CharField(max_length=120)

    objects = PastVisitQuerySet.as_manager()

    class Meta:
        ordering = ["-on", "-id"]
        indexes = [models.Index(fields=["site", "-on"], name="past_visit_site")]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_key"], name="past_visit_source_unique"
            )
        ]


class ImportMapping(models.Model):
    """Saved column mapping for files of one shape; ``columns`` is field → column name."""

    code = models.SlugField(max_length=60, unique=True)  # NAME of --format for tabular files
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=[("sites", _("sites")), ("visits", _("visits"))])
    columns = models.JSONField(default=dict)
    options = models.JSONField(
        default=dict
    )  # delimiter, encoding, date format, country, outcome map
    authority = models.ForeignKey(
        Authority, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["code"]


class ImportState(models.TextChoices):
    QUEUED = "queued", _("Waiting to start")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")


class ImportRun(models.Model):
    """One file being read. The row is the job: progress, result and refused rows hang on it."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=[("sites", _("sites")), ("visits", _("visits"))])
    format = models.CharField(max_length=60)
    file_name = models.CharField(max_length=255)
    stored_as = models.CharField(max_length=255, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="+")
    shared = models.BooleanField(default=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.QUEUED)
    rows_read = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(null=True, blank=True)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["done", "failed"], finished_at__isnull=False)
                | Q(state__in=["queued", "running"], finished_at__isnull=True),
                name="import_finished_when",
            )
        ]


class ImportRefusal(models.Model):
    """One refused row: where, which field, why (code and values; words are made when shown)."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="refusals")
    line = models.PositiveIntegerField()
    field = models.CharField(max_length=60, blank=True)
    code = models.CharField(max_length=60)
    value = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["run", "line", "id"]
