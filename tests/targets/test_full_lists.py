"""Full lists: what they leave out ends with the day; parts of lists end nothing."""

import datetime as dt
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit.errors import RuleViolation
from targets.models import Fact, ImportRow, ImportRun, Site
from targets.services.imports import storing
from targets.services.imports.control import ask
from targets.services.mappings import load_mappings
from targets.services.uploads import start_upload
from tests.factories import make_actor, make_company
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import undone, upload, work

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 5, 4)
WHY = {"legal_basis": "Act 1 §", "purpose": "targeting", "delete_on": dt.date(2099, 1, 1)}
IDS = ("9900010-6", "9900147-5", "9900284-9", "9901380-4", "9901517-2", "9901654-6")
DEBTS = "y-tunnus;nimi;päivä;verovelka_eur\n"
LICENCES = ("lupanumero;lupatyyppi;luvanhaltija;ytunnus;anniskelu- tai myyntipaikka;osoite;"
            "postinumero;kunta;lupa_alkaa;lupa_päättyy;anniskeluaika_päättyy;asiakaspaikat_sisä;"
            "asiakaspaikat_ulko;tila\n")  # fmt: skip


@pytest.fixture(autouse=True)
def firms(db):
    for code in IDS:
        make_company(business_id=code, name=f"Firma {code}")


def debts(actor, ids, *extra: str, **values) -> ImportRun:
    rows = "".join(f"{code};Firma {code};1.2.2026;100\n" for code in ids)
    values = {"received_on": DAY} | values
    return upload(actor, DEBTS + rows + "".join(extra), "tax-debts", "facts", **WHY, **values)


def licences(actor, keys, *extra: str, **values) -> ImportRun:
    rows = "".join(
        f"A-{n};anniskelu;;;Baari {n};Katu {n};00500;Helsinki;2021-06-01;;02:00;40;12;voimassa\n"
        for n in keys
    )
    text = LICENCES + rows + "".join(extra)
    return upload(actor, text, "alcohol-licences", received_on=DAY, **values)


def holding() -> dict[str, dt.date | None]:
    """Who is said to have a debt, and until when."""
    return {
        fact.company.business_id: fact.valid_to
        for fact in Fact.objects.filter(known_to=None, kind="tax_debt").select_related("company")
    }


def page(client, run: ImportRun) -> str:
    answer = client.get(reverse("targets:import_detail", args=[run.public_id]))
    return " ".join(answer.content.decode().split())


def test_a_debt_that_left_the_full_list_has_ended_with_the_day(analyst, as_user):
    debts(analyst, IDS[:4])
    before = Fact.objects.get(company__business_id=IDS[3])
    run = debts(analyst, IDS[:3], full_list=True)
    assert (run.state, run.ended_count, run.unchanged_count) == ("done", 1, 3), run.message
    assert holding() == dict.fromkeys(IDS[:3]) | {IDS[3]: DAY}
    ended = Fact.objects.get(company__business_id=IDS[3], known_to=None)
    assert (ended.value, ended.valid_from, ended.authority, ended.shared, ended.delete_on) == (
        before.value, before.valid_from, before.authority, False, before.delete_on,
    )  # fmt: skip
    before.refresh_from_db()
    assert (before.known_to, before.valid_to) == (ended.known_from, None)  # what was known stays
    assert "<dt>Ended</dt><dd>1</dd>" in page(as_user(analyst), run)
    again = debts(analyst, IDS[:3], full_list=True, received_on=DAY + dt.timedelta(days=7))
    assert again.ended_count == 0  # it ended once
    assert holding()[IDS[3]] == DAY
    debts(analyst, IDS[:4])
    assert holding()[IDS[3]] is None  # back in the list, it holds again


def test_a_part_of_a_list_ends_nothing(analyst):
    debts(analyst, IDS[:4])
    run = debts(analyst, IDS[:3])
    assert (run.state, run.ended_count) == ("done", 0)
    assert holding() == dict.fromkeys(IDS[:4])


def test_an_undo_takes_the_ends_back(analyst):
    debts(analyst, IDS[:4])
    run = debts(analyst, IDS[:3], full_list=True)
    undone(analyst, run)
    assert run.state == "undone"
    assert holding() == dict.fromkeys(IDS[:4])


