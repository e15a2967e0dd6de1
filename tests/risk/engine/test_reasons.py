"""A score opened: exact, with what would change it, and for each reader no more than is theirs."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from audit.context import acting_as
from risk.engine.reasons import NotShown, explain, without
from risk.models import Score, Worth
from risk.services import scoring
from risk.services.tested import preview
from tests.factories import make_actor, make_past_visit, make_signal, make_site
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db
TIPS = {"measure": "count", "within_days": 365}
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
CURVE = {"calibration": [[0, 0.1, 0.05, 0.2], [100, 0.6, 0.5, 0.7]]}


@pytest.fixture
def world(reference):
    osh = make_actor("OSH", "analyst")
    sites = [make_site() for _ in range(6)]
    model = make_model(
        [
            make_indicator("visits", FOUND, half_life_days=400),
            make_indicator("signals", TIPS, authority="OSH", visibility="level"),
            make_indicator("register", {"measure": "staff"}),
        ],
        params=CURVE,
    )
    for site in sites[:3]:
        make_past_visit(site, shared=True, on=timezone.localdate() - dt.timedelta(days=400))
    make_signal(osh, site=sites[0], observed_on=timezone.localdate() - dt.timedelta(days=2))
    return osh, sites, model


def test_the_contributions_are_the_score_that_is_stored(world):
    osh, sites, model = world
    run = scoring.run_scoring()
    for site in sites:
        with transaction.atomic(), acting_as(osh):
            opened = explain(model, site.pk)
        row = Score.objects.get(run=run, site=site)
        assert [c.points for c in opened.contributions] == row.parts
        assert opened.points == row.points == sum(row.parts)
        assert (opened.p, opened.p_low, opened.p_high) == pytest.approx(
            (row.p, row.p_low, row.p_high), rel=1e-6
        )
        assert opened.coverage == row.coverage
    first = explain(model, sites[0].pk).contributions[0]
    # Ten points for one finding, half of them left after 400 days.
    assert (first.value, first.step, first.decayed, first.points) == (1, 1000, 500, 500)
    assert first.on == timezone.localdate() - dt.timedelta(days=400)


def test_what_would_change_it_names_the_neighbouring_steps(world):
    _osh, sites, model = world
    first = explain(model, sites[0].pk).contributions[0]
    fewer, more = first.changes
    assert (fewer.low, fewer.high, fewer.difference) == (None, 1, -500)
    assert (more.low, more.high, more.difference) == (3, None, 750)
    assert fewer.p < explain(model, sites[0].pk).p < more.p
    assert explain(model, sites[0].pk).contributions[2].changes == ()


def test_others_see_the_points_of_a_level_indicator_and_not_its_value(world):
    osh, sites, model = world
    tax = make_actor("TAX", "analyst")
    with transaction.atomic(), acting_as(tax):
        told = explain(model, sites[0].pk)
    tip = told.contributions[1]
    assert tip.hidden
    assert (tip.value, tip.on, tip.changes) == (None, None, ())
    assert (tip.points, tip.step) == (1000, 1000)
    assert told.points == explain(model, sites[0].pk).points
    with transaction.atomic(), acting_as(osh):
        mine = explain(model, sites[0].pk).contributions[1]
    assert mine.value == 1


def test_an_own_model_does_not_exist_for_others(world):
    _osh, sites, _model = world
    own = make_model([make_indicator("signals", TIPS, authority="OSH")], joint=False)
    scoring.run_scoring()
    tax = make_actor("TAX", "analyst")
    with transaction.atomic(), acting_as(tax):
        with pytest.raises(NotShown):
            explain(own, sites[0].pk)
        with pytest.raises(NotShown):
            without(own, sites[0].pk, 0)


def test_the_rank_without_this_tip(world):
    _osh, sites, model = world
    run = scoring.run_scoring()
    found = without(model, sites[0].pk, 1)
    assert (found.rank, found.rank_without) == (1, 1)  # shared with the two others then
    assert found.p_without < found.p
    found = without(model, sites[1].pk, 0)
    assert (found.rank, found.rank_without) == (2, 3)
    assert without(model, sites[5].pk, 1).rank_without == 4
    assert without(model, sites[0].pk, 9) is None
    assert Worth.objects.get(run=run, site=sites[5]).rank == 4


def test_the_rank_without_a_part_is_the_rank_of_a_run_without_it(world):
    """Take the finding of the first site away in truth: the foretold rank is what comes of it."""
    _osh, sites, model = world
    scoring.run_scoring()
    foretold = without(model, sites[0].pk, 0).rank_without
    sites[0].past_visits.all().delete()
    run = scoring.run_scoring()
    assert Worth.objects.get(run=run, site=sites[0]).rank == foretold


def test_a_past_day_is_opened_with_what_was_known_then(world):
    _osh, sites, model = world
    opened = explain(model, sites[0].pk, timezone.localdate() - dt.timedelta(days=1))
    assert [c.points for c in opened.contributions] == [0, 0, 0]


def test_a_preview_counts_the_steps_and_shows_examples(world):
    _osh, sites, model = world
    version = model.indicators.all()[0].indicator
    today, ids = timezone.localdate(), [s.pk for s in sites]
    seen = preview(version, ids, today)
    assert seen.looked == 6
    assert seen.counts == [3, 3, 0]
    assert seen.known == 6
    assert {e["site"] for e in seen.examples if e["points"]} == set(ids[:3])
    staff = preview(make_indicator("register", {"measure": "staff"}), ids, today)
    assert (staff.looked, staff.known) == (6, 0)


def test_the_command_scores_and_opens_a_site(world):
    _osh, sites, _model = world
    out = StringIO()
    call_command("score", stdout=out, verbosity=0)
    assert "6 sites scored" in out.getvalue()
    out = StringIO()
    call_command("score", "--site", str(sites[0].public_id), stdout=out, verbosity=0)
    assert "15.00 points" in out.getvalue()
    assert "10.00" in out.getvalue()
