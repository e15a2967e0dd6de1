"""What others pin, exclude, put into the pool or find unavailable shows on pages that are open."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from planning.board import Board, board_of
from planning.models import Fixed
from planning.services.criteria import set_terms
from planning.services.pool import add_to_pool, take_from_pool
from planning.views import board as views
from targets.models import Site
from targets.services.recusals import recuse
from tests.factories import Cast, make_actor, make_site

pytestmark = pytest.mark.django_db
HTMX = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def cast(db: None) -> Cast:
    cast = Cast()
    cast.to("selecting")
    return cast


def page(cast: Cast, name: str) -> str:
    return reverse(f"planning:{name}", args=[cast.operation.public_id])


def asked(client: Any, address: str, part: str) -> str:
    """The address that the page asks for news."""
    text = client.get(address).content.decode()
    return re.search(rf'hx-get="([^"]*{part}[^"]*)"', text)[1].replace("&amp;", "&")


def pinned(cast: Cast, number: int = 0, reason: str = "A duty from last year") -> None:
    set_terms(
        actor=cast.actors["TAX", "coordinator"], operation=cast.operation, version=0,
        site=cast.sites[number], fixed=Fixed.PINNED, reason=reason,
    )  # fmt: skip


def change(cast: Cast, what: str) -> None:
    tax = cast.actors["TAX", "coordinator"]
    if what == "pin":
        pinned(cast)
    elif what == "pool":
        add_to_pool(actor=tax, operation=cast.operation,
                    sites=Site.objects.filter(pk=make_site().pk))  # fmt: skip
    elif what == "taken":
        ours = cast.operation.pool.get().site_id
        assert take_from_pool(actor=tax, operation=cast.operation, sites=[ours]) == 1
    else:
        cast.operation.availabilities.filter(site=cast.sites[0]).update(state="not_available")


@pytest.mark.parametrize("what", ["pin", "pool", "taken", "availability"])
def test_the_board_is_shown_anew_when_something_behind_it_changed(cast, as_user, what):
    if what == "taken":
        change(cast, "pool")
    client = as_user(cast.actors["POL", "coordinator"])
    ask = asked(client, page(cast, "selection"), "changes")
    assert client.get(ask).status_code == 204
    change(cast, what)
    answer = client.get(ask)
    assert "data-whole" in answer.content.decode()
    again = re.search(r'hx-get="([^"]*changes[^"]*)"', answer.content.decode())[1]
    assert client.get(again.replace("&amp;", "&")).status_code == 204


@pytest.mark.parametrize("name", ["criteria", "pool"])
def test_pages_with_forms_say_who_changed_what_and_stay_as_they_are(cast, as_user, name):
    client = as_user(cast.actors["POL", "coordinator"])
    ask = asked(client, page(cast, name), "news")
    assert client.get(ask, **HTMX).status_code == 204
    change(cast, "pool")
    pinned(cast)
    answer = client.get(ask, **HTMX).content.decode()
    who = cast.actors["TAX", "coordinator"]
    assert f"{cast.sites[0].name} was pinned: A duty from last year" in answer
    assert "Sites were put into the pool: 1." in answer
    assert f"{who.user.full_name}, {who.authority.short}" in answer
    assert f'href="{page(cast, name)}"' in answer
    assert "<form" not in answer
    # It goes on asking, and keeps telling all that came since the page was opened.
    ask = re.search(r'hx-get="([^"]*news[^"]*)"', answer)[1].replace("&amp;", "&")
    assert client.get(ask, **HTMX).status_code == 204
    change(cast, "availability")
    answer = client.get(ask, **HTMX).content.decode()
    assert f"{cast.sites[0].name} was pinned" in answer
    # Opened again, all of it is on the page.
    assert client.get(asked(client, page(cast, name), "news"), **HTMX).status_code == 204


def test_availability_alone_is_told_without_a_name(cast, as_user):
    client = as_user(cast.actors["POL", "coordinator"])
    ask = asked(client, page(cast, "criteria"), "news")
    change(cast, "availability")
    answer = client.get(ask, **HTMX).content.decode()
    assert "Which candidates are available has changed." in answer
    assert cast.sites[0].name not in answer


def test_whoever_is_kept_away_from_a_site_is_not_told_that_it_was_pinned(cast, as_user):
    away = make_actor("POL", "coordinator")
    recuse(
        actor=cast.actors["POL", "manager"], person=away.user, target=cast.sites[0], reason="Kin"
    )
    client = as_user(away)
    ask = asked(client, page(cast, "criteria"), "news")
    pinned(cast)
    assert client.get(ask, **HTMX).status_code == 204
    history = client.get(page(cast, "operation_detail")).content.decode()
    assert cast.sites[0].name not in history
    pinned(cast, 1, "Another duty")
    assert "Another duty" in client.get(ask, **HTMX).content.decode()


def test_while_nominations_are_open_the_pool_alone_is_told(as_user):
    cast = Cast()
    cast.to("nominating")
    client = as_user(cast.actors["POL", "coordinator"])
    ask = asked(client, page(cast, "pool"), "news")
    change(cast, "pool")
    assert "Sites were put into the pool: 1." in client.get(ask, **HTMX).content.decode()
    criteria = f"{page(cast, 'news')}?page=criteria"
    assert client.get(criteria, **HTMX).status_code == 404
    for strange in ("x", "²-1", "9" * 40):
        answer = client.get(f"{page(cast, 'news')}?page=pool&shown={strange}", **HTMX)
        assert answer.status_code == 200


def test_asking_costs_the_same_whatever_there_is(cast, as_user):
    client = as_user(cast.actors["POL", "coordinator"])
    counts = []
    for number in range(2):
        ask = asked(client, page(cast, "criteria"), "news")
        pinned(cast, number)
        change(cast, "pool")
        with CaptureQueriesContext(connection) as queries:
            client.get(ask, **HTMX)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def availability(cast: Cast, number: int, state: str) -> None:
    cast.operation.availabilities.filter(site=cast.sites[number]).update(state=state)


def test_one_that_opens_while_another_closes_is_news_too(cast, as_user):
    availability(cast, 0, "not_available")
    client = as_user(cast.actors["POL", "coordinator"])
    board = asked(client, page(cast, "selection"), "changes")
    criteria = asked(client, page(cast, "criteria"), "news")
    availability(cast, 0, "available")
    availability(cast, 1, "not_available")
    assert "data-whole" in client.get(board).content.decode()
    assert (
        "Which candidates are available has changed."
        in client.get(criteria, **HTMX).content.decode()
    )


def test_what_changes_while_the_board_is_being_read_is_asked_for_again(cast, as_user, monkeypatch):
    def slow(*args: Any) -> Board:
        read = board_of(*args)
        change(cast, "availability")
        return read

    client = as_user(cast.actors["POL", "coordinator"])
    with monkeypatch.context() as patched:
        patched.setattr(views, "board_of", slow)
        ask = asked(client, page(cast, "selection"), "changes")
    assert "data-whole" in client.get(ask).content.decode()


def test_a_decision_brings_what_others_changed_meanwhile(cast, as_user):
    client = as_user(cast.lead)
    text = client.get(page(cast, "selection")).content.decode()
    shown = {name: re.search(rf'name="{name}" value="([^"]*)"', text)[1]
             for name in ("after", "mark")}  # fmt: skip
    sent = shown | {"state": "picked", "team": ["OSH"], "week": "", "reason": "r", "code": "other",
                    "version": "0"}  # fmt: skip
    where = reverse("planning:board_site", args=[cast.operation.public_id, cast.sites[1].public_id])
    answer = client.post(where, sent, **HTMX).content.decode()
    assert f'data-number="{cast.operation.board.get().number}"' in answer
    assert "data-whole" not in answer  # nothing but one's own
    pinned(cast)
    where = reverse("planning:board_site", args=[cast.operation.public_id, cast.sites[2].public_id])
    assert "data-whole" in client.post(where, sent, **HTMX).content.decode()
