"""A sample of San Francisco through the whole product: importer, indicators, models, backtest."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from risk.engine.values import Asked, values
from risk.models import Label, Report
from risk.services.labels import label_visits, team_key
from risk.yardsticks import files, product, report
from risk.yardsticks.history import History
from targets.models import PastVisit, Site
from tests.factories import make_past_visit, make_site

pytestmark = pytest.mark.django_db
SAMPLE = Path(__file__).parent / "sanfrancisco"


@pytest.fixture
def city():
    return files.of_san_francisco(SAMPLE)


@pytest.fixture
def system(db):
    from audit.context import as_system

    with as_system("the test looks at everything"):
        yield


def visits_of(city):
    return next(part for part in city.parts if part.kind == "visits")


def test_the_sample_goes_the_whole_way_and_the_choice_comes_before_the_test(city, system):
    heard, newest = [], []

    def say(line):
        heard.append(line)
        if "chosen by auc" in line:
            newest.append(PastVisit.objects.latest("on").on)

    found = product.through("san_francisco", city, say)
    # Of 773 visits a quarter lies after the day that parts them; nothing is refused.
    assert PastVisit.objects.count() == 773
    assert all("0 refused" in line for line in heard if line.startswith("  imported"))
    assert newest[0] < files.as_date(city.first)
    tested = found["test"]
    assert tested["n"] == int((visits_of(city).day >= city.first).sum())
    assert found["proof"][found["chosen"]]["auc"][0] == max(
        one["auc"][0] for one in found["proof"].values()
    )
    assert Report.objects.filter(state="done", kind="backtest").count() == 4
    low, high = tested["auc"][1:]
    assert low < tested["auc"][0] < high
    assert tested["auc"][0] == pytest.approx(AUC, abs=0.002)
    assert tested["lift"][0] == pytest.approx(LIFT, abs=0.02)
    shown = "\n".join(report.table({"san_francisco": {"product": found}}))
    assert f"{tested['auc'][0]:.3f}" in shown


AUC, LIFT = 0.0, 0.0


def test_indicators_say_what_the_direct_reader_counts(city, system):
    """The same questions asked of the database and of the arrays, for every visit."""
    entry = product.cities()["san_francisco"]
    places = product.begin(entry)
    for test in (False, True):
        product.bring_in(city, places, test=test, say=lambda line: None)
    part = visits_of(city)
    business, day = part.columns["business_id"].astype(np.int64), part.day
    score, found = part.columns["score"], (part.columns["score"] <= 85).astype(float)
    past = History(business, day, {
        "score": score, "found": found, "violations": part.columns["violations"],
    })  # fmt: skip
    asked = (business, day)
    seen = past.total(*asked) > 0
    expected = {
        "last": past.last(*asked, "score"), "second": past.last(*asked, "score", 2),
        "third": past.last(*asked, "score", 3), "gap": past.since(*asked),
        "gap_before": past.since(*asked, 2), "visits": past.total(*asked),
        "violations": past.fading(*asked, "violations", 365),
        "rate": np.where(seen, 100 * past.rate(*asked, "found", 0.22, half_life=36500), np.nan),
        "mean": np.where(seen, past.rate(*asked, "score", 90, 1), np.nan),
    }  # fmt: skip
    made = product.indicators(
        entry | {"indicators": {k: entry["indicators"][k] for k in expected}}, places[0]
    )
    ids = dict(Site.objects.values_list("source_key", "pk"))
    pairs = [(ids[str(b)], files.as_date(d)) for b, d in zip(business, day, strict=True)]
    rows = values([made[name] for name in expected], Asked.rows(pairs))
    for k, (name, wanted) in enumerate(expected.items()):
        got = np.array([np.nan if (v := row.values[k].number) is None else v for row in rows])
        np.testing.assert_allclose(got, wanted, atol=2e-3, err_msg=name)


def test_a_result_counts_from_the_day_after_its_source_knew_it(city, system):
    """Without the day the source knew it, history would count as known a month later only."""
    entry = product.cities()["san_francisco"]
    places = product.begin(entry)
    product.bring_in(city, places, test=False, say=lambda line: None)
    visit = PastVisit.objects.order_by("on").first()
    assert visit.told_on == visit.on
    made = product.indicators(
        entry | {"indicators": {"last": entry["indicators"]["last"]}}, places[0]
    )
    next_day = Asked.rows([(visit.site_id, visit.on + dt.timedelta(days=1))])
    assert values([made["last"]], next_day)[0].values[0].number == visit.detail["score"]
    PastVisit.objects.filter(pk=visit.pk).update(told_on=None)
    assert values([made["last"]], next_day)[0].values[0].number is None


def test_a_city_of_five_authorities_shares_its_follow_ups_only():
    entry = product.cities()["oslo"]
    mappings = {m["code"] for m in entry["mappings"]}
    assert {a["mapping"] for a in entry["authorities"]} <= mappings
    assert [a["code"] for a in entry["authorities"] if a.get("only_shares")] == ["YARD_OSLO_F"]


@pytest.mark.parametrize("name", ["chicago", "san_francisco", "oslo"])
def test_every_indicator_and_model_of_the_file_can_be_published(name, system):
    entry = product.cities()[name]
    place = product.begin(entry)[0]
    made = product.indicators(entry, place)
    for model in entry["models"]:
        version = product.drafted(entry, model, place, made)
        assert version.indicators.count() == len(entry["models"][model]["indicators"])


def test_calibration_error_of_fewer_bins_is_that_of_the_rows_put_together():
    from risk.learning import metrics

    chance = np.random.default_rng(3)
    p = chance.random(2000)
    y = (chance.random(2000) < p**1.3).astype(float)
    rows = metrics.reliability(y, p, 10)
    assert product.coarse(rows, 5) == pytest.approx(float(metrics.ece(y, p, bins=5)), abs=1e-9)


def test_who_visited_is_kept_beside_many_results_once_and_names_nobody(system):
    visits = [make_past_visit(make_site(), on=dt.date(2020, 1, day)) for day in (1, 2)]
    assert label_visits(groups={visits[0].pk: team_key([1])}) == 1
    assert label_visits(groups={visit.pk: team_key([2]) for visit in visits}) == 1
    kept = dict(Label.objects.values_list("visit_id", "group"))
    assert kept == {visits[0].pk: team_key([1]), visits[1].pk: team_key([2])}
    assert "1" != kept[visits[0].pk] != kept[visits[1].pk]
