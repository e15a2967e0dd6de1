"""The page frame: nothing inline, nothing from outside, headers, languages, errors, PDFs."""

import io
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from pypdf import PdfReader

from tests.factories import Cast, make_actor
from ui.pdf import render_pdf

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
FORBIDDEN = {
    "inline style": re.compile(r"\sstyle="),
    "inline handler": re.compile(r"\son\w+="),
    "hx-on": re.compile(r"\shx-on"),
    "evaluated values": re.compile(r"hx-vals=.js:"),
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)"),
    "outside address": re.compile(r"(src|href|action)=[\"']https?://"),
}


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda f: str(f.relative_to(settings.BASE_DIR)))
def test_no_template_holds_anything_inline(file: Path):
    text = file.read_text(encoding="utf-8")
    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/login/", "/my-work/", "/nowhere/", "/health/"])
def test_headers_on_every_answer(client, path):
    answer = client.get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert len(answer["X-Request-ID"]) == 12


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"),
    [("fi", "Kirjaudu"), ("sv", "Logga in"), ("en", "Sign in")],
)
def test_language_comes_from_the_browser_until_the_person_chooses(client, language, words):
    page = client.get("/account/login/", headers={"Accept-Language": language})
    assert words in page.content.decode()
    assert f'<html lang="{language}"' in page.content.decode()


@pytest.mark.django_db
def test_persons_language_goes_before_the_browsers(as_user):
    actor = make_actor("OSH", "manager", language="sv")
    client = as_user(actor)
    page = client.get("/my-work/", headers={"Accept-Language": "fi"})
    assert "Mitt arbete" in page.content.decode()
    client.post("/language/", {"language": "fi", "next": "/my-work/"})
    assert "Omat työt" in client.get("/my-work/").content.decode()
    actor.user.refresh_from_db()
    assert actor.user.language == "fi"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"]
)
def test_language_switch_leads_nowhere_else(client, target):
    assert client.post("/language/", {"language": "fi", "next": target})["Location"] == "/"


@pytest.mark.django_db
def test_form_errors_come_as_422_with_a_summary_and_what_was_typed(as_user):
    client = as_user(make_actor("OSH", "coordinator"))
    answer = client.post(reverse("planning:operation_create"), {"name": "Kept words", "theme": ""})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "There are" in text
    assert 'href="#field-theme"' in text
    assert "Kept words" in text
    assert "<title>Error:" in re.sub(r"\s+", " ", text)


@pytest.mark.django_db
def test_signed_out_fragments_get_401_not_a_sign_in_page(client):
    answer = client.get("/my-work/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert b"<form" not in answer.content


@pytest.mark.django_db
def test_wrong_role_is_403_with_words(as_user):
    answer = as_user(make_actor("OSH", "inspector")).get(reverse("planning:operation_create"))
    assert answer.status_code == 403
    assert "Your role in this authority" in answer.content.decode()


def test_pdf_is_tagged_has_language_and_shows_markup_as_text():
    nasty = '#let x = 1 *bold* $a$ = Heading <a> \\ "q"'
    pdf = render_pdf(
        "report",
        {"title": "Title #1", "classification": "c", "facts": [{"label": "L", "value": nasty}],
         "sections": [{"title": "S", "head": ["A"], "rows": [[nasty]], "empty": "-"}]},
        "sv",
    )  # fmt: skip
    reader = PdfReader(io.BytesIO(pdf))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "sv"
    assert reader.metadata.title == "Title #1"
    text = reader.pages[0].extract_text()
    assert "#let x = 1 *bold*" in text.replace("\n", " ")


@pytest.mark.django_db(transaction=True)
def test_decision_record_in_three_languages_once(as_user):
    from planning.documents import make_records

    cast = Cast()
    operation = cast.to("scheduled")
    make_records(operation)
    assert make_records(operation) == 0
    client = as_user(cast.actors["POL", "manager"])
    for language in ("fi", "sv", "en"):
        answer = client.get(
            reverse("planning:decision_record", args=[operation.public_id, language])
        )
        reader = PdfReader(io.BytesIO(answer.content))
        assert reader.trailer["/Root"]["/Lang"] == language
        text = " ".join(page.extract_text() for page in reader.pages)
        assert "Decided together" in " ".join(text.split())
