"""Visits, signals, plans and sites beyond the first part: how many there are, and the way on."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from authorities.purposes import state_purpose
from planning import panels
from planning.models import Nomination
from targets import views
from tests.factories import Cast, make_actor, make_company, make_past_visit, make_signal, make_site

pytestmark = pytest.mark.django_db


def test_visits_and_signals_lead_on_and_count_what_the_reader_sees(as_user, monkeypatch):
    monkeypatch.setattr(views, "VISITS_SHOWN", 2)
    monkeypatch.setattr(views, "SIGNALS_SHOWN", 2)
    site = make_site()
    osh, tax = make_actor("OSH", "analyst"), make_actor("TAX", "analyst")
    for number in range(3):
        on = timezone.localdate() - dt.timedelta(days=number)
        make_past_visit(site, "OSH", on=on)
        make_past_visit(site, "TAX", on=on)
        make_signal(osh, site=site)
        make_signal(tax, site=site)
    state_purpose(actor=osh, case=site, text="A visit that is being planned")
    client, url = as_user(osh), reverse("targets:site_detail", args=[site.public_id])
    first, second = client.get(url), client.get(url + "?visits=2&signals=2")
    for page, span, rows in ((first, "1–2", 2), (second, "3–3", 1)):
        for name, word in (("visits", "Visits"), ("signals", "Signals")):
            assert page.context[f"{name}_part"].words == f"{word} {span} of 3 are shown."
            assert f"{word} {span} of 3 are shown." in page.content.decode()
            assert len(page.context[name]) == rows
    assert "?visits=2#visits" in first.content.decode()
    assert "?signals=2#signals" in first.content.decode()
    assert {visit.pk for visit in first.context["visits"]}.isdisjoint(
        visit.pk for visit in second.context["visits"]
    )


def test_sites_of_a_company_lead_on(as_user, monkeypatch):
    monkeypatch.setattr(views, "SITES_SHOWN", 2)
    company = make_company(name="Kuukivi Oy")
    for number in range(3):
        make_site(name=f"Kiosk {number}", name_fi=f"Kiosk {number}", company=company)
    client = as_user(make_actor("OSH", "inspector"))
    url = reverse("targets:company_detail", args=[company.public_id])
    first, second = client.get(url).content.decode(), client.get(url + "?sites=2").content.decode()
    assert "Sites 1–2 of 3 are shown." in first
    assert "?sites=2#sites" in first
    assert ">Kiosk 2</a>" not in first
    assert ">Kiosk 2</a>" in second


def test_who_else_plans_leads_on_and_counts_no_hidden_nomination(as_user, monkeypatch):
    monkeypatch.setattr(panels, "SHOWN", 1)
    cast = Cast()
    operation = cast.to("nominating")
    site = make_site()
    for code in cast.CODES:
        Nomination.objects.create(
            operation=operation, participation=cast.place(code), site=site, reason="Pay", rating=3,
            authority=cast.place(code).authority, created_by=cast.actors[code, "manager"].user,
        )  # fmt: skip
    client = as_user(cast.actors["OSH", "coordinator"])
    url = reverse("targets:site_detail", args=[site.public_id])

    def words() -> str:
        found = [p for p in client.get(url).context["panels"] if p.key == "plans"]
        return found[0].values["nominations"].words

    assert words() == ""  # before the joint list opens there is but the own one
    type(operation).objects.filter(pk=operation.pk).update(state="selecting")
    assert words() == "Nominations 1–1 of 3 are shown."
    assert "?nominations=2#nominations" in client.get(url).content.decode()
