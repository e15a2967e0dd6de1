"""Decisions beside the list: kept with each choice, held against results, told as totals to others."""

import datetime as dt

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import RuleViolation
from feedback.services import record_outcome
from feedback.services.outcomes import store_results
from planning.services import choose, undo_choice
from risk.models import Label, Override
from risk.override_rates import by_code, by_way, outcome_of
from risk.services.overrides import record_override
from targets.models import PastVisit
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_site
from tests.risk.govern.factories import drafted, published, results, test_now

pytestmark = pytest.mark.django_db
ANY = ("minor", "serious", "severe")


def decided(actor, number, rank, decided="picked", *, hit=None, arm="chosen", code="", of=20):
    """A decision on a site of operation ``number``, with its result (``hit``) if there is one."""
    site = make_site()
    record_override(
        actor=actor, site=site, operation=number, round=1, rank=rank, of=of, decided=decided,
        code=code, note="words",
    )  # fmt: skip
    if hit is not None:
        visit = PastVisit.objects.create(
            site=site, authority=actor.authority, on=timezone.localdate() - dt.timedelta(days=9),
            shared=True, source="tarkka", source_key=f"{number}-{rank}",
            outcome="serious" if hit else "no_remarks",
        )  # fmt: skip
        Label.objects.create(
            visit=visit, arm=arm, probability=0.1, known_from=timezone.now(), operation=number
        )
    return site


def round_of(actor, number="2026-001"):
    """Of 20 sites 16 are selected: ten of the first ones (8 hits), six further down (1 hit).

    Places 11 to 16 were left out; of the sites selected beside the list six gave a reason.
    """
    for rank in range(1, 11):
        decided(actor, number, rank, hit=rank <= 8)
    for rank in range(11, 15):
        decided(actor, number, rank, "dropped", code="recent")
    for rank in range(17, 23):
        decided(actor, number, rank, hit=rank == 17, code="local" if rank < 22 else "tip", of=22)
    return actor


def numbers(lines):
    return {
        line.label: (line.decisions, line.visited, line.rate and round(line.rate.rate, 2))
        for line in lines
    }


def test_what_went_against_the_list_is_held_against_what_followed_it():
    osh = round_of(make_actor("OSH", "coordinator"))
    seen = outcome_of(osh, ANY)
    assert seen.others == []
    assert numbers(by_way(seen.own)) == {
        "by_list": (10, 10, 0.8), "against": (6, 6, 0.17), "random": (0, 0, None),
    }  # fmt: skip
    # Sixteen selected: 11 to 14 stood on the list and were left out.
    assert numbers(by_code(seen.own, least=1)) == {
        "local": (5, 5, 0.2), "recent": (4, 0, None), "tip": (1, 1, 0.0),
    }  # fmt: skip
    # Fewer than five of a reason are told together, also one more where the rest would tell.
    assert numbers(by_code(seen.own)) == {"local": (5, 5, 0.2), "": (5, 1, None)}


def test_a_proposal_goes_before_the_list_and_a_draw_before_both():
    osh = make_actor("OSH", "coordinator")
    for number in range(6):
        site = decided(osh, "2026-002", 1 + number, hit=True, arm="random")
        Override.objects.filter(site=site).update(proposed=False)
    for number in range(6):
        site = decided(osh, "2026-002", 10 + number, hit=False)
        Override.objects.filter(site=site).update(proposed=True)
    assert numbers(by_way(outcome_of(osh, ANY).own)) == {
        "by_list": (6, 6, 0.0), "against": (0, 0, None), "random": (6, 6, 1.0),
    }  # fmt: skip


def test_the_last_round_counts():
    osh = make_actor("OSH", "coordinator")
    site = decided(osh, "2026-003", 3, "dropped", code="data")
    record_override(actor=osh, site=site, operation="2026-003", round=2, rank=1, of=9,
                    decided="picked")  # fmt: skip
    (row,) = outcome_of(osh, ANY).own
    assert (row.way, row.code) == ("by_list", "")


@pytest.mark.parametrize(
    ("values", "field"),
    [({"code": "whim"}, "code"), ({"code": "other", "note": " "}, "reason"),
     ({"decided": "perhaps"}, "state")],
)  # fmt: skip
def test_what_is_no_reason_is_refused(values, field):
    with pytest.raises(RuleViolation) as refused:
        record_override(
            actor=make_actor("OSH", "coordinator"), site=make_site(),
            **({"operation": "x", "round": 1, "rank": 1, "of": 2, "decided": "picked"} | values),
        )  # fmt: skip
    assert refused.value.field == field
    assert not Override.objects.exists()


