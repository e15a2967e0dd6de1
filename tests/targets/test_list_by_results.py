"""The list of sites by what its visits came to, by open findings and by the age of the place."""

import datetime as dt

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from execution.models import Finding
from feedback.services import close_measure, open_measure
from targets.models import Site, SiteTag
from tests.factories import (
    Cast,
    make_actor,
    make_authority,
    make_company,
    make_municipality,
    make_past_visit,
    make_region,
    make_site,
)
from tests.targets.test_site_list import FINLAND, listed

pytestmark = pytest.mark.django_db


def days_ago(number: int) -> dt.date:
    return timezone.localdate() - dt.timedelta(days=number)


def everywhere(client, query: dict[str, str]) -> list[str]:
    """What the list has, when its map, its export and what is done to all that match have the same."""
    names = listed(client, **query)
    url = reverse("targets:site_list")
    export = client.get(url, query | {"export": "csv"}).content.decode("utf-8-sig")
    assert [row.name for row in Site.objects.order_by("name") if row.name in export] == names
    found = client.get(reverse("targets:site_map"), query | FINLAND).json()
    assert sorted(point["name"] for point in found["points"]) == sorted(names)
    data = {"all": "1", "query": "&".join(f"{key}={value}" for key, value in query.items())}
    SiteTag.objects.all().delete()
    if names:
        client.post(reverse("targets:tag_sites"), data | {"name": "Mine"})
    tagged = SiteTag.objects.values_list("site__name", flat=True)
    assert sorted(tagged) == sorted(names)
    return names


def at(name: str, **values) -> Site:
    return make_site(name=name, latitude=60.2, longitude=24.9, **values)


# ---------------------------------------------------------------------- results of the last visit
@pytest.fixture
def visited():
    """Sites whose last visits came to something else than those before."""
    sites = {name: at(name) for name in ("Better", "Worse", "Shut", "Never", "Minor")}
    for name, before, last in (
        ("Better", "severe", "no_remarks"), ("Worse", "no_remarks", "serious"),
        ("Shut", "severe", "not_possible"),
    ):  # fmt: skip
        make_past_visit(sites[name], on=days_ago(400), outcome=before)
        make_past_visit(sites[name], on=days_ago(40), outcome=last)
    day = days_ago(9)
    make_past_visit(sites["Minor"], on=day, outcome="no_remarks")
    make_past_visit(sites["Minor"], on=day, outcome="minor")  # the later entry of one day
    return sites


def test_the_last_visit_alone_counts(visited, as_user):
    client = as_user(make_actor("OSH", "analyst"))
    for value, names in (
        ("remarks", ["Minor", "Worse"]), ("no_remarks", ["Better"]), ("not_possible", ["Shut"]),
        ("serious", ["Worse"]), ("minor", ["Minor"]), ("severe", []),
    ):  # fmt: skip
        assert everywhere(client, {"last_outcome": value}) == names, value
    page = client.get(reverse("targets:site_list"), {"last_outcome": "remarks"}).content.decode()
    assert "Remarks or deficiencies of any kind" in page
    assert client.get(reverse("targets:site_list"), {"last_outcome": "x"}).status_code == 422


def test_it_is_the_last_one_that_the_reader_knows_of(visited, as_user):
    osh, tax = (make_actor(code, "analyst") for code in ("OSH", "TAX"))
    make_past_visit(visited["Better"], "OSH", on=days_ago(30), outcome="minor")
    assert everywhere(as_user(osh), {"last_outcome": "remarks"}) == ["Better", "Minor", "Worse"]
    assert everywhere(as_user(tax), {"last_outcome": "remarks"}) == []
    make_past_visit(visited["Better"], "TAX", on=days_ago(20), outcome="severe", shared=True)
    make_past_visit(visited["Worse"], "TAX", on=days_ago(20), outcome="no_remarks")  # its own
    assert everywhere(as_user(osh), {"last_outcome": "remarks"}) == ["Better", "Minor", "Worse"]
    assert everywhere(as_user(osh), {"last_outcome": "severe"}) == ["Better"]
    assert everywhere(as_user(tax), {"last_outcome": "no_remarks"}) == ["Worse"]
    assert everywhere(as_user(osh), {"last_outcome": "no_remarks"}) == []
    # Narrowed to the visits of one authority.
    by = str(make_authority("OSH").pk)
    assert everywhere(as_user(osh), {"last_outcome": "minor", "visited_by": by}) == [
        "Better",
        "Minor",
    ]
    assert everywhere(as_user(osh), {"last_outcome": "severe", "visited_by": by}) == []


