"""Pages of days, teams and people; the briefing pack of each reader; the calendar."""

import datetime as dt
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from icalendar import Calendar
from pypdf import PdfReader

from audit.context import acting_as
from planning.briefing import briefing_content
from planning.calendar import ical
from planning.models import (
    Absence,
    DayPlan,
    InspectionDay,
    PersonSkills,
    PlannedVisit,
    SelectionResource,
    SiteHours,
    SiteTerms,
    TravelTime,
    Vehicle,
)
from planning.services import add_absence, add_visit, postpone
from targets.models import PastVisit
from tests.factories import Cast, make_actor, make_municipality
from tests.planning.days import NINE, day_of, plan, scheduled, soon, spread, team, unplanned_of
from tests.ui.drawings import commas_in_finnish

pytestmark = pytest.mark.django_db


def page(client: Any, name: str, *args: Any) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_round_is_planned_from_the_page_and_taken_back(as_user):
    cast = scheduled(sites=6)
    spread(cast)
    client = as_user(cast.lead)
    address = reverse("planning:days_plan", args=[cast.operation.public_id])
    assert "5 selected sites have no day" in client.get(address).content.decode()
    wrong = client.post(address, {"starts_at": "16:00", "ends_at": "09:00", "minutes": "90"})
    assert wrong.status_code == 422
    assert "must end after it starts" in wrong.content.decode()
    assert client.post(address, {"starts_at": "x", "minutes": "1"}).status_code == 422
    answer = client.post(
        address, {"starts_at": "09:00", "ends_at": "16:00", "minutes": "60"}, follow=True
    )
    words = answer.content.decode()
    assert "5 of 5 sites done." in words
    assert "Take the whole draft back" in words
    other = page(as_user(cast.actors["TAX", "inspector"]), "planning:day_plan",
                 DayPlan.objects.get().public_id)  # fmt: skip
    assert "Take the whole draft back" not in other
    undo = reverse("planning:day_plan_undo", args=[DayPlan.objects.get().public_id])
    as_user(cast.actors["TAX", "coordinator"]).post(undo)
    assert InspectionDay.objects.exists()
    as_user(cast.lead).post(undo)
    assert not InspectionDay.objects.exists()


def test_the_days_page_costs_the_same_whatever_its_length(as_user):
    cast = scheduled(sites=12)
    spread(cast)
    client = as_user(cast.lead)
    sites = unplanned_of(cast)

    def cost() -> int:
        page(client, "planning:days", cast.operation.public_id)
        with CaptureQueriesContext(connection) as captured:
            page(client, "planning:days", cast.operation.public_id)
        return len(captured)

    other = Cast()
    other.to("scheduled")
    for number in range(2):
        add_visit(actor=cast.lead, day=day_of(cast, soon(number)), site=sites[number])
        member = make_actor("OSH", "inspector").membership
        day_of(other, soon(number), members=[member], team_lead=member.user)
    few = cost()
    for number in range(2, 9):
        add_visit(actor=cast.lead, day=day_of(cast, soon(number)), site=sites[number])
        member = make_actor("OSH", "inspector").membership
        day_of(other, soon(number), members=[member], team_lead=member.user)
    assert cost() == few


def test_a_day_has_a_page_with_order_length_and_proposal(as_user):
    cast = scheduled(sites=5)
    spread(cast)
    day = day_of(cast, starts_at=NINE, ends_at=dt.time(18))
    for site in unplanned_of(cast):
        add_visit(actor=cast.lead, day=day, site=site)
    client = as_user(cast.lead)
    words = page(client, "planning:day", day.public_id)
    assert '<svg class="graph"' in words
    assert "90 minutes there" in words
    client.post(reverse("planning:day_order", args=[day.public_id]))
    visit = day.visits.order_by("order").first()
    change = reverse("planning:visit_change", args=[visit.public_id])
    answer = client.post(change, {"what": "length", "minutes": "30", "from": "day"})
    assert answer["Location"] == reverse("planning:day", args=[day.public_id])
    visit.refresh_from_db()
    assert visit.minutes == 30
    for bad in ("", "abc", "99999", "1"):
        answer = client.post(change, {"what": "length", "minutes": bad}, follow=True)
        assert "5 to 600 minutes" in answer.content.decode()
    proposal = reverse("planning:day_team", args=[day.public_id])
    context = client.get(proposal).context
    assert {m.authority.code for m in context["found"].members} == {"OSH", "TAX", "POL"}
    client.post(proposal, {"shown": "1,2", "version": context["day"].version})
    assert day.members.count() == 1  # not what was shown
    client.post(proposal, {"shown": context["shown"], "version": context["day"].version})
    assert day.members.count() == 3
    # Others see the day, not the buttons.
    client = as_user(cast.actors["TAX", "inspector"])
    words = page(client, "planning:day", day.public_id)
    assert "Propose a team" not in words
    assert "Order by distance" not in words
    assert commas_in_finnish(client, reverse("planning:day", args=[day.public_id])) == []


