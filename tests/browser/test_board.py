"""Two people of two authorities at one board: news, dragging, keys, reasons, undo, weeks and map."""

import re

import pytest

from planning.candidates import window_weeks
from planning.models import BoardChange, TargetChoice
from tests.browser.test_search_map import shoot
from tests.factories import PASSWORD, Cast, make_site
from tests.planning.test_board import draw, make_plan

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
NAMES = ("Kebab Bosporus", "Pizzeria Vesuvio", "Rakennus Pohja", "Kukkakauppa Lumme",
         "Autopesu Kirkas", "Siivous Helmi", "Parturi Sakset", "Grilli Ruska")  # fmt: skip


@pytest.fixture
def cast():
    """Eight sites on the board: three proposed, one drawn at random."""
    cast = Cast()
    cast.to("selecting", sites=len(NAMES))
    for number, (site, name) in enumerate(zip(cast.sites, NAMES, strict=True)):
        site.name, site.latitude, site.longitude = name, 60.17 + number / 40, 24.7 + number / 20
        site.save()
    make_plan(cast, cast.sites[:3], week=window_weeks(cast.refresh())[1])
    draw(cast.operation, cast.sites[4], cast.lead)
    return cast


def column(page, key: str) -> list[str]:
    return page.locator(f"#list-{key} > li h3 a").all_inner_texts()


def wait_for(page, key: str, name: str) -> None:
    page.locator(f"#list-{key} > li", has_text=name).wait_for()


def card(page, name: str):
    return page.locator("[data-card]", has_text=name)


def test_two_people_see_each_others_changes_and_overwrite_nothing(cast, visitor):
    address = f"/operations/{cast.operation.public_id}/selection/"
    lead, tax = visitor(), visitor()
    lead.sign_in(cast.lead.user, PASSWORD)
    tax.sign_in(cast.actors["TAX", "coordinator"].user, PASSWORD)
    ours, theirs = lead.open(address), tax.open(address)
    shoot(ours, "board-list", whole=True)
    # As proposed: one press, no reason; the other one sees it without doing anything.
    card(ours, NAMES[0]).get_by_role("button", name="Select").click()
    wait_for(ours, "chosen", NAMES[0])
    wait_for(theirs, "chosen", NAMES[0])
    assert (
        f"Occupational safety moved {NAMES[0]} to chosen." in theirs.locator(".toasts").inner_text()
    )
    assert re.search(r"1\.5 of [\d.]+ chosen", theirs.locator("#board-gauges").inner_text())
    assert ours.locator("h2 [data-count=chosen]").inner_text() == "1"
    # Undo from the toast, seen by both.
    ours.locator(".toasts").get_by_role("button", name="Undo").first.click()
    wait_for(ours, "proposed", NAMES[0])
    wait_for(theirs, "proposed", NAMES[0])
    # Somebody is faster while the other one writes: both values are shown, nothing overwritten.
    card(theirs, NAMES[3]).get_by_role("button", name="Select").click()
    theirs.locator("#board-dialog").wait_for()
    card(ours, NAMES[3]).get_by_role("button", name="Leave out").click()
    wait_for(ours, "dropped", NAMES[3])
    form = theirs.locator("#board-dialog form.form")
    form.get_by_label("Reason", exact=False).first.fill("A tip of this morning")
    form.get_by_label("Kind of reason").select_option("tip")
    form.get_by_role("button", name="Save the decision").click()
    summary = theirs.locator("#board-dialog .errorsummary")
    summary.wait_for()
    assert "Now: Left out. Yours: Selected" in summary.inner_text()
    assert form.get_by_label("Reason", exact=False).first.input_value() == "A tip of this morning"
    tax.seen.clear()
    tax.check()
    shoot(theirs, "board-conflict")
    assert TargetChoice.objects.get(site=cast.sites[3]).state == "dropped"
    theirs.locator("#board-dialog").get_by_role("link", name="Cancel").click()
    theirs.locator("#board-dialog").wait_for(state="hidden")
    # A page that cannot be seen asks for nothing.
    theirs.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    card(ours, NAMES[1]).get_by_role("button", name="Select").click()
    wait_for(ours, "chosen", NAMES[1])
    theirs.wait_for_timeout(3000)
    assert NAMES[1] not in column(theirs, "chosen")
    theirs.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    wait_for(theirs, "chosen", NAMES[1])
    # The whole proposal, taken by one, stands before the other.
    lead.press("Take the whole proposal")
    wait_for(theirs, "chosen", NAMES[2])
    assert "took over proposal 1" in theirs.locator(".toasts").inner_text()


