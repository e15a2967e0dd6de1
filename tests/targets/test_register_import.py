"""What imports do to the register: who wins, who is left alone, and who may take a run up."""

import datetime as dt
import json
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.urls import reverse
from django.utils import timezone

from targets.jobs import run_import, sweep_imports
from targets.models import Company, ImportRun, PastVisit, Site
from targets.services.imports import merge
from targets.services.imports.control import ask
from targets.services.imports.life import STALE_SECONDS, claim, new_run
from targets.services.imports.run import perform
from targets.services.mappings import load_mappings
from tests.factories import make_actor, make_authority, make_industry, make_municipality
from tests.shared import SHARED, needs_shared

IN_USE = "9900010-6"


@pytest.fixture(autouse=True)
def _mappings(db):
    load_mappings()
    make_municipality("091", "Helsinki")
    make_municipality("853", "Turku")
    make_industry("56")
    for code in ("PRH", "OSH", "TAX"):
        make_authority(code)


def company(**values):
    """A record of the register with a visiting address; ``None`` takes a field away."""
    record = {
        "businessId": {"value": IN_USE, "registrationDate": "2015-01-01"},
        "names": [{"name": "Kuukivi Oy", "type": "1", "registrationDate": "2015-01-01"}],
        "addresses": [
            {
                "type": 1, "street": "Esimerkkikatu", "buildingNumber": 12, "postCode": "00500",
                "postOffices": [{"city": "HELSINKI", "municipalityCode": "091"}],
            }
        ],
        "registrationDate": "2015-01-01",
    }  # fmt: skip
    return {key: value for key, value in (record | values).items() if value is not None}


def register(tmp_path, *records) -> ImportRun:
    file = tmp_path / "register.json"
    file.write_text(json.dumps({"companies": records}))
    return load(file, "prh-v3")


def load(file, mapping, command="import_sites", **options) -> ImportRun:
    call_command(
        command, str(file), format=mapping, stdout=StringIO(), stderr=StringIO(), **options
    )
    return ImportRun.objects.latest("pk")


def table(tmp_path, text: str):
    file = tmp_path / "list.csv"
    file.write_text(text)
    return file


# -------------------------------------------------------------------- shapes seen in the wild
@pytest.mark.parametrize(
    "values",
    [
        {"names": None, "addresses": None},
        {"names": {"name": "Kuukivi Oy", "type": 1}},
        {"names": ["Kuukivi Oy"]},
        {"companyForms": "OY"},
        {"companyForms": {"type": 16}},
        {"companyForms": [None, {"type": "16", "endDate": "2020-01-01"}]},
        {"mainBusinessLine": {"type": 56101, "typeCodeSet": "TOIMI4"}},
        {"mainBusinessLine": [{"type": "56101", "typeCodeSet": "TOIMI4"}]},
        {"mainBusinessLine": {"type": "00000", "typeCodeSet": "TOIMI4"}},
        {"registeredEntries": {"register": 5, "type": 55, "registrationDate": "2016-01-01"}},
        {"companySituations": {"type": "KONK"}},
        {"businessId": IN_USE},
        {"businessId": {"value": 99000106}},
        {"euId": "FIPRO." + IN_USE},
        {"addresses": {"type": "1", "street": "Katu", "postOffices": {"city": "Jorvas"}}},
        {"addresses": [{"type": 1, "country": "EE", "postOffices": [{"city": "Tallinn"}]}]},
        {"endDate": "2014-12-31"},  # before it began
        {"lastModified": "2026-03-01 10:00:00", "somethingNew": {"a": [1, "\0", "\ud800"]}},
        {"lastModified": "never"},
        {"status": 2, "tradeRegisterStatus": 1, "website": {"url": "not an address"}},
    ],
)
def test_every_shape_of_the_register_is_taken(tmp_path, values):
    first, again = register(tmp_path, company(**values)), register(tmp_path, company(**values))
    assert (first.created_count, first.refused_count) == (1, 0)
    assert (again.unchanged_count, again.created_count, again.updated_count) == (1, 0, 0)
    row = Company.objects.get()
    assert row.business_id == IN_USE
    assert set(values) - {"names", "addresses"} <= {"names", "addresses", *row.raw}


