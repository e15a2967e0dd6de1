from collections.abc import Callable

import pytest
from django.test import Client

from authorities.actors import Actor


@pytest.fixture
def sign_in() -> Callable[[Actor], Client]:
    """A browser signed in as this person, with the second factor behind them."""

    def signed_in(actor: Actor) -> Client:
        client = Client()
        client.force_login(actor.user)
        session = client.session
        session["acting_membership"] = actor.membership.pk
        session["mfa_done"] = True
        session.save()
        return client

    return signed_in
