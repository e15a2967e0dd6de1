"""Mapping the columns of one's own file in the browser, and reading the file by it."""

import io
import json

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from targets.models import Fact, ImportMapping, ImportRun, PastVisit, Site
from targets.services.uploads import start_upload
from tests.factories import make_actor, make_company
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import upload, work

pytestmark = pytest.mark.django_db
PLACES = "nro;kohde;Y-tunnus;kunta;rekisteri\n7;Auto 1;9900010-6;Turku;ABC-123\n"


def workbook(*rows) -> bytes:
    book = openpyxl.Workbook()
    for values in rows:
        book.active.append(values)
    memory = io.BytesIO()
    book.save(memory)
    return memory.getvalue()


def begin(client, name, kind, content, file_name="list.csv"):
    return client.post(
        reverse("targets:mapping_create"),
        {"name": name, "kind": kind, "file": SimpleUploadedFile(file_name, content)},
    )


def sample_in(answer) -> str:
    return answer.context["form"].initial["sample"]


def test_a_list_of_vehicles_is_mapped_and_read(analyst, as_user):
    client = as_user(analyst)
    answer = begin(client, "Vehicles", "sites", PLACES.encode())
    assert answer.status_code == 200
    assert "kohde (Auto 1)" in answer.content.decode()  # a column is shown with what stands in it
    form = {
        "name": "Vehicles", "kind": "sites", "sample": sample_in(answer), "field_key": "nro",
        "field_name": "kohde", "field_business_id": "Y-tunnus", "field_municipality": "kunta",
        "field_locator": "rekisteri", "type": "vehicle", "edition": "TOL2025",
    }  # fmt: skip
    answer = client.post(reverse("targets:mapping_create"), form)
    assert answer.status_code == 302, answer.content.decode()
    run = upload(analyst, PLACES, "osh-vehicles")
    assert run.state == "done", run.message
    site = Site.objects.get()
    assert (site.type, site.locator, site.municipality.name_fi) == ("vehicle", "ABC-123", "Turku")
    assert site.source == "vehicles:OSH"
    again = client.post(reverse("targets:mapping_create"), form)
    assert again.status_code == 422
    assert "There is a mapping named “Vehicles” already" in again.content.decode()


def test_a_workbook_of_visits_with_its_own_words_for_results(analyst, as_user):
    client = as_user(analyst)
    book = workbook(["Käynnit 2026"], ["id", "site", "on", "tulos"], [1, "7", "1.2.2026", "huono"])
    answer = begin(client, "Visits", "visits", book, "visits.xlsx")
    assert answer.status_code == 200
    form = {
        "name": "Visits", "kind": "visits", "sample": json.dumps([["id", ""], ["tulos", ""]]),
        "field_key": "id", "field_outcome": "tulos", "field_site": "", "field_on": "",
    }  # fmt: skip
    refused = client.post(reverse("targets:mapping_create"), form)
    assert refused.status_code == 422
    assert "Say for one result at least" in refused.content.decode()
    form |= {
        "sample": json.dumps([["id", ""], ["site", ""], ["on", ""], ["tulos", ""]]),
        "field_site": "site", "field_on": "on", "outcome_severe": "huono, kelvoton",
    }  # fmt: skip
    assert client.post(reverse("targets:mapping_create"), form).status_code == 302
    mapping = ImportMapping.objects.get(code="osh-visits")
    Site.objects.create(name="Auto", source="visits:OSH", source_key="7")
    run = work(start_upload(actor=analyst, kind="visits", format=mapping.code,
                            file=SimpleUploadedFile("v.xlsx", book)))  # fmt: skip
    assert (run.state, run.created_count) == ("done", 1), run.message
    assert PastVisit.objects.get().outcome == "severe"


def test_facts_keep_the_ticked_columns(analyst, as_user):
    client = as_user(analyst)
    content = "id;ytunnus;velka;muu\n1;9900010-6;1200,50;x\n"
    answer = begin(client, "Debts", "facts", content.encode())
    form = {
        "name": "Debts", "kind": "facts", "sample": sample_in(answer), "field_key": "id",
        "field_business_id": "ytunnus", "fact": "tax_debt", "values": ["velka"],
    }  # fmt: skip
    assert client.post(reverse("targets:mapping_create"), form).status_code == 302
    make_company(business_id="9900010-6")
    import datetime as dt

    upload(analyst, content, "osh-debts", "facts", legal_basis="x", purpose="y",
           delete_on=dt.date(2099, 1, 1))  # fmt: skip
    assert Fact.objects.get().value == {"velka": 1200.5}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"), (b"\x89PNG\0", "not text"),
        (b"id;Hetu\n1;x\n", "personal identity codes"),
        (workbook(["id"]).replace(b"PK\x01\x02", b"PK\x00\x00"), "workbook is broken"),
    ],
)  # fmt: skip
def test_a_bad_sample_is_answered_in_words(analyst, as_user, content, words):
    answer = begin(as_user(analyst), "Mine", "sites", content)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Mine" in answer.content.decode()


def test_tampered_hidden_parts_lead_back_to_the_start(analyst, as_user):
    client = as_user(analyst)
    for sample in ("", "no json", "[1, 2]", '{"a": 1}'):
        answer = client.post(
            reverse("targets:mapping_create"), {"name": "x", "kind": "sites", "sample": sample}
        )
        assert answer.status_code == 422
        assert "Begin again with a file" in answer.content.decode()


def test_a_mapping_is_its_authoritys_own_and_waits_for_its_imports(analyst, as_user):
    client = as_user(analyst)
    answer = begin(client, "Own", "sites", PLACES.encode())
    client.post(
        reverse("targets:mapping_create"),
        {"name": "Own", "kind": "sites", "sample": sample_in(answer), "field_key": "nro",
         "field_name": "kohde", "type": "establishment", "edition": "TOL2025"},
    )  # fmt: skip
    other = as_user(make_actor("TAX", "analyst"))
    assert other.get(reverse("targets:mapping_detail", args=["osh-own"])).status_code == 404
    assert "osh-own" not in other.get(reverse("targets:import_create")).content.decode()
    run = upload(analyst, PLACES, "osh-own", rehearse=True)
    client = as_user(analyst)
    remove = reverse("targets:mapping_remove", args=["osh-own"])
    page = client.post(remove, follow=True).content.decode()
    assert "End it first" in page
    ImportRun.objects.filter(pk=run.pk).update(state="cancelled", finished_at=run.created_at)
    client.post(remove)
    assert not ImportMapping.objects.filter(code="osh-own").exists()
    shipped = client.post(reverse("targets:mapping_remove", args=["sites"]))
    assert shipped.status_code == 404
