"""Storing the result of a visit as a past visit of the site."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

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
    """Store one result, once: the same source and key only renew it.

    What it said before stays in ``previous``, so that a day of the past is seen as it was then.
    """
    values = {
        "site": site, "authority": authority, "on": on, "outcome": outcome, "shared": shared,
        "kind": kind,
    }  # fmt: skip
    with (
        transaction.atomic(),
        as_system("one person closes an operation, the results belong to every participant"),
    ):
        visit, created = PastVisit.objects.select_for_update().get_or_create(
            source=source, source_key=source_key, defaults=values
        )
        if created:
            return visit
        said = {"outcome": visit.outcome, "shared": visit.shared}
        if said != {"outcome": outcome, "shared": shared}:
            until = timezone.now().isoformat()
            visit.previous = [*visit.previous, said | {"run": None, "until": until}]
        for name, value in values.items():
            setattr(visit, name, value)
        visit.save(update_fields=[*values, "previous"])
    return visit
