"""Sites as points and clusters for the map beside the list, bounded at a country's number of sites.

Never more than ``EXACT`` rows are counted one by one. Where more match, a few of 1,024 equal parts of
all sites are looked at (``Site.sample``) and stand for all: numbers are then called approximate.
Everything goes through the list's own rows, so that the walls and filters are those of the list.
"""

import math
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, FloatField, QuerySet
from django.db.models.functions import Floor
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from targets.lists import SiteList
from ui.lists import capped_count

EXACT = 10_000
# Filters that look at other rows for each site: fewer are looked at.
DEAR = ("q", "visited", "visited_by", "visited_before", "visited_after", "outcome",
        "last_outcome", "licence", "tag", "operation", "findings", "age")  # fmt: skip
DEAR_EXACT, DEAR_TAKEN = 4_000, 8
POINTS = 150  # so few are shown one by one
PARTS, TAKEN = 1_024, 16  # of Site.sample
CELL = 90  # pixels of a cluster's cell
TILES = 600  # small rectangles that are worth naming to the index


@dataclass(frozen=True)
class Window:
    """What the map shows, in degrees, and Leaflet's zoom (0: the world, 18: a house)."""

    west: float
    south: float
    east: float
    north: float
    zoom: int

    @classmethod
    def of(cls, bbox: str, zoom: str) -> "Window":
        """From ``west,south,east,north``. Raises ValueError when that is no rectangle."""
        parts = [float(part) for part in bbox.split(",")]
        if len(parts) != 4 or not all(map(math.isfinite, parts)):
            raise ValueError("four numbers")
        west, south, east, north = parts
        west, east = max(-180.0, west), min(180.0, east)
        south, north = max(-90.0, south), min(90.0, north)
        if west >= east or south >= north:
            raise ValueError("not a rectangle")
        return cls(west, south, east, north, min(18, max(0, int(zoom))))

    @property
    def step(self) -> tuple[float, float]:
        """Width and height of a cluster's cell in degrees: about square in the middle of Finland.

        The same wherever one looks, so that clusters stay where they are while the map is moved.
        """
        width = 360 / (256 * 2**self.zoom) * CELL
        return width, width * math.cos(math.radians(64))

    def tiles(self) -> list[int] | None:
        """``Site.tile`` of all small rectangles in the window; None when they are too many."""
        xs = range(math.floor((self.west + 180) * 8), math.floor((self.east + 180) * 8) + 1)
        ys = range(math.floor((self.south + 90) * 16), math.floor((self.north + 90) * 16) + 1)
        if len(xs) * len(ys) > TILES:
            return None
        return [x * 4096 + y for x in xs for y in ys]


def look(page: SiteList, window: Window) -> dict[str, Any]:
    """``{"points", "clusters", "approximate", "words"}`` for the list's rows in the window.

    Two queries beside those of the filters.
    """
    filterset = page.filterset()
    assert filterset is not None
    rows = filterset.qs
    if filterset.is_bound and not filterset.form.is_valid():
        rows = rows.none()
    rows = rows.filter(
        longitude__gte=window.west, longitude__lte=window.east,
        latitude__gte=window.south, latitude__lte=window.north,
    ).order_by()  # fmt: skip
    tiles = window.tiles()
    if tiles is not None:
        rows = rows.filter(tile__in=tiles)
    dear = any(page.query.get(name) for name in DEAR)
    exact, taken = (DEAR_EXACT, DEAR_TAKEN) if dear else (EXACT, TAKEN)
    count = capped_count(rows, exact)
    approximate = count > exact
    points, clusters = [], []
    if count <= POINTS:
        points = _points(rows)
    else:
        times = PARTS // taken if approximate else 1
        clusters = _clusters(rows.filter(sample__lt=taken) if approximate else rows, window, times)
    return {
        "points": points, "clusters": clusters, "approximate": approximate,
        "words": _words(min(count, exact), approximate),
    }  # fmt: skip


def _words(count: int, approximate: bool) -> str:
    if approximate:
        return _("More than %(count)s sites in view. Numbers on the map are approximate.") % {
            "count": number_format(count, use_l10n=True, force_grouping=True)
        }
    words = ngettext("%(count)s site in view.", "%(count)s sites in view.", count)
    return words % {"count": number_format(count, use_l10n=True, force_grouping=True)}


def _points(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    sites = rows.select_related("municipality").order_by("name", "pk")
    return [
        {
            "at": [site.latitude, site.longitude], "name": site.shown_name,
            "url": reverse("targets:site_detail", args=[site.public_id]),
            "note": ", ".join(part for part in (
                site.address, site.municipality.name if site.municipality else "") if part),
        }
        for site in sites
    ]  # fmt: skip


def _clusters(rows: QuerySet[Any], window: Window, times: int) -> list[dict[str, Any]]:
    width, height = window.step
    cells = (
        rows.annotate(
            x=Floor(F("longitude") / width, output_field=FloatField()),
            y=Floor(F("latitude") / height, output_field=FloatField()),
        )
        .values("x", "y")
        .annotate(number=Count("pk"), latitude_=Avg("latitude"), longitude_=Avg("longitude"))
        .order_by("x", "y")
    )
    return [
        {
            "at": [round(cell["latitude_"], 5), round(cell["longitude_"], 5)],
            "count": number, "words": number_format(number, use_l10n=True, force_grouping=True),
        }
        for cell in cells
        for number in [_rounded(cell["number"] * times) if times > 1 else cell["number"]]
    ]  # fmt: skip


def _rounded(number: int) -> int:
    """Two figures tell what an estimate can."""
    step = 10 ** max(0, len(str(number)) - 2)
    return round(number / step) * step
