"""Rehearsals of visits, facts and roles: what would change, and which rows would be refused."""

import csv
import io

import pytest
from django.urls import reverse

from targets.models import (
    Company,
    Fact,
    ImportRun,
    Link,
    PastVisit,
    PersonRole,
    SearchEntry,
)
from targets.services.imports import storing
from targets.services.imports.control import ask
from targets.services.mappings import load_mappings
from tests.factories import make_actor, make_company, make_municipality, make_region
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import upload, work
from tests.targets.test_import_companies import HEAD as NOTICES
from tests.targets.test_import_companies import notice

pytestmark = pytest.mark.django_db
DEBTS = "y-tunnus;nimi;päivä;verovelka_eur\n"
ROLES = "y-tunnus;nimi;rooli;henkilö;syntymäaika;alku;loppu\n"


def debts(actor, rows: str, **values) -> ImportRun:
    return upload(actor, DEBTS + rows, "tax-debts", "facts", **values)


def page(client, run: ImportRun) -> str:
    assert run.state == "ready", run.message
    text = client.get(reverse("targets:import_detail", args=[run.public_id])).content.decode()
    return " ".join(text.split())


def store(actor, run: ImportRun) -> ImportRun:
    ask(actor=actor, run=run, what="store")
    return work(run)


def visits(actor, rows: str, **values) -> ImportRun:
    return upload(actor, f"id;site;date;outcome\n{rows}", "csv-visits", "visits", **values)


