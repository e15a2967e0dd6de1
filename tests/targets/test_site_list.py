"""The long list, its map, its tags: the same rows, the same walls, the same cost."""

import datetime as dt

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from audit.models import Event
from config import env
from planning.models import Nomination
from targets import lists
from targets import map as site_map
from targets.models import Fact, Industry, Site, SiteTag, Tag
from targets.services import bulk
from targets.services.bulk import tag_sites
from targets.services.recusals import recuse
from targets.services.reference import load_industries
from tests.factories import (
    Cast,
    make_actor,
    make_authority,
    make_company,
    make_industry,
    make_municipality,
    make_past_visit,
    make_region,
    make_site,
)

pytestmark = pytest.mark.django_db
FINLAND = {"bbox": "18,59,33,71", "zoom": "5"}


def listed(client, **query) -> list[str]:
    page = client.get(reverse("targets:site_list"), query)
    assert page.status_code == 200, page.context["filterset"].form.errors
    return [row.name for row in page.context["rows"]]


def at(name: str, latitude: float, longitude: float, **values):
    return make_site(name=name, latitude=latitude, longitude=longitude, **values)


# ---------------------------------------------------------------------- filters
@pytest.mark.parametrize(
    ("today", "border"), [((2026, 5, 31), (2024, 5, 31)), ((2028, 2, 29), (2026, 2, 28))]
)
def test_two_years_ago_is_a_day(as_user, today, border):
    border = dt.date(*border)
    with time_machine.travel(dt.datetime(*today, 10, tzinfo=dt.UTC)):
        make_past_visit(make_site(name="On the day"), on=border)
        make_past_visit(make_site(name="Before it"), on=border - dt.timedelta(days=1))
        client = as_user(make_actor("OSH", "analyst"))
        assert listed(client, visited="recent") == ["On the day"]
        assert listed(client, visited="2y") == ["Before it"]


def test_a_visit_that_was_not_possible_is_none(as_user):
    tried, both = make_site(name="Tried"), make_site(name="Tried again")
    day = timezone.localdate() - dt.timedelta(days=9)
    for site in (tried, both):
        make_past_visit(site, on=day, outcome="not_possible")
    make_past_visit(both, on=day - dt.timedelta(days=9))
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, visited="never") == ["Tried"]
    assert listed(client, visited="recent") == ["Tried again"]
    assert listed(client, visited_after=day) == []
    assert listed(client, outcome="not_possible") == ["Tried", "Tried again"]
    page = client.get(reverse("targets:site_list"), {"column": ["name", "last_visit"]})
    last = {row.name: row.last_visit for row in page.context["rows"]}
    assert last == {"Tried": None, "Tried again": day - dt.timedelta(days=9)}


def test_by_area_and_industry_from_trees(as_user):
    lapland = make_region("19", "Lappi")
    north = make_municipality("698", "Rovaniemi", lapland)
    make_site(name="North", municipality=north)
    make_site(name="Inari", municipality=make_municipality("148", "Inari", lapland))
    make_site(name="South")
    cars = make_industry("45", "Cars")
    make_site(name="Garage", industry=cars)
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, region=lapland.pk) == ["Inari", "North"]
    assert listed(client, region=north.pk) == ["North"]
    helsinki = Site.objects.get(name="South").municipality_id
    assert listed(client, region=[north.pk, helsinki]) == ["Garage", "North", "South"]
    assert listed(client, branch="45") == ["Garage"]
    assert len(listed(client, branch=["45", "56"])) == 4
    page = client.get(reverse("targets:site_list"), {"region": north.pk}).content.decode()
    assert f'name="region" value="{north.pk}" checked' in page
    assert "<details open><summary>" in page  # the branch with something ticked is unfolded


