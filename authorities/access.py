"""Entry checks of views: signed in, acting in a membership, holding a role."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from audit.errors import NotAllowed
from authorities.models import Role

View = Callable[..., HttpResponseBase]


def acting(*roles: Role | str) -> Callable[[View], View]:
    """Let only a signed-in person with an acting membership in; with ``roles`` one of them.

    Someone signed out is sent to the sign-in page and back (htmx and JSON requests get 401, so
    that a sign-in page never lands inside a fragment); someone without any membership is sent to
    the page that says whom to ask. A missing role is 403.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if request.headers.get("HX-Request") or "application/json" in request.headers.get(
                    "Accept", ""
                ):
                    return JsonResponse({"error": "signed_out"}, status=401)
                return redirect_to_login(request.get_full_path())
            actor = getattr(request, "actor", None)
            if actor is None:
                return redirect("authorities:no_membership")
            if roles and not actor.has_role(*roles):
                raise NotAllowed(_("Your role in this authority does not include this page."))
            return view(request, *args, **kwargs)

        wrapped.acting_roles = roles  # type: ignore[attr-defined]  # read by the matrix test
        return wrapped

    return decorate


def require(allowed: bool, message: str = "") -> None:
    """Raise NotAllowed unless ``allowed``: a form that could not be sent is not shown either."""
    if not allowed:
        raise NotAllowed(message or _("You have no right to do this here."))
