"""A run over real rows: partitions, resuming, what changed, who sees what."""

import datetime as dt

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.context import acting_as
from audit.errors import Conflict
from risk.engine.worth import Reckoning, Worths
from risk.models import Refreshed, RunPart, RunState, Score, ScoringRun, Touched, Worth
from risk.services import changes, scoring
from targets.models import RegisterChange, Site
from tests.factories import (
    Cast,
    make_actor,
    make_authority,
    make_company,
    make_past_visit,
    make_signal,
    make_site,
)
from tests.risk.engine.factories import STEPS, make_indicator, make_model

pytestmark = pytest.mark.django_db
TIPS = {"measure": "count", "within_days": 365}
FOUND = {"measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]}
AGE = {"measure": "company_age"}
CURVE = {"calibration": [[0, 0.1, 0.05, 0.2], [100, 0.6, 0.5, 0.7]]}


@pytest.fixture
def sites(reference):
    return [make_site() for _ in range(5)]


def ranks(run):
    return dict(Worth.objects.filter(run=run).values_list("site_id", "rank"))


def table(run):
    return sorted(
        Score.objects.filter(run=run).values_list("version_id", "site_id", "points", "p", "parts")
    )


def test_a_run_scores_every_site_and_ranks_them(sites):
    make_past_visit(sites[2], shared=True)
    make_past_visit(sites[2], shared=True, outcome="severe")
    make_past_visit(sites[4], shared=True)
    version = make_model([make_indicator("visits", FOUND), make_indicator("register", AGE)])
    run = scoring.run_scoring()
    assert run.state == RunState.DONE
    assert run.current
    assert run.done_steps == run.steps
    assert run.sites == 5
    rows = {s.site_id: s for s in Score.objects.filter(run=run, version=version)}
    assert len(rows) == 5
    # Companies are eleven years old: 25 points; one or two findings give 10 points.
    assert rows[sites[2].pk].parts == [1000, 2500]
    assert rows[sites[4].pk].parts == [1000, 2500]
    assert rows[sites[0].pk].parts == [0, 2500]
    assert all(sum(row.parts) == row.points for row in rows.values())
    found = ranks(run)
    assert found[sites[2].pk] == found[sites[4].pk] == 1
    assert found[sites[0].pk] == 3
    levels = dict(Worth.objects.filter(run=run).values_list("site_id", "level"))
    assert levels[sites[2].pk] == 5
    assert levels[sites[0].pk] == 3


def test_only_one_run_is_at_work_and_a_day_to_come_is_refused(sites):
    scoring.start_scoring()
    with pytest.raises(Conflict):
        scoring.start_scoring()
    with pytest.raises(Conflict):
        scoring.start_scoring(timezone.localdate() + dt.timedelta(days=1))


def test_a_run_whose_process_died_goes_on_where_it_was(sites, monkeypatch):
    make_model([make_indicator("register", AGE)])
    make_model([make_indicator("visits", FOUND)])
    run = scoring.start_scoring()
    for _ in range(2):  # opened, first model
        scoring._advance(run.pk)
    assert RunPart.objects.filter(run=run).count() == 1
    ScoringRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(minutes=5)
    )
    assert scoring.take_up() == 1
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert Score.objects.filter(run=run).count() == 10
    assert scoring.take_up() == 0


def test_a_failed_run_leaves_the_earlier_one_shown_and_no_rows(sites, monkeypatch):
    make_model([make_indicator("register", AGE)])
    first = scoring.run_scoring()
    monkeypatch.setattr(scoring, "statement", lambda *a: ("SELECT 1/0", {}))
    second = scoring.run_scoring()
    assert second.state == RunState.FAILED
    assert "in the log" in second.message
    assert ScoringRun.objects.shown() == first
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"risk_score_{second.pk}"])
        assert cursor.fetchone()[0] is None


