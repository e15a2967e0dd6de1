"""Scenario S9: the random share is drawn before anybody has seen a proposal, or there is none."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import Conflict, RuleViolation
from planning.candidates import candidates
from planning.documents import decision_content
from planning.models import Operation, SelectionSettings
from planning.permissions import can
from planning.services import adopt, choose, lottery, move, runs, sign
from planning.services.criteria import save_settings
from planning.services.parts import selection_hash
from planning.states import ARROWS, missing_for
from targets.models import Site
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, set_rules
from tests.planning.test_board import make_plan
from tests.planning.test_runs import plan

pytestmark = pytest.mark.django_db
BOTH_WAYS = "draw it first, before anybody sees a proposal, or set the share to 0 and say why"
TOO_LATE = "it cannot be drawn any more. Set the share to 0 and say why"


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting", sites=9)
    set_rules(cast.operation, random_share=30, no_draw="")
    return cast


def commit_and_draw(cast: Cast) -> set[int]:
    """Ids of the sites drawn."""
    lottery.commit(actor=cast.lead, operation=cast.operation)
    row = lottery.draw(actor=cast.lead, operation=cast.operation)
    return set(row.sites.values_list("site_id", flat=True))


def save(cast: Cast, **values) -> SelectionSettings:
    row = SelectionSettings.objects.get(operation=cast.operation)
    return save_settings(actor=cast.lead, operation=cast.operation, version=row.version, **values)


def test_nothing_is_proposed_decided_or_signed_before_the_draw(cast):
    site, operation = cast.sites[0], cast.operation
    with pytest.raises(RuleViolation, match=BOTH_WAYS):
        runs.ask_run(actor=cast.lead, operation=operation)
    with pytest.raises(RuleViolation, match=BOTH_WAYS):
        choose(actor=cast.lead, operation=operation, site=site, state="picked", reason="Yes")
    assert any(BOTH_WAYS in str(m) for m in missing_for(ARROWS["ask_signatures"], operation))
    lottery.commit(actor=cast.lead, operation=operation)
    with pytest.raises(RuleViolation, match=BOTH_WAYS):  # a hash alone is no draw
        runs.ask_run(actor=cast.lead, operation=operation)
    lottery.draw(actor=cast.lead, operation=operation)
    assert plan(cast).proposals.filter(arm="random").exists()
    assert not any(
        "random share" in str(m) for m in missing_for(ARROWS["ask_signatures"], operation)
    )


def test_nothing_is_drawn_once_a_proposal_or_a_decision_is_there(cast):
    save(cast, random_share=0, no_draw="A small round")
    run = plan(cast)
    with pytest.raises(RuleViolation, match="nothing can be drawn any more"):
        save(cast, random_share=10)
    # As an operation stands that was begun before there was this rule.
    set_rules(cast.operation, random_share=10, no_draw="")
    with pytest.raises(Conflict, match="otherwise it is not random"):
        lottery.commit(actor=cast.lead, operation=cast.operation)
    for attempt in (
        lambda: runs.ask_run(actor=cast.lead, operation=cast.operation),
        lambda: adopt(actor=cast.lead, operation=cast.operation, run=run),
    ):
        with pytest.raises(RuleViolation, match=TOO_LATE):
            attempt()
    save(cast, random_share=0, no_draw="Too late")
    adopt(actor=cast.lead, operation=cast.operation, run=run)


@pytest.mark.parametrize("seen", ["plan", "choice", "waiting"])
def test_a_committed_seed_draws_nothing_after_somebody_could_have_seen_a_plan(cast, seen):
    lottery.commit(actor=cast.lead, operation=cast.operation)
    save(cast, random_share=0, no_draw="Given up")
    if seen == "plan":
        make_plan(cast, cast.sites[:2])
    elif seen == "waiting":
        runs.ask_run(actor=cast.lead, operation=cast.operation)
    else:
        choose(actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="picked",
               reason="Yes")  # fmt: skip
    with pytest.raises(Conflict, match="otherwise it is not random"):
        lottery.draw(actor=cast.lead, operation=cast.operation)
    assert not any(row.drawn for row in candidates(cast.operation))


def test_a_share_of_nothing_has_a_reason_that_the_record_tells(cast):
    for reason in ("", "  "):
        with pytest.raises(RuleViolation, match="Say why nothing is drawn"):
            save(cast, random_share=0, no_draw=reason)
    save(cast, random_share=0, no_draw="Only one site is open in winter")
    with pytest.raises(RuleViolation, match="nothing to draw"):
        lottery.commit(actor=cast.lead, operation=cast.operation)
    plan(cast)
    facts = {f["label"]: f["value"] for f in decision_content(cast.refresh())["facts"]}
    assert facts["Why nothing was drawn"] == "Only one site is open in winter"
    save(cast, burden="0.2")
    assert SelectionSettings.objects.get().no_draw == "Only one site is open in winter"


def test_signing_asks_for_the_draw_too(cast):
    set_rules(cast.operation, random_share=0)
    cast._choose()
    # As an operation stands that asked for signatures before there was this rule.
    set_rules(cast.operation, random_share=10, no_draw="")
    operation = cast.refresh()
    with pytest.raises(RuleViolation, match=TOO_LATE):
        sign(actor=cast.actors["OSH", "manager"], operation=operation,
             shown_hash=selection_hash(operation), method="password")  # fmt: skip
    set_rules(cast.operation, random_share=0)
    cast._sign()
    assert cast.refresh().state == "scheduled"


def test_what_was_drawn_stands_in_later_rounds(cast):
    drawn = commit_and_draw(cast)
    assert drawn
    with pytest.raises(RuleViolation, match="drawn for already"):
        save(cast, random_share=0, no_draw="Rather not")
    run = plan(cast)
    adopt(actor=cast.lead, operation=cast.operation, run=run)
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    move(actor=cast.lead, operation=cast.refresh(), arrow="reopen_selection", reason="A change")
    operation: Operation = cast.refresh()
    assert operation.round == 2
    assert {row.site.pk for row in candidates(operation) if row.drawn} == drawn
    with pytest.raises(Conflict):
        lottery.commit(actor=cast.lead, operation=operation)
    again = plan(cast)
    assert set(again.proposals.filter(arm="random").values_list("site_id", flat=True)) == drawn
    adopt(actor=cast.lead, operation=operation, run=again)
    move(actor=cast.lead, operation=cast.refresh(), arrow="ask_signatures")
    cast._sign()
    draw = operation.draws.get()
    assert draw.state == "revealed"


def test_the_page_shows_the_step_and_its_button(cast, as_user):
    page = reverse("planning:runs", args=[cast.operation.public_id])
    board = reverse("planning:selection", args=[cast.operation.public_id])
    client = as_user(cast.lead)
    text = client.get(page).content.decode()
    assert "First comes the random share" in text
    assert "Make a proposal" not in text
    assert "Freeze the candidates and commit a seed" in text
    assert page in client.get(board).content.decode()
    refused = client.post(page, follow=True).content.decode()
    assert BOTH_WAYS in refused
    step = reverse("planning:draw_step", args=[cast.operation.public_id, "commit"])
    client.post(step)
    assert "Make a proposal" not in client.get(page).content.decode()
    other = as_user(cast.actors["TAX", "coordinator"])
    assert not can(cast.actors["TAX", "coordinator"], "manage", cast.operation)
    other.post(reverse("planning:draw_step", args=[cast.operation.public_id, "draw"]))
    text = other.get(page).content.decode()
    assert "Make a proposal" in text
    assert "First comes the random share" not in text
    assert "First comes the random share" not in other.get(board).content.decode()


def test_a_share_of_nothing_is_told_on_the_page(cast, as_user):
    client = as_user(cast.lead)
    page = reverse("planning:criteria", args=[cast.operation.public_id])
    data = {"form": "settings", "s-version": "1", "s-periods": "window", "s-random_share": "0",
            "s-no_draw": "", "s-evidence": "0.25", "s-burden": "0.10", "s-wish": "0.10",
            "s-coverage": "0.05", "s-travel": "0.05", "s-later": "0.005", "s-joint_share": "0",
            "s-most_per_firm": "1", "s-min_people": "1", "s-car_pool": "0.60",
            "s-penalty": "2.00", "s-most_authorities": "4"}  # fmt: skip
    refused = client.post(page, data)
    assert refused.status_code == 422
    assert "Say why nothing is drawn" in refused.content.decode()
    assert client.post(page, data | {"s-no_draw": "A pilot round"}).status_code == 302
    text = client.get(reverse("planning:runs", args=[cast.operation.public_id])).content.decode()
    assert "Nothing is drawn at random in this operation." in text
    assert "A pilot round" in text


def slip_in(cast: Cast, site: Site) -> None:
    """A row among the drawn sites, past the program."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO planning_drawnsite (draw_id, operation_id, site_id, stratum, probability,"
            " team) SELECT id, operation_id, %s, 'x', 0.5, '{}' FROM planning_draw"
            " WHERE operation_id = %s",
            [site.pk, cast.operation.pk],
        )


