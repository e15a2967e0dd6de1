"""Three people of three authorities take one operation through all phases, on real sites."""

import datetime as dt
import io
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from authorities.models import Membership
from execution.services.checklists import load_checklists
from planning.jobs import make_decision_records
from planning.models import Operation
from targets.models import Site
from tests.factories import PASSWORD, make_actor, make_available, make_unit
from tests.shared import SHARED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

SAMPLES = settings.REFERENCE_DIR / "samples"
FOLDER = SHARED / "sf-restaurant-inspections"


@pytest.fixture
def stage(monkeypatch):
    """Reference data, real sites from the importer, three people; the worker runs in place."""
    out = {"stdout": StringIO(), "stderr": StringIO()}
    call_command("load_reference", **out)
    load_checklists()
    sites = FOLDER / "businesses.parquet"
    visits = FOLDER / "inspections.parquet"
    if not sites.exists():
        sites, visits = SAMPLES / "sf_businesses.parquet", SAMPLES / "sf_inspections.parquet"
    call_command("import_sites", str(sites), format="sanfrancisco", **out)
    call_command(
        "import_visits", str(visits), format="sanfrancisco-visits", authority="RUOKAVIRASTO",
        shared=True, **out,
    )  # fmt: skip
    monkeypatch.setattr("planning.jobs.make_decision_records.delay", make_decision_records)
    people = {}
    for code, roles in (
        ("LVV_OSH", ("coordinator", "manager", "inspector")),
        ("TAX", ("coordinator", "manager", "inspector")),
        ("POLICE", ("coordinator", "manager", "inspector")),
    ):
        from authorities.models import Authority

        authority = Authority.objects.get(code=code)
        people[code] = make_actor(authority, *roles, unit=make_unit(authority, "HEAD"))
    assert Membership.objects.count() == 3
    return people


def fill_dates(page, operation_days):
    for name, day in operation_days.items():
        page.fill(f"[name={name}]", day.isoformat())


def nominate(browser, operation, ticks, reason, rating):
    """Tick the first ``ticks`` sites of the candidates and nominate them."""
    page = browser.open(f"/operations/{operation.public_id}/candidates/?sort=name")
    boxes = page.locator("tbody input[type=checkbox]")
    for number in ticks:
        boxes.nth(number).check()
    browser.press("Nominate the ticked sites")
    for area in page.locator("textarea[name$=-reason]").all():
        area.fill(reason)
    for form in page.locator("section.card:has(textarea[name$=-reason])").all():
        form.locator(f"input[type=radio][value='{rating}']").check()
    browser.press("Nominate", exact=True)
    assert "Nominated:" in page.locator(".toasts").inner_text()


def test_three_authorities_take_an_operation_through_all_phases(stage, visitor, tmp_path):
    lead, tax, police = (visitor() for _ in range(3))
    lead.sign_in(stage["LVV_OSH"].user, PASSWORD)
    tax.sign_in(stage["TAX"].user, PASSWORD)
    police.sign_in(stage["POLICE"].user, PASSWORD)
    operation = plan(lead, tax, police)
    execute(lead, tax, operation, tmp_path)
    follow_up(lead, tax, police, operation)


def plan(lead, tax, police) -> Operation:
    """Phase 1: from an empty form to inspections that may begin."""
    today = timezone.localdate()
    page = lead.open("/operations/")
    lead.press("New operation")
    lead.press("Make a draft")
    assert page.locator(".errorsummary").is_visible()
    for name, text in (
        ("name", "Restaurants, spring"), ("theme", "Pay in restaurants"),
        ("aim", "Find underpayment."), ("legal_purpose", "44/2006"),
        ("inspector_days_per_week", "6"),
    ):  # fmt: skip
        page.fill(f"[name={name}]", text)
    page.get_by_label("California").check()
    fill_dates(page, {"answer_by": today, "nominate_by": today, "window_start": today,
                      "window_end": today + dt.timedelta(days=20)})  # fmt: skip
    lead.press("Make a draft")
    for authority in ("Finnish Tax Administration", "Police"):
        page.select_option("[name=unit]", label=authority)
        lead.press("Put on the list")
    operation = Operation.objects.get()
    address = f"/operations/{operation.public_id}/"
    for step in ("Send invitations",):
        lead.open(address)
        lead.press(step)
        lead.press(step)
    for browser in (tax, police):
        browser.open("/my-work/")
        browser.press("Answer the invitation to Restaurants, spring")
        browser.page.fill("[name=inspector_days_per_week]", "3")
        browser.press("Take part")
    lead.open(address)
    lead.press("Open nominations")
    lead.press("Open nominations")
    nominate(lead, operation, (0, 1), "Many tips about pay", 4)
    nominate(tax, operation, (0, 3), "Turnover does not fit the staff", 5)
    lead.open(address)
    lead.press("Start selection")
    lead.press("Start selection")
    assert "Being checked" in lead.open(f"{address}selection/").locator("main").inner_text()
    make_available(operation)
    # The lottery comes before the first decision, here with too few days for a visit.
    lead.open(f"{address}proposals/")
    lead.press("Freeze the candidates and commit a seed")
    lead.press("Draw", exact=True)
    decide(lead, operation)
    lead.open(address)
    lead.press("Ask for sign-off")
    lead.press("Ask for sign-off")
    for browser in (lead, tax, police):
        browser.open("/my-work/")
        browser.press("Sign the selection of Restaurants, spring")
        browser.press("Confirm who you are")
        browser.page.fill("[name=password]", PASSWORD)
        browser.press("Confirm")
        browser.press("Sign", exact=True)
    operation.refresh_from_db()
    assert operation.state == "scheduled"
    assert "PDF (sv)" in police.open(f"{address}sign-off/").locator("main").inner_text()
    days(lead, operation)
    lead.open(address)
    lead.press("Start inspections")
    lead.press("Start inspections")
    return operation


