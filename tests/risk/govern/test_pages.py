"""Pages as an analyst and a manager use them."""

import io
import json

import pytest
from django.urls import reverse
from pypdf import PdfReader

from audit.models import AccessEntry
from risk.jobs_reports import run_report
from risk.models import Indicator, IndicatorVersion, ModelVersion
from risk.services.approvals import approve_model
from risk.services.indicators import new_indicator_version
from tests.factories import make_actor
from tests.risk.govern.factories import (
    WORDS,
    audited,
    drafted,
    published,
    results,
    test_now,
)
from tests.risk.govern.test_reports import POSTED
from tests.ui.drawings import commas_in_finnish

pytestmark = pytest.mark.django_db
FORM = WORDS | {
    "owner": "own", "source": "visits", "d-measure": "count", "d-outcomes": ["serious", "severe"],
    "d-within_days": "3650", "direction": "up", "shape": "numbers", "bins-lines": "5",
    "bins-0-limit": "1", "bins-0-points": "0", "bins-1-limit": "3", "bins-1-points": "10",
    "bins-2-limit": "", "bins-2-points": "25", "missing": "nothing", "visibility": "open",
    "step": "save",
}  # fmt: skip


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def text(answer) -> str:
    return answer.content.decode()


def test_an_analyst_builds_an_indicator_and_publishes_it(analyst, as_user):
    client = as_user(analyst)
    address = reverse("risk:indicator_create")
    assert client.get(address).status_code == 200
    answer = client.post(address, FORM)
    version = IndicatorVersion.objects.get()
    assert answer["Location"] == reverse(
        "risk:indicator_detail", args=[version.indicator.public_id]
    )
    assert version.definition == {
        "measure": "count", "outcomes": ["serious", "severe"], "within_days": 3650,
    }  # fmt: skip
    assert version.bins[1] == {"below": 3, "points": 10}
    assert "Publish" in text(client.get(answer["Location"]))
    client.post(reverse("risk:indicator_step", args=[version.public_id]), {"step": "publish"})
    version.refresh_from_db()
    assert version.state == "published"
    page = text(client.get(answer["Location"]))
    assert "from 1 to below 3" in page
    assert "Make a new version" in page
    assert "Version 1 was begun." in page
    assert "Version 1 was published." in page
    client.post(reverse("risk:indicator_version", args=[version.indicator.public_id]))
    assert "Version 2 was begun." in text(client.get(answer["Location"]))
    others = text(as_user(make_actor("TAX", "analyst")).get(answer["Location"]))
    assert "Version 1 was published." in others
    assert "Version 2" not in others  # what an authority drafts is its own


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bins-1-limit": "x"}, "Line 2: the limit is not a number"),
        ({"bins-1-points": "1,5"}, "Line 2: the points are not a whole number"),
        ({"bins-2-points": "5"}, "may not fall"),
        ({"d-within_days": ""}, "field is required"),
        ({"owner": "shared", "visibility": "sealed"}, "needs an owner"),
        ({"name_fi": ""}, "field is required"),
        ({"source": "facts", "d-measure": "last", "d-kind": "residence_permit", "d-field": "x"},
         "Never used"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_the_field(analyst, as_user, change, words):
    answer = as_user(analyst).post(reverse("risk:indicator_create"), FORM | change)
    assert answer.status_code == 422
    assert words in text(answer)
    assert "errorsummary" in text(answer)
    assert not Indicator.objects.exists()


def test_other_fields_and_more_lines_without_scripts(analyst, as_user):
    client = as_user(analyst)
    address = reverse("risk:indicator_create")
    answer = client.post(address, FORM | {"source": "register", "d-measure": "", "step": "fields"})
    assert answer.status_code == 200
    assert "age of the company in years" in text(answer)
    assert 'value="Earlier findings"' in text(answer)
    assert "errorsummary" not in text(answer)
    answer = client.post(address, FORM | {"step": "lines"})
    assert 'name="bins-8-limit"' in text(answer)
    assert 'name="bins-1-points" value="10"' in text(answer)
    assert not Indicator.objects.exists()


def test_the_preview_shows_distribution_coverage_and_examples(analyst, as_user):
    results(sites=12)
    client = as_user(analyst)
    answer = client.post(reverse("risk:indicator_preview"), FORM)
    assert answer.status_code == 200
    page = text(answer)
    assert "Sites by line of points" in page
    assert "Coverage" in page
    assert page.count("/register/sites/") == 12
    waits = client.post(reverse("risk:indicator_preview"), FORM | {"bins-0-points": ""})
    assert "The preview waits for" in text(waits)
    whole = client.post(reverse("risk:indicator_create"), FORM | {"step": "preview"})
    assert "Sites by line of points" in text(whole)
    assert not Indicator.objects.exists()


def test_a_preview_is_a_look_that_the_log_keeps(analyst, as_user):
    """Values of signals and visits belong to somebody: whom they were shown to is written down."""
    results(sites=25)
    client = as_user(analyst)
    before = AccessEntry.objects.count()
    client.post(reverse("risk:indicator_preview"), FORM | {"bins-0-points": ""})  # shows nothing
    assert AccessEntry.objects.count() == before
    client.post(reverse("risk:indicator_preview"), FORM)
    looks = list(AccessEntry.objects.order_by("pk")[before:])
    assert {(e.object_type, e.user, e.owner) for e in looks} == {
        ("targets.site", analyst.user, analyst.authority)
    }  # fmt: skip
    shown = [e.object_id for e in looks if e.object_id is not None]
    assert len(set(shown)) == 20  # the examples one by one
    assert [e.count for e in looks if e.object_id is None] == [5]  # the rest as a number
    assert {e.purpose.text for e in looks} == {"Building an indicator"}
    assert "risk:indicator_preview" in looks[0].route or "preview" in looks[0].route
    draft = published(analyst).indicator
    draft = new_indicator_version(actor=analyst, indicator=draft)
    client.post(f"{reverse('risk:indicator_preview')}?version={draft.public_id}", FORM)
    assert AccessEntry.objects.latest("pk").purpose.text == (
        f"Building the indicator {draft.indicator.code}"
    )
    count = AccessEntry.objects.count()
    register = {"source": "register", "d-measure": "company_age"}
    client.post(reverse("risk:indicator_preview"), FORM | register)
    assert AccessEntry.objects.count() == count  # columns of the register are public


def test_from_draft_to_use_in_the_browser(analyst, as_user):
    results(sites=120, rounds=10, proxy=True)
    clean, proxy = published(analyst), published(analyst, **POSTED)
    client = as_user(analyst)
    answer = client.post(reverse("risk:model_create"), {
        "name_fi": "Palkka", "name_en": "Pay", "kind": "points", "outcomes": ["serious"],
        "joint": "1", "severity": "1", "visit_days": "1",
    })  # fmt: skip
    version = ModelVersion.objects.get()
    edit = reverse("risk:model_edit", args=[version.public_id])
    assert answer["Location"] == edit
    assert client.get(edit).status_code == 200
    wrong = client.post(edit, {"kind": "points", "edits": "1", f"use-{clean.pk}": "on",
                               f"points-{clean.pk}": "9 5 1"})  # fmt: skip
    assert wrong.status_code == 422
    assert "may not fall" in text(wrong)
    client.post(edit, {"kind": "points", "edits": "1", f"use-{clean.pk}": "on",
                       f"use-{proxy.pk}": "on", f"points-{clean.pk}": "0 12 30"})  # fmt: skip
    assert version.indicators.count() == 2
    page = reverse("risk:model_detail", args=[version.public_id])
    step = reverse("risk:model_step", args=[version.public_id])
    assert "Run the backtest" in text(client.get(page))
    backtest = reverse("risk:model_backtest", args=[version.public_id])
    assert 'value="10"' in text(client.get(backtest))
    client.post(backtest, {"unit": "share", "capacity": "10"})
    assert "every 2s" in text(client.get(page))
    run_report(version.reports.get().pk)
    shown = text(client.get(page))
    for words in ("Result of the last visit", "Order as visited", "Promised and found",
                  "Times better than chance", "Run the bias audit",
                  "Capacity: 10 per cent of the visits of each window"):  # fmt: skip
        assert words in shown, words
    test_now(analyst, version, "audit", capacity=0.3)
    shown = text(client.get(page))
    assert "stops this version" in shown or "stop this version" in shown
    assert "Workers posted from abroad" in shown
    assert "Approve" not in text(as_user(make_actor("TAX", "manager")).get(page))
    client = as_user(analyst)
    copy = client.post(step, {"step": "copy"})["Location"]
    second = ModelVersion.objects.get(number=2)
    assert str(second.public_id) in copy
    client.post(reverse("risk:model_edit", args=[second.public_id]), {
        "kind": "points", "edits": str(second.edits), f"use-{clean.pk}": "on"})  # fmt: skip
    test_now(analyst, second, "backtest")
    test_now(analyst, second, "audit", capacity=0.3)
    assert second.state == "audited"
    for code in ("TAX", "OSH"):
        manager = as_user(make_actor(code, "manager"))
        address = reverse("risk:model_approve", args=[second.public_id])
        assert second.content_hash[:16] in text(manager.get(address))
        assert manager.post(address, {"shown_hash": second.content_hash}).status_code == 422
        manager.post(address, {"shown_hash": second.content_hash, "reason": "Read it"})
    activate = reverse("risk:model_activate", args=[second.public_id])
    assert manager.get(activate).status_code == 200
    manager.post(activate)
    second.refresh_from_db()
    assert second.state == "active"
    told = text(manager.get(reverse("risk:model_detail", args=[second.public_id])))
    for words in ("Version 1 was begun.", "A test of version 1 is done.",
                  "The draft of version 2 was changed.", "Version 2 was approved by one authority.",
                  "Version 2 has all the approvals it needs.", "Version 2 was taken into use."):  # fmt: skip
        assert words in told, words
    assert "Something was changed." not in told
    method = text(as_user(make_actor("POL", "inspector")).get(reverse("risk:method")))
    assert "Earlier findings" in method
    assert "Posted workers" not in method
    assert "nationality" in method


def test_the_drawing_of_promises_is_one_in_finnish_too(analyst, as_user):
    results()
    version = drafted(analyst, published(analyst))
    test_now(analyst, version, "backtest")
    client = as_user(analyst)
    page = reverse("risk:model_detail", args=[version.public_id])
    assert commas_in_finnish(client, page) == []
    assert " %</text>" in text(client.get(page))


def test_the_page_follows_a_test_until_its_end(analyst, as_user):
    version = drafted(analyst, published(analyst))
    client = as_user(analyst)
    page = reverse("risk:model_detail", args=[version.public_id])
    assert "every 2s" not in text(client.get(page))
    from django.db import transaction

    from risk.services import reports

    with transaction.atomic():
        report = reports.new_report(actor=analyst, version=version, kind="backtest")
    part = client.get(page, headers={"HX-Request": "true"})
    assert "every 2s" in text(part)
    assert "<h1" not in text(part)
    client.post(reverse("risk:report_cancel", args=[report.public_id]))
    assert "every 2s" not in text(client.get(page))


def test_the_card_holds_everything_on_two_pages_of_paper(analyst, as_user):
    results()
    version = audited_with_results(analyst)
    approve_model(actor=make_actor("TAX", "manager"), version=version, reason="Read it all",
                  shown_hash=version.content_hash)  # fmt: skip
    answer = as_user(make_actor("POL", "coordinator")).get(
        reverse("risk:model_card", args=[version.public_id])
    )
    words = " ".join(p.extract_text() for p in PdfReader(io.BytesIO(answer.content)).pages)
    for expected in ("Earlier findings", "Act 44/2006, section 4", "Order (AUC)", "Bias audit",
                     "Read it all", version.content_hash[:20]):  # fmt: skip
        assert expected in words, expected


def audited_with_results(analyst) -> ModelVersion:
    return audited(analyst, published(analyst))


def test_models_stand_side_by_side_by_authority(analyst, as_user):
    results()
    test_now(analyst, drafted(analyst, published(analyst)), "backtest")
    tax = make_actor("TAX", "analyst")
    drafted(tax, published(tax), name_fi="Vero", name_en="Tax risk")
    page = text(as_user(make_actor("POL", "manager")).get(reverse("risk:model_list")))
    assert page.index("Occupational safety") < page.index("Pay risk") < page.index("Tax risk")
    assert "Last visit’s result" in page
    assert "No backtest with results yet" in page


def test_the_method_as_json_and_html(analyst, as_user):
    client = as_user(make_actor("POL", "inspector"))
    empty = json.loads(text(client.get(reverse("risk:method_json"))))
    assert empty["models"] == []
    assert {"fi", "sv", "en"} <= set(empty["never"][0])
    plain = client.get(reverse("risk:method_html"))
    assert "<script" not in text(plain)
    assert "No joint model is in use yet" in text(plain)
