"""In which weeks of the window a site can be visited: it has rested, and it is open some workday."""

import datetime as dt
from collections.abc import Iterable

from planning.models import Operation
from planning.rest import other_visits, rest
from planning.stops import is_shut, opening_hours
from planning.workdays import monday, weeks, workdays
from targets.models import Site


class OpenWeeks:
    """Asked once for all candidates of an operation. Two queries.

    Rest is counted from visits that others may know of; one that its authority keeps to itself
    closes a site for the whole round or not at all (``services.availability``), so that no week
    tells of it.
    """

    def __init__(self, operation: Operation, sites: Iterable[int], *, by_week: bool) -> None:
        ids = list(sites)
        window = list(workdays(operation.window_start, operation.window_end))
        self.parts = [window]
        if by_week:
            mondays = [week for week, _days in weeks(operation.window_start, operation.window_end)]
            self.parts = [[day for day in window if monday(day) == week] for week in mondays]
        visits = other_visits(operation, ids).filter(shared=True)
        self.visited: dict[int, dt.date] = dict(visits.values_list("site_id", "on"))
        self.hours = opening_hours(ids)
        self.told = {site for site, _weekday in self.hours}

    def of(self, site: Site) -> list[int]:
        """By period, each week or the window as a whole: 1 where a visit is possible."""
        last = self.visited.get(site.pk)
        free = last + rest() if last else dt.date.min
        shut = site.pk in self.told
        return [
            int(any(d >= free and not (shut and is_shut(site, self.hours, d)) for d in days))
            for days in self.parts
        ]
