"""The drawing of people and links in a browser: it fits a phone and reads in both themes."""

import datetime as dt
import os
from pathlib import Path

import pytest
from django.urls import reverse

from authorities.purposes import state_purpose
from targets.models import PersonRole
from tests.factories import PASSWORD, make_actor, make_company, make_site
from tests.targets.test_site_page import make_link

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
PICTURES = os.environ.get("PICTURES")  # a folder, to look at the pages with human eyes
ROLES = ("board", "board", "chair", "managing_director", "auditor", "procurator")


def test_people_and_links_fit_and_read_in_both_themes(visitor):
    person = make_actor("OSH", "inspector")
    firm = make_company(name="Ravintola Kuukivi Oy")
    site = make_site(name="Kuukivi Kebab", company=firm)
    for number, kind in enumerate(ROLES):
        values = {"person": f"{number}" * 64, "source": "x"}
        PersonRole.objects.create(company=firm, role=kind, **values)
        if number % 2:
            other = make_company(name=f"Uusi Kuukivi {number} Oy")
            last = dt.date(2024, 5, 1) if number > 1 else None
            PersonRole.objects.create(company=other, role="owner", valid_to=last, **values)
    builder = make_company(name="Rakennus Oy")
    make_link("works_at", builder, site)
    make_link("contracts_to", make_company(name="Ali Oy"), builder, valid_to=dt.date(2024, 1, 1))
    for target in (site, firm):
        state_purpose(actor=person, case=target, text="Choosing targets for the spring round")
    browser = visitor()
    browser.sign_in(person.user, PASSWORD)
    for name, target in (("site", site), ("company", firm)):
        page = browser.open(reverse(f"targets:{name}_detail", args=[target.public_id]))
        drawing = page.locator("svg.graph")
        assert drawing.locator(".person").count() == len(ROLES)
        # What is told apart is told apart by shape: figures, squares and dots; whole and dotted lines.
        dotted = drawing.locator(".edge.ended").first
        assert dotted.evaluate("line => getComputedStyle(line).strokeDasharray") != "none"
        if PICTURES:
            for width in (1440, 390):
                page.set_viewport_size({"width": width, "height": 844})
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)
                    card = page.locator("section[aria-labelledby=links]")
                    card.screenshot(path=Path(PICTURES) / f"{name}_{width}_{scheme}.png")
