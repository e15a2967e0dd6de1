"""An undo takes back what the import did, and nothing that others did or said."""

import datetime as dt
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from targets.models import (
    Company,
    CompanyIdentifier,
    CompanyName,
    CompanyRegistration,
    ImportRun,
    Merge,
    Recusal,
    Site,
)
from targets.services.identity.merging import merge
from targets.services.recusals import recuse
from targets.services.uploads import start_upload
from tests.factories import make_actor, make_company, make_site
from tests.targets.test_import_control import HEAD, row, undone, upload, work
from tests.targets.test_import_control import analyst as analyst  # a fixture

pytestmark = pytest.mark.django_db


def test_what_hangs_on_a_row_without_a_way_back_in_the_models_keeps_it(analyst):
    run = upload(
        analyst,
        HEAD + "".join(row(n, f"Place {n}") for n in range(1, 5)) + row(5, "E", "9900010-6", "Oy"),
    )
    site = {s.source_key: s for s in Site.objects.all()}
    person = make_actor("TAX", "inspector")
    manager = make_actor("TAX", "manager")
    recuse(actor=manager, person=person.user, target=site["1"], reason="Kin")
    recuse(actor=manager, person=person.user, target=Company.objects.get(), reason="Kin")
    merge(actor=analyst, loser=site["2"], survivor=make_site())
    merge(actor=analyst, loser=make_site(), survivor=site["3"])
    undone(analyst, run)
    # The company stays though its only site goes.
    assert (run.state, run.kept_count) == ("undone", 4)
    left = Site.objects.filter(pk__in=[s.pk for s in site.values()])
    assert set(left.values_list("source_key", flat=True)) == {"1", "2", "3"}
    assert Company.objects.filter(business_id="9900010-6").exists()
    assert (Recusal.objects.count(), Merge.objects.count()) == (2, 2)


def put(actor, changed: str, names: list[dict], entries: list[dict], **more) -> ImportRun:
    record = {
        "businessId": {"value": "9900010-6"}, "names": names, "registeredEntries": entries,
        "lastModified": changed, **more,
    }  # fmt: skip
    file = SimpleUploadedFile("a.json", json.dumps({"companies": [record]}).encode())
    run = work(start_upload(actor=actor, kind="sites", format="prh-v3", file=file))
    assert run.state == "done", run.message
    return run


def named(name: str, first: str, last: str | None = None) -> dict:
    return {"name": name, "type": "1", "registrationDate": first, "endDate": last}


def entry(register: str, first: str, last: str | None = None) -> dict:
    return {"register": register, "type": "1", "registrationDate": first, "endDate": last}


def hanging() -> list[list[dict]]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (CompanyName, CompanyIdentifier, CompanyRegistration)
    ]


def test_what_others_said_of_a_company_and_since_when_stays(analyst):
    names, entries = [named("Vanha Oy", "2020-01-01")], [entry("6", "2020-01-01")]
    put(analyst, "2026-01-01 10:00:00", names, entries)
    company = Company.objects.get()
    CompanyIdentifier.objects.create(
        company=company, scheme="vat", country="EE", value="EE100931558", source="posted-workers"
    )
    CompanyName.objects.create(
        company=company, name="Ikivanha Oy", kind="trade", source="trade-register",
        valid_from=dt.date(2001, 1, 1), valid_to=dt.date(2019, 12, 31),
    )  # fmt: skip
    CompanyRegistration.objects.create(
        company=company, register="employer", entry="1", valid_from=dt.date(2021, 1, 1),
        source="employer-register",
    )  # fmt: skip
    before = hanging()
    run = put(
        analyst, "2026-02-01 10:00:00",
        [named("Vanha Oy", "2020-01-01", "2026-01-31"), named("Uusi Oy", "2026-02-01")],
        [entry("6", "2020-01-01", "2026-01-31"), entry("5", "2026-02-01")],
        euId={"value": "FIFPRO.9900010-6"},
    )  # fmt: skip
    assert CompanyRegistration.objects.get(register="vat").end_known_from is not None
    assert [len(rows) for rows in hanging()] == [3, 2, 3]
    undone(analyst, run)
    assert hanging() == before


def test_an_end_from_before_the_undone_import_is_known_since_it_was_told(analyst):
    put(analyst, "2026-01-01 10:00:00", [], [entry("6", "2020-01-01")])
    put(analyst, "2026-02-01 10:00:00", [], [entry("6", "2020-01-01", "2026-01-31")])
    before = hanging()
    run = put(analyst, "2026-03-01 10:00:00", [], [entry("6", "2020-01-01", "2026-02-15")])
    undone(analyst, run)
    assert hanging() == before


def test_what_a_merge_moved_to_another_company_goes_and_the_rest_stays_there(analyst):
    put(analyst, "2026-01-01 10:00:00", [named("Vanha Oy", "2020-01-01")], [])
    company = Company.objects.get()
    run = put(
        analyst, "2026-02-01 10:00:00",
        [named("Vanha Oy", "2020-01-01", "2026-01-31"), named("Uusi Oy", "2026-02-01")], [],
    )  # fmt: skip
    survivor = make_company(business_id=None, name="Vanha Oy, Viro", kind="foreign")
    merge(actor=analyst, loser=company, survivor=survivor)
    undone(analyst, run)
    left = CompanyName.objects.get()
    assert (left.company, left.name, left.valid_to) == (survivor, "Vanha Oy", None)
