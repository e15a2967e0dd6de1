"""Imports of real and realistic files: whole, repeatable, with every refused row explained."""

import csv
import datetime as dt
import json
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from targets.jobs import run_import
from targets.models import Company, Fact, ImportRun, PastVisit, Site
from targets.services.imports.life import claim, new_run
from targets.services.imports.records import Refused, business_id
from tests.factories import make_actor, make_authority
from tests.shared import SHARED, needs_shared

SAMPLES = settings.REFERENCE_DIR / "samples"
# Asked for whatever is no open register's.
WHY = {"legal_basis": "Act 1 §", "purpose": "targeting", "delete_on": dt.date(2099, 1, 1)}


@pytest.fixture
def loaded(db):
    call_command("load_reference", stdout=StringIO())


def run_command(name: str, file: Path, mapping: str, **options) -> ImportRun:
    call_command(name, str(file), format=mapping, stdout=StringIO(), stderr=StringIO(), **options)
    return ImportRun.objects.latest("pk")


def twice(name: str, file: Path, mapping: str, **options) -> tuple[ImportRun, ImportRun]:
    """Import a file two times; the second may change nothing."""
    first = run_command(name, file, mapping, **options)
    again = run_command(name, file, mapping, **options)
    assert again.created_count == again.updated_count == 0
    assert again.refused_count == first.refused_count
    return first, again


def test_samples_of_san_francisco(loaded):
    first, _again = twice("import_sites", SAMPLES / "sf_businesses.parquet", "sanfrancisco")
    assert (first.rows_read, first.created_count, first.refused_count) == (400, 400, 0)
    visits, _again = twice(
        "import_visits", SAMPLES / "sf_inspections.parquet", "sanfrancisco-visits",
        authority="RUOKAVIRASTO", shared=True,
    )  # fmt: skip
    assert visits.refused_count == 0
    assert PastVisit.objects.count() == visits.rows_read == visits.created_count
    site = Site.objects.filter(longitude__isnull=False).first()
    assert site.municipality.name == "San Francisco"
    assert site.industry.code == "561"


@needs_shared
def test_oslo_goes_in_whole_twice_without_doubling(loaded):
    file = SHARED / "norway-smiley-oslo" / "inspections.parquet"
    sites, _again = twice("import_sites", file, "oslo")
    assert (sites.rows_read, sites.refused_count) == (5473, 0)
    assert Site.objects.filter(source="oslo").count() == 1173
    visits, _again = twice("import_visits", file, "oslo-visits", authority="RUOKAVIRASTO")
    assert visits.refused_count == 0
    assert PastVisit.objects.filter(source="oslo:RUOKAVIRASTO").count() == 5473
    short, _again = twice("import_visits", file, "oslo", authority="RUOKAVIRASTO")
    assert (short.format, short.created_count) == ("oslo-visits", 0)
    assert set(Site.objects.values_list("postal_code", flat=True)) >= {"0658"}


@needs_shared
def test_san_francisco_goes_in_whole_twice_without_doubling(loaded):
    folder = SHARED / "sf-restaurant-inspections"
    sites, _again = twice("import_sites", folder / "businesses.parquet", "sanfrancisco")
    assert sites.refused_count == 0
    assert Site.objects.count() == 6399
    visits, _again = twice(
        "import_visits", folder / "inspections.parquet", "sanfrancisco-visits",
        authority="RUOKAVIRASTO",
    )  # fmt: skip
    assert visits.refused_count == 0
    assert PastVisit.objects.count() == 14_233


@needs_shared
def test_new_york_goes_in_twice_without_doubling(loaded):
    file = SHARED / "nyc-restaurant-inspections-sample" / "inspections_sample.parquet"
    sites, _again = twice("import_sites", file, "nyc")
    assert (sites.rows_read, sites.created_count, sites.refused_count) == (4999, 4564, 0)
    assert not Site.objects.filter(longitude=0).exists()  # two zeros are no place
    visits, _again = twice("import_visits", file, "nyc-visits", authority="RUOKAVIRASTO")
    # One row a violation; a visit stands once, and "never inspected" is no visit.
    assert (visits.created_count, visits.refused_count) == (3973, 0)
    assert not PastVisit.objects.filter(on__year=1900).exists()
    assert PastVisit.objects.filter(detail__SCORE__gte=28).exclude(outcome="severe").count() == 0


@needs_shared
def test_chicago_goes_in_twice_without_doubling(loaded):
    file = SHARED / "chicago-food-inspections" / "canvass_inspections_features.parquet"
    sites, _again = twice("import_sites", file, "chicago")
    assert (sites.created_count, sites.refused_count) == (12_367, 0)
    visits, _again = twice("import_visits", file, "chicago-visits", authority="RUOKAVIRASTO")
    assert (visits.created_count, visits.refused_count) == (27_600, 0)
    assert PastVisit.objects.filter(outcome="serious").count() == 5455


