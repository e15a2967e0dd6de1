"""After a reform of authorities: their models and indicators go on, in other hands."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from audit.context import acting_as
from authorities.actors import Actor
from authorities.models import Membership
from authorities.services.succession import plan_succession, sweep
from risk.models import Approval, IndicatorVersion, MethodEdition, ModelVersion, Score
from risk.services import scoring
from risk.services.approvals import approve_model
from tests.factories import make_actor, make_authority, make_site, make_unit
from tests.risk.engine.factories import make_indicator, make_model
from tests.risk.govern.factories import audited, published

pytestmark = pytest.mark.django_db
AGE = {"measure": "company_age"}


def succeed(old: Actor, successor, *going: Actor) -> None:
    """The day on which ``successor`` carries on what the authority of ``old`` did."""
    day = timezone.localdate() + dt.timedelta(days=10)
    unit = make_unit(successor)
    plan_succession(
        actor=None, old=old.authority, new=successor, on=day, units=[(old.unit, unit, True)]
    )
    moment = dt.datetime.combine(day, dt.time(1), timezone.get_default_timezone())
    with time_machine.travel(moment, tick=False):
        assert sweep() == 1


def heir(user, authority) -> Actor:
    return Actor(user=user, membership=Membership.objects.select_related(
        "user", "unit", "authority").get(user=user, authority=authority))  # fmt: skip


def test_models_indicators_and_private_scores_go_to_the_authority_that_follows(reference):
    site, old, other = make_site(), make_actor("OSH", "analyst"), make_actor("TAX", "analyst")
    new = make_authority("NEW")
    own = make_indicator("register", AGE, authority="OSH")
    private = make_model([own], joint=False)
    joint = make_model([make_indicator("register", AGE)])
    run = scoring.run_scoring()
    succeed(old, new)
    me = heir(old.user, new)
    private.model.refresh_from_db()
    joint.model.refresh_from_db()
    own.indicator.refresh_from_db()
    assert {private.model.authority, joint.model.authority, own.indicator.authority} == {new}
    assert private.state == "active"
    with acting_as(me):
        assert ModelVersion.objects.visible_to(me).filter(pk=private.pk).exists()
        assert IndicatorVersion.objects.visible_to(me).filter(pk=own.pk).exists()
        assert Score.objects.filter(run=run, version=private, site=site).exists()
    with acting_as(other):
        assert not ModelVersion.objects.visible_to(other).filter(pk=private.pk).exists()
        assert not Score.objects.filter(run=run, version=private).exists()
    edition = MethodEdition.objects.latest("number")
    assert "NEW" in str(edition.content)
    assert "OSH" not in str(edition.content)


def test_two_who_become_one_have_approved_once(reference):
    analyst = make_actor("OSH", "analyst")
    version = audited(analyst, published(analyst))
    for code in ("OSH", "TAX"):
        manager = make_actor(code, "manager")
        Approval.objects.create(
            version=version, user=manager.user, membership=manager.membership,
            authority=manager.authority, content_hash=version.content_hash, reason="Read",
        )  # fmt: skip
    succeed(analyst, make_authority("TAX"))
    assert [a.authority.code for a in Approval.objects.all()] == ["TAX"]


def test_what_is_in_use_keeps_the_names_of_those_who_approved_it(reference):
    analyst = make_actor("OSH", "analyst")
    version = audited(analyst, published(analyst))
    for code in ("OSH", "TAX"):
        approve_model(actor=make_actor(code, "manager"), version=version,
                shown_hash=version.content_hash, reason="Read")  # fmt: skip
    ModelVersion.objects.filter(pk=version.pk).update(state="active")
    succeed(analyst, make_authority("NEW"))
    assert {a.authority.code for a in Approval.objects.all()} == {"OSH", "TAX"}
