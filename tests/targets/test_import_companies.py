"""Companies that come with sites: from abroad with their own numbers, sole traders, chains."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from targets.models import (
    Company,
    CompanyIdentifier,
    Fact,
    ImportRun,
    Link,
    RegisterChange,
    SearchEntry,
    Site,
)
from targets.services.imports import storing
from targets.services.uploads import start_upload
from tests.factories import make_actor
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import (
    known_to_all,
    posted_notices,
    undone,
    upload,
    work,
)

pytestmark = pytest.mark.django_db
HEAD = posted_notices().splitlines()[0] + "\n"


def notice(
    key: str = "LT-1", name: str = "Invented Bygg OÜ", country: str = "EE",
    number: str = "EE100931558", client: str = "9900284-9", last: str = "2026-08-31",
) -> str:  # fmt: skip
    return (
        f"{key};2026-03-02;{name};{country};{number};;toimitusjohtaja;Fiktio Rakennus Oy;{client};"
        f"9901380-4;9900284-9;kyllä;41;Kuvitelmankatu 55;33100;Tampere;2026-03-09;{last};14\n"
    )


def post(actor, *notices: str, **values) -> ImportRun:
    """Shared, since links that are not shared bring no company and no place in."""
    run = upload(actor, HEAD + "".join(notices), "posted-workers", **{"shared": True} | values)
    assert run.state == "done", run.message
    return run


def numbers() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Site, Company, CompanyIdentifier, Link, Fact))


def test_the_sending_company_is_kept_with_its_country_and_number(analyst, as_user):
    run = post(analyst, notice())
    assert (run.created_count, run.refused_count) == (1, 0)
    sender = Company.objects.get(kind="foreign")
    assert (sender.name, sender.country, sender.business_id) == ("Invented Bygg OÜ", "EE", None)
    told = sender.identifiers.get()
    assert (told.scheme, told.country, told.value) == ("vat", "EE", "EE100931558")
    site = Site.objects.get()
    links = {
        (link.kind, link.to_site_id, link.to_company.business_id if link.to_company else None,
         link.at_site_id)
        for link in Link.objects.filter(from_company=sender)
    }  # fmt: skip
    assert links == {
        ("works_at", site.pk, None, None),
        ("contracts_to", None, "9900284-9", site.pk),  # the contract is for this one place
    }
    page = as_user(analyst).get(reverse("targets:company_detail", args=[sender.public_id]))
    text = page.content.decode()
    for words in ("foreign company", "EE100931558", "is a contractor of Fiktio Rakennus Oy"):
        assert words in text
    assert SearchEntry.objects.filter(company=sender, kind="code").exists()


def test_notices_of_the_same_sender_are_of_one_company_and_double_nothing(analyst, monkeypatch):
    notices = (
        notice("LT-1"), notice("LT-2", name="INVENTED BYGG", number="100931558", country=""),
        notice("LT-3", number="ee 100 931 558"),
        notice("LT-4", name="Bez Numeru", country="PL", number=""),
        notice("LT-5", name="Bez Numeru", country="PL", number=""),
        notice("LT-6", name="Bez Numeru", country="UA", number="ab-12"),
    )  # fmt: skip
    with pytest.raises(AssertionError):  # without a country the number says nothing
        assert post(analyst, notices[1]).refused_count == 0
    notices = (notices[0], notices[1].replace(";100931558;", ";EE100931558;"), *notices[2:])
    run = post(analyst, *notices)
    assert run.refused_count == 0
    assert Company.objects.filter(kind="foreign").count() == 3
    first = numbers()
    monkeypatch.setattr(storing, "CHUNK", 2)  # also when they come in different parts
    again = post(analyst, *notices)
    assert (again.created_count, again.updated_count) == (0, 0)
    assert numbers() == first


@pytest.mark.parametrize(
    ("values", "field", "code", "words"),
    [
        ({"number": "EE100931559"}, "identifier", "identifier_check", "check digit or form"),
        ({"country": "PL", "number": "PL1"}, "identifier", "identifier_check", "check digit"),
        ({"country": "GB", "number": "GB123"}, "identifier", "identifier_check", "check digit"),
        ({"country": "Viro"}, "country", "country", "code of two letters"),
        ({"country": "", "number": ""}, "country", "missing", "value is missing"),
        ({"country": "FI", "number": "9900010-7"}, "business_id", "business_id_check", "digit"),
        ({"country": "PL", "number": "44051401458"}, "identifier", "personal_code", "personal"),
        ({"last": "2026-03-01"}, "closed_on", "dates_order", "before the first"),
    ],
)
def test_wrong_numbers_and_countries_are_refused_with_words(
    analyst, as_user, values, field, code, words
):
    run = post(analyst, notice(**values), notice("LT-2"))
    assert (run.created_count, run.refused_count) == (1, 1)
    refusal = run.refusals.get()
    assert (refusal.field, refusal.code) == (field, code)
    page = as_user(analyst).get(reverse("targets:import_detail", args=[run.public_id]))
    assert words in page.content.decode()
    if code == "personal_code":
        assert (refusal.value, refusal.row) == ("", None)


def test_an_undo_takes_the_companies_from_abroad_back_unless_others_need_them(analyst):
    before = numbers()
    run = post(analyst, notice())
    undone(analyst, run)
    assert (run.state, run.kept_count) == ("undone", 0)
    # A fact is closed and not erased by an undo, but it goes with the site it was about.
    assert numbers() == before
    first = post(analyst, notice("LT-1"))
    post(analyst, notice("LT-2"))
    undone(analyst, first)
    assert first.kept_count == 3  # the sender and both companies are of the second notice too
    sender = Company.objects.get(kind="foreign")
    assert sender.identifiers.count() == 1
    assert Link.objects.filter(from_company=sender).count() == 2
    assert RegisterChange.objects.filter(company=sender, old__isnull=True).count() == 1


def test_who_works_where_stays_behind_the_wall_of_who_was_told(analyst, as_user):
    known_to_all(analyst, HEAD + notice())
    post(analyst, notice(), shared=False)
    sender = Company.objects.get(kind="foreign")
    url = reverse("targets:company_detail", args=[sender.public_id])
    assert "Fiktio Rakennus Oy" in as_user(analyst).get(url).content.decode()
    other = as_user(make_actor("TAX", "analyst")).get(url).content.decode()
    assert "Fiktio Rakennus Oy" not in other
    assert "Kuvitelmankatu" not in other


@pytest.mark.parametrize(
    ("form", "kind"),
    [("26", "trader"), ("TMI", "trader"), ("16", "legal"), ("41", "public"), ("60", "foreign")],
)
def test_the_form_says_what_kind_of_company_it_is(analyst, form, kind):
    company = {"businessId": {"value": "9900010-6"}, "names": [{"name": "A", "type": "1"}],
               "companyForms": [{"type": form}]}  # fmt: skip
    file = SimpleUploadedFile("a.json", json.dumps({"companies": [company]}).encode())
    run = work(start_upload(actor=analyst, kind="sites", format="prh-v3", file=file))
    assert run.state == "done"
    assert Company.objects.get().kind == kind
