"""Scenario S26 in a browser: an indicator that stands for where people come from is stopped.

An analyst builds it, the backtest runs, the audit stops the version and names the indicator, the
analyst mends it in a new version, two managers of two authorities approve, and the public text on
the method tells of it.
"""

import os
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from risk.jobs_reports import run_report
from risk.models import IndicatorVersion, ModelVersion, Report
from tests.factories import PASSWORD, make_actor
from tests.risk.govern.factories import published, results

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
PICTURES = os.environ.get("PICTURES")  # a folder, to look at the pages with human eyes


def picture(page, name: str) -> None:
    for width in (1440, 390) if PICTURES else ():
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=Path(PICTURES) / f"risk-{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": 1440, "height": 900})


def build_proxy(browser) -> IndicatorVersion:
    """Fill in the builder by keyboard and mouse; the fields follow the source, the preview the form."""
    page = browser.open(reverse("risk:indicator_create"))
    for label, words in {
        "Name in Finnish": "Lähetettyjä työntekijöitä", "Name in Swedish": "Utsända arbetstagare",
        "Name in English": "Posted workers", "Sentence in Finnish": "Ilmoituksia: {value}",
        "Sentence in Swedish": "Anmälningar: {value}", "Sentence in English": "Notices: {value}",
    }.items():  # fmt: skip
        page.get_by_label(label).fill(words)
    page.get_by_label("Where the value comes from").select_option("facts")
    page.get_by_label("Kind of fact").wait_for()
    with page.expect_response(f"**{reverse('risk:indicator_create')}"):
        page.get_by_label("What is measured").select_option("exists")
    page.wait_for_load_state("networkidle")
    page.get_by_label("Kind of fact").fill("posted_workers")
    page.get_by_label("Limit of line 1").focus()
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.type("0")
    page.get_by_label("Points of line 2").fill("40")
    page.get_by_label("Legal ground in words").fill("Act 44/2006, section 4")
    page.get_by_label("Legal ground in words").blur()
    page.locator("#preview").get_by_text("Sites by line of points").first.wait_for()
    picture(page, "builder")
    browser.check()
    browser.press("Save the draft")
    assert not page.locator(".errorsummary").count(), page.locator(".errorsummary").inner_text()
    browser.press("Publish")
    return IndicatorVersion.objects.get(name_en="Posted workers")


def run(browser, button: str) -> Report:
    """Ask for a test; the page follows it and shows the result by itself."""
    browser.press(button)
    browser.page.locator("progress").wait_for()
    report = Report.objects.filter(state="waiting").get()
    browser.check()
    run_report(report.pk)
    browser.page.locator("progress").wait_for(state="detached")
    browser.check()
    report.refresh_from_db()
    assert report.state == "done", report.message
    return report


def approve(visitor, code: str, version: ModelVersion) -> None:
    manager = make_actor(code, "manager")
    browser = visitor()
    browser.sign_in(manager.user, PASSWORD)
    browser.open(reverse("risk:model_detail", args=[version.public_id]))
    browser.press("Approve", exact=True)
    browser.page.get_by_label("What you looked at").fill("Backtest and audit")
    browser.press("Approve", exact=True)


