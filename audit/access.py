"""Every look at non-public data: noted when a row is read, written before the answer goes out.

A model of non-public rows is a ``ClassifiedModel``: reading one of its rows inside a ``watching``
block (each request, each export) notes the look by itself, so that no view can forget it. The
notes become ``AccessEntry`` rows in one insert after the view and before the first byte of the
answer: an answer that was given is in the log, whatever dies afterwards. The chain of hashes is
made later, off the hot path (``audit.chain``).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models

from audit import context
from audit.services import current_request_id

if TYPE_CHECKING:
    from authorities.actors import Actor

# Beyond this many rows of one kind in one answer, the rest is one entry that gives their number.
EACH_UP_TO = 200


@dataclass
class Watch:
    """What one request looked at, and the purposes stated for it."""

    actor: "Actor"
    route: str
    seen: dict[tuple[str, int], int | None] = field(default_factory=dict)
    more: dict[tuple[str, int | None], int] = field(default_factory=dict)  # rows told as a number
    purpose: Any = None  # audit.models.Purpose that covers the page's main object


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


def note(label: str, pk: int, owner: int | None) -> None:
    """One row of ``label`` belonging to the authority ``owner`` was read."""
    watch = _watch.get()
    if watch is not None and not context.current().system:
        watch.seen.setdefault((label, pk), owner)


def note_counted(label: str, owner: int | None, count: int) -> None:
    """So many rows of ``label`` were looked through, for numbers alone: one entry."""
    watch = _watch.get()
    if watch is not None and count and not context.current().system:
        watch.more[label, owner] = watch.more.get((label, owner), 0) + count


def covered_by(purpose: Any) -> None:
    """What the present request looks at is looked at for this stated purpose."""
    watch = _watch.get()
    if watch is not None:
        watch.purpose = purpose


def at_route(route: str) -> None:
    """Log the present request under this address: its own would tell more than it should."""
    watch = _watch.get()
    if watch is not None:
        watch.route = route


@contextmanager
def watching(actor: "Actor", route: str) -> Iterator[Watch]:
    """Note looks of ``actor``; at the end of the block they are written, even after an error."""
    watch = Watch(actor=actor, route=route)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)
        write(watch)


def write(watch: Watch) -> int:
    """Store the noted looks; returns the number of entries. One insert."""
    if not watch.seen and not watch.more:
        return 0
    from audit.models import AccessEntry

    by_kind: dict[str, list[tuple[int, int | None]]] = {}
    for (label, pk), owner in watch.seen.items():
        by_kind.setdefault(label, []).append((pk, owner))
    entries = []
    for label, rows in by_kind.items():
        entries += [_entry(watch, label, pk, owner, 1) for pk, owner in rows[:EACH_UP_TO]]
        rest: dict[int | None, int] = {}
        for _pk, owner in rows[EACH_UP_TO:]:
            rest[owner] = rest.get(owner, 0) + 1
        entries += [_entry(watch, label, None, owner, count) for owner, count in rest.items()]
    entries += [
        _entry(watch, label, None, owner, count) for (label, owner), count in watch.more.items()
    ]
    with context.acting_as(watch.actor):
        AccessEntry.objects.bulk_create(entries)
    watch.seen.clear()
    watch.more.clear()
    return len(entries)


def _entry(watch: Watch, label: str, pk: int | None, owner: int | None, count: int) -> Any:
    from audit.models import AccessEntry

    actor = watch.actor
    return AccessEntry(
        user=actor.user, membership=actor.membership, authority=actor.authority, owner_id=owner,
        object_type=label, object_id=pk, count=count, route=watch.route[:120],
        purpose=watch.purpose, request_id=current_request_id.get(),
    )  # fmt: skip


class ClassifiedModel(models.Model):
    """A row that is not public. ``owner_field`` names the column of the authority that owns it."""

    owner_field = "authority_id"

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any) -> Any:  # type: ignore[override]
        row = super().from_db(db, field_names, values)
        # From the row as read: asking for a deferred column here would be a query for each row.
        note(cls._meta.label_lower, row.pk, row.__dict__.get(cls.owner_field))
        return row


Implied = Callable[["Actor", models.Model], str]
_implied: list[Implied] = []


def implies_purpose(function: Implied) -> Implied:
    """Register a reason that work itself gives ("" for none): a task, a place in an operation."""
    if function not in _implied:
        _implied.append(function)
    return function


def implied_purpose(actor: "Actor", subject: models.Model) -> str:
    """Why the actor's own work leads to ``subject``; empty when nothing does."""
    return next((words for f in _implied if (words := f(actor, subject))), "")
