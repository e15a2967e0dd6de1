"""The register of powers in a browser: every page fits, reads in both themes, works without script."""

import os
from pathlib import Path

import pytest
from django.urls import reverse

from authorities.models import Authority, Competence, Unit
from authorities.services.reference import load_authorities
from authorities.services.starter import load_powers
from tests.authorities.powers import FOLDER
from tests.factories import PASSWORD, make_actor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def start(*roles: str):
    load_authorities(FOLDER)
    load_powers(FOLDER)
    osh = Authority.objects.get(code="LVV_OSH")
    return make_actor(osh, *roles, unit=Unit.objects.get(authority=osh, code="HEAD"))


def paths() -> dict[str, str]:
    competence = Competence.objects.get(code="C-OSH-02")
    gateway, day = reverse("authorities:gateway"), "day=2026-05-04"
    return {
        "gateway": gateway,
        "one": f"{gateway}?giver=TAX&receiver=LVV_OSH&information=employment_terms&{day}",
        "all": f"{gateway}?giver=LVV_OSH&information=employment_terms&{day}",
        "kinds": f"{gateway}?giver=TAX&receiver=LVV_OSH&{day}",
        "wrong": f"{gateway}?giver=TAX&receiver=TAX&{day}",
        "matrix": f"{reverse('authorities:gateway_matrix')}?information=employment_terms&{day}",
        "card": f"{reverse('authorities:card')}?authority=LVV_OSH&authority=TAX&premises=dwelling&{day}",
        "competences": reverse("authorities:competence_list")
        + f"?action=enter&place=employer_accommodation&{day}",
        "competence": reverse("authorities:competence_detail", args=[competence.public_id]),
        "competence_edit": reverse("authorities:competence_edit", args=[competence.public_id]),
        "grounds": reverse("authorities:ground_list"),
        "ground": reverse("authorities:ground_detail", args=["D-OSH-03"]),
        "ground_new": reverse("authorities:ground_create"),
        "interests": reverse("authorities:interests"),
        "authority": reverse("authorities:authority_detail", args=["TAX"]),
    }


def picture(page, name: str) -> None:
    """Kept when a folder is named by SCREENSHOTS, for looking at."""
    if folder := os.environ.get("SCREENSHOTS"):
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})


def test_every_page_of_the_powers_passes(visitor):
    actor = start("administrator", "coordinator")
    browser = visitor()
    browser.context.add_cookies(session_of(actor, browser.base))
    for name, path in paths().items():
        page = browser.open(path)
        browser.seen.clear()
        assert page.locator("h1").count() == 1, name
        picture(page, name)


def session_of(actor, base: str) -> list[dict[str, str]]:
    """Cookie of a session with the second factor shown, as after a sign-in."""
    from django.test import Client

    client = Client()
    client.force_login(actor.user)
    session = client.session
    session["acting_membership"] = actor.membership.pk
    session["mfa_done"] = True
    session.save()
    return [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base}]


def test_a_draft_goes_its_way_without_script(visitor):
    actor = start("administrator")
    browser = visitor(java_script_enabled=False)
    browser.context.add_cookies(session_of(actor, browser.base))
    page = browser.page
    page.goto(browser.base + reverse("authorities:ground_detail", args=["D-OSH-04"]))
    page.get_by_role("button", name="Make a new version").click()
    page.fill("[name=valid_from]", "2027-01-01")
    page.fill(
        "[name=test_cases]",
        "2027-02-01; health_protection; LVV_OSH; BUILDING_CONTROL; may_give",
    )
    page.get_by_role("button", name="Save the draft").click()
    page.get_by_role("button", name="Hand to a second person").click()
    assert page.get_by_text("Waiting for a second person").count() >= 1
    assert page.get_by_text("holds").count() == 1


def test_the_open_register_asks_without_signing_in(visitor, settings):
    settings.PUBLIC_POWERS = True
    start("inspector")
    browser = visitor()
    page = browser.open(reverse("authorities:gateway"))
    page.select_option("[name=giver]", "TAX")
    page.select_option("[name=receiver]", "LVV_OSH")
    page.select_option("[name=information]", "employment_terms")
    page.fill("[name=day]", "2026-05-04")
    browser.press("Ask", exact=True)
    assert page.locator(".badge", has_text="Must give when asked").count() == 1
    assert PASSWORD not in page.content()


def test_row_names_of_the_matrix_are_read_on_a_phone(visitor):
    actor = start("inspector")
    browser = visitor(viewport={"width": 390, "height": 844})
    browser.context.add_cookies(session_of(actor, browser.base))
    page = browser.open(paths()["matrix"])
    page.locator("table.matrix").scroll_into_view_if_needed()
    page.mouse.wheel(0, 500)
    page.locator(".scroll").evaluate("box => { box.scrollLeft = 300 }")
    row = page.locator("table.matrix tbody th").nth(3)
    box = row.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < 60  # stays at the edge while the columns move
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "matrix-phone.png")


@pytest.mark.parametrize("name", ["matrix", "card", "one"])
def test_what_is_found_prints_without_the_question(visitor, name):
    actor = start("inspector")
    browser = visitor()
    browser.context.add_cookies(session_of(actor, browser.base))
    page = browser.open(paths()[name])
    page.emulate_media(media="print")
    assert not page.locator("main form").first.is_visible()
    assert page.locator("h1").is_visible()
    kept = {"matrix": "table.matrix", "card": "dl.powers", "one": ".ground"}[name]
    assert page.locator(kept).first.is_visible()
    assert page.locator(".alert.warn").is_visible()  # not reviewed: on paper, too
    if folder := os.environ.get("SCREENSHOTS"):
        page.pdf(path=Path(folder) / f"{name}.pdf", prefer_css_page_size=True)