def test_unreadable_records_are_refused_and_the_rest_is_taken(tmp_path):
    records = [
        17, {"names": []}, company(businessId={"value": "9900010-7"}),
        company(registrationDate="soon"), company(euId="x" * 200), company(),
    ]  # fmt: skip
    run = register(tmp_path, *records)
    assert (run.created_count, run.refused_count) == (1, 5)
    assert list(run.refusals.order_by("line").values_list("line", "field", "code")) == [
        (1, "", "record_shape"),
        (2, "businessId", "missing"),
        (3, "business_id", "business_id_check"),
        (4, "registrationDate", "date_form"),
        (5, "euId", "too_long"),
    ]


def test_industry_keeps_its_edition(tmp_path):
    old = company(mainBusinessLine={"type": "56101", "typeCodeSet": "TOIMI3"})
    run = register(tmp_path, old)
    assert run.refusals.get().code == "industry"  # only TOL 2025 is loaded here
    register(tmp_path, company(mainBusinessLine={"type": "56101", "typeCodeSet": "TOIMI4"}))
    assert Company.objects.get().industry.edition.code == "TOL2025"


@needs_shared
def test_recorded_shape_of_the_register_goes_in_twice(db):
    call_command("load_reference", stdout=StringIO())
    file = SHARED / "prh-ytj-v3-shape" / "companies_sample.json"
    first, again = load(file, "prh-v3"), load(file, "prh-v3")
    assert (first.rows_read, first.created_count, first.refused_count) == (3, 3, 0)
    assert again.unchanged_count == 3


# -------------------------------------------------------------------- who wins
def test_a_list_never_takes_facts_from_the_register(tmp_path):
    licences = "lupanumero;anniskelu- tai myyntipaikka;ytunnus;luvanhaltija;kunta;osoite;"
    licences += "postinumero;lupa_alkaa;lupa_päättyy\n"
    file = table(tmp_path, licences + "A1;Grilli;9900010-6;Kuukivi;Helsinki;Katu 1;00500;;\n")
    load(file, "alcohol-licences")
    assert Company.objects.get().name == "Kuukivi"
    register(tmp_path, company())
    assert Company.objects.get().name == "Kuukivi Oy"
    load(file, "alcohol-licences")
    known = Company.objects.get()
    assert (known.name, known.source) == ("Kuukivi Oy", "prh")
    assert known.raw
    assert Site.objects.count() == 2  # a licensed place and a visiting address are two places


def test_an_older_edition_of_a_record_changes_nothing(tmp_path):
    moved = [
        {"type": 1, "street": "Uusikatu", "postOffices": [{"municipalityCode": "853"}]}
    ]  # fmt: skip
    register(tmp_path, company(lastModified="2026-05-02 00:00:00", addresses=moved))
    run = register(tmp_path, company(lastModified="2026-05-01 00:00:00"))
    assert (run.updated_count, run.unchanged_count) == (0, 1)
    assert Company.objects.get().municipality.code == "853"
    assert Site.objects.get().municipality.code == "853"


def test_a_new_company_at_a_site_ends_the_turn_of_the_one_before(tmp_path):
    head = "lupanumero;anniskelu- tai myyntipaikka;ytunnus;luvanhaltija;kunta;osoite;postinumero;"
    head += "lupa_alkaa;lupa_päättyy\n"
    place = "A1;Grilli;{};{};Helsinki;Katu 1;00500;1.5.2020;\n"
    for identifier, name in ((IN_USE, "Old Oy"), ("9910000-0", "New Oy"), ("9910000-0", "New Oy")):
        load(table(tmp_path, head + place.format(identifier, name)), "alcohol-licences")
    turns = Site.objects.get().operators.order_by("pk")
    today = timezone.localdate()
    assert [(t.company.name, t.valid_from, t.valid_to) for t in turns] == [
        ("Old Oy", dt.date(2020, 5, 1), today),
        ("New Oy", today, None),
    ]


