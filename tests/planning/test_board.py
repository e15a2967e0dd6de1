"""The board: what follows the proposal, what deviates, who was first, undoing, taking over."""

import re
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import Conflict, NotAllowed, RuleViolation
from planning.candidates import window_weeks
from planning.deviations import Deviation, deviations, plan_of
from planning.documents import decision_content
from planning.models import (
    BoardChange,
    Draw,
    DrawnSite,
    Operation,
    Proposal,
    SelectionRun,
    TargetChoice,
)
from planning.services import adopt, choose, move, undo, undo_choice
from planning.services.board import ANY_WEEK
from planning.services.parts import choices_of, selection_content
from planning.services.pool import add_to_pool
from planning.states import ARROWS, missing_for
from risk.models import Override
from targets.models import Site
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_available, make_site
from tests.planning.test_races import at_once

pytestmark = pytest.mark.django_db
WHY = {"reason": "A tip came in", "code": "tip"}


def make_plan(
    cast: Cast, sites: list[Site], *, team: tuple[str, ...] = ("OSH", "TAX"), week: Any = None
) -> SelectionRun:
    """A finished proposal of the operation's round that visits ``sites``, as a run leaves it."""
    operation = cast.refresh()
    now = timezone.now()
    last = operation.runs.order_by("-number").first()
    run = SelectionRun.objects.create(
        operation=operation, number=(last.number if last else 0) + 1, round=operation.round,
        state="running", asked_by=cast.lead.user, asked_for=cast.lead.authority,
    )  # fmt: skip
    ids = sorted(cast.actors[code, "coordinator"].authority.pk for code in team)
    for site in sites:
        Proposal.objects.create(
            run=run, operation=operation, site=site, team=ids, week=week, value=0.4, reduced=0.1
        )
    run.state, run.inputs_hash, run.finished_at = "done", "0" * 64, now
    run.value, run.bound = 1.0, 1.0
    run.save()
    return run


def draw(operation: Operation, site: Site, actor: Any) -> DrawnSite:
    """The site as the only one that a draw of one drew."""
    with transaction.atomic():  # as the draw itself: all of it or nothing
        row = Draw.objects.create(
            operation=operation, round=operation.round, share=10, seed=b"0" * 32, commitment="1" * 64,
            committed_by=actor.user, frame_hash="2" * 64, frame={"draws": 1},
        )  # fmt: skip
        drawn = DrawnSite.objects.create(
            draw=row, operation=operation, site=site, stratum="all", probability=0.25
        )
        row.state, row.drawn_at = "drawn", timezone.now()
        row.save()
    return drawn


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting")
    return cast


def ids(cast: Cast, *codes: str) -> list[int]:
    return sorted(cast.actors[code, "coordinator"].authority.pk for code in codes)


def deviating(cast: Cast) -> list[Deviation]:
    return deviations(choices_of(cast.operation), plan_of(cast.operation))


def test_following_the_proposal_needs_no_reason(cast):
    first, second, _third = cast.sites
    week = window_weeks(cast.operation)[1]
    run = make_plan(cast, [first], week=week)
    picked = choose(actor=cast.lead, operation=cast.operation, site=first, state="picked")
    assert (picked.as_proposed, picked.run, picked.reason) == (True, run, "")
    assert (picked.team, picked.week) == (ids(cast, "OSH", "TAX"), week)
    dropped = choose(actor=cast.lead, operation=cast.operation, site=second, state="dropped")
    assert dropped.as_proposed
    assert deviating(cast) == []


