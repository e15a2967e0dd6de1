"""For whom the database works right now: what row-level security asks (``audit.walls``).

The context is a context variable, so each request, job, thread and coroutine has its own, and the
database connection (``audit.db``) hands it to PostgreSQL with ``SET LOCAL`` at the start of every
transaction. Nothing outlives the transaction, so a pooled connection cannot carry it to the next
user; without a context, or outside a transaction, classified tables show nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection, transaction

if TYPE_CHECKING:
    from authorities.actors import Actor

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Context:
    """Whose eyes the database uses: an authority and a person, or the system itself."""

    authority: int | None = None
    user: int | None = None
    system: bool = False


NOBODY = Context()
_current: ContextVar[Context] = ContextVar("database_context", default=NOBODY)


def current() -> Context:
    return _current.get()


def apply(wrapper: Any) -> None:
    """Hand the context to PostgreSQL for the rest of the transaction of ``wrapper``."""
    context = _current.get()
    with wrapper.connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('tarkka.authority', %s, true), set_config('tarkka.user', %s, true),"
            " set_config('tarkka.system', %s, true)",
            [
                "" if context.authority is None else str(context.authority),
                "" if context.user is None else str(context.user),
                "on" if context.system else "",
            ],
        )


def _apply_inside_transaction() -> None:
    """Change of context within a transaction. In a failed one nothing can be set, nor need it."""
    if not connection.in_atomic_block or connection.connection is None:
        return
    from psycopg2.extensions import TRANSACTION_STATUS_INERROR

    if connection.connection.get_transaction_status() != TRANSACTION_STATUS_INERROR:
        apply(connection)


@contextmanager
def using(context: Context) -> Iterator[None]:
    """Work in ``context``; the earlier one comes back at the end."""
    if context == _current.get():
        yield
        return
    token = _current.set(context)
    try:
        _apply_inside_transaction()
        yield
    finally:
        _current.reset(token)
        _apply_inside_transaction()


def acting_as(actor: "Actor") -> Any:
    """Work with the eyes of a person acting for an authority (a context manager)."""
    return using(Context(authority=actor.authority.pk, user=actor.user.pk))


def as_system(why: str) -> Any:
    """Work with the system's eyes, past every wall (a context manager).

    For sweeps and for rules that must hold whatever the actor may see. ``why`` is for the reader of
    the code: what comes out of such a block is never shown to the actor as it is.
    """
    if not why:
        raise ValueError("say why the system looks past the walls")
    return using(Context(system=True))


def service(function: F) -> F:
    """A write: one transaction, seen through the eyes of the ``actor`` it is given.

    ``actor`` None means the system itself.
    """

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        actor = kwargs.get("actor")
        eyes = acting_as(actor) if actor is not None else nullcontext()
        with transaction.atomic(), eyes:
            return function(*args, **kwargs)

    return wrapped  # type: ignore[return-value]
