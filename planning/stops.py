"""Planned visits as the routing sees them: places, lengths, opening hours, working hours."""

import datetime as dt
from collections.abc import Iterable, Sequence

from django.db.models import Q

from planning.models import InspectionDay, PlannedVisit, SiteHours, TravelTime
from planning.routing import Place, Stop, Table
from targets.models import Site

# Working hours of a day of which nobody has said any.
STARTS = dt.time(9, 0)
ENDS = dt.time(16, 0)
VISIT_MINUTES = 90
Hours = dict[tuple[int, int], tuple[int, int]]


def minutes_of(time: dt.time) -> int:
    return time.hour * 60 + time.minute


def hours_of(day: InspectionDay) -> tuple[int, int]:
    """First and last minute of a day's work."""
    starts = minutes_of(day.starts_at or STARTS)
    ends = minutes_of(day.ends_at) if day.ends_at else max(minutes_of(ENDS), starts + 60)
    return starts, ends


def place_of(site: Site) -> Place:
    """Its own coordinates, else the middle of its municipality, else nowhere."""
    if site.latitude is not None and site.longitude is not None:
        return Place((site.latitude, site.longitude), site.municipality_id)
    area = site.municipality
    if area is not None and area.latitude is not None and area.longitude is not None:
        return Place((area.latitude, area.longitude), area.pk)
    return Place(None, site.municipality_id)


def opening_hours(site_ids: Iterable[int]) -> Hours:
    """(site, weekday) → first and last minute; a site with any row is closed on other days."""
    rows = SiteHours.objects.filter(site__in=list(site_ids))
    return {
        (row.site_id, row.weekday): (minutes_of(row.opens), minutes_of(row.closes)) for row in rows
    }


def stop_of(site: Site, minutes: int, hours: Hours, date: dt.date) -> Stop:
    opens, closes = hours.get((site.pk, date.weekday()), (None, None))
    if opens is None and is_shut(site, hours, date):
        opens, closes = 0, 0  # whenever one comes, it is too late
    return Stop(place_of(site), minutes, opens, closes)


def is_shut(site: Site, hours: Hours, date: dt.date) -> bool:
    """Known to be closed on that weekday."""
    known = any((site.pk, weekday) in hours for weekday in range(7))
    return known and (site.pk, date.weekday()) not in hours


def stops_of(visits: Sequence[PlannedVisit], date: dt.date) -> list[Stop]:
    """One query."""
    hours = opening_hours(visit.site_id for visit in visits)
    return [stop_of(visit.site, visit.minutes, hours, date) for visit in visits]


def travel_table(visits: Sequence[PlannedVisit]) -> Table:
    return table_of(visit.site for visit in visits)


def table_of(sites: Iterable[Site]) -> Table:
    """Loaded travel times between the municipalities of these sites. One query."""
    areas = {site.municipality_id for site in sites if site.municipality_id}
    rows = TravelTime.objects.filter(Q(first__in=areas) & Q(second__in=areas))
    return {(row.first_id, row.second_id): row.minutes for row in rows}
