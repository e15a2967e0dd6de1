"""Where addresses lie: a gazetteer that the installation was given."""

from django.db import models
from django.db.models import Q

from authorities.models import Area


class AddressPoint(models.Model):
    """One address of a municipality with its place. ``key`` is ``targets_normal`` of the address."""

    municipality = models.ForeignKey(
        Area, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    key = models.CharField(max_length=200)
    longitude = models.FloatField()
    latitude = models.FloatField()
    source = models.CharField(max_length=60)  # name of the file or register
    loaded_at = models.DateTimeField()

    class Meta:
        ordering = ["municipality", "key"]
        constraints = [
            models.UniqueConstraint(fields=["municipality", "key"], name="address_point_once"),
            models.CheckConstraint(
                condition=Q(longitude__gte=-180, longitude__lte=180, latitude__gte=-90,
                            latitude__lte=90),
                name="address_point_on_earth",
            ),
        ]  # fmt: skip
