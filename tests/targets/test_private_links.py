"""Links that only their owner may see add no place and no company: others would learn of the list."""

import re

import pytest
from django.urls import reverse

from targets.models import Company, Fact, Link, RegisterChange, SearchEntry, Site
from targets.services.imports import storing
from targets.services.imports.control import ask
from tests.factories import make_actor
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import known_to_all, posted_notices, undone, upload, work
from tests.targets.test_import_companies import HEAD, notice, numbers

pytestmark = pytest.mark.django_db
NOTICES = "posted-workers"


def page(client, run) -> str:
    answer = client.get(reverse("targets:import_detail", args=[run.public_id]))
    return " ".join(answer.content.decode().split())


def why(run) -> list[tuple[int, str, str]]:
    return list(run.refusals.order_by("line").values_list("line", "field", "code"))


def test_others_learn_nothing_of_a_list_of_notices(analyst, as_user):
    run = upload(analyst, HEAD + notice("LT-1") + notice("LT-2"), NOTICES)
    assert (run.state, run.created_count, run.refused_count) == ("done", 0, 2)
    assert numbers() == (0, 0, 0, 0, 0)
    assert not SearchEntry.objects.exists()
    assert not RegisterChange.objects.exists()
    assert why(run) == [(2, "key", "place_not_known"), (3, "key", "place_not_known")]
    text = page(as_user(analyst), run)
    assert "others would learn that your list names it" in text
    assert "or share this list" in text
    assert run.refusals.first().row["lähettävä_yritys"] == "Invented Bygg OÜ"  # to be mended
    other = as_user(make_actor("TAX", "analyst"))
    for words in ("Invented", "9900284-9", "Kuvitelmankatu"):
        found = other.get(reverse("ui:search"), {"q": words}).content.decode()
        assert "Fiktio" not in found
        assert "/sites/" not in found.split("<main")[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Other Bygg OÜ", "number": "EE101085445"},  # from abroad, by its number
        {"name": "Without Number OÜ", "number": ""},  # by its name
        {"client": "9900147-5"},  # at home, also whom it is done for
    ],
)
def test_a_known_place_does_not_bring_a_company_in(analyst, changed):
    known_to_all(analyst, HEAD + notice("LT-1") + notice("LT-2"))
    before = numbers()
    run = upload(analyst, HEAD + notice("LT-1") + notice("LT-2", **changed), NOTICES)
    assert why(run) == [(3, "company_name", "company_not_known")]
    assert (run.unchanged_count, run.refused_count) == (1, 1)
    assert Company.objects.count() == before[1]
    assert set(Link.objects.values_list("authority", flat=True)) == {analyst.authority.pk}
    assert {link.to_site or link.at_site for link in Link.objects.all()} == {
        Site.objects.get(source_key="LT-1")
    }
    assert Fact.objects.get().site.source_key == "LT-1"


def test_between_what_is_known_links_are_kept_behind_the_wall(analyst, monkeypatch):
    monkeypatch.setattr(storing, "CHUNK", 2)
    text = posted_notices()
    known_to_all(analyst, text)
    run = upload(analyst, text, NOTICES)
    assert (run.created_count, run.refused_count) == (0, 0)
    links = Link.objects.all()
    assert links.count() > 4
    other = make_actor("TAX", "analyst")
    assert not Link.objects.visible_to(other).exists()
    assert not Fact.objects.visible_to(other).exists()


def test_a_rehearsal_says_the_same_and_what_became_known_is_stored(analyst):
    text = HEAD + notice("LT-1") + notice("LT-2")
    known_to_all(analyst, HEAD + notice("LT-1"))
    run = upload(analyst, text, NOTICES, rehearse=True)
    assert why(run) == [(3, "key", "place_not_known")]
    assert run.preview["site"]["new"] == 0
    assert (run.preview["links"]["new"], run.preview["company"]["new"]) == (5, 0)
    known_to_all(analyst, HEAD + notice("LT-2"))
    ask(actor=analyst, run=run, what="store")
    work(run)
    assert (run.state, run.unchanged_count, run.refused_count) == ("done", 2, 0)
    assert Link.objects.filter(authority=analyst.authority).count() == 10


MOVED = notice("LT-1").replace("Kuvitelmankatu 55;33100;Tampere", "Muutoskuja 7;20100;Turku")


def test_what_a_notice_says_of_a_known_place_changes_nothing_that_others_see(analyst, as_user):
    """Its name (the place of work), address and municipality would, and the history would say who
    has told of it."""
    known_to_all(analyst, HEAD + notice("LT-1"))
    other = as_user(make_actor("TAX", "analyst"))
    site = Site.objects.get()

    def seen() -> str:
        text = other.get(reverse("targets:site_detail", args=[site.public_id])).content.decode()
        return re.sub(' value="[^"]*"', "", text.split("<main")[1])  # tokens are new each time

    before, state, changes = seen(), Site.objects.values().get(), RegisterChange.objects.count()
    assert "Kuvitelmankatu 55" in before
    run = upload(analyst, HEAD + MOVED + notice("LT-2"), NOTICES, rehearse=True)
    assert (run.preview["site"]["changed"], run.preview["site"]["unchanged"]) == (0, 1)
    assert (run.preview["site"]["fields"], run.preview["site"]["examples"]) == ({}, [])
    ask(actor=analyst, run=run, what="store")
    work(run)
    assert (run.created_count, run.updated_count, run.unchanged_count) == (0, 0, 1)
    assert run.refused_count == 1  # LT-2
    assert Link.objects.filter(at_site=site).exists()
    assert Fact.objects.get().site == site
    assert Site.objects.values().get() == state
    assert RegisterChange.objects.count() == changes
    assert seen() == before
    undone(analyst, run)
    assert run.state == "undone"
    assert not Link.objects.exists()
    assert not Fact.objects.known().exists()
    assert Site.objects.values().get() == state


def test_a_shared_notice_still_changes_its_place(analyst):
    known_to_all(analyst, HEAD + notice("LT-1"))
    run = upload(analyst, HEAD + MOVED, NOTICES, shared=True)
    assert (run.updated_count, run.unchanged_count) == (1, 0)
    assert Site.objects.get().address == "Muutoskuja 7"
    assert RegisterChange.objects.filter(run=run).get().site == Site.objects.get()


def test_a_list_of_own_sites_still_brings_its_places_in(analyst):
    run = upload(analyst, "id;name\n1;One\n", "csv-sites")
    assert run.created_count == 1
    assert Site.objects.get().name == "One"
