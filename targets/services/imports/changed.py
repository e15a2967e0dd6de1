"""Telling what depends on the register that rows of it changed, in the same transaction."""

from collections.abc import Callable, Sequence

Heard = Callable[[Sequence[int], Sequence[int]], None]
_listeners: list[Heard] = []


def when_changed(function: Heard) -> Heard:
    """Register what is to be brought up to date: it gets the ids of sites and of companies."""
    if function not in _listeners:
        _listeners.append(function)
    return function


def tell(*, sites: Sequence[int], companies: Sequence[int]) -> None:
    """Sites and companies with these ids were made or changed."""
    if sites or companies:
        for function in _listeners:
            function(sites, companies)
