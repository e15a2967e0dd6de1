"""A list that its owner keeps says nothing of a site to everybody, its last day included."""

import datetime as dt

import pytest
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


def row(key: int, last: str = "", why: str = "Hint") -> str:
    return f"{key};Place {key};Helsinki;2020-01-01;{last};7;{why}\n"


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
    facts = {f.site_id: f for f in Fact.objects.all()}
    assert facts[closed.pk].value == {
        "reason": "Hint", "opened_on": "2020-01-01", "closed_on": YESTERDAY.isoformat(),
        "staff_estimate": 7,
    }  # fmt: skip
    assert "closed_on" not in facts[open_.pk].value
    assert facts[silent.pk].value["closed_on"] == YESTERDAY.isoformat()
    assert {(f.shared, f.authority_id) for f in facts.values()} == {(False, analyst.authority.pk)}
    tax = make_actor("TAX", "analyst")
    for actor, seen in ((analyst, True), (tax, False)):
        state_purpose(actor=actor, case=closed, text="Choosing targets for the spring round")
        page = as_user(actor).get(reverse("targets:site_detail", args=[closed.public_id]))
        assert ("last day" in page.content.decode()) == seen
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
