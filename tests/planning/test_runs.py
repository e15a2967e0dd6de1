"""From nominations to a proposal: what is frozen, what is stored, what happens twice or is killed."""

import datetime as dt
import threading
import time
from decimal import Decimal
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from audit.claims import TakenOver
from audit.context import NOBODY, acting_as, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from planning.candidates import Chance, Chances, candidates, gauges
from planning.full_teams import FullTeams
from planning.models import (
    Capacity,
    Fixed,
    RunKind,
    SelectionQuota,
    SelectionRun,
    SiteTerms,
    SolverState,
    TeamRule,
)
from planning.optimise import lottery as method
from planning.services import inputs, lottery, pulse, runs, solving
from planning.services.pool import add_to_pool
from planning.workdays import weeks
from targets.models import Site
from tests.factories import (
    Cast,
    make_actor,
    make_available,
    make_past_visit,
    make_region,
    make_site,
    set_rules,
)

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


def window_of(cast: Cast) -> tuple[dt.date, dt.date]:
    operation = cast.refresh()
    return operation.window_start, operation.window_end


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
    # The same but for where the search began.
    assert again.inputs | {"start": None} == run.inputs
    assert [(p.site_id, p.team, p.week) for p in again.proposals.order_by("site_id")] == [
        (p.site_id, p.team, p.week) for p in proposals
    ]
    assert (again.value, again.bound) == (run.value, run.bound)


def test_where_the_search_begins_is_frozen_with_the_inputs(monkeypatch):
    """A run made again from its inputs begins where it began, whatever was planned since."""
    cast = selecting()
    first = plan(cast)
    assert first.inputs["start"] is None
    second = plan(cast)
    assert second.inputs["start"] == {"number": first.number, "inputs": first.inputs_hash}
    question = plan(cast, kind=RunKind.WHAT_IF, based_on=first, change={"weights": {"burden": 0.3}})
    prices = question.inputs["start"].pop("prices")
    assert question.inputs["start"] == {"number": first.number, "inputs": first.inputs_hash}
    assert [pool["prices"] for pool in prices["pools"]] == first.prices["pools"]
    begun: list[SelectionRun] = []
    former = solving.former_visits

    def noted(run, problem):
        begun.append(run)
        return former(run, problem)

    monkeypatch.setattr(solving, "former_visits", noted)
    with using(NOBODY):  # a worker sees nothing past the walls unless it says why
        again = solving.work(second, lambda **values: None)
    assert begun == [first]
    kept = ("value", "bound", "solver")
    assert {name: again.columns[name] for name in kept} == {n: getattr(second, n) for n in kept}
    for package in ("highspy", "numba", "numpy"):
        assert f"{package} {version(package)}" in second.solver


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
    found = {pk: Chance(0.5, 1.0, 0.0) for pk in ids.values()}
    people = dict.fromkeys(ids.values(), 1)
    assert FullTeams(chances, people).full(found, None) == sorted(ids.values())
    assert FullTeams(chances, people, 4).full(found, None) == []
    assert FullTeams(chances, people, most=2).full(found, None) == sorted([ids["OSH"], ids["POL"]])
    assert FullTeams(chances, people).full(found, set()) == []
    TeamRule.objects.create(operation=cast.operation, authority_id=ids["OSH"], needs_id=ids["POL"])
    chances = Chances(cast.operation)
    del found[ids["POL"]]
    assert FullTeams(chances, people).full(found, None) == [ids["TAX"]]
    assert FullTeams(chances, people).full(found, {ids["OSH"]}) == []


def test_days_of_one_region_leave_the_others_the_usual_ones():
    cast = selecting()
    other = make_region("09", "Kymenlaakso")
    cast.operation.regions.add(other)
    Capacity.objects.create(
        operation=cast.operation, authority=cast.lead.authority, region=other, days=Decimal("2")
    )
    days = inputs.weekly_days(cast.operation, list(cast.operation.participations.accepted()))
    mine = {whose.region: max(w) for whose, w in days.items()
            if whose.authority == cast.lead.authority.pk}  # fmt: skip
    usual = float(cast.operation.participations.get(is_lead=True).inspector_days_per_week)
    assert mine == {other.pk: 2.0, None: usual}


