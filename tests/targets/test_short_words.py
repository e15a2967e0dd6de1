"""One or two letters: the list finds the names that begin so, as the search box does."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting_as
from targets import lists
from targets.models import Company, CompanyName, Site
from targets.search import find
from targets.services.recusals import end_recusal, recuse
from targets.services.search import refresh
from tests.factories import make_actor, make_company, make_municipality, make_region, make_site

pytestmark = pytest.mark.django_db
SITES, COMPANIES = "targets:site_list", "targets:company_list"


def listed(client, text: str, address: str = SITES, **query) -> list[str]:
    page = client.get(reverse(address), {"q": text, **query})
    assert page.status_code == 200
    return [row.name for row in page.context["rows"]]


def boxed(actor, side: str, text: str) -> set[str]:
    model = Site if side == "s" else Company
    with acting_as(actor):
        ids = [hit.pk for hit in find(actor, side, text, 30)]
    return set(model.objects.filter(pk__in=ids).values_list("name", flat=True))


@pytest.fixture
def places(db):
    """Names that begin with Ko or K, one that has Ko as a word, one in Swedish, and others."""
    names = ("Ko", "Kotipizza", "Ko Ka Grilli", "Kebab", "Bar Ko", "Autopesu", "Äkta Ko")
    made = {name: make_site(name=name, company=None) for name in names}
    made["Lehmä"] = make_site(name="Lehmä", name_sv="Kossan", company=None)
    return made


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ko", {"Ko", "Kotipizza", "Ko Ka Grilli", "Bar Ko", "Äkta Ko", "Lehmä"}),
        ("K", {"Ko", "Kotipizza", "Ko Ka Grilli", "Kebab", "Lehmä"}),
        ("ko k", {"Ko Ka Grilli"}), ("ka ko", {"Ko Ka Grilli"}), ("a", {"Autopesu", "Äkta Ko"}),
        ("kö", {"Ko", "Kotipizza", "Ko Ka Grilli", "Bar Ko", "Äkta Ko", "Lehmä"}),
        ("zz", set()), ("%", set()), ("k%", {"Ko", "Kotipizza", "Ko Ka Grilli", "Kebab", "Lehmä"}),
    ],
)  # fmt: skip
def test_the_list_finds_what_the_box_finds(places, as_user, text, names):
    actor = make_actor("OSH", "inspector")
    assert set(listed(as_user(actor), text)) == names
    assert boxed(actor, "s", text) == names


def test_companies_are_found_by_former_names_too(as_user):
    firm = make_company(name="Uusi Oy")
    CompanyName.objects.create(company=firm, name="Kolmio", kind="trade", valid_to="2012-01-01")
    make_company(name="Muu Oy")
    refresh(companies=[firm.pk])
    actor = make_actor("OSH", "inspector")
    assert listed(as_user(actor), "ko", COMPANIES) == ["Uusi Oy"]
    assert boxed(actor, "c", "ko") == {"Uusi Oy"}


def test_other_filters_narrow_the_same_rows(places, as_user):
    Site.objects.filter(name="Kebab").update(status="closed")
    client = as_user(make_actor("OSH", "inspector"))
    assert listed(client, "k", status="closed") == ["Kebab"]


def test_hidden_rows_are_neither_listed_nor_counted(places, as_user):
    person, manager = make_actor("OSH", "inspector"), make_actor("OSH", "manager")
    recusal = recuse(actor=manager, person=person.user, target=places["Kotipizza"], reason="Kin")
    client = as_user(person)
    page = client.get(reverse(SITES), {"q": "ko"})
    seen = ([row.name for row in page.context["rows"]], page.context["count_text"])
    assert seen[1] == "5 sites"
    end_recusal(actor=manager, recusal=recusal)
    Site.objects.filter(pk=places["Kotipizza"].pk).update(merged_into=places["Autopesu"])
    page = client.get(reverse(SITES), {"q": "ko"})
    assert ([row.name for row in page.context["rows"]], page.context["count_text"]) == seen


def walked(client, text: str, sort: str, kind: str = SITES) -> list[str]:
    """Names on all pages, by their links alone."""
    address, found = f"?q={text}&sort={sort}", []
    while address:
        page = client.get(reverse(kind) + address)
        found += [row.name for row in page.context["rows"]]
        address = page.context["next_url"]
        assert len(found) < 200
    return found


@pytest.mark.parametrize("narrow", [False, True])
def test_a_long_list_has_each_row_once_both_ways(places, as_user, monkeypatch, narrow):
    lapland = make_region("19", "Lappi")
    north = make_municipality("698", "Rovaniemi", lapland)
    for number in range(60):
        make_site(name=f"Korvaamo {number:02d}", name_sv=f"Koruppen {number:02d}", company=None,
                  municipality=north)  # fmt: skip
    if narrow:
        Site.objects.filter(name="Korvaamo 07").update(
            region=places["Ko"].region_id, municipality=places["Ko"].municipality_id
        )
        refresh(sites=list(Site.objects.filter(name="Korvaamo 07").values_list("pk", flat=True)))
    actor = make_actor("OSH", "inspector", regions=(lapland,) if narrow else ())
    client = as_user(actor)
    whole = listed(client, "ko", per_page="100")
    assert len(whole) == (59 if narrow else 66)
    monkeypatch.setattr(lists.SiteList, "count_limit", 25)
    forth, back = walked(client, "ko", "name"), walked(client, "ko", "-name")
    assert sorted(forth) == sorted(whole)
    # What has the letters as a word only comes after all names that begin so.
    begun = forth if narrow else forth[:-2]
    assert back == begun[::-1] + forth[len(begun) :][::-1]
    assert begun[0] == ("Korvaamo 00" if narrow else "Ko")
    assert set(forth[len(begun) :]) == (set() if narrow else {"Bar Ko", "Äkta Ko"})


@pytest.mark.parametrize("sort", ["name", "-name"])
def test_pages_keep_one_order_where_few_of_the_names_match(places, as_user, monkeypatch, sort):
    """However many are looked at for them: two numbered pages, and those one walks on to."""
    for number in range(90):
        make_site(name=f"Kohde {number:02d}", company=None,
                  status="active" if number % 3 else "closed")  # fmt: skip
    monkeypatch.setattr(lists.SiteList, "count_limit", 50)
    client = as_user(make_actor("OSH", "inspector"))
    asked = "ko&status=active"
    whole = walked(client, asked, sort)
    assert len(whole) == len(set(whole)) == 66
    assert {"Bar Ko", "Äkta Ko"} == set(whole[-2:])
    monkeypatch.setattr(lists, "LOOKS", (2, 7))
    assert walked(client, asked, sort) == whole


def test_what_only_its_code_finds_is_on_a_page_of_a_long_list(as_user, monkeypatch):
    """Letters and digits typed in pieces may be an identifier's beginning, however short they are."""
    for number in range(30):
        make_company(name=f"12 Palvelu 34 {number:02d}")
    for number in range(3):
        make_company(name=f"Muu {number}", business_id=f"123400{number}-1")
    refresh(companies=list(Company.objects.values_list("pk", flat=True)))
    client = as_user(make_actor("OSH", "inspector"))
    whole = listed(client, "12 34", COMPANIES, per_page="100")
    assert {name for name in whole if name.startswith("Muu")} == {"Muu 0", "Muu 1", "Muu 2"}
    monkeypatch.setattr(lists.CompanyList, "count_limit", 25)
    assert walked(client, "12 34", "name", COMPANIES) == whole
    assert walked(client, "12 34", "-name", COMPANIES) == whole[::-1]
    export = client.get(reverse(COMPANIES), {"q": "12 34", "export": "csv"}).content.decode()
    assert all(f"Muu {number}" in export for number in range(3))


