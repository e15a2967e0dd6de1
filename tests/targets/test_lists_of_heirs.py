"""Who carries on an authority's affairs goes on with its lists: nothing comes in a second time."""

import pytest

from targets.models import Fact, ImportMapping, ImportRun, PastVisit, Site
from tests.factories import make_actor, make_site
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import undone, upload
from tests.targets.test_succession_clashes import succeed

PLACES = "Nro;Kohde;Kunta;Miksi\n1;Place 1;Helsinki;Hint\n2;Place 2;Helsinki;Hint\n"
VISITS = "id;site_id;date;outcome\nV1;S1;2026-01-02;MINOR\n"


@pytest.fixture
def heir(analyst):
    """Of an authority whose own list and whose visits had been brought in."""
    for code in ("OSH", "OTHER"):
        own_list(code)
    ImportMapping.objects.create(
        code="visits", name="Visits", kind="visits",
        columns={"key": "id", "site": "site_id", "on": "date", "outcome": "outcome"},
        options={"source": "visits", "outcome": {"map": {"MINOR": "minor"}}},
    )  # fmt: skip
    make_site(source="visits", source_key="S1")
    assert brought(analyst, "OSH-watch").state == "done"
    assert upload(analyst, VISITS, "visits", "visits").created_count == 1
    succeed(make_actor("OSH", "manager"), make_actor("NEW", "manager"))
    return make_actor("NEW", "analyst")


def own_list(code: str) -> None:
    ImportMapping.objects.create(
        code=f"{code}-watch", name="Watch list", kind="sites",
        authority=make_actor(code, "analyst").authority,
        columns={"key": "Nro", "name": "Kohde", "municipality": "Kunta"},
        options={"own": True, "source": "watch",
                 "facts": [{"kind": "list_entry", "columns": {"reason": "Miksi"}}]},
    )  # fmt: skip


def brought(actor, mapping: str, content: str = PLACES, **values) -> ImportRun:
    return upload(actor, content, mapping, **values)


def register() -> tuple[int, int, int]:
    facts = Fact.objects.filter(known_to__isnull=True)
    return Site.objects.count(), facts.count(), PastVisit.objects.count()


def test_the_same_list_brought_in_by_the_heir_changes_nothing(heir):
    before = register()
    run = brought(heir, "OSH-watch")
    assert (run.state, run.created_count, run.unchanged_count) == ("done", 0, 2), run.message
    assert register() == before
    run = upload(heir, VISITS, "visits", "visits")
    assert (run.created_count, run.unchanged_count) == (0, 1)
    assert register() == before


def test_what_the_heir_adds_stands_beside_it_and_goes_back_alone(heir):
    before = register()
    run = brought(
        heir, "OSH-watch", PLACES.replace("Hint", "Told anew") + "3;Place 3;Helsinki;New\n"
    )
    assert register() == (before[0] + 1, before[1] + 1, before[2])
    assert set(
        Fact.objects.filter(known_to__isnull=True).values_list("authority__code", flat=True)
    ) == {"NEW"}
    undone(heir, run)
    assert register() == before


def test_an_heir_that_has_begun_a_list_of_its_own_goes_on_with_that(analyst, db):
    own_list("OSH")
    new = make_actor("NEW", "analyst")
    ImportMapping.objects.filter(code="OSH-watch").update(authority=None)
    brought(analyst, "OSH-watch")
    brought(new, "OSH-watch")
    sites = Site.objects.count()
    assert sites == 4
    succeed(make_actor("OSH", "manager"), make_actor("NEW", "manager"))
    assert brought(new, "OSH-watch").created_count == 0
    assert brought(new, "OSH-watch", PLACES.replace("1;", "9;", 1)).created_count == 1
    assert Site.objects.filter(source="watch:NEW").count() == 3


def test_of_two_lists_none_is_gone_on_with(analyst, db):
    """Number 1 of the one is not number 1 of the other."""
    own_list("OSH")
    ImportMapping.objects.filter(code="OSH-watch").update(authority=None)
    other = make_actor("OTHER", "analyst")
    brought(analyst, "OSH-watch")
    brought(other, "OSH-watch")
    new = make_actor("NEW", "manager")
    for code in ("OSH", "OTHER"):
        succeed(make_actor(code, "manager"), new)
    brought(make_actor("NEW", "analyst"), "OSH-watch")
    assert Site.objects.filter(source="watch:NEW").count() == 2
    assert Site.objects.count() == 6