def decide(lead, operation) -> None:
    """Open the points of the first site, pick two and leave the others out, each with a reason."""
    page = lead.open(f"/operations/{operation.public_id}/selection/")
    page.locator("details.more > summary").first.click()
    page.get_by_role("link", name="Open the reasons").first.wait_for()
    count = page.locator("#list-pool > li").count()
    for number in range(count):
        card = page.locator("#list-pool > li").first
        card.get_by_role("button", name="Select" if number < 2 else "Leave out").click()
        form = page.locator("#board-dialog form.form")
        form.get_by_label("Reason").first.fill("By points and by two nominators")
        form.get_by_role("button", name="Save the decision").click()
        page.locator("#board-dialog").wait_for(state="hidden")
        expect(page.locator("#list-pool > li")).to_have_count(count - number - 1)
    assert page.locator("#list-chosen > li").count() == 2


def days(lead, operation) -> None:
    page = lead.open(f"/operations/{operation.public_id}/days/")
    lead.press("New inspection day")
    page.fill("[name=date]", timezone.localdate().isoformat())
    page.fill("[name=team_name]", "Team 1")
    boxes = page.locator("input[name=members]")
    for number in range(boxes.count()):
        boxes.nth(number).check()
    page.select_option("[name=team_lead]", index=1)
    lead.press("Plan the day")
    for box in page.locator("input[name=site]").all():
        box.check()
    lead.press("Put on the day")
    page.get_by_role("button", name="Move down:").first.click()
    page.wait_for_load_state()


def execute(lead, tax, operation, tmp_path: Path) -> None:
    """Phase 2: one visit with findings and a photo, one that was not possible."""
    picture = tmp_path / "kitchen.jpg"
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "green").save(out, "JPEG")
    picture.write_bytes(out.getvalue())
    page = lead.open("/inspections/")
    lead.press("Team 1")
    names = page.locator("ol .visitcard a strong").all_inner_texts()
    lead.press(names[0])
    visit_path = page.url
    lead.press("Start the visit")
    lead.press("Open the record")
    lead.press("Add a finding")
    page.get_by_label("Serious", exact=True).check()
    page.fill("[name=text]", "No records of working time")
    page.fill("[name=legal_reference]", "872/2019 32 §")
    lead.press("Add the finding")
    lead.press("Add a photo")
    page.set_input_files("[name=file]", str(picture))
    page.fill("[name=caption]", "Kitchen")
    lead.press("Add the photo")
    picture = page.locator(".photos img")
    picture.evaluate("i => i.decode()")  # it comes after the page
    assert picture.evaluate("i => i.naturalWidth") == 640
    record(lead, "No remarks")
    assert "the record has 1 finding" in page.locator(".errorsummary").inner_text()
    page.get_by_label("Serious deficiencies").check()
    lead.press("Submit the record")
    tax.open(visit_path)
    assert "No records of working time" not in tax.page.content()
    assert "Serious deficiencies" in tax.page.locator("main").inner_text()
    tax.press("Open the record")
    record(tax, "No remarks")
    lead.open(visit_path)
    lead.press("End the visit")
    # The police were on the team too; their record is written as well.
    lead.open("/inspections/")
    lead.press("Team 1")
    lead.press(names[1])
    lead.press("Visit not possible")
    page.get_by_label("The place was closed").check()
    lead.press("Save", exact=True)


def record(browser, outcome) -> None:
    """Answer every question, give the counts and go on to submit with ``outcome``."""
    page = browser.page
    for question in page.locator(".question").all():
        question.get_by_label("In order", exact=True).check()
    page.fill("[name=people_met]", "4")
    browser.press("Save and go on to submit")
    page.get_by_label(outcome, exact=True).check()
    browser.press("Submit the record")


def follow_up(lead, tax, police, operation) -> None:
    """Phase 3: measures, debrief, closing, and the manager's report."""
    address = f"/operations/{operation.public_id}/"
    police.open("/inspections/")
    police.press("Team 1")
    police.page.locator("ol .visitcard a").first.click()
    police.press("Open the record")
    record(police, "No remarks")
    lead.open(address)
    lead.press("Move to feedback")
    lead.press("Move to feedback")
    page = lead.open(f"/feedback/operations/{operation.public_id}/")
    lead.press("New measure")
    page.select_option("[name=kind]", "improvement_notice")
    page.fill("[name=deadline]", (timezone.localdate() + dt.timedelta(days=14)).isoformat())
    lead.press("Open the measure")
    lead.press("Write our debrief")
    page.fill("[name=went_well]", "One visit instead of three.")
    lead.press("Save", exact=True)
    tax.open("/feedback/nominations/")
    assert "By points and by two nominators" in tax.page.locator("main").inner_text()
    lead.open(address)
    lead.press("Close the operation")
    lead.press("Close the operation")
    report = police.open(f"/feedback/reports/{operation.public_id}/")
    text = report.locator("main").inner_text()
    assert "1 of 2 selected sites were visited." in text
    assert "One visit instead of three." in text
    report.locator(".stat a", has_text="Measures open").click()
    report.wait_for_load_state()
    assert "1 measure" in report.locator("#results-title").inner_text()
    operation.refresh_from_db()
    assert operation.state == "closed"
    site = Site.objects.filter(past_visits__source="tarkka").distinct().get()
    # What was found is an earlier visit from now on, for everybody.
    assert site.past_visits.filter(outcome="serious", shared=True).exists()
    seen = tax.open("/register/sites/?visited=recent").locator("#results").inner_text()
    assert site.name in seen
