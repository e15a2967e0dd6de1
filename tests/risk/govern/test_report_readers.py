"""What others than the owner read of tests: nothing of groups of a few visits."""

import io

import pytest
from django.urls import reverse
from pypdf import PdfReader

from risk import report_words
from risk.arm_rates import promises
from risk.models import ModelVersion
from risk.report_readers import results_for
from targets.models import PastVisit
from tests.factories import make_actor
from tests.risk.govern.factories import drafted, published, results, test_now, told_anew

pytestmark = pytest.mark.django_db


@pytest.fixture
def tested(reference):
    """A joint model on unshared visits, of which one is at the only large firm."""
    results(sites=120, rounds=10)
    PastVisit.objects.update(shared=False)
    lone = PastVisit.objects.filter(outcome="serious").order_by("-on").first().site
    PastVisit.objects.filter(site=lone).exclude(
        pk=lone.past_visits.latest("on").pk
    ).delete()  # fmt: skip
    type(lone).objects.filter(pk=lone.pk).update(staff_estimate=500)
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    backtest = test_now(analyst, version, "backtest", window_days=120)
    return version, backtest, test_now(analyst, version, "audit", capacity=0.3)


def test_a_group_of_one_is_told_with_others(tested):
    version, backtest, audit = tested
    names = report_words.Names(version)
    assert audit.whole.results["findings"]["size"]["50-"]["n"] == 1
    for report, rows in ((audit, report_words.audit_rows), (backtest, report_words.backtest_rows)):
        key = "groups" if report is audit else "segments"
        own = next(t for t in rows(report, names, own=True)[key] if t["label"] == "Staff")
        assert {line["n"] for line in own["rows"]} >= {1}
        told = next(t for t in rows(report, names)[key] if t["label"] == "Staff")
        # One other group joins it, or the difference to the whole would tell of it.
        assert [(line["label"], line["few"]) for line in told["rows"]] == [
            ("Others together", True)
        ]
        line = told["rows"][0]
        values = [cell["value"] for cell in line.get("cells", ())] or [line["hits"], line["chosen"]]
        assert set(values) == {"–"}


def test_rates_of_a_few_chosen_are_not_told(tested):
    _version, _backtest, audit = tested
    audit.whole.results["findings"] = {"region": {
        label: audit.whole.results["findings"]["size"]["50-"]
        | {"n": n, "visited_chosen": visited, "hit_rate": 0.5, "hit_rate_others": 0.4}
        for label, n, visited in (("a", 300, 90), ("b", 100, 30), ("c", 50, 2))
    }}  # fmt: skip
    told_anew(audit)
    told = results_for(audit, own=False)["findings"]["region"]
    assert [told[label]["n"] for label in "abc"] == [300, 100, 50]
    assert [told[label]["hit_rate"] for label in "abc"] == [0.5, None, None]
    assert results_for(audit, own=True)["findings"]["region"]["c"]["hit_rate"] == 0.5


def test_windows_bands_and_draws_of_a_few_have_no_numbers(tested):
    version, backtest, _audit = tested
    total = backtest.whole.results["total"]
    total["model"]["reliability"][0]["n"] = 1
    total["random_arm"]["n"] = 3
    backtest.whole.results["windows"][0]["n"] = 2
    told_anew(backtest)
    told = results_for(backtest, own=False)
    assert len(told["total"]["model"]["reliability"]) == len(total["model"]["reliability"]) - 1
    assert told["windows"][0].keys() == {"start", "end", "n"}
    assert told["windows"][0]["n"] is None
    assert told["total"]["random_arm"] is None
    ModelVersion.objects.filter(pk=version.pk).update(state="active")
    assert promises(make_actor("TAX", "analyst"))[0].drawn is None
    assert promises(make_actor("OSH", "analyst"))[0].drawn["n"] == 3


def test_the_page_goes_by_the_reader(tested, as_user):
    version, _backtest, _audit = tested
    page = reverse("risk:model_detail", args=[version.public_id])
    own = as_user(make_actor("OSH", "manager")).get(page).content.decode()
    others = as_user(make_actor("TAX", "manager")).get(page).content.decode()
    assert "50 or more" in own
    assert "50 or more" not in others
    assert "Others together" in others


def test_no_page_tells_others_of_a_small_group(tested, as_user):
    """Rows of reports of joint models are read by everybody's pages: none gives a few away."""
    version, backtest, audit = tested
    few = {"n": 3, "too_few": True}
    row = next(r for r in audit.whole.results["findings"]["posted"].values() if r["n"] > 200)
    audit.whole.results["findings"]["region"] = {"REGION-OF-THREE": row | few, "REST": row}
    backtest.whole.results["total"]["segments"]["region"] = {
        "REGION-OF-THREE": few,
        "REST": next(iter(backtest.whole.results["total"]["segments"]["posted"].values())),
    }
    told_anew(audit)
    told_anew(backtest)
    ModelVersion.objects.filter(pk=version.pk).update(state="active")
    addresses = [
        reverse(f"risk:{name}", args=[version.public_id]) for name in ("model_detail", "model_card")
    ] + [reverse(f"risk:{name}") for name in ("model_list", "random_arm", "overrides", "run_list",
                                              "method", "method_json", "method_html")]  # fmt: skip

    def told(code: str) -> str:
        client = as_user(make_actor(code, "manager"))
        answers = [client.get(address) for address in addresses]
        assert {answer.status_code for answer in answers} == {200}
        return " ".join(
            " ".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
            if answer["Content-Type"] == "application/pdf" else answer.content.decode()
            for answer in answers
        )  # fmt: skip

    assert "REGION" in told("OSH")
    assert "REGION" not in told("TAX")
