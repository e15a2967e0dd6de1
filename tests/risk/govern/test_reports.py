"""Tests of models as jobs: results, cancelling, going on after a kill, what stops a version."""

import datetime as dt
import json
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from audit.errors import Conflict, NotAllowed, RuleViolation
from risk import report_words
from risk.jobs_reports import run_report
from risk.models import Report
from risk.services import reports
from risk.services.models import change_model, content_hash
from targets.models import Fact, PastVisit
from tests.factories import make_actor, make_past_visit, make_site
from tests.risk.govern.factories import drafted, published, results, test_now, told_anew

pytestmark = pytest.mark.django_db
POSTED = {
    "source": "facts", "definition": {"measure": "exists", "kind": "posted_workers"},
    "bins": [{"below": 1, "points": 0}, {"below": None, "points": 40}],
    "name_fi": "Lähetettyjä", "name_sv": "Utsända", "name_en": "Posted workers",
    "sentence_fi": "Ilmoitus: {value}", "sentence_sv": "Anmälan: {value}",
    "sentence_en": "Notification: {value}",
}  # fmt: skip


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def ask(actor, version, kind="backtest", **params):
    with transaction.atomic():
        return reports.new_report(actor=actor, version=version, kind=kind, **params)


def test_without_results_points_may_be_used_and_the_report_says_so(analyst):
    version = drafted(analyst, published(analyst))
    report = test_now(analyst, version, "backtest")
    assert (report.results["enough"], report.results["labels"]) == (False, 0)
    assert (version.state, version.params) == ("tested", {})


def test_kinds_that_learn_need_results(analyst):
    version = drafted(analyst, published(analyst), kind="logistic")
    report = test_now(analyst, version, "backtest")
    assert report.state == "failed"
    assert "Begin with points" in report.message
    assert version.state == "draft"


@pytest.mark.parametrize("kind", ["points", "logistic", "ebm"])
def test_a_backtest_tells_how_good_the_order_is_and_fits_the_curve(analyst, kind):
    results()
    version = drafted(analyst, published(analyst), kind=kind)
    report = test_now(analyst, version, "backtest", window_days=120)
    assert (report.state, report.message) == ("done", "")
    total = report.results["total"]
    value, low, high = total["model"]["auc"]
    assert low <= value <= high
    assert value > 0.6 > total["random"]["auc"][0]  # sites found wanting before are first
    assert {"last_visit", "current_practice"} <= set(total)
    assert version.trained_on == 480
    assert version.trained_to == PastVisit.objects.latest("on").on
    knots = version.params["calibration"]
    assert all(low <= p <= high for _x, p, low, high in knots)
    assert knots[0][1] < knots[-1][1]
    points = [
        b["points"]
        for b in version.indicators.get().bins or version.indicators.get().indicator.bins
    ]
    assert points == sorted(points)
    assert content_hash(version) == version.content_hash == report.content_hash
    again = test_now(analyst, version, "backtest", window_days=120)
    # The same rows and seed give the same numbers.
    assert again.whole.results == report.whole.results
    assert version.state == "tested"


def test_the_order_of_a_version_is_that_of_the_scoring_run(analyst):
    """Points of the backtest are those of the engine, decay and cap included."""
    from risk.engine.points import Rule, age_in_days
    from risk.engine.values import Asked, values
    from risk.services import training

    results(sites=20)
    row = published(analyst, half_life_days=300, cap=12,
                    definition={"measure": "days_since"}, direction="free",
                    bins=[{"below": 200, "points": 7}, {"below": None, "points": 31}])  # fmt: skip
    version = drafted(analyst, published(analyst), row)
    rows = training.rows(version)
    ours = rows.scorecard(version).hundredths(rows.X)
    visits = list(PastVisit.objects.order_by("on", "pk").values_list("site_id", "on"))
    uses = list(version.indicators.select_related("indicator__indicator"))
    found = values([use.indicator for use in uses], Asked.rows(visits))
    for mine, theirs in zip(ours, found, strict=True):
        expected = [
            Rule.of(use).part(v.number, v.text, age_in_days(v.on, theirs.day)).points
            for use, v in zip(uses, theirs.values, strict=True)
        ]
        assert mine.tolist() == expected


def test_the_audit_stops_a_proxy_and_names_it(analyst):
    results(sites=120, rounds=10, proxy=True)
    clean, proxy = published(analyst), published(analyst, **POSTED)
    version = drafted(analyst, clean, proxy)
    test_now(analyst, version, "backtest")
    report = test_now(analyst, version, "audit", capacity=0.3)
    assert (report.state, report.passed, version.state) == ("done", False, "blocked")
    shown = report_words.audit_rows(report, report_words.Names(version))
    words = " ".join(f"{b['words']} {b['cause']}" for b in shown["blocking"])
    assert "Workers posted from abroad: no: chosen only 0.00 times as often" in words
    assert "Without the indicator “Posted workers”" in words


