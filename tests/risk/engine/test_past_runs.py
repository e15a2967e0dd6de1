"""A run stays what it was: versions, weights and settings of its day, whatever came later."""

import datetime as dt
import io

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.errors import Conflict
from risk.engine.values import Asked, values
from risk.engine.worth import Reckoning, Worths
from risk.models import ModelIndicator, ModelVersion, Score, ScoringRun, Worth
from risk.services import scoring
from targets.models import PastVisit, Site
from targets.services.visits import record_visit
from tests.factories import make_actor, make_authority, make_past_visit, make_site
from tests.risk.engine.factories import make_indicator, make_model
from tests.risk.engine.test_run import AGE, CURVE, FOUND, TIPS

pytestmark = pytest.mark.django_db


@pytest.fixture
def sites(reference):
    found = [make_site() for _ in range(4)]
    Site.objects.update(created_at=timezone.now() - dt.timedelta(days=2000))
    return found


def ago(days: int) -> dt.date:
    return timezone.localdate() - dt.timedelta(days=days)


def moment(days: int) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=days)


def second_version(first: ModelVersion, days: int) -> ModelVersion:
    """Another version of the model, put to use so many days ago in the place of the first."""
    version = ModelVersion.objects.create(model=first.model, number=2, params=CURVE)
    ModelIndicator.objects.create(
        version=version, indicator=make_indicator("visits", FOUND), place=0
    )
    ModelVersion.objects.filter(pk=first.pk).update(state="retired", retired_at=moment(days))
    ModelVersion.objects.filter(pk=version.pk).update(
        state="active", content_hash="1" * 64, activated_at=moment(days)
    )
    return version


def test_a_past_day_is_scored_by_the_versions_in_use_then(sites):
    first = make_model([make_indicator("register", AGE)], params=CURVE, activated=moment(100))
    second = second_version(first, 20)
    never = make_model([make_indicator("visits", FOUND)], authority="TAX", activated=moment(0))
    for day, expected in ((30, [first]), (10, [second]), (0, [second, never])):
        run = scoring.run_scoring(ago(day))
        assert run.state == "done"
        assert list(run.versions.order_by("pk")) == expected
        rows = Score.objects.filter(run=run)
        assert set(rows.values_list("version_id", flat=True)) == {v.pk for v in expected}
        assert [w["version"] for w in run.reckoning["joint"]] == [v.pk for v in expected]
    with pytest.raises(Conflict, match="No model was in use"):
        scoring.run_scoring(ago(200))
    out = io.StringIO()
    call_command("score", as_of=ago(30), site=str(sites[0].pk), stdout=out)
    assert str(first) in out.getvalue()
    assert str(second) not in out.getvalue()
    with pytest.raises(CommandError, match="No model was in use"):
        call_command("score", as_of=ago(200), stdout=out)


def test_settings_of_a_day_are_kept_with_its_run(sites, settings):
    """Set anew since, they change neither the run, nor what is scored anew in it, nor a day before."""
    joint = [
        make_model([make_indicator("visits", FOUND)], params=CURVE, authority=code, severity=k + 1)
        for k, code in enumerate(("OSH", "TAX"))
    ]
    make_past_visit(sites[1], shared=True)
    before = scoring.run_scoring()
    assert before.reckoning == {
        "evidence": 15, "saves": 20, "least": 40,
        "joint": [{"version": v.pk, "severity": k + 1.0, "days": 1.0} for k, v in enumerate(joint)],
    }  # fmt: skip
    worths = dict(Worth.objects.filter(run=before).values_list("site_id", "value"))
    settings.RISK_TEAM_EVIDENCE, settings.RISK_TEAM_SAVES = 90, 60
    settings.RISK_COVERAGE_LEAST = 90
    scoring.refresh([site.pk for site in sites])
    assert dict(Worth.objects.filter(run=before).values_list("site_id", "value")) == worths
    now = scoring.run_scoring()
    assert dict(Worth.objects.filter(run=now).values_list("site_id", "value")) != worths
    # A day on which a run was made: its settings; they were in force until the next one.
    then = timezone.now() - dt.timedelta(days=3)
    with transaction.atomic():
        ScoringRun.objects.filter(pk=now.pk).update(started_at=timezone.now())
        row = ScoringRun.objects.create(
            as_of=timezone.localdate(then),
            known_at=then,
            state="dropped",
            reckoning=Reckoning(10, 30, 50, ()).plain(),
        )
        ScoringRun.objects.filter(pk=row.pk).update(started_at=then)
    past = scoring.run_scoring(ago(2))
    reckoning = Reckoning.read(past.reckoning)
    assert (reckoning.evidence, reckoning.saves, reckoning.least) == (10, 30, 50)
    assert [w.version for w in reckoning.joint] == [v.pk for v in joint]
    assert Worths.of(reckoning).evidence == 0.1


