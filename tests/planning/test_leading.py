"""Each visit has somebody to lead it who may enter that kind of place by right: plan, board, day."""

import pytest

from audit.context import acting_as
from audit.errors import RuleViolation
from authorities.models import Competence
from planning.candidates import candidates
from planning.day_checks import warnings
from planning.selectors import days_with_visits
from planning.services import add_visit, choose
from planning.services.board import usual_team
from planning.services.teams import propose_team
from tests.factories import Cast, set_rules
from tests.planning.days import day_of, scheduled, soon
from tests.planning.test_board import WHY
from tests.planning.test_runs import plan

pytestmark = pytest.mark.django_db


def entry(cast: Cast, code: str, premises: str = "business_premises") -> None:
    """``code`` alone may enter by right; the others may work there."""
    for (name, role), actor in cast.actors.items():
        if role == "coordinator" and name in Cast.CODES:
            Competence.objects.create(
                authority=actor.authority, action="interview", premises=[premises], text_fi="x"
            )
    Competence.objects.create(
        authority=cast.actors[code, "coordinator"].authority, action="enter", premises=[premises],
        entry_right=True, text_fi="x",
    )  # fmt: skip


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting", sites=6)
    entry(cast, "TAX")
    return cast


def test_every_proposed_visit_has_somebody_to_lead_it(cast):
    # To some sites those who may enter have neither a wish nor a model: these cannot be proposed.
    tax = cast.actors["TAX", "coordinator"].authority.pk
    run = plan(cast)
    assert run.proposals.exists()
    assert all(tax in p.team for p in run.proposals.all())
    verdicts = {answer["verdict"] for answer in run.result["answers"].values()}
    assert "no_team" in verdicts


def test_the_board_refuses_a_team_that_nobody_can_lead_and_names_who_could(cast):
    set_rules(cast.operation, random_share=0)
    tax, police = (cast.actors[code, "coordinator"].authority for code in ("TAX", "POL"))
    asked = {"actor": cast.lead, "operation": cast.operation, "site": cast.sites[0],
             "state": "picked", **WHY}  # fmt: skip
    with pytest.raises(RuleViolation, match=f"Nobody of this team can lead .*: {tax.short}"):
        choose(**asked, team=[cast.lead.authority.pk, police.pk])
    choose(**asked, team=[cast.lead.authority.pk, tax.pk])
    assert all(tax.pk in usual_team(row) for row in candidates(cast.operation))


def test_where_the_register_knows_nobody_with_entry_anybody_leads(cast):
    Competence.objects.filter(entry_right=True).delete()
    police = cast.actors["POL", "coordinator"].authority.pk
    choose(actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked",
           team=[police], **WHY)  # fmt: skip


def test_on_a_day_whoever_may_enter_leads_the_team():
    cast = scheduled()
    entry(cast, "TAX")
    site = cast.operation.choices.filter(state="picked").first().site
    cast.operation.choices.filter(state="picked").update(
        team=sorted(cast.actors[c, "coordinator"].authority.pk for c in ("OSH", "TAX"))
    )
    with acting_as(cast.lead):
        proposal = propose_team(operation=cast.operation, date=soon(), site_ids=[site.pk])
    osh, tax = (cast.actors[code, "inspector"] for code in ("OSH", "TAX"))
    assert [m.user for m in proposal.members] == [osh.user, tax.user]
    assert proposal.lead == tax.user
    day = day_of(cast, members=[osh.membership, tax.membership], team_lead=osh.user)
    add_visit(actor=cast.lead, day=day, site=site)

    def told() -> list[str]:
        rows = list(days_with_visits(cast.refresh()))
        return [w for w in warnings(cast.lead, cast.operation, rows)[day.pk] if "lead" in w]

    assert len(told()) == 1
    assert f"Let {tax.authority.short} lead." in told()[0]
    type(day).objects.filter(pk=day.pk).update(team_lead=tax.user)
    assert told() == []