def test_the_audit_passes_what_only_follows_findings(analyst):
    results(sites=120, rounds=10, proxy=True)
    version = drafted(analyst, published(analyst))
    test_now(analyst, version, "backtest")
    report = test_now(analyst, version, "audit", capacity=0.3)
    assert (report.passed, version.state) == (True, "audited"), report.results["blocking"]


def test_drift_compares_today_with_what_was_learnt_from(analyst):
    results()
    version = drafted(analyst, published(analyst))
    for kind in ("backtest", "audit"):
        test_now(analyst, version, kind)
    type(version).objects.filter(pk=version.pk).update(state="active")
    version.refresh_from_db()
    report = test_now(analyst, version, "drift")
    assert report.state == "done", report.message
    assert report.results["indicators"][0]["psi"] is not None
    assert version.state == "active"


def test_who_may_ask_and_when(analyst):
    version = drafted(analyst, published(analyst))
    for actor in (make_actor("TAX", "analyst"), make_actor("OSH", "coordinator")):
        with pytest.raises(NotAllowed):
            ask(actor, version)
    with pytest.raises(Conflict, match="another time"):
        ask(analyst, version, "audit")
    with pytest.raises(RuleViolation, match="at least one indicator"):
        ask(analyst, drafted(analyst))
    ask(analyst, version)
    with pytest.raises(Conflict, match="under way"):
        ask(analyst, version)
    with pytest.raises(Conflict, match="being tested"):
        change_model(actor=analyst, version=version, shown=version.edits, parts=[])


def test_a_cancelled_test_ends_where_it_is(analyst, monkeypatch):
    results(sites=20)
    version = drafted(analyst, published(analyst))
    report = reports.claim(ask(analyst, version).pk)
    save = reports._save

    def cancel_first(row, **values):
        if "done_steps" in values:
            reports.cancel_report(actor=analyst, report=row)
        save(row, **values)

    monkeypatch.setattr(reports, "_save", cancel_first)
    report = reports.perform(report)
    version.refresh_from_db()
    assert (report.state, report.results, version.state) == ("cancelled", {}, "draft")
    with pytest.raises(Conflict, match="ended already"):
        reports.cancel_report(actor=analyst, report=report)


def test_a_test_left_by_its_worker_goes_on_with_what_was_fitted(analyst):
    results(sites=30)
    version = drafted(analyst, published(analyst), kind="logistic")
    first = reports.claim(ask(analyst, version).pk)
    assert reports.claim(first.pk) is None  # somebody is at it
    Report.objects.filter(pk=first.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=reports.STALE_SECONDS + 1)
    )
    assert reports.waiting() == [first.pk]
    second = reports.claim(first.pk)
    assert second.attempts == 2
    reports.perform(first)  # the first one wakes up: the row is no longer its own
    second.refresh_from_db()
    assert second.state == "running"
    second = reports.perform(second)
    version.refresh_from_db()
    assert (second.state, version.state) == ("done", "tested")


def test_a_test_that_ends_its_worker_again_and_again_is_given_up(analyst):
    version = drafted(analyst, published(analyst))
    report = ask(analyst, version)
    Report.objects.filter(pk=report.pk).update(attempts=reports.MAX_ATTEMPTS)
    report = reports.perform(reports.claim(report.pk))
    assert report.state == "failed"
    assert "number" in report.message


def test_the_sweep_takes_up_what_lost_its_message(analyst):
    version = drafted(analyst, published(analyst))
    report = ask(analyst, version)
    assert reports.waiting() == []  # a message may still be under way
    Report.objects.filter(pk=report.pk).update(created_at=timezone.now() - dt.timedelta(seconds=90))
    assert reports.waiting() == [report.pk]
    run_report(report.pk)
    run_report(report.pk)  # a second message for the same row changes nothing
    report.refresh_from_db()
    assert (report.state, report.attempts) == ("done", 1)


