"""Why there is no plan, in words: a firm by name, what forces its visits, and time that was up."""

import html

import pytest
from django.urls import reverse

from planning.models import Capacity, RunKind, SelectionQuota, SelectionRun, SolverState
from planning.services import runs
from targets.services.recusals import recuse
from tests.factories import Cast, make_region
from tests.planning.test_runs import pin, selecting

pytestmark = pytest.mark.django_db


def tried(cast: Cast) -> SelectionRun:
    run = runs.ask_run(actor=cast.lead, operation=cast.operation)
    return runs.perform(runs.claim(run.pk))


def page(client, run: SelectionRun) -> str:
    return html.unescape(client.get(reverse("planning:run", args=[run.public_id])).content.decode())


def of_one_firm(sites: int = 4) -> Cast:
    """The first two sites are of one firm, whose name no other text of the page holds."""
    cast = selecting(sites=sites)
    firm = cast.sites[0].company
    firm.name = "Kuutamo & Sons"
    firm.save()
    cast.sites[1].company = firm
    cast.sites[1].save()
    return cast


def at_least(cast: Cast, visits: int) -> None:
    SelectionQuota.objects.create(
        operation=cast.operation, region=make_region(), minimum=visits, hard=True
    )


def test_a_firm_is_named_with_its_sites_that_are_pinned(as_user):
    cast = of_one_firm()
    for site in cast.sites[:2]:
        pin(cast, site)
    run = tried(cast)
    assert run.state == SolverState.INFEASIBLE
    text = page(as_user(cast.lead), run)
    assert "Kuutamo & Sons is visited at most 1 time; 2 of its sites are pinned." in text
    for site in cast.sites[:2]:
        assert f"{site.name} is pinned." in text


def test_a_firm_is_named_with_the_minimum_that_forces_its_visits(as_user):
    cast = of_one_firm()
    at_least(cast, 4)
    text = page(as_user(cast.lead), tried(cast))
    region = make_region().name
    assert (
        f"Kuutamo & Sons is visited at most 1 time; the minimum of {region} needs 2 visits to it."
        in text
    )
    assert "pinned" not in text.split("These limits cannot be kept together")[1].split("</ul>")[0]
    assert f"At least 4 visits are asked for ({region}); at most 3 can be made." in text


def test_whoever_is_kept_away_from_a_firm_does_not_read_its_name(as_user):
    cast = of_one_firm()
    at_least(cast, 4)
    run = tried(cast)
    person = cast.actors["TAX", "coordinator"]
    assert "Kuutamo" in page(as_user(person), run)
    recuse(
        actor=cast.actors["TAX", "manager"], person=person.user, target=cast.sites[0].company,
        reason="Kin",
    )  # fmt: skip
    text = page(as_user(person), run)
    assert "Kuutamo" not in text
    assert "A firm is visited at most 1 time; the minimum of" in text


def in_no_time(monkeypatch) -> None:
    options = runs.OPTIONS[RunKind.PLAN] | {"time_limit": 0.0}
    monkeypatch.setitem(runs.OPTIONS, RunKind.PLAN, options)


def test_where_time_is_up_before_the_clash_is_found_the_page_says_what_to_do(as_user, monkeypatch):
    cast = selecting()
    for place in cast.operation.participations.accepted():
        Capacity.objects.create(operation=cast.operation, authority=place.authority, days=0)
    pin(cast, cast.sites[0])
    in_no_time(monkeypatch)
    run = tried(cast)
    assert (run.state, run.clash) == (SolverState.INFEASIBLE, [])
    text = page(as_user(cast.lead), run)
    assert "Which of them clash was not found in the time and work that a search may take." in text
    assert "Take away pins, hard minimums" in text
    assert "These limits cannot be kept together" not in text


def test_where_time_is_up_before_any_plan_is_found_the_page_says_what_to_do(as_user, monkeypatch):
    cast = of_one_firm()
    at_least(cast, 4)
    in_no_time(monkeypatch)
    run = tried(cast)
    assert run.state == SolverState.FAILED
    text = page(as_user(cast.lead), run)
    assert "Time was up (0 s) before a plan was found that keeps all limits" in text
    assert "Take away pins, hard minimums" in text
    assert "Unexpected error" not in text
