"""After a cancellation what stands stays; the difference is shown and then carried out, once."""

import datetime as dt
from typing import Any

import pytest

from audit.context import acting_as
from audit.errors import Conflict
from planning.models import InspectionDay, PlannedVisit
from planning.services import (
    add_absence,
    add_vehicle,
    edit_vehicle,
    move,
    plan_days,
    postpone,
    replan,
)
from planning.services.replanning import Difference, difference
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor
from tests.planning.days import picture, soon, spread, team

pytestmark = pytest.mark.django_db


def planned(sites: int = 9, teams: tuple[str, ...] = ("OSH", "TAX")) -> Cast:
    """A round whose days were planned for teams of these authorities, two inspectors each."""
    cast = Cast()
    cast.to("scheduled", sites=sites)
    spread(cast)
    for code in teams:
        make_actor(code, "inspector", last_name="Second")
    cast.operation.choices.filter(state="picked").update(
        team=[cast.actors[code, "manager"].authority.pk for code in teams]
    )
    plan_days(
        actor=cast.lead, operation=cast.refresh(), starts_at=dt.time(9), ends_at=dt.time(16),
        minutes=90,
    )  # fmt: skip
    return cast


def shown(cast: Cast) -> Difference:
    with acting_as(cast.lead):
        return difference(operation=cast.refresh())


def carry_out(cast: Cast) -> Difference:
    return replan(actor=cast.lead, operation=cast.operation, shown=shown(cast).fingerprint())


def days(cast: Cast) -> list[InspectionDay]:
    return list(cast.operation.days.order_by("date", "pk"))


def standing(cast: Cast, but: set[int]) -> list[Any]:
    return [row for row, day in zip(picture(cast), days(cast), strict=True) if day.pk not in but]


def test_nothing_cancelled_nothing_moves():
    cast = planned()
    before = picture(cast)
    found = shown(cast)
    assert (found.count, len(found.kept)) == (0, 8)
    carry_out(cast)
    assert picture(cast) == before


def test_a_postponed_visit_moves_and_all_others_stay():
    cast = planned()
    visit = PlannedVisit.objects.filter(day=days(cast)[0]).order_by("order").first()
    postpone(actor=cast.actors["TAX", "coordinator"], visit=visit)
    others = {
        v.pk: (v.day_id, v.day.date) for v in PlannedVisit.objects.exclude(pk=visit.pk)
        .select_related("day")
    }  # fmt: skip
    found = shown(cast)
    assert [m.visit for m in found.moved] == [visit]
    assert PlannedVisit.objects.get(pk=visit.pk).postponed_at is not None  # shown, not done
    carry_out(cast)
    moved = PlannedVisit.objects.select_related("day").get(pk=visit.pk)
    assert moved.postponed_at is None
    assert moved.day_id != visit.day_id
    assert others == {
        v.pk: (v.day_id, v.day.date) for v in PlannedVisit.objects.exclude(pk=visit.pk)
        .select_related("day")
    }  # fmt: skip
    again = picture(cast)
    assert carry_out(cast).count == 0
    assert picture(cast) == again
    assert cast.refresh().state == "scheduled"


def test_an_absent_person_is_replaced_and_the_day_keeps_its_date_and_order():
    cast = planned()
    day = days(cast)[0]
    member = day.members.get(authority__code="TAX")
    order = [(v.pk, v.order) for v in day.visits.order_by("order")]
    untouched = standing(cast, {day.pk})
    add_absence(
        actor=cast.actors["TAX", "coordinator"], person=member.user, starts_on=day.date,
        ends_on=day.date,
    )  # fmt: skip
    found = shown(cast)
    assert [(c.day, [m.user for m in c.leaving]) for c in found.teams] == [(day, [member.user])]
    assert found.moved == []
    carry_out(cast)
    day.refresh_from_db()
    assert member.user_id not in day.members.values_list("user_id", flat=True)
    assert day.members.filter(authority__code="TAX").count() == 1
    assert [(v.pk, v.order) for v in day.visits.order_by("order")] == order
    assert standing(cast, {day.pk}) == untouched
    assert shown(cast).count == 0