def test_the_command_tests_a_model_and_prints_numbers(analyst):
    results()
    version = drafted(analyst, published(analyst))
    out = StringIO()
    call_command("backtest", version.model.code, window_days=120, stdout=out)
    assert "Order (AUC) | last_visit" in out.getvalue()
    out = StringIO()
    call_command("backtest", version.model.code, json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert told["labels"] == 480
    assert "origin" in told["total"]["segments"]  # to the operator, the whole
    with pytest.raises(CommandError, match="no such model"):
        call_command("backtest", "nothing")


def test_the_ceiling_stands_beside_the_model_and_ranks_nothing(analyst, as_user):
    results(sites=100)
    version = drafted(analyst, published(analyst), published(analyst, **POSTED))
    report = test_now(analyst, version, "backtest", window_days=120)
    total = report.results["total"]
    value, low, high = total["ceiling"]["auc"]
    assert low <= value <= high
    assert value > 0.6
    assert total["to_ceiling"]["auc"][0] == pytest.approx(total["model"]["auc"][0] - value)
    page = as_user(analyst).get(reverse("risk:model_detail", args=[version.public_id]))
    words = page.content.decode()
    assert "Ceiling: free trees" in words
    assert "It is never used to rank a site" in words
    assert "ceiling" not in json.dumps(version.params)


def test_too_few_results_for_trees_leave_the_ceiling_out(analyst, monkeypatch):
    monkeypatch.setattr("risk.learning.rolling.TREES", 10**6)
    results(sites=30)
    version = drafted(analyst, published(analyst))
    total = test_now(analyst, version, "backtest", window_days=120).results["total"]
    assert "ceiling" not in total
    assert "to_ceiling" not in total


def test_a_report_made_before_groups_had_intervals_is_still_told(analyst, as_user):
    results()
    version = drafted(analyst, published(analyst))
    report = test_now(analyst, version, "backtest", window_days=120)
    total = report.whole.results["total"]
    del total["chosen"]
    total["segments"] = {"posted": {
        "no": {"n": 300, "rate": 0.125, "predicted": 0.5, "auc": 0.75, "chosen": 0.0,
               "precision": None},
        "yes": {"n": 9, "too_few": True},
    }}  # fmt: skip
    report.params["capacity"] = 12
    told_anew(report)
    for actor in (analyst, make_actor("TAX", "analyst")):
        client = as_user(actor)
        page = client.get(reverse("risk:model_detail", args=[version.public_id]))
        assert "12.5 %" in page.content.decode()
        assert "0.0 %" in page.content.decode()
        card = client.get(reverse("risk:model_card", args=[version.public_id]))
        assert card.status_code == 200
    # How much was chosen it does not say: the audit takes what it takes without a backtest.
    assert test_now(analyst, version, "audit").results["capacity"] == 0.1


def killed_after(monkeypatch, count):
    """A worker that ends after it has kept ``count`` parts of its test."""
    put, done = reports.Kept.__setitem__, []

    def dying(self, key, content):
        put(self, key, content)
        done.append(key)
        if len(done) == count:
            raise KeyboardInterrupt

    monkeypatch.setattr(reports.Kept, "__setitem__", dying)


def abandoned(report):
    Report.objects.filter(pk=report.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(seconds=reports.STALE_SECONDS + 1)
    )
    return reports.claim(report.pk)


def taken_up(analyst, version, kind, monkeypatch, count, **params):
    """A test that is killed after ``count`` parts and done by another worker; and what was done."""
    first = reports.claim(ask(analyst, version, kind, **params).pk)
    with monkeypatch.context() as patched:
        killed_after(patched, count)
        with pytest.raises(KeyboardInterrupt):
            reports.perform(first)
    put, again = reports.Kept.__setitem__, []
    second = abandoned(first)
    with monkeypatch.context() as patched:
        patched.setattr(
            reports.Kept, "__setitem__", lambda s, k, v: (again.append(k), put(s, k, v))[1]
        )
        done = reports.perform(second)
    version.refresh_from_db()
    return done, again


def test_finished_windows_are_not_done_again(analyst, monkeypatch):
    results(sites=40)
    version = drafted(analyst, published(analyst), kind="logistic")
    done, again = taken_up(analyst, version, "backtest", monkeypatch, 2, window_days=120)
    assert (done.state, version.state) == ("done", "tested")
    assert again
    assert not {"window:0", "window:1"} & set(again)
    assert done.kept.count() == 0
    whole = test_now(analyst, version, "backtest", window_days=120)
    assert whole.whole.results == done.whole.results


def test_windows_of_other_results_are_not_taken(analyst, monkeypatch):
    results(sites=40)
    version = drafted(analyst, published(analyst))
    put = reports.claim

    def changed(pk):
        visit = PastVisit.objects.filter(outcome="no_remarks").earliest("on", "pk")
        PastVisit.objects.filter(pk=visit.pk).update(outcome="serious")
        return put(pk)

    monkeypatch.setattr("tests.risk.govern.test_reports.abandoned", _abandoned_by(changed))
    done, again = taken_up(analyst, version, "backtest", monkeypatch, 2, window_days=120)
    assert "window:0" in again
    whole = test_now(analyst, version, "backtest", window_days=120)
    assert whole.results["total"]["model"] == done.results["total"]["model"]


def _abandoned_by(claim):
    def take(report):
        Report.objects.filter(pk=report.pk).update(
            heartbeat_at=timezone.now() - dt.timedelta(seconds=reports.STALE_SECONDS + 1)
        )
        return claim(report.pk)

    return take


def learnt(analyst, **values):
    results(sites=100, proxy=True)
    version = drafted(analyst, published(analyst), published(analyst, **POSTED), kind="logistic")
    test_now(analyst, version, "backtest")
    return version


def test_the_audit_learns_anew_without_each_indicator_and_goes_on_after_a_kill(
    analyst, monkeypatch
):
    from risk.services import training

    version = learnt(analyst)
    done, again = taken_up(analyst, version, "audit", monkeypatch, 1)
    assert len(again) == 1
    lines = {line["indicator"]: line for line in done.results["without"]}
    assert len(lines) == 2
    assert all(line["refit"] for line in lines.values())
    whole = test_now(analyst, version, "audit")
    assert whole.results["without"] == done.results["without"]
    history = next(code for code, line in lines.items() if line["moved"] > 0.2)
    assert lines[history]["auc_change"] < -0.05  # what tells most is missed most
    value, low, high = lines[history]["drawn_auc_change"]
    assert low <= value <= high
    # Not the same as taking the points out of the sum: the other one learns to tell more.
    rows = training.rows(version)
    card = rows.scorecard(version)
    j = rows.names.index(history)
    from risk.learning import metrics

    rest = card.score(rows.X) - card.contributions(rows.X)[:, j]
    gone = float(metrics.auc(rows.y, rest) - metrics.auc(rows.y, card.score(rows.X)))
    assert gone <= lines[history]["auc_change"] + 1e-9


def test_when_the_time_is_used_up_the_audit_says_so(analyst, as_user, monkeypatch):
    monkeypatch.setattr("risk.services.without.MOST_SECONDS", 0.0)
    version = learnt(analyst)
    report = test_now(analyst, version, "audit")
    assert not any(line["refit"] for line in report.results["without"])
    page = as_user(analyst).get(reverse("risk:model_detail", args=[version.public_id]))
    assert "not learnt anew" in page.content.decode()


def test_results_count_from_the_day_they_were_known(analyst, settings):
    """The day after the source says, else some days later, or from when they were recorded here."""
    from risk.services import training

    settings.RISK_VISIT_LAG_DAYS = 30
    site, now = make_site(), timezone.now()
    days = [timezone.localdate() - dt.timedelta(days=n) for n in (400, 300, 200, 190)]
    told = [None, days[1] + dt.timedelta(days=3), None, None]
    recorded = [now, now, now - dt.timedelta(days=195), now - dt.timedelta(days=195)]
    for day, on, at, outcome in zip(
        days, told, recorded, ("serious", "no_remarks", "no_remarks", "serious"), strict=True
    ):
        make_past_visit(site, on=day, told_on=on, known_from=at, outcome=outcome)
    make_past_visit(site, on=days[0] + dt.timedelta(days=10))
    rows = training.rows(drafted(analyst, published(analyst)))
    waits = [int(t - d) for t, d in zip(rows.told, rows.day, strict=True)]
    assert waits == [30, 30, 4, 6, 1]
    # Ten days after the first visit its result was not known.
    assert [None if v != v else v for v in rows.last.tolist()] == [None, None, 1, 0, 0]


@pytest.mark.parametrize("planted", ["telling", "of_a_later_day"])
def test_a_planted_leak_makes_the_backtest_fail_in_words(analyst, monkeypatch, planted):
    results(sites=60)
    chosen = {}
    if planted == "telling":  # the register says the day before what the visit will find
        chosen = {"source": "facts",
                  "definition": {"measure": "last", "kind": "grade", "field": "grade"}}  # fmt: skip
        Fact.objects.bulk_create(
            Fact(site=visit.site, kind="grade", value={"grade": 2 * (visit.outcome == "serious")},
                 valid_from=visit.on - dt.timedelta(days=1), told_on=visit.on - dt.timedelta(days=1),
                 known_from=timezone.now(), source="test", source_key=f"grade-{visit.pk}",
                 shared=True, authority=visit.authority)
            for visit in PastVisit.objects.select_related("site", "authority")
        )  # fmt: skip
    else:
        from risk.engine import values as engine

        asked = engine.values

        def of_tomorrow(versions, wanted):
            return [
                replace(row, values=tuple(
                    replace(v, on=row.day + dt.timedelta(days=1)) for v in row.values
                )) for row in asked(versions, wanted)
            ]  # fmt: skip

        monkeypatch.setattr(engine, "values", of_tomorrow)
    version = drafted(analyst, published(analyst, **chosen))
    report = test_now(analyst, version, "backtest", window_days=120)
    assert report.state == "failed"
    assert "“Earlier findings” seems to know the result before the visit" in report.message
    assert ("separates" if planted == "telling" else "known from day") in report.message
