"""From nominations to days in the browser: lottery, proposal, board, signatures, days."""

import pytest
from playwright.sync_api import expect

from planning.jobs import make_decision_records, run_solver
from planning.models import SelectionRun
from tests.factories import PASSWORD, Cast, set_rules

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_the_lot_falls_first_then_comes_the_proposal_and_then_the_days(visitor, monkeypatch):
    monkeypatch.setattr("planning.jobs.run_solver.delay", run_solver)
    monkeypatch.setattr("planning.jobs.make_decision_records.delay", make_decision_records)
    cast = Cast()
    operation = cast.to("selecting", sites=6)
    set_rules(operation, random_share=30, no_draw="")
    address = f"/operations/{operation.public_id}/"
    lead, tax = visitor(), visitor()
    lead.sign_in(cast.lead.user, PASSWORD)
    tax.sign_in(cast.actors["TAX", "coordinator"].user, PASSWORD)
    page = lead.open(f"{address}selection/")
    expect(page.locator("main")).to_contain_text("First comes the random share")
    lead.press("Draw the random share")
    assert page.get_by_role("button", name="Make a proposal").count() == 0
    lead.press("Freeze the candidates and commit a seed")
    tax.open(f"{address}proposals/")
    tax.press("Draw", exact=True)
    drawn = set(operation.draws.get().sites.values_list("site__name", flat=True))
    assert drawn
    for name in drawn:
        expect(tax.page.locator("main")).to_contain_text(name)
    lead.open(f"{address}proposals/")
    lead.press("Make a proposal")
    run = SelectionRun.objects.get()
    assert run.state == "done", run.message
    lead.open(f"/operations/proposals/{run.public_id}/")
    expect(page.locator("main")).to_contain_text("drawn at random")
    lead.press("Take this proposal onto the board")
    picked = operation.choices.filter(state="picked")
    assert drawn <= set(picked.values_list("site__name", flat=True))
    lead.open(address)
    lead.press("Ask for sign-off")
    lead.press("Ask for sign-off")
    cast._sign()
    lead.open(f"{address}proposals/")
    expect(page.locator("main")).to_contain_text(bytes(operation.draws.get().seed).hex())
    lead.open(f"{address}days/")
    lead.press("Plan the days")
    lead.press("Make a draft of the days")
    planned = set(operation.planned_visits.values_list("site__name", flat=True))
    assert drawn <= planned