def test_a_new_run_takes_the_place_of_the_one_before_and_a_past_day_does_not(sites):
    make_model([make_indicator("register", AGE)])
    first, second = scoring.run_scoring(), scoring.run_scoring()
    first.refresh_from_db()
    assert (first.current, second.current) == (False, True)
    past = scoring.run_scoring(timezone.localdate() - dt.timedelta(days=3))
    assert past.state == RunState.DONE
    assert not past.current
    assert ScoringRun.objects.shown() == second


def test_a_past_day_is_recomputed_exactly_after_all_has_changed(reference):
    """What a run of that evening said and what is said of that evening now are the same numbers."""
    day = timezone.localdate() - dt.timedelta(days=30)
    known = timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time()))
    osh = make_actor("OSH")
    sites = [make_site(staff_estimate=10 * k) for k in range(4)]
    Site.objects.update(created_at=known - dt.timedelta(days=700))
    near = {"measure": "neighbours", "near": "both", "within_days": 900, "least": 1}
    make_model([
        make_indicator("visits", FOUND, half_life_days=200), make_indicator("visits", near),
        make_indicator("register", {"measure": "staff"}), make_indicator("register", AGE),
    ])  # fmt: skip
    make_model([make_indicator("signals", TIPS, authority="OSH", half_life_days=90)], joint=False)
    for site in sites[:2]:
        visit = make_past_visit(site, shared=True, on=day - dt.timedelta(days=60))
        type(visit).objects.filter(pk=visit.pk).update(known_from=known - dt.timedelta(days=40))
        signal = make_signal(osh, site=site, observed_on=day - dt.timedelta(days=9))
        type(signal).objects.filter(pk=signal.pk).update(created_at=known - dt.timedelta(days=8))
    then = scoring.run_scoring(day)
    assert then.known_at == known
    # Everything that came later: visits, tips, another municipality, a new company, a new site.
    make_past_visit(sites[3], shared=True, on=day - dt.timedelta(days=5), outcome="severe")
    make_signal(osh, site=sites[3], observed_on=day - dt.timedelta(days=5))
    other = make_site()
    old = {"staff_estimate": 0, "municipality_id": sites[0].municipality_id,
           "company_id": sites[0].company_id}  # fmt: skip
    RegisterChange.objects.create(site=sites[0], old=old, new={}, source="x", at=timezone.now())
    Site.objects.filter(pk=sites[0].pk).update(
        staff_estimate=99, municipality=None, company=make_company(registered_on=day)
    )
    again = scoring.run_scoring(day)
    assert table(again) == table(then)
    assert len(table(then)) == 8
    assert other.pk not in ranks(again)
    now = scoring.run_scoring()
    assert table(now) != table(then)


# ------------------------------------------------------------------------------- walls
def test_sealed_indicators_and_own_models_never_move_the_joint_list(sites):
    """Two worlds: with tips that only a sealed indicator and an own model read, and without."""
    osh = make_actor("OSH")
    shared = make_indicator("visits", FOUND)
    sealed = make_indicator("signals", TIPS, authority="OSH", visibility="sealed")
    tips = make_indicator("signals", TIPS, authority="OSH")
    make_model([shared], params=CURVE)
    own = make_model([tips, sealed], joint=False, params=CURVE)
    # A joint model with a sealed indicator in it cannot be made active by the services; were it
    # there all the same, it moves nothing.
    wrong = make_model([sealed, shared], joint=True, params=CURVE)
    make_past_visit(sites[0], shared=True)
    before = scoring.run_scoring()
    make_signal(osh, site=sites[3])
    after = scoring.run_scoring()
    worths = [
        list(
            Worth.objects.filter(run=r).order_by("site_id").values_list("site_id", "value", "rank")
        )
        for r in (before, after)
    ]
    assert worths[0] == worths[1]
    moved = Score.objects.filter(run=after, version=own, points__gt=0)
    assert [s.site_id for s in moved] == [sites[3].pk]
    assert wrong in scoring.versions_of(after)


