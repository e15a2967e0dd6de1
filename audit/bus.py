"""How a lower room tells a higher one: subscribers to events, called in the same transaction.

A room subscribes in its ``subscribers`` module, imported from ``AppConfig.ready``. A subscriber
gets the stored event and the live subject; if it fails, the whole change is rolled back, so that
nothing is half done. Slow work is left to a job scheduled on commit.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit.models import Event
    from authorities.actors import Actor

Subscriber = Callable[["Event", Any, "Actor | None"], None]

_subscribers: dict[str, list[Subscriber]] = defaultdict(list)


def on(*verbs: str) -> Callable[[Subscriber], Subscriber]:
    """Register the decorated function for events with one of ``verbs``; once per function."""

    def register(function: Subscriber) -> Subscriber:
        for verb in verbs:
            if function not in _subscribers[verb]:
                _subscribers[verb].append(function)
        return function

    return register


def publish(event: "Event", subject: Any, actor: "Actor | None") -> None:
    """Call every subscriber of the event's verb, in order of registration."""
    for subscriber in _subscribers[event.verb]:
        subscriber(event, subject, actor)
