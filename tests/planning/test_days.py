"""Inspection days: what the database refuses, in which words, and teams proposed."""

import datetime as dt
from typing import Any

import pytest

from audit.context import acting_as, as_system
from audit.errors import RuleViolation
from authorities.models import Competence
from planning.models import (
    Absence,
    DayPlan,
    DayVehicle,
    InspectionDay,
    PersonSkills,
    PlannedVisit,
    SelectionResource,
    SiteTerms,
    TeamMember,
)
from planning.services import (
    add_absence,
    add_vehicle,
    add_visit,
    move,
    undo_plan,
    update_day,
)
from planning.services.routes import unplanned
from planning.services.teams import propose_team
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, set_rules
from tests.planning.days import (
    FOUR,
    NINE,
    NOON,
    day_of,
    plan,
    refused,
    scheduled,
    soon,
    team,
    unplanned_of,
)

pytestmark = pytest.mark.django_db


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
    set_rules(cast.operation, min_people=2)

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
