"""What one authority keeps to itself appears nowhere for another: pages, exports, PDFs, events."""

import io

import openpyxl
import pytest
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from audit.models import Event
from execution.models import Finding
from feedback.models import Measure
from feedback.services import close_measure, open_measure, record_outcome
from planning.models import Operation
from planning.permissions import ACTIONS, can
from risk.selectors import joint_scores
from risk.services.scoring import run_scoring
from targets.models import PastVisit, Site
from tests.factories import Cast, make_actor, make_past_visit, make_region, make_site
from tests.risk.engine.factories import make_indicator, make_model

pytestmark = pytest.mark.django_db

SECRETS = (
    "Secret of OSH",
    "Secret finding of OSH",
    "Secret note",
    "Secret measure",
    "Secret result",
)


@pytest.fixture
def closed(db):
    cast = Cast()
    cast.to("feedback")
    visit = cast.visits()[0]
    osh = cast.actors["OSH", "inspector"]
    record_outcome(actor=osh, visit=visit, kind="serious", note="Secret note", version=1)
    measure = open_measure(
        actor=osh,
        visit=visit,
        kind="advice",
        deadline=timezone.localdate(),
        description="Secret measure",
    )
    close_measure(actor=osh, measure=measure, result="complied", result_note="Secret result")
    return cast


def pages(cast: Cast) -> list[str]:
    operation, visit = cast.operation, cast.visits()[0]
    measure = visit.measures.first()
    by_operation = (
        "planning:operation_detail", "planning:participants", "planning:nominate",
        "planning:selection", "planning:signoff", "planning:days", "execution:overview",
        "feedback:outcomes", "feedback:report",
    )  # fmt: skip
    return [
        *(reverse(name, args=[operation.public_id]) for name in by_operation),
        reverse("execution:visit", args=[visit.public_id]),
        reverse("feedback:measure_detail", args=[measure.public_id]),
        reverse("feedback:measure_list"),
        reverse("feedback:outcome_list"),
        reverse("feedback:inbox"),
        reverse("worklist:my_work"),
        reverse("worklist:task_list"),
        reverse("targets:site_detail", args=[visit.site.public_id]),
    ]


def test_own_words_stay_with_their_authority_on_every_page(closed, as_user):
    client = as_user(closed.actors["TAX", "coordinator"])
    for page in pages(closed):
        answer = client.get(page)
        assert answer.status_code == 200, page
        for secret in SECRETS:
            assert secret not in answer.content.decode(), f"{secret} on {page}"


def test_own_words_are_there_for_their_own_authority(closed, as_user):
    """The test above would pass on empty pages; this one would not."""
    client = as_user(closed.actors["OSH", "coordinator"])
    seen = "".join(client.get(page).content.decode() for page in pages(closed))
    visit = closed.visits()[0]
    record = closed.record(visit, "OSH")
    seen += client.get(reverse("execution:record", args=[record.public_id])).content.decode()
    for secret in SECRETS:
        assert secret in seen, secret


def test_exports_and_documents_hold_no_other_authoritys_words(closed, as_user):
    client = as_user(closed.actors["TAX", "coordinator"])
    operation = closed.operation
    workbook = client.get(reverse("feedback:report_xlsx", args=[operation.public_id]))
    cells = [
        str(cell.value)
        for sheet in openpyxl.load_workbook(io.BytesIO(workbook.content))
        for row in sheet.iter_rows()
        for cell in row
    ]
    texts = " ".join(cells)
    for name, args in (
        ("feedback:report_pdf", [operation.public_id]),
        ("planning:briefing", [operation.days.get().public_id]),
    ):
        pdf = client.get(reverse(name, args=args))
        assert pdf.status_code == 200
        texts += " ".join(p.extract_text() for p in PdfReader(io.BytesIO(pdf.content)).pages)
    for name in ("feedback:measure_list", "feedback:outcome_list", "targets:site_list"):
        texts += client.get(reverse(name), {"export": "csv"}).content.decode()
    for secret in SECRETS:
        assert secret not in texts, secret


def test_events_addressed_to_one_authority_are_read_by_it_alone(closed):
    tax, osh = closed.actors["TAX", "manager"], closed.actors["OSH", "manager"]
    private = Event.objects.exclude(audience__isnull=True)
    assert private.visible_to(osh).count() > 0
    assert not private.visible_to(tax).filter(authority=osh.authority).exists()


def test_nominations_are_hidden_until_selection_begins(as_user):
    cast = Cast()
    cast.to("nominating")
    from planning.services import make_nomination

    make_nomination(
        actor=cast.actors["TAX", "coordinator"],
        operation=cast.operation,
        site=cast.sites[0],
        reason="Tax reason",
        rating=4,
    )
    page = reverse("planning:nominate", args=[cast.operation.public_id])
    assert "Tax reason" not in as_user(cast.lead).get(page).content.decode()
    overview = reverse("planning:operation_detail", args=[cast.operation.public_id])
    assert cast.sites[0].name not in as_user(cast.lead).get(overview).content.decode()
    assert "Tax reason" in as_user(cast.actors["TAX", "manager"]).get(page).content.decode()