def test_a_team_lead_who_cannot_come_is_followed_by_another():
    cast = planned()
    day = days(cast)[0]
    add_absence(actor=cast.lead, person=day.team_lead, starts_on=day.date, ends_on=day.date)
    carry_out(cast)
    fresh = InspectionDay.objects.get(pk=day.pk)
    assert fresh.team_lead_id != day.team_lead_id
    assert fresh.members.filter(user=fresh.team_lead).exists()


def test_a_day_without_people_falls_and_its_visits_find_others():
    cast = planned()
    day = days(cast)[0]
    visits = set(day.visits.values_list("pk", flat=True))
    untouched = {v.pk: v.day_id for v in PlannedVisit.objects.exclude(pk__in=visits)}
    for person in {m.user for m in _tax_people(cast)}:
        add_absence(
            actor=cast.actors["TAX", "coordinator"], person=person, starts_on=day.date,
            ends_on=day.date,
        )  # fmt: skip
    found = shown(cast)
    assert found.fallen == [day]
    assert {m.visit.pk for m in found.moved} == visits
    carry_out(cast)
    assert not InspectionDay.objects.filter(pk=day.pk).exists()
    now = {v.pk: v.day_id for v in PlannedVisit.objects.all()}
    assert set(now) == visits | set(untouched)
    assert {pk: now[pk] for pk in untouched} == untouched
    assert shown(cast).count == 0


def _tax_people(cast: Cast):
    from authorities.models import Membership

    return Membership.objects.filter(authority__code="TAX", roles__contains=["inspector"])


def test_where_no_place_is_found_the_visit_waits_with_a_reason():
    cast = planned(sites=3)
    for person in {m.user for m in _tax_people(cast)}:
        add_absence(
            actor=cast.actors["TAX", "coordinator"], person=person, starts_on=soon(),
            ends_on=soon() + dt.timedelta(days=60),
        )  # fmt: skip
    found = shown(cast)
    assert found.moved == []
    assert {why for _v, why in found.left} == {"no complete team is free on any of the days"}
    carry_out(cast)
    assert not PlannedVisit.objects.filter(postponed_at__isnull=True).exists()
    assert carry_out(cast).count == 0


def test_a_vehicle_that_is_gone_is_replaced():
    cast = planned()
    day = days(cast)[0]
    van = add_vehicle(actor=cast.lead, name="Van", seats=5)
    other = add_vehicle(actor=cast.lead, name="Other", seats=5)
    day.vehicles.create(vehicle=van, date=day.date)
    edit_vehicle(
        actor=cast.lead, vehicle=van, name="Van", seats=5, in_use_to=day.date - dt.timedelta(days=1)
    )
    carry_out(cast)
    assert [row.vehicle for row in day.vehicles.all()] == [other]
    assert shown(cast).count == 0


def test_a_conflict_of_interest_found_later_takes_the_person_off_and_says_nothing():
    cast = planned()
    day = days(cast)[0]
    member = day.members.get(authority__code="OSH")
    site = day.visits.first().site
    recuse(actor=cast.actors["OSH", "manager"], person=member.user, target=site, reason="Kin")
    carry_out(cast)
    assert not day.members.filter(user=member.user).exists()


def test_what_has_changed_since_it_was_shown_is_shown_anew():
    cast = planned()
    old = shown(cast).fingerprint()
    postpone(actor=cast.lead, visit=PlannedVisit.objects.filter(day=days(cast)[0]).first())
    with pytest.raises(Conflict, match="has changed since"):
        replan(actor=cast.lead, operation=cast.operation, shown=old)


def test_replanning_works_while_inspections_are_under_way():
    cast = planned(sites=4)
    move(actor=cast.lead, operation=cast.refresh(), arrow="start_execution")
    visit = PlannedVisit.objects.order_by("day__date", "order").first()
    postpone(actor=cast.lead, visit=visit)
    carry_out(cast)
    visit.refresh_from_db()
    assert visit.postponed_at is None
    assert visit.visit.state == "planned"
    from execution.models import InspectionRecord

    codes = InspectionRecord.objects.filter(visit=visit.visit).values_list(
        "authority__code", flat=True
    )
    assert {"OSH", "TAX"} <= set(codes)
    assert team("OSH", cast).pk
