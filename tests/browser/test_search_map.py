"""Search by keyboard alone, the map beside the list, and bulk work, as people use them."""

import os
from pathlib import Path

import pytest
from django.conf import settings

from tests.factories import PASSWORD, make_actor, make_municipality, make_site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
SHOTS = Path(settings.BASE_DIR) / "tests" / "screenshots"


def shoot(page, name: str, *, whole: bool = False) -> None:
    """Pictures for whoever looks at them: SCREENSHOTS=1."""
    if not os.environ.get("SCREENSHOTS"):
        return
    SHOTS.mkdir(exist_ok=True)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(700)
            page.screenshot(
                caret="initial", full_page=whole, path=SHOTS / f"{name}-{width}-{scheme}.png"
            )
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_search_by_keyboard_alone(visitor):
    for name in ("Kebab Bosporus", "Kebab Sultan", "Autopesu"):
        make_site(name=name)
    browser = visitor()
    browser.sign_in(make_actor("OSH", "inspector").user, PASSWORD)
    page = browser.open("/my-work/")
    page.keyboard.press("/")
    page.keyboard.type("kebbab", delay=30)
    page.wait_for_selector("#search-options [role=option]")
    assert page.get_attribute("#topsearch", "aria-expanded") == "true"
    assert page.locator("#search-options [role=option]").count() == 2
    browser.seen.clear()
    browser.check()  # with the list open
    shoot(page, "search-open")
    page.focus("#topsearch")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.get_attribute("#topsearch", "aria-activedescendant")
    assert page.get_attribute(f"#{chosen}", "aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.get_attribute("#topsearch", "aria-expanded") == "false"
    page.keyboard.press("ArrowDown")
    name = page.locator("#search-options [aria-selected=true] span").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/register/sites/*-*/")
    assert name in page.locator("h1").inner_text()


def test_search_without_script_is_a_page(visitor):
    make_site(name="Kebab Bosporus")
    browser = visitor(java_script_enabled=False)
    browser.page.goto(f"{browser.base}/account/login/")
    browser.page.fill("[name=login]", make_actor("OSH", "inspector").user.email)
    browser.page.fill("[name=password]", PASSWORD)
    browser.page.locator("main button[type=submit]").click()
    browser.page.fill("#topsearch", "bosporus")
    browser.page.locator(".topsearch button").click()
    assert "Kebab Bosporus" in browser.page.locator("main").inner_text()
    browser.page.goto(f"{browser.base}/register/sites/?q=kebab")
    assert "Kebab Bosporus" in browser.page.locator("#results").inner_text()
    assert browser.page.get_by_text("The map needs JavaScript").is_visible()


def test_the_map_shows_what_the_list_shows(visitor):
    north = make_municipality("698", "Rovaniemi")
    for number in range(160):
        make_site(name=f"Grilli {number}", latitude=60.17 + number / 5000, longitude=24.94)
    make_site(name="Pesula Napapiiri", latitude=66.5, longitude=25.73, municipality=north)
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open("/register/sites/")
    page.wait_for_selector(".mapcluster")
    numbers = page.locator(".mapcluster").all_inner_texts()
    assert sum(int(n) for n in numbers) == 161
    page.wait_for_selector("path.mapborder", state="attached")
    browser.seen.clear()
    browser.check()
    page.wait_for_selector(".mapcluster")
    shoot(page, "map-clusters")
    # The list's filter is the map's, and a marker is reached and opened by the keyboard.
    page.fill("#id_q", "napapiiri")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_selector(".mapsite")
    assert page.locator(".mapcluster").count() == 0
    page.focus(".mapsite")
    page.keyboard.press("Enter")
    page.wait_for_selector(".leaflet-popup a")
    browser.seen.clear()
    browser.check()
    page.keyboard.press("Enter")
    page.wait_for_url("**/register/sites/*-*/")
    assert "Pesula Napapiiri" in page.locator("h1").inner_text()


def test_ticked_sites_are_tagged(visitor):
    for name in ("Grilli A", "Grilli B"):
        make_site(name=name)
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open("/register/sites/?column=tags")
    shoot(page, "list")
    page.get_by_role("checkbox", name="Tick Grilli A").check()
    page.locator(".bulkbar").get_by_role("button", name="Tag").click()
    page.wait_for_url("**/sites/tag/**")
    browser.check()
    page.fill("[name=name]", "Summer")
    browser.press("Save")
    assert "1 site was changed" in page.locator(".toasts").inner_text()
    page.goto(f"{browser.base}/register/sites/?column=tags")
    assert page.get_by_text("Summer", exact=True).count() >= 1


def test_going_back_keeps_map_and_search_at_work(visitor):
    make_site(name="Grilli", latitude=60.17, longitude=24.94)
    make_site(name="Pesula", latitude=66.5, longitude=25.73)
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open("/register/sites/")
    page.fill("#id_q", "grilli")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**q=grilli**")
    page.locator(".mapsite").nth(1).wait_for(state="detached")
    page.go_back()
    page.locator(".mapsite").nth(1).wait_for()
    page.fill("#topsearch", "pes")
    page.wait_for_selector("#search-options [role=option]")