def test_rows_of_an_own_model_are_for_their_authority_alone(sites):
    make_model([make_indicator("register", AGE)], joint=False)
    run = scoring.run_scoring()
    osh, tax = make_actor("OSH"), make_actor("TAX")
    for actor, count in ((osh, 5), (tax, 0)):
        with transaction.atomic(), acting_as(actor):
            assert Score.objects.filter(run=run).count() == count
    # Nor by the name of the partition, nor what has been touched.
    with transaction.atomic(), acting_as(tax):
        assert Touched.objects.count() == 0
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM risk_score_{run.pk}")


def test_the_application_cannot_make_or_drop_other_tables(sites):
    make_model([make_indicator("register", AGE)])
    run = scoring.run_scoring()
    for sql in (
        f"SELECT risk_drop_run({run.pk})",  # shown
        "SELECT risk_open_run(4711)",
        f"SELECT risk_close_run({run.pk}, 'targets_site')",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


# ------------------------------------------------------------------------------- worth
def test_the_worth_in_sql_is_the_formula(sites):
    for k, (severity, days) in enumerate(((1, 1), (3, 2), (0.5, 0.25))):
        bins = [{"below": 1, "points": 5 * k}, {"below": None, "points": 60 - 9 * k}]
        make_model(
            [make_indicator("visits", FOUND, bins=bins)], params=CURVE, severity=severity,
            visit_days=days, authority=("OSH", "TAX", "POL")[k],
        )  # fmt: skip
    make_past_visit(sites[1], shared=True)
    run = scoring.run_scoring()
    worths = Worths.of(Reckoning.read(run.reckoning))
    assert len(worths.teams) == 7
    for site in sites:
        rows = {s.version_id: s.p for s in Score.objects.filter(run=run, site=site)}
        value = Worth.objects.get(run=run, site=site).value
        assert value == pytest.approx(worths.at([rows[pk] for pk in worths.versions]), rel=1e-5)
    # Going together: one of the teams is worth more than the best authority alone.
    ps = [0.3, 0.4, 0.3]
    alone = max(w * p / t.days for w, p, t in zip(worths.weights, ps, worths.teams, strict=False))
    assert worths.at(ps) >= alone


def test_unknown_is_not_low(reference):
    """A site of which nothing is known ranks with the usual ones, not behind those known harmless."""
    high, low = make_site(staff_estimate=90), [make_site(staff_estimate=1) for _ in range(2)]
    unknown = make_site(staff_estimate=None)
    make_model([make_indicator("register", {"measure": "staff"}, bins=[
        {"below": 10, "points": 0}, {"below": None, "points": 80}])], params=CURVE)  # fmt: skip
    run = scoring.run_scoring()
    found = ranks(run)
    assert found[high.pk] == 1
    assert found[unknown.pk] == 2
    assert {found[site.pk] for site in low} == {3}
    row = Score.objects.get(run=run, site=unknown)
    sure = Score.objects.get(run=run, site=low[0])
    assert (row.coverage, row.p) == (0, sure.p)
    assert row.p_high - row.p_low > sure.p_high - sure.p_low
    assert Worth.objects.get(run=run, site=unknown).coverage == 0


# ------------------------------------------------------------------------------- what changed
def test_what_is_learned_of_a_site_is_scored_within_the_next_sweep(sites):
    osh = make_actor("OSH")
    make_model([make_indicator("visits", FOUND)], params=CURVE)
    tips = make_model([make_indicator("signals", TIPS, authority="OSH")], params=CURVE)
    run = scoring.run_scoring()
    Touched.objects.all().delete()
    make_signal(osh, company=sites[1].company)
    make_past_visit(sites[3], shared=True)
    assert changes.sweep() == 2
    assert Touched.objects.count() == 0
    assert Score.objects.get(run=run, version=tips, site=sites[1]).points == 1000
    assert Score.objects.filter(run=run).count() == 10
    found = ranks(run)
    assert found[sites[3].pk] == 1
    assert found[sites[1].pk] == 1
    assert found[sites[0].pk] >= 1
    assert set(Refreshed.objects.values_list("site_id", flat=True)) == {sites[1].pk, sites[3].pk}
    assert changes.sweep() == 0
    whole = scoring.run_scoring()
    old = {(v, s): (p, parts) for v, s, _points, p, parts in table(run)}
    assert {(v, s): (p, parts) for v, s, _points, p, parts in table(whole)} == old


def seen_of_the_joint_list(run, authority):
    """Everything another authority can read of it, rank included."""
    with acting_as(make_actor(authority)):
        worths = Worth.objects.filter(run=run).order_by("site_id")
        scores = Score.objects.filter(run=run).order_by("version_id", "site_id")
        return list(worths.values()), list(scores.values())


@pytest.mark.parametrize("days", [0, 3])
def test_an_undisclosed_signal_moves_nothing_that_others_read(sites, monkeypatch, days):
    """Two worlds: a sweep after a signal that no joint number reads leaves every row as it was."""
    for site in sites[:3]:  # all three share a rank, and one has moved among them since
        make_past_visit(site, shared=True)
    fading = {"measure": "decayed", "half_life_days": 1, "within_days": 3650,
              "outcomes": ["serious", "severe"]}  # fmt: skip
    make_model([make_indicator("visits", FOUND)], params=CURVE)
    make_model([make_indicator("visits", fading, bins=[
        {"below": 1e-300, "points": 0}, {"below": None, "points": 100}], half_life_days=5)],
        authority="TAX", params=CURVE)  # fmt: skip
    make_model([make_indicator("signals", TIPS, authority="OSH", visibility="sealed")],
               joint=False, params=CURVE)  # fmt: skip
    run = scoring.run_scoring()
    Worth.objects.filter(run=run, site=sites[3]).update(rank=2)
    Touched.objects.all().delete()
    without = seen_of_the_joint_list(run, "POLICE")
    assert len(without[0]) == 5
    for site in (sites[1], sites[3]):
        make_signal(make_actor("OSH"), company=site.company)
    later = timezone.localdate() + dt.timedelta(days=days)
    monkeypatch.setattr(timezone, "localdate", lambda *_args: later)
    assert changes.sweep() == 2
    assert Refreshed.objects.count() == 2
    assert seen_of_the_joint_list(run, "POLICE") == without


def test_while_a_run_is_at_work_what_changed_stays_noted(sites):
    make_model([make_indicator("visits", FOUND)])
    scoring.run_scoring()
    Touched.objects.all().delete()
    running = scoring.start_scoring()
    make_past_visit(sites[0], shared=True)
    assert changes.sweep() == 1
    assert Touched.objects.count() == 1
    scoring.perform(running)
    assert changes.sweep() == 1
    assert Touched.objects.count() == 0


def test_when_too_much_changed_everything_is_scored(sites, settings):
    settings.RISK_REFRESH_MOST = 2
    make_model([make_indicator("visits", FOUND)])
    first = scoring.run_scoring()
    for site in sites:
        make_past_visit(site, shared=True)
    assert changes.sweep() == 5
    assert ScoringRun.objects.shown() != first
    assert Touched.objects.count() == 0


def test_where_a_share_of_the_register_moved_ranks_are_given_anew(sites, monkeypatch):
    """Site by site each would take the rank of the first not above it, and many the same."""
    monkeypatch.setattr(changes, "FEW", 1)
    make_model([make_indicator("visits", FOUND)], params=CURVE)
    first = scoring.run_scoring()
    Touched.objects.all().delete()
    make_past_visit(sites[0], shared=True, outcome="severe")
    assert changes.sweep() == 1  # few: in the run that is shown
    assert ScoringRun.objects.shown() == first
    for number, site in enumerate(sites[1:4]):
        for _ in range(3 * number):
            make_past_visit(site, shared=True, outcome="severe")
    assert changes.sweep() == 5
    shown = ScoringRun.objects.shown()
    assert shown != first
    found = ranks(shown)
    assert found[sites[3].pk] == 1
    assert [found[s.pk] for s in sites] == sorted_ranks(shown, sites)


def sorted_ranks(run, sites) -> list[int]:
    """One more than the number of sites worth more."""
    worth = dict(Worth.objects.filter(run=run).values_list("site_id", "value"))
    return [1 + sum(v > worth[s.pk] for v in worth.values()) for s in sites]


def test_a_nomination_and_a_change_of_the_register_are_heard_of(reference):
    Touched.objects.all().delete()
    cast = Cast()
    cast.to("selecting")
    assert {s.pk for s in cast.sites} <= set(Touched.objects.values_list("site_id", flat=True))
    Touched.objects.all().delete()
    from targets.services.imports.changed import tell

    tell(sites=[cast.sites[0].pk], companies=[cast.sites[1].company_id])
    assert sorted(changes.sites_of(
        set(Touched.objects.exclude(site_id=None).values_list("site_id", flat=True)),
        set(Touched.objects.exclude(company_id=None).values_list("company_id", flat=True)),
    )) == sorted(s.pk for s in cast.sites[:2])  # fmt: skip


def test_old_runs_lose_their_rows_and_stay_as_a_record(sites):
    make_model([make_indicator("register", AGE)])
    old, kept, now = (scoring.run_scoring() for _ in range(3))
    long_ago = timezone.now() - dt.timedelta(days=91)
    ScoringRun.objects.update(finished_at=long_ago)
    ScoringRun.objects.filter(pk=kept.pk).update(keep_until=timezone.localdate())
    assert scoring.drop_old() == 1
    old.refresh_from_db()
    assert old.state == RunState.DROPPED
    assert [Score.objects.filter(run=r).count() for r in (old, kept, now)] == [0, 5, 5]


def test_the_days_run_is_due_once(sites, settings):
    settings.RISK_RUN_HOUR = 2
    night = timezone.make_aware(dt.datetime.combine(timezone.localdate(), dt.time(1)))
    morning = night + dt.timedelta(hours=3)
    assert not scoring.due(morning)  # no active model
    make_model([make_indicator("register", AGE)])
    assert not scoring.due(night)
    assert scoring.due(morning)
    scoring.run_scoring()
    assert not scoring.due(morning)


def test_several_active_models_and_steps_that_are_texts(sites):
    bins = [{"is": ["56"], "points": -7}, {"is": None, "points": 3}]
    version = make_model([
        make_indicator("register", {"measure": "industry"}, bins=bins),
        make_indicator("register", {"measure": "staff"}, missing="points", missing_points=4),
        make_indicator("register", AGE, bins=STEPS, cap=12),
    ], authority="TAX")  # fmt: skip
    run = scoring.run_scoring()
    row = Score.objects.get(run=run, version=version, site=sites[0])
    assert row.parts == [-700, 400, 1200]
    assert row.coverage == 66
    assert row.authority_id == make_authority("TAX").pk


def test_the_sweep_takes_everything_up_and_may_run_twice(sites, settings):
    """What beat calls: a run left lying, what changed, rows that are no longer kept."""
    from risk.jobs import sweep_scoring

    settings.RISK_RUN_HOUR = 24  # the day's run is not for this test
    tips = make_model([make_indicator("visits", FOUND)])
    left = scoring.start_scoring()
    ScoringRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(minutes=5))
    sweep_scoring()
    left.refresh_from_db()
    assert left.state == RunState.DONE
    make_past_visit(sites[0], shared=True)
    for _ in range(2):
        sweep_scoring()
        assert Score.objects.get(run=left, version=tips, site=sites[0]).points == 1000
        assert Touched.objects.count() == 0
    assert "risk.jobs.sweep_scoring" in {
        entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()
    }