@needs_shared
def test_every_shared_table_is_loaded_or_known_not_to_fit():
    """A file that is added must be given a mapping, or a reason here."""
    loaded_above = {
        "norway-smiley-oslo/inspections.parquet", "sf-restaurant-inspections/businesses.parquet",
        "sf-restaurant-inspections/inspections.parquet",
        "sf-restaurant-inspections/violations.parquet",
        "nyc-restaurant-inspections-sample/inspections_sample.parquet",
        "chicago-food-inspections/canvass_inspections_features.parquet",
        "prh-ytj-v3-shape/companies_sample.json",
        *(f"finland/examples/{file.name}" for file in SAMPLES.glob("*_example.*")),
    }  # fmt: skip
    not_of_the_register = {
        # Of visits that stand in the files above, or without a place or a result.
        "chicago-food-inspections/model_table.parquet",
        "chicago-food-inspections/violation_matrix.parquet",
        "chicago-food-inspections/inspector_clusters_all.parquet",
        "chicago-food-inspections/inspection_log_all_types.parquet",
        "chicago-food-inspections/sanitation_complaints.parquet",
        "chicago-food-inspections/weather_daily.csv",
        # Code lists.
        "osha-enforcement-dictionary/osha_accident_lookup2.csv",
        "osha-enforcement-dictionary/osha_data_dictionary.csv",
        "osha-enforcement-dictionary/osha_metadata.csv",
    }  # fmt: skip
    lists = ("finland/", "finland-areas/", "nace-rev21/")  # loaded as reference data
    found = {
        str(file.relative_to(SHARED)) for file in SHARED.rglob("*")
        if file.suffix in (".csv", ".parquet", ".json", ".xlsx")
    }  # fmt: skip
    left = {
        name for name in found - loaded_above - not_of_the_register
        if name.startswith("finland/examples/") or not name.startswith(lists)
    }  # fmt: skip
    assert left == set()


@needs_shared
def test_the_shape_of_the_company_register_twice_without_doubling(loaded):
    twice("import_sites", SHARED / "prh-ytj-v3-shape" / "companies_sample.json", "prh-v3")
    assert Company.objects.exists()


@needs_shared
def test_violations_of_san_francisco_go_in_twice_without_doubling(loaded):
    folder = SHARED / "sf-restaurant-inspections"
    run_command("import_sites", folder / "businesses.parquet", "sanfrancisco")
    # Their keys hold words and are longer than a key may be.
    facts, again = twice(
        "import_facts", folder / "violations.parquet", "sanfrancisco-violations",
        authority="RUOKAVIRASTO",
    )  # fmt: skip
    assert (facts.created_count, again.unchanged_count) == (38_994, 38_994)
    assert set(facts.refusals.values_list("code", flat=True)) == {"duplicate"}  # twelve of them
    assert Fact.objects.count() == 38_994


def test_company_register_with_all_its_traps(loaded):
    first, _again = twice("import_sites", SAMPLES / "prh_ytj_v3_example.json", "prh-v3")
    assert first.refused_count == 0
    data = json.loads((SAMPLES / "prh_ytj_v3_example.json").read_text())["companies"]
    assert Company.objects.count() == len({c["businessId"]["value"] for c in data})
    company = Company.objects.get(business_id="9900010-6")
    assert company.industry.edition.code == "TOL2025"
    assert company.raw["euId"]["value"] == "FIPRO.9900010-6"
    site = company.sites.get()
    assert site.name == "Kuukivi Kebab"
    assert {n.kind for n in company.names.all()} == {"trade", "auxiliary"}
    assert Company.objects.filter(status="bankrupt").exists()
    assert Company.objects.filter(status="ceased").exists()


def test_lists_in_finnish_encodings(loaded):
    licences, _again = twice("import_sites", SAMPLES / "alcohol_licences_example.csv",
                             "alcohol-licences")  # fmt: skip
    assert (licences.created_count, licences.refused_count) == (3, 0)
    site = Site.objects.get(source="alcohol", source_key="A-9900001")
    assert site.municipality.name_fi == "Helsinki"
    assert site.postal_code == "00500"
    closed = Site.objects.get(source="alcohol", source_key="A-9900003")
    assert closed.status == "closed"
    twice("import_sites", SAMPLES / "oiva_food_inspections_example.csv", "oiva")
    visits, _again = twice(
        "import_visits", SAMPLES / "oiva_food_inspections_example.csv", "oiva-visits",
        authority="FOOD_MUNICIPAL",
    )  # fmt: skip
    assert visits.created_count == 3
    posted, _again = twice(
        "import_sites", SAMPLES / "posted_workers_notifications_example.csv", "posted-workers",
        shared=True, **WHY,
    )  # fmt: skip
    # Two of the invented tax numbers have a wrong check digit or form.
    assert (posted.created_count, posted.refused_count) == (1, 2)
    assert {(r.line, r.code) for r in posted.refusals.all()} == {
        (2, "identifier_check"), (4, "identifier_check"),
    }  # fmt: skip
    building = Site.objects.get(source="posted-workers")
    assert (building.municipality.name_fi, building.industry.code) == ("Tampere", "43")
    assert building.staff_estimate == 6
    told = Fact.objects.get(site=building)
    assert (told.value["workers"], told.shared) == (6, True)
    assert told.valid_from is not None
    assert building.company is None  # the employer is abroad; nobody else is taken for it


