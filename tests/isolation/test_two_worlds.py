"""Silent holds: two worlds that differ only in the hold give everybody outside the same answers."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import as_system
from authorities.actors import Actor
from planning.models import Availability
from planning.services import set_hold
from planning.services.availability import sweep
from planning.services.holds import sweep_alerts
from planning.services.overlaps import find_overlaps
from tests.factories import (
    Cast,
    make_actor,
    make_authority,
    make_available,
    make_past_visit,
)
from tests.isolation.routes import ROUTES
from tests.isolation.test_matrix import address, plain
from tests.isolation.test_recusal import text_of

pytestmark = pytest.mark.django_db
SKIPPED = {
    "authorities:sign_out_everywhere", "authorities:switch_membership", "worklist:health",
    "planning:hold",
}  # fmt: skip


class Undo(Exception):
    """Ends a world: everything it changed is rolled back."""


def sign_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(actor.user)
    session = client.session
    session["acting_membership"] = actor.membership.pk
    session["mfa_done"] = True
    session.save()
    return client


def answers(
    cast: Cast, values: dict[str, Any], watchers: list[Actor]
) -> dict[tuple[int, str], str]:
    """Every readable address as every watcher, in words that do not change by themselves."""
    found = {}
    for actor in watchers:
        client = sign_in(actor)
        for name, (method, _key, _who, _others) in ROUTES.items():
            if method != "get" or name in SKIPPED:
                continue
            answer = client.get(address(name, values))
            kind = answer.get("Content-Type", "")
            if answer.streaming:
                words = b"".join(answer.streaming_content).hex()
                found[actor.user.pk, name] = f"{answer.status_code} {words}"
                continue
            words = text_of(answer) if "pdf" in kind or "spreadsheet" in kind else plain(answer)
            found[actor.user.pk, name] = f"{answer.status_code} {words}"
    return found


def in_world(build: Callable[[], None], look: Callable[[], Any]) -> Any:
    """What ``look`` finds in the world that ``build`` makes; the world is undone afterwards."""
    result = None
    try:
        with transaction.atomic():
            build()
            result = look()
            raise Undo
    except Undo:
        return result


def minute() -> None:
    """One run of the sweeps that come each minute."""
    sweep()
    sweep_alerts()
    find_overlaps()


@pytest.fixture
def outside(stage):
    """The stage, people of every role who are not cleared, and two causes for one target."""
    cast, values = stage
    duty, superior = make_actor("POL", "coordinator"), make_actor("POL", "manager")
    target = cast.visits()[-1].site
    make_authority("HIDDEN")
    watchers = [
        cast.actors[who] for who in (
            ("OSH", "coordinator"), ("OSH", "inspector"), ("TAX", "manager"),
            ("POL", "coordinator"), ("POL", "manager"), ("POL", "administrator"),
            ("OUT", "coordinator"),
        )
    ]  # fmt: skip

    def hold() -> None:
        set_hold(actor=duty, target=target, kind="silent", liaison="Duty", superior=superior.user,
                 reason="Secret investigation")  # fmt: skip

    def ordinary() -> None:
        # A visit that only its own authority, of whom nobody watches here, may see.
        make_past_visit(target, "HIDDEN", shared=False, on=timezone.localdate())

    return cast, values, watchers, hold, ordinary


def differences(first: dict[Any, str], second: dict[Any, str]) -> list[str]:
    """Where two worlds differ, with the first characters that do."""
    found = []
    for key, words in first.items():
        other = second[key]
        if words != other:
            at = next((i for i, (a, b) in enumerate(zip(words, other, strict=False)) if a != b), 0)
            found.append(f"{key}: {words[at - 40 : at + 60]!r} / {other[at - 40 : at + 60]!r}")
    return found


def test_before_any_check_a_hold_changes_nothing_for_anybody(outside):
    cast, values, watchers, hold, _ordinary = outside
    with time_machine.travel(timezone.now(), tick=False):
        look = lambda: answers(cast, values, watchers)  # noqa: E731
        without = in_world(lambda: None, look)
        held = in_world(hold, look)
    assert differences(without, held) == []


def test_after_the_check_a_held_target_reads_like_any_other_that_is_not_available(outside):
    cast, values, watchers, hold, ordinary = outside

    def then(cause: Callable[[], None]) -> Callable[[], None]:
        def build() -> None:
            cause()
            with as_system("a test moves the clock"):
                Availability.objects.update(due_at=timezone.now())
            minute()
            minute()

        return build

    with time_machine.travel(timezone.now(), tick=False):
        look = lambda: answers(cast, values, watchers)  # noqa: E731
        open_ = in_world(then(lambda: None), look)
        held = in_world(then(hold), look)
        other = in_world(then(ordinary), look)
    assert differences(held, other) == []
    assert differences(held, open_)  # the stop itself is seen, or this test sees nothing


def test_the_refusal_of_a_pick_and_its_statements_are_the_same():
    cast = Cast()
    operation = cast.to("selecting")
    duty, superior = make_actor("POL", "coordinator"), make_actor("POL", "manager")
    target = cast.sites[0]
    page = f"/operations/{operation.public_id}/selection/sites/{target.public_id}/"
    client = sign_in(cast.lead)

    def pick() -> tuple[str, list[str]]:
        data = {"state": "picked", "team": ["OSH"], "week": "", "version": "0",
                "reason": "Together", "code": "other"}  # fmt: skip
        client.get(page)
        with CaptureQueriesContext(connection) as captured:
            answer = client.post(page, data)
        assert answer.status_code == 422
        statements = [re.sub(r"\d+|'[^']*'", "?", q["sql"]) for q in captured.captured_queries]
        return plain(answer), statements

    def held() -> None:
        set_hold(actor=duty, target=target, kind="silent", liaison="Duty", superior=superior.user,
                 reason="Secret")  # fmt: skip
        make_available(operation)
        sweep_alerts()

    def ordinary() -> None:
        make_past_visit(target, "HIDDEN", shared=False, on=timezone.localdate())
        make_available(operation)
        sweep_alerts()

    with time_machine.travel(timezone.now(), tick=False):
        first, second = in_world(held, pick), in_world(ordinary, pick)
    assert first[0] == second[0]
    assert first[1] == second[1]


def test_the_check_itself_does_the_same_work_whatever_it_finds():
    cast = Cast()
    operation = cast.to("selecting")
    duty, superior = make_actor("POL", "coordinator"), make_actor("POL", "manager")

    def work() -> list[str]:
        with as_system("a test moves the clock"):
            operation.availabilities.update(due_at=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            sweep()
        return [q["sql"].split(" ", 1)[0] for q in captured.captured_queries]

    def held() -> None:
        set_hold(actor=duty, target=cast.sites[0], kind="silent", liaison="Duty",
                 superior=superior.user, reason="Secret")  # fmt: skip

    assert in_world(held, work) == in_world(lambda: None, work)


def test_the_times_of_answers_tell_nothing():
    """Beside the statements: a rank test over many requests cannot tell the worlds apart."""

    cast = Cast()
    operation = cast.to("selecting")
    duty, superior = make_actor("POL", "coordinator"), make_actor("POL", "manager")
    page = f"/operations/{operation.public_id}/selection/"
    client = sign_in(cast.lead)

    def held() -> None:
        set_hold(actor=duty, target=cast.sites[0], kind="silent", liaison="Duty",
                 superior=superior.user, reason="Secret")  # fmt: skip
        make_available(operation)

    def ordinary() -> None:
        make_past_visit(cast.sites[0], "HIDDEN", shared=False, on=timezone.localdate())
        make_available(operation)

    def times() -> list[float]:
        taken = []
        for _ in range(6):
            begun = time.perf_counter()
            client.get(page)
            taken.append(time.perf_counter() - begun)
        return taken[1:]

    samples: dict[str, list[float]] = {"held": [], "ordinary": []}
    for _ in range(4):  # in turns, so that the machine's mood meets both
        samples["held"] += in_world(held, times)
        samples["ordinary"] += in_world(ordinary, times)
    assert 0.05 < superiority(samples["held"], samples["ordinary"]) < 0.95


def superiority(first: list[float], second: list[float]) -> float:
    """How often one of ``first`` is slower than one of ``second`` (0.5: no difference)."""
    wins = sum((a > b) + 0.5 * (a == b) for a in first for b in second)
    return wins / (len(first) * len(second))
