"""Storing the result of a visit as a past visit of the site."""

import datetime as dt

from audit.context import as_system
from authorities.models import Authority
from targets.models import PastVisit, Site


def record_visit(
    *,
    site: Site,
    authority: Authority,
    on: dt.date,
    outcome: str,
    shared: bool,
    source: str,
    source_key: str,
    kind: str = "joint",
) -> PastVisit:
    """Store one result, once: the same source and key only renew it."""
    with as_system("one person closes an operation, the results belong to every participant"):
        visit, _created = PastVisit.objects.update_or_create(
            source=source,
            source_key=source_key,
            defaults={
                "site": site, "authority": authority, "on": on, "outcome": outcome,
                "shared": shared, "kind": kind,
            },
        )  # fmt: skip
    return visit