def test_visits_are_shown_before_they_are_stored(analyst, as_user, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 2)
    upload(analyst, "id;name\n1;One\n2;Two\n", "csv-sites")
    visits(analyst, "A;1;2026-01-02;MINOR\nB;2;2026-01-02;MINOR\n")
    run = visits(
        analyst,
        "A;1;2026-01-02;SEVERE\nB;2;2026-01-02;MINOR\nC;1;2026-02-02;MINOR\nD;9;2026-02-02;MINOR\n",
        rehearse=True,
    )
    numbers = run.preview["visits"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (1, 1, 1)
    client = as_user(analyst)
    text = page(client, run)
    assert "<strong>One</strong>" in text
    assert "Result: <del>Minor remarks</del> → <ins>Severe deficiencies</ins>" in text
    assert "No site with this key has been imported" in text
    refused = client.get(reverse("targets:import_refusals", args=[run.public_id]))
    rows = csv.DictReader(
        io.StringIO(b"".join(refused.streaming_content).decode("utf-8-sig")), delimiter=";"
    )
    assert [row["id"] for row in rows] == ["D"]  # can be mended before anything is stored
    assert PastVisit.objects.filter(outcome="severe").count() == 0

    # Meanwhile the site has come: the row is looked at anew.
    upload(analyst, "id;name\n9;Nine\n", "csv-sites")
    store(analyst, run)
    assert (run.state, run.created_count, run.updated_count, run.refused_count) == (
        "done", 2, 1, 0,
    )  # fmt: skip
    assert not run.refusals.exists()


def test_what_a_rehearsal_refuses_is_told_once_when_it_is_stored(analyst):
    upload(analyst, "id;name\n1;One\n", "csv-sites")
    run = visits(
        analyst, "A;1;2026-01-02;MINOR\nD;9;2026-02-02;MINOR\nE;1;x;MINOR\n", rehearse=True
    )
    assert (run.refused_count, run.refusals.count()) == (2, 2)
    store(analyst, run)
    assert (run.created_count, run.refused_count, run.refusals.count()) == (1, 2, 2)
    assert all(r.row for r in run.refusals.all())


def test_facts_are_shown_before_they_are_stored(analyst, as_user):
    make_company(name="Kuukivi Oy", business_id="9900010-6")
    debts(analyst, "9900010-6;;1.2.2026;100,50\n")
    run = debts(
        analyst,
        "9900010-6;;1.2.2026;900\n9900147-5;Uusi Oy;1.2.2026;5\n9900284-9;;1.2.2026;7\n",
        rehearse=True, shared=True,
    )  # fmt: skip
    numbers = run.preview["facts"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (1, 1, 0)
    text = page(as_user(analyst), run)
    assert "<strong>Kuukivi Oy</strong>" in text
    assert "amount, euros: <del>100.5</del> → <ins>900</ins>" in text
    assert "Holds from" not in text  # it does not change
    assert "No company with this business ID is known" in text
    assert not Company.objects.filter(business_id="9900147-5").exists()
    store(analyst, run)
    assert (run.created_count, run.updated_count, run.refused_count) == (1, 1, 1)


def test_material_of_one_authority_adds_no_company_that_others_would_see(analyst, as_user):
    make_company(name="Kuukivi Oy", business_id="9900010-6")
    rows = "9900010-6;;1.2.2026;900\n9900147-5;Uusi Oy;1.2.2026;5\n"
    run = debts(analyst, rows, rehearse=True)
    assert (run.preview["facts"]["new"], run.refused_count) == (1, 1)
    store(analyst, run)
    assert (run.created_count, run.refusals.get().code) == (1, "company_unknown")
    assert run.refusals.get().row["y-tunnus"] == "9900147-5"  # for the file to mend
    assert not Company.objects.filter(business_id="9900147-5").exists()
    assert not SearchEntry.objects.filter(company__business_id="9900147-5").exists()
    # Once the company register has told of it, the same file finds it.
    make_company(name="Uusi Oy", business_id="9900147-5")
    again = debts(analyst, rows)
    assert (again.created_count, again.unchanged_count, again.refused_count) == (1, 1, 0)


def test_links_are_shown_before_they_are_stored(analyst, as_user):
    first = notice(key="LT-1")
    run = upload(analyst, NOTICES + first, "posted-workers", rehearse=True, shared=True)
    links = run.preview["links"]
    assert (links["new"], links["changed"], links["unchanged"]) == (5, 0, 0)
    # The client, the developer and the sender from abroad.
    assert run.preview["company"]["new"] == 3
    assert not Link.objects.exists()
    assert not Company.objects.exists()
    store(analyst, run)
    assert (Link.objects.count(), Company.objects.count()) == (5, 3)

    later = notice(key="LT-1", last="2026-10-15") + notice(key="LT-2")
    run = upload(analyst, NOTICES + later, "posted-workers", rehearse=True, shared=True)
    links = run.preview["links"]
    assert (links["new"], links["changed"], links["unchanged"]) == (5, 5, 0)
    assert run.preview["company"]["new"] == 0
    text = page(as_user(analyst), run)
    assert ">Links</h2>" in text
    assert "Holds until: <del>31.8.2026</del> → <ins>15.10.2026</ins>" in text
    store(analyst, run)
    assert Link.objects.count() == 10

    run = upload(analyst, NOTICES + later, "posted-workers", rehearse=True, shared=True)
    assert (run.preview["links"]["new"], run.preview["links"]["unchanged"]) == (0, 10)


def test_a_fact_about_an_unknown_site_is_not_laid_to_its_company(analyst):
    mapping = "csv-site-facts"
    load_mappings(
        [{"code": mapping, "name": mapping, "kind": "facts",
          "columns": {"key": "id", "site": "site", "business_id": "firm"},
          "options": {"source": "own", "own": True, "fact": "phone", "values": {"phone": "phone"}}}]
    )  # fmt: skip
    make_company(business_id="9900010-6")
    upload(analyst, "id;name\n1;One\n", "csv-sites")
    content = "id;site;firm;phone\nA;1;9900010-6;1\nB;77;9900010-6;2\n"
    run = upload(analyst, content, mapping, "facts")
    assert (run.created_count, run.refused_count) == (1, 1)
    assert Fact.objects.get().site.name == "One"


def test_roles_are_shown_before_they_are_stored_and_name_nobody(analyst, as_user):
    row = "9900010-6;Vanha Oy;board;Testi Henkilö;;2019-01-01;{}\n"
    upload(analyst, ROLES + row.format(""), "company-roles", "roles")
    run = upload(
        analyst, ROLES + row.format("2024-12-31") + "9900147-5;;board;Toinen;;2025-01-01;\n",
        "company-roles", "roles", rehearse=True,
    )  # fmt: skip
    assert run.preview["roles"]["changed"] == 1
    text = page(as_user(analyst), run)
    assert "<strong>Vanha Oy</strong>" in text
    assert "Holds until: <del>–</del> → <ins>31.12.2024</ins>" in text
    assert "Henkilö" not in text
    assert PersonRole.objects.get().person not in text
    assert "No company with this business ID is known" in text
    assert run.refusals.get().row is None


def test_examples_stay_behind_the_regions_of_the_reader(analyst, as_user):
    upload(
        analyst, "id;name;name_sv;business_id;company;industry;municipality;address;postal_code;"
        "longitude;latitude;premises;staff;opened_on\n1;One;;;;56;Helsinki;;;;;;;\n",
    )  # fmt: skip
    upload(analyst, "id;site;date;outcome\nA;1;2026-01-02;MINOR\n", "csv-visits", "visits")
    run = visits(analyst, "A;1;2026-01-02;SEVERE\n", rehearse=True)
    assert "<strong>One</strong>" in page(as_user(analyst), run)
    elsewhere = make_actor("OSH", "analyst", regions=(make_region("02", "Varsinais-Suomi"),))
    text = page(as_user(elsewhere), run)
    assert "<strong>One</strong>" not in text
    assert "Severe" not in text


def test_licences_on_rows_of_sites_are_shown_before_they_are_stored(analyst, as_user):
    make_municipality("091", "Helsinki")
    head = "lupanumero;anniskelu- tai myyntipaikka;ytunnus;luvanhaltija;kunta;osoite;postinumero;"
    head += "tila;lupa_alkaa;lupa_päättyy\n"
    old = "A1;Grilli;;;Helsinki;Katu 1;00500;voimassa;1.5.2020;31.12.2026\n"
    same = "A2;Baari;;;Helsinki;Katu 2;00500;voimassa;1.5.2020;\n"
    upload(analyst, head + old + same, "alcohol-licences")
    longer = old.replace("31.12.2026", "31.12.2028")
    third = same.replace("A2;Baari", "A3;Kahvila")
    run = upload(analyst, head + longer + same + third, "alcohol-licences", rehearse=True)
    numbers = run.preview["facts"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (1, 1, 1)
    assert numbers["fields"] == {"valid_to": 1}
    text = page(as_user(analyst), run)
    assert "<strong>Grilli</strong>" in text
    assert "<ins>31.12.2028</ins>" in text.split("<strong>Grilli</strong>")[-1]
    assert Fact.objects.count() == 2  # nothing is stored yet
    store(analyst, run)
    assert Fact.objects.filter(known_to=None).count() == 3
