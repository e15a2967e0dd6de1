"""Who acts: authorities, their units, the areas they cover, people and their memberships.

Areas, authorities and units are dated rows: reforms end some and start others, and history keeps
the old names. ``valid_to`` is the last day on which the row holds; empty means for now.
"""

import datetime as dt
import uuid
from typing import ClassVar, Self, TypeVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ui.names import NamedModel

_M = TypeVar("_M", bound=models.Model)


class DatedQuerySet(models.QuerySet[_M]):
    def valid_on(self, day: dt.date | None = None) -> Self:
        """Rows in force on ``day`` (default: today, local date)."""
        day = day or timezone.localdate()
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=day),
            Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        )


class DatedModel(models.Model):
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        abstract = True

    def is_valid_on(self, day: dt.date | None = None) -> bool:
        day = day or timezone.localdate()
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or self.valid_to >= day
        )


def dates_in_order(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(valid_from__isnull=True)
        | Q(valid_to__isnull=True)
        | Q(valid_to__gte=F("valid_from")),
        name=name,
    )


class AreaKind(models.TextChoices):
    COUNTRY = "country", _("country")
    REGION = "region", _("region")
    MUNICIPALITY = "municipality", _("municipality")
    POLICE_DEPARTMENT = "police_department", _("police department")
    ECONOMIC_CENTRE = "economic_development_centre", _("economic development centre")
    WELLBEING_COUNTY = "wellbeing_county", _("wellbeing services county")
    EMPLOYMENT_AREA = "employment_area", _("employment area")


class Area(NamedModel, DatedModel):
    """A municipality, region or administrative district, in force for a period.

    ``region`` is set for municipalities; ``country`` is ISO 3166 alpha-2 ("FI", "NO", "US" for
    imported foreign registers, whose areas carry ``country`` + local code).
    """

    kind = models.CharField(max_length=40, choices=AreaKind.choices)
    country = models.CharField(max_length=2, default="FI")
    code = models.CharField(max_length=40)
    region = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="municipalities"
    )
    # Other districts a municipality belongs to (police department, wellbeing county ...).
    districts = models.ManyToManyField(
        "self", symmetrical=False, related_name="members", blank=True
    )
    successor = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="predecessors"
    )
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "country", "code", "valid_from"],
                name="area_unique",
                nulls_distinct=False,
            ),
            dates_in_order("area_dates"),
        ]


class Authority(NamedModel, DatedModel):
    """A body that acts by its own right; ``parent`` for a function inside a larger one."""

    code = models.CharField(max_length=40, unique=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts"
    )
    kind = models.CharField(max_length=40)
    short_fi = models.CharField(max_length=40, blank=True)
    short_sv = models.CharField(max_length=40, blank=True)
    short_en = models.CharField(max_length=40, blank=True)
    mission_fi = models.TextField(blank=True)
    mission_sv = models.TextField(blank=True)
    mission_en = models.TextField(blank=True)
    region_model = models.CharField(max_length=40, blank=True)
    website = models.URLField(blank=True)
    inspects = models.BooleanField(default=False)
    # Statutes and the like, as loaded; shown as starter data until reviewed.
    source_confidence = models.CharField(max_length=40, blank=True)
    reviewed_on = models.DateField(null=True, blank=True)
    reviewed_by = models.CharField(max_length=200, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        verbose_name = _("authority")
        verbose_name_plural = _("authorities")
        constraints = [dates_in_order("authority_dates")]

    @property
    def short(self) -> str:
        from ui.names import language_order

        for code in language_order():
            value: str = getattr(self, f"short_{code}")
            if value:
                return value
        return self.name


class Succession(models.Model):
    """From a day on, ``successor`` carries on (part of) what ``predecessor`` did."""

    predecessor = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="successions")
    successor = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="inheritances")
    on = models.DateField()
    note = models.CharField(max_length=300, blank=True)
    # Rights, open work, disclosures and clocks have moved (authorities.services.succession).
    moved_at = models.DateTimeField(null=True, blank=True)
    moved = models.JSONField(default=dict)  # how many of what

    class Meta:
        ordering = ["on", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["predecessor", "successor", "on"], name="succession_unique"
            ),
            models.CheckConstraint(
                condition=~Q(predecessor=F("successor")), name="succession_not_itself"
            ),
        ]


