"""Scenario S22: whoever is recused from a target sees nothing of it anywhere."""

import io
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.http import QueryDict
from django.urls import reverse
from pypdf import PdfReader

from audit.context import acting_as
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from planning.documents import make_records
from targets.services.recusals import end_recusal, recuse
from tests.factories import Cast, make_company, make_past_visit, make_signal, make_site
from ui.list_exports import export_rows
from ui.lists import ListPage

pytestmark = pytest.mark.django_db
NAMES = ("Kielletty Kahvila", "Kielletty Yhtiö")
TABLES = (
    "targets_site", "targets_company", "targets_pastvisit", "targets_signal",
    "planning_nomination", "planning_targetchoice", "planning_plannedvisit",
    "planning_availability", "execution_visit", "execution_inspectionrecord",
    "feedback_outcome", "feedback_measure", "feedback_feedback", "worklist_task", "audit_event",
)  # fmt: skip


@pytest.fixture
def closed():
    """A closed operation with the target visited first, a private visit and a signal on it."""
    site = make_site(name=NAMES[0], company=make_company(name=NAMES[1]))
    cast = Cast()
    operation = cast.to("closed", first=site)
    make_records(operation)
    make_past_visit(site, "TAX", shared=False)
    tax = cast.actors["TAX", "coordinator"]
    make_signal(tax, site=site)
    make_signal(tax, company=site.company)
    return cast, site


def addresses(cast: Cast, site: Any) -> list[str]:
    operation = cast.operation
    by_operation = (
        "planning:operation_detail", "planning:participants", "planning:nominate",
        "planning:selection", "planning:signoff", "planning:days", "execution:overview",
        "feedback:outcomes", "feedback:report", "feedback:report_xlsx", "feedback:report_pdf",
    )  # fmt: skip
    day = operation.days.get()
    lists = (
        "targets:site_list", "targets:company_list", "targets:signal_list", "targets:sharing",
        "feedback:measure_list", "feedback:outcome_list", "feedback:inbox", "worklist:my_work",
        "worklist:task_list", "worklist:inbox", "planning:overlaps", "planning:calendar",
        "execution:my_days",
    )  # fmt: skip
    return [
        *(reverse(name, args=[operation.public_id]) for name in by_operation),
        reverse("planning:briefing", args=[day.public_id]),
        reverse("planning:powers", args=[day.public_id]),
        reverse("execution:day", args=[day.public_id]),
        reverse("planning:decision_record", args=[operation.public_id, "fi"]),
        *(reverse(name) for name in lists),
        *(f"{reverse(name)}?export=csv" for name in lists[:3]),
        *(f"{reverse('ui:search')}?q={word}" for word in ("Kielletty", "Kahvila", "Yhti")),
        reverse("targets:site_detail", args=[site.public_id]),
        reverse("targets:company_detail", args=[site.company.public_id]),
    ]


def text_of(answer: Any) -> str:
    if answer["Content-Type"] == "application/pdf":
        pages = PdfReader(io.BytesIO(answer.content)).pages
        return " ".join(page.extract_text() for page in pages)
    if "spreadsheet" in answer["Content-Type"]:
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        return " ".join(
            str(cell.value)
            for sheet in book.worksheets
            for row in sheet.iter_rows()
            for cell in row
        )
    # What was asked for stands in the search field; only what was found counts.
    text: str = answer.content.decode()
    return text


def pages_that_name_it(client: Any, cast: Cast, site: Any) -> set[str]:
    found = set()
    for address in addresses(cast, site):
        answer = client.get(address)
        assert answer.status_code in (200, 404), address
        if any(name in text_of(answer) for name in NAMES):
            found.add(address)
    return found


def test_nothing_of_the_target_is_left_for_the_recused(closed, as_user):
    cast, site = closed
    person = cast.actors["TAX", "coordinator"]
    before = pages_that_name_it(as_user(person), cast, site)
    assert len(before) > 15  # the same pages do name it for those who may see it
    row = recuse(
        actor=cast.actors["TAX", "manager"], person=person.user, target=site.company, reason="Kin"
    )
    assert pages_that_name_it(as_user(person), cast, site) == set()
    for address in (
        reverse("targets:site_detail", args=[site.public_id]),
        reverse("targets:company_detail", args=[site.company.public_id]),
    ):
        assert as_user(person).get(address).status_code == 404
    colleague = cast.actors["TAX", "analyst"]
    assert pages_that_name_it(as_user(colleague), cast, site)
    assert Event.objects.filter(verb="person.recused").count() == 1
    end_recusal(actor=cast.actors["TAX", "manager"], recusal=row)
    assert pages_that_name_it(as_user(person), cast, site) == before


def test_every_export_of_every_list_leaves_it_out(closed):

    cast, site = closed
    person = cast.actors["TAX", "coordinator"]
    recuse(actor=cast.actors["TAX", "manager"], person=person.user, target=site, reason="Kin")
    for page in ListPage.registry.values():
        if page.key in ("candidates", "pool", "mails", "people", "access", "erasures", "datasets"):
            continue
        with acting_as(person):
            _head, _labels, rows = export_rows(page(person, QueryDict()))
            assert NAMES[0] not in str(list(rows)), page.key


def test_raw_sql_of_the_recused_finds_no_row_of_it(closed):
    cast, site = closed
    person = cast.actors["TAX", "coordinator"]

    def rows() -> dict[str, int]:
        found = {}
        with acting_as(person), connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT count(*) FROM {table}")
                found[table] = cursor.fetchone()[0]
        return found

    before = rows()
    recuse(actor=cast.actors["TAX", "manager"], person=person.user, target=site.company, reason="K")
    after = rows()
    shrunk = {table for table in TABLES if after[table] < before[table]}
    assert shrunk >= set(TABLES) - {"worklist_task", "feedback_measure", "audit_event"}
    with acting_as(person), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_event WHERE site_id = %s", [site.pk])
        assert cursor.fetchone()[0] == 0
        cursor.execute("SELECT count(*) FROM audit_event WHERE data::text LIKE '%%Kielletty%%'")
        assert cursor.fetchone()[0] == 0


def test_nobody_decides_about_oneself_or_about_others_people(closed):

    cast, site = closed
    manager = cast.actors["TAX", "manager"]
    with pytest.raises(RuleViolation):
        recuse(actor=manager, person=manager.user, target=site, reason="Kin")
    with pytest.raises(RuleViolation):
        recuse(actor=manager, person=cast.lead.user, target=site, reason="Kin")
    with pytest.raises(NotAllowed):
        recuse(actor=cast.lead, person=cast.lead.user, target=site, reason="Kin")
    person = cast.actors["TAX", "analyst"].user
    recuse(actor=manager, person=person, target=site, reason="Kin")
    with pytest.raises(Conflict):
        recuse(actor=manager, person=person, target=site, reason="Kin")
