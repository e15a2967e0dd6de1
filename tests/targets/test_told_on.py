"""Files that say when their keeper knew a row: kept beside what Tarkka knew, never instead."""

import datetime as dt

import pytest
from django.utils import timezone

from targets.models import Fact, ImportMapping, PastVisit, Site
from tests.targets.importing import analyst as analyst  # a fixture
from tests.targets.importing import upload

pytestmark = pytest.mark.django_db
HEAD = "id;site;date;result;known\n"


@pytest.fixture
def mapped(db):
    Site.objects.create(name="Here", source="past", source_key="7")
    ImportMapping.objects.create(
        code="past-visits", name="Past visits", kind="visits",
        columns={"key": "id", "site": "site", "on": "date", "outcome": "result", "told_on": "known"},
        options={"source": "past", "outcome": {"map": {"BAD": "severe", "GOOD": "no_remarks"}}},
    )  # fmt: skip
    ImportMapping.objects.create(
        code="past-facts", name="Past facts", kind="facts",
        columns={"key": "id", "site": "site", "valid_from": "date", "told_on": "known"},
        options={"source": "past", "fact": "visit_log", "values": {"result": "result"}},
    )  # fmt: skip


def bring(actor, kind, text):
    values = {} if kind == "visits" else {
        "legal_basis": "Test act", "purpose": "Targeting",
        "delete_on": timezone.localdate() + dt.timedelta(days=30),
    }  # fmt: skip
    return upload(actor, HEAD + text, f"past-{kind}", kind, **values)


def test_the_day_is_kept_and_a_second_run_changes_nothing(analyst, mapped):
    rows = "1;7;1.2.2020;bad;15.2.2020\n2;7;1.3.2020;good;\n"
    run = bring(analyst, "visits", rows)
    assert (run.created_count, run.refused_count) == (2, 0), run.message
    told = PastVisit.objects.order_by("source_key").values_list("told_on", flat=True)
    assert list(told) == [dt.date(2020, 2, 15), None]
    # What Tarkka knew, and when, is not rewritten by what a file says of itself.
    assert PastVisit.objects.filter(known_from__date=timezone.localdate()).count() == 2
    again = bring(analyst, "visits", rows)
    assert (again.created_count, again.updated_count, again.unchanged_count) == (0, 0, 2)
    later = bring(analyst, "visits", rows.replace("15.2.2020", "20.2.2020"))
    assert later.updated_count == 1
    assert PastVisit.objects.get(source_key="1").told_on == dt.date(2020, 2, 20)
    assert PastVisit.objects.get(source_key="1").previous[0]["told_on"] == "2020-02-15"


def test_a_day_before_the_visit_or_ahead_of_today_is_refused(analyst, mapped):
    ahead = (timezone.localdate() + dt.timedelta(days=1)).isoformat()
    run = bring(analyst, "visits", f"1;7;1.2.2020;bad;31.1.2020\n2;7;1.2.2020;bad;{ahead}\n")
    assert run.refused_count == 2
    refused = run.refusals.order_by("line").values_list("field", "code")
    assert list(refused) == [("told_on", "dates_order"), ("told_on", "future")]
    assert not PastVisit.objects.exists()


def test_facts_keep_it_too_and_another_day_is_another_statement(analyst, mapped):
    bring(analyst, "facts", "1;7;1.2.2020;bad;3.2.2020\n")
    again = bring(analyst, "facts", "1;7;1.2.2020;bad;3.2.2020\n")
    assert again.unchanged_count == 1
    changed = bring(analyst, "facts", "1;7;1.2.2020;bad;9.2.2020\n")
    assert changed.updated_count == 1
    in_force = Fact.objects.get(known_to__isnull=True)
    assert (in_force.told_on, in_force.value) == (dt.date(2020, 2, 9), {"result": "bad"})
