"""Pages as people use them: style guide in both themes, keyboard, phone, session, no script."""

import pytest
from django.urls import reverse

from tests.factories import PASSWORD, Cast, make_actor, make_site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_style_guide_passes_in_every_language(visitor, language):
    actor = make_actor("OSH", "manager", is_staff=True, language=language)
    browser = visitor()
    browser.sign_in(actor.user, PASSWORD)
    page = browser.open("/styleguide/")
    assert page.locator(".badge").count() > 4


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_lists_and_forms_fit_every_width(visitor, width):
    cast = Cast()
    operation = cast.to("feedback")
    browser = visitor(viewport={"width": width, "height": 800})
    browser.sign_in(cast.lead.user, PASSWORD)
    for path in (
        "/my-work/", "/operations/", "/register/sites/", "/operations/new/", "/inspections/",
        f"/operations/{operation.public_id}/", f"/feedback/reports/{operation.public_id}/",
    ):  # fmt: skip
        page = browser.open(path)
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{path} at {width} px"


def test_keyboard_alone_reaches_content_search_and_rows(visitor):
    for _ in range(3):
        make_site()
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open("/register/sites/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "topsearch"
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert "Site" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("o")
    page.wait_for_url("**/register/sites/*-*/")


def test_filters_swap_the_results_and_keep_the_address(visitor):
    make_site(name="Grilli Pohjola")
    make_site(name="Autopesu")
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open("/register/sites/")
    page.fill("#id_q", "grilli")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**q=grilli**")
    assert "1 site" in page.locator("#results-title").inner_text()
    assert page.get_by_text("Autopesu").count() == 0
    page.get_by_role("link", name="Remove filter").click()
    page.wait_for_load_state()
    assert "2 sites" in page.locator("#results-title").inner_text()


def test_typing_outlives_an_ended_session(visitor, settings):
    actor = make_actor("OSH", "coordinator")
    browser = visitor()
    browser.sign_in(actor.user, PASSWORD)
    page = browser.open(reverse("planning:operation_create"))
    page.fill("[name=name]", "Half written")
    page.fill("[name=aim]", "An aim that took long to write")
    browser.context.clear_cookies()
    page.reload()
    page.wait_for_url("**/account/login/**")
    page.fill("[name=login]", actor.user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/operations/new/")
    assert page.input_value("[name=aim]") == "An aim that took long to write"
    assert page.get_by_text("What you typed here earlier has been put back.").is_visible()


def test_warning_before_the_session_ends_lets_one_stay(visitor, settings):
    settings.SESSION_IDLE_SECONDS = 100
    browser = visitor()
    browser.sign_in(make_actor("OSH", "coordinator").user, PASSWORD)
    page = browser.page
    dialog = page.locator("#session-dialog")
    dialog.wait_for(state="visible", timeout=12_000)
    dialog.get_by_role("button", name="Stay signed in").click()
    dialog.wait_for(state="hidden")


def test_everything_works_without_script(visitor):
    cast = Cast()
    cast.to("nominating")
    browser = visitor(java_script_enabled=False)
    page = browser.page
    page.goto(browser.base + "/account/login/")
    page.fill("[name=login]", cast.lead.user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.goto(browser.base + f"/operations/{cast.operation.public_id}/candidates/")
    page.locator("tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="Nominate the ticked sites").click()
    page.locator("textarea[name$=-reason]").fill("Seen at night")
    page.locator("input[type=radio][value='4']").check()
    page.get_by_role("button", name="Nominate", exact=True).click()
    assert "Seen at night" in page.content()


def test_administrator_sets_up_a_security_key_and_signs_in_with_it(visitor):
    admin = make_actor("OSH", "administrator")
    browser = visitor()
    page = browser.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                     "hasUserVerification": True, "isUserVerified": True,
                     "automaticPresenceSimulation": True}},
    )  # fmt: skip
    enter(browser, admin.user)
    page.wait_for_url("**/account/2fa/")
    browser.check()
    browser.press("Add a key")
    # Changing how one signs in asks for the password once more.
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/webauthn/add/")
    browser.check()
    page.fill("[name=name]", "Blue key")
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url("**/account/2fa/recovery-codes/")
    browser.check()
    browser.open("/my-work/")
    page.context.clear_cookies()
    enter(browser, admin.user)
    page.wait_for_url("**/account/2fa/authenticate/")
    browser.check()
    page.locator("#mfa_webauthn_authenticate").click()
    page.wait_for_url("**/my-work/")


def enter(browser, user) -> None:
    browser.open("/account/login/")
    browser.page.fill("[name=login]", user.email)
    browser.page.fill("[name=password]", PASSWORD)
    browser.page.locator("main button[type=submit]").click()