def test_a_licence_ends_and_its_place_stays(analyst):
    licences(analyst, range(5))
    run = licences(analyst, range(4), full_list=True)
    assert (run.state, run.ended_count) == ("done", 1)
    ended = Fact.objects.get(site__source_key="A-4", known_to=None)
    assert ended.valid_to == DAY
    assert Site.objects.get(source_key="A-4").status == "active"
    assert Fact.objects.filter(known_to=None, valid_to=None).count() == 4


def test_ended_facts_are_the_list_owners_own(analyst):
    other = make_actor("TAX", "analyst")
    debts(analyst, IDS[:4])
    debts(other, IDS[:4])
    debts(other, IDS[:3], full_list=True)
    facts = Fact.objects.filter(known_to=None, company__business_id=IDS[3])
    assert {f.authority.code: f.valid_to for f in facts} == {"OSH": None, "TAX": DAY}


def test_other_kinds_of_the_authority_do_not_end(analyst):
    debts(analyst, IDS[:4])
    head = "y-tunnus;alku;loppu;nimi\n"
    for ids in (IDS[:4], IDS[:3]):
        rows = "".join(f"{code};2020-01-01;;Oy\n" for code in ids)
        run = upload(analyst, head + rows, "employer-register", "facts", full_list=True,
                     received_on=DAY)  # fmt: skip
    assert run.ended_count == 1
    assert holding() == dict.fromkeys(IDS[:4])


def test_other_kinds_of_the_same_register_do_not_end(analyst):
    common = {"kind": "facts", "columns": {"key": "id", "business_id": "firm"}}
    load_mappings(
        [
            common | {"code": kind, "name": kind,
                      "options": {"source": "house", "fact": kind, "values": {"said": "said"}}}
            for kind in ("phone", "tax_debt")
        ]
    )  # fmt: skip

    def facts(kind: str, ids, **values) -> ImportRun:
        # Keys of one register are told apart by its owner: P1, T1.
        rows = "".join(f"{kind[0]}{n};{IDS[n]};x;Oy\n" for n in ids)
        return upload(analyst, "id;firm;said;name\n" + rows, kind, "facts", **WHY, **values)

    facts("phone", range(4), received_on=DAY)
    facts("tax_debt", range(4), received_on=DAY)
    run = facts("phone", range(3), received_on=DAY, full_list=True)
    assert (run.state, run.ended_count) == ("done", 1), run.message
    assert holding() == dict.fromkeys(IDS[:4])


def test_a_list_cut_short_is_refused_with_words_and_stores_nothing(analyst, as_user):
    debts(analyst, IDS)
    run = debts(analyst, IDS[:2], f"{IDS[0]};x;", full_list=True)
    assert run.state == "failed"
    assert "would end 4 of the 6 facts that hold" in page(as_user(analyst), run)
    assert (run.created_count, run.updated_count, run.ended_count) == (0, 0, 0)
    assert holding() == dict.fromkeys(IDS)


def test_a_rehearsal_tells_how_many_would_end_and_storing_it_is_the_answer(analyst, as_user):
    debts(analyst, IDS)
    run = debts(analyst, IDS[:2], full_list=True, rehearse=True)
    text = page(as_user(analyst), run)
    assert "4 of 6 facts that hold would end" in text
    assert "This is more than half" in text
    assert f'<strong>Firma {IDS[5]}</strong> <span class="muted">Tax debt</span>' in text
    assert holding() == dict.fromkeys(IDS)
    ask(actor=analyst, run=run, what="store")
    work(run)
    assert (run.state, run.ended_count) == ("done", 4), run.message
    assert holding() == dict.fromkeys(IDS[:2]) | dict.fromkeys(IDS[2:], DAY)


def test_a_rehearsal_of_a_list_that_ends_little_does_not_warn(analyst, as_user):
    debts(analyst, IDS)
    run = debts(analyst, IDS[:5], full_list=True, rehearse=True)
    text = page(as_user(analyst), run)
    assert "1 of 6 facts that hold would end" in text
    assert "more than half" not in text