def test_coordinators_list_tells_line_field_and_reason(loaded, tmp_path):
    report = tmp_path / "refused.csv"
    out = StringIO()
    call_command(
        "import_sites", str(SAMPLES / "coordinator_list_example.csv"), format="coordinator-list",
        report=str(report), stdout=out, stderr=StringIO(), **WHY,
    )  # fmt: skip
    run = ImportRun.objects.get()
    assert (run.created_count, run.refused_count) == (4, 2)
    assert [(r.line, r.field, r.code) for r in run.refusals.order_by("line")] == [
        (5, "business_id", "business_id_check"),
        (7, "key", "duplicate"),
    ]
    entries = {fact.site.source_key: fact.value for fact in Fact.objects.filter(kind="list_entry")}
    assert entries["2"] == {
        "trade": "pesula?", "reason": "paljon väkeä iltaisin", "proposed_by": "poliisi",
        "priority": 5, "wished_weeks": "19-20", "note": "EI ennakkoon!",
    }  # fmt: skip
    assert entries["1"]["wished_weeks"] == "vk 19"
    places = {site.source_key: site for site in Site.objects.select_related("municipality")}
    kebab, wash, berries = places["1"], places["2"], places["5"]
    assert (kebab.address, kebab.postal_code, kebab.municipality.name) == (
        "Esimerkkikatu 12", "00500", "Helsinki",
    )  # fmt: skip
    assert wash.address == "Satutie 7"  # the town stands in a column of its own
    assert (berries.address, berries.latitude, berries.longitude) == ("", 66.51, 25.72)
    assert "line 5, business_id: " in out.getvalue()
    with report.open(encoding="utf-8-sig", newline="") as file:
        refused = list(csv.DictReader(file, delimiter=";"))
    assert (refused[0]["Y-tunnus"], refused[0]["Line"]) == ("9901243-1", "5")
    assert "check digit" in refused[0]["Reason"]
    names = set(Site.objects.values_list("name", flat=True))
    assert "kynsistudio B-rappu" in names
    assert Company.objects.filter(business_id="9900010-6").exists()


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = tmp_path / "list.csv"
    file.write_bytes(text.encode(encoding))
    return file


HEAD = ("id;name;name_sv;business_id;company;industry;municipality;address;postal_code;longitude;"
        "latitude;premises;staff;opened_on\n")  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_decimal_commas_dates_and_leading_zeros(loaded, tmp_path, encoding):
    row = "1;Hämeen Äyriäinen;;;;56.11;hämeenlinna;Åkerintie 1;00100;24,46;60,99;;12;1.5.2020\n"
    run = run_command("import_sites", table(tmp_path, HEAD + row, encoding), "sites")
    assert run.refused_count == 0
    site = Site.objects.get()
    assert site.name == "Hämeen Äyriäinen"
    assert (site.longitude, site.postal_code, site.staff_estimate) == (24.46, "00100", 12)
    assert site.municipality.name_fi == "Hämeenlinna"
    assert site.opened_on.isoformat() == "2020-05-01"


