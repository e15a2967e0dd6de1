"""Storing the result of a visit as a past visit of the site."""

import datetime as dt

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
    visit, _created = PastVisit.objects.update_or_create(
        source=source,
        source_key=source_key,
        defaults={
            "site": site, "authority": authority, "on": on, "outcome": outcome,
            "shared": shared, "kind": kind,
        },
    )  # fmt: skip
    return visit
