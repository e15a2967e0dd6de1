"""Whole rounds of days planned and taken back, and what is warned of."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from audit.context import acting_as, as_system
from audit.errors import Conflict, NotAllowed, RuleViolation
from planning.day_checks import warnings
from planning.models import (
    Absence,
    InspectionDay,
    PlannedVisit,
    SiteHours,
    TargetChoice,
    Vehicle,
)
from planning.selectors import days_with_visits
from planning.services import (
    add_absence,
    add_visit,
    move_visit,
    order_by_distance,
    plan_days,
    postpone,
    redate,
    remove_day,
    set_hours,
    undo_plan,
)
from planning.services.routes import carry_out, dates_for, step
from planning.workdays import is_workday, workdays
from targets.models import PastVisit
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_past_visit, make_site
from tests.planning.days import (
    FOUR,
    NINE,
    NOON,
    day_of,
    picture,
    plan,
    scheduled,
    soon,
    spread,
    team,
    unplanned_of,
)

pytestmark = pytest.mark.django_db


# ------------------------------------------------------------------------------------ whole rounds
def test_a_round_is_planned_as_a_whole_the_same_each_time_and_taken_back():
    cast = scheduled(sites=8)
    spread(cast)
    authorities = [cast.lead.authority.pk, cast.actors["TAX", "manager"].authority.pk]
    cast.operation.choices.filter(state="picked").update(team=authorities)
    done = plan(cast)
    assert (done.state, done.total, done.done, done.left) == ("done", 7, 7, [])
    first = picture(cast)
    assert sum(len(day[3]) for day in first) == 7
    for day in cast.operation.days.all():
        assert is_workday(day.date)
        assert day.date > timezone.localdate()
        assert {m.authority_id for m in day.members.all()} == set(authorities)
        visits = list(day.visits.order_by("order"))
        assert visits[0].starts_at == NINE
        assert all(v.starts_at < FOUR and v.travel_minutes is not None for v in visits[1:])
    with pytest.raises(RuleViolation, match="has a day already"):
        plan(cast)
    assert undo_plan(actor=cast.lead, plan=done) == len(first)
    assert not InspectionDay.objects.exists()
    plan(cast)
    assert picture(cast) == first


def test_days_made_by_hand_stay_and_a_changed_plan_is_not_taken_back_as_a_whole():
    cast = scheduled(sites=6)
    spread(cast)
    own = day_of(cast, soon(2), name="By hand")
    add_visit(actor=cast.lead, day=own, site=unplanned_of(cast)[0])
    before = [(v.site_id, v.order) for v in own.visits.all()]
    done = plan(cast)
    own.refresh_from_db()
    assert [(v.site_id, v.order) for v in own.visits.all()] == before
    assert own.plan is None
    day = next(d for d in done.days.all() if d.visits.count() > 1)
    move_visit(actor=cast.lead, visit=day.visits.first(), step=1)
    with pytest.raises(RuleViolation, match="has been changed"):
        undo_plan(actor=cast.lead, plan=done)
    assert done.days.exists()


def test_weeks_opening_hours_and_absences_are_kept():
    cast = scheduled(sites=4)
    spread(cast)
    osh = cast.lead.authority
    first = soon(5)
    week = first - dt.timedelta(days=first.weekday())
    cast.operation.choices.filter(state="picked").update(team=[osh.pk], week=week)
    days = list(workdays(week, week + dt.timedelta(days=6)))
    add_absence(actor=cast.lead, person=team("OSH", cast).user, starts_on=days[0], ends_on=days[0])
    site = unplanned_of(cast)[0]
    set_hours(
        actor=cast.lead, operation=cast.operation, site=site,
        hours={days[-1].weekday(): (dt.time(11), dt.time(14))},
    )  # fmt: skip
    plan(cast)
    visit = PlannedVisit.objects.get(site=site)
    assert visit.day.date == days[-1]
    assert dt.time(11) <= visit.starts_at <= dt.time(12, 30)
    dates = set(cast.operation.days.values_list("date", flat=True))
    assert dates <= set(days[1:])
    # A day that has come too late for its week finds no place, in words.
    cast.operation.days.all().delete()
    cast.operation.choices.filter(state="picked").update(week=week - dt.timedelta(days=70))
    done = plan(cast)
    assert {row["code"] for row in done.left} == {"window"}
    cast.operation.choices.filter(state="picked").update(week=week)
    SiteHours.objects.update(opens=dt.time(18), closes=dt.time(22))
    done = plan(cast)
    assert [(row["site"], row["code"]) for row in done.left] == [(site.pk, "hours")]


def test_without_people_nothing_is_planned_and_the_reason_is_said():
    cast = scheduled()
    cast.operation.choices.filter(state="picked").update(team=[cast.lead.authority.pk])
    add_absence(
        actor=cast.lead, person=team("OSH", cast).user, starts_on=soon(),
        ends_on=soon() + dt.timedelta(days=60),
    )  # fmt: skip
    done = plan(cast)
    assert {row["code"] for row in done.left} == {"people"}
    assert not InspectionDay.objects.exists()


def test_visits_of_any_week_spread_over_the_window():
    cast = scheduled()
    dates = dates_for(cast.operation, None)
    weeks = [d.isocalendar().week for d in dates]
    different = len(set(weeks))
    assert len(set(weeks[:different])) == different


def test_a_site_open_on_one_weekday_only_gets_that_weekday_in_any_week():
    cast = scheduled()
    site = unplanned_of(cast)[0]
    SiteHours.objects.create(site=site, weekday=3, opens=NINE, closes=FOUR)
    assert plan(cast).left == []
    assert PlannedVisit.objects.get(site=site).day.date.weekday() == 3


def test_many_sites_go_to_a_worker_and_another_goes_on_where_one_died(
    monkeypatch, django_capture_on_commit_callbacks
):
    cast = scheduled(sites=9)
    spread(cast)
    tax, osh = cast.actors["TAX", "manager"].authority.pk, cast.lead.authority.pk
    for number, choice in enumerate(cast.operation.choices.filter(state="picked")):
        TargetChoice.objects.filter(pk=choice.pk).update(
            team=[[osh], [tax], [osh, tax]][number % 3]
        )
    asked = []
    monkeypatch.setattr("planning.services.routes.AT_ONCE", 5)
    monkeypatch.setattr("planning.jobs.carry_out_day_plan.delay", asked.append)
    with django_capture_on_commit_callbacks(execute=True):
        row = plan(cast)
    assert (asked, row.state) == ([row.pk], "queued")
    with pytest.raises(Conflict, match="being planned already"):
        plan(cast)
    assert step(row.pk)  # one group, then the worker is killed
    row.refresh_from_db()
    assert row.state == "running"
    assert 0 < row.done < row.total
    carry_out(row.pk)
    carry_out(row.pk)
    row.refresh_from_db()
    assert (row.state, row.done, row.left) == ("done", row.total, [])
    assert cast.operation.planned_visits.count() == row.total


def test_only_those_who_manage_plan_and_take_back():
    cast = scheduled()
    for (code, role), actor in cast.actors.items():
        if (code, role) != ("OSH", "coordinator"):
            with pytest.raises(NotAllowed):
                plan_days(
                    actor=actor, operation=cast.operation, starts_at=NINE, ends_at=FOUR, minutes=90
                )


def test_what_a_planner_may_not_see_is_not_planned_and_not_lost():
    """The planner is recused from one chosen site; a colleague planned it on the same day."""
    cast = scheduled()
    site = unplanned_of(cast)[0]
    day = day_of(cast)
    add_visit(actor=cast.lead, day=day, site=site)
    for other in unplanned_of(cast)[:2]:
        add_visit(actor=cast.lead, day=day, site=other)
    recuse(actor=cast.actors["OSH", "manager"], person=cast.lead.user, target=site, reason="Kin")
    with acting_as(cast.lead):
        seen = list(day.visits.order_by("order"))
    assert len(seen) == 2
    with acting_as(cast.lead):
        move_visit(actor=cast.lead, visit=seen[0], step=1)
        order_by_distance(actor=cast.lead, day=day)
    with as_system("a test"):
        assert sorted(day.visits.values_list("order", flat=True)) == [1, 2, 3]
    remove_day(actor=cast.lead, day=day)
    assert not InspectionDay.objects.exists()


def test_order_by_distance_uses_place_and_opening_hours():
    cast = scheduled(sites=5)
    day = day_of(cast, starts_at=NINE, ends_at=FOUR)
    sites = unplanned_of(cast)
    for site, east in zip(sites, (0, 3, 1, 2), strict=True):
        site.latitude, site.longitude = 60.2, 24 + east / 10
        site.save()
        add_visit(actor=cast.lead, day=day, site=site)
    assert order_by_distance(actor=cast.lead, day=day)
    order = [v.site_id for v in day.visits.order_by("order")]
    assert order in (
        [sites[i].pk for i in (0, 2, 3, 1)], [sites[i].pk for i in (1, 3, 2, 0)],
    )  # fmt: skip
    assert not order_by_distance(actor=cast.lead, day=day)
    version = InspectionDay.objects.get().version
    assert version == 1


def test_a_postponed_visit_gets_another_day_without_new_signatures():
    cast = scheduled()
    day, second = day_of(cast), day_of(cast, soon(2), "Team 2")
    visit = add_visit(actor=cast.lead, day=day, site=unplanned_of(cast)[0])
    signed = cast.operation.signoffs.count()
    postpone(actor=cast.actors["TAX", "coordinator"], visit=visit)
    redate(actor=cast.lead, visit=visit, day=second)
    visit.refresh_from_db()
    assert (visit.day, visit.postponed_at) == (second, None)
    assert cast.refresh().state == "scheduled"
    assert cast.operation.signoffs.count() == signed


# --------------------------------------------------------------------------------------- warnings
def warned(cast: Cast, actor: Any = None) -> list[str]:
    actor = actor or cast.lead
    with acting_as(actor):
        found = warnings(actor, cast.operation, days_with_visits(cast.operation).order_by("pk"))
    return [words for rows in found.values() for words in rows]


def test_what_is_not_as_it_was_signed_is_said_on_the_day():
    """Scenario: a visit lands in another week, with somebody who never agreed to come."""
    cast = scheduled()
    site = unplanned_of(cast)[0]
    osh, tax, police = (cast.actors[code, "inspector"] for code in ("OSH", "TAX", "POL"))
    day = day_of(cast, members=[osh.membership, police.membership], team_lead=osh.user)
    visit = add_visit(actor=cast.lead, day=day, site=site)
    chosen = cast.operation.choices.filter(site=site)
    this_week = day.date - dt.timedelta(days=day.date.weekday())

    def signed(week: dt.date | None, *people: Any) -> list[str]:
        chosen.update(week=week, team=sorted(p.authority.pk for p in people))
        return [w for w in warned(cast) if "signed" in w]

    assert signed(this_week, osh, police) == []
    assert signed(None) == []  # neither was named
    next_week = this_week + dt.timedelta(days=7)
    assert signed(next_week, osh, tax) == [
        f"{site.shown_name} was signed for week {next_week.isocalendar().week}.",
        f"{tax.authority.short} signed to come and is not on the team: {site.shown_name}.",
        f"{police.authority.short} is on the team and has not signed to come: {site.shown_name}.",
    ]
    postpone(actor=cast.actors["TAX", "coordinator"], visit=visit)
    assert signed(next_week, osh, tax) == []


def test_warnings_say_what_is_wrong_and_only_to_those_who_may_know():
    cast = scheduled()
    cast.operation.choices.filter(state="picked").update(team=[cast.lead.authority.pk])
    sites = unplanned_of(cast)
    day = day_of(cast, starts_at=NINE, ends_at=NOON)
    for site in sites[:2]:
        add_visit(actor=cast.lead, day=day, site=site)
    assert warned(cast) == []
    SiteHours.objects.create(
        site=sites[0], weekday=day.date.weekday(), opens=NINE, closes=dt.time(10)
    )
    SiteHours.objects.create(
        site=sites[1], weekday=(day.date.weekday() + 1) % 7, opens=NINE, closes=FOUR
    )
    words = warned(cast)
    assert any(f"{sites[0].shown_name} closes at" in w for w in words)
    assert f"{sites[1].shown_name} is closed that day." in words
    SiteHours.objects.all().delete()
    # Somebody else was there lately; what an authority keeps to itself no warning tells.
    make_past_visit(sites[0], "TAX", shared=True, on=day.date - dt.timedelta(days=3))
    make_past_visit(sites[1], "TAX", shared=False, on=day.date - dt.timedelta(days=3))
    rests = [w for w in warned(cast) if "rests until" in w]
    assert len(rests) == 1
    assert rests[0].startswith(f"{sites[0].shown_name} was visited on")
    PastVisit.objects.all().delete()
    add_visit(actor=cast.lead, day=day, site=sites[2])
    assert any("ends after the working day" in w for w in warned(cast))
    person = team("OSH", cast).user
    recuse(actor=cast.actors["OSH", "manager"], person=person, target=sites[0], reason="Kin")
    assert f"{person.full_name} cannot come." in warned(cast)


def test_a_unit_engaged_elsewhere_is_said_and_where_only_to_those_who_see_it():
    cast = scheduled()
    day_of(cast)
    other = Cast()
    other.to("scheduled")
    other.operation.name = "Hidden round"
    other.operation.save()
    colleague = make_actor("OSH", "inspector").membership
    day_of(other, members=[colleague], team_lead=colleague.user)
    unit = colleague.unit.name
    assert warned(cast) == [f"{unit} is engaged elsewhere that day: Hidden round."]
    outside = make_actor("TAX", "coordinator", unit=None)
    from planning.models import OperationGroupObjectPermission

    OperationGroupObjectPermission.objects.filter(
        content_object=other.operation, group__unit_group__unit=outside.unit
    ).delete()
    assert warned(cast, outside) == [f"{unit} is engaged elsewhere that day."]


def test_who_falls_ill_is_named_without_a_cause():
    cast = scheduled()
    day_of(cast)
    person = team("OSH", cast).user
    add_absence(actor=cast.lead, person=person, starts_on=soon(), ends_on=soon(), kind="training")
    assert warned(cast) == [f"{person.full_name} cannot come."]
    assert warned(cast, cast.actors["TAX", "coordinator"]) == [f"{person.full_name} cannot come."]
    with acting_as(cast.actors["TAX", "coordinator"]):
        assert not Absence.objects.exists()
    assert Vehicle.objects.count() == 0
    assert make_site().pk
