"""Beyond the numbered pages of a long list one walks on from row to row, each row once."""

import datetime as dt
import json
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from risk.services.scoring import run_scoring
from targets import lists
from targets.models import Site
from targets.services.recusals import recuse
from tests.factories import make_actor, make_company, make_past_visit, make_site
from tests.risk.engine.factories import make_indicator, make_model
from ui import list_exports

pytestmark = pytest.mark.django_db
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
CURVE = {"calibration": [[0, 0.1, 0.05, 0.2], [100, 0.9, 0.8, 0.95]]}
ORDERS = ("name", "-name", "last_visit", "-last_visit", "risk", "-risk")


@pytest.fixture
def sites(reference, monkeypatch):
    """140 sites of which many share a name, a day and a worth; three are not scored. Bound: 25."""
    today = timezone.localdate()
    rows = [make_site(name=f"S{number // 9:02d}") for number in range(137)]
    for number, site in enumerate(rows):
        if number % 3:
            make_past_visit(site, shared=True, on=today - dt.timedelta(days=9 + number % 5),
                            outcome="severe" if number % 2 else "minor")  # fmt: skip
            make_past_visit(site, "TAX", on=today - dt.timedelta(days=5))  # not for us
        if not number % 10:
            make_past_visit(site, shared=True, on=today - dt.timedelta(days=400 + number))
    make_model([make_indicator("visits", FOUND, name_en="F", sentence_en="{value}")], params=CURVE)
    run_scoring()
    rows += [make_site(name=f"New {number}") for number in range(3)]
    monkeypatch.setattr(lists.SiteList, "count_limit", 25)
    return rows


def turn(client, address: str):
    page = client.get(reverse("targets:site_list") + address)
    assert page.status_code == 200
    return page.context


def walk(client, address: str, way: str, most: int = 60) -> list[list[int]]:
    """Ids of each page from ``address`` on, by the links of the pages alone."""
    pages = []
    while address and len(pages) < most:
        context = turn(client, address)
        pages.append([row.pk for row in context["rows"]])
        address = context[way]
    assert not address
    return pages


@pytest.mark.parametrize("order", ORDERS)
def test_each_row_comes_once_there_and_back(sites, as_user, order):
    client = as_user(make_actor("OSH", "analyst"))
    pages = walk(client, f"?sort={order}", "next_url")
    forth = [pk for page in pages for pk in page]
    assert sorted(forth) == sorted(site.pk for site in sites)
    assert [len(page) for page in pages] == [25] * 5 + [15]
    # The same order as that of a list short enough to be sorted as a whole, but for equal values.
    last = pages[-2][-1], pages[-1][0]
    start = turn(client, f"?sort={order}")["next_url"]
    second = turn(client, start)
    address = turn(client, second["next_url"])["previous_url"]
    assert [row.pk for row in turn(client, address)["rows"]] == pages[1]
    assert forth.index(last[1]) == forth.index(last[0]) + 1
    end = start
    while turn(client, end)["next_url"]:
        end = turn(client, end)["next_url"]
    back = walk(client, end, "previous_url")
    assert back[0] == pages[-1]
    assert [pk for page in reversed(back) for pk in page] == forth


@pytest.mark.parametrize("order", ["name", "-last_visit", "risk"])
def test_the_order_is_that_of_a_short_list(sites, as_user, monkeypatch, order):
    client = as_user(make_actor("OSH", "analyst"))
    value = {"name": lambda s: s.name, "-last_visit": lambda s: s.last_visit,
             "risk": lambda s: s.card.value}[order]  # fmt: skip

    def values() -> list:
        found, address = [], f"?sort={order}&per_page=50"
        while address:
            context = turn(client, address)
            found += [value(row) for row in context["rows"]]
            address = context["next_url"]
        return found

    long = values()
    monkeypatch.setattr(lists.SiteList, "count_limit", 10_000)
    assert long == values()


def test_filters_go_along_and_what_one_may_not_see_stays_out(sites, as_user):
    company = make_company(name="Kin Oy")
    Site.objects.filter(pk=sites[3].pk).update(status="closed")
    kin = sites[5:9]
    Site.objects.filter(pk__in=[site.pk for site in kin]).update(company=company)
    person = make_actor("OSH", "inspector")
    recuse(actor=make_actor("OSH", "manager"), person=person.user, target=company, reason="Kin")
    client = as_user(person)
    wanted = sorted({site.pk for site in sites} - {site.pk for site in [sites[3], *kin]})
    for order in ORDERS:
        pages = walk(client, f"?sort={order}&status=active", "next_url")
        assert sorted(pk for page in pages for pk in page) == wanted, order
    query = parse_qs(turn(client, "?sort=name&status=active")["next_url"][1:])
    assert (query["status"], query["sort"]) == (["active"], ["name"])
    assert json.loads(query["after"][0])[0] == 0
    # Crafted beside a hidden row, the place shows what follows it and not the row.
    place = json.dumps([0, sites[5].name, sites[5].pk - 1])
    seen = client.get(reverse("targets:site_list"), {"sort": "name", "after": place})
    assert seen.context["sought"]
    assert seen.context["rows"][0].pk == sites[9].pk