def test_dragging_and_the_same_by_keys_with_a_reason(cast, visitor):
    browser = visitor()
    browser.sign_in(cast.lead.user, PASSWORD)
    page = browser.open(f"/operations/{cast.operation.public_id}/selection/")
    page.set_viewport_size({"width": 1440, "height": 2600})  # a real hand scrolls while dragging
    card(page, NAMES[0]).drag_to(page.locator("#list-chosen"))
    wait_for(page, "chosen", NAMES[0])
    card(page, NAMES[5]).drag_to(page.locator("#list-chosen"))
    form = page.locator("#board-dialog form.form")
    form.wait_for()
    assert "This differs from the proposal" in form.inner_text()
    browser.seen.clear()
    browser.check()
    shoot(page, "board-reason")
    page.keyboard.press("s")  # no shortcut while something is written
    form.get_by_label("Reason", exact=False).first.fill("Neighbours called")
    form.get_by_label("Kind of reason").select_option("local")
    form.get_by_role("button", name="Save the decision").focus()
    page.keyboard.press("Enter")
    wait_for(page, "chosen", NAMES[5])
    assert TargetChoice.objects.get(site=cast.sites[5]).code == "local"
    # By keys alone: the second card of the pool (the first was drawn: that needs a reason).
    page.locator("#list-pool > li").first.focus()
    page.keyboard.press("j")
    name = page.evaluate("document.activeElement.querySelector('h3 a').innerText")
    following = page.locator("#list-pool > li h3 a").nth(2).inner_text()
    page.keyboard.press("d")
    wait_for(page, "dropped", name)
    assert following in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("k")
    assert NAMES[4] in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("u")
    wait_for(page, "pool", name)
    page.keyboard.press("?")
    assert "Select, leave out, undecided" in page.locator("#shortcuts").inner_text()
    page.keyboard.press("Escape")
    cast.lead.user.shortcuts = False
    cast.lead.user.save()
    page.reload()
    changes = BoardChange.objects.count()
    page.locator("#list-pool > li").nth(1).focus()
    page.keyboard.press("d")
    page.wait_for_timeout(600)
    assert BoardChange.objects.count() == changes


def test_weeks_and_map_show_the_same_and_history_undoes(cast, visitor):
    browser = visitor()
    browser.sign_in(cast.lead.user, PASSWORD)
    address = f"/operations/{cast.operation.public_id}/selection/"
    weeks = window_weeks(cast.operation)
    page = browser.open(address)
    card(page, NAMES[0]).get_by_role("button", name="Select").click()
    wait_for(page, "chosen", NAMES[0])
    browser.seen.clear()
    page = browser.open(f"{address}?view=weeks")
    shoot(page, "board-weeks", whole=True)
    third = f"week-{weeks[2].isoformat()}"
    card(page, NAMES[0]).drag_to(page.locator(f"#list-{third}"))
    form = page.locator("#board-dialog form.form")
    form.wait_for()
    assert form.get_by_label("Week", exact=False).first.input_value() == weeks[2].isoformat()
    form.get_by_label("Reason", exact=False).first.fill("Closed that week")
    form.get_by_label("Kind of reason").select_option("local")
    form.get_by_role("button", name="Save the decision").click()
    wait_for(page, third, NAMES[0])
    assert "1 visit" in page.locator(f"#weekhead-{weeks[2].isoformat()}").inner_text()
    browser.seen.clear()
    page = browser.open(f"{address}?view=map")
    page.wait_for_selector(".boardmark.leaflet-marker-icon")
    assert page.locator(".boardmark.leaflet-marker-icon").count() == len(NAMES)
    shoot(page, "board-map", whole=True)
    page.focus(".boardmark.leaflet-marker-icon")
    page.keyboard.press("Enter")
    page.wait_for_selector(".leaflet-popup a")
    page.keyboard.press("Enter")
    assert "#card-" in page.url
    page = browser.open(f"{address}history/")
    text = page.locator("main").inner_text()
    assert "Closed that week" in text
    assert "Proposed was" in text
    shoot(page, "board-history")
    page.get_by_role("button", name="Undo").first.click()
    page.wait_for_load_state()
    assert TargetChoice.objects.get().week == weeks[1]


def test_without_script_everything_is_done_by_pages(cast, visitor):
    make_site()
    browser = visitor(java_script_enabled=False)
    page = browser.page
    page.goto(f"{browser.base}/account/login/")
    page.fill("[name=login]", cast.lead.user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.goto(f"{browser.base}/operations/{cast.operation.public_id}/selection/")
    card(page, NAMES[0]).get_by_role("button", name="Select").click()
    assert NAMES[0] in column(page, "chosen")
    card(page, NAMES[6]).get_by_role("button", name="Select").click()
    page.get_by_label("Reason", exact=False).first.fill("Seen from the street")
    page.get_by_label("Kind of reason").select_option("local")
    page.get_by_role("button", name="Save the decision").click()
    assert NAMES[6] in column(page, "chosen")
