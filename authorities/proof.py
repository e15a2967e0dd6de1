"""How recently, and by what, a person proved who they are; asked before a signature is taken."""

import time

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

SECOND_FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def proof_of(request: HttpRequest) -> str:
    """What the session rests on, as "password+totp", if it is fresh enough to sign by; else "".

    Fresh: asked again within ``ACCOUNT_REAUTHENTICATION_TIMEOUT`` seconds; having signed in is not
    enough. Where ``SIGN_WITH_MFA``, a second factor is among what was shown within that time.
    """
    records = get_authentication_records(request, request.user)
    asked_again = any(r.get("reauthenticated") for r in _recent(records))
    if not asked_again or (settings.SIGN_WITH_MFA and not _second_factor(records)):
        return ""
    return "+".join(dict.fromkeys(str(r.get("type") or r["method"]) for r in records))


def where_to_prove(request: HttpRequest) -> str:
    """Address at which the person gives the proof that is missing, or sets up what it needs."""
    records = get_authentication_records(request, request.user)
    if lacks_second_factor(request):
        return reverse("mfa_index")
    ways = get_adapter().get_reauthentication_methods(request.user)
    if settings.SIGN_WITH_MFA and not _second_factor(records):
        ways = [way for way in ways if way["id"].startswith("mfa")]
    return str(ways[0]["url"]) if ways else reverse("account_reauthenticate")


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether the person cannot sign before they have set up an app or a key."""
    return settings.SIGN_WITH_MFA and not is_mfa_enabled(request.user, SECOND_FACTORS)


def _recent(records: list[dict]) -> list[dict]:
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    return [r for r in records if r["at"] > since]


def _second_factor(records: list[dict]) -> bool:
    return any(r["method"] == "mfa" for r in _recent(records))
