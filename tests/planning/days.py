"""What tests of inspection days build on: a signed round, its days, people and plans."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.context import acting_as
from planning.models import (
    DayPlan,
)
from planning.services import (
    create_day,
    plan_days,
)
from planning.services.routes import unplanned
from planning.workdays import workdays
from tests.factories import Cast

NINE, NOON, ONE, FOUR = dt.time(9), dt.time(12), dt.time(13), dt.time(16)


def scheduled(sites: int = 4, **values: Any) -> Cast:
    cast = Cast()
    cast.to("scheduled", sites=sites)
    return cast


def soon(number: int = 0) -> dt.date:
    """A working day from tomorrow on."""
    today = timezone.localdate()
    return list(workdays(today + dt.timedelta(days=1), today + dt.timedelta(days=29)))[number]


def day_of(cast: Cast, date: dt.date | None = None, name: str = "Team 1", **values: Any):
    member = cast.actors["OSH", "inspector"].membership
    return create_day(
        actor=cast.lead, operation=cast.refresh(), date=date or soon(), team_name=name,
        **({"members": [member], "team_lead": member.user} | values),
    )  # fmt: skip


def plan(cast: Cast, **values: Any) -> DayPlan:
    defaults = {"starts_at": NINE, "ends_at": FOUR, "minutes": 90}
    return plan_days(actor=cast.lead, operation=cast.refresh(), **(defaults | values))


def refused(action: Any) -> str:
    """Name of the constraint by which the database refuses."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        action()
    return caught.value.__cause__.diag.constraint_name


def team(code: str = "OSH", cast: Cast | None = None):
    return cast.actors[code, "inspector"].membership


def unplanned_of(cast: Cast):
    with acting_as(cast.lead):
        return unplanned(cast.operation)


def spread(cast: Cast, count: int = 0) -> None:
    """Give the sites coordinates along a road, mixed."""
    for number, site in enumerate(cast.sites):
        site.latitude, site.longitude = 60.2, 24.0 + (number * 7 % 5) / 50
        site.save()


def picture(cast: Cast) -> list[Any]:
    return [
        (day.date, day.team_name, [m.user_id for m in day.members.order_by("user_id")],
         [(v.site_id, v.starts_at, v.travel_minutes) for v in day.visits.order_by("order")])
        for day in cast.operation.days.order_by("date", "team_name")
    ]  # fmt: skip