def undrawn_site(cast: Cast) -> Site:
    return Site.objects.exclude(pk__in=cast.operation.draws.get().sites.values("site")).first()


def test_nobody_slips_a_site_in_after_the_draw(cast):
    commit_and_draw(cast)
    before = cast.operation.draws.get().sites.count()
    with pytest.raises(IntegrityError, match="not added to"), transaction.atomic():
        slip_in(cast, undrawn_site(cast))
    assert cast.operation.draws.get().sites.count() == before


@pytest.mark.django_db(transaction=True)
def test_nobody_slips_a_site_in_before_the_draw(cast):
    """The row may stand only in the transaction that draws, and only with what the seed draws."""
    lottery.commit(actor=cast.lead, operation=cast.operation)
    site = undrawn_site(cast)
    with pytest.raises(IntegrityError, match="not added to"), transaction.atomic():
        slip_in(cast, site)
    draws = cast.operation.draws
    assert not draws.get().sites.exists()

    @transaction.atomic
    def draw_another() -> None:
        slip_in(cast, site)
        draws.update(state="drawn", drawn_at=timezone.now())

    with pytest.raises(IntegrityError, match="as many sites"):
        draw_another()
    row = lottery.draw(actor=cast.lead, operation=cast.operation)
    assert row.sites.count() == row.frame["draws"] > 1


