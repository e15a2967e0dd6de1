"""By what a model is judged: where a visit came from, as it was known when its site was chosen."""

import datetime as dt
import io

import pytest
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from risk import report_words
from risk.models import Label
from risk.report_readers import results_for
from risk.services import training
from targets.models import PastVisit, Signal
from tests.factories import make_actor, make_past_visit, make_signal, make_site
from tests.risk.govern.factories import drafted, published, results, test_now, told_anew

pytestmark = pytest.mark.django_db


def ago(days: int) -> dt.date:
    return timezone.localdate() - dt.timedelta(days=days)


def visited(site, origin: str, *, chosen: int | None = 20) -> PastVisit:
    """A visit ten days ago of OSH, its site chosen earlier."""
    visit = make_past_visit(site, authority="OSH", on=ago(10))
    arm = {"arm": "random", "probability": 0.1} if origin == "draw" else {"arm": "chosen"}
    Label.objects.create(
        visit=visit, origin=origin, known_from=timezone.now(),
        chosen_on=None if chosen is None else ago(chosen), **arm,
    )  # fmt: skip
    return visit


def reported(authority: str, days: int, **values) -> Signal:
    """What somebody reported so many days ago."""
    signal = make_signal(
        make_actor(authority), observed_on=ago(days), **({"source_type": "report"} | values)
    )
    Signal.objects.filter(pk=signal.pk).update(created_at=timezone.now() - dt.timedelta(days=days))
    return signal


def origins(version) -> dict[int, str]:
    rows = training.rows(version)
    return {site: str(label) for (site, _day), label in
            zip(rows.asked, rows.segments["origin"], strict=True)}  # fmt: skip


def test_a_tip_counts_where_its_owner_knew_it_before_the_choice(reference):
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    expected = {}

    def case(said: str, origin: str = "nomination", chosen: int | None = 20, **signal) -> None:
        site = make_site()
        visited(site, origin, chosen=chosen)
        if "company" in signal:
            signal["company"] = site.company
        elif signal:
            signal["site"] = site
        if signal:
            reported(signal.pop("of", "OSH"), signal.pop("days"), **signal)
        expected[site.pk] = said

    case("nomination")
    case("register", "register")
    case("tip", days=30)
    case("tip", "register", days=30)
    case("tip", days=30, company=True)
    case("draw", "draw", days=30)  # nobody chose it
    case("nomination", days=20)  # of the very day: it was not known before
    case("nomination", days=15)  # chosen first
    case("nomination", days=30, of="TAX")  # another authority's, given to nobody
    case("nomination", days=30, source_type="observation")
    case("tip", "", chosen=None, days=15)  # no day of a choice: before the visit
    case("?", "", chosen=None, days=5)
    assert origins(version) == expected
    # What was past its last day when the site was chosen is no tip any more.
    site = make_site()
    visited(site, "nomination")
    old = reported("OSH", 60, site=site)
    assert origins(version)[site.pk] == "tip"
    Signal.objects.filter(pk=old.pk).update(expires_on=ago(21))
    assert origins(version)[site.pk] == "nomination"


@pytest.fixture
def tested(reference):
    """A joint model tested on three years of visits, a third of them to sites with a tip."""
    results(sites=120, rounds=8)
    first = {}
    for visit in PastVisit.objects.order_by("-on"):
        first[visit.site_id] = visit.site
    Label.objects.update(origin="nomination", arm="chosen")
    for site in list(first.values())[::3]:
        reported("OSH", 1_500, site=site)
    Signal.objects.update(expires_on=ago(0))
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    backtest = test_now(analyst, version, "backtest", window_days=120)
    return version, backtest, test_now(analyst, version, "audit")


def test_backtest_and_audit_speak_of_the_same_origins(tested):
    version, backtest, audit = tested
    told = backtest.whole.results["total"]["segments"]["origin"]
    assert set(told) == set(audit.whole.results["findings"]["origin"]) == {"nomination", "tip"}
    for measure in ("rate", "precision", "lift", "days_earlier", "auc", "brier", "ece"):
        value, low, high = told["tip"][measure]
        assert low <= value <= high
        assert low < high
    rows = report_words.backtest_rows(backtest, report_words.Names(version), own=True)
    origin = next(s for s in rows["segments"] if s["label"] == "Where the nomination came from")
    tips = next(line for line in origin["rows"] if line["label"] == "tip")
    found = next(cell for cell in tips["cells"] if cell["label"] == "Found")
    assert " … " in found["value"]