def test_a_choice_keeps_its_reason_and_its_result_comes_when_the_operation_closes():
    cast = Cast()
    cast.to("selecting")
    operation, site = cast.operation, cast.sites[0]
    values = {"actor": cast.lead, "operation": operation, "site": site, "reason": "Seen it"}
    with pytest.raises(RuleViolation, match="kind of reason from the list"):
        choose(**values, state="dropped", code="whim")
    choose(**values, state="dropped", code="local")
    choose(**values, state="dropped", code="data")
    row = Override.objects.get()
    assert (row.code, row.decided, row.operation) == ("data", "dropped", operation.number)
    assert (row.rank, row.of, row.authority) == (1, len(cast.sites), cast.lead.authority)
    undo_choice(actor=cast.lead, operation=operation, site=site)
    assert not Override.objects.exists()


def test_results_of_an_operation_meet_its_decisions():
    cast = Cast()
    cast.to("feedback")
    visit = cast.visits()[0]
    record_outcome(
        actor=cast.actors["OSH", "inspector"], visit=visit, kind="serious", note="", version=1
    )
    store_results(operation=cast.operation)
    seen = {row.site: row for row in outcome_of(cast.lead, ANY).own}
    assert seen[visit.site_id].found is True
    assert seen[visit.site_id].way == "by_list"


def test_others_are_told_totals_and_no_small_group(as_user):
    round_of(make_actor("OSH", "coordinator"))
    tax = make_actor("TAX", "analyst")
    round_of(make_actor("TAX", "coordinator"), "2026-009")
    page = as_user(tax).get(reverse("risk:overrides")).content.decode()
    own, others = page.split("All other authorities: by way")
    assert "inspected recently" in own
    assert "inspected recently" not in others.split("newest deviations")[0]
    assert "Other reasons together" in others
    assert "2026-009" in page
    assert "2026-001" not in page
    with transaction.atomic(), acting_as(tax):
        assert set(Override.objects.values_list("operation", flat=True)) == {"2026-009"}
        assert not Override.objects.exclude(authority=tax.authority).exists()


def test_few_decisions_of_others_are_told_as_few(as_user):
    osh = make_actor("OSH", "coordinator")
    for rank in range(1, 4):
        decided(osh, "2026-004", rank, hit=True)
    page = as_user(make_actor("TAX", "manager")).get(reverse("risk:overrides")).content.decode()
    assert "under 5" in page
    assert "100.0" not in page


def test_a_recused_person_reads_no_decision_on_the_site(as_user):
    manager = make_actor("OSH", "manager")
    site = decided(manager, "2026-005", 2, "dropped", code="local")
    decided(manager, "2026-005", 1, "dropped", code="local")
    decided(manager, "2026-005", 9)
    decided(manager, "2026-005", 8)
    analyst = make_actor("OSH", "analyst")
    address = reverse("risk:overrides")
    assert str(site.public_id) in as_user(analyst).get(address).content.decode()
    recuse(actor=manager, person=analyst.user, target=site, reason="kin")
    assert str(site.public_id) not in as_user(analyst).get(address).content.decode()


def test_the_page_costs_the_same_whatever_the_number_of_decisions(as_user):
    client = as_user(make_actor("OSH", "analyst"))
    costs = []
    for number in range(2):
        round_of(make_actor("OSH", "coordinator"), f"2026-01{number}")
        client.get(reverse("risk:overrides"))
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("risk:overrides"))
        costs.append(len(captured))
    assert costs == [10, 10]


def test_the_report_of_a_model_tells_of_its_owners_decisions(as_user):
    results()
    osh = round_of(make_actor("OSH", "coordinator"))
    round_of(make_actor("TAX", "coordinator"), "2026-020")
    analyst = make_actor("OSH", "analyst")
    version = drafted(analyst, published(analyst))
    report = test_now(analyst, version, "backtest", window_days=120)
    ways = {line["label"]: line for line in report.results["overrides"]["ways"]}
    assert ways["against"]["rate"][0] == pytest.approx(1 / 6)
    assert ways["by_list"]["decisions"] == 10
    page = as_user(make_actor("TAX", "analyst")).get(
        reverse("risk:model_detail", args=[version.public_id])
    ).content.decode()  # fmt: skip
    assert "selected against the list" in page
    assert osh.authority.code == "OSH"
