"""Unusual look-ups reach the supervisor: a sweep over the access log makes a task of them.

Unusual is (a) looking at cases to which neither a task nor an operation leads, from
``LOOKUPS_TO_REVIEW`` cases a day, and (b) looking at far more objects in a day than the same person
usually does. Both are only a reason to ask, never a finding.
"""

import datetime as dt
from collections import Counter
from statistics import median
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from audit.context import as_system
from audit.models import AccessEntry, Purpose
from authorities.models import Membership, Role, Unit
from worklist.models import Task
from worklist.services.tasks import ensure_task

USUAL_DAYS = 30  # how far back "usually" reaches
MANY = 60  # objects a day below which nothing is unusual
TIMES = 4  # that many times the person's median day


def review_lookups(day: dt.date | None = None) -> int:
    """Make or renew the review tasks for ``day`` (local, default today); returns how many people.

    Running it again changes nothing but the count in a task that is still open.
    """
    day = day or timezone.localdate()
    with transaction.atomic(), as_system("a supervisor is told how much, never what"):
        found: dict[int, dict[str, int]] = {}
        for membership, count in _without_task(day).items():
            if count >= settings.LOOKUPS_TO_REVIEW:
                found.setdefault(membership, {})["cases"] = count
        for membership, count in _more_than_usual(day).items():
            found.setdefault(membership, {})["objects"] = count
        memberships = Membership.objects.select_related("user", "unit", "authority").in_bulk(found)
        for pk, numbers in found.items():
            _tell(memberships[pk], day, numbers)
    return len(found)


def _without_task(day: dt.date) -> Counter[int]:
    """Cases opened on ``day`` with a typed-in purpose, by membership."""
    rows = (
        Purpose.objects.filter(implied=False, stated_at__date=day)
        .values("membership_id")
        .annotate(cases=Count("pk"))
        .order_by("membership_id")
    )
    return Counter({row["membership_id"]: row["cases"] for row in rows})


def _more_than_usual(day: dt.date) -> dict[int, int]:
    """Memberships that looked at unusually many objects on ``day``, with how many."""
    rows = (
        AccessEntry.objects.filter(
            at__date__gt=day - dt.timedelta(days=USUAL_DAYS), at__date__lte=day
        )
        .annotate(on=TruncDate("at"))
        .values("membership_id", "on")
        .annotate(seen=Count("object_id", distinct=True))
        .order_by("membership_id", "on")
    )
    by_day: dict[int, dict[dt.date, int]] = {}
    for row in rows:
        by_day.setdefault(row["membership_id"], {})[row["on"]] = row["seen"]
    unusual = {}
    for membership, days in by_day.items():
        today = days.pop(day, 0)
        usual = median(days.values()) if days else 0
        if today >= MANY and today > TIMES * usual:
            unusual[membership] = today
    return unusual


def supervisors(membership: Membership) -> tuple[Unit, str]:
    """Unit and role of those who watch over this person's look-ups: never only the person.

    Managers of the own unit, of the units above, of the authority; else its administrators.
    """
    others = (
        Membership.objects.usable()
        .filter(authority=membership.authority)
        .exclude(user=membership.user)
        .select_related("unit")
        .order_by("pk")
    )
    for role in (Role.MANAGER, Role.ADMINISTRATOR):
        places = list(others.filter(roles__contains=[role]))
        near = [p for p in places if p.unit_id == membership.unit_id]
        above = [p for p in places if p.unit_id == membership.unit.parent_id]
        for place in [*near, *above, *places]:
            return place.unit, role
    return membership.unit, Role.ADMINISTRATOR


def _tell(membership: Membership, day: dt.date, numbers: dict[str, int]) -> None:
    unit, role = supervisors(membership)
    params = {
        "name": membership.user.full_name, "day": day.isoformat(),
        "cases": numbers.get("cases", 0), "objects": numbers.get("objects", 0),
    }  # fmt: skip
    kind = "access.review" if "cases" in numbers else "access.review_many"
    key = f"{kind}:{membership.pk}:{day}"
    query = urlencode({"whose": "people", "q": membership.user.email, "since": day, "until": day})
    ensure_task(
        key=key, kind=kind, authority=membership.authority, unit=unit, role=role,
        subject=membership, url=f"{reverse('authorities:access_list')}?{query}",
        due=day + dt.timedelta(days=7), params=params,
    )  # fmt: skip
    Task.objects.open().filter(key=key).update(params=params)
