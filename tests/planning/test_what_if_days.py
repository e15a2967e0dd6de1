"""What if an authority had more days, or fewer: over all its pools together, or in one of them."""

import copy
import html
import random

import pytest
from django.urls import reverse

from audit.errors import RuleViolation
from planning.models import Capacity, SelectionRun
from planning.services import changes, runs
from tests.factories import make_region
from tests.planning.test_runs import plan, selecting


def frozen(*days: list[float]) -> dict:
    """Inputs with pools of OSH with these days by week, and one of TAX."""
    places = ["01", "09", "*", "@12"]
    pools = [{"authority": "OSH", "region": r, "days": d}
             for r, d in zip(places, days, strict=False)]  # fmt: skip
    return {
        "sites": [], "quotas": [], "weights": {}, "authorities": [{"code": "OSH"}, {"code": "TAX"}],
        "pools": [*pools, {"authority": "TAX", "region": "*", "days": [4.0] * len(days[0])}],
    }  # fmt: skip


def days_after(given: dict, change: dict[str, float]) -> list[list[float]]:
    before = copy.deepcopy(given)
    changes.check(given, {"days": change})
    after = changes.apply(given, {"days": change})
    assert given == before
    assert after["pools"][-1]["days"] == given["pools"][-1]["days"]
    return [pool["days"] for pool in after["pools"][:-1]]


def test_fewer_days_are_taken_where_there_are_any():
    given = frozen([1.0, 0.0], [5.0, 0.3], [2.0, 0.0])
    after = days_after(given, {"OSH": -6})
    assert after == [[0.25, 0.0], [1.25, 0.0], [0.5, 0.0]]
    assert days_after(given, {"OSH": -80}) == [[0.0, 0.0]] * 3


def test_more_days_are_spread_evenly_and_none_is_lost_by_rounding():
    after = days_after(frozen([1.0], [5.0], [2.0]), {"OSH": 1})
    assert after == [[1.33], [5.34], [2.33]]


def test_the_sum_is_what_was_asked_as_far_as_there_are_days():
    rng = random.Random(3)
    for _ in range(300):
        given = frozen(*([round(rng.uniform(0, 6) * rng.randint(0, 1), 2) for _ in range(2)]
                         for _ in range(rng.randint(1, 4))))  # fmt: skip
        asked = round(rng.uniform(-12, 12), 1)
        after = days_after(given, {"OSH": asked})
        for w in range(2):
            had = sum(pool["days"][w] for pool in given["pools"][:-1])
            assert sum(days[w] for days in after) == pytest.approx(max(0.0, had + asked))
            assert min(days[w] for days in after) >= 0


def test_one_pool_alone_can_be_changed():
    given = frozen([1.0], [5.0], [2.0])
    assert days_after(given, {"OSH/09": -2}) == [[1.0], [3.0], [2.0]]
    assert days_after(given, {"OSH/*": 1.5}) == [[1.0], [5.0], [3.5]]
    with pytest.raises(RuleViolation):
        changes.check(given, {"days": {"OSH/77": 1}})


@pytest.mark.django_db
def test_the_page_offers_the_pools_of_an_authority_that_has_several(as_user):
    cast = selecting()
    other = make_region("09", "Kymenlaakso")
    cast.operation.regions.add(other)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.lead.authority, region=other, days=2
    )
    run = plan(cast)
    client = as_user(cast.lead)
    address = reverse("planning:run", args=[run.public_id])
    text = html.unescape(client.get(address).content.decode())
    short = cast.lead.authority.short
    for value, label in (("OSH", short), ("OSH/09", f"{short}, Kymenlaakso"),
                         ("OSH/*", f"{short}, the other regions")):  # fmt: skip
        assert f'<option value="{value}">{label}</option>' in text
    assert '<option value="TAX/' not in text
    asked = {"kind": "what_if", "authority": "OSH/09", "days": "-1"}
    assert client.post(address, asked).status_code == 302
    question = SelectionRun.objects.latest("number")
    done = runs.perform(runs.claim(question.pk))
    assert done.change == {"days": {"OSH/09": -1.0}}
    before, after = ({(p["authority"], p["region"]): p["days"] for p in r.inputs["pools"]}
                     for r in (run, done))  # fmt: skip
    assert [key for key in before if before[key] != after[key]] == [("OSH", "09")]
    assert after["OSH", "09"] == [pytest.approx(before["OSH", "09"][0] - 1)]
    said = html.unescape(
        client.get(reverse("planning:run", args=[done.public_id])).content.decode()
    )
    assert f"{short}, Kymenlaakso: -1.0 days" in said
    assert client.post(address, asked | {"authority": "OSH/77"}).status_code == 422
