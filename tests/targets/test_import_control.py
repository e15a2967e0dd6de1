"""An import that is rehearsed, paused, cancelled, taken up again and undone."""

import csv
import datetime as dt
import io
import json
from io import StringIO

import pytest
import time_machine
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from audit.errors import Conflict
from targets.jobs import run_import, sweep_imports
from targets.models import (
    Company,
    CompanyName,
    Erasure,
    Fact,
    ImportRow,
    ImportRun,
    Link,
    PastVisit,
    PersonRole,
    RegisterChange,
    SearchEntry,
    Site,
    SiteOperator,
)
from targets.services import retention
from targets.services.imports import reading, storing, undo
from targets.services.imports import run as run_module
from targets.services.imports.control import ask, may
from targets.services.mappings import load_mappings
from targets.services.uploads import start_upload
from tests.factories import (
    make_actor,
    make_company,
    make_industry,
    make_municipality,
    make_past_visit,
)

SAMPLES = settings.BASE_DIR / "reference" / "samples"
HEAD = ("id;name;name_sv;business_id;company;industry;municipality;address;postal_code;longitude;"
        "latitude;premises;staff;opened_on\n")  # fmt: skip


@pytest.fixture
def analyst(db, monkeypatch):
    monkeypatch.setattr("targets.jobs.run_import.delay", lambda pk: None)
    load_mappings()
    for code, name in (("091", "Helsinki"), ("853", "Turku"), ("837", "Tampere"), ("049", "Espoo")):
        make_municipality(code, name)
    for code in ("56", "41", "43", "30"):
        make_industry(code)
    return make_actor("OSH", "analyst")


def posted_notices() -> str:
    """The sample, whose invented numbers have wrong check digits, with numbers that could be."""
    text = (SAMPLES / "posted_workers_notifications_example.csv").read_text("utf-8-sig")
    return text.replace("EE000000001", "EE100931558").replace("LT000000000000", "LT119511515")


def row(key, name, business_id="", company="", address="Katu 1"):
    return f"{key};{name};;{business_id};{company};56;Helsinki;{address};00100;;;;;\n"


# Asked for whatever is no open register's.
WHY = {"legal_basis": "Act 1 §", "purpose": "targeting", "delete_on": dt.date(2099, 1, 1)}


def upload(actor, content: str, format: str = "sites", kind: str = "sites", **values) -> ImportRun:
    file = SimpleUploadedFile("list.csv", content.encode())
    run = start_upload(actor=actor, kind=kind, format=format, file=file, **(WHY | values))
    return work(run)


def work(run: ImportRun) -> ImportRun:
    run_import(run.pk)
    run.refresh_from_db()
    return run


def test_a_rehearsal_stores_nothing_and_tells_what_would_change(analyst, as_user):
    upload(analyst, HEAD + row(1, "One") + row(2, "Two"))
    run = upload(analyst, HEAD + row(1, "One") + row(2, "Second") + row(3, "Three"), rehearse=True)
    assert run.state == "ready"
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Two"}
    numbers = run.preview["site"]
    assert (numbers["new"], numbers["changed"], numbers["unchanged"]) == (1, 1, 1)
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    text = page.content.decode()
    assert "Nothing is stored yet" in text
    assert "<del>Two</del> → <ins>Second</ins>" in text

    client = as_user(analyst)
    answer = client.post(reverse("targets:import_ask", args=[run.public_id, "store"]))
    assert answer.status_code == 302
    work(run)
    assert (run.state, run.created_count, run.updated_count, run.unchanged_count) == (
        "done", 1, 1, 1,
    )  # fmt: skip
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Second", "Three"}
    assert not ImportRow.objects.exists()