def test_a_clash_is_said_at_the_form_and_what_was_typed_stays(as_user):
    cast = scheduled()
    day_of(cast, name="Team A")
    client = as_user(cast.lead)
    member = team("OSH", cast)
    answer = client.post(
        reverse("planning:day_create", args=[cast.operation.public_id]),
        {"date": soon().isoformat(), "team_name": "Team B", "members": [str(member.public_id)],
         "team_lead": str(member.public_id), "note": "Bring boots"},
    )  # fmt: skip
    words = answer.content.decode()
    assert answer.status_code == 422
    assert "is already on a team that day: Team A, Operation North" in words
    assert "Bring boots" in words


def test_planning_anew_is_shown_first(as_user):
    cast = scheduled(sites=4)
    spread(cast)
    plan(cast)
    visit = PlannedVisit.objects.order_by("day__date", "order").first()
    postpone(actor=cast.lead, visit=visit)
    client = as_user(cast.lead)
    address = reverse("planning:days_replan", args=[cast.operation.public_id])
    answer = client.get(address)
    assert visit.site.shown_name in answer.content.decode()
    assert PlannedVisit.objects.get(pk=visit.pk).postponed_at is not None
    client.post(address, {"shown": "wrong"})
    assert PlannedVisit.objects.get(pk=visit.pk).postponed_at is not None
    client.post(address, {"shown": answer.context["shown"]})
    assert PlannedVisit.objects.get(pk=visit.pk).postponed_at is None
    assert "Nothing has to be changed." in client.get(address).content.decode()


def test_people_vehicles_and_absences_are_the_own_authoritys(as_user):
    cast = scheduled()
    client = as_user(cast.lead)
    person = team("OSH", cast)
    values = {"person": str(person.user.public_id), "starts_on": soon().isoformat(),
              "ends_on": soon(1).isoformat(), "kind": "training"}  # fmt: skip
    add = reverse("planning:absence_add")
    wrong = client.post(add, values | {"ends_on": "2020-01-01"})
    assert wrong.status_code == 422
    assert "last day comes after the first" in wrong.content.decode()
    client.post(add, values)
    again = client.post(add, values)
    assert again.status_code == 422
    assert "away on some of these days already" in again.content.decode()
    client.post(reverse("planning:skills", args=[person.public_id]),
                {"languages": "Viro, vietnam ,", "may_drive": "on"})  # fmt: skip
    assert PersonSkills.objects.get().languages == ["vietnam", "viro"]
    client.post(reverse("planning:vehicle_add"), {"name": "Van", "seats": "5"})
    double = client.post(reverse("planning:vehicle_add"), {"name": "Van", "seats": "5"})
    assert double.status_code == 422
    client.post(reverse("planning:vehicle_edit", args=[Vehicle.objects.get().public_id]),
                {"name": "Big van", "seats": "8"})  # fmt: skip
    words = page(client, "planning:people")
    assert all(part in words for part in (person.user.full_name, "vietnam, viro", "training",
                                          "Big van", "8 seats"))  # fmt: skip
    other = as_user(cast.actors["TAX", "coordinator"])
    words = page(other, "planning:people")
    assert person.user.full_name not in words
    assert "Big van" not in words
    answer = other.post(add, values)
    assert answer.status_code == 422
    with acting_as(cast.actors["TAX", "coordinator"]):
        assert not Absence.objects.exists()  # the wall, not only the page
    client = as_user(cast.lead)
    row = client.get(reverse("planning:people")).context["rows"]
    coming = next(p for p, _s in row if p.user == person.user).user.coming
    client.post(reverse("planning:absence_end", args=[coming[0].public_id]))
    assert "training" not in page(client, "planning:people")


def test_opening_hours_are_written_down_by_whoever_found_out(as_user):
    cast = scheduled()
    site = unplanned_of(cast)[0]
    address = reverse("planning:hours", args=[cast.operation.public_id, site.public_id])
    client = as_user(cast.actors["TAX", "inspector"])
    half = client.post(address, {"opens0": "09:00"})
    assert half.status_code == 422
    wrong = client.post(address, {"opens0": "17:00", "closes0": "09:00"})
    assert wrong.status_code == 422
    client.post(address, {"opens0": "09:00", "closes0": "17:00"})
    assert list(SiteHours.objects.values_list("weekday", "opens")) == [(0, NINE)]


# --------------------------------------------------------------------------------- briefing pack
def text_of(client: Any, day: InspectionDay) -> str:
    answer = client.get(reverse("planning:briefing", args=[day.public_id]))
    assert answer["Content-Type"] == "application/pdf"
    return " ".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)