@pytest.mark.parametrize(
    ("number", "values"),
    [
        (0, {"state": "dropped"}),
        (1, {"state": "picked"}),
        (0, {"state": "picked", "team": ("POL",)}),
        (0, {"state": "picked", "week": 3}),
        (0, {"state": "picked", "week": ANY_WEEK}),
    ],
)
def test_every_deviation_needs_a_reason_and_its_kind(cast, number, values):
    """Scenario S7: a site that was not proposed is chosen by people: only with a reason."""
    weeks, site = window_weeks(cast.operation), cast.sites[number]
    make_plan(cast, cast.sites[:1], week=weeks[1])
    if "team" in values:
        values = values | {"team": ids(cast, *values["team"])}
    if isinstance(values.get("week"), int):
        values = values | {"week": weeks[values["week"]]}
    asked = {"actor": cast.lead, "operation": cast.operation, "site": site, **values}
    with pytest.raises(RuleViolation) as refused:
        choose(**asked)
    assert refused.value.field == "reason"
    with pytest.raises(RuleViolation) as refused:
        choose(**asked, reason="Known well")
    assert refused.value.field == "code"
    with pytest.raises(RuleViolation, match="from the list"):
        choose(**asked, reason="Known well", code="because")
    assert not TargetChoice.objects.exists()
    choose(**asked, **WHY)
    (found,) = deviating(cast)
    assert (found.choice.site, found.choice.reason, found.choice.code) == (site, *WHY.values())
    assert (found.choice.decided_by, found.choice.decided_for) == (
        cast.lead.user, cast.lead.authority,
    )  # fmt: skip
    assert str(found.reason_kind) == "fresh tip, not yet in the register"
    assert found.words


def test_without_a_proposal_every_decision_needs_a_reason_but_deviates_from_nothing(cast):
    with pytest.raises(RuleViolation, match="every pick and every drop"):
        choose(actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked")
    choice = choose(
        actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked", reason="r"
    )
    assert choice.team == ids(cast, "OSH")  # who nominated it
    assert deviating(cast) == []


def test_coordinators_of_all_participants_decide_and_nobody_else(cast):
    for (code, role), actor in cast.actors.items():
        asked = {
            "actor": actor, "operation": cast.operation, "site": cast.sites[0],
            "state": "picked", "reason": f"{code} {role}",
        }  # fmt: skip
        if role == "coordinator" and code != "OUT":
            assert choose(**asked).decided_for == actor.authority
            continue
        for attempt in (choose, lambda **k: undo_choice(
            actor=k["actor"], operation=k["operation"], site=k["site"])):  # fmt: skip
            with pytest.raises(NotAllowed):
                attempt(**asked)
    assert BoardChange.objects.count() == 3


def test_somebody_was_first_and_both_values_are_told(cast):
    site, tax = cast.sites[0], cast.actors["TAX", "coordinator"]
    first = choose(
        actor=tax, operation=cast.operation, site=site, state="picked", reason="Tax says"
    )
    with pytest.raises(Conflict) as refused:
        choose(
            actor=cast.lead, operation=cast.operation, site=site, state="dropped", reason="No",
            version=0,
        )  # fmt: skip
    for words in (tax.user.full_name, "Tax", "Now: Selected: Occ", "Yours: Left out"):
        assert words in str(refused.value)
    first.refresh_from_db()
    assert (first.state, first.reason) == ("picked", "Tax says")
    # Who has seen what stands may change it, and an undone choice is not the one never made.
    undo_choice(actor=cast.lead, operation=cast.operation, site=site, version=first.version)
    with pytest.raises(Conflict, match="undecided"):
        choose(
            actor=tax, operation=cast.operation, site=site, state="picked", reason="r",
            version=first.version,
        )  # fmt: skip
    with pytest.raises(Conflict):
        choose(
            actor=tax, operation=cast.operation, site=site, state="picked", reason="r", version=0
        )


def test_the_same_request_again_is_one_change(cast):
    asked = {
        "actor": cast.lead, "operation": cast.operation, "site": cast.sites[0], "state": "picked",
        "reason": "r", "request": uuid.uuid4(), "version": 0,
    }  # fmt: skip
    assert choose(**asked) == choose(**asked)
    assert BoardChange.objects.count() == 1
    for other in ({"site": cast.sites[1]}, {"state": "dropped"}):
        with pytest.raises(Conflict, match="with something else"):
            choose(**asked | other)
    undo_choice(actor=cast.lead, operation=cast.operation, site=cast.sites[0])
    with pytest.raises(Conflict, match="undone since"):
        choose(**asked)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"state": "maybe"}, "state"),
        ({"team": []}, "team"),
        ({"team": [0]}, "team"),
        ({"week": "soon"}, "week"),
        ({"week": timezone.localdate().replace(year=1999)}, "week"),
    ],
)
def test_bad_input_is_refused_at_its_field(cast, values, field):
    with pytest.raises(RuleViolation) as refused:
        choose(
            **{"actor": cast.lead, "operation": cast.operation, "site": cast.sites[0],
               "state": "picked", "reason": "r"} | values
        )  # fmt: skip
    assert refused.value.field == field


