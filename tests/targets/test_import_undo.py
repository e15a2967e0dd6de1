"""An undo takes back what the import did, and nothing that others did or said."""

import datetime as dt
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from targets.models import (
    Company,
    CompanyIdentifier,
    CompanyName,
    CompanyRegistration,
    Fact,
    ImportRun,
    Merge,
    PastVisit,
    Recusal,
    RegisterChange,
    Site,
    SiteOperator,
)
from targets.services.identity.merging import merge
from targets.services.imports import run as run_module
from targets.services.imports import undo
from targets.services.imports.control import ask, may
from targets.services.recusals import recuse
from targets.services.uploads import start_upload
from tests.factories import (
    make_actor,
    make_company,
    make_past_visit,
    make_signal,
    make_site,
)
from tests.targets.importing import HEAD, row, undone, upload, work
from tests.targets.importing import analyst as analyst  # a fixture

pytestmark = pytest.mark.django_db


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


def test_the_page_tells_neither_how_much_stays_nor_whose_work_hangs_on_it(analyst, as_user):
    """A hidden signal, the own visit, and both: the reader of the page learns the same words."""
    pages = []
    for hidden, own in ((1, 0), (0, 1), (2, 1)):
        base = 10 * len(pages)
        content = HEAD + "".join(row(base + n, f"Place {base + n}") for n in range(4))
        run = upload(analyst, content)
        made = list(Site.objects.filter(source_key__gte=str(base)).order_by("-pk")[:4])
        for site in made[:hidden]:
            make_signal(make_actor("TAX", "inspector"), about="site", site=site)
        for site in made[3 : 3 + own]:
            make_past_visit(site, authority=analyst.authority)
        undone(analyst, run)
        assert run.kept_count == hidden + own
        page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
        text = page.content.decode().partition('id="run"')[2]
        pages.append(re.findall(r"<p>(.*?)</p>|<dt>(.*?)</dt>", text))
    assert pages[0] == pages[1] == pages[2]
    assert any("Some of what the import brought stays" in words for words, _label in pages[0])
    # New and changed less what was taken back would be what stays.
    assert "Taken back" not in {label for _words, label in pages[0]}
    clean = undone(analyst, upload(analyst, HEAD + row(99, "Last")))
    page = as_user(analyst).get(reverse("targets:import_detail", args=[clean.public_id]))
    assert "stays" not in page.content.decode()
    assert "<dt>Taken back</dt><dd>1</dd>" in page.content.decode()


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
