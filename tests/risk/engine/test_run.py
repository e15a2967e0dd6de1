"""A run over real rows: partitions, resuming, what changed, who sees what."""

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from audit.errors import Conflict
from risk.models import RunState, Score, ScoringRun, Touched, Worth
from risk.services import changes, scoring
from tests.factories import make_actor, make_past_visit, make_signal, make_site
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db
TIPS = {"measure": "count", "within_days": 365}
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
AGE = {"measure": "company_age"}


@pytest.fixture
def sites(reference):
    return [make_site() for _ in range(5)]


def test_a_run_scores_every_site_and_ranks_them(sites):
    make_past_visit(sites[2], shared=True)
    make_past_visit(sites[2], shared=True, outcome="severe")
    make_past_visit(sites[4], shared=True)
    version = make_model([make_indicator("visits", FOUND), make_indicator("register", AGE)])
    run = scoring.run_scoring()
    assert run.state == RunState.DONE
    assert run.current
    assert run.done_steps == run.steps
    rows = {s.site_id: s for s in Score.objects.filter(run=run, version=version)}
    assert len(rows) == 5
    # Companies are eleven years old: 25 points; two findings give 10 points.
    assert rows[sites[2].pk].parts == [1000, 2500]
    assert rows[sites[4].pk].parts == [1000, 2500]
    assert rows[sites[0].pk].parts == [0, 2500]
    assert all(sum(row.parts) == row.points for row in rows.values())
    ranks = dict(Worth.objects.filter(run=run).values_list("site_id", "rank"))
    assert ranks[sites[2].pk] == ranks[sites[4].pk] == 1
    assert ranks[sites[0].pk] == 3
