"""Facts and links that imports bring: whose they are, why, until when, and what is told of them."""

import datetime as dt
from io import StringIO

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from targets.models import (
    Company,
    CompanyName,
    Erasure,
    Fact,
    ImportRun,
    Link,
    PersonRole,
    RegisterChange,
    SearchEntry,
    Site,
)
from targets.services import retention
from targets.services.imports import storing
from tests.factories import (
    make_actor,
)
from tests.targets.importing import (
    SAMPLES,
    WHY,
    known_firms,
    known_to_all,
    posted_notices,
    undone,
    upload,
    work,
)
from tests.targets.importing import analyst as analyst  # a fixture


def test_own_facts_need_reasons_and_are_the_owners_alone(analyst, as_user):
    content = (SAMPLES / "compliance_reports_example.csv").read_bytes()
    client = as_user(analyst)
    form = {
        "kind": "facts", "format": "compliance-reports", "legal_basis": "", "purpose": "Targeting",
        "file": SimpleUploadedFile("reports.csv", content),
    }  # fmt: skip
    answer = client.post(reverse("targets:import_create"), form)
    assert answer.status_code == 422
    assert "say why it may be held" in answer.content.decode()
    assert "Targeting" in answer.content.decode()
    form |= {
        "legal_basis": "1207/2010 5 §", "delete_on": "2031-04-02",
        "file": SimpleUploadedFile("reports.csv", content),
    }  # fmt: skip
    known_firms()
    answer = client.post(reverse("targets:import_create"), form)
    assert answer.status_code == 302, answer.content.decode()
    run = work(ImportRun.objects.latest("pk"))
    assert (run.state, run.created_count, run.refused_count) == ("done", 3, 0)
    fact = Fact.objects.get(company__business_id="9900147-5")
    assert (fact.kind, fact.value["tax_debt"], fact.delete_on) == (
        "compliance_report", 48210.55, dt.date(2031, 4, 2),
    )  # fmt: skip
    assert Fact.objects.visible_to(analyst).count() == 3
    assert not Fact.objects.visible_to(make_actor("TAX", "analyst")).exists()


@pytest.mark.parametrize(
    ("name", "format"),
    [("coordinator_list_example.csv", "coordinator-list"),
     ("posted_workers_notifications_example.csv", "posted-workers")],
)  # fmt: skip
def test_a_list_of_sites_that_says_more_than_a_register_needs_reasons_too(
    analyst, as_user, name, format
):
    client = as_user(analyst)
    content = (SAMPLES / name).read_bytes()
    form = {"kind": "sites", "format": format, "file": SimpleUploadedFile(name, content)}
    answer = client.post(reverse("targets:import_create"), form)
    assert answer.status_code == 422
    assert "say why it may be held" in answer.content.decode()
    assert not ImportRun.objects.exists()
    form |= {"legal_basis": "Act 1 §", "purpose": "Targeting", "delete_on": "2099-01-01",
             "shared": "on", "file": SimpleUploadedFile(name, content)}  # fmt: skip
    assert client.post(reverse("targets:import_create"), form).status_code == 302
    run = work(ImportRun.objects.get())
    assert run.state == "done", run.message
    assert set(Fact.objects.values_list("delete_on", flat=True)) == {dt.date(2099, 1, 1)}
    with pytest.raises(CommandError, match="--legal-basis"):
        call_command(
            "import_sites", str(SAMPLES / name), format=format, authority="OSH", stdout=StringIO()
        )


def test_open_facts_licences_and_those_who_work_at_a_site(analyst):
    tax = (SAMPLES / "vero_corporate_tax_example.csv").read_text("cp1252")
    run = upload(analyst, tax, "corporate-tax", "facts")
    assert run.state == "done", run.message
    other = make_actor("TAX", "analyst")
    fact = Fact.objects.visible_to(other).get(company__business_id="9900284-9")
    assert (fact.value["taxable_income"], fact.valid_from) == (1_200_000, dt.date(2024, 1, 1))
    licences = (SAMPLES / "alcohol_licences_example.csv").read_text("utf-8-sig")
    run = upload(analyst, licences, "alcohol-licences")
    licence = Fact.objects.get(site__source_key="A-9900003")
    assert (licence.kind, licence.valid_to, licence.value["seats_inside"]) == (
        "alcohol_licence", dt.date(2025, 8, 31), 150,
    )  # fmt: skip
    posted = posted_notices()
    known_to_all(analyst, posted)
    upload(analyst, posted, "posted-workers")
    site = Site.objects.get(source_key="LT-2026-000101")
    assert site.type == "temporary"
    links = Link.objects.filter(to_site=site)
    assert {(link.kind, link.from_company.business_id) for link in links} == {
        ("commissions", "9900284-9"), ("works_at", "9900284-9"), ("commissions", "9901380-4"),
        ("works_at", None),
    }  # fmt: skip
    assert links.filter(authority=analyst.authority).count() == 4  # not an open register
    assert not Link.objects.visible_to(other).exists()