def test_a_committed_draw_stays_whoever_would_rather_have_another(cast):
    lottery.commit(actor=cast.lead, operation=cast.operation)
    draws = cast.operation.draws
    for action in (
        draws.all().delete,
        lambda: draws.update(share=5),
        lambda: draws.update(frame={}),
        lambda: draws.update(seed=b"another one of the same size"),
    ):
        with pytest.raises(IntegrityError, match="a draw is not changed"), transaction.atomic():
            action()
    lottery.draw(actor=cast.lead, operation=cast.operation)
    sites = draws.get().sites
    assert sites.exists()
    for action in (sites.all().delete, lambda: sites.update(probability=0.5)):
        with pytest.raises(IntegrityError, match="what was drawn"), transaction.atomic():
            action()


def test_a_recused_person_who_commits_and_draws_leaves_nothing_out(cast, as_user):
    """The frame is the same whoever freezes it, and what was drawn is kept whole."""
    away = make_actor("OSH", "coordinator")
    for site in cast.sites:
        recuse(actor=cast.actors["OSH", "manager"], person=away.user, target=site, reason="Kin")
    sides = [candidate.site.pk for candidate in candidates(cast.operation)]
    lottery.commit(actor=away, operation=cast.operation)
    row = lottery.draw(actor=away, operation=cast.operation)
    assert {one.key for one in lottery.frame_of(row).rows} == {
        str(public)
        for public in Site.objects.filter(pk__in=sides).values_list("public_id", flat=True)
    }
    drawn = list(row.sites.select_related("site"))
    assert drawn
    address = reverse("planning:selection", args=[cast.operation.public_id])
    page = as_user(away).get(address).content.decode()
    assert not any(one.site.name in page for one in drawn)


def test_a_recused_person_does_not_draw_after_what_they_may_not_see_was_decided(cast):
    away = make_actor("OSH", "coordinator")
    recuse(
        actor=cast.actors["OSH", "manager"], person=away.user, target=cast.sites[0], reason="Kin"
    )
    save(cast, random_share=0, no_draw="A small round")
    choose(
        actor=cast.lead, operation=cast.operation, site=cast.sites[0], state="dropped", reason="No"
    )
    set_rules(cast.operation, random_share=30, no_draw="")
    with acting_as(away), pytest.raises(Conflict, match="otherwise it is not random"):
        lottery.commit(actor=away, operation=cast.operation)