def test_what_is_not_available_is_not_picked_whoever_asks(cast):
    site = cast.sites[0]
    cast.operation.availabilities.filter(site=site).update(state="not_available")
    make_plan(cast, [site])
    with pytest.raises(RuleViolation, match="not available"):
        choose(actor=cast.lead, operation=cast.operation, site=site, state="picked")
    choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped", **WHY)


def test_another_week_keeps_the_reason_and_whose_it_was(cast):
    site, tax = cast.sites[0], cast.actors["TAX", "coordinator"]
    weeks = window_weeks(cast.operation)
    choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", reason="Mine")
    moved = choose(actor=tax, operation=cast.operation, site=site, state="picked", week=weeks[2])
    assert (moved.week, moved.reason, moved.decided_by) == (weeks[2], "Mine", cast.lead.user)
    assert BoardChange.objects.order_by("-number").first().made_by == tax.user
    # Left out of a further change, the week stays; taken away, it is any.
    kept = choose(actor=tax, operation=cast.operation, site=site, state="picked", reason="Ours")
    assert kept.week == weeks[2]
    free = choose(actor=tax, operation=cast.operation, site=site, state="picked", week=ANY_WEEK)
    assert free.week is None


def test_a_drawn_site_keeps_its_arm_also_when_it_is_left_out(cast):
    """Scenario S9: what is learned from the lottery depends on what became of each drawn site."""
    site = cast.sites[2]
    draw(cast.operation, site, cast.lead)
    with pytest.raises(RuleViolation):
        choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped")
    with pytest.raises(RuleViolation) as refused:
        choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped", reason="r")
    assert refused.value.field == "code"
    choice = choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped", **WHY)
    assert (choice.arm, choice.probability) == ("random", 0.25)
    assert [d.words for d in deviating(cast)] == ["drawn at random but left out"]
    picked = choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", **WHY)
    assert (picked.arm, picked.probability) == ("random", 0.25)


def test_undo_puts_back_what_stood_and_only_the_latest(cast):
    site, tax = cast.sites[0], cast.actors["TAX", "coordinator"]
    make_plan(cast, [site])
    choose(actor=tax, operation=cast.operation, site=site, state="picked")
    choose(actor=cast.lead, operation=cast.operation, site=site, state="dropped", **WHY)
    first, second = BoardChange.objects.order_by("number")
    with pytest.raises(Conflict, match="Left out"):
        undo(actor=cast.lead, operation=cast.operation, change=first)
    undone = undo(actor=cast.lead, operation=cast.operation, change=second)
    choice = TargetChoice.objects.get()
    assert (choice.state, choice.as_proposed, choice.decided_by) == ("picked", True, tax.user)
    assert undone.undoes == second
    with pytest.raises(Conflict, match="undone already"):
        undo(actor=cast.lead, operation=cast.operation, change=second)
    undo(actor=cast.lead, operation=cast.operation, change=undone)  # and done again
    choice = TargetChoice.objects.get()
    assert (choice.state, choice.reason, choice.decided_by) == ("dropped", WHY["reason"],
                                                                cast.lead.user)  # fmt: skip