def test_how_many_came_of_tips_is_for_the_owner_alone(tested):
    _version, backtest, audit = tested
    assert "origin" not in results_for(backtest, own=False)["total"]["segments"]
    assert "origin" not in results_for(audit, own=False)["findings"]
    assert "region" in results_for(audit, own=False)["findings"]
    assert "origin" in results_for(backtest, own=True)["total"]["segments"]
    # Nor is the table there while there is no tip: that it goes would tell of the first.
    del backtest.whole.results["total"]["segments"]["origin"]["tip"]
    del audit.whole.results["findings"]["origin"]["tip"]
    told_anew(backtest)
    told_anew(audit)
    assert "origin" not in results_for(backtest, own=False)["total"]["segments"]
    assert "origin" not in results_for(audit, own=False)["findings"]


def test_that_tips_stop_a_version_is_told_to_its_owner_alone(tested, as_user):
    version, _backtest, audit = tested
    audit.whole.results["blocking"] = [
        {"group": "origin=tip", "measure": "selection_ratio", "value": 2.5, "limit": 1.25},
        {"group": "region=?", "measure": "selection_ratio", "value": 3.5, "limit": 1.25},
    ]
    told_anew(audit)
    page = reverse("risk:model_detail", args=[version.public_id])
    for code, words in (("OSH", "tip"), ("TAX", "Others together")):
        blocks = as_user(make_actor(code, "manager")).get(page).content.decode()
        assert f"Where the nomination came from: {words}: chosen 2.50 times" in blocks
        assert "Region: not known: chosen 3.50 times" in blocks
    card = as_user(make_actor("OSH", "manager")).get(
        reverse("risk:model_card", args=[version.public_id])
    )
    told = " ".join(p.extract_text() for p in PdfReader(io.BytesIO(card.content)).pages)
    assert "2.50" in told
    assert "tip:" not in told


def test_what_was_found_among_a_few_chosen_is_not_told(tested):
    _version, backtest, _audit = tested
    row = backtest.whole.results["total"]["segments"]["origin"]["nomination"]
    backtest.whole.results["total"]["segments"] = {"region": {
        label: row | {"n": n, "n_chosen": chosen}
        for label, n, chosen in (("a", 300, 40.0), ("b", 200, 30.0), ("c", 90, 3.5))
    }}  # fmt: skip
    told_anew(backtest)
    told = results_for(backtest, own=False)["total"]["segments"]["region"]
    assert [told[label]["n"] for label in "abc"] == [300, 200, 90]
    assert [told[label]["precision"] is None for label in "abc"] == [False, True, True]
    assert told["c"]["lift"] is None
    assert told["c"]["rate"] == row["rate"]


def test_of_a_group_whose_rate_is_not_told_no_exact_excess_is_told(tested):
    """With the rates of the other groups it would give that of the small one beside it."""
    _version, _backtest, audit = tested
    (row, *_others) = audit.whole.results["findings"]["region"].values()
    assert row["hit_rate"] is not None
    audit.whole.results["findings"]["region"] = {
        "a": row | {"visited_chosen": 40.0}, "b": row | {"visited_chosen": 30.0},
        "c": row | {"visited_chosen": 2.0},
    }  # fmt: skip
    audit.whole.results["blocking"] = [
        {"group": f"region={label}", "measure": "false_discovery", "value": 0.1437, "limit": 0.1}
        for label in "ab"
    ]
    told_anew(audit)
    others = results_for(audit, own=False)
    told = {block["group"]: block["value"] for block in others["blocking"]}
    assert told == {"region=a": 0.1437, "region=b": 0.1}
    assert "hit_rate" in others["findings"]["region"]["b"]
    assert others["findings"]["region"]["b"].get("false_discovery") is None
    assert others["findings"]["region"]["b"]["hit_rate"] is None
    mine = results_for(audit, own=True)["blocking"]
    assert {block["value"] for block in mine} == {0.1437}