def test_former_municipality_leads_to_its_successor(loaded, tmp_path):
    row = "1;Kauppa;;;;56;Valtimo;;;;;;;\n"
    run_command("import_sites", table(tmp_path, HEAD + row), "sites")
    assert Site.objects.get().municipality.code == "541"


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (";Name;;;;56;Helsinki;;;;;;;", "key", "missing"),
        ("1;;;;;56;Helsinki;;;;;;;", "name", "missing"),
        ("1;N;;123;;56;Helsinki;;;;;;;", "business_id", "business_id_form"),
        ("1;N;;9900010-7;;56;Helsinki;;;;;;;", "business_id", "business_id_check"),
        ("1;N;;;;56;Atlantis;;;;;;;", "municipality", "municipality"),
        ("1;N;;;;0000;Helsinki;;;;;;;", "industry", "industry"),
        ("1;N;;;;56;Helsinki;;;200;60;;;", "longitude", "coordinates"),
        ("1;N;;;;56;Helsinki;;;abc;60;;;", "longitude", "number_form"),
        ("1;N;;;;56;Helsinki;;;;;;;31.2.2020", "opened_on", "date_form"),
        ("1;Matti 131052-308T;;;;56;Helsinki;;;;;;;", "name", "personal_code"),
        ("1;N;;;;56;Helsinki;;;;;;;;too;many", "", "row_shape"),
    ],
)
def test_refused_rows_stop_nothing(loaded, tmp_path, row, field, code):
    good = "99;Good;;;;56;Helsinki;;;;;;;\n"
    run = run_command("import_sites", table(tmp_path, f"{HEAD}{row}\n{good}"), "sites")
    assert (run.created_count, run.refused_count, run.state) == (1, 1, "done")
    refusal = run.refusals.get()
    assert (refusal.line, refusal.field, refusal.code) == (2, field, code)
    assert "131052" not in refusal.value


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\x00\x01\x02\x03", "not text"),
        ("a.csv", b"one;two\n1;2\n", "is not in the file"),
        ("a.csv", b"id;name\n1;" + b"x" * 1_200_000, "longer than a megabyte"),
        ("a.parquet", b"not parquet at all", "not a Parquet file"),
    ],
)
def test_files_that_are_no_tables_are_refused_in_words(loaded, tmp_path, name, content, words):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(CommandError, match=words):
        run_command("import_sites", file, "csv-sites")
    assert not Site.objects.exists()
    assert ImportRun.objects.get().state == "failed"


def test_broken_json_is_refused_before_anything_is_stored(loaded, tmp_path):
    file = tmp_path / "a.json"
    text = (SAMPLES / "prh_ytj_v3_example.json").read_text()
    file.write_text(text[: len(text) // 2])
    with pytest.raises(CommandError, match="Nothing was stored"):
        run_command("import_sites", file, "prh-v3")
    assert not Company.objects.exists()


def test_zip_of_the_whole_register_and_a_zip_bomb(loaded, tmp_path):
    good = tmp_path / "all.zip"
    with zipfile.ZipFile(good, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(SAMPLES / "prh_ytj_v3_example.json", "all.json")
    assert run_command("import_sites", good, "prh-v3").created_count > 0
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("all.json", b" " * 50_000_000)
    with pytest.raises(CommandError, match="unpacks to far more"):
        run_command("import_sites", bomb, "prh-v3")


@pytest.mark.parametrize(
    ("written", "stored"),
    [("99000106", "9900010-6"), ("FI99000106", "9900010-6"), ("9900010–6", "9900010-6"),
     (" 9900010 - 6 ", "9900010-6")],
)  # fmt: skip
def test_business_ids_as_people_write_them(written, stored):
    assert business_id(written) == stored


def test_business_id_that_is_never_issued():
    with pytest.raises(Refused):
        business_id("9900000-1")


@pytest.mark.django_db(transaction=True)
def test_upload_page_to_result(tmp_path, as_user, monkeypatch):
    call_command("load_reference", stdout=StringIO())
    sent = []
    monkeypatch.setattr("targets.jobs.run_import.delay", sent.append)
    actor = make_actor("OSH", "analyst")
    client = as_user(actor)
    content = (HEAD + "1;Place;;;;56;Helsinki;;;;;;;\n2;;;;;56;Helsinki;;;;;;;\n").encode()
    answer = client.post(
        reverse("targets:import_create"),
        {"kind": "sites", "format": "sites", "file": SimpleUploadedFile("list.csv", content)},
    )
    assert answer.status_code == 302
    assert len(sent) == 1
    run_import(sent[0])
    run_import(sent[0])  # a message delivered twice does nothing the second time
    page = client.get(answer["Location"]).content.decode()
    assert "The value is missing" in page
    assert Site.objects.filter(source="own:OSH").count() == 1
    refused = client.get(answer["Location"] + "refused.csv")
    lines = b"".join(refused.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0].startswith("id;name;name_sv;")
    assert lines[1].startswith("2;;;;;56;Helsinki;")
    assert lines[1].endswith("3;Name;The value is missing. Fill it in, or take the row out.")


def test_upload_of_a_wrong_type_is_refused_with_words(db, as_user):
    client = as_user(make_actor("OSH", "analyst"))
    answer = client.post(
        reverse("targets:import_create"),
        {"kind": "sites", "format": "prh-v3", "file": SimpleUploadedFile("a.exe", b"MZ")},
    )
    assert answer.status_code == 422
    assert "A file ending in .exe cannot be read" in answer.content.decode()


def test_an_import_left_by_a_killed_worker_is_taken_up_again(loaded):
    import datetime as dt

    from django.utils import timezone

    run = new_run(kind="sites", format="sites", file_name="a.csv", authority=make_authority("OSH"))
    assert claim(run.pk) is not None
    assert claim(run.pk) is None  # another worker is at it
    ImportRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(minutes=5)
    )
    assert claim(run.pk) is not None