def test_by_what_a_run_was_reckoned_cannot_be_changed(sites):
    make_model([make_indicator("visits", FOUND)], params=CURVE)
    other = make_model(
        [make_indicator("register", AGE)], params=CURVE, authority="TAX", state="retired"
    )
    run = scoring.run_scoring()
    for change in (
        lambda: ScoringRun.objects.filter(pk=run.pk).update(reckoning={}),
        lambda: ScoringRun.objects.filter(pk=run.pk).update(usual={}),
        lambda: ScoringRun.objects.filter(pk=run.pk).update(as_of=ago(1)),
        lambda: run.versions.add(other),
        lambda: run.versions.clear(),
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()


def test_the_page_of_a_run_tells_what_counted_then(sites, as_user):
    first = make_model([make_indicator("visits", FOUND)], params=CURVE, severity=2.5)
    own = make_model([make_indicator("signals", TIPS, authority="OSH")], joint=False)
    run = scoring.run_scoring()
    ModelVersion.objects.filter(pk=first.pk).update(state="retired", retired_at=timezone.now())
    address = reverse("risk:run_detail", args=[run.public_id])
    listed = reverse("risk:run_list")

    def told(code: str, page: str) -> str:
        return as_user(make_actor(code, "analyst")).get(page).content.decode()

    page = told("OSH", address)
    for words in ("15 per cent of a finding", "20 per cent of the days", "below 40 per cent",
                  ">2.5<", first.model.name, own.model.name, "does not move the joint list"):  # fmt: skip
        assert words in page, words
    # A model that another authority keeps to itself is not there, nor in the list of runs.
    for page in (address, listed):
        assert first.model.name in told("TAX", page)
        assert own.model.name not in told("TAX", page)
        assert own.model.name in told("OSH", page)
    assert as_user(make_actor("OSH", "inspector")).get(address).status_code == 403
    for _ in range(3):
        scoring.run_scoring()
    assert told("OSH", listed).count("shown now") == 1


def test_a_result_recorded_again_is_the_first_one_on_a_day_before(sites):
    """In Tarkka itself too, and whether others might see it."""
    said = {"site": sites[0], "authority": make_authority("TAX"), "on": ago(30), "source": "tarkka",
            "source_key": "visit-1"}  # fmt: skip
    level = make_indicator("visits", {"measure": "level"})  # reads what is shared

    def on(day: int) -> float | None:
        (row,) = values([level], Asked.some([sites[0].pk], ago(day), moment(day)))
        return row.values[0].number

    with time_machine.travel(moment(25), tick=False):
        visit = record_visit(outcome="severe", shared=True, **said)
    PastVisit.objects.filter(pk=visit.pk).update(known_from=moment(25))
    with time_machine.travel(moment(15), tick=False):
        record_visit(outcome="no_remarks", shared=True, **said)
    with time_machine.travel(moment(5), tick=False):
        for _ in range(2):  # the same again keeps nothing
            record_visit(outcome="no_remarks", shared=False, **said)
    assert [on(day) for day in (28, 20, 10, 1)] == [None, 3, 0, None]
    visit.refresh_from_db()
    assert len(visit.previous) == 2
