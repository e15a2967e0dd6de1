"""Three people in three browsers hold a meeting; what one says the others see within seconds."""

import pytest
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import expect

from authorities.services.people import enrol_totp
from planning.jobs import make_minutes_documents
from planning.models import Meeting
from tests.factories import PASSWORD, Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEWS = 12_000  # milliseconds in which a poll every two seconds has surely come, on a slow machine


def text(browser, where, words):
    expect(browser.page.locator(where)).to_contain_text(words, timeout=NEWS)


def test_three_people_choose_together(visitor, monkeypatch):
    monkeypatch.setattr("planning.jobs.make_minutes_documents.delay", make_minutes_documents)
    cast = Cast()
    operation = cast.to("selecting", sites=2)
    lead, tax, police = (visitor() for _ in range(3))
    for browser, code in ((lead, "OSH"), (tax, "TAX"), (police, "POL")):
        browser.sign_in(cast.actors[code, "coordinator"].user, PASSWORD)
    lead.open(f"/operations/{operation.public_id}/meeting/")
    lead.press("Open the meeting")
    text(lead, "#meeting-people", "The meeting cannot decide")
    for browser in (tax, police):
        browser.open(f"/operations/{operation.public_id}/meeting/")
        browser.press("Join")
    # The lead has not touched anything: the page has the news by itself.
    text(lead, "#meeting-people", "The meeting can decide")
    wall = visitor()
    wall.sign_in(cast.actors["OSH", "manager"].user, PASSWORD)
    meeting = Meeting.objects.get()
    wall.open(f"/operations/meetings/{meeting.public_id}/projector/")
    first = meeting.items.select_related("site").order_by("order").first()
    lead.press(f"Discuss {first.site.name}")
    text(tax, "#meeting-current", first.site.name)
    text(wall, "h1", first.site.name)
    assert "Secret of" not in wall.page.content()
    wall.check()
    tax.page.get_by_label("vetoes").check()
    tax.page.fill("[name=voice-reason]", "We were there in")
    police.page.get_by_label("consents").check()
    police.press("Say it")
    # What Tax is writing survives the news of what the police said.
    text(tax, "#meeting-current", "consents")
    assert tax.page.input_value("[name=voice-reason]") == "We were there in"
    tax.page.fill("[name=voice-reason]", "We were there in March")
    tax.press("Say it")
    text(wall, "#projector", "We were there in March")
    text(lead, "#meeting-current", "Does not come along because of its own veto")
    lead.page.get_by_label("Select", exact=True).check()
    lead.press("Decide")
    assert lead.page.locator(".errorsummary").is_visible()
    lead.page.fill("[name=decide-reason]", "Two authorities suffice")
    lead.press("Decide")
    text(police, "#meeting-people", "Two authorities suffice")
    lead.press("Close the meeting")
    text(lead, "main", "PDF (sv)")
    text(police, "#meeting-people", "closed the meeting")
    text(wall, "h1", "The meeting is closed")
    page = police.open(f"/operations/meetings/{meeting.public_id}/")
    assert "PDF (sv)" in page.locator("main").inner_text()
    team = operation.choices.get().team
    assert team
    assert cast.place("TAX").authority_id not in team


def test_a_manager_confirms_who_they_are_and_signs(visitor, settings):
    settings.SIGN_WITH_MFA = True
    cast = Cast()
    operation = cast.to("signing")
    manager = cast.actors["TAX", "manager"].user
    secret = SECRET
    enrol_totp(user=manager, secret=secret)
    browser = visitor()
    page = browser.open("/account/login/")
    page.fill("[name=login]", manager.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.locator("[name=code]").wait_for()
    counter = next(iter(yield_hotp_counters_from_time()))  # now: a code is good for a minute
    page.fill("[name=code]", format_hotp_value(hotp_value(secret, counter)))
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/my-work/")
    browser.open(f"/operations/{operation.public_id}/sign-off/")
    page.fill("[name=note]", "Agreed with the region")
    browser.press("Confirm who you are")
    # The code was given a moment ago, on signing in; the password is asked for anew.
    page.fill("[name=password]", PASSWORD)
    browser.press("Confirm")
    assert page.input_value("[name=note]") == "Agreed with the region"
    browser.press("Sign", exact=True)
    assert "Agreed with the region" in page.locator("main").inner_text()
    assert operation.signoffs.get().method == "password+totp"