def test_where_few_of_those_walked_along_match_one_goes_on_looking(sites, as_user, monkeypatch):
    """A page is short or empty then, says so, and its link leads on."""
    monkeypatch.setattr(lists, "LOOKS", (2, 4))
    client = as_user(make_actor("OSH", "analyst"))
    monkeypatch.setattr(lists.SiteList, "count_limit", 2)
    today = timezone.localdate()
    place = json.dumps([0, (today + dt.timedelta(days=1)).isoformat(), 0])
    address = f"?sort=-last_visit&q=S14&after={place}"
    found = [pk for page in walk(client, address, "next_url") for pk in page]
    assert sorted(found) == sorted(s.pk for s in sites if s.name == "S14")


NO_PLACES = (
    "x", "[]", "null", "[0]", '[0,"S01"]', '[0,"S01",1,2]', '[9,"S01",1]', '[-1,"S01",1]',
    '["0","S01",1]', '[0,{"a":1},1]', '[0,"S01","1"]', "[0,NaN,1]", "[0,Infinity,1]", "[0,1e99,1]",
    "[0,1e-44,1]", '[0,"a\\u0000b",1]', '[0,"\\ud800",1]', "[true,true,true]",
    '[0,"S01",99999999999999999999]', "[" * 400, '[0,"' + "x" * 600 + '",1]', "1" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("order", ["name", "-last_visit", "risk"])
def test_a_place_that_is_none_is_said_and_the_list_begins(sites, as_user, order):
    client = as_user(make_actor("OSH", "analyst"))
    others = () if order == "name" else ('[0,"2024-13-01",1]', '[0,"S01",1]')
    for number, place in enumerate((*NO_PLACES, *others)):
        way = ("after", "before")[number % 2]
        page = client.get(reverse("targets:site_list"), {"sort": order, way: place})
        assert page.status_code == 200, place
        assert "these are its first rows" in page.content.decode(), place
        assert not page.context["sought"]
        assert len(page.context["rows"]) == 25


def test_a_short_list_has_no_place_beyond_its_pages(sites, as_user, monkeypatch):
    monkeypatch.setattr(lists.SiteList, "count_limit", 1_000)
    client = as_user(make_actor("OSH", "analyst"))
    page = client.get(reverse("targets:site_list"), {"after": '[0,"S01",1]', "per_page": "100"})
    assert "these are its first rows" in page.content.decode()
    assert turn(client, "?per_page=100&page=2")["next_url"] == ""


def test_other_links_lead_to_the_beginning(sites, as_user):
    client = as_user(make_actor("OSH", "analyst"))
    address = turn(client, "?sort=name")["next_url"]
    page = client.get(reverse("targets:site_list") + address)
    assert all("after" not in heading["url"] for heading in page.context["headings"])
    assert 'href="?sort=name&amp;per_page=50"' in page.content.decode()
    assert "25 rows from here" in page.content.decode()
    assert [link["number"] for link in page.context["pages"]] == [1]


def test_walking_costs_the_same_at_any_depth_and_counts_nothing_whole(sites, as_user):
    client = as_user(make_actor("OSH", "analyst"))
    for order in ORDERS:
        address, costs = turn(client, f"?sort={order}")["next_url"], set()
        while address:
            with CaptureQueriesContext(connection) as captured:
                context = turn(client, address)
            counts = [q["sql"] for q in captured.captured_queries
                      if "COUNT(*)" in q["sql"] and "targets_site" in q["sql"]]  # fmt: skip
            assert all("LIMIT 26" in sql for sql in counts)
            address = context["next_url"]
            costs.add(len(captured))
        # Where one stretch ends and the next begins, both are asked.
        assert max(costs) - min(costs) <= (0 if "name" in order else 3), (order, costs)


@pytest.mark.parametrize("order", ORDERS)
def test_an_export_walks_on_to_the_last_row(sites, as_user, monkeypatch, order):
    monkeypatch.setattr(list_exports, "PART", 30)
    monkeypatch.setattr(list_exports, "BLOCK", 12)
    client = as_user(make_actor("OSH", "analyst"))
    pages = walk(client, f"?sort={order}", "next_url")
    ids = [pk for page in pages for pk in page]
    sites_by_id = Site.objects.in_bulk(ids)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(reverse("targets:site_list"), {"sort": order, "export": "csv"})
    lines = answer.content.decode("utf-8-sig").splitlines()[6:]
    assert [line.split(";")[0] for line in lines] == [sites_by_id[pk].name for pk in ids]
    assert len(lines) == 140
    # No statement goes through the whole list in its order.
    whole = [q["sql"] for q in asked if " ORDER BY " in q["sql"] and " LIMIT " not in q["sql"]
             and '"id" IN (' not in q["sql"]
             and 'FROM "targets_site"' in q["sql"].split(" WHERE ")[0]]  # fmt: skip
    assert not whole


def test_an_order_that_a_long_export_cannot_have_is_said(as_user, monkeypatch):
    monkeypatch.setattr(lists.CompanyList, "count_limit", 3)
    for n in range(6):
        make_company(name=f"C{5 - n}", registered_on=dt.date(2020, 1, 1 + n))
    client = as_user(make_actor("OSH", "analyst"))
    answer = client.get(reverse("targets:company_list"), {"sort": "registered", "export": "csv"})
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[4] == "A list as long as this is exported in the order of “Company”."
    assert [line.split(";")[0] for line in lines[7:]] == [f"C{n}" for n in range(6)]
