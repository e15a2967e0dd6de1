"""The system trains anew what fell behind, tells its analysts, and leaves the rest to people."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from risk.jobs_reports import run_report, sweep_proposals
from risk.models import ModelVersion, Proposal, Report
from risk.services import proposals, reports
from risk.services.models import copy_model, drop_model_draft
from targets.models import PastVisit
from tests.factories import make_actor
from tests.risk.govern.factories import drafted, published, results, test_now
from worklist.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst():
    return make_actor("OSH", "analyst")


def in_use(analyst, seen_days=400, kind="logistic", **values):
    """A version in use that has seen the results up to ``seen_days`` ago."""
    version = drafted(analyst, published(analyst), kind=kind, **values)
    test_now(analyst, version, "backtest")
    day = timezone.localdate() - dt.timedelta(days=seen_days)
    seen = PastVisit.objects.filter(on__lte=day).count()
    row = ModelVersion.objects.filter(pk=version.pk)
    row.update(state="draft")  # what was tested is never changed, says a trigger
    row.update(trained_to=day, trained_on=seen)
    row.update(state="active")
    version.refresh_from_db()
    return version


def sweep():
    """A round of the beat: sweep, do what was queued, tell."""
    sweep_proposals()
    for pk in Report.objects.filter(state="waiting").order_by("pk").values_list("pk", flat=True):
        run_report(pk)
    sweep_proposals()


def test_enough_new_results_make_one_proposal_and_people_decide(analyst, as_user, settings):
    settings.RISK_RETRAIN_LABELS = 100
    results()
    base = in_use(analyst)
    for _ in range(3):
        sweep()
    proposal = Proposal.objects.get()
    draft = proposal.version
    assert (draft.state, draft.number, draft.created_by, draft.writers) == ("draft", 2, None, [])
    assert proposal.new_labels == PastVisit.objects.count() - base.trained_on > 100
    assert draft.trained_on == PastVisit.objects.count()
    assert not draft.approvals.exists()
    base.refresh_from_db()
    assert base.state == "active"
    found = proposal.comparison
    assert found["enough"]
    for order in ("new", "in_use", "difference"):
        value, low, high = found[order]["auc"]
        assert low <= value <= high
    (task,) = Task.objects.filter(kind="risk.proposal")
    assert (task.authority, task.role) == (analyst.authority, "analyst")
    client = as_user(analyst)
    page = client.get(reverse("risk:model_detail", args=[draft.public_id])).content.decode()
    assert f"because {proposal.new_labels} results came since version 1 was" in page
    assert "Version 1, in use" in page
    # The ordinary way from here: a person asks for the test, which ends the task.
    asked = {"unit": "share", "capacity": "10"}
    client.post(reverse("risk:model_backtest", args=[draft.public_id]), asked)
    task.refresh_from_db()
    assert task.state == "done"
    run_report(Report.objects.get(state="waiting").pk)
    draft.refresh_from_db()
    assert draft.state == "tested"


def test_too_few_new_results_make_none(analyst, settings, monkeypatch):
    monkeypatch.setattr(proposals, "STOP", 100.0)  # these sites differ from what was learnt from
    settings.RISK_RETRAIN_LABELS = 1000
    results(sites=20)
    in_use(analyst)
    sweep()
    assert not Proposal.objects.exists()
    assert Report.objects.filter(kind="drift", state="done").count() == 1  # looked at, once a month


def test_drift_past_its_limit_makes_one_and_says_so(analyst, as_user, settings):
    settings.RISK_RETRAIN_LABELS = 10_000
    results(sites=20)
    base = in_use(analyst)
    Report.objects.create(version=base, kind="drift", state="done", results={"score": 0.27})
    for _ in range(2):
        sweep()
    proposal = Proposal.objects.get()
    assert proposal.drift == 0.27
    page = as_user(analyst).get(
        reverse("risk:model_detail", args=[proposal.version.public_id])
    ).content.decode()  # fmt: skip
    assert "drift 0.27" in page


def test_a_draft_somebody_writes_is_left_alone(analyst, settings):
    settings.RISK_RETRAIN_LABELS = 10
    results(sites=20)
    base = in_use(analyst)
    own = copy_model(actor=analyst, version=base)
    sweep()
    assert not Proposal.objects.exists()
    drop_model_draft(actor=analyst, version=own)
    sweep()
    assert Proposal.objects.count() == 1


def test_what_was_given_up_is_not_proposed_again_for_the_same_results(analyst, settings):
    settings.RISK_RETRAIN_LABELS = 10
    results(sites=20)
    in_use(analyst)
    sweep()
    drop_model_draft(actor=analyst, version=Proposal.objects.get().version)
    assert Task.objects.get(kind="risk.proposal").state == "cancelled"
    sweep()
    proposal = Proposal.objects.get()
    assert proposal.version is None
    assert ModelVersion.objects.count() == 1


def test_a_kill_between_the_steps_loses_and_doubles_nothing(analyst, settings, monkeypatch):
    settings.RISK_RETRAIN_LABELS = 10
    results(sites=20)
    base = in_use(analyst)

    def killed(*_args, **_values):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(reports, "send", killed)
        with pytest.raises(KeyboardInterrupt):
            proposals.propose(base)
    assert not Proposal.objects.exists()
    assert ModelVersion.objects.count() == 1  # all or nothing
    proposals.propose(base)
    proposals.propose(base)
    report = Report.objects.get(params__trial=True)
    proposals.sweep()
    assert Proposal.objects.get().told_at is None  # its test has not ended
    Report.objects.filter(pk=report.pk).update(created_at=timezone.now() - dt.timedelta(minutes=5))
    assert reports.waiting() == [report.pk]  # the ordinary sweep takes up what lost its message
    run_report(report.pk)
    proposals.sweep()
    proposals.sweep()
    assert Task.objects.filter(kind="risk.proposal").count() == 1


def test_a_failed_test_is_told_too(analyst, settings):
    settings.RISK_RETRAIN_LABELS = 10
    results(sites=20)
    base = in_use(analyst)
    proposals.propose(base)
    Report.objects.filter(params__trial=True).update(state="failed", message="broken")
    proposals.sweep()
    proposal = Proposal.objects.get()
    assert proposal.told_at is not None
    assert proposal.comparison == {}
    assert Task.objects.filter(kind="risk.proposal").count() == 1


def test_of_a_model_kept_to_its_authority_nobody_else_reads_a_proposal(analyst, settings):
    from django.db import connection, transaction

    from audit.context import acting_as

    settings.RISK_RETRAIN_LABELS = 10
    results(sites=20)
    base = in_use(analyst, joint=False)
    proposals.propose(base)
    for actor, seen in ((analyst, 1), (make_actor("TAX", "analyst"), 0)):
        with transaction.atomic(), acting_as(actor), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM risk_proposal")
            assert cursor.fetchone() == (seen,)