def test_a_proxy_is_stopped_mended_and_the_method_told_anew(visitor, monkeypatch):
    monkeypatch.setitem(
        __import__("risk.services.reports", fromlist=["DEFAULTS"]).DEFAULTS, "capacity", 0.3
    )
    results(sites=120, rounds=10, proxy=True)
    analyst = make_actor("OSH", "analyst")
    clean = published(analyst)
    browser = visitor()
    browser.sign_in(analyst.user, PASSWORD)
    proxy = build_proxy(browser)
    assert (proxy.state, proxy.definition["measure"]) == ("published", "exists")
    browser.open(reverse("risk:indicator_list"))

    page = browser.open(reverse("risk:model_create"))
    page.get_by_label("Name in Finnish").fill("Palkkariski")
    page.get_by_label("Name in English").fill("Pay risk")
    page.get_by_label("Serious deficiencies").check()
    browser.press("Go on to its indicators")
    page.get_by_label("Earlier findings", exact=True).check()
    page.get_by_label("Posted workers", exact=True).check()
    browser.press("Save the draft")
    browser.press("Run the backtest")  # the form with the capacity
    run(browser, "Run the backtest")
    picture(page, "backtest")
    audit = run(browser, "Run the bias audit")
    assert audit.passed is False
    stopped = page.locator(".alert.bad").inner_text()
    assert "Workers posted from abroad" in stopped
    assert "Posted workers" in stopped
    for summary in page.locator("main details summary").all():
        summary.click()
    browser.seen.clear()
    browser.check()
    picture(page, "audit")
    assert page.get_by_role("link", name="Approve").count() == 0

    browser.press("Make a new version")
    browser.press("Choose indicators and points")
    page.get_by_label("Posted workers", exact=True).uncheck()
    browser.press("Save the draft")
    browser.press("Run the backtest")  # the form with the capacity
    run(browser, "Run the backtest")
    assert run(browser, "Run the bias audit").passed is True
    version = ModelVersion.objects.get(number=2)
    assert [p.indicator for p in version.indicators.all()] == [clean]
    approve(visitor, "TAX", version)
    approve(visitor, "OSH", version)
    manager = make_actor("OSH", "manager")
    owner = visitor()
    owner.sign_in(manager.user, PASSWORD)
    owner.open(reverse("risk:model_detail", args=[version.public_id]))
    owner.press("Put it to use")
    owner.press("Put it to use")
    owner.open(reverse("risk:model_list"))
    picture(owner.page, "models")
    finn = visitor()
    finn.sign_in(make_actor("POL", "coordinator", language="fi").user, PASSWORD)
    finn.open(reverse("risk:model_list"))  # its words are longer
    picture(finn.page, "models-fi")

    reader = visitor()
    reader.sign_in(make_actor("POL", "inspector").user, PASSWORD)
    page = reader.open(reverse("risk:method"))
    told = page.locator("main").inner_text()
    assert "Edition 1" in told
    assert "Earlier findings" in told
    assert "Act 44/2006, section 4" in told
    assert "Posted workers" not in told
    picture(page, "method")


def test_the_builder_works_without_scripts(visitor):
    analyst = make_actor("OSH", "analyst")
    browser = visitor(java_script_enabled=False)
    page = browser.page
    page.goto(browser.base + "/account/login/")
    page.fill("[name=login]", analyst.user.email)
    page.fill("[name=password]", PASSWORD)
    page.locator("main button[type=submit]").click()
    page.goto(browser.base + reverse("risk:indicator_create"))
    page.get_by_label("Name in Finnish").fill("Yrityksen ikä")
    page.get_by_label("Where the value comes from").select_option("register")
    page.get_by_role("button", name="Show the fields for this choice").click()
    assert "age of the company in years" in page.get_by_label("What is measured").inner_text()
    page.get_by_label("Limit of line 1").fill("2")
    page.get_by_label("Points of line 1").fill("15")
    page.get_by_label("Points of line 2").fill("0")
    page.get_by_role("button", name="More lines").click()
    expect(page.get_by_label("Limit of line 9")).to_have_count(1)
    page.get_by_role("button", name="Save the draft").click()
    assert "may not fall" in page.locator(".errorsummary").inner_text()
    page.get_by_label("more means lower risk").check()
    page.get_by_role("button", name="Show the preview").click()
    page.locator("#preview").get_by_text("Sites by line of points").first.wait_for()
    page.get_by_label("Points of line 2").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")  # saves, and does not add lines
    version = IndicatorVersion.objects.get()
    assert version.bins == [{"below": 2, "points": 15}, {"below": None, "points": 0}]
    assert version.definition == {"measure": "company_age"}


def test_what_is_typed_while_the_fields_are_fetched_stays(visitor):
    """The answer to a choice comes late; meanwhile somebody goes on typing."""
    browser = visitor()
    browser.sign_in(make_actor("OSH", "analyst").user, PASSWORD)
    page = browser.open(reverse("risk:indicator_create"))
    page.get_by_label("Where the value comes from").select_option("facts")
    page.get_by_label("Kind of fact").fill("posted")
    held = []
    page.route(f"**{reverse('risk:indicator_create')}", lambda route: held.append(route))
    page.get_by_label("What is measured").select_option("exists")
    page.get_by_label("Kind of fact").fill("posted_workers")
    expect(page.locator("#definition")).to_have_attribute("aria-busy", "true")
    with page.expect_response(f"**{reverse('risk:indicator_create')}"):
        held[0].continue_()
    expect(page.locator("#definition:not([aria-busy])")).to_have_count(1)
    assert page.get_by_label("What is measured").input_value() == "exists"
    assert page.get_by_label("Kind of fact").input_value() == "posted_workers"
