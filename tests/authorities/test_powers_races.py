"""Two at once on a ground: one wins, the other is told; nothing contradicts itself when published."""

import datetime as dt

import pytest
from django.db import connection

from audit.errors import Conflict
from audit.models import Event
from authorities.gateway import answer
from authorities.models import Ground, GroundVersion, Interest
from authorities.services.grounds import (
    CasesFail,
    draft_version,
    publish_version,
    reject_version,
    save_draft,
    submit_version,
)
from authorities.services.powers import publish_interest
from tests.factories import make_actor, make_authority, make_ground, make_term
from tests.planning.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
DAY = dt.date(2027, 1, 1)


def case(expect: str, receiver: str = "TAX") -> dict[str, str]:
    return {
        "date": "2027-02-01", "item": "tip", "giver": "OSH", "receiver": receiver, "expect": expect,
    }  # fmt: skip


def world() -> None:
    for code in ("OSH", "TAX", "POL"):
        make_authority(code)
    for kind, code in (
        ("modes", "own_initiative"), ("force", "permission"), ("force", "duty"),
        ("requires", "necessary"),
    ):  # fmt: skip
        make_term(kind, code)


def handed_on(code: str, **values: object) -> GroundVersion:
    writer = make_actor("OSH", "administrator")
    draft = draft_version(actor=writer, ground=Ground.objects.get(code=code))
    save_draft(actor=writer, version=draft, shown=1, valid_from=DAY, **values)
    return submit_version(actor=writer, version=draft)


def test_two_approvals_at_once_publish_once():
    world()
    make_ground("G-1", ["OSH"], ["TAX"], "tip")
    version = handed_on("G-1", force="duty", test_cases=[case("must_give")])
    deciders = [make_actor("OSH", role) for role in ("manager", "administrator")]
    results = at_once(2, lambda n: publish_version(actor=deciders[n], version=version))
    refused = [r for r in results if isinstance(r, Conflict)]
    assert len(refused) == 1
    assert "has decided on this version already" in str(refused[0])
    version.refresh_from_db()
    assert version.state == "published"
    assert version.decided_by in [d.user for d in deciders]
    assert version.decided_by.full_name in str(refused[0])
    assert Event.objects.filter(verb="ground.published").count() == 1


def test_an_approval_and_a_rejection_at_once_give_one_decision():
    world()
    make_ground("G-1", ["OSH"], ["TAX"], "tip")
    version = handed_on("G-1", test_cases=[case("may_give")])
    deciders = [make_actor("OSH", "manager") for _ in range(2)]
    results = at_once(
        2,
        lambda n: (
            publish_version(actor=deciders[0], version=version)
            if n == 0
            else reject_version(actor=deciders[1], version=version, reason="No")
        ),
    )
    assert sum(isinstance(r, Conflict) for r in results) == 1
    assert Event.objects.filter(verb__in=["ground.published", "ground.rejected"]).count() == 1


def test_drafts_begun_at_once_are_one_draft():
    world()
    make_ground("G-1", ["OSH"], ["TAX"], "tip")
    ground = Ground.objects.get(code="G-1")
    writers = [make_actor("OSH", "administrator") for _ in range(4)]
    results = at_once(4, lambda n: draft_version(actor=writers[n], ground=ground))
    assert len({r.pk for r in results}) == 1
    assert ground.versions.count() == 2


def test_two_edits_of_the_same_reading_keep_the_first():
    world()
    make_ground("G-1", ["OSH"], ["TAX"], "tip")
    writers = [make_actor("OSH", "administrator") for _ in range(2)]
    draft = draft_version(actor=writers[0], ground=Ground.objects.get(code="G-1"))
    results = at_once(
        2, lambda n: save_draft(actor=writers[n], version=draft, shown=1, note=f"by {n}")
    )
    assert sum(isinstance(r, Conflict) for r in results) == 1
    kept = next(r for r in results if not isinstance(r, Conflict))
    draft.refresh_from_db()
    assert draft.note == kept.note
    assert draft.version == 2


def test_grounds_that_contradict_each_other_are_not_both_published_at_once():
    """Each is fine alone; whichever is second meets the other's test case."""
    world()
    make_ground("G-1", ["OSH"], ["POL"], "tip", kind="proposed")
    make_ground("G-2", ["OSH"], ["POL"], "tip", kind="proposed")
    first = handed_on("G-1", kind="in_force", test_cases=[case("may_give", "POL")])
    second = handed_on("G-2", kind="in_force", force="duty", test_cases=[case("must_give", "POL")])
    decider = make_actor("OSH", "manager")
    results = at_once(2, lambda n: publish_version(actor=decider, version=(first, second)[n]))
    assert sum(isinstance(r, CasesFail) for r in results) == 1
    assert GroundVersion.objects.filter(kind="in_force", state="published").count() == 1
    found = answer(make_authority("OSH"), make_authority("POL"), "tip", dt.date(2027, 2, 1))
    assert found.outcome in ("may_give", "must_give")


def test_an_interest_published_twice_at_once_is_published_once():
    world()
    make_term("information", "tip")
    analyst = make_actor("OSH", "analyst")
    at_once(3, lambda n: publish_interest(actor=analyst, information="tip"))
    assert Interest.objects.count() == 1
    connection.close()
