"""Lists, search and the score."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from authorities.purposes import state_purpose
from targets.models import CompanyRegistration, Industry, IndustryEdition
from tests.factories import (
    make_actor,
    make_company,
    make_municipality,
    make_past_visit,
    make_region,
    make_site,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [2, 60])
def test_site_list_costs_the_same_whatever_its_length(count, as_user, django_assert_num_queries):
    for _ in range(count):
        make_past_visit(make_site(), shared=True)
    client = as_user(make_actor("OSH", "analyst"))
    client.get(reverse("targets:site_list"))
    with django_assert_num_queries(15):
        client.get(reverse("targets:site_list"), {"per_page": 100})


def test_swap_shows_what_a_reload_shows(as_user):
    for _ in range(30):
        make_site()
    client = as_user(make_actor("OSH", "analyst"))
    address = reverse("targets:site_list") + "?sort=-name&page=2"
    whole = client.get(address).content.decode()
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    begin = whole.index('<section class="results')
    end = whole.index("</section>", begin)
    strip = part.strip()
    assert whole[begin:end].count("<tr") == strip.count("<tr") == 6
    assert [line for line in strip.splitlines() if "csrf" not in line] == [
        line for line in whole[begin : end + len("</section>")].splitlines() if "csrf" not in line
    ]


def test_filters_sort_chips_and_bad_values(as_user):
    region = make_region("19", "Lappi")
    make_site(name="Rovaniemen grilli", municipality=make_municipality("698", "Rovaniemi", region))
    make_site(name="Helsingin grilli")
    client = as_user(make_actor("OSH", "analyst"))
    page = client.get(reverse("targets:site_list"), {"region": region.pk, "q": "GRILLI"})
    text = page.content.decode()
    assert "Rovaniemen grilli" in text
    assert "Helsingin grilli" not in text
    assert "Region and municipality: Lappi" in text
    wrong = client.get(reverse("targets:site_list"), {"region": "999999"})
    assert wrong.status_code == 422
    assert "A filter was not understood" in wrong.content.decode()
    for query in ({"page": "x"}, {"page": "-4"}, {"sort": "nonsense"}, {"per_page": "7"}):
        assert client.get(reverse("targets:site_list"), query).status_code == 200


def test_place_limited_to_a_region_lists_only_its_sites(as_user):
    lapland = make_region("19", "Lappi")
    make_site(name="North", municipality=make_municipality("698", "Rovaniemi", lapland))
    hidden = make_site(name="South")
    client = as_user(make_actor("OSH", "analyst", regions=(lapland,)))
    text = client.get(reverse("targets:site_list")).content.decode()
    assert "North" in text
    assert "South" not in text
    assert client.get(reverse("targets:site_detail", args=[hidden.public_id])).status_code == 404


def test_search_finds_names_in_any_case_and_identifiers(as_user):
    make_site(name="Ääkköspaja", company=make_company(name="Paja Oy", business_id="9910000-0"))
    client = as_user(make_actor("OSH", "inspector"))
    for text in ("ääkkös", "ÄÄKKÖS", "9910000-0"):
        assert "Ääkköspaja" in client.get(reverse("ui:search"), {"q": text}).content.decode()


def cost(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_detail_pages_cost_the_same_whatever_hangs_on_them(as_user):
    client = as_user(make_actor("OSH", "analyst"))
    company = make_company()
    site = make_site(company=company)
    pages = [
        reverse("targets:site_detail", args=[site.public_id]),
        reverse("targets:company_detail", args=[company.public_id]),
    ]

    def grow(number: int) -> None:
        for day in range(number):
            make_past_visit(site, shared=True)
            make_site(company=company)
            former = make_company()
            site.operators.create(company=former, valid_from=dt.date(2020, 1, 1))
            since = dt.date(2015, 1, 1) + dt.timedelta(days=company.names.count() + day)
            company.names.create(name="Old name", kind="trade", valid_from=since)
            CompanyRegistration.objects.create(company=company, register="vat", valid_from=since)
            company.identifiers.create(scheme="register", value=str(former.pk))

    grow(1)
    few = [cost(client, page) for page in pages]
    grow(20)
    assert [cost(client, page) for page in pages] == few == [24, 21]


def listed(client, **query) -> set[str]:
    page = client.get(reverse("targets:site_list"), query)
    assert page.status_code == 200
    return {row.name for row in page.context["rows"]}


def test_sites_by_last_visit_as_the_reader_knows_it(as_user):
    today = timezone.localdate()
    for name, days, values in (
        ("Shared", 800, {"shared": True}), ("Own", 100, {}), ("Of others", 100, {}),
    ):  # fmt: skip
        visited = make_site(name=name)
        make_past_visit(
            visited, "TAX" if name == "Of others" else "OSH", on=today - dt.timedelta(days=days),
            **values,
        )  # fmt: skip
    make_site(name="Never")
    border = (today - dt.timedelta(days=365)).isoformat()
    osh = as_user(make_actor("OSH", "analyst"))
    assert listed(osh, visited_before=border) == {"Shared"}
    assert listed(osh, visited_after=border) == {"Own"}
    assert listed(osh, visited="never") == {"Never", "Of others"}
    assert listed(osh, visited="2y") == {"Shared", "Never", "Of others"}
    tax = as_user(make_actor("TAX", "analyst"))
    assert listed(tax, visited_after=border) == {"Of others"}
    assert tax.get(reverse("targets:site_list"), {"visited_before": "soon"}).status_code == 422


def test_sites_by_industry_and_by_every_name(as_user):
    old, _created = IndustryEdition.objects.get_or_create(
        code="TOL2008", defaults={"name_fi": "TOL 2008"}
    )
    section = Industry.objects.create(edition=old, code="I", level=1, path="I", name_fi="Hotels")
    inns = Industry.objects.create(
        edition=old, code="5610", level=4, path="I/56/561/5610", parent=section, name_fi="Inns"
    )
    make_site(name="New", company=make_company(name="Paja Oy", business_id="9910000-0"))
    make_site(name="Old", name_sv="Värdshuset Ån", industry=inns)
    # A letter of the tree that is shown stands for its divisions, in every edition.
    Industry.objects.filter(edition__code="TOL2025", code="56").update(level=2, path="I/56")
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, industry="56") == {"New", "Old"}
    assert listed(client, industry="i") == {"New", "Old"}
    assert listed(client, industry="56.1") == {"Old"}
    assert listed(client, industry="tol2008 i") == {"Old"}
    assert listed(client, industry="TOL 2008 56") == {"Old"}
    assert listed(client, industry="tol2025 56") == {"New"}
    assert listed(client, q="paja") == {"New"}
    assert listed(client, q="FI 99100000") == {"New"}
    assert listed(client, q="värdshuset å") == {"Old"}
    assert listed(client, source="te") == {"New", "Old"}
    companies = client.get(reverse("targets:company_list"), {"q": "99100000"})
    assert "Paja Oy" in companies.content.decode()


def test_search_leads_to_the_list_with_the_same_words(as_user):
    make_site(name="Fish & Chips")
    client = as_user(make_actor("OSH", "inspector"))
    page = client.get(reverse("ui:search"), {"q": "fish & chips"})
    address = next(g["more_url"] for g in page.context["groups"] if g["rows"])
    assert "Fish &amp; Chips" in client.get(address).content.decode()


def test_site_page_shows_where_it_is_and_the_grades_of_a_visit(as_user):
    company = make_company()
    company.identifiers.create(scheme="euid", country="FI", value="FIPRO.9910000-0")
    site = make_site(company=company, latitude=60.17, longitude=24.94)
    make_past_visit(site, shared=True, kind="routine", detail={"score": 92})
    actor = make_actor("TAX", "inspector")
    client = as_user(actor)
    closed = client.get(reverse("targets:site_detail", args=[site.public_id])).content.decode()
    assert "60.17000, 24.94000" in closed
    assert "score 92" not in closed  # asked for a purpose first
    state_purpose(actor=actor, case=site, text="Preparing a visit")
    page = client.get(reverse("targets:site_detail", args=[site.public_id])).content.decode()
    for words in ("60.17000, 24.94000", "FIPRO.9910000-0", "routine", "score 92"):
        assert words in page


def test_a_site_is_shown_by_its_name_in_the_readers_language(as_user):
    make_site(name="Kahvila Joki", name_fi="Kahvila Joki", name_sv="Kafé Ån")
    for language, name in (("sv", "Kafé Ån"), ("fi", "Kahvila Joki"), ("en", "Kahvila Joki")):
        client = as_user(make_actor("OSH", "analyst", language=language))
        assert name in client.get(reverse("targets:site_list")).content.decode()