def test_a_refused_row_is_listed_all_the_same(analyst):
    debts(analyst, IDS)
    run = debts(analyst, IDS[:5], f"{IDS[5]};Firma;no day;100\n", full_list=True)
    assert (run.state, run.refused_count, run.ended_count) == ("done", 1, 0), run.message
    assert holding() == dict.fromkeys(IDS)
    licences(analyst, range(5))
    bad = "A-4;anniskelu;;;Baari;Katu;00500;Atlantis;2021-06-01;;02:00;40;12;voimassa\n"
    run = licences(analyst, range(4), bad, full_list=True)
    assert (run.state, run.refused_count, run.ended_count) == ("done", 1, 0), run.message


def test_rows_that_do_not_tell_what_they_list_stop_a_full_list(analyst, as_user):
    debts(analyst, IDS)
    run = debts(analyst, IDS[:5], ";Firma;1.2.2026;100\n", full_list=True)
    assert run.state == "failed"
    assert "Of some rows (1) it could not even be read" in page(as_user(analyst), run)
    assert holding() == dict.fromkeys(IDS)


def test_what_has_ended_or_not_begun_is_left_alone(analyst):
    rows = (
        f"{IDS[0]};2020-01-01;;Oy\n", f"{IDS[1]};2020-01-01;2021-12-31;Oy\n",
        f"{IDS[2]};2026-05-05;;Oy\n", f"{IDS[3]};2020-01-01;2027-01-01;Oy\n",
    )  # fmt: skip
    head = "y-tunnus;alku;loppu;nimi\n"
    upload(analyst, head + "".join(rows), "employer-register", "facts", received_on=DAY)
    run = upload(analyst, head + rows[0], "employer-register", "facts", full_list=True,
                 received_on=DAY)  # fmt: skip
    assert (run.state, run.ended_count) == ("done", 1), run.message
    ends = Fact.objects.filter(known_to=None).order_by("source_key")
    assert list(ends.values_list("valid_to", flat=True)) == [
        None, dt.date(2021, 12, 31), None, DAY,
    ]  # fmt: skip


def test_lists_without_facts_cannot_be_full(analyst, as_user):
    with pytest.raises(RuleViolation, match="no facts that could end"):
        upload(analyst, "id;name\n1;One\n", "csv-sites", full_list=True)
    answer = as_user(analyst).post(
        reverse("targets:import_create"),
        {"kind": "sites", "format": "csv-sites", "full_list": "on",
         "file": SimpleUploadedFile("a.csv", b"id;name\n1;One\n")},
    )  # fmt: skip
    assert answer.status_code == 422
    assert "no facts that could end" in answer.content.decode()


def test_staged_rows_lost_before_the_end_end_nothing_wrongly(analyst, monkeypatch):
    """The list is in the staging table, which does not outlive a crash of the database server."""
    debts(analyst, IDS)
    real = storing.merge_all

    def crash(run, progress):
        real(run, progress)
        ImportRow.objects.all().delete()
        raise ConnectionError

    monkeypatch.setattr("targets.services.imports.run.merge_all", crash)
    rows = "".join(f"{code};Firma {code};1.2.2026;100\n" for code in IDS[:5])
    file = SimpleUploadedFile("list.csv", (DEBTS + rows).encode())
    run = work(start_upload(actor=analyst, kind="facts", format="tax-debts", file=file,
                            full_list=True, received_on=DAY, **WHY))  # fmt: skip
    assert (run.state, run.ended_count) == ("failed", 0)
    monkeypatch.setattr("targets.services.imports.run.merge_all", real)
    ask(actor=analyst, run=run, what="resume")
    work(run)
    assert (run.state, run.ended_count) == ("done", 1), run.message
    assert holding() == dict.fromkeys(IDS[:5]) | {IDS[5]: DAY}


def test_the_command_reads_full_lists_too(analyst, tmp_path):
    file = tmp_path / "list.csv"

    def command(ids) -> None:
        rows = "".join(f"{code};Firma;1.2.2026;100\n" for code in ids)
        file.write_text(DEBTS + rows)
        call_command(
            "import_facts", str(file), format="tax-debts", authority="OSH", full_list=True,
            stdout=StringIO(), stderr=StringIO(), **WHY,
        )  # fmt: skip

    command(IDS)
    command(IDS[:5])
    assert holding()[IDS[5]] is not None
    with pytest.raises(CommandError, match="may be cut short"):
        command(IDS[:1])