def test_a_cancelled_rehearsal_leaves_nothing(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    ask(actor=analyst, run=run, what="cancel")
    run.refresh_from_db()
    assert (run.state, Site.objects.count(), ImportRow.objects.count()) == ("cancelled", 0, 0)
    with pytest.raises(Conflict):
        ask(actor=analyst, run=run, what="store")
    run_import(run.pk)  # a late message does nothing
    assert not Site.objects.exists()


def test_a_rehearsal_nobody_comes_back_to_ends(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    ImportRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(days=15))
    sweep_imports()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "Nobody came back" in run.message
    assert not ImportRow.objects.exists()


@pytest.mark.parametrize("what", ["pause", "cancel"])
@pytest.mark.parametrize("phase", ["read", "merge"])
def test_asked_in_the_middle_it_stops_between_two_batches(analyst, monkeypatch, what, phase):
    monkeypatch.setattr(reading, "BATCH", 10)
    monkeypatch.setattr(storing, "CHUNK", 10)
    content = HEAD + "".join(row(n, f"Place {n}") for n in range(50))
    file = SimpleUploadedFile("list.csv", content.encode())
    run = start_upload(actor=analyst, kind="sites", format="sites", file=file)
    module, name = (reading, "_put") if phase == "read" else (storing, "_merge_once")
    real, calls = getattr(module, name), []

    def asked(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            ask(actor=analyst, run=ImportRun.objects.get(pk=run.pk), what=what)

    monkeypatch.setattr(module, name, asked)
    work(run)
    assert run.state == {"pause": "paused", "cancel": "cancelled"}[what]
    stored = Site.objects.count()
    assert stored < 50
    assert (stored == 0) == (phase == "read")
    assert run.created_count == stored
    if what == "cancel":
        assert not ImportRow.objects.exists()
        assert may(run, "undo") == bool(stored)
        return
    ask(actor=analyst, run=run, what="resume")
    work(run)
    assert (run.state, run.rows_read, run.created_count, run.unchanged_count) == ("done", 50, 50, 0)
    assert Site.objects.count() == 50
    assert RegisterChange.objects.filter(site__isnull=False).count() == 50


def test_staged_rows_lost_in_a_crash_of_the_server_are_read_again(analyst, monkeypatch):
    run = upload(analyst, HEAD + row(1, "One") + row(2, "") + row(3, "Three"), rehearse=True)
    ImportRow.objects.all().delete()
    ask(actor=analyst, run=run, what="store")
    work(run)
    assert (run.state, run.rows_read, run.created_count, run.refused_count) == ("done", 3, 2, 1)
    assert run.refusals.count() == 1


# ------------------------------------------------------------------------------ undoing
def cancel_under_way(monkeypatch, actor, run: ImportRun) -> None:
    """Have the run cancelled by a person when its first chunk is stored."""
    real = storing._merge_once

    def asked(*arguments):
        real(*arguments)
        if ImportRun.objects.get(pk=run.pk).wanted == "":
            ask(actor=actor, run=ImportRun.objects.get(pk=run.pk), what="cancel")

    monkeypatch.setattr(storing, "_merge_once", asked)


def undone(actor, run: ImportRun) -> ImportRun:
    ask(actor=actor, run=run, what="undo")
    return work(run)


def state() -> dict:
    """Everything an import of sites may touch, without row ids and times of writing."""
    sites = list(
        Site.objects.order_by("source", "source_key").values_list(
            "source", "source_key", "name", "name_sv", "address", "status", "company__business_id",
            "municipality__code", "opened_on", "closed_on", "staff_estimate",
        )
    )  # fmt: skip
    companies = list(
        Company.objects.order_by("business_id").values_list(
            "business_id", "name", "status", "source", "raw", "address"
        )
    )
    names = list(
        CompanyName.objects.order_by("company__business_id", "name", "valid_from").values_list(
            "company__business_id", "name", "kind", "valid_from", "valid_to"
        )
    )
    operators = list(
        SiteOperator.objects.order_by("site__source_key", "company__business_id").values_list(
            "site__source_key", "company__business_id", "valid_from", "valid_to"
        )
    )
    return {"sites": sites, "companies": companies, "names": names, "operators": operators}


def test_a_whole_import_is_undone_as_if_it_had_not_been(analyst):
    first = HEAD + row(1, "One", "9900010-6", "Kuukivi Oy") + row(2, "Two")
    upload(analyst, first)
    before = state()
    second = (
        HEAD
        + row(1, "First", "9900147-5", "Siivous Oy", "Tie 9")
        + row(2, "Two")
        + row(3, "Three", "9900284-9", "Rakennus Oy")
    )
    run = upload(analyst, second)
    assert state() != before
    assert Site.objects.get(source_key="1").company.business_id == "9900147-5"
    undone(analyst, run)
    assert (run.state, run.kept_count) == ("undone", 0)
    assert state() == before
    # What had been changed and changed back is still told.
    assert RegisterChange.objects.filter(undo=True, site__source_key="1").exists()
    assert not may(run, "undo")


def test_what_others_have_built_upon_stays(analyst):
    run = upload(analyst, HEAD + row(1, "One") + row(2, "Two", "9900010-6", "Kuukivi Oy"))
    make_past_visit(Site.objects.get(source_key="1"), authority=analyst.authority)
    later = upload(analyst, HEAD + row(2, "Second", "9900010-6", "Kuukivi Oy"))
    assert later.updated_count == 1
    undone(analyst, run)
    assert (run.state, run.kept_count) == ("undone", 3)
    assert set(Site.objects.values_list("name", flat=True)) == {"One", "Second"}
    assert Company.objects.get().business_id == "9900010-6"  # its site stays, so it stays


def test_a_later_change_is_not_overwritten_by_an_undo(analyst):
    upload(analyst, HEAD + row(1, "One"))
    run = upload(analyst, HEAD + row(1, "Wrong", address="Wrong street 1"))
    upload(analyst, HEAD + row(1, "Right", address="Wrong street 1"))
    undone(analyst, run)
    site = Site.objects.get()
    assert (site.name, site.address) == ("Right", "Katu 1")


def test_the_registers_own_record_and_its_names_return(analyst, tmp_path):
    def record(name, changed):
        return json.dumps(
            {
                "companies": [
                    {
                        "businessId": {"value": "9900010-6"},
                        "names": [{"name": name, "type": "1", "registrationDate": "2020-01-01"}],
                        "lastModified": changed,
                    }
                ]
            }
        )

    def put(content):
        file = SimpleUploadedFile("a.json", content.encode())
        return work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))

    put(record("Vanha Oy", "2026-01-01 10:00:00"))
    before = state()
    run = put(record("Uusi Oy", "2026-02-01 10:00:00"))
    assert Company.objects.get().name == "Uusi Oy"
    undone(analyst, run)
    assert state() == before


