"""Inspection days: what the database refuses, teams proposed, whole rounds planned and taken back."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.context import acting_as, as_system
from audit.errors import Conflict, NotAllowed, RuleViolation
from authorities.models import Competence
from planning.day_checks import warnings
from planning.models import (
    Absence,
    DayPlan,
    DayVehicle,
    InspectionDay,
    PersonSkills,
    PlannedVisit,
    SelectionResource,
    SiteHours,
    SiteTerms,
    TargetChoice,
    TeamMember,
    Vehicle,
)
from planning.selectors import days_with_visits
from planning.services import (
    add_absence,
    add_vehicle,
    add_visit,
    create_day,
    move,
    move_visit,
    order_by_distance,
    plan_days,
    postpone,
    redate,
    remove_day,
    set_hours,
    undo_plan,
    update_day,
)
from planning.services.routes import carry_out, dates_for, step, unplanned
from planning.services.teams import propose_team
from planning.workdays import is_workday, workdays
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_site

pytestmark = pytest.mark.django_db
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


# -------------------------------------------------------------------- what the database refuses
def test_a_person_is_in_one_place_at_a_time():
    cast = scheduled()
    day_of(cast)
    other = Cast()
    other.to("scheduled")
    second = day_of(other)
    user, authority = team("OSH", cast).user, team("OSH", cast).authority

    def again() -> None:
        TeamMember.objects.create(day=second, date=soon(3), user=user, authority=authority)

    assert refused(again) == "one_team_at_a_time"  # the date written does not count, the day's does
    InspectionDay.objects.update(starts_at=NINE, ends_at=NOON)
    InspectionDay.objects.filter(pk=second.pk).update(starts_at=NOON, ends_at=FOUR)
    again()
    assert TeamMember.objects.get(user=user, day=second).date == second.date

    def meet() -> None:
        InspectionDay.objects.filter(pk=second.pk).update(starts_at=dt.time(11, 59))

    assert refused(meet) == "one_team_at_a_time"


def test_a_vehicle_is_in_one_place_at_a_time_and_in_use():
    cast = scheduled()
    first, second = day_of(cast), day_of(cast, soon(1), "Team 2")
    van = add_vehicle(actor=cast.lead, name="Van", seats=5, in_use_to=soon(1))
    DayVehicle.objects.create(day=first, vehicle=van, date=soon(5))
    assert DayVehicle.objects.get().date == first.date
    DayVehicle.objects.create(day=second, vehicle=van, date=soon(1))
    with as_system("a test"):
        TeamMember.objects.filter(day=second).delete()
    assert refused(
        lambda: InspectionDay.objects.filter(pk=second.pk).update(date=first.date)
    ) == "vehicle_once"  # fmt: skip
    late = day_of(cast, soon(2), "Team 3")
    assert refused(
        lambda: DayVehicle.objects.create(day=late, vehicle=van, date=soon(2))
    ) == "vehicle_in_use"  # fmt: skip


def test_who_is_away_is_on_no_team_but_may_fall_ill_later():
    cast = scheduled()
    person = team("OSH", cast).user
    day = day_of(cast, soon(4))
    with acting_as(cast.lead):
        Absence.objects.create(
            user=person, authority=cast.lead.authority, starts_on=soon(3), ends_on=soon(4)
        )
        assert refused(
            lambda: Absence.objects.create(
                user=person, authority=cast.lead.authority, starts_on=soon(4), ends_on=soon(5)
            )
        ) == "absence_once"  # fmt: skip
    assert day.members.count() == 1
    other = InspectionDay.objects.create(
        operation=cast.operation, date=soon(3), team_name="X", team_lead=person
    )
    assert refused(
        lambda: TeamMember.objects.create(
            day=other, date=soon(3), user=person, authority=cast.lead.authority
        )
    ) == "person_away"  # fmt: skip


def test_a_conflict_of_interest_keeps_a_person_off_whichever_comes_first():
    cast = scheduled()
    person, site = team("OSH", cast).user, unplanned_of(cast)[0]
    manager = cast.actors["OSH", "manager"]
    recuse(actor=manager, person=person, target=site.company, reason="Kin")
    day = day_of(cast)
    assert refused(
        lambda: PlannedVisit.objects.create(
            operation=cast.operation, day=day, site=site, order=1
        )
    ) == "person_recused"  # fmt: skip
    free = team("TAX", cast)
    second = day_of(cast, soon(1), "Team 2", members=[free], team_lead=free.user)
    add_visit(actor=cast.lead, day=second, site=site)
    assert refused(
        lambda: TeamMember.objects.create(
            day=second, date=soon(1), user=person, authority=cast.lead.authority
        )
    ) == "person_recused"  # fmt: skip
    with pytest.raises(RuleViolation, match="is not available for this team that day"):
        update_day(
            actor=cast.lead, day=second, version=1, date=soon(1), team_name="Team 2",
            members=[free, team("OSH", cast)], team_lead=free.user,
        )  # fmt: skip
    assert second.members.count() == 1


def unplanned_of(cast: Cast):
    with acting_as(cast.lead):
        return unplanned(cast.operation)


def test_a_site_is_planned_once_in_an_operation():
    cast = scheduled()
    site = unplanned_of(cast)[0]
    day, second = day_of(cast), day_of(cast, soon(1))
    add_visit(actor=cast.lead, day=day, site=site)
    assert refused(
        lambda: PlannedVisit.objects.create(
            operation=cast.operation, day=second, site=site, order=1
        )
    ) == "planned_once"  # fmt: skip


def test_a_cancelled_round_lets_its_people_and_vehicles_go():
    cast = scheduled()
    van = add_vehicle(actor=cast.lead, name="Van", seats=5)
    day_of(cast, vehicles=[van])
    move(actor=cast.lead, operation=cast.refresh(), arrow="cancel", reason="No people")
    first = cast.operation
    cast.to("scheduled")
    day_of(cast, vehicles=[van])
    assert TeamMember.objects.filter(released=False).count() == 1
    assert TeamMember.objects.get(day__operation=first).released


# ------------------------------------------------------------------------------ words of refusal
def test_another_round_is_named_only_to_those_who_see_it():
    cast = scheduled()
    day_of(cast, name="Secret team")
    other = Cast()
    other.lead = make_actor("OUT", "coordinator")
    other.CODES = ("OUT", "TAX", "OSH")
    van = add_vehicle(actor=cast.lead, name="Van", seats=5)
    DayVehicle.objects.create(day=InspectionDay.objects.get(), vehicle=van, date=soon())
    other.to("scheduled")
    person = team("OSH", cast)
    with pytest.raises(RuleViolation) as neutral:
        day_of(other, members=[person], team_lead=person.user)
    assert str(neutral.value) == (
        f"{person.user.full_name} is not available for this team that day. "
        "Choose another person or day."
    )
    tax = team("TAX", other)
    with pytest.raises(RuleViolation, match="Van is not available that day"):
        day_of(other, members=[tax], team_lead=tax.user, vehicles=[van])
    with pytest.raises(RuleViolation, match="already on a team that day: Secret team, Operation"):
        day_of(cast, name="Team 2")
    # An absence looks to others just like a place on a team they do not see.
    add_absence(actor=cast.lead, person=person.user, starts_on=soon(1), ends_on=soon(1))
    with pytest.raises(RuleViolation) as away:
        day_of(other, soon(1), members=[person], team_lead=person.user)
    assert str(away.value) == str(neutral.value)
    with pytest.raises(RuleViolation, match="is away that day"):
        day_of(cast, soon(1), name="Team 2")


# -------------------------------------------------------------------------------------- proposals
def test_a_team_has_one_of_each_authority_the_least_loaded_first():
    cast = scheduled()
    cast.operation.choices.filter(state="picked").update(
        team=[cast.lead.authority.pk, cast.actors["TAX", "manager"].authority.pk]
    )
    rested = make_actor("OSH", "inspector", last_name="Zz")
    make_actor("OSH", "analyst")
    day_of(cast, soon(3))
    with acting_as(cast.lead):
        sites = [s.pk for s in unplanned(cast.operation)]
        found = propose_team(operation=cast.operation, date=soon(), site_ids=sites)
        assert [m.user for m in found.members] == [rested.user, team("TAX", cast).user]
        assert found.lead == rested.user
        assert found == propose_team(operation=cast.operation, date=soon(), site_ids=sites)
        busy = propose_team(operation=cast.operation, date=soon(3), site_ids=sites)
    assert busy.members[0].user == rested.user


def test_nobody_is_told_why_somebody_is_not_offered():
    cast = scheduled()
    site, person = unplanned_of(cast)[0], team("OSH", cast).user
    cast.operation.choices.filter(state="picked").update(team=[cast.lead.authority.pk])
    spare = make_actor("OSH", "inspector")

    def offered(date: dt.date) -> list[Any]:
        with acting_as(cast.lead):
            found = propose_team(operation=cast.operation, date=date, site_ids=[site.pk])
            return [[m.user for m in found.members], found.missing]

    assert {person, spare.user} == set(offered(soon())[0])
    recuse(actor=cast.actors["OSH", "manager"], person=person, target=site, reason="Kin")
    kept = offered(soon())
    assert kept[0] == [spare.user]
    assert kept[1] == ["The team is smaller than was agreed."]


def test_a_team_brings_languages_a_driver_and_a_vehicle():
    cast = scheduled()
    site = unplanned_of(cast)[0]
    osh, tax = cast.lead.authority, cast.actors["TAX", "manager"].authority
    cast.operation.choices.filter(state="picked").update(team=[osh.pk, tax.pk])
    speaker = make_actor("TAX", "inspector", last_name="Zz").user
    driver = make_actor("OSH", "inspector", last_name="Zz").user
    need = SelectionResource.objects.create(
        operation=cast.operation, kind="interpreter", name="Vietnam", per_week=0
    )
    terms = SiteTerms.objects.create(
        operation=cast.operation, site=site, set_by=cast.lead.user, set_for=osh
    )
    terms.needs.add(need)
    PersonSkills.objects.create(user=speaker, languages=["vietnam"])
    PersonSkills.objects.create(user=driver, may_drive=True)
    small = add_vehicle(actor=cast.lead, name="Small", seats=1)
    big = add_vehicle(actor=cast.lead, name="Big", seats=4)
    with acting_as(cast.lead):
        found = propose_team(operation=cast.operation, date=soon(), site_ids=[site.pk])
    assert {m.user for m in found.members} == {speaker, driver}
    assert (found.vehicle, found.missing) == (big, [])
    PersonSkills.objects.all().delete()
    big.delete()
    with acting_as(cast.lead):
        found = propose_team(operation=cast.operation, date=soon(), site_ids=[site.pk])
    assert found.vehicle is None
    assert "Nobody interprets: vietnam." in found.missing
    assert "No vehicle with enough seats is free." in found.missing
    assert small.seats == 1


def test_lodging_needs_somebody_who_may_enter_a_dwelling():
    cast = scheduled()
    site = unplanned_of(cast)[0]
    site.kind = "private_dwelling"
    site.save()
    police = cast.actors["POL", "manager"].authority
    Competence.objects.create(
        authority=police, action="enter", premises=["private_dwelling"], entry_right=True,
        text_fi="x",
    )  # fmt: skip
    cast.operation.choices.filter(site=site).update(team=[cast.lead.authority.pk])
    with acting_as(cast.lead):
        found = propose_team(operation=cast.operation, date=soon(), site_ids=[site.pk])
    assert any("may enter" in words and police.short in words for words in found.missing)
    plan(cast)
    with pytest.raises(RuleViolation, match="may enter"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="start_execution")
    # Where nobody has decided who goes, one who may enter is asked along.
    undo_plan(actor=cast.lead, plan=DayPlan.objects.get())
    cast.operation.choices.filter(state="picked").update(team=[])
    plan(cast)
    visit = PlannedVisit.objects.get(site=site)
    assert police.pk in visit.day.members.values_list("authority_id", flat=True)
    move(actor=cast.lead, operation=cast.refresh(), arrow="start_execution")


# ------------------------------------------------------------------------------------ whole rounds
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


def test_warnings_say_what_is_wrong_and_only_to_those_who_may_know():
    cast = scheduled()
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
