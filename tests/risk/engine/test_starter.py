"""The starter set loads once, scores, and is renewed by a new version."""

import pytest
from django.utils import timezone

from risk.engine.definitions import check_bins, check_of
from risk.models import Indicator, IndicatorVersion, ModelVersion, RunState, Score
from risk.services import scoring
from risk.services.starter import load_starter
from tests.factories import make_authority, make_past_visit, make_site
from tests.risk.engine.factories import make_indicator

pytestmark = pytest.mark.django_db


def test_the_starter_set_loads_twice_without_doubling(reference):
    make_authority("LVV_OSH")
    make_authority("TAX")
    assert load_starter() == {"indicators": 13, "models": 2}
    assert load_starter() == {"indicators": 0, "models": 0}
    for version in IndicatorVersion.objects.all():
        assert check_of(version.source, version.definition, shared=True) == []
        assert check_bins(version.bins) == []
        assert all(getattr(version, f"sentence_{code}") for code in ("fi", "sv", "en"))
    assert set(ModelVersion.objects.values_list("state", flat=True)) == {"draft"}


def test_the_starter_set_scores_a_register(reference):
    make_authority("LVV_OSH")
    load_starter(activate=True)
    sites = [make_site() for _ in range(3)]
    make_past_visit(sites[0], shared=True, on=timezone.localdate(), outcome="severe")
    make_past_visit(sites[1], shared=True, outcome="severe")
    run = scoring.run_scoring()
    assert run.state == RunState.DONE, run.message
    rows = Score.objects.filter(run=run, version__model__code="starter-osh")
    points = [rows.get(site=site).points for site in sites]
    assert points[1] > points[0] == points[2]


def test_what_the_file_says_anew_becomes_a_new_version(reference, settings, tmp_path):
    load_starter()
    text = (settings.REFERENCE_DIR / "risk_indicators.yaml").read_text(encoding="utf-8")
    (tmp_path / "risk_indicators.yaml").write_text(
        text.replace("{below: 1, points: 12}", "{below: 1, points: 11}"), encoding="utf-8"
    )
    settings.REFERENCE_DIR = tmp_path
    assert load_starter() == {"indicators": 1, "models": 0}
    states = IndicatorVersion.objects.filter(indicator__code="starter-company-age")
    assert list(states.order_by("number").values_list("state", flat=True)) == [
        "retired",
        "published",
    ]


def test_what_stands_for_nationality_is_no_input_of_the_starter_models(reference):
    """And where an earlier set had it, no new model takes it."""
    earlier = make_indicator("facts", {"measure": "exists", "kind": "posted_workers"})
    Indicator.objects.filter(pk=earlier.indicator_id).update(code="starter-posted-workers")
    load_starter()
    used = IndicatorVersion.objects.filter(state="published")
    assert used.count() == 13
    assert not any("posted_workers" in row.definition.values() for row in used)
    earlier.refresh_from_db()
    assert (earlier.state, earlier.retired_at is None) == ("retired", False)