def test_a_renamed_site_is_found_by_the_name_it_had(tmp_path, as_user):
    actor = make_actor("TAX", "inspector")
    page = as_user(actor)
    load(table(tmp_path, "id;name\n1;Kebab Bosporus\n2;Pesula\n"), "csv-sites", authority="OSH")
    renaming = load(table(tmp_path, "id;name\n1;Bistro Kulma\n"), "csv-sites", authority="OSH")
    for typed in ("bosporus", "bospours", "kebab bos"):
        answer = page.get(reverse("ui:search"), {"q": typed}).content.decode()
        assert "Bistro Kulma" in answer, typed
        assert "formerly Kebab Bosporus" in answer
    ask(actor=make_actor("OSH", "administrator"), run=renaming, what="undo")
    run_import(renaming.pk)
    answer = page.get(reverse("ui:search"), {"q": "bosporus"}).content.decode()
    assert "Kebab Bosporus" in answer
    assert "formerly" not in answer
    assert "Bistro" not in page.get(reverse("ui:search"), {"q": "bistro kulma"}).content.decode()


def test_running_numbers_of_two_authorities_are_different_places(tmp_path):
    load(table(tmp_path, "id;name\n1;Place of OSH\n"), "csv-sites", authority="OSH")
    load(table(tmp_path, "id;name\n1;Place of TAX\n"), "csv-sites", authority="TAX")
    assert set(Site.objects.values_list("name", flat=True)) == {"Place of OSH", "Place of TAX"}
    visits = table(tmp_path, "id;site;date;outcome\n1;1;1.5.2024;minor\n2;9;1.5.2024;minor\n")
    run = load(visits, "csv", "import_visits", authority="TAX")
    assert (run.created_count, run.refusals.get().code) == (1, "site_unknown")
    visit = PastVisit.objects.get()
    assert (visit.site.name, visit.shared, visit.authority.code) == ("Place of TAX", False, "TAX")


def test_a_key_named_twice_is_told_and_not_dropped(tmp_path):
    run = load(table(tmp_path, "id;name\n1;One\n1;Other\n;\n2;Two\n"), "csv-sites")
    assert run.created_count == 2
    assert list(run.refusals.order_by("line").values_list("line", "code")) == [(3, "duplicate")]
    assert Site.objects.get(source_key="1").name == "One"


def test_visits_need_an_owner_and_are_private_unless_said_otherwise(tmp_path):
    load(table(tmp_path, "id;name\n1;One\n"), "csv-sites", authority="OSH")
    visits = table(tmp_path, "id;site;date;outcome\n1;1;45000;minor\n")
    with pytest.raises(CommandError, match="--authority"):
        call_command("import_visits", str(visits), "--format", "csv-visits")
    load(visits, "csv-visits", "import_visits", authority="OSH", shared=True)
    assert PastVisit.objects.get().shared
    assert PastVisit.objects.get().on == dt.date(2023, 3, 15)  # a spreadsheet's day number
    run = load(visits, "csv-visits", "import_visits", authority="OSH")
    assert run.updated_count == 1
    assert not PastVisit.objects.get().shared


# -------------------------------------------------------------------- who may take a run up
def grown_old(run: ImportRun) -> None:
    past = timezone.now() - dt.timedelta(seconds=STALE_SECONDS + 1)
    ImportRun.objects.filter(pk=run.pk).update(heartbeat_at=past)


