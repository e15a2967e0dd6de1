"""What visits drawn by lot tell: the right rate where all visits mislead, and nothing of others'."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from risk.arm_rates import labelled_visits, promises, rate, rates
from risk.models import Label
from risk.small_groups import OTHERS, merged
from targets.models import PastVisit
from tests.factories import make_actor, make_region, make_site
from tests.risk.govern.factories import drafted, published, results, test_now

pytestmark = pytest.mark.django_db
SINCE = timezone.localdate() - dt.timedelta(days=1000)


def visits(code, count, found, *, arm="random", probability=0.1, shared=True, region="01"):
    """``count`` visits of an authority with results, the first ``found`` of them with a finding."""
    authority = make_actor(code).authority
    for number in range(count):
        visit = PastVisit.objects.create(
            site=make_site(region=make_region(region, f"Region {region}")), authority=authority,
            on=timezone.localdate() - dt.timedelta(days=10 + number), shared=shared, source="test",
            source_key=f"{code}{region}{arm}{PastVisit.objects.count()}",
            outcome="serious" if number < found else "no_remarks",
        )  # fmt: skip
        Label.objects.create(
            visit=visit, arm=arm, probability=probability, known_from=timezone.now()
        )


def seen(actor):
    from django.db import transaction

    with transaction.atomic(), acting_as(actor):
        return labelled_visits(actor, SINCE, "any")


def test_small_groups_are_told_together_and_never_alone():
    assert merged({"a": 40, "b": 9, "c": 3, "d": 1}) == {
        "a": "a", "b": OTHERS, "c": OTHERS, "d": OTHERS,
    }  # fmt: skip  # c and d are four: b joins, or the total would tell
    assert merged({"a": 40, "b": 3, "c": 3}) == {"a": "a", "b": OTHERS, "c": OTHERS}
    assert merged({"a": 6, "b": 5}) == {"a": "a", "b": "b"}
    assert merged({"a": 2}) == {"a": OTHERS}


def test_the_lottery_gives_the_rate_that_all_visits_hide():
    """50 chosen of which 40 found, certain; 20 drawn at 1/20 of which 2 found: 40 + 40 of 450."""
    visits("OSH", 50, 40, arm="chosen", probability=1)
    visits("OSH", 20, 2, probability=0.05)
    visits("OSH", 30, 30, arm="chosen", probability=None)  # no lottery was held there
    found = rate(seen(make_actor("OSH", "analyst")))
    assert found.naive.rate == pytest.approx(72 / 100)
    assert found.design.rate == pytest.approx(80 / 450)
    assert found.design.low < 80 / 450 < found.design.high < 0.5
    assert (found.speaks_for, found.drawn, found.visits) == (450, 20, 100)


def test_groups_with_few_drawn_are_one():
    visits("OSH", 12, 3, region="01")
    visits("OSH", 3, 1, region="02")
    visits("OSH", 4, 1, region="03")
    own = seen(make_actor("OSH", "analyst"))
    assert [(row.label, row.drawn) for row in rates(own, own.region)] == [("01", 12), (OTHERS, 7)]


def test_what_others_keep_to_themselves_moves_no_number(as_user):
    visits("OSH", 8, 2)
    actor = make_actor("TAX", "analyst")
    address = f"{reverse('risk:random_arm')}?authority=OSH"
    before = as_user(actor).get(address).content.decode().split("<main")[1]
    visits("OSH", 30, 30, shared=False)
    after = as_user(actor).get(address).content.decode().split("<main")[1]
    assert before == after
    own = as_user(make_actor("OSH", "analyst")).get(address).content.decode()
    assert ">38</td>" in own
    assert ">38</td>" not in after


def test_a_member_of_one_region_counts_that_region_alone():
    visits("OSH", 8, 2, region="01")
    visits("OSH", 9, 2, region="02")
    narrow = make_actor("OSH", "analyst", regions=(make_region("02"),))
    assert seen(narrow).lots == 9


def test_the_page_says_what_to_read_and_what_is_missing(as_user):
    client = as_user(make_actor("OSH", "manager"))
    address = reverse("risk:random_arm")
    assert "No visits drawn by lot" in client.get(address).content.decode()
    visits("OSH", 60, 55, arm="chosen", probability=1)
    visits("OSH", 40, 2, probability=0.05)
    page = client.get(address).content.decode()
    assert "No visits drawn by lot" not in page
    assert "visits go where more is found than on average" in page
    assert "for 860 sites" in page
    wrong = client.get(address, {"years": "99", "authority": "nobody"})
    assert wrong.status_code == 422
    assert "<tbody" not in wrong.content.decode()


def test_the_page_costs_the_same_whatever_the_number_of_groups(as_user):
    client = as_user(make_actor("OSH", "analyst"))
    address = reverse("risk:random_arm")
    costs = []
    for region in ("01", "02", "03"):
        visits("OSH", 6, 2, region=region)
        visits("TAX", 6, 2, region=region)
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        costs.append(len(captured))
    assert costs == [QUERIES] * 3


QUERIES = 15


def test_a_backtest_holds_promises_against_the_drawn(as_user):
    """Results of the factory: half drawn at one in ten; what is promised was not learnt from them."""
    results()
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    report = test_now(analyst, version, "backtest", window_days=120)
    drawn = report.results["total"]["random_arm"]
    value, low, high = drawn["difference"]
    assert 0 < drawn["n"] < report.results["total"]["n"]
    assert value == pytest.approx(drawn["found"] - drawn["promised"])
    assert low <= value <= high
    type(version).objects.filter(pk=version.pk).update(state="active")
    assert [p.drawn for p in promises(analyst)] == [drawn]
    page = as_user(analyst).get(reverse("risk:random_arm")).content.decode()
    assert "Pay risk" in page
    assert "as far as one can tell" in page or "promises too" in page
