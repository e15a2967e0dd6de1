"""A list narrowed by mistyped words: what the search box guessed stands there too, and is said."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from targets.models import Site, SiteTag
from targets.services.recusals import end_recusal, recuse
from tests.factories import make_actor, make_company, make_municipality, make_region, make_site

pytestmark = pytest.mark.django_db
NOTE = "What is listed has similar words."
SITES, COMPANIES = "targets:site_list", "targets:company_list"


def listed(client, address=SITES, **query) -> tuple[list[str], bool]:
    """Names of the rows, and whether the page says that words were guessed."""
    page = client.get(reverse(address), query)
    assert page.status_code == 200
    return [row.name for row in page.context["rows"]], NOTE in page.content.decode()


def test_the_way_from_a_mistyped_search_to_the_list_keeps_its_hits(as_user):
    make_site(name="Ravintola Järvenranta", latitude=60.2, longitude=24.9)
    make_site(name="Autopesu Ässä")
    make_company(name="Hämeen Herkut Oy")
    client = as_user(make_actor("OSH", "inspector"))
    for word, label, names in (
        ("jarvenrnata", "Sites", ["Ravintola Järvenranta"]),
        ("ravintloa jarvenranta", "Sites", ["Ravintola Järvenranta"]),
        ("herkkut", "Companies", ["Hämeen Herkut Oy"]),
    ):
        groups = client.get(reverse("ui:search"), {"q": word}).context["groups"]
        group = next(group for group in groups if group["label"] == label)
        page = client.get(group["more_url"])
        assert [row.name for row in page.context["rows"]] == names, word
        assert NOTE in page.content.decode(), word
    assert listed(client, q="järvenranta") == (["Ravintola Järvenranta"], False)
    assert listed(client, q="xqxqxq") == ([], False)
    assert listed(client) == (["Autopesu Ässä", "Ravintola Järvenranta"], False)


def test_map_export_and_bulk_take_the_same_rows(as_user):
    make_site(name="Ravintola Järvenranta", latitude=60.2, longitude=24.9)
    make_site(name="Autopesu Ässä", latitude=60.3, longitude=24.9)
    client = as_user(make_actor("OSH", "analyst"))
    query = {"q": "jarvenrnata"}
    window = query | {"bbox": "18,59,33,71", "zoom": "5"}
    points = client.get(reverse("targets:site_map"), window).json()["points"]
    assert [point["name"] for point in points] == ["Ravintola Järvenranta"]
    answer = client.get(reverse(SITES), query | {"export": "csv"})
    text = answer.content.decode("utf-8-sig")
    assert "Ravintola Järvenranta" in text
    assert "Ässä" not in text
    assert NOTE in text
    data = {"all": "1", "query": "q=jarvenrnata", "name": "Lake"}
    client.post(reverse("targets:tag_sites"), data)
    assert [tag.site.name for tag in SiteTag.objects.all()] == ["Ravintola Järvenranta"]


def test_what_is_written_so_anywhere_in_sight_is_not_guessed(as_user):
    """Another filter changes which rows are listed, never what the words mean."""
    lapland = make_region("19", "Lappi")
    make_site(name="Bosporos Grilli", municipality=make_municipality("698", "Rovaniemi", lapland))
    south = make_site(name="Kebab Bosporus")
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, q="bosporos") == (["Bosporos Grilli"], False)
    assert listed(client, q="bosporos", region=south.region_id) == ([], False)
    # Who acts in the south alone does not see how it is written in the north.
    narrow = as_user(make_actor("OSH", "analyst", regions=(south.region,)))
    assert listed(narrow, q="bosporos") == (["Kebab Bosporus"], True)


def test_a_hidden_row_neither_stops_a_guess_nor_shows_that_one_was_made(as_user):
    hidden = make_site(name="Bosporos Zyxwvut", company=make_company(name="Secret Oy"))
    make_site(name="Kebab Bosporus")
    person, manager = make_actor("OSH", "inspector"), make_actor("OSH", "manager")
    recusal = recuse(actor=manager, person=person.user, target=hidden, reason="Kin")
    client = as_user(person)
    asked = ("bosporos", "bosporsu", "zyxwvut", "zyxwvtu", "kebab")
    seen = {word: listed(client, q=word) for word in asked}
    assert seen["bosporos"] == (["Kebab Bosporus"], True)
    assert seen["zyxwvtu"] == ([], False)
    assert listed(as_user(manager), q="zyxwvtu") == (["Bosporos Zyxwvut"], True)
    end_recusal(actor=manager, recusal=recusal)
    Site.objects.filter(pk=hidden.pk).update(merged_into=make_site(name="Pesula"))
    assert {word: listed(client, q=word) for word in asked} == seen


def test_a_guess_costs_the_same_whatever_it_finds(as_user):
    client = as_user(make_actor("OSH", "inspector"))

    def cost(text: str) -> int:
        listed(client, q=text)
        with CaptureQueriesContext(connection) as captured:
            listed(client, q=text)
        return len(captured)

    make_site(name="Hotelli Bosporus")
    plain, exact, guessed = cost(""), cost("hotelli"), cost("hotlelli")
    for number in range(30):
        make_site(name=f"Hotelli {number}")
    assert (cost("hotelli"), cost("hotlelli")) == (exact, guessed)
    assert (exact - plain, guessed - exact) == (1, 1)