def test_a_change_of_an_earlier_round_stays(cast):
    choose(
        actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked", reason="r"
    )
    cast.operation.round = 2
    cast.operation.save(update_fields=["round"])
    with pytest.raises(Conflict, match="earlier round"):
        undo(actor=cast.lead, operation=cast.operation, change=BoardChange.objects.get())


def test_what_follows_the_proposal_is_held_against_results_too(cast):
    first, second, _third = cast.sites
    run = make_plan(cast, [first, second])
    done = adopt(actor=cast.lead, operation=cast.operation, run=run)
    rows = {o.site: (o.decided, o.proposed, o.code) for o in Override.objects.all()}
    assert rows == dict.fromkeys((first, second), ("picked", True, ""))
    undo(actor=cast.lead, operation=cast.operation, change=done.change)
    assert not Override.objects.exists()


def test_a_proposal_is_taken_over_but_for_what_people_decided(cast):
    first, second, third = cast.sites
    run = make_plan(cast, [first, second])
    own = choose(actor=cast.lead, operation=cast.operation, site=second, state="dropped", **WHY)
    cast.operation.availabilities.filter(site=first).update(state="not_available")
    request = uuid.uuid4()
    tax = cast.actors["TAX", "coordinator"]
    done = adopt(actor=tax, operation=cast.operation, run=run, request=request)
    assert done.unavailable == [first]
    states = {c.site: (c.state, c.as_proposed) for c in TargetChoice.objects.all()}
    assert states == {second: ("dropped", False), third: ("dropped", True)}
    assert done.change.after == {"run": 1, "picked": 0, "dropped": 1, "kept": 2}
    assert (
        adopt(actor=tax, operation=cast.operation, run=run, request=request).change == done.change
    )
    cast.operation.availabilities.update(state="available")
    again = adopt(actor=tax, operation=cast.operation, run=run, overwrite=True)
    assert again.unavailable == []
    assert {c.state for c in TargetChoice.objects.filter(site__in=[first, second])} == {"picked"}
    assert deviating(cast) == []
    undo(actor=cast.lead, operation=cast.operation, change=again.change)
    own.refresh_from_db()
    assert (own.state, own.reason) == ("dropped", WHY["reason"])
    assert not TargetChoice.objects.filter(site=first).exists()


def test_a_newer_proposal_replaces_what_only_followed_the_one_before(cast):
    first, second, third = cast.sites
    adopt(actor=cast.lead, operation=cast.operation, run=make_plan(cast, [first, second]))
    kept = choose(actor=cast.lead, operation=cast.operation, site=second, state="dropped", **WHY)
    newer = make_plan(cast, [second, third], team=("OSH", "POL"))
    done = adopt(actor=cast.lead, operation=cast.operation, run=newer)
    states = {c.site: (c.state, c.run_id, c.team) for c in TargetChoice.objects.all()}
    assert states[first][:2] == ("dropped", newer.pk)
    assert states[second][0] == "dropped"  # what somebody decided with a reason stays
    assert states[third] == ("picked", newer.pk, ids(cast, "OSH", "POL"))
    assert done.change.after == {"run": 2, "picked": 1, "dropped": 1, "kept": 1}
    undo(actor=cast.lead, operation=cast.operation, change=done.change)
    states = {c.site: c.state for c in TargetChoice.objects.all()}
    assert states == {first: "picked", second: kept.state, third: "dropped"}


def test_only_the_newest_proposal_of_the_round_is_taken_over(cast):
    old = make_plan(cast, cast.sites[:1])
    make_plan(cast, cast.sites[1:])
    with pytest.raises(RuleViolation, match="newer proposal"):
        adopt(actor=cast.lead, operation=cast.operation, run=old)


def test_a_board_taken_over_can_be_signed(cast):
    run = make_plan(cast, cast.sites[:2])
    assert missing_for(ARROWS["ask_signatures"], cast.refresh())
    adopt(actor=cast.lead, operation=cast.operation, run=run)
    assert missing_for(ARROWS["ask_signatures"], cast.refresh()) == []
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    with pytest.raises(RuleViolation, match="cannot be done now"):
        choose(
            actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="dropped", **WHY
        )


