"""Approvals: two authorities, nobody their own work, once whatever comes at the same moment."""

import pytest
from django.db import transaction

from audit.errors import Conflict, DomainError, NotAllowed, RuleViolation
from audit.models import Event
from authorities.actors import Actor
from authorities.models import Membership
from risk.models import Approval, Report
from risk.services import reports
from risk.services.approvals import approve_model
from risk.services.models import activate_model
from tests.factories import make_actor
from tests.planning.test_races import at_once
from tests.risk.govern.factories import audited, drafted, published, test_now

pytestmark = pytest.mark.django_db(transaction=True)


def yes(actor, version, **values):
    return approve_model(
        actor=actor, version=version,
        **({"shown_hash": version.content_hash, "reason": "Read it"} | values),
    )  # fmt: skip


@pytest.fixture
def version():
    analyst = make_actor("OSH", "analyst")
    return audited(analyst, published(analyst))


def test_two_people_of_two_authorities_approve(version):
    yes(make_actor("OSH", "manager"), version)
    version.refresh_from_db()
    assert version.state == "audited"
    with pytest.raises(Conflict, match="for your authority already"):
        yes(make_actor("OSH", "manager"), version)
    yes(make_actor("TAX", "manager"), version)
    version.refresh_from_db()
    assert (version.state, version.approvals.count()) == ("approved", 2)
    with pytest.raises(Conflict):
        yes(make_actor("POL", "manager"), version)


def test_one_person_in_two_authorities_counts_once(version):
    first = make_actor("OSH", "manager")
    yes(first, version)
    again = make_actor("TAX", "manager", user=first.user)
    with pytest.raises(Conflict, match="for another authority"):
        yes(again, version)


def test_nobody_approves_what_they_made(version):
    writer = version.created_by
    place = Membership.objects.get(user=writer)
    place.roles = ["analyst", "manager"]
    place.save()
    with pytest.raises(NotAllowed, match="what they made"):
        yes(Actor(user=writer, membership=place), version)
    elsewhere = make_actor("TAX", "manager", user=writer)
    with pytest.raises(NotAllowed, match="what they made"):
        yes(elsewhere, version)


def test_an_approval_names_what_was_read(version):
    manager = make_actor("TAX", "manager")
    with pytest.raises(RuleViolation, match="another content"):
        yes(manager, version, shown_hash="0" * 64)
    with pytest.raises(RuleViolation):
        yes(manager, version, reason=" ")
    assert yes(manager, version).content_hash == version.content_hash


def test_only_what_passed_the_audit_is_approved():
    analyst = make_actor("OSH", "analyst")
    draft = drafted(analyst, published(analyst))
    with pytest.raises(Conflict):
        yes(make_actor("OSH", "manager"), draft)
    for role in ("analyst", "coordinator", "inspector", "administrator"):
        with pytest.raises(NotAllowed):
            yes(make_actor("TAX", role), draft)


def test_a_later_audit_blocks_approval_and_use(version):
    """While it runs, when it failed and when it stopped the version."""
    analyst, manager = make_actor("OSH", "analyst"), make_actor("OSH", "manager")
    yes(make_actor("TAX", "manager"), version)
    with transaction.atomic():
        report = reports.new_report(actor=analyst, version=version, kind="audit")
    with pytest.raises(Conflict, match="under way"):
        yes(manager, version)
    Report.objects.filter(pk=report.pk).update(state="cancelled")
    yes(manager, version)
    version.refresh_from_db()
    with transaction.atomic():
        report = reports.new_report(actor=analyst, version=version, kind="audit")
    with pytest.raises(Conflict, match="under way"):
        activate_model(actor=manager, version=version)
    Report.objects.filter(pk=report.pk).update(state="failed")
    with pytest.raises(RuleViolation, match="audit of this version failed"):
        activate_model(actor=manager, version=version)
    Report.objects.filter(pk=report.pk).update(state="done", passed=False)
    with pytest.raises(RuleViolation, match="audit stopped this version"):
        activate_model(actor=manager, version=version)
    assert test_now(analyst, version, "audit").passed
    assert version.state == "approved"
    assert activate_model(actor=manager, version=version).state == "active"


def test_a_model_of_ones_own_is_approved_by_ones_own_manager():
    analyst = make_actor("OSH", "analyst")
    version = audited(analyst, published(analyst, visibility="sealed"), joint=False)
    with pytest.raises(NotAllowed):
        yes(make_actor("TAX", "manager"), version)
    yes(make_actor("OSH", "manager"), version)
    version.refresh_from_db()
    assert version.state == "approved"


def test_fifty_approvals_at_once_are_one_transition(version):
    managers = [make_actor(("OSH", "TAX", "POL")[n % 3], "manager") for n in range(50)]
    answers = at_once(50, lambda n: yes(managers[n], version))
    assert sum(isinstance(a, Approval) for a in answers) == 2
    assert sum(isinstance(a, DomainError) for a in answers) == 48
    version.refresh_from_db()
    assert version.state == "approved"
    assert Approval.objects.count() == 2
    assert len({a.authority_id for a in Approval.objects.all()}) == 2
    assert Event.objects.filter(verb="risk_model.approved").count() == 1
