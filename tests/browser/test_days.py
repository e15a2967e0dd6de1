"""Days of a round as its coordinator plans them: draft, day, team, order, cancellation, people."""

import datetime as dt

import pytest

from planning.models import InspectionDay, PlannedVisit
from tests.factories import PASSWORD, Cast, make_actor
from tests.planning.days import soon, spread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def cast():
    cast = Cast()
    cast.to("scheduled", sites=6)
    spread(cast)
    for code in ("OSH", "TAX"):
        make_actor(code, "inspector")
    authorities = [cast.actors[code, "manager"].authority.pk for code in ("OSH", "TAX")]
    cast.operation.choices.filter(state="picked").update(team=authorities)
    return cast


def test_a_round_is_planned_changed_and_planned_anew(visitor, cast):
    browser = visitor()
    browser.sign_in(cast.lead.user, PASSWORD)
    days = f"/operations/{cast.operation.public_id}/days/"
    page = browser.open(days)
    browser.press("Plan the days")
    page.fill("[name=minutes]", "60")
    browser.press("Make a draft of the days")
    assert page.get_by_text("5 of 5 sites done.").is_visible()
    browser.press("To the days")
    day = InspectionDay.objects.order_by("date").first()
    browser.open(f"/operations/days/{day.public_id}/team/")
    assert page.locator("svg.graph circle").count() > 1
    browser.press("Order by distance")
    page.get_by_label("Minutes").first.fill("45")
    page.get_by_role("button", name="Save").first.click()
    page.wait_for_load_state()
    assert "45 minutes there" in page.locator("main").inner_text()
    browser.press("Propose a team")
    browser.press("Put this team on the day")
    browser.press("Opening hours")
    page.fill("[name=opens0]", "10:00")
    page.fill("[name=closes0]", "15:00")
    browser.press("Save")
    visit = PlannedVisit.objects.order_by("day__date", "order").first()
    browser.open(days)
    page.get_by_role("button", name=f"Postpone {visit.site.name}").click()
    page.wait_for_load_state()
    browser.press("Plan anew after a cancellation")
    assert visit.site.name in page.locator("main").inner_text()
    browser.press("Carry this out")
    visit.refresh_from_db()
    assert visit.postponed_at is None


def test_people_are_kept_without_script(visitor, cast):
    browser = visitor(java_script_enabled=False)
    page = browser.page
    page.goto(browser.base + "/account/login/")
    page.fill("[name=login]", cast.lead.user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.goto(browser.base + "/operations/people/absences/new/")
    page.select_option("[name=person]", index=1)
    page.fill("[name=starts_on]", soon().isoformat())
    page.fill("[name=ends_on]", (soon() + dt.timedelta(days=2)).isoformat())
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("button", name="Take back").count() == 1


def test_people_page_fits_and_passes(visitor, cast):
    browser = visitor()
    browser.sign_in(cast.lead.user, PASSWORD)
    page = browser.open("/operations/people/")
    browser.press("Add a vehicle")
    page.fill("[name=name]", "Van")
    page.fill("[name=seats]", "5")
    browser.press("Save")
    assert "5 seats" in page.locator("main").inner_text()
    browser.press("Add an absence")
