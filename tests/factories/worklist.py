"""Rows of the work list for tests: people with a place, tasks, notifications, mails."""

import datetime as dt
import itertools
from typing import Any

from django.utils import timezone

from authorities.actors import Actor
from authorities.models import Authority, Membership, Unit, User
from worklist.models import Digest, DigestState, Notification, Reminder, ReminderKind, Task

_numbers = itertools.count(1)


def unit(authority: Authority | None = None, **values: Any) -> Unit:
    """A unit, with an authority of its own unless one is given."""
    number = next(_numbers)
    if authority is None:
        authority = Authority.objects.create(
            code=f"WL{number}", name_fi=f"Virasto {number}", name_sv=f"Myndighet {number}",
            name_en=f"Authority {number}", kind="agency",
        )  # fmt: skip
    return Unit.objects.create(
        authority=authority, code=f"U{number}", name_fi=f"Yksikkö {number}", **values
    )


def person(place: Unit | None = None, *roles: str, **values: Any) -> Actor:
    """A person acting in ``place`` with ``roles`` (inspector if none are given)."""
    number = next(_numbers)
    place = place or unit()
    user = User.objects.create(
        email=f"person{number}@example.org",
        **{"first_name": "Aino", "last_name": f"Person{number}", "language": "en"} | values,
    )
    membership = Membership.objects.create(
        user=user, unit=place, authority=place.authority, roles=list(roles or ["inspector"])
    )
    return Actor(user=user, membership=membership)


def task(whose: Actor | Unit, *, age: int = 30, **values: Any) -> Task:
    """An open task of a person or a unit, made by hand ``age`` days ago (so no longer new)."""
    number = next(_numbers)
    place = whose.unit if isinstance(whose, Actor) else whose
    made = Task.objects.create(
        **{
            "kind": "manual",
            "title": f"Task {number}",
            "authority": place.authority,
            "assignee": whose.user if isinstance(whose, Actor) else None,
            "unit": None if isinstance(whose, Actor) else whose,
        }
        | values
    )
    made.created_at = timezone.now() - dt.timedelta(days=age)
    made.save(update_fields=["created_at"])
    return made


def reminder(whose: Actor, of: Task | None = None, **values: Any) -> Reminder:
    """A waiting reminder, due today, of a task that is overdue unless one is given."""
    today = timezone.localdate()
    of = of or task(whose, due=today - dt.timedelta(days=1))
    return Reminder.objects.create(
        **{"task": of, "recipient": whose.user, "kind": ReminderKind.OVERDUE, "due": today} | values
    )


def notification(whose: Actor, **values: Any) -> Notification:
    return Notification.objects.create(
        **{
            "recipient": whose.user,
            "authority": whose.authority,
            "kind": "task.assigned",
            "params": {"title": "Look at the gate"},
        }
        | values
    )


def digest(whose: Actor, state: str = DigestState.SENT, **values: Any) -> Digest:
    now = timezone.now()
    values = {"day": timezone.localdate(), "claimed_at": now} | values
    if state == DigestState.SENT:
        values.setdefault("sent_at", now)
    if state == DigestState.RETRY:
        values.setdefault("next_attempt_at", now)
    return Digest.objects.create(recipient=whose.user, state=state, **values)