def test_a_pack_has_times_needs_powers_and_whom_to_call(as_user):
    cast = scheduled()
    spread(cast)
    sites = unplanned_of(cast)
    need = SelectionResource.objects.create(
        operation=cast.operation, kind="interpreter", name="vietnam", per_week=0
    )
    terms = SiteTerms.objects.create(
        operation=cast.operation, site=sites[0], set_by=cast.lead.user, set_for=cast.lead.authority
    )
    terms.needs.add(need)
    day = day_of(cast, starts_at=NINE, ends_at=dt.time(16))
    for site in sites[:2]:
        add_visit(actor=cast.lead, day=day, site=site)
    postpone(actor=cast.lead, visit=add_visit(actor=cast.lead, day=day, site=sites[2]))
    content = briefing_content(cast.actors["TAX", "inspector"], day)
    tables = {s["title"]: s["rows"] for s in content["sections"]}
    first = tables["Visits in order"][0]
    assert first[2:4] == ["90", "–"]
    assert first[6] == "interpreter: vietnam"
    assert tables["Do not go"] == [[sites[2].shown_name, "Postponed"]]
    assert ["Nobody interprets: vietnam."] in tables["Mind this"]
    assert tables["Whom to call"][0][0] == cast.operation.lead.full_name
    assert any(title.startswith("Powers: ") for title in tables)
    assert [s["title"] for s in content["sites"]] == [
        f"1. {sites[0].shown_name}", f"2. {sites[1].shown_name}",
    ]  # fmt: skip
    words = text_of(as_user(cast.actors["TAX", "inspector"]), day)
    assert "interpreter: vietnam" in words


def test_each_authoritys_pack_holds_its_own_and_never_how_a_site_was_chosen(as_user):
    cast = scheduled()
    cast.operation.choices.filter(state="picked").update(arm="random", probability=0.25)
    cast.operation.choices.filter(state="picked").update(reason="Drawn by lot")
    day = day_of(cast)
    for site in unplanned_of(cast):
        add_visit(actor=cast.lead, day=day, site=site)
    person = team("OSH", cast).user
    add_absence(actor=cast.lead, person=person, starts_on=soon(), ends_on=soon(), kind="training")
    texts = {code: text_of(as_user(cast.actors[code, "inspector"]), day) for code in ("OSH", "TAX")}
    for code, words in texts.items():
        assert cast.actors[code, "manager"].authority.name in words
        for other in ("OSH", "TAX", "POL"):
            assert f"Secret of {other}" not in words
        for arm in ("random", "Random", "lot", "0.25", "drawn", "Drawn", "training"):
            assert arm not in words.replace("pilot", "")
    assert "Checklist OSH" in texts["OSH"]
    assert "Checklist OSH" not in texts["TAX"]


# --------------------------------------------------------------------------------------- calendar
def test_the_calendar_has_times(as_user):
    cast = scheduled()
    day = day_of(cast, starts_at=NINE, ends_at=dt.time(16))
    osh = cast.actors["OSH", "inspector"]
    event = next(e for e in Calendar.from_ical(ical(osh.user)).walk("VEVENT"))
    hours = event["DTEND"].dt - event["DTSTART"].dt
    assert hours == dt.timedelta(hours=7)
    month = day.date.strftime("%Y-%m")
    answer = as_user(osh).get(reverse("planning:calendar"), {"month": month})
    assert "Team 1" in answer.content.decode()


def test_travel_times_are_loaded_with_words_for_what_is_refused(tmp_path, capsys):
    from django.core.management import CommandError, call_command

    make_municipality("091", "Helsinki")
    make_municipality("049", "Espoo")
    file = tmp_path / "t.csv"
    file.write_text("from_municipality,to_municipality,minutes\n091,049,25\n049,091,27\n091,x,3\n"
                    "091,049,-1\n")  # fmt: skip
    call_command("import_travel_times", str(file))
    said = capsys.readouterr().out
    assert "line 4" in said
    assert "line 5" in said
    assert "1 travel times stored, 2 rows refused" in said
    assert TravelTime.objects.get().minutes == 27
    file.write_text("a,b\n")
    with pytest.raises(CommandError, match="lacks the columns"):
        call_command("import_travel_times", str(file))


def test_what_the_round_itself_visited_is_not_said_to_rest(as_user):
    """When it closes its visits become past visits of their sites, seen by all."""
    cast = Cast()
    cast.to("closed")
    assert PastVisit.objects.filter(source="tarkka", shared=True).exists()
    address = reverse("planning:days", args=[cast.operation.public_id])
    for code in ("OSH", "POL"):
        words = as_user(cast.actors[code, "coordinator"]).get(address).content.decode()
        assert cast.operation.planned_visits.first().site.shown_name in words
        assert "rests until" not in words
