"""Who acts in this request, in which language, and for how long the session lasts."""

import datetime as dt
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation

from audit.access import watching
from audit.context import acting_as
from authorities.actors import Actor
from authorities.models import Membership, User

GetResponse = Callable[[HttpRequest], HttpResponse]
STARTED, SEEN, ACTING, MFA_DONE = "started_at", "seen_at", "acting_membership", "mfa_done"


class SessionLimitsMiddleware:
    """Ends sessions that were idle or open too long, or that the person ended elsewhere."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            now = timezone.now()
            if self._over(request, user, now):
                logout(request)
            else:
                request.session.setdefault(STARTED, now.timestamp())
                # Written once a minute at most, so that reading pages does not write each time.
                # A page that asks for news by itself is no sign of a person.
                if (
                    now.timestamp() - request.session.get(SEEN, 0) > 60
                    and "X-Background" not in request.headers
                ):
                    request.session[SEEN] = now.timestamp()
                    # The list of one's own open sessions tells when each was last used.
                    UserSession.objects.create_from_request(request)
        return self.get_response(request)

    @staticmethod
    def _over(request: HttpRequest, user: User, now: dt.datetime) -> bool:
        started = request.session.get(STARTED)
        if started is None:
            return False
        seen = request.session.get(SEEN, started)
        ended = user.sessions_valid_after
        return (
            now.timestamp() - seen > settings.SESSION_IDLE_SECONDS
            or now.timestamp() - started > settings.SESSION_ABSOLUTE_SECONDS
            or (ended is not None and started < ended.timestamp())
        )


class ActingMembershipMiddleware:
    """Sets ``request.actor``, the eyes of the database and the language.

    Leads administrators to set up a second factor.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = None  # type: ignore[attr-defined]
        request.memberships = []  # type: ignore[attr-defined]
        user = request.user
        if user.is_authenticated:
            if user.language:
                translation.activate(user.language)
                request.LANGUAGE_CODE = user.language
            self._set_actor(request, user)
            answer = self._second_factor(request)
            if answer is not None:
                return answer
        actor = request.actor  # type: ignore[attr-defined]
        if actor is None:
            response = self.get_response(request)
        else:
            with acting_as(actor), watching(actor, request.path):
                response = self.get_response(request)
        if user.is_authenticated and user.language:
            response.headers["Content-Language"] = user.language
        return response

    @staticmethod
    def _set_actor(request: HttpRequest, user: User) -> None:
        memberships = list(
            Membership.objects.usable()
            .filter(user=user)
            .select_related("unit", "authority")
            .order_by("id")
        )
        request.memberships = memberships  # type: ignore[attr-defined]
        if not memberships:
            return
        wanted = request.session.get(ACTING)
        acting = next((m for m in memberships if m.pk == wanted), memberships[0])
        if acting.pk != wanted:
            request.session[ACTING] = acting.pk
        acting.user = user
        request.actor = Actor(user=user, membership=acting)  # type: ignore[attr-defined]

    @staticmethod
    def _second_factor(request: HttpRequest) -> HttpResponse | None:
        """Answer for someone whose role needs a second factor they have not set up; else None."""
        actor = request.actor  # type: ignore[attr-defined]
        if actor is None or not actor.has_role(*settings.MFA_REQUIRED_ROLES):
            return None
        if request.session.get(MFA_DONE) or request.path.startswith("/account/"):
            return None
        from allauth.mfa.utils import is_mfa_enabled

        if is_mfa_enabled(actor.user):
            request.session[MFA_DONE] = True
            return None
        if request.headers.get("HX-Request"):
            return JsonResponse({"error": "second_factor"}, status=401)
        return redirect(reverse("mfa_index"))
