"""What is learned of one site changes what is said of others: they are scored anew with it."""

import datetime as dt

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from risk.models import Refreshed, Score, ScoringRun, Touched, Worth
from risk.services import changes, scoring
from targets.services.identity.merging import merge, unmerge
from tests.factories import make_actor, make_municipality, make_past_visit, make_signal, make_site
from tests.risk.engine.factories import make_indicator, make_model
from tests.risk.engine.histories import CURVE, RATES, TOLD_OR_UNMADE, History, make_models, near
from tests.risk.engine.test_run import table

pytestmark = pytest.mark.django_db
VISIT = ("visit", 0, 2, 1)


@settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a history is short as it is
)  # fmt: skip
@given(
    before=st.lists(TOLD_OR_UNMADE, max_size=8),
    after=st.lists(TOLD_OR_UNMADE, min_size=1, max_size=6),
)
@example(before=[VISIT], after=[("visit", 2, 0, 1)])
@example(before=[VISIT], after=[("visit unmade", 0, 0, 0)])
@example(before=[VISIT], after=[("place", 0, 1, 0)])
@example(before=[VISIT, ("visit", 3, 2, 1)], after=[("company's industry", 1, 0, 0)])
def test_what_changed_since_a_run_gives_what_a_whole_run_gives(reference, before, after):
    """The same numbers for every site, touched or not, in every model."""
    with transaction.atomic():
        history = History()
        make_models()
        for told in before:
            history.tell(*told)
        run = scoring.run_scoring()
        Touched.objects.all().delete()
        for told in after:
            history.tell(*told)
        changes.sweep()
        assert ScoringRun.objects.shown() == run
        anew = table(run)
        assert anew == table(scoring.run_scoring())
        transaction.set_rollback(True)


@pytest.fixture
def town(reference):
    """Four sites of one place and one elsewhere, and a model that looks around."""
    sites = [make_site() for _ in range(4)]
    sites.append(make_site(municipality=make_municipality("049", "Espoo")))
    make_model([make_indicator("visits", near("municipality"), bins=RATES)], params=CURVE)
    scoring.run_scoring()
    Touched.objects.all().delete()
    return sites


def test_only_what_did_change_is_noted_as_made_anew(town):
    run = ScoringRun.objects.shown()
    make_signal(make_actor("OSH"), site=town[0])
    assert changes.sweep() == 1  # a signal tells nothing of others
    make_past_visit(town[0], shared=True)
    assert changes.sweep() == 4
    points = dict(Score.objects.filter(run=run).values_list("site_id", "points"))
    assert [points[s.pk] for s in town] == [0, 3000, 3000, 3000, 0]
    noted = set(Refreshed.objects.values_list("site_id", flat=True))
    assert noted == {s.pk for s in town[:4]}
    make_past_visit(town[0], "TAX")  # shared with nobody, read by no indicator
    Refreshed.objects.all().delete()
    assert changes.sweep() == 4
    assert set(Refreshed.objects.values_list("site_id", flat=True)) == {town[0].pk}


def test_others_are_looked_for_in_the_run_that_is_scored(town):
    """Asked under the lock, so that no new run comes between the look and the scores."""
    asked = []

    def others(run, versions):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND classid = %s AND pid = pg_backend_pid()", [scoring.REFRESH_LOCK],
            )  # fmt: skip
            asked.append((run, [v.pk for v in versions], cursor.fetchone()[0]))
        return [town[1].pk]

    make_past_visit(town[0], shared=True)
    assert scoring.refresh([town[0].pk], others) == 2
    run = ScoringRun.objects.shown()
    assert asked == [(run, [v.pk for v in run.versions.all()], 1)]
    points = dict(Score.objects.filter(run=run).values_list("site_id", "points"))
    assert [points[s.pk] for s in town] == [0, 3000, 0, 0, 0]


def test_for_too_many_others_a_whole_run_is_asked_for_and_rests_between(town, settings):
    settings.RISK_REFRESH_NEAR, settings.RISK_RUN_HOUR = 2, 0
    run = ScoringRun.objects.shown()
    assert not scoring.due()
    make_past_visit(town[0], shared=True)
    assert changes.sweep() == 1
    assert not Score.objects.filter(run=run, points__gt=0).exists()
    now = timezone.localtime()
    soon, later = (now + dt.timedelta(minutes=m) for m in (30, 61))
    with time_machine.travel(soon, tick=False):
        # On the next day a run is due anyway.
        assert scoring.due() == (soon.date() != now.date())
    with time_machine.travel(later, tick=False):
        assert scoring.due()
        whole = scoring.run_scoring()
        assert Score.objects.filter(run=whole, points__gt=0).count() == 3
        assert not scoring.due()


def test_a_merge_and_its_undoing_are_followed(town):
    """What became part of another loses its rows; near both of them the visits are counted anew."""
    here, _second, elsewhere = town[0], town[1], town[4]
    make_past_visit(here, shared=True)
    make_past_visit(elsewhere, shared=True, outcome="no_remarks")
    make_past_visit(elsewhere, shared=True)
    run = scoring.run_scoring()
    Touched.objects.all().delete()
    row = merge(actor=make_actor("OSH", "analyst"), loser=elsewhere, survivor=here)
    changes.sweep()
    assert not Score.objects.filter(run=run, site=elsewhere).exists()
    assert not Worth.objects.filter(run=run, site=elsewhere).exists()
    assert table(run) == table(scoring.run_scoring())
    run = ScoringRun.objects.shown()
    Touched.objects.all().delete()
    unmerge(actor=make_actor("OSH", "analyst"), row=row, reason="Two after all")
    changes.sweep()
    assert Score.objects.filter(run=run, site=elsewhere).exists()
    assert table(run) == table(scoring.run_scoring())
