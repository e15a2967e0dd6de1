"""What a row was refused for is named in the reader's words, not by the program's."""

import csv
import io
import re

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from targets.field_words import refused_words
from targets.services.uploads import start_upload
from tests.targets.importing import HEAD, WHY, row, upload, work
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.test_bad_corpus import SNAPSHOT


def test_page_and_file_name_the_field(analyst, as_user):
    run = upload(analyst, HEAD + row("", "One") + row(2, "Two", "9900010-7", "Oy"))
    address = reverse("targets:import_detail", args=[run.public_id])
    page = as_user(analyst).get(address).content.decode()
    for words, code in (("Number or key of the row", "key"), ("Business ID", "business_id")):
        assert f'data-label="Field">{words}</td>' in page
        assert f">{code}<" not in page
    answer = as_user(analyst).get(reverse("targets:import_refusals", args=[run.public_id]))
    text = answer.getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [r["Field"] for r in rows] == ["Number or key of the row", "Business ID"]


def test_a_foreign_number_that_is_none_is_named(analyst, as_user):
    text = (
        "ilmoitus_id;työkohde_osoite;kunta;postinumero;alkaa;päättyy;toimiala;työntekijöitä;"
        "lähettävän_maa;lähettävä_yritys;suomalainen_ytunnus;ulkomainen_verotunniste;edustaja_suomessa;"
        "tilaajan_ytunnus;tilaaja;pääurakoitsija_ytunnus;rakennuttaja_ytunnus\n"
        "N-1;Katu 1;Helsinki;00100;2026-01-01;;41;3;EE;Ehitus OU;;EE000000001;;9900010-6;;;\n"
    )
    run = upload(analyst, text, "posted-workers")
    assert [r.field for r in run.refusals.all()] == ["identifier"]
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    assert "Tax or register number of a company from abroad</td>" in page.content.decode()


def test_a_column_of_the_file_keeps_its_name(analyst, as_user):
    """“name” in a refusal for a personal code is the file's column, “nimi” would be no better."""
    assert refused_words("name", "personal_code", ["id", "name"]) == "name"
    assert refused_words("name", "missing", ["id", "name"]) == "Name"
    run = upload(analyst, "id;name\n1;Matti 131052-308T\n", "csv-sites")
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    assert 'data-label="Field">name</td>' in page.content.decode()


def test_every_field_of_the_corpus_has_words():
    codes = set(re.findall(r"^line \d+, ([\w.]+):", SNAPSHOT.read_text(encoding="utf-8"), re.M))
    assert len(codes) > 10
    assert {code for code in codes if refused_words(code, "missing", ()) == code} == set()


def test_the_company_register_s_own_fields_have_words(analyst, as_user):
    file = SimpleUploadedFile("a.json", b'{"companies": [{"names": [], "businessId": null}]}')
    run = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file, **WHY))
    assert [r.field for r in run.refusals.all()] == ["businessId"]
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    assert 'data-label="Field">Business ID</td>' in page.content.decode()
