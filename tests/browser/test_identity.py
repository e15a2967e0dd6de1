"""Possible matches in a browser: every page fits, reads in both themes, works by keyboard alone."""

import datetime as dt
import os
from pathlib import Path

import pytest
from django.urls import reverse

from targets.models import LinkRun, MatchPair, Merge, SiteOperator, SuccessorHint
from targets.services.identity import linkage, successors
from targets.services.identity.merging import merge
from tests.factories import PASSWORD, make_actor, make_company, make_municipality, make_site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
PICTURES = os.environ.get("PICTURES")  # a folder, to look at the pages with human eyes


def world():
    """A register with two pairs, one of them merged, and a company that seems to go on."""
    place = make_municipality("837", "Tampere")
    firm = make_company(name="Ravintola Kulma Kebab Oy", business_id="9900010-6")
    common = {"municipality": place, "postal_code": "33100"}
    one = make_site(name="Ravintola Kulma Kebab", address="Hämeenkatu 3", company=firm,
                    source="food", **common)  # fmt: skip
    make_site(name="RESTAURANG KULMA-KEBAB AB", address="Hämeenk. 3 B 12", company=None,
              source="alcohol", **common)  # fmt: skip
    gone = make_site(name="Kulma", address="Hämeenkatu 3", company=firm, source="rescue", **common)
    make_site(name="Parturi Sirpa", address="Kauppakatu 12", company=None, source="food", **common)
    make_site(name="Parturi Sirpaa", address="Kauppakatu 12", company=None, source="tax", **common)
    for number in range(30):
        make_site(name=f"Muu {number} Paikka {number * 7}", address=f"Muutie {number}",
                  company=None, source="other", **common)  # fmt: skip
    person = make_actor("OSH", "analyst")
    merge(actor=person, loser=gone, survivor=one, reason="One door")
    linkage.perform(linkage.claim(linkage.new_run(kind="site", full=True).pk))
    end = dt.date(2024, 5, 1)
    old = make_company(name="Raksa Oy", status="bankrupt", ended_on=end, address="Kuja 1",
                       postal_code="00100")  # fmt: skip
    new = make_company(name="Raksa 2 Oy", registered_on=end + dt.timedelta(days=12),
                       address="Kuja 1", postal_code="00100")  # fmt: skip
    SiteOperator.objects.create(site=make_site(name="Halli 7", company=new), company=old)
    successors.find()
    return person, one, old


def test_every_page_fits_and_decisions_are_made_by_keyboard_alone(visitor):
    person, site, old = world()
    assert LinkRun.objects.get().state == "done"
    assert MatchPair.objects.filter(state="proposed").count() == 2
    browser = visitor()
    browser.sign_in(person.user, PASSWORD)
    merged, hint = Merge.objects.get(), SuccessorHint.objects.get()
    first, second = MatchPair.objects.order_by("-probability", "pk")
    for name, address in {
        "queue": reverse("targets:pair_list"),
        "pair": reverse("targets:pair", args=[first.public_id]),
        "join": reverse("targets:pairs_join") + f"?id={first.public_id}&id={second.public_id}",
        "identity": reverse("targets:site_identity", args=[site.public_id]),
        "unmerge": reverse("targets:unmerge", args=[merged.public_id]),
        "company": reverse("targets:company_detail", args=[old.public_id]),
        "hint": reverse("targets:hint", args=[hint.public_id]),
    }.items():
        page = browser.open(address)
        for width in (1440, 390) if PICTURES else ():
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1440, "height": 900})

    page = browser.open(reverse("targets:pair", args=[first.public_id]))
    page.get_by_label("What shows that they are different").focus()
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")  # without a reason
    browser.check()
    assert page.title().startswith("Error:")
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.type("One door")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('targets:pair', args=[second.public_id])}")  # the next one
    assert Merge.objects.filter(reason="One door").count() == 2
    page.get_by_label("What shows that they are different").focus()
    page.keyboard.type("Two barbers, two registers")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('targets:pair_list')}")
    second.refresh_from_db()
    assert second.state == "different"