def test_a_plan_by_weeks_keeps_rest_pins_and_interpreters_of_the_week():
    cast = selecting()
    set_rules(cast.operation, periods="weeks", random_share=0)
    window = [week for week, _days in weeks(*window_of(cast))]
    speaks = cast.operation.resources.create(kind="interpreter", name="vietnam", per_week=1)
    first, second, rested = cast.sites[:3]
    for site in (first, second):
        pin(cast, site).needs.add(speaks)
    visited = window[1] - dt.timedelta(days=settings.REST_DAYS)
    make_past_visit(rested, shared=True, on=visited)
    pin(cast, rested)
    run = plan(cast)
    assert run.inputs["periods"] == [week.isoformat() for week in window]
    week_of = {p.site_id: p.week for p in run.proposals.all()}
    assert week_of[first.pk] != week_of[second.pk]  # one interpreter a week
    assert week_of[rested.pk] >= window[1]
    frozen = next(s for s in run.inputs["sites"] if s["id"] == str(rested.public_id))
    assert frozen["weeks"][0] == 0
    assert all(frozen["weeks"][1:])


def test_everything_a_plan_depends_on_is_in_its_inputs():
    cast = selecting()
    SelectionQuota.objects.create(operation=cast.operation, region=make_region(), minimum=1)
    frozen = inputs.freeze(cast.operation)
    problem = inputs.problem_of(frozen)
    assert frozen["weights"] == {k: getattr(problem.weights, k) for k in frozen["weights"]}
    assert frozen["rules"]["most_authorities"] == problem.most_authorities
    assert frozen["quotas"][0]["penalty"] == problem.quotas[0].penalty
    other = frozen | {"quotas": [frozen["quotas"][0] | {"penalty": 9.0}]}
    assert inputs.problem_of(other).quotas[0].penalty == 9.0


def test_a_heartbeat_goes_on_beside_the_work_and_tells_when_the_run_is_lost(monkeypatch):
    monkeypatch.setattr(pulse, "SECONDS", 0.01)
    monkeypatch.setattr(pulse, "connection", SimpleNamespace(
        in_atomic_block=False, close=lambda: None))  # fmt: skip
    beats = []

    def save(**values):
        beats.append(values)
        if len(beats) == 2:
            raise OperationalError("away for a moment")
        if len(beats) == 4:
            raise TakenOver

    with pulse.Pulse(save) as beating:
        end = time.monotonic() + 10
        while not beating.lost() and time.monotonic() < end:
            time.sleep(0.005)
    assert len(beats) == 4
    assert beating.lost()


def test_a_run_that_was_lost_leaves_nothing():
    cast = selecting()
    run = runs.claim(runs.ask_run(actor=cast.lead, operation=cast.operation).pk)
    runs._freeze(run)
    with pytest.raises(TakenOver):
        solving.work(run, lambda **values: None, lambda: True)


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
    chosen = set(before.proposals.values_list("site_id", flat=True))
    left = next((s for s in cast.sites if s.pk not in chosen), None)
    if left is not None:
        change = {"take": str(left.public_id)}
        take = plan(cast, kind=RunKind.WHAT_IF, based_on=before, change=change).result["take"]
        assert take["points"] >= 0


@pytest.mark.parametrize("asked", ["frontier", "alternatives", "take"])
def test_a_question_is_cancelled_while_it_is_worked_at(asked):
    cast = selecting(sites=9)
    Capacity.objects.create(operation=cast.operation, authority=cast.lead.authority, days=1)
    before = plan(cast)
    left = next(s for s in cast.sites if not before.proposals.filter(site=s).exists())
    kind, change = asked, {}
    if asked == "take":
        kind, change = RunKind.WHAT_IF, {"take": str(left.public_id)}
    run = runs.ask_run(
        actor=cast.lead, operation=cast.operation, kind=kind, based_on=before, change=change
    )
    claimed = runs.claim(run.pk)
    runs._freeze(claimed)
    looks, notes = [], []

    def lost() -> bool:
        looks.append(1)
        return len(looks) > 3  # well before the first of several solves has ended

    with pytest.raises(TakenOver):
        solving.work(claimed, lambda **values: notes.append(values), lost)
    assert len(looks) < 40
    runs.cancel_run(actor=cast.lead, run=run)
    assert runs.perform(claimed).state == SolverState.CANCELLED
    again = plan(cast, kind=kind, based_on=before, change=change)
    assert again.result


def test_the_random_share_can_be_drawn_again_by_anybody():
    cast = selecting(sites=9)
    extra = [make_site() for _ in range(20)]
    add_to_pool(
        actor=cast.lead, operation=cast.operation,
        sites=Site.objects.filter(pk__in=[s.pk for s in extra]),
    )  # fmt: skip
    make_available(cast.operation)
    set_rules(cast.operation, random_share=30)
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
