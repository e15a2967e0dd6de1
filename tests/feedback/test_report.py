"""Phase 3: numbers that lead to their lists, measures with deadlines, feedback to nominators."""

import datetime as dt
import io
import re

import openpyxl
import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from audit.errors import Conflict, NotAllowed, RuleViolation
from feedback.models import Feedback, Measure
from feedback.selectors import report
from feedback.services import (
    cancel_measure,
    change_measure,
    close_measure,
    open_measure,
    record_outcome,
    write_debrief,
)
from planning.services import move
from risk.models import Label
from targets.models import PastVisit
from tests.factories import Cast
from worklist.models import Notification, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db):
    cast = Cast()
    cast.to("feedback", sites=4)
    visits = cast.visits()
    for number, code in enumerate(("OSH", "TAX", "OSH")):
        open_measure(
            actor=cast.actors[code, "inspector"], visit=visits[number], kind="advice",
            deadline=timezone.localdate() + dt.timedelta(days=number),
        )  # fmt: skip
    return cast


def test_every_number_leads_to_a_list_of_exactly_that_length(cast, as_user):
    with time_machine.travel(timezone.now() + dt.timedelta(days=1), tick=False):
        client = as_user(cast.actors["POL", "manager"])
        data = report(cast.actors["POL", "manager"], cast.refresh())
        followed = 0
        rows = [*data["numbers"], *(row for chart in data["charts"] for row in chart["rows"])]
        assert {n["key"]: n["value"] for n in data["numbers"]} == {
            "ended": 3, "not_possible": 0, "outcomes": 6, "serious": 3, "open": 3, "overdue": 1,
        }  # fmt: skip
        for row in rows:
            if not row["url"].startswith(("/feedback/outcomes/", "/feedback/measures/")):
                continue
            if "region=" in row["url"]:
                continue  # this chart adds up two kinds; its list shows all of the region
            page = client.get(row["url"]).content.decode()
            count = int(re.search(r'<span role="status" aria-live="polite">(\d+)', page).group(1))
            assert count == row["value"], row
            followed += 1
    assert followed >= 10


def test_report_costs_the_same_whatever_its_size(cast, django_assert_num_queries):
    actor = cast.actors["OSH", "manager"]
    actor.group_ids, actor.region_ids  # asked once a request
    with django_assert_num_queries(7):
        data = report(actor, cast.operation)
        list(data["debriefs"])


def test_report_page_pdf_and_xlsx(cast, as_user):
    client = as_user(cast.actors["TAX", "manager"])
    page = client.get(reverse("feedback:report", args=[cast.operation.public_id]))
    assert "3 of 3 selected sites were visited." in page.content.decode()
    pdf = client.get(reverse("feedback:report_pdf", args=[cast.operation.public_id]))
    reader = PdfReader(io.BytesIO(pdf.content))
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert "Operation North" in reader.pages[0].extract_text()
    book = client.get(reverse("feedback:report_xlsx", args=[cast.operation.public_id]))
    sheets = openpyxl.load_workbook(io.BytesIO(book.content))
    assert sum(c.data_type == "f" for s in sheets for r in s.iter_rows() for c in r) == 0
    values = {(r[0].value, r[1].value) for r in sheets.worksheets[0].iter_rows()}
    assert ("Outcomes recorded", 6) in values


def test_overdue_is_counted_by_the_local_date(cast):
    """At 22.30 UTC it is already the next day in Helsinki."""
    measure = Measure.objects.order_by("deadline").first()
    evening = dt.datetime.combine(measure.deadline, dt.time(22, 30), dt.UTC)
    actor = cast.actors["OSH", "manager"]
    with time_machine.travel(evening - dt.timedelta(hours=3), tick=False):
        numbers = {n["key"]: n["value"] for n in report(actor, cast.operation)["numbers"]}
        assert numbers["overdue"] == 0
    with time_machine.travel(evening, tick=False):
        numbers = {n["key"]: n["value"] for n in report(actor, cast.operation)["numbers"]}
        assert numbers["overdue"] == 1


