"""What rooms above give to the page frame without being imported by it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

_page_context: dict[str, Callable[[HttpRequest], Any]] = {}
_search: list[Callable[..., Any]] = []
actor_factory: Callable[[Any], Any] | None = None


def page_context(name: str, function: Callable[[HttpRequest], Any]) -> None:
    """Offer ``name`` to the page frame; ``function`` gets the request of a signed-in actor."""
    _page_context[name] = function


def frame_values(request: HttpRequest) -> dict[str, Any]:
    return {name: function(request) for name, function in _page_context.items()}


def search_provider(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register ``function(actor, text, limit) -> SearchGroup`` for the global search page."""
    if function not in _search:
        _search.append(function)
    return function


def search_providers() -> list[Callable[..., Any]]:
    return list(_search)


def set_actor_factory(factory: Callable[[Any], Any]) -> None:
    """Tell how to make an actor from a membership (used by jobs that act for a person)."""
    global actor_factory
    actor_factory = factory