def test_a_paused_undo_goes_on(analyst, monkeypatch):
    content = HEAD + "".join(row(n, f"Place {n}") for n in range(30))
    done = upload(analyst, content)
    assert done.stored_as == ""  # the file of an ended import is gone
    monkeypatch.setattr(run_module, "CHUNK", 10)
    real = undo.take_back

    def asked(run, limit):
        step = real(run, limit)
        if Site.objects.count() == 20:
            ask(actor=analyst, run=ImportRun.objects.get(pk=run.pk), what="pause")
        return step

    monkeypatch.setattr(undo, "take_back", asked)
    undone(analyst, done)
    assert (done.state, Site.objects.count()) == ("paused", 20)
    ask(actor=analyst, run=done, what="resume")
    work(done)
    assert (done.state, Site.objects.count()) == ("undone", 0)


def test_visits_and_facts_are_undone_to_what_was_said_before(analyst):
    def visits(outcome):
        return upload(
            analyst, f"id;site;date;outcome\nA;1;2026-01-02;{outcome}\n", "csv-visits", "visits"
        )

    upload(analyst, "id;name\n1;One\n", "csv-sites")
    visits("MINOR")
    run = visits("SEVERE")
    assert PastVisit.objects.get().outcome == "severe"
    undone(analyst, run)
    assert PastVisit.objects.get().outcome == "minor"

    make_company(business_id="9900010-6")

    def debts(amount):
        return upload(
            analyst, f"y-tunnus;nimi;päivä;verovelka_eur\n9900010-6;Oy;1.2.2026;{amount}\n",
            "tax-debts", "facts",
        )  # fmt: skip

    debts("100,50")
    run = debts("900")
    known = Fact.objects.get(known_to=None)
    assert known.value == {"amount": 900}
    undone(analyst, run)
    assert Fact.objects.get(known_to=None).value == {"amount": 100.5}
    # What was known in between stays known then.
    known.refresh_from_db()
    assert known.known_to is not None