def test_a_draft_is_seen_by_its_own_unit_only():
    cast = Cast()
    operation = cast.to("draft")
    seers = {k for k, a in cast.actors.items() if can(a, "view", operation)}
    assert seers == {("OSH", role) for role in cast.ROLES}


@pytest.mark.parametrize("state", ["draft", "inviting", "nominating", "signing", "closed"])
def test_queryset_and_object_check_agree(state):
    cast = Cast()
    operation = cast.to(state)
    for actor in cast.actors.values():
        for action, permission in ACTIONS.items():
            listed = Operation.objects.granted(actor, permission).filter(pk=operation.pk).exists()
            assert listed == can(actor, action, operation)


def test_acting_elsewhere_sees_nothing_of_the_other_place():
    """One person in two authorities sees each one's operations only while acting for it."""
    cast = Cast()
    operation = cast.to("nominating")
    person = cast.actors["TAX", "coordinator"].user
    elsewhere = make_actor("OUT", "coordinator", user=person)
    assert not can(elsewhere, "view", operation)
    assert can(cast.actors["TAX", "coordinator"], "view", operation)


def test_place_limited_to_regions_meets_only_what_touches_them():
    cast = Cast()
    operation = cast.to("nominating")
    other = make_region("19", "Lappi")
    limited = make_actor("TAX", "coordinator", regions=(other,))
    assert not can(limited, "view", operation)
    inside = make_actor("TAX", "coordinator", regions=(make_region(),))
    assert can(inside, "view", operation)


def test_leaving_takes_the_rights_in_the_same_transaction():
    from planning.services import withdraw

    cast = Cast()
    operation = cast.to("nominating")
    tax = cast.actors["TAX", "coordinator"]
    withdraw(actor=tax, place=cast.place("TAX"), reason="No people")
    assert not any(can(a, "view", operation) for k, a in cast.actors.items() if k[0] == "TAX")


def test_private_past_visits_move_nothing_that_others_see(as_user):
    cast = Cast()
    site = make_site(name="Quiet place")
    make_model([make_indicator("visits", {
        "measure": "count", "within_days": 3650, "outcomes": ["serious", "severe"]})])  # fmt: skip

    def standing():
        run_scoring()
        card = joint_scores([site.pk])[site.pk]
        return card.rank, card.value, card.coverage, [(m.p, m.coverage) for m in card.models]

    before = standing()
    make_past_visit(site, "OSH", outcome="severe", shared=False)
    assert standing() == before
    tax = as_user(cast.actors["TAX", "analyst"])
    assert (
        "Quiet place"
        not in tax.get(reverse("targets:site_list"), {"outcome": "severe"}).content.decode()
    )
    assert (
        "Quiet place"
        in tax.get(reverse("targets:site_list"), {"visited": "never"}).content.decode()
    )
    export = tax.get(reverse("targets:site_list"), {"export": "csv"}).content.decode()
    visit = PastVisit.objects.get(site=site)
    assert visit.on.isoformat() not in export
    osh = as_user(cast.actors["OSH", "analyst"])
    assert (
        "Quiet place"
        in osh.get(reverse("targets:site_list"), {"outcome": "severe"}).content.decode()
    )
    assert (
        visit.on.isoformat()
        in osh.get(reverse("targets:site_list"), {"export": "csv"}).content.decode()
    )


@pytest.mark.parametrize("query", [{"last_outcome": "remarks"}, {"findings": "open"}])
def test_what_another_authority_found_moves_no_filter(closed, as_user, query):
    """List, count, map and export by results are the same with and without its visits and findings."""
    osh, tax = closed.actors["OSH", "analyst"], closed.actors["TAX", "analyst"]
    site = closed.visits()[0].site
    window = {"bbox": "18,59,33,71", "zoom": "5"}

    def told(actor) -> list[str]:
        client = as_user(actor)
        url = reverse("targets:site_list")
        page = client.get(url, query)
        # The first line of an export says who made it and when.
        export = client.get(url, query | {"export": "csv"}).content.decode().partition("\n")[2]
        found = client.get(reverse("targets:site_map"), query | window).content.decode()
        rows = str([row.pk for row in page.context["rows"]])
        return [rows, page.context["count_text"], found, export]

    Site.objects.filter(pk=site.pk).update(latitude=60.2, longitude=24.9)
    record = closed.record(closed.visits()[0], "OSH")
    before, own = told(tax), told(osh)
    make_past_visit(site, "OSH", on=timezone.localdate(), outcome="severe", shared=False)
    Measure.objects.all().delete()
    Finding.objects.create(
        record=record, severity="minor", text="Another", legal_reference="1 §",
        created_by=osh.user,
    )  # fmt: skip
    assert told(tax) == before
    assert told(osh) != own


def test_filter_choices_name_no_operation_that_is_hidden(closed, as_user):
    page = as_user(closed.actors["OUT", "manager"]).get(reverse("feedback:measure_list"))
    assert "Operation North" not in page.content.decode()
    page = as_user(closed.actors["OUT", "manager"]).get(reverse("ui:search"), {"q": "North"})
    assert "Operation North" not in page.content.decode()
    page = as_user(closed.actors["TAX", "manager"]).get(reverse("ui:search"), {"q": "North"})
    assert "Operation North" in page.content.decode()
