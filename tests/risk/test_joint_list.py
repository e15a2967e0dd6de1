"""Where a site stands: on the list, on its page, opened, and among an operation's nominations."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AccessEntry
from planning.candidates import candidates
from planning.services import choose
from risk import site_list
from risk.models import Visibility
from risk.selectors import joint_scores
from risk.services import changes, scoring
from risk.services.scoring import run_scoring
from targets import lists
from tests.factories import Cast, make_actor, make_past_visit, make_signal, make_site
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
TIPS = {"measure": "count", "within_days": 3650}
CURVE = {"calibration": [[0, 0.1, 0.05, 0.2], [100, 0.9, 0.8, 0.95]]}
WORDS = {"sentence_en": "{value} visits with findings", "name_en": "Findings before"}


def names(client, **query) -> list[str]:
    page = client.get(reverse("targets:site_list"), query)
    return [row.name for row in page.context["rows"]]


def found(site, number: int) -> None:
    for _ in range(number):
        make_past_visit(site, shared=True, outcome="severe")


@pytest.fixture
def sites(reference):
    """Three sites: none, one and three findings; scored."""
    rows = [make_site(name=f"S{number}") for number in range(3)]
    found(rows[1], 1)
    found(rows[2], 3)
    make_model([make_indicator("visits", FOUND, **WORDS)], params=CURVE)
    run_scoring()
    return rows


def test_the_list_goes_by_it_both_ways_short_and_long(sites, as_user, monkeypatch):
    client = as_user(make_actor("TAX", "inspector"))
    assert names(client, sort="risk") == ["S2", "S1", "S0"]
    assert names(client, sort="-risk") == ["S0", "S1", "S2"]
    monkeypatch.setattr(lists.SiteList, "count_limit", 1)
    assert names(client, sort="risk") == ["S2", "S1", "S0"]  # walked along the joint list
    assert names(client, sort="risk", q="S1") == ["S1"]


def test_it_can_be_filtered_by_and_what_is_not_scored_has_a_choice_of_its_own(
    sites, as_user, monkeypatch
):
    client = as_user(make_actor("TAX", "inspector"))
    new = make_site(name="New")
    assert names(client, risk="5") == ["S2"]
    assert names(client, risk="none") == ["New"]
    changes.register_changed([new.pk], [])
    scoring.refresh([make_site(name="Later").pk])  # the next was quicker
    assert names(client, risk="none") == ["New"]
    monkeypatch.setattr(site_list, "MOST", 0)  # as where very many are left
    assert names(client, risk="none") == ["New"]
    assert "Not known" in client.get(reverse("targets:site_list"), {"q": "New"}).content.decode()


def test_a_site_page_tells_rank_probability_and_coverage(sites, as_user):
    client = as_user(make_actor("TAX", "inspector"))
    page = client.get(reverse("targets:site_detail", args=[sites[2].public_id])).content.decode()
    assert "Rank 1 of 3 sites" in page
    assert "Unknown is not low" in page
    assert reverse("risk:site_reasons", args=[sites[2].public_id]) in page


def test_reasons_open_every_point_and_say_what_would_change_it(sites, as_user):
    client = as_user(make_actor("TAX", "inspector"))
    page = client.get(reverse("risk:site_reasons", args=[sites[2].public_id])).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "3 visits with findings" in text
    assert re.search(r"Together 25\b", text)
    assert "Without this: rank" in text
    assert re.search(r"from 1 to below 3: -15 points", text)


def test_a_level_indicator_tells_its_points_and_not_its_value(reference, as_user):
    site = make_site(name="S")
    make_signal(actor=make_actor("OSH", "inspector"), site=site, text="Seen sleeping there")
    make_model(
        [make_indicator("signals", TIPS, authority="OSH", visibility=Visibility.LEVEL,
                        name_en="Tips of the authority", sentence_en="{value} tips in three years")],
        params=CURVE,
    )  # fmt: skip
    run_scoring()
    address = reverse("risk:site_reasons", args=[site.public_id])
    ours_by = make_actor("OSH", "analyst")
    ours = as_user(ours_by).get(address).content.decode()
    assert "1 tips in three years" in ours
    look = AccessEntry.objects.get(object_type="targets.site", object_id=site.pk)
    assert (look.owner.code, look.user) == ("OSH", ours_by.user)
    theirs = as_user(make_actor("TAX", "analyst")).get(address).content.decode()
    assert AccessEntry.objects.filter(object_type="targets.site").count() == 1  # no value, no look
    assert "Tips of the authority" in theirs
    assert "only its points are shown" in theirs
    assert "tips in three years" not in theirs


def test_reasons_of_a_site_cost_the_same_whatever_hangs_on_it(sites, as_user):
    client = as_user(make_actor("TAX", "inspector"))
    address = reverse("risk:site_reasons", args=[sites[2].public_id])

    def cost() -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured)

    few = cost()
    found(sites[2], 20)
    for _ in range(20):
        make_site()
    assert cost() == few


def test_nominations_stand_in_its_order_and_the_unscored_in_the_middle(reference):
    cast = Cast()
    operation = cast.to("selecting", sites=3)
    rows = cast.sites
    found(rows[1], 3)
    make_model([make_indicator("visits", FOUND, **WORDS)], params=CURVE)
    before = candidates(operation)
    assert [entry.card.points for entry in before] == [None] * len(before)
    assert {entry.card.standing for entry in before} == {Decimal(50)}
    run_scoring()
    entries = candidates(operation)
    assert entries[0].site == rows[1]
    assert entries[0].card.points == Decimal(100)
    choice = choose(
        actor=cast.lead, operation=operation, site=rows[1], state="picked", reason="Findings"
    )
    assert choice.points == Decimal(100)
    assert [c["value"] for c in choice.contributions] == [3.0]


def test_what_is_kept_secret_moves_nothing_that_others_see(sites):
    before = joint_scores([s.pk for s in sites])
    make_past_visit(sites[0], "OSH", shared=False, outcome="severe")
    run_scoring()
    assert {k: (v.rank, v.value) for k, v in joint_scores([s.pk for s in sites]).items()} == {
        k: (v.rank, v.value) for k, v in before.items()
    }
