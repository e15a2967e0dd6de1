"""What the database itself gives of tests of a joint model: raw SQL as the application's role."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import Context, acting_as, using
from risk.models import Label, Report, ReportWhole
from risk.report_readers import results_for
from risk.services import reports
from targets.models import PastVisit
from tests.factories import make_actor
from tests.risk.govern.factories import drafted, published, results, test_now, told_anew

pytestmark = pytest.mark.django_db
TABLES = ("risk_report", "risk_reportwhole", "risk_reportstep")
# Where visits came from, a group of one, its size and rates, an excess that would tell a rate,
# results of single visits, and the number of all groups, which would tell of those of origin.
SECRETS = ('"tip"', "origin=tip", '"50-"', "size=50-", "0.1437", '"bands"', "random_rate",
           '"comparisons"', "0.918273")  # fmt: skip


@pytest.fixture
def tested(reference):
    """A joint model on unshared visits: one is at the only large firm, one came of a tip."""
    results(sites=60, rounds=10)
    PastVisit.objects.update(shared=False)
    lone = PastVisit.objects.filter(outcome="serious").order_by("-on").first().site
    PastVisit.objects.filter(site=lone).exclude(pk=lone.past_visits.latest("on").pk).delete()
    type(lone).objects.filter(pk=lone.pk).update(staff_estimate=500)
    Label.objects.filter(visit__site=lone).update(origin="tip")
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    backtest = test_now(analyst, version, "backtest", window_days=120)
    audit = test_now(analyst, version, "audit", capacity=0.3)
    found = audit.whole.results
    region, row = next(iter(found["findings"]["region"].items()))
    found["findings"]["region"]["few"] = row | {"visited_chosen": 2.0, "hit_rate": 0.918273}
    found["findings"]["region"]["many"] = row | {
        "visited_chosen": 900.0, "equal_score_chosen": {
            "n": 900, "hit_rate": 0.5, "hit_rate_others": 0.4, "difference": 0.1, "p": 0.2,
            "bands": [{"band": 0, "n": 1, "hit_rate": 1.0, "hit_rate_others": 0.4}],
        },
    }  # fmt: skip
    found["blocking"] = [
        {"group": "origin=tip", "measure": "selection_ratio", "value": 2.5, "limit": 1.25},
        {"group": f"region={region}", "measure": "false_discovery", "value": 0.1437, "limit": 0.1},
    ]
    told_anew(audit)
    return version, backtest, audit


def read(actor) -> str:
    """Every column of every row of a test that raw SQL gives somebody."""
    found = []
    with transaction.atomic(), acting_as(actor), connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT t::text FROM {table} t")
            found += [text.replace('""', '"') for (text,) in cursor.fetchall()]
    return "\n".join(found)


def check_walls(audit) -> None:
    mine, others = read(make_actor("OSH", "analyst")), read(make_actor("TAX", "analyst"))
    assert [secret for secret in SECRETS if secret not in mine] == []
    assert [secret for secret in SECRETS if secret in others] == []
    assert '"findings"' in others
    assert '"segments"' in others
    assert '{"difference": 0.1}' in others  # of a large group it is told
    assert (
        results_for(Report.objects.get(pk=audit.pk), own=True)["findings"]["size"]["50-"]["n"] == 1
    )


def test_others_find_the_reduced_form_alone(tested):
    _version, backtest, audit = tested
    assert backtest.whole.results["total"]["segments"]["origin"]["tip"]["n"] == 1
    check_walls(audit)
    with transaction.atomic(), acting_as(make_actor("TAX", "analyst")):
        # The wall has the last word, whatever a page believes of its reader.
        told = results_for(Report.objects.get(pk=audit.pk), own=True)
        assert told == audit.results
        assert "origin" not in told["findings"]
        assert not ReportWhole.objects.exists()
        assert not ReportWhole.objects.update(results={})
    assert ReportWhole.objects.exclude(results={}).count() == 2


def test_without_an_indicator_groups_are_told_by_the_same_rule(tested):
    _version, _backtest, audit = tested
    (whole,), (told,) = (found["without"] for found in (audit.whole.results, audit.results))
    assert {"origin=tip", "size=50-", "posted=no"} <= whole["selection_rates"].keys()
    named = {f"{d}={label}" for d, rows in audit.results["findings"].items() for label in rows}
    assert "posted=no" in told["selection_rates"]
    assert told["selection_rates"].keys() <= named
    assert told["moved"] == whole["moved"]


def test_a_test_under_way_tells_others_how_far_it_is_and_no_more(reference, monkeypatch):
    results(sites=40)
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst), kind="logistic")
    with transaction.atomic():
        asked = reports.new_report(
            actor=analyst, version=version, kind="backtest", window_days=120
        )  # fmt: skip
    put = reports.Kept.__setitem__

    def dying(self, key, content):
        put(self, key, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(reports.Kept, "__setitem__", dying)
    with pytest.raises(KeyboardInterrupt):
        reports.perform(reports.claim(asked.pk))
    mine, others = read(analyst), read(make_actor("TAX", "analyst"))
    assert "window:0" in mine
    assert "fitted" in mine
    assert "window:0" not in others
    assert "fitted" not in others
    with transaction.atomic(), acting_as(make_actor("TAX", "analyst")):
        row = Report.objects.get(pk=asked.pk)
        assert (row.state, row.results, row.kept.count()) == ("running", {}, 0)
        assert 0 < row.done_steps < row.steps


def test_reports_of_before_are_moved_the_same_way(tested):
    _version, backtest, audit = tested
    moved = importlib.import_module("risk.migrations.0040_wholes_of_before")
    stored = [(report.results, report.whole.results) for report in (backtest, audit)]

    def run(step) -> None:
        with transaction.atomic(), using(Context()):
            step(apps, SimpleNamespace(connection=connection))

    def pairs() -> list[tuple]:
        rows = Report.objects.filter(whole__isnull=False).select_related("whole").order_by("pk")
        return [(row.results, row.whole.results) for row in rows]

    run(moved.back)
    assert not ReportWhole.objects.exists()
    before = [report.results for report in Report.objects.order_by("pk")]
    assert before == [whole for _told, whole in stored]
    assert '"tip"' in read(make_actor("TAX", "analyst"))
    Report.objects.create(version=audit.version, kind="drift", state="failed")  # has found nothing
    for _ in range(2):
        run(moved.move)
        assert pairs() == stored
    check_walls(audit)


@pytest.mark.parametrize(("code", "reads"), [("OSH", 1), ("TAX", 0)])
def test_a_page_reads_the_whole_with_its_reports(tested, as_user, code, reads):
    version = tested[0]
    client = as_user(make_actor(code, "manager"))
    page = reverse("risk:model_detail", args=[version.public_id])
    client.get(page)
    with CaptureQueriesContext(connection) as captured:
        client.get(page)
    assert sum("risk_reportwhole" in query["sql"] for query in captured) == reads