def test_measure_has_a_task_that_moves_and_ends_with_it(cast):
    osh = cast.actors["OSH", "inspector"]
    measure = Measure.objects.filter(authority__code="OSH").order_by("pk").first()
    task = Task.objects.get(key=f"feedback.measure:{measure.pk}")
    assert task.due == measure.deadline
    later = timezone.localdate() + dt.timedelta(days=30)
    measure = change_measure(
        actor=osh, measure=measure, version=1, deadline=later, state="in_progress"
    )
    task.refresh_from_db()
    assert task.due == later
    with pytest.raises(RuleViolation, match="Choose a result"):
        close_measure(actor=osh, measure=measure, result="")
    close_measure(actor=osh, measure=measure, result="complied")
    task.refresh_from_db()
    assert task.state == "done"
    with pytest.raises(Conflict, match="already"):
        cancel_measure(actor=osh, measure=measure, reason="x")


def test_measure_of_another_authority_cannot_be_changed(cast):
    measure = Measure.objects.filter(authority__code="OSH").first()
    with pytest.raises(NotAllowed):
        close_measure(actor=cast.actors["TAX", "inspector"], measure=measure, result="complied")


def test_deadline_before_the_visit_is_refused(cast):
    with pytest.raises(RuleViolation, match="cannot be before the visit"):
        open_measure(
            actor=cast.actors["OSH", "inspector"], visit=cast.visits()[0], kind="advice",
            deadline=timezone.localdate() - dt.timedelta(days=5),
        )  # fmt: skip


def test_every_nominator_hears_once_what_became_of_it(cast):
    rows = Feedback.objects.select_related("nomination").order_by("pk")
    assert rows.count() == cast.operation.nominations.count() == 4
    chosen = [r for r in rows if r.chosen]
    assert len(chosen) == 3
    assert all(r.visited and len(r.outcomes) == 2 for r in chosen)
    dropped = next(r for r in rows if not r.chosen)
    assert dropped.choice_reason == "Decided together"
    told = Notification.objects.filter(kind="feedback.given")
    assert {n.authority.code for n in told} == {"OSH", "TAX", "POL"}
    assert told.count() == 6  # a coordinator and an analyst of each


def test_feedback_follows_measures_until_closed(cast):
    visit = cast.visits()[0]
    row = Feedback.objects.get(nomination__site=visit.site)
    assert row.measures_open == 1
    close_measure(
        actor=cast.actors["OSH", "inspector"],
        measure=visit.measures.get(), result="complied",
    )  # fmt: skip
    row.refresh_from_db()
    assert row.measures_open == 0


def test_closing_waits_for_outcomes_and_keeps_results_for_the_future(cast):
    outcome = cast.visits()[0].outcomes.first()
    outcome.delete()
    with pytest.raises(RuleViolation, match="Outcomes missing"):
        move(actor=cast.lead, operation=cast.refresh(), arrow="close")
    record_outcome(
        actor=cast.actors[outcome.authority.code, "inspector"], visit=cast.visits()[0],
        kind="remarks",
    )  # fmt: skip
    drawn = cast.visits()[0].site
    cast.operation.choices.filter(site=drawn).update(arm="random", probability=0.25)
    move(actor=cast.lead, operation=cast.refresh(), arrow="close")
    assert PastVisit.objects.filter(source="tarkka", shared=True).count() == 6
    labels = list(Label.objects.filter(visit__source="tarkka").select_related("visit__authority"))
    # Scenario S9: what was drawn is learned from as drawn, with its probability.
    for label in labels:
        told = ("random", "draw", 0.25) if label.visit.site_id == drawn.pk else (
            "chosen", "nomination", None
        )  # fmt: skip
        assert (label.arm, label.origin, label.probability) == told
    assert sum(label.arm == "random" for label in labels) == 2
    assert {label.chosen_on for label in labels} == {timezone.localdate()}
    # One key a team, which names nobody.
    assert len({(label.visit.authority.code, label.group) for label in labels}) == 2
    assert all(len(label.group) == 16 for label in labels)


def test_clashing_debriefs_show_both(cast, as_user):
    osh = cast.actors["OSH", "coordinator"]
    write_debrief(actor=osh, operation=cast.operation, went_well="First", to_improve="", lessons="")
    client = as_user(osh)
    page = client.post(
        reverse("feedback:debrief", args=[cast.operation.public_id]),
        {"went_well": "Second", "to_improve": "", "lessons": "", "version": 0},
    )
    assert page.status_code == 409
    assert "First" in page.content.decode()
    assert "Second" in page.content.decode()