class Unit(NamedModel, DatedModel):
    """A place in an authority's organisation where people work; a tree through ``parent``."""

    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="units")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    code = models.CharField(max_length=60)
    areas = models.ManyToManyField(Area, blank=True, related_name="units")
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        ordering = ["authority", "code"]
        constraints = [
            models.UniqueConstraint(fields=["authority", "code"], name="unit_unique"),
            dates_in_order("unit_dates"),
        ]


class UnitSuccession(models.Model):
    """The map of a succession: whose work goes to which unit, and whether the people go along."""

    succession = models.ForeignKey(Succession, on_delete=models.CASCADE, related_name="units")
    old = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    new = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    with_people = models.BooleanField(default=False)

    class Meta:
        ordering = ["succession", "old"]
        constraints = [models.UniqueConstraint(fields=["old"], name="unit_has_one_heir")]


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class Theme(models.TextChoices):
    SYSTEM = "system", _("As the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may do comes from memberships, never from this row."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=80)
    last_name = models.CharField(max_length=80)
    title = models.CharField(max_length=120, blank=True)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(
        max_length=2, blank=True, choices=[("fi", "Suomi"), ("sv", "Svenska"), ("en", "English")]
    )
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    shortcuts = models.BooleanField(default=True)
    # Local hour (Europe/Helsinki or the installation's zone) at which the daily digest goes out.
    digest_hour = models.PositiveSmallIntegerField(default=7)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    # Sessions created before this moment are ended ("sign out everywhere").
    sessions_valid_after = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering = ["last_name", "first_name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(digest_hour__lte=23), name="user_digest_hour")
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_full_name(self) -> str:
        return self.full_name

    @property
    def initials(self) -> str:
        return (self.first_name[:1] + self.last_name[:1]).upper() or self.email[:2].upper()


class Role(models.TextChoices):
    COORDINATOR = "coordinator", _("coordinator")
    INSPECTOR = "inspector", _("inspector")
    MANAGER = "manager", _("manager")
    ANALYST = "analyst", _("analyst")
    ADMINISTRATOR = "administrator", _("authority administrator")


class MembershipQuerySet(DatedQuerySet["Membership"]):
    def usable(self, day: dt.date | None = None) -> "MembershipQuerySet":
        """In force today, in a unit and authority in force today, of an active person."""
        day = day or timezone.localdate()

        def in_force(prefix: str) -> Q:
            return Q(
                Q(**{f"{prefix}valid_from__isnull": True}) | Q(**{f"{prefix}valid_from__lte": day}),
                Q(**{f"{prefix}valid_to__isnull": True}) | Q(**{f"{prefix}valid_to__gte": day}),
            )

        return self.filter(
            in_force(""), in_force("unit__"), in_force("authority__"), user__is_active=True
        )


class Membership(DatedModel):
    """A person's place in a unit with roles there, optionally narrowed to some regions."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="memberships")
    # Equal to unit.authority; kept here because almost every visibility rule asks for it.
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="memberships")
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices))
    # Empty: no limit. Else areas of kind region.
    regions = models.ManyToManyField(Area, blank=True, related_name="limited_memberships")

    objects = MembershipQuerySet.as_manager()

    class Meta:
        ordering = ["user", "id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "unit"], name="membership_unique"),
            models.CheckConstraint(condition=Q(roles__len__gt=0), name="membership_has_role"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=Role.values), name="membership_known_roles"
            ),
            dates_in_order("membership_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.unit}"


class UnitGroup(models.Model):
    """The group that stands for one role in one unit; object grants are given to it."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="role_groups")
    role = models.CharField(max_length=20, choices=Role.choices)
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="unit_group")

    class Meta:
        ordering = ["unit", "role"]
        constraints = [models.UniqueConstraint(fields=["unit", "role"], name="unit_group_unique")]