# ------------------------------------------------------------------------------ facts
def known_firms() -> None:
    """The companies of the samples, as the company register has brought them."""
    for number in ("9900010-6", "9900147-5", "9900832-7", "9900284-9"):
        make_company(business_id=number)


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
             "file": SimpleUploadedFile(name, content)}  # fmt: skip
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
    upload(analyst, posted, "posted-workers")
    links = Link.objects.filter(to_site__source_key="LT-2026-000101")
    before = set(links.values_list("pk", "run_id"))
    assert set(links.values_list("valid_to", flat=True)) == {dt.date(2026, 8, 31)}
    run = upload(analyst, posted.replace("2026-08-31", "2026-10-15"), "posted-workers")
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
    run = upload(analyst, posted, "posted-workers")
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
            stdout=StringIO(), stderr=StringIO(), **WHY,
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


# ------------------------------------------------------------------------------ mending
def test_refused_rows_are_mended_and_loaded_again(analyst, as_user):
    run = upload(
        analyst, HEAD + row(1, "One") + row(2, "") + row(3, "=cmd()", "9900010-7")
        + "4;Matti 131052-308T;;;;56;Helsinki;;;;;;;\n",
    )  # fmt: skip
    assert (run.created_count, run.refused_count) == (1, 3)
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "131052" not in text
    lines = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [line["Line"] for line in lines] == ["3", "4", "5"]
    assert lines[1]["name"] == "'=cmd()"  # opened in a spreadsheet it must not run
    mended = text.replace(";;;;56;Helsinki", ";;;;56;Helsinki", 1).replace("2;;", "2;Two;", 1)
    mended = mended.replace("9900010-7", "9900010-6")
    again = upload(analyst, mended)
    assert again.created_count == 2
    assert Site.objects.filter(name="Two").exists()


def test_the_marks_of_the_mending_file_do_not_stay_in_the_register(analyst, as_user):
    run = upload(
        analyst, HEAD + "1;=One;;;;56;Nowhere;'-x;;-122,41;37.5;;;\n"
        + "2;''=Two;;;;56;Nowhere;+Tie;;-0.5;51;;;\n",
    )  # fmt: skip
    assert run.refused_count == 2
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert ";'=One;" in text
    assert ";-122,41;" in text  # a number is none that could run
    again = upload(analyst, text.replace("Nowhere", "Helsinki"))
    assert (again.created_count, again.refused_count) == (2, 0)
    told = Site.objects.order_by("source_key").values_list("name", "address", "longitude")
    assert list(told) == [("=One", "-x", -122.41), ("'=Two", "+Tie", -0.5)]


def test_refused_records_of_the_register_come_back_as_json(analyst, as_user):
    content = json.dumps({"companies": [{"businessId": {"value": "9900010-7"}, "names": []}]})
    file = SimpleUploadedFile("a.json", content.encode())
    run = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    records = json.loads(b"".join(answer.streaming_content))
    records[0]["businessId"]["value"] = "9900010-6"
    file = SimpleUploadedFile("b.json", json.dumps(records).encode())
    again = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))
    assert again.created_count == 1