def test_a_slow_process_gives_way_to_the_one_that_took_over(tmp_path):
    file = table(tmp_path, "id;name\n" + "".join(f"{n};Place {n}\n" for n in range(2_500)))
    run = new_run(
        kind="sites", format="csv-sites", file_name="a.csv", authority=make_authority("OSH")
    )
    slow = claim(run.pk)
    other: list[ImportRun] = []

    def overtaken(seen: ImportRun) -> None:
        if not other:
            grown_old(seen)
            taken = claim(seen.pk)
            assert taken
            other.append(perform(taken, file))

    perform(slow, file, overtaken)
    run.refresh_from_db()
    assert run.state == "done"
    assert run.rows_read == 2_500
    assert run.created_count + run.unchanged_count == 2_500
    assert Site.objects.count() == 2_500


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_places_at_once_both_end_whole(tmp_path, monkeypatch):
    meet = threading.Barrier(2)  # all rows are one chunk: the same rows at once
    real = merge.merge_register

    def together(params):
        meet.wait(30)
        return real(params)

    monkeypatch.setattr(merge, "merge_register", together)
    rows = [f"{n};Place {n}\n" for n in range(3_000)]
    runs = []
    for name, lines in (("a.csv", rows), ("b.csv", rows[::-1])):
        (tmp_path / name).write_text("id;name\n" + "".join(lines))
        run = new_run(
            kind="sites", format="csv-sites", file_name=name, authority=make_authority("OSH")
        )
        runs.append(claim(run.pk))

    def work(run: ImportRun) -> None:
        try:
            perform(run, tmp_path / run.file_name)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Site.objects.count() == 3_000
    for run in runs:
        run.refresh_from_db()
        assert (run.state, run.rows_read, run.refused_count) == ("done", 3_000, 0)


@pytest.mark.parametrize(("deadlocks", "state"), [(2, "done"), (99, "failed")])
def test_a_batch_is_begun_anew_after_a_deadlock(tmp_path, monkeypatch, deadlocks, state):
    class Deadlock(Exception):
        pgcode = "40P01"

    real, left = merge.merge_register, [deadlocks]

    def failing(params):
        left[0] -= 1
        if left[0] >= 0:
            raise OperationalError("deadlock detected") from Deadlock()
        return real(params)

    monkeypatch.setattr(merge, "merge_register", failing)
    file = table(tmp_path, "id;name\n1;One\n2;Two\n")
    run = new_run(
        kind="sites", format="csv-sites", file_name="a.csv", authority=make_authority("OSH")
    )
    perform(claim(run.pk), file)
    run.refresh_from_db()
    assert (run.state, run.refused_count) == (state, 0)
    assert Site.objects.count() == (2 if state == "done" else 0)


def test_a_stopped_command_is_told_and_a_lost_upload_is_sent_again(monkeypatch):
    sent = []
    monkeypatch.setattr("targets.jobs.run_import.delay", sent.append)
    common = {"kind": "sites", "format": "csv-sites", "authority": make_authority("OSH")}
    command = new_run(file_name="command.csv", **common)
    upload = new_run(file_name="upload.csv", stored_as="imports/x.csv", **common)
    fresh = new_run(file_name="fresh.csv", stored_as="imports/y.csv", **common)
    for run in (command, upload, fresh):
        claim(run.pk)
    grown_old(command)
    grown_old(upload)
    sweep_imports()
    command.refresh_from_db()
    assert command.state == "failed"
    assert "Run it again" in command.message
    assert sent == [upload.pk]


def test_shipped_mappings_name_only_fields_that_exist():
    from targets.models import ImportMapping

    fields = {
        "sites": {
            "key", "name", "name_sv", "business_id", "company_name", "industry", "municipality", "locality",
            "address", "postal_code", "longitude", "latitude", "kind", "staff_estimate",
            "opened_on", "closed_on", "type", "locator", "company_form", "industry_edition", "country",
        },
        "visits": {"key", "site", "on", "kind", "outcome"},
        "roles": {
            "business_id", "company_name", "role", "person", "born", "valid_from", "valid_to",
        },
        "facts": {"key", "business_id", "company_name", "site", "valid_from", "valid_to", "year"},
    }  # fmt: skip
    for mapping in ImportMapping.objects.order_by("code"):
        assert set(mapping.columns) <= fields[mapping.kind], mapping.code
        assert mapping.kind != "visits" or {"key", "site", "on", "outcome"} <= set(mapping.columns)
