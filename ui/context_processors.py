"""What every page needs: menu, language choices, session limits, and what rooms offer."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from ui.hooks import frame_values
from ui.navigation import items_for

LANGUAGE_NAMES = (("fi", "Suomi"), ("sv", "Svenska"), ("en", "English"))


def page(request: HttpRequest) -> dict[str, Any]:
    actor = getattr(request, "actor", None)
    user = getattr(request, "user", None)
    signed_in = bool(user and user.is_authenticated)
    values: dict[str, Any] = {
        "actor": actor,
        "signed_in": signed_in,
        "language_names": LANGUAGE_NAMES,
        "theme": user.theme if user is not None and signed_in else "system",
        "navigation": items_for(request),
        "session_seconds": settings.SESSION_IDLE_SECONDS,
        "request_id": getattr(request, "request_id", ""),
        "unread_count": 0,
        "switchable_memberships": [],
        "search_text": request.GET.get("q", "") if request.path == "/search/" else "",
    }
    if actor is not None:
        values |= frame_values(request)
    return values