def test_another_authority_can_neither_see_nor_steer_it(analyst, as_user):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    other = as_user(make_actor("TAX", "analyst"))
    for what in ("store", "cancel"):
        answer = other.post(reverse("targets:import_ask", args=[run.public_id, what]))
        assert answer.status_code == 404
    run.refresh_from_db()
    assert run.state == "ready"
    nonsense = reverse("targets:import_ask", args=[run.public_id, "explode"])
    assert as_user(analyst).post(nonsense).status_code == 404


def test_roles_of_persons_are_kept_as_hashes_only(analyst, as_user):
    head = "y-tunnus;nimi;rooli;henkilö;syntymäaika;alku;loppu\n"
    rows = (
        "9900010-6;Vanha Oy;board;Testi Henkilö;1.2.1980;2019-01-01;\n"
        "9900147-5;Uusi Oy;managing_director;HENKILÖ  testi;1980-02-01;2025-01-01;\n"
        "9900147-5;Uusi Oy;board;Toinen Henkilö;;2025-01-01;\n"
        ";Uusi Oy;board;Kolmas Henkilö;;2025-01-01;\n"
    )
    run = upload(analyst, head + rows, "company-roles", "roles")
    assert (run.state, run.created_count, run.refused_count) == ("done", 3, 1)
    first, second, third = PersonRole.objects.order_by("company__business_id", "-role", "person")
    assert first.person == second.person != third.person
    assert first.company.name == "Vanha Oy"
    assert run.refusals.get().row is None  # not even a refused row keeps a person
    assert not default_storage.exists(run.stored_as or "imports/none")
    ended = rows.replace("2019-01-01;", "2019-01-01;2024-12-31")
    again = upload(analyst, head + ended, "company-roles", "roles")
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 1, 2)
    first.refresh_from_db()
    assert first.valid_to == dt.date(2024, 12, 31)
    path = reverse("targets:company_detail", args=[second.company.public_id])
    told = f"{second.source}, {date_format(timezone.localtime(second.known_from), 'SHORT_DATE_FORMAT')}"
    assert f"1 person · {told}" in as_user(analyst).get(path).content.decode()


def test_an_ended_import_keeps_no_file(analyst):
    run = upload(analyst, HEAD + row(1, "One"), rehearse=True)
    stored = run.stored_as
    assert default_storage.exists(stored)
    ask(actor=analyst, run=run, what="cancel")
    run.refresh_from_db()
    assert run.stored_as == ""


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


def test_what_was_imported_is_found_and_what_was_undone_is_not(analyst, as_user):
    client = as_user(analyst)

    def found(words: str) -> str:
        return client.get(reverse("ui:search"), {"q": words}).content.decode()

    run = upload(analyst, HEAD + row(1, "Kuukivi Kebab", "9900010-6", "Esimerkki Oy"))
    assert "Kuukivi Kebab" in found("kuukivi")
    upload(analyst, HEAD + row(1, "Satama Grilli", "9900010-6", "Esimerkki Oy"))
    assert "Satama Grilli" in found("satama")
    assert run.phase == "index"
    other = upload(analyst, HEAD + row(2, "Torni Baari"))
    undone(analyst, other)
    assert "Torni Baari" not in found("torni")


def test_what_a_cancelled_import_had_stored_is_found_too(analyst, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 10)
    content = HEAD + "".join(row(n, f"Place {n}") for n in range(50))
    file = SimpleUploadedFile("list.csv", content.encode())
    run = start_upload(actor=analyst, kind="sites", format="sites", file=file)
    cancel_under_way(monkeypatch, analyst, run)
    work(run)
    assert run.state == "cancelled"
    stored = Site.objects.count()
    assert 0 < stored < 50
    assert SearchEntry.objects.count() == 0
    sweep_imports()
    assert SearchEntry.objects.filter(site__isnull=False).count() == stored
