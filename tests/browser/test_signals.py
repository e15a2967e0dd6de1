"""Signals, sharing and data sets in a browser: every page fits, reads in both themes, keyboard alone."""

import datetime as dt
import json
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from authorities.models import Interest
from targets.models import Offer, Signal
from targets.services import datasets
from targets.services.handovers import hand_over, refuse_handover
from targets.services.retention import sweep
from targets.services.sharing import ask
from targets.services.signals import add_file
from tests.browser.test_powers import picture
from tests.factories import (
    PASSWORD,
    give,
    make_actor,
    make_ground,
    make_retention,
    make_signal,
    make_site,
    make_term,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def world():
    """OSH and TAX with one of everything between them; returns addresses by name."""
    osh = make_actor("OSH", "coordinator", "manager", "analyst", "inspector")
    tax = make_actor("TAX", "coordinator", "manager", "analyst")
    make_term("requires", "necessary", name_en="it is necessary for the other's task")
    make_retention()
    ground = make_ground("G-1", ["OSH"], ["TAX"], "tip", requires=["necessary"])
    make_ground("G-2", ["TAX"], ["OSH"], "payroll", mode="on_request", force="duty")
    mass = make_ground("G-3", ["OSH"], ["TAX"], "tax_debt", mode="mass_data")
    Interest.objects.create(authority=tax.authority, information="tip")
    site = make_site(name="Ravintola Kulma")
    deadline = timezone.localdate() + dt.timedelta(days=5)
    first = make_signal(osh, site=site)
    refused = hand_over(
        actor=osh, signal=first, receiver=tax.authority, ground=ground, deadline=deadline,
        confirmed=["necessary"], message="Two statements fit together",
    )  # fmt: skip
    refuse_handover(actor=tax, row=refused, reason_class="not_enough", reason="Too little to open")
    signal = make_signal(osh, site=site, text="Shifts of fourteen hours, pay in cash. " * 6)
    add_file(actor=osh, signal=signal, file=SimpleUploadedFile("roster.txt", b"x" * 2000))
    received = make_signal(tax, kind="payroll", site=site)
    given = give(tax, received, osh.authority)
    request = ask(
        actor=osh, holder=tax.authority, kind="payroll", purpose="Hours", deadline=deadline,
        necessity="One visit is not enough", site=site,
    )  # fmt: skip
    dataset = datasets.create_dataset(
        actor=osh, title="Tax debts of restaurants", kind="tax_debt", ground=mass,
        purpose="Targeting", expires_on=deadline,
    )  # fmt: skip
    rows = [{"id": "0112038-9", "debt": 1200, "town": "Vantaa"}, {"id": "x"}]
    run = datasets.start_run(
        actor=osh, dataset=dataset, business_id_column="id",
        file=SimpleUploadedFile("debts.jsonl", "\n".join(map(json.dumps, rows)).encode()),
    )  # fmt: skip
    datasets.perform(run.pk)
    sweep()
    return osh, {
        "signals": reverse("targets:signal_list"),
        "signal_new": f"{reverse('targets:signal_create')}?site={site.public_id}",
        "signal": reverse("targets:signal_detail", args=[signal.public_id]),
        "received": reverse("targets:signal_detail", args=[received.public_id]),
        "give": reverse("targets:signal_disclose", args=[signal.public_id]) + "?receiver=TAX",
        "hand_over": reverse("targets:signal_hand_over", args=[signal.public_id]) + "?receiver=TAX",
        "sharing": reverse("targets:sharing"),
        "disclosure": reverse("targets:disclosure", args=[given.public_id]),
        "request_new": f"{reverse('targets:request_create')}?site={site.public_id}",
        "request": reverse("targets:request", args=[request.public_id]),
        "handover": reverse("targets:handover", args=[refused.public_id]),
        "datasets": reverse("targets:dataset_list"),
        "dataset_new": reverse("targets:dataset_create"),
        "dataset": reverse("targets:dataset_detail", args=[dataset.public_id]),
        "erasures": reverse("targets:erasure_list"),
        "recusals": reverse("targets:recusals"),
        "site": reverse("targets:site_detail", args=[site.public_id]),
    }


def test_every_page_of_signals_and_sharing_passes(visitor):
    actor, pages = world()
    browser = visitor()
    browser.sign_in(actor.user, PASSWORD)
    for name, path in pages.items():
        page = browser.open(path)
        picture(page, name)
        if page.locator("[name=text][maxlength]").count() and name in ("received", "site"):
            page.fill("[name=text]", "for the visit planned for today")
            page.locator("main form button[type=submit]").first.click()
            page.wait_for_load_state()
            browser.seen.clear()
            browser.check()
            picture(page, f"{name}-open")


def test_a_signal_is_written_by_keyboard_in_under_a_minute_and_given_in_one_click(visitor):
    make_term("information", "tip", name_en="Tip")
    osh, tax = make_actor("OSH", "inspector"), make_actor("TAX")
    make_retention()
    make_ground("G-1", ["OSH"], ["TAX"], "tip")
    Interest.objects.create(authority=tax.authority, information="tip")
    site = make_site(name="Ravintola Kulma")
    browser = visitor()
    browser.sign_in(osh.user, PASSWORD)
    page = browser.open(reverse("targets:signal_create"))
    start = time.monotonic()
    page.locator("[name=target]").focus()
    page.keyboard.type("kulma")
    for name, keys in (("kind", "Tip"), ("text", "")):
        while page.evaluate("document.activeElement.name") != name:
            page.keyboard.press("Tab")
        page.keyboard.type(keys)
    page.keyboard.type("No roster on the wall, two people without shoes.")
    while page.evaluate("document.activeElement.name") != "purpose":
        page.keyboard.press("Tab")
    page.keyboard.type("Supervision of working hours")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signals/*-*/")
    assert time.monotonic() - start < 60
    assert Signal.objects.get().site == site
    browser.check()
    browser.press("Give to")
    assert Offer.objects.get().state == "accepted"