def test_a_section_means_what_the_tree_shows_in_every_edition(as_user, settings):
    """K is computing in TOL 2025, and money in TOL 2008, where computing is J."""
    load_industries(settings.BASE_DIR / "reference/finland")
    classes = {(i.edition.code, i.code): i for i in Industry.objects.select_related("edition")}
    for name, edition, code in (
        ("Code", "TOL2025", "6210"), ("Old code", "TOL2008", "6201"),
        ("Bank", "TOL2025", "6419"), ("Old bank", "TOL2008", "6419"),
        ("Telecom", "TOL2025", "K"), ("Old money", "TOL2008", "K"),
    ):  # fmt: skip
        make_site(name=name, industry=classes[edition, code])
    client = as_user(make_actor("OSH", "analyst"))
    for asked in ({"branch": "K"}, {"industry": "k"}):
        assert listed(client, **asked) == ["Code", "Old code", "Telecom"]
    assert listed(client, branch=["K", "641"]) == [
        "Bank",
        "Code",
        "Old bank",
        "Old code",
        "Telecom",
    ]
    # A letter with its edition is that edition's.
    assert listed(client, industry="TOL2008 K") == ["Old bank", "Old money"]
    with CaptureQueriesContext(connection) as queries:
        assert len(listed(client, branch=["K", "L"])) == 5
    assert len([q for q in queries if "targets_industry" in q["sql"]]) <= 6


def test_the_industry_tree_reaches_to_groups_and_every_class_has_three_names(as_user, settings):
    load_industries(settings.BASE_DIR / "reference/finland")
    classes = Industry.objects.filter(edition__code="TOL2025")
    make_site(name="Kitchen", industry=classes.get(code="5611"))
    make_site(name="Canteen", industry=classes.get(code="5622"))
    tree = classes.filter(level__lte=3)
    assert tree.count() > 390
    for language in ("fi", "sv", "en"):
        assert not tree.filter(**{f"name_{language}": ""}).exists()
    groups = tree.filter(level=3)
    english = [
        row.code for row in groups if row.name_fi == row.name_en or row.name_sv == row.name_en
    ]
    assert english == []
    client = as_user(make_actor("OSH", "analyst"))
    page = client.get(reverse("targets:site_list"), {"branch": "561"}).content.decode()
    assert 'value="561" checked' in page
    assert "56.2 Pitopalvelut, sopimusruokailu" in page or "56.2 Event catering" in page
    assert listed(client, branch="561") == ["Kitchen"]
    assert listed(client, branch=["561", "562"]) == ["Canteen", "Kitchen"]


def test_a_narrowed_member_has_only_its_regions_in_the_tree(as_user):
    lapland = make_region("19", "Lappi")
    make_municipality("698", "Rovaniemi", lapland)
    make_site(name="South")
    client = as_user(make_actor("OSH", "analyst", regions=(lapland,)))
    page = client.get(reverse("targets:site_list"))
    assert "Rovaniemi" in page.content.decode()
    assert "Helsinki" not in page.content.decode()
    other = make_region().pk
    assert client.get(reverse("targets:site_list"), {"region": other}).status_code == 422


def test_by_size_age_kind_licence_and_who_visited(as_user):
    today = timezone.localdate()
    young = make_company(registered_on=today - dt.timedelta(days=100))
    make_site(name="Small", staff_estimate=3, company=young)
    big = make_site(name="Big", staff_estimate=700, type="vehicle")
    site = make_site(name="Licensed", staff_estimate=10)
    values = {"kind": "alcohol_licence", "known_from": timezone.now(), "source": "x",
              "authority": make_authority("OSH"), "shared": True}  # fmt: skip
    Fact.objects.create(site=site, source_key="1", **values)
    Fact.objects.create(site=big, source_key="2", valid_to=today - dt.timedelta(days=1), **values)
    make_past_visit(big, "TAX", shared=True, outcome="severe")
    make_past_visit(site, "OSH", outcome="minor")
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, size=["1", "250"]) == ["Big", "Small"]
    assert listed(client, size="10") == ["Licensed"]
    assert listed(client, age="0") == ["Small"]
    assert listed(client, age="10") == ["Big", "Licensed"]
    assert listed(client, type="vehicle") == ["Big"]
    assert listed(client, licence="alcohol_licence") == ["Licensed"]
    assert listed(client, licence="-alcohol_licence") == ["Big", "Small"]
    # A transport licence is the company's and holds for each of its sites.
    values["kind"] = "transport_licence"
    Fact.objects.create(company=young, source_key="3", **values)
    assert listed(client, licence="transport_licence") == ["Small"]
    assert listed(client, licence="-transport_licence") == ["Big", "Licensed"]
    tax, osh = make_authority("TAX").pk, make_authority("OSH").pk
    assert listed(client, visited_by=tax) == ["Big"]
    assert listed(client, visited_by=osh, outcome="severe") == []
    assert listed(client, visited_by=tax, visited="never") == ["Licensed", "Small"]
    assert listed(as_user(make_actor("POL", "analyst")), visited_by=osh) == []  # not shared


