"""What tests of imports share: an analyst with places and industries, files, and how a run is worked off."""

import datetime as dt

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from targets.jobs import run_import
from targets.models import Fact, ImportRun, Link
from targets.services.imports import storing
from targets.services.imports.control import ask
from targets.services.mappings import load_mappings
from targets.services.uploads import start_upload
from tests.factories import (
    make_actor,
    make_company,
    make_industry,
    make_municipality,
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


def known_to_all(actor, notices: str) -> None:
    """Places and companies of notices, as if registers open to everybody had brought them."""
    run = upload(actor, notices, "posted-workers", shared=True)
    assert run.state == "done", run.message
    Link.objects.filter(source="posted-workers").delete()
    Fact.objects.filter(source="posted-workers").delete()


def known_firms() -> None:
    """The companies of the samples, as the company register has brought them."""
    for number in ("9900010-6", "9900147-5", "9900832-7", "9900284-9"):
        make_company(business_id=number)
