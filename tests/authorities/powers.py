"""What the tests of the register of powers share: people, questions, a draft on its way."""

import datetime as dt
from typing import Any

from django.conf import settings

from authorities.actors import Actor
from authorities.gateway import Answer, answer
from authorities.models import Authority, Ground, GroundVersion, Unit
from authorities.services.grounds import draft_version, save_draft, submit_version
from tests.factories import make_actor

FOLDER = settings.REFERENCE_DIR / "finland"


def authority(code: str) -> Authority:
    return Authority.objects.get(code=code)


def person(code: str, *roles: str, **values: Any) -> Actor:
    unit = Unit.objects.get(authority__code=code, code="HEAD")
    return make_actor(authority(code), *roles, unit=unit, **values)


def ask(
    giver: str, receiver: str, information: str, day: str = "2026-05-04", **more: Any
) -> Answer:
    return answer(
        authority(giver), authority(receiver), information, dt.date.fromisoformat(day), **more
    )


def codes(rows: Any) -> list[str]:
    return [version.ground.code for version in rows]


def case(
    item: str, giver: str, receiver: str, expect: str, date: str = "2027-02-01"
) -> dict[str, str]:
    return {"date": date, "item": item, "giver": giver, "receiver": receiver, "expect": expect}


def submitted(writer: Actor, code: str, **values: Any) -> GroundVersion:
    """A draft of a ground, changed by ``values`` and handed to a second person."""
    draft = draft_version(actor=writer, ground=Ground.objects.get(code=code))
    values = {"valid_from": dt.date(2027, 1, 1), "note": "A change of law"} | values
    draft = save_draft(actor=writer, version=draft, shown=draft.version, **values)
    return submit_version(actor=writer, version=draft)