def test_it_goes_together_with_other_filters(visited, as_user):
    client = as_user(make_actor("OSH", "analyst"))
    page = client.get(
        reverse("targets:site_list"), {"last_outcome": "remarks", "visited": "recent"}
    )
    assert [row.name for row in page.context["rows"]] == ["Minor", "Worse"]
    assert page.context["page"].query.get("last_outcome") == "remarks"


# ---------------------------------------------------------------------- open findings
def test_open_findings_are_those_of_the_sites_page(as_user):
    cast = Cast()
    cast.to("feedback")
    osh, tax = cast.actors["OSH", "inspector"], cast.actors["TAX", "inspector"]
    visit, other = cast.visits()[:2]
    Site.objects.update(latitude=60.2, longitude=24.9)
    at("Quiet")
    query = {"findings": "open"}
    assert everywhere(as_user(osh), query) == sorted([visit.site.name, other.site.name])
    Finding.objects.filter(record__visit=other).update(removed_at=timezone.now())
    assert everywhere(as_user(osh), query) == [visit.site.name]
    for stranger in (tax, make_actor("OUT", "inspector")):
        client = as_user(stranger)
        assert everywhere(client, query) == []  # it is nobody else's to read
        assert "0 sites" in client.get(reverse("targets:site_list"), query).content.decode()
    region = make_region("19", "Lappi")
    make_municipality("698", "Rovaniemi", region)
    narrow = as_user(make_actor("OSH", "inspector", regions=(region,)))
    assert listed(narrow, **query) == []
    for measure in list(visit.measures.filter(authority=osh.authority)):
        close_measure(actor=osh, measure=measure, result="complied")
    measure = open_measure(
        actor=osh, visit=visit, kind="advice", deadline=timezone.localdate() + dt.timedelta(days=9)
    )
    assert everywhere(as_user(osh), query) == [visit.site.name]
    close_measure(actor=osh, measure=measure, result="complied")
    assert everywhere(as_user(osh), query) == []


# ---------------------------------------------------------------------- age
def test_the_age_of_a_place_goes_by_its_own_beginning_first(as_user):
    with time_machine.travel(dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC)):
        today = timezone.localdate()
        old = make_company(name="Old", registered_on=dt.date(1990, 1, 1))
        young = make_company(name="Young", registered_on=dt.date(2026, 1, 1))
        at("New place", company=old, opened_on=dt.date(2026, 2, 1))
        at("Taken over", company=young, opened_on=dt.date(2012, 2, 1))
        at("By company, old", company=old)
        at("By company, young", company=young)
        at("On the day", company=None, opened_on=today.replace(year=2025))
        at("Not known", company=make_company(registered_on=None))
        at("Of nobody", company=None)
        client = as_user(make_actor("OSH", "analyst"))
        assert listed(client, age="0") == ["By company, young", "New place"]
        assert everywhere(client, {"age": "0", "q": "place"}) == ["New place"]
        assert listed(client, age="1") == ["On the day"]
        assert listed(client, age="10") == ["By company, old", "Taken over"]
        assert listed(client, age="5") == []
        page = client.get(reverse("targets:site_list"), {"age": "0"}).content.decode()
        assert "Age of the place" in page
        assert "From the day the site opened; where that is not known" in page


@pytest.mark.parametrize(
    "query", [{"last_outcome": "serious"}, {"findings": "open"}, {"age": "10"}]
)
def test_a_list_costs_the_same_however_many_match(as_user, query):
    cast = Cast()
    cast.to("feedback")
    client = as_user(cast.actors["OSH", "inspector"])

    def cost() -> int:
        listed(client, **query)
        with CaptureQueriesContext(connection) as captured:
            listed(client, **query)
        return len(captured)

    make_past_visit(at("One"), outcome="serious")
    few = cost()
    for number in range(12):
        make_past_visit(at(f"S{number}", opened_on=dt.date(2001, 1, 1)), outcome="serious")
    assert cost() == few