def test_what_was_proposed_or_drawn_is_not_left_out_by_silence(cast):
    """From the pool, which nobody nominated: whoever leaves it out says why before it is signed."""
    pooled = make_site(), make_site()
    add_to_pool(actor=cast.lead, operation=cast.operation,
                sites=Site.objects.filter(pk__in=[site.pk for site in pooled]))  # fmt: skip
    make_available(cast.operation)
    run = make_plan(cast, [*cast.sites, pooled[0]])
    adopt(actor=cast.lead, operation=cast.operation, run=run)

    def missing() -> list[str]:
        return [str(words) for words in missing_for(ARROWS["ask_signatures"], cast.refresh())]

    assert missing() == []
    undo_choice(actor=cast.lead, operation=cast.operation, site=pooled[0])
    assert missing() == ["1 site is neither selected nor left out."]
    away = make_actor("OSH", "coordinator")
    recuse(actor=cast.actors["OSH", "manager"], person=away.user, target=pooled[0], reason="Kin")
    with acting_as(away):  # who may not see it may not sign it away either
        assert missing() == ["1 site is neither selected nor left out."]
    choose(actor=cast.lead, operation=cast.operation, site=pooled[0], state="dropped", **WHY)
    assert missing() == []
    undo_choice(actor=cast.lead, operation=cast.operation, site=pooled[1])
    assert missing() == []  # neither nominated, proposed nor drawn
    draw(cast.operation, pooled[1], cast.lead)
    assert missing() == ["1 site is neither selected nor left out."]


def test_what_is_signed_speaks_of_the_plan_that_was_adopted(cast, as_user):
    """A newer plan that nobody took over is named as such, and nothing is compared with it."""
    first, second, third = cast.sites
    old = make_plan(cast, [first, second])
    adopt(actor=cast.lead, operation=cast.operation, run=old)
    newer = make_plan(cast, [second, third])
    assert plan_of(cast.operation) == old
    # One site follows the newer plan: that departs from the adopted one and says why.
    choose(actor=cast.lead, operation=cast.operation, site=third, state="picked")
    assert [(d.choice.site, d.kinds, d.reason) for d in deviating(cast)] == [
        (third, ["added"], "as proposed (plan 2)")
    ]
    content = selection_content(cast.operation)
    assert content["run"]["number"] == old.number
    assert {c["name"]: c["plan"] for c in content["choices"]} == {
        first.name: 1, second.name: 1, third.name: newer.number
    }  # fmt: skip
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    record = decision_content(cast.refresh())
    facts = {fact["label"]: fact["value"] for fact in record["facts"]}
    assert facts["Plan of the solver"] == "1"
    assert facts["Later plan"] == "Plan 2 was made later and was not adopted"
    rows = {s["title"]: s["rows"] for s in record["sections"]}
    assert [(row[0], row[1]) for row in rows["Deviations from the proposal"]] == [
        (third.name, "selected although not proposed")
    ]
    client = as_user(cast.lead)
    page = client.get(reverse("planning:signoff", args=[cast.operation.public_id])).content.decode()
    assert "Plan 2 was made later and was not adopted" in page
    assert page.count("as proposed (plan 1)") == 2
    assert page.count("as proposed (plan 2)") == 1
    history = client.get(reverse("planning:board_history", args=[cast.operation.public_id]))
    assert "Compared with plan 1. Plan 2 was made later" in history.content.decode()


def test_an_adoption_that_was_undone_counts_no_more(cast):
    old = make_plan(cast, cast.sites[:1])
    adopt(actor=cast.lead, operation=cast.operation, run=old)
    newer = make_plan(cast, cast.sites[1:])
    again = adopt(actor=cast.lead, operation=cast.operation, run=newer)
    assert plan_of(cast.operation) == newer
    undo(actor=cast.lead, operation=cast.operation, change=again.change)
    assert plan_of(cast.operation) == old