def test_the_end_of_a_link_is_brought_up_to_date(analyst):
    posted = posted_notices()
    upload(analyst, posted, "posted-workers", shared=True)
    links = Link.objects.filter(to_site__source_key="LT-2026-000101")
    before = set(links.values_list("pk", "run_id"))
    assert set(links.values_list("valid_to", flat=True)) == {dt.date(2026, 8, 31)}
    run = upload(analyst, posted.replace("2026-08-31", "2026-10-15"), "posted-workers", shared=True)
    assert run.state == "done", run.message
    assert set(links.values_list("valid_to", flat=True)) == {dt.date(2026, 10, 15)}
    assert set(links.values_list("pk", flat=True)) == {pk for pk, _run in before}
    undone(analyst, run)
    # The first import says them again, with the end it told.
    assert set(links.values_list("pk", "run_id")) == before
    assert set(links.values_list("valid_to", flat=True)) == {dt.date(2026, 8, 31)}


def test_an_end_that_one_import_tells_twice_goes_back_to_before_it(analyst, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 1)
    head = "y-tunnus;nimi;rooli;henkilö;syntymäaika;alku;loppu\n"
    row = "9900010-6;Vanha Oy;board;Testi Henkilö;;2019-01-01;{}\n"
    upload(analyst, head + row.format(""), "company-roles", "roles")
    run = upload(
        analyst, head + row.format("2024-12-31") + row.format("2025-12-31"),
        "company-roles", "roles",
    )  # fmt: skip
    assert PersonRole.objects.get().valid_to is not None
    undone(analyst, run)
    assert PersonRole.objects.get().valid_to is None


def test_companies_that_links_made_are_found_and_undone(analyst):
    posted = posted_notices()
    run = upload(analyst, posted, "posted-workers", shared=True)
    company = Company.objects.get(business_id="9901380-4")
    change = RegisterChange.objects.get(company=company)
    assert (change.run, change.old, change.undo) == (run, None, False)
    assert SearchEntry.objects.filter(company=company).exists()
    undone(analyst, run)
    assert (run.state, run.kept_count) == ("undone", 0)
    assert not Company.objects.exists()
    assert not Link.objects.exists()


@pytest.mark.parametrize(
    ("name", "format", "kind"),
    [
        ("prh_ytj_v3_example.json", "prh-v3", "sites"),
        ("prh_bis_v1_example.json", "prh-v1", "sites"),
        ("alcohol_licences_example.csv", "alcohol-licences", "sites"),
        ("oiva_food_inspections_example.csv", "oiva", "sites"),
        ("posted_workers_notifications_example.csv", "posted-workers", "sites"),
        ("coordinator_list_example.csv", "coordinator-list", "sites"),
        ("vero_corporate_tax_example.csv", "corporate-tax", "facts"),
        ("compliance_reports_example.csv", "compliance-reports", "facts"),
        ("contractor_liability_report_example.csv", "contractor-liability", "facts"),
    ],
)
def test_every_sample_twice_without_doubling(db, name, format, kind):
    call_command("load_reference", stdout=StringIO())
    known_firms()
    runs = []
    for _time in range(2):
        call_command(
            f"import_{kind}", str(SAMPLES / name), format=format, authority="LVV_OSH",
            shared=format == "posted-workers", stdout=StringIO(), stderr=StringIO(), **WHY,
        )  # fmt: skip
        runs.append(ImportRun.objects.latest("pk"))
        numbers = (Site.objects.count(), Company.objects.count(), Fact.objects.count(),
                   Link.objects.count(), CompanyName.objects.count())  # fmt: skip
        if _time == 0:
            first = numbers
    assert runs[0].created_count > 0
    assert numbers == first
    assert (runs[1].created_count, runs[1].updated_count) == (0, 0)
    assert runs[1].unchanged_count == runs[0].created_count


def test_own_facts_are_erased_on_their_day_with_a_proof(analyst):
    content = (SAMPLES / "compliance_reports_example.csv").read_text("utf-8-sig")
    known_firms()
    last = timezone.localdate() + dt.timedelta(days=10)
    run = upload(
        analyst, content + "VH-9;2026-04-02;99;Bad;19;0;;;;;;;;;;;;;;\n", "compliance-reports",
        "facts", legal_basis="Act 1 §", purpose="targeting", delete_on=last,
    )  # fmt: skip
    assert (run.created_count, run.refused_count) == (3, 1)
    with time_machine.travel(dt.datetime.combine(last, dt.time(12)), tick=False):
        assert retention.sweep()["facts"] == 0
    with time_machine.travel(dt.datetime.combine(last + dt.timedelta(1), dt.time(12)), tick=False):
        assert retention.sweep()["facts"] == 1
        assert retention.sweep()["facts"] == 0
    assert not Fact.objects.exists()
    assert not run.refusals.exists()
    proof = Erasure.objects.get()
    assert (proof.what, proof.rows, proof.authority) == ("facts", 3, analyst.authority)
    assert retention.doubts() == []