def test_by_operation_as_far_as_the_actor_sees_it(as_user):
    cast = Cast()
    operation = cast.to("selecting", sites=2)
    make_site(name="Elsewhere")
    own = as_user(cast.lead)
    assert len(listed(own, operation=str(operation.public_id))) == 2
    stranger = as_user(make_actor("OUT", "coordinator"))
    answer = stranger.get(reverse("targets:site_list"), {"operation": str(operation.public_id)})
    assert answer.status_code == 422  # as for one that does not exist


# ---------------------------------------------------------------------- length and order
def test_long_lists_are_counted_and_sorted_within_bounds(as_user, monkeypatch):
    """With a bound of ten, as with one of a thousand: same order as of a short list."""
    today = timezone.localdate()
    for number in range(30):
        site = make_site(name=f"S{number:02d}")
        if number % 2:
            make_past_visit(site, on=today - dt.timedelta(days=1000 - 7 * number))
            make_past_visit(site, on=today - dt.timedelta(days=2000 + 7 * number))
            make_past_visit(site, "TAX", on=today - dt.timedelta(days=5))  # not for us
    client = as_user(make_actor("OSH", "analyst"))
    orders = ("last_visit", "-last_visit", "name", "-name")
    short = {order: listed(client, sort=order, per_page="50") for order in orders}
    assert short["-last_visit"][:2] == ["S29", "S27"]
    monkeypatch.setattr(lists.SiteList, "count_limit", 26)
    for order in orders:
        page = client.get(reverse("targets:site_list"), {"sort": order})
        assert page.context["count_text"] == "26+ sites"
        got = [row.name for row in page.context["rows"]]
        visited = 15 if "last_visit" in order else 25
        assert got[:visited] == short[order][:visited], order
        assert set(got[visited:]) <= set(short[order][visited:])
    monkeypatch.setattr(lists, "LOOKS", (2, 3))
    page = client.get(reverse("targets:site_list"), {"sort": "-last_visit"})
    assert "this page goes by name" in page.content.decode()
    assert [row.name for row in page.context["rows"]][:2] == ["S00", "S01"]


def test_an_order_without_an_index_needs_a_short_list(as_user, monkeypatch):
    for number in range(4):
        make_site(
            name=f"S{number}", municipality=make_municipality(f"90{number}", f"M{9 - number}")
        )
    client = as_user(make_actor("OSH", "analyst"))
    assert listed(client, sort="municipality") == ["S3", "S2", "S1", "S0"]
    column = next(c for c in lists.SiteList.own_columns if c.key == "municipality")
    object.__setattr__(column, "sort_up_to", 3)
    try:
        page = client.get(reverse("targets:site_list"), {"sort": "municipality"})
        assert "narrow the list by a filter" in page.content.decode()
        assert [row.name for row in page.context["rows"]] == ["S0", "S1", "S2", "S3"]
    finally:
        object.__setattr__(column, "sort_up_to", lists.SORTED)


# ---------------------------------------------------------------------- map
def looked(client, **query):
    answer = client.get(reverse("targets:site_map"), FINLAND | query)
    assert answer.status_code == 200
    return answer.json()


def test_the_map_says_what_it_leaves_out(as_user):
    page = as_user(make_actor("OSH", "analyst")).get(reverse("targets:site_list"))
    assert "Sites without coordinates are not on the map." in page.content.decode()


def test_the_map_mirrors_the_list(as_user, monkeypatch):
    at("Grilli A", 60.17, 24.94)
    at("Grilli B", 60.18, 24.95)
    at("Pesula", 66.5, 25.7)
    make_site(name="Nowhere")
    client = as_user(make_actor("OSH", "analyst"))
    assert [p["name"] for p in looked(client)["points"]] == ["Grilli A", "Grilli B", "Pesula"]
    assert [p["name"] for p in looked(client, q="pesula")["points"]] == ["Pesula"]
    near = looked(client, bbox="24.9,60.1,25.0,60.2", zoom="12")
    assert [p["name"] for p in near["points"]] == ["Grilli A", "Grilli B"]
    monkeypatch.setattr(site_map, "POINTS", 1)
    found = looked(client)
    assert sorted(c["count"] for c in found["clusters"]) == [1, 2]
    assert not found["approximate"]


