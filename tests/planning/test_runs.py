"""From nominations to a proposal: what is frozen, what is stored, what happens twice or is killed."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audit.context import acting_as
from audit.errors import Conflict, NotAllowed, RuleViolation
from planning.candidates import Chance, Chances, candidates, gauges
from planning.models import (
    Capacity,
    Fixed,
    RunKind,
    SelectionQuota,
    SelectionRun,
    SelectionSettings,
    SiteTerms,
    SolverState,
    TeamRule,
)
from planning.optimise import lottery as method
from planning.services import inputs, lottery, runs
from planning.services.pool import add_to_pool
from targets.models import Site
from tests.factories import Cast, make_actor, make_available, make_region, make_site

pytestmark = pytest.mark.django_db


def selecting(sites: int = 6) -> Cast:
    cast = Cast()
    cast.to("selecting", sites=sites)
    return cast


def plan(cast: Cast, **asked) -> SelectionRun:
    run = runs.ask_run(actor=cast.lead, operation=cast.operation, **asked)
    claimed = runs.claim(run.pk)
    assert claimed is not None
    done = runs.perform(claimed)
    assert done.state == SolverState.DONE, (done.state, done.message, done.clash)
    return done


def pin(cast: Cast, site: Site, **values) -> SiteTerms:
    base = {"fixed": Fixed.PINNED, "reason": "Duty", "set_by": cast.lead.user,
            "set_for": cast.lead.authority}  # fmt: skip
    row, _new = SiteTerms.objects.update_or_create(
        operation=cast.operation, site=site, defaults=base | values
    )
    return row


def test_a_plan_with_its_proof_is_stored_and_never_changed():
    cast = selecting()
    run = plan(cast)
    assert run.bound >= run.value > 0
    assert run.inputs_hash == inputs.fingerprint(run.inputs)
    proposals = list(run.proposals.order_by("site_id"))
    assert proposals
    assert all(p.team == sorted(p.team) and p.team for p in proposals)
    answers = run.result["answers"]
    assert set(answers) == {str(s.public_id) for s in cast.sites}
    for proposal in proposals:
        answer = answers[str(proposal.site.public_id)]
        assert answer["reduced"] == pytest.approx(proposal.reduced)
    with pytest.raises(IntegrityError), transaction.atomic():
        SelectionRun.objects.filter(pk=run.pk).update(value=0)
    again = plan(cast)
    assert again.inputs_hash == run.inputs_hash
    assert [(p.site_id, p.team, p.week) for p in again.proposals.order_by("site_id")] == [
        (p.site_id, p.team, p.week) for p in proposals
    ]
    assert (again.value, again.bound) == (run.value, run.bound)


def test_capacity_pins_exclusions_and_quotas_are_kept():
    cast = selecting(sites=9)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.lead.authority, days=Decimal("0.3")
    )
    pin(cast, cast.sites[8])
    pin(cast, cast.sites[0], fixed=Fixed.EXCLUDED)
    run = plan(cast)
    chosen = {p.site_id: p.team for p in run.proposals.all()}
    assert cast.sites[8].pk in chosen
    assert cast.sites[0].pk not in chosen
    answer = run.result["answers"][str(cast.sites[0].public_id)]
    assert answer["verdict"] == "excluded"
    osh = next(g for g in gauges(cast.operation) if g.authority.code == "OSH")
    assert osh.proposed <= osh.capacity
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), maximum=2, minimum=0
    )
    assert plan(cast).proposals.count() == 2


def test_who_goes_only_with_another_never_goes_without():
    cast = selecting()
    osh, police = cast.lead.authority, cast.actors["POL", "coordinator"].authority
    before = plan(cast)
    assert any(osh.pk in p.team and police.pk not in p.team for p in before.proposals.all())
    TeamRule.objects.create(operation=cast.operation, authority=osh, needs=police)
    run = plan(cast)
    assert run.inputs["together"] == [["OSH", "POL"]]
    assert run.proposals.exists()
    assert all(osh.pk not in p.team or police.pk in p.team for p in run.proposals.all())


def test_the_team_of_a_drawn_site_keeps_the_rules_about_teams():
    cast = selecting()
    ids = {code: cast.actors[code, "coordinator"].authority.pk for code in ("OSH", "TAX", "POL")}
    chances = Chances(cast.operation)
    codes = {pk: code for code, pk in ids.items()}
    found = {pk: Chance(0.5, 1.0, 0.0) for pk in ids.values()}
    assert inputs.full_team(found, chances, codes, set(), False) == ["OSH", "POL", "TAX"]
    TeamRule.objects.create(operation=cast.operation, authority_id=ids["OSH"], needs_id=ids["POL"])
    chances = Chances(cast.operation)
    del found[ids["POL"]]
    assert inputs.full_team(found, chances, codes, set(), False) == ["TAX"]
    assert inputs.full_team(found, chances, codes, {ids["OSH"]}, True) == ["TAX"]


def test_limits_that_clash_are_named_with_numbers():
    cast = selecting()
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), minimum=50, hard=True
    )
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    done = runs.perform(runs.claim(run.pk))
    assert done.state == SolverState.INFEASIBLE
    kinds = [kind for kind, _key, _data in done.clash]
    assert "quota_min" in kinds
    needs = next(data for kind, _key, data in done.clash if kind == "quota_min")
    assert needs["needs"] == 50
    assert needs["has"] <= 6


def test_what_is_not_available_is_never_proposed():
    cast = selecting()
    gone = cast.sites[1]
    cast.operation.availabilities.filter(site=gone).update(state="not_available")
    run = plan(cast)
    assert gone.pk not in set(run.proposals.values_list("site_id", flat=True))


def test_who_may_ask_and_when():
    cast = selecting()
    for actor in (cast.actors["TAX", "inspector"], make_actor("OUT", "coordinator")):
        with pytest.raises(NotAllowed):
            runs.ask_run(actor=actor, operation=cast.operation)
    runs.ask_run(actor=cast.actors["POL", "coordinator"], operation=cast.operation)
    with pytest.raises(Conflict):
        runs.ask_run(actor=cast.lead, operation=cast.operation)
    draft = Cast()
    draft.to("nominating")
    with pytest.raises(RuleViolation):
        runs.ask_run(actor=draft.lead, operation=draft.operation)


def test_a_killed_worker_leaves_its_run_to_the_next_and_one_plan():
    cast = selecting()
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    first = runs.claim(run.pk)
    assert runs.claim(run.pk) is None
    runs._freeze(first)
    SelectionRun.objects.filter(pk=run.pk).update(
        heartbeat_at=timezone.now() - dt.timedelta(minutes=5)
    )
    assert run.pk in runs.waiting()
    second = runs.claim(run.pk)
    assert second.inputs == first.inputs
    done = runs.perform(second)
    assert done.state == SolverState.DONE
    count = done.proposals.count()
    runs.perform(first)  # the one thought dead wakes up
    done.refresh_from_db()
    assert done.proposals.count() == count
    assert done.state == SolverState.DONE


def test_a_cancelled_run_stays_cancelled():
    cast = selecting()
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    claimed = runs.claim(run.pk)
    runs.cancel_run(actor=cast.lead, run=run)
    done = runs.perform(claimed)
    assert done.state == SolverState.CANCELLED
    assert not done.proposals.exists()


def test_what_if_says_what_enters_and_what_leaves():
    cast = selecting(sites=9)
    Capacity.objects.create(operation=cast.operation, authority=cast.lead.authority, days=1)
    before = plan(cast)
    chosen = set(before.proposals.values_list("site_id", flat=True))
    out = next(s for s in cast.sites if s.pk in chosen)
    run = plan(
        cast, kind=RunKind.WHAT_IF, based_on=before, change={"exclude": [str(out.public_id)]}
    )
    difference = run.result["difference"]
    assert str(out.public_id) in [visit[0] for visit in difference["left"]]
    assert difference["value"] <= 1e-9
    assert not run.proposals.exists()
    more = plan(cast, kind=RunKind.WHAT_IF, based_on=before, change={"days": {"OSH": 5}})
    assert more.bound >= before.bound - 1e-9
    for bad in ({}, {"pin": ["x"]}, {"days": {"NIX": 1}}, {"weights": {"nix": 1}}):
        with pytest.raises(RuleViolation):
            runs.ask_run(
                actor=cast.lead, operation=cast.operation, kind=RunKind.WHAT_IF,
                based_on=before, change=bad,
            )  # fmt: skip


def test_questions_about_a_plan_are_answered():
    cast = selecting(sites=9)
    Capacity.objects.create(operation=cast.operation, authority=cast.lead.authority, days=1)
    before = plan(cast)
    points = plan(cast, kind=RunKind.FRONTIER, based_on=before).result["points"]
    assert {"default", "findings"} <= {p["name"] for p in points}
    others = plan(cast, kind=RunKind.ALTERNATIVES, based_on=before).result["alternatives"]
    assert all(a["value"] <= before.value + 1e-9 for a in others)
    chosen = set(before.proposals.values_list("site_id", flat=True))
    left = next((s for s in cast.sites if s.pk not in chosen), None)
    if left is not None:
        change = {"take": str(left.public_id)}
        take = plan(cast, kind=RunKind.WHAT_IF, based_on=before, change=change).result["take"]
        assert take["points"] >= 0


def test_the_random_share_can_be_drawn_again_by_anybody():
    cast = selecting(sites=9)
    extra = [make_site() for _ in range(20)]
    add_to_pool(
        actor=cast.lead, operation=cast.operation,
        sites=Site.objects.filter(pk__in=[s.pk for s in extra]),
    )  # fmt: skip
    make_available(cast.operation)
    SelectionSettings.objects.create(operation=cast.operation, random_share=30)
    with pytest.raises(Conflict):
        lottery.draw(actor=cast.lead, operation=cast.operation)
    committed = lottery.commit(actor=cast.lead, operation=cast.operation)
    assert not committed.sites.exists()
    committed.seed = b"x" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        committed.save(update_fields=["seed"])
    drawn = lottery.draw(actor=cast.actors["TAX", "coordinator"], operation=cast.operation)
    rows = {str(r.site.public_id): r.probability for r in drawn.sites.select_related("site")}
    assert rows
    frame = lottery.frame_of(drawn)
    assert method.verify(frame, bytes(drawn.seed), drawn.commitment, rows) == []
    again = lottery.draw(actor=cast.lead, operation=cast.operation)
    assert again.sites.count() == len(rows)
    run = plan(cast)
    random = run.proposals.filter(arm="random")
    assert {str(p.site.public_id) for p in random.select_related("site")} == set(rows)
    assert all(p.probability == rows[str(p.site.public_id)] for p in random)
    with pytest.raises(Conflict):
        lottery.reveal(actor=cast.lead, operation=cast.operation)


def test_candidates_cost_the_same_queries_whatever_their_number(django_assert_max_num_queries):
    cast = selecting(sites=3)
    plan(cast)
    with django_assert_max_num_queries(60):
        few = len(connection.queries)
        candidates(cast.operation)
    extra = [make_site() for _ in range(15)]
    add_to_pool(
        actor=cast.lead, operation=cast.operation,
        sites=Site.objects.filter(pk__in=[s.pk for s in extra]),
    )  # fmt: skip
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        assert len(candidates(cast.operation, only=[cast.sites[0].pk])) == 1
    with CaptureQueriesContext(connection) as all_:
        assert len(candidates(cast.operation)) == 18
    assert len(one) == len(all_)
    assert few >= 0


def test_others_see_nothing_of_a_run():
    cast = selecting()
    plan(cast)
    for actor, count in ((cast.actors["TAX", "manager"], 1), (make_actor("OUT", "manager"), 0)):
        with acting_as(actor), transaction.atomic():
            assert SelectionRun.objects.count() == count
            assert SelectionRun.objects.visible_to(actor).count() == count


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_run_leave_one_plan():
    cast = selecting()
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    done: list[str] = []

    def work() -> None:
        try:
            claimed = runs.claim(run.pk)
            if claimed is not None:
                done.append(runs.perform(claimed).state)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [SolverState.DONE]
    run.refresh_from_db()
    assert run.proposals.count() == len(run.prices["visits"])
