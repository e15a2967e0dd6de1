"""Route × role × object: every address as nobody, as each role of a participant, as an outsider.

``ROUTES`` says for each named address which object it is asked with and who may have it. An address
that is not in the table fails the test, so that a new view cannot be forgotten.
"""

import re
import uuid
from typing import Any

import pytest
from django.urls import NoReverseMatch, get_resolver, reverse

from tests.isolation.routes import CODES, ROLES, ROUTES


def own_routes() -> set[str]:
    """Names of all addresses of the project (those of the sign-in library are tested by name below)."""
    names = set()
    for pattern in get_resolver().url_patterns:
        namespace = getattr(pattern, "namespace", None)
        if namespace:
            names |= {f"{namespace}:{p.name}" for p in pattern.url_patterns}
        elif getattr(pattern, "name", None):
            names.add(pattern.name)
    return names


def test_every_address_is_in_the_table():
    assert own_routes() == set(ROUTES)


def address(name: str, values: dict[str, dict[str, Any]]) -> str:
    key = ROUTES[name][1]
    return reverse(name, kwargs=values[key] if key else None)


def test_nobody_gets_anything_but_what_is_public(stage, client):
    _cast, values = stage
    for name, (method, _key, who, _others) in ROUTES.items():
        answer = getattr(client, method)(address(name, values))
        if who == "public":
            assert answer.status_code in (200, 302, 503), name
            continue
        assert answer.status_code in (302, 401, 404), f"{name}: {answer.status_code}"
        if answer.status_code == 302:
            assert "/account/login/" in answer["Location"], name


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("role", ROLES)
def test_role_and_object(stage, as_user, code, role):
    cast, values = stage
    client = as_user(cast.actors[code, role])
    wrong = []
    for name, (method, _key, who, others) in ROUTES.items():
        if name in ("authorities:sign_out_everywhere", "authorities:switch_membership"):
            continue  # these end or change the session; tested on their own
        answer = getattr(client, method)(address(name, values))
        allowed = who == "public" or (code, role) in who
        if allowed and answer.status_code not in (200, 302, 303, 409, 422, 503):
            wrong.append(f"{name}: {answer.status_code}, should be open")
        if not allowed:
            # 4: a participant is told that it may not (403); to an outsider nothing exists (404).
            expected = {403, 404} if others in (4, 5) else {others}
            if others == 4 and code == "OUT" and not name.startswith(("targets:", "risk:")):
                expected = {404}
            if answer.status_code not in expected:
                wrong.append(f"{name}: {answer.status_code}, should be {expected}")
    assert not wrong, "\n".join(wrong)


def test_missing_and_hidden_objects_answer_alike(stage, as_user):
    """An object one may not see answers word for word as one that does not exist."""
    cast, values = stage
    client = as_user(cast.actors["OUT", "coordinator"])
    for name, (method, key, who, others) in ROUTES.items():
        if method != "get" or others not in (4, 404) or who == "public" or not key:
            continue
        if "public_id" not in values[key] or name.startswith(("ui:", "targets:")):
            continue
        hidden = client.get(address(name, values))
        missing = client.get(reverse(name, kwargs=values[key] | {"public_id": uuid.uuid4()}))
        assert hidden.status_code == missing.status_code == 404, name
        assert plain(hidden) == plain(missing), name


def plain(answer: Any) -> str:
    """The page without what differs on every request: its number and the form token."""
    text = answer.content.decode().replace(answer["X-Request-ID"], "")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    return re.sub(r'(data-csrf="|csrfmiddlewaretoken" value=")[^"]+', r"\1", text)


def test_addresses_of_the_sign_in_library_never_break(stage, client, as_user):
    """They come from a library; here only that nothing private or broken comes of them."""
    cast, _values = stage

    def walk(pattern: Any) -> set[str]:
        if hasattr(pattern, "url_patterns"):
            return {name for inner in pattern.url_patterns for name in walk(inner)}
        return {pattern.name} if pattern.name else set()

    library = next(p for p in get_resolver().url_patterns if str(p.pattern) == "account/")
    names = walk(library)
    assert "account_login" in names
    for name in sorted(names):
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        assert client.get(path).status_code < 500, name
    signed_in = as_user(cast.lead)
    for name in sorted(names - {"account_logout"}):
        try:
            path = reverse(name)
        except NoReverseMatch:
            continue
        assert signed_in.get(path).status_code < 500, name