def test_the_map_counts_only_what_the_reader_sees(as_user, monkeypatch):
    monkeypatch.setattr(site_map, "POINTS", 0)
    lapland = make_region("19", "Lappi")
    hidden = at("Hidden", 60.17, 24.94)
    at("North", 66.5, 25.7, municipality=make_municipality("698", "Rovaniemi", lapland))
    person = make_actor("OSH", "inspector")
    client = as_user(person)
    assert sum(c["count"] for c in looked(client)["clusters"]) == 2
    recuse(actor=make_actor("OSH", "manager"), person=person.user, target=hidden, reason="Kin")
    assert [c["count"] for c in looked(client)["clusters"]] == [1]
    assert looked(client)["words"] == "1 site in view."
    narrow = as_user(make_actor("OSH", "analyst", regions=(lapland,)))
    assert [round(c["at"][0], 1) for c in looked(narrow)["clusters"]] == [66.5]


def test_beyond_the_bound_a_part_stands_for_all(as_user, monkeypatch):
    monkeypatch.setattr(site_map, "POINTS", 2)
    monkeypatch.setattr(site_map, "EXACT", 10)
    monkeypatch.setattr(site_map, "TAKEN", 512)
    for number in range(40):
        at(f"S{number}", 60 + number / 100, 24)
    found = looked(as_user(make_actor("OSH", "analyst")))
    assert found["approximate"]
    assert "More than 10 sites" in found["words"]
    assert 10 <= sum(c["count"] for c in found["clusters"]) <= 80


@pytest.mark.parametrize("bbox", ["", "1,2,3", "a,b,c,d", "30,60,20,61", "nan,1,2,3", "inf,1,2,3"])
def test_a_window_that_is_none_is_refused_in_words(as_user, bbox):
    client = as_user(make_actor("OSH", "analyst"))
    answer = client.get(reverse("targets:site_map"), {"bbox": bbox, "zoom": "5"})
    assert answer.status_code == 422
    assert "not understood" in answer.json()["error"]


def test_the_map_costs_the_same_whatever_it_shows(as_user):
    client = as_user(make_actor("OSH", "analyst"))

    def cost() -> int:
        looked(client)
        with CaptureQueriesContext(connection) as captured:
            looked(client)
        return len(captured)

    at("One", 60, 24)
    few = cost()
    for number in range(200):
        at(f"S{number}", 60 + number / 100, 24)
    assert cost() == few == 8


def test_tiles_of_a_window_hold_every_site_in_it():
    site = at("One", 60.17, 24.94)
    site.refresh_from_db()
    window = site_map.Window.of("24.9,60.1,25.0,60.2", "14")
    assert site.tile in (window.tiles() or [])
    assert site_map.Window.of("18,59,33,71", "5").tiles() is None


# ---------------------------------------------------------------------- tags and bulk
def test_tags_are_an_authoritys_own(as_user):
    first, second = make_site(name="First"), make_site(name="Second")
    osh = make_actor("OSH", "inspector")
    sites = Site.objects.filter(pk__in=[first.pk, second.pk])
    assert tag_sites(actor=osh, sites=sites, name="  Summer   round ") == 2
    assert tag_sites(actor=osh, sites=sites, name="summer ROUND") == 0
    tag = Tag.objects.get()
    assert tag.name == "Summer round"
    client = as_user(osh)
    assert listed(client, tag=str(tag.public_id)) == ["First", "Second"]
    tax = make_actor("TAX", "inspector")
    with acting_as(tax):
        assert not Tag.objects.exists()  # by the database's own wall
        assert not SiteTag.objects.exists()
    page = as_user(tax).get(reverse("targets:site_list"), {"column": "tags"})
    assert "Summer round" not in page.content.decode()
    assert as_user(tax).get(
        reverse("targets:site_list"), {"tag": str(tag.public_id)}
    ).status_code == 422  # fmt: skip
    assert (
        tag_sites(actor=osh, sites=sites.filter(pk=first.pk), name="Summer round", remove=True) == 1
    )
    assert listed(as_user(osh), tag=str(tag.public_id)) == ["Second"]
    assert Event.objects.filter(verb="sites.tagged", audience=[osh.authority.pk]).count() == 2