def test_no_address_holds_the_name_of_a_hidden_row(places, as_user, monkeypatch):
    """Where few of the names walked along match, one goes on from the last that was looked at."""
    person = make_actor("OSH", "inspector")
    for number in range(12):
        name = f"Kohde {number:02d} {'Secret' if number < 8 else 'Open'}"
        site = make_site(name=name, company=None, status="closed" if number > 9 else "active")
        if number < 8:
            recuse(
                actor=make_actor("OSH", "manager"), person=person.user, target=site, reason="Kin"
            )
    monkeypatch.setattr(lists, "LOOKS", (1, 2))
    monkeypatch.setattr(lists.SiteList, "count_limit", 1)
    client = as_user(person)
    address, found = '?q=ko&sort=name&status=closed&after=[0,"ko",0]', []
    while address:
        page = client.get(reverse(SITES) + address)
        found += [row.name for row in page.context["rows"]]
        address = page.context["next_url"]
        assert "secret" not in f"{address} {page.context['previous_url']}".lower()
        assert "Secret" not in page.content.decode()
    assert found == ["Kohde 10 Open", "Kohde 11 Open"]


def test_what_it_costs(places, as_user, monkeypatch):
    client = as_user(make_actor("OSH", "inspector"))

    def cost(text: str) -> int:
        listed(client, text)
        with CaptureQueriesContext(connection) as captured:
            listed(client, text)
        return len(captured)

    plain = cost("")
    assert (cost("ko") - plain, cost("zz") - plain) == (0, -1)  # no row, nothing to fetch
    monkeypatch.setattr(lists.SiteList, "count_limit", 2)
    for number in range(30):
        make_site(name=f"Kohde {number:02d}")
    assert cost("ko") - plain == 2  # names, which rows are seen, which name is a row's first


def test_begun_words_are_asked_for_once(as_user):
    make_site(name="Kebab Pirkka")
    client = as_user(make_actor("OSH", "inspector"))

    def asked(address: str, text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address, {"q": text}).status_code == 200
        return sum("w.word > t.word" in query["sql"] for query in captured)

    assert asked(reverse(SITES), "kebab pirkka") == 1
    assert asked(reverse(SITES), "kebba pirkka") == 1
    assert asked(reverse(SITES), "kebab") == 0
    assert asked(reverse("ui:search"), "kebba pirkkka") == 2  # for sites and for companies
