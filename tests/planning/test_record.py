"""The decision record says from what the plan was made, as it was frozen, and whom it is not for."""

import io
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.urls import reverse
from pypdf import PdfReader

from planning.documents import decision_content, make_records
from planning.models import Capacity, Fixed, Participation, SelectionQuota, SelectionRun
from planning.record_inputs import input_sections
from planning.selection_forms import SettingsForm
from planning.services import adopt, lottery, move, runs
from planning.services.criteria import set_terms
from planning.services.grants import sync_grants
from risk.services.scoring import run_scoring
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_industry, make_region, set_rules
from tests.planning.test_runs import plan, selecting
from tests.planning.test_scenarios import CURVE, FOUND
from tests.planning.test_signing import fact, section
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided() -> tuple[Cast, SelectionRun]:
    """A signed round: by weeks, drawn, with days, quotas, a pin and an exclusion of its own."""
    cast = selecting(sites=9)
    set_rules(cast.operation, periods="weeks", random_share=20, no_draw="", burden="0.35")
    for code in cast.CODES:
        Capacity.objects.create(
            operation=cast.operation, authority=cast.place(code).authority, days=Decimal("3.5")
        )
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), minimum=2, maximum=7, hard=True
    )
    SelectionQuota.objects.create(
        operation=cast.operation, industry=make_industry("81", "Cleaning"), minimum=3
    )
    for site, values in (
        (cast.sites[7], {"fixed": Fixed.PINNED, "reason": "A duty from last year"}),
        (cast.sites[8], {"fixed": Fixed.EXCLUDED, "reason": "Burnt down"}),
    ):
        set_terms(actor=cast.lead, operation=cast.operation, site=site, version=0, **values)
    lottery.commit(actor=cast.lead, operation=cast.operation)
    lottery.draw(actor=cast.lead, operation=cast.operation)
    run = plan(cast)
    adopt(actor=cast.lead, operation=cast.operation, run=run)
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._sign()
    cast.refresh()
    return cast, run


def table(content: dict[str, Any], title: str) -> dict[str, list[str]]:
    return {row[0]: row[1:] for row in section(content, title)["rows"]}


def test_the_record_says_in_plain_words_from_what_the_plan_was_made(decided):
    cast, run = decided
    # What is set now is not what the plan knew.
    set_rules(cast.operation, burden="0.99")
    Capacity.objects.all().delete()
    content = decision_content(cast.operation)
    assert fact(content, "Fingerprint of its inputs") == run.inputs_hash
    assert fact(content, "Seed of the solver") == str(runs.OPTIONS["plan"]["seed"])
    assert fact(content, "Draw: random share") == "20 %"
    assert "drawn" in fact(content, "Draw: number of draws")
    assert len(fact(content, "Draw: seed")) == 64
    assert fact(content, "Candidates") == "9"
    weights = table(content, "Weights of the proposal")
    assert weights["Burden spared"] == ["0.35"]
    assert weights["Earlier is better"] == ["0.005"]
    osh = cast.place("OSH").authority.short
    assert weights[f"A finding of {osh}"] == ["1"]
    rules = table(content, "Rules of the proposal")
    assert rules["Random share (%)"] == ["20"]
    assert rules["Visits to one firm, at most"] == ["1"]
    assert rules["Days of rest since the last visit"] == [str(settings.REST_DAYS)]
    days = table(content, "Inspector-days the proposal could use")
    pool = next(p for p in run.inputs["pools"] if p["authority"] == "OSH")
    assert days[osh][0] == f"{sum(pool['days']):g}"
    assert days[osh][1].count("week ") == len(run.inputs["periods"])
    quotas = table(content, "Quotas")
    region, cleaning = make_region().name, "Cleaning"
    assert quotas[region] == ["2", "7", "no plan", "0"]
    assert quotas[cleaning] == ["3", "–", "the lack is told", "3"]
    by_hand = table(content, "Pinned and excluded before the proposal")
    pinned, excluded = cast.sites[7:]
    assert set(by_hand) == {pinned.name, excluded.name}
    assert by_hand[pinned.name][0].startswith("pinned")
    assert by_hand[pinned.name][3:] == ["A duty from last year", osh]
    assert by_hand[excluded.name][0].startswith("excluded")
    assert by_hand[excluded.name][3] == "Burnt down"


def test_the_record_is_still_a_document_for_everybody(decided, as_user):
    cast, _run = decided
    assert make_records(cast.operation) == 3
    client = as_user(cast.actors["POL", "manager"])
    for language in ("fi", "sv", "en"):
        answer = client.get(
            reverse("planning:decision_record", args=[cast.operation.public_id, language])
        )
        reader = PdfReader(io.BytesIO(answer.content))
        assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
        assert "Burnt" in " ".join(page.extract_text() for page in reader.pages)


def test_the_record_is_not_for_whoever_is_kept_away_from_what_was_only_excluded(decided, as_user):
    """The excluded candidate stands in it with the reason, although nobody decided on it."""
    cast, _run = decided
    make_records(cast.operation)
    cast.operation.choices.filter(site=cast.sites[8]).delete()
    away = make_actor("TAX", "manager")
    page = reverse("planning:decision_record", args=[cast.operation.public_id, "fi"])
    assert as_user(away).get(page).status_code in (200, 404)
    recuse(
        actor=cast.actors["TAX", "manager"], person=away.user, target=cast.sites[8], reason="Kin"
    )
    assert as_user(away).get(page).status_code == 404
    assert as_user(cast.actors["TAX", "manager"]).get(page).status_code == 200


def test_the_models_are_those_by_which_the_plan_was_made():
    """A run waits in the queue while everything is scored anew with another model."""
    cast = selecting()
    visits = make_indicator("visits", FOUND, sentence_en="{value} visits with findings")
    first = make_model([visits], params=CURVE)
    run_scoring()
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    second = make_model([visits], authority="TAX", params=CURVE)
    run_scoring()
    claimed = runs.claim(run.pk)
    assert claimed is not None
    done = runs.perform(claimed)
    assert done.state == "done", done.message
    adopt(actor=cast.lead, operation=cast.operation, run=done)
    content = decision_content(cast.refresh())
    assert fact(content, "Risk models") == ", ".join(sorted(map(str, (first, second))))


def test_the_record_is_not_for_whoever_is_only_invited(decided, as_user):
    """It holds weights, days and pins: the selection, which they see nothing of."""
    cast, _run = decided
    make_records(cast.operation)
    late = make_actor("LATE", "coordinator")
    place = Participation.objects.create(
        operation=cast.operation, authority=late.authority, unit=late.unit, state="invited"
    )
    sync_grants(place)
    page = reverse("planning:decision_record", args=[cast.operation.public_id, "fi"])
    pages = [page, *(reverse(f"planning:{name}", args=[cast.operation.public_id])
                     for name in ("signoff", "days", "operation_detail"))]  # fmt: skip
    client = as_user(late)
    assert [client.get(page).status_code for page in pages] == [404] * 4
    client = as_user(cast.actors["POL", "coordinator"])
    assert [client.get(page).status_code for page in pages] == [200] * 4


def test_a_run_from_before_a_rule_was_there_says_nothing_of_that_rule(decided):
    _cast, run = decided
    rules = {k: v for k, v in run.inputs["rules"].items() if k != "most_authorities"}
    run.inputs = run.inputs | {"rules": rules}
    told = {row[0] for part in input_sections(run) for row in part["rows"]}
    assert "Visits to one firm, at most" in told
    assert str(SettingsForm.base_fields["most_authorities"].label) not in told