def test_tagging_is_refused_in_words(monkeypatch):
    make_site()
    make_site()
    with pytest.raises(NotAllowed):
        tag_sites(actor=make_actor("OSH", "administrator"), sites=Site.objects.all(), name="x")
    osh = make_actor("OSH", "inspector")
    for name in ("", " ", "x" * 41):
        with pytest.raises(RuleViolation):
            tag_sites(actor=osh, sites=Site.objects.all(), name=name)
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    with pytest.raises(RuleViolation, match="Narrow the list"):
        tag_sites(actor=osh, sites=Site.objects.all(), name="x")


def test_all_that_match_are_tagged_and_nothing_hidden(as_user):
    lapland = make_region("19", "Lappi")
    north = make_municipality("698", "Rovaniemi", lapland)
    for name in ("Grilli A", "Grilli B", "Pesula"):
        make_site(name=name, municipality=north)
    make_site(name="Grilli South")
    client = as_user(make_actor("OSH", "analyst", regions=(lapland,)))
    data = {"all": "1", "query": "q=grilli"}
    page = client.get(reverse("targets:tag_sites"), data)
    assert "2 sites chosen." in page.content.decode()
    answer = client.post(reverse("targets:tag_sites"), data | {"name": "Fast food"})
    assert answer.status_code == 302
    assert sorted(SiteTag.objects.values_list("site__name", flat=True)) == ["Grilli A", "Grilli B"]
    hidden = Site.objects.get(name="Grilli South")
    client.post(reverse("targets:tag_sites"), {"id": str(hidden.public_id), "name": "Other"})
    assert not SiteTag.objects.filter(site=hidden).exists()
    assert client.post(reverse("targets:tag_sites"), data | {"name": ""}).status_code == 422


def test_chosen_sites_are_nominated_to_an_operation_that_takes_them(as_user):
    cast = Cast()
    operation = cast.to("nominating")
    sites = [make_site(name=f"N{n}") for n in range(2)]
    outside = make_site(
        name="Far", municipality=make_municipality("698", "R", make_region("19", "L"))
    )
    client = as_user(cast.lead)
    data = {"id": [str(s.public_id) for s in (*sites, outside)], "reason": "Because", "rating": "3"}
    page = client.get(reverse("planning:nominate_chosen"), {"id": data["id"]})
    assert "3 sites chosen." in page.content.decode()
    answer = client.post(
        reverse("planning:nominate_chosen"), data | {"operation": str(operation.public_id)},
        follow=True,
    )  # fmt: skip
    text = answer.content.decode()
    assert "2 sites were nominated." in text
    assert "Far lies outside the regions" in text
    mine = Nomination.objects.filter(operation=operation, authority=cast.lead.authority)
    assert mine.filter(site__in=sites).count() == 2
    stranger = as_user(make_actor("OUT", "coordinator"))
    refused = stranger.post(
        reverse("planning:nominate_chosen"), data | {"operation": str(operation.public_id)}
    )
    assert refused.status_code == 422


def test_a_tile_server_is_allowed_by_its_origin_alone(as_user, settings):
    assert env.origins("") == []
    assert env.origins("https://tiles.example/wmts/{z}/{y}/{x}.png") == ["https://tiles.example"]
    for address in ("javascript:alert(1)", "https://{s}.tiles.example/{z}", "tiles.example/{z}"):
        with pytest.raises(env.UnsafeSetting):
            env.origins(address)
    client = as_user(make_actor("OSH", "analyst"))
    page = client.get(reverse("targets:site_list"))
    assert 'data-tiles=""' in page.content.decode()
    assert "img-src 'self' blob:;" in page["Content-Security-Policy"] + ";"
    settings.MAP_TILES = "https://tiles.example/{z}/{x}/{y}.png"
    assert "https://tiles.example/{z}" in client.get(reverse("targets:site_list")).content.decode()
