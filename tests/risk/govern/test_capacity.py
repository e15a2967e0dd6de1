"""How many visits can be made: asked for with a backtest, told in its report and on the card."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from pypdf import PdfReader

from audit.errors import RuleViolation
from risk.jobs_reports import run_report
from risk.services import reports
from tests.factories import make_actor
from tests.risk.govern.factories import drafted, published, results, test_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst(reference):
    return make_actor("OSH", "analyst")


def text(answer) -> str:
    return answer.content.decode()


def test_visits_of_each_window_are_asked_for_and_told(analyst, as_user):
    results(sites=120, rounds=10)
    version = drafted(analyst, published(analyst))
    client = as_user(analyst)
    page = reverse("risk:model_detail", args=[version.public_id])
    address = reverse("risk:model_backtest", args=[version.public_id])
    assert address in text(client.get(page))
    assert client.post(address, {"unit": "visits", "capacity": "12"})["Location"] == page
    report = version.reports.get()
    assert report.params["capacity"] == 12
    run_report(report.pk)
    report.refresh_from_db()
    total = report.results["total"]
    made = [w for w in report.results["windows"] if not w.get("skipped")]
    assert total["chosen"] == pytest.approx(12 * len(made) / total["n"])
    assert "Capacity: 12 visits of each window." in text(client.get(page))
    card = client.get(reverse("risk:model_card", args=[version.public_id]))
    words = " ".join(p.extract_text() for p in PdfReader(io.BytesIO(card.content)).pages)
    assert "12 visits of each window" in words
    # The bias audit looks at the choice that was tested.
    version.refresh_from_db()
    audit = test_now(analyst, version, "audit")
    assert audit.results["capacity"] == pytest.approx(total["chosen"])
    sizes = audit.whole.results["findings"]["posted"].values()
    assert sum(row["chosen"] for row in sizes) == round(total["chosen"] * audit.results["labels"])


@pytest.mark.parametrize(
    ("unit", "amount", "words"),
    [("share", "0", "more than 0 and less than 100"), ("share", "100", "less than 100"),
     ("visits", "2.5", "whole and at least 1"), ("visits", "0", "whole and at least 1"),
     ("share", "much", "Enter a number"), ("", "10", "This field is required")],
)  # fmt: skip
def test_a_capacity_that_is_none_is_refused_in_words_and_kept(
    analyst, as_user, unit, amount, words
):
    version = drafted(analyst, published(analyst))
    address = reverse("risk:model_backtest", args=[version.public_id])
    answer = as_user(analyst).post(address, {"unit": unit, "capacity": amount})
    assert answer.status_code == 422
    assert words in text(answer)
    assert f'value="{amount}"' in text(answer)
    assert not version.reports.exists()


def test_the_service_and_the_command_refuse_it_too(analyst):
    version = drafted(analyst, published(analyst))
    for capacity in (0, -1, 1.5, float("nan"), float("inf")):
        with pytest.raises(RuleViolation), transaction.atomic():
            reports.new_report(actor=analyst, version=version, kind="backtest", capacity=capacity)
    with pytest.raises(CommandError, match="whole number of visits"):
        call_command("backtest", version.model.code, capacity=1.5)
    test_now(analyst, version, "backtest")
    with pytest.raises(RuleViolation, match="share"), transaction.atomic():
        reports.new_report(actor=analyst, version=version, kind="audit", capacity=20)


def test_who_may_not_ask_for_tests_gets_no_form(analyst, as_user):
    version = drafted(analyst, published(analyst))
    address = reverse("risk:model_backtest", args=[version.public_id])
    for code, role in (("TAX", "analyst"), ("OSH", "coordinator")):
        assert as_user(make_actor(code, role)).get(address).status_code == 403
    # One is under way: said above the form, and what was filled in stays.
    with transaction.atomic():
        reports.new_report(actor=analyst, version=version, kind="backtest")
    answer = as_user(analyst).post(address, {"unit": "visits", "capacity": "7"})
    assert answer.status_code == 422
    assert "under way already" in text(answer)
    assert 'value="7"' in text(answer)
