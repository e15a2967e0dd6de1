"""A list that its owner keeps says nothing of a site to everybody, its last day included."""

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from authorities.purposes import state_purpose
from targets.models import Fact, ImportMapping, Site
from tests.factories import make_actor
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import undone, upload

HEAD = "Nro;Kohde;Kunta;Auki;Kiinni;Väkeä;Miksi\n"
YESTERDAY = timezone.localdate() - dt.timedelta(days=1)


@pytest.fixture
def mapping(analyst) -> ImportMapping:
    return ImportMapping.objects.create(
        code="watch-list", name="Watch list", kind="sites", authority=analyst.authority,
        columns={"key": "Nro", "name": "Kohde", "municipality": "Kunta", "opened_on": "Auki",
                 "closed_on": "Kiinni", "staff_estimate": "Väkeä"},
        options={"source": "watch", "facts": [{"kind": "list_entry", "columns": {"reason": "Miksi"}}]},
    )  # fmt: skip


def row(key: int, last: str = "", why: str = "Hint", staff: int = 7) -> str:
    return f"{key};Place {key};Helsinki;2020-01-01;{last};{staff};{why}\n"


def public(site: Site) -> tuple:
    site.refresh_from_db()
    return site.status, site.opened_on, site.closed_on, site.staff_estimate


def test_a_last_day_closes_no_site_for_others_and_is_kept_by_its_owner(analyst, mapping, as_user):
    content = HEAD + row(1, YESTERDAY.isoformat()) + row(2) + row(3, YESTERDAY.isoformat(), "")
    run = upload(analyst, content, "watch-list")
    assert (run.state, run.created_count) == ("done", 3), run.message
    closed, open_, silent = Site.objects.order_by("source_key")
    # To others the two cannot be told apart.
    assert public(closed) == public(open_) == public(silent) == ("active", None, None, None)
    facts = {(f.site_id, f.kind): f for f in Fact.objects.all()}
    assert facts[closed.pk, "list_entry"].value == {"reason": "Hint"}
    assert facts[closed.pk, "site_details"].value == {
        "opened_on": "2020-01-01", "closed_on": YESTERDAY.isoformat(), "staff_estimate": 7,
    }  # fmt: skip
    assert "closed_on" not in facts[open_.pk, "site_details"].value
    assert facts[silent.pk, "site_details"].value["closed_on"] == YESTERDAY.isoformat()
    assert (silent.pk, "list_entry") not in facts  # its row gives no reason: it says no such fact
    assert {(f.shared, f.authority_id) for f in facts.values()} == {(False, analyst.authority.pk)}
    tax = make_actor("TAX", "analyst")
    for actor, seen in ((analyst, True), (tax, False)):
        state_purpose(actor=actor, case=closed, text="Choosing targets for the spring round")
        page = as_user(actor).get(reverse("targets:site_detail", args=[closed.public_id]))
        assert ("last day" in page.content.decode()) == seen
        assert ("What the list says of the site itself" in page.content.decode()) == seen
        assert ("<dd>Closed" in page.content.decode()) is False
    assert upload(analyst, content, "watch-list").unchanged_count == 3


def test_what_everybody_knew_of_a_site_a_private_list_does_not_change(analyst, mapping, as_user):
    upload(analyst, HEAD + row(1, YESTERDAY.isoformat()) + row(2), "watch-list", shared=True)
    told = [public(site) for site in Site.objects.order_by("source_key")]
    assert told == [
        ("closed", dt.date(2020, 1, 1), YESTERDAY, 7), ("active", dt.date(2020, 1, 1), None, 7),
    ]  # fmt: skip
    later = HEAD + row(1).replace("7", "9") + row(2, YESTERDAY.isoformat())
    run = upload(analyst, later, "watch-list", shared=False, rehearse=True)
    assert run.preview["site"]["changed"] == 0
    run = upload(analyst, later, "watch-list", shared=False)
    assert [public(site) for site in Site.objects.order_by("source_key")] == told
    undone(analyst, run)
    assert [public(site) for site in Site.objects.order_by("source_key")] == told


def told() -> dict[tuple[str, str], tuple]:
    """What is known now: values, since when, and until when."""
    return {
        (fact.site.source_key, fact.kind): (fact.value, fact.known_from, fact.valid_to)
        for fact in Fact.objects.known().select_related("site")
    }


def test_a_change_of_staff_says_nothing_new_of_the_entry(analyst, mapping):
    upload(analyst, HEAD + row(1) + row(2), "watch-list")
    before = told()
    run = upload(analyst, HEAD + row(1, staff=9) + row(2), "watch-list")
    after = told()
    assert after["1", "site_details"][0]["staff_estimate"] == 9
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {("1", "site_details")}
    undone(analyst, run)
    assert {key: said[0] for key, said in told().items()} == {
        key: said[0] for key, said in before.items()
    }


def test_a_full_list_ends_what_it_kept_of_sites_too(analyst, mapping):
    content = [row(1), row(2), row(3, why="")]
    upload(analyst, HEAD + "".join(content), "watch-list")
    run = upload(analyst, HEAD + content[0] + content[2], "watch-list", full_list=True)
    assert (run.state, run.ended_count) == ("done", 2), run.message
    ended = {key for key, (_value, _known, last) in told().items() if last is not None}
    assert ended == {("2", "list_entry"), ("2", "site_details")}
    undone(analyst, run)
    assert all(last is None for _value, _known, last in told().values())


def test_columns_that_a_fact_names_are_in_that_fact_alone(analyst, mapping):
    mapping.options["facts"][0] |= {"from": "Auki", "to": "Kiinni"}
    mapping.options["facts"][0]["columns"]["people"] = "Väkeä"
    mapping.save()
    assert mapping.fact_kinds == ["list_entry"]
    upload(analyst, HEAD + row(1, YESTERDAY.isoformat()), "watch-list")
    fact = Fact.objects.get()
    assert (fact.kind, fact.value, fact.valid_to) == (
        "list_entry", {"people": 7, "reason": "Hint"}, YESTERDAY,
    )  # fmt: skip


def test_nobody_maps_a_list_of_facts_to_what_is_said_of_sites_alone(analyst, as_user):
    sample = SimpleUploadedFile("a.csv", b"id;y;x\n1;0112038-9;2\n")
    page = as_user(analyst).post(
        reverse("targets:mapping_create"), {"name": "M", "kind": "facts", "file": sample}
    )
    choices = page.context["form"].fields["fact"].choices
    assert "list_entry" in dict(choices)
    assert "site_details" not in dict(choices)
