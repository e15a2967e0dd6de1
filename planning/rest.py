"""Rest of a site between visits: which visits count, and from which day it can be visited again."""

import datetime as dt
from collections.abc import Iterable

from django.conf import settings
from django.db.models import QuerySet

from planning.models import Operation
from targets.models import PastVisit


def rest() -> dt.timedelta:
    return dt.timedelta(days=settings.REST_DAYS)


def other_visits(operation: Operation, sites: Iterable[int]) -> QuerySet[PastVisit]:
    """Visits to these sites (ids) that the operation did not make itself, oldest first.

    Its own become past visits when it closes, with its number on their labels.
    """
    rows = PastVisit.objects.filter(site__in=list(sites)).order_by("on", "pk")
    return rows.exclude(label__operation=operation.number)
