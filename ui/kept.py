"""Things that are the same for many pages, kept in each process for a while.

For reference data only (regions, industries): what one person may see and another may not is never
kept. ``forget`` empties everything; rows saved in this process call it, other processes follow
within ``SECONDS``.
"""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS = 60
MOST = 500
_kept: dict[Hashable, tuple[float, Any]] = {}


def kept(key: Hashable, make: Callable[[], T]) -> T:
    """What was made last for ``key``, or made now."""
    now = time.monotonic()
    found = _kept.get(key)
    if found is not None and found[0] > now:
        return found[1]  # type: ignore[no-any-return]
    if len(_kept) >= MOST:
        _kept.clear()
    value = make()
    _kept[key] = (now + SECONDS, value)
    return value


def forget(**_signal: Any) -> None:
    _kept.clear()