@pytest.mark.django_db(transaction=True)
def test_two_people_at_one_site_at_once_and_one_is_told():
    cast = Cast()
    operation = cast.to("selecting")
    people = [cast.lead, cast.actors["TAX", "coordinator"]]
    results = at_once(
        8,
        lambda n: choose(
            actor=people[n % 2], operation=operation, site=cast.sites[0],
            state=("picked", "dropped")[n % 2], reason=f"Reason {n}", version=0,
        ),
    )  # fmt: skip
    refused = [r for r in results if isinstance(r, Conflict)]
    assert len(refused) == 7, results
    assert BoardChange.objects.count() == 1
    kept = next(r for r in results if isinstance(r, TargetChoice))
    assert TargetChoice.objects.get().reason == kept.reason


@pytest.mark.django_db(transaction=True)
def test_changes_of_many_people_stand_in_one_line_without_gaps():
    cast = Cast()
    operation = cast.to("selecting", sites=6)
    people = [cast.actors[code, "coordinator"] for code in cast.CODES]
    request = uuid.uuid4()
    results = at_once(
        12,
        lambda n: choose(
            actor=people[n % 3], operation=operation, site=cast.sites[n % 6], state="picked",
            reason="r", request=request if n % 6 == 0 else None,
        ),
    )  # fmt: skip
    assert all(isinstance(r, TargetChoice) for r in results), results
    numbers = list(BoardChange.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(2, 13))  # the doubled request is one change


def marked(cast: Cast, as_user: Any) -> set[str]:
    """Names of the sites whose card on the board says that the decision deviates."""
    page = as_user(cast.lead).get(reverse("planning:selection", args=[cast.operation.public_id]))
    cards = re.split(r"(?=<li class=\"card boardcard)", page.content.decode())
    shown = [card for card in cards if "Deviates from the proposal</span>" in card]
    return {s.name for s in cast.sites if any(f'id="card-{s.public_id}"' in c for c in shown)}


def test_the_mark_on_a_card_speaks_of_the_plan_that_was_adopted(cast, as_user):
    """As history and record do, also after a newer plan that nobody took over."""
    first, second, third = cast.sites
    adopt(actor=cast.lead, operation=cast.operation, run=make_plan(cast, [first, second]))
    choose(actor=cast.lead, operation=cast.operation, site=second, state="dropped", **WHY)
    make_plan(cast, [second, third])
    # As the newer plan says, and with a reason where it says otherwise.
    choose(actor=cast.lead, operation=cast.operation, site=third, state="picked")
    choose(actor=cast.lead, operation=cast.operation, site=first, state="picked", **WHY)
    assert {d.choice.site.name for d in deviating(cast)} == {second.name, third.name}
    assert marked(cast, as_user) == {second.name, third.name}
    page = as_user(cast.lead).get(reverse("planning:selection", args=[cast.operation.public_id]))
    assert "Compared with plan 1. Plan 2 was made later and was not adopted." in " ".join(
        page.content.decode().split()
    )


def test_where_nothing_was_adopted_a_decision_on_a_newer_plan_marks_all_cards_anew(cast, as_user):
    """Else cards that nobody touched would go on speaking of the older plan on open pages."""
    first, second, third = cast.sites
    make_plan(cast, [first, second])
    choose(actor=cast.lead, operation=cast.operation, site=first, state="picked")
    make_plan(cast, [second, third])
    news = reverse("planning:board_changes", args=[cast.operation.public_id])
    client = as_user(cast.lead)
    page = client.get(reverse("planning:selection", args=[cast.operation.public_id]))
    ask = re.search(r'hx-get="([^"]*changes[^"]*)"', page.content.decode())[1]
    ask = ask.replace("&amp;", "&")
    assert ask.startswith(news)
    assert client.get(ask).status_code == 204
    choose(actor=cast.lead, operation=cast.operation, site=third, state="picked")
    assert "data-whole" in client.get(ask).content.decode()
    assert marked(cast, as_user) == {first.name}
