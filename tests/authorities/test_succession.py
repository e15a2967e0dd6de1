"""Scenario S20: authority A ends, B follows; rights, open work, disclosures and clocks move."""

import datetime as dt

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from audit.context import acting_as
from audit.errors import NotAllowed, RuleViolation
from audit.models import Event
from authorities.actors import Actor
from authorities.gateway import answer
from authorities.models import Membership
from authorities.services.succession import plan_succession, sweep
from execution.models import InspectionRecord
from planning.models import Capacity, Hold, Operation, Participation, TargetChoice, TeamRule
from planning.permissions import can
from planning.services import set_hold
from targets.models import Disclosure, PastVisit, Signal
from targets.services.sharing import withdraw_disclosure
from tests.factories import (
    Cast,
    give,
    make_actor,
    make_authority,
    make_ground,
    make_past_visit,
    make_signal,
    make_site,
    make_unit,
)
from worklist.models import Task
from worklist.services import create_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def reform():
    """OSH becomes NEW on a day to come; its head unit's people go along, those of a branch do not."""
    cast = Cast()
    cast.to("executing")
    osh = cast.lead
    branch = make_unit(osh.authority, "BRANCH", parent=osh.unit)
    left = make_actor("OSH", "inspector", unit=branch)
    successor = make_authority("NEW")
    head = make_unit(successor)
    signal = make_signal(osh)
    given = give(osh, signal, make_authority("TAX"))
    received = give(cast.actors["TAX", "coordinator"], make_signal(
        cast.actors["TAX", "coordinator"], kind="payroll"), osh.authority)  # fmt: skip
    ended = give(osh, make_signal(osh), make_authority("POL"))
    withdraw_disclosure(actor=osh, given=ended, reason="Over")
    task = create_task(actor=osh, title="Open work", assignee=osh.user)
    mine = create_task(actor=left, title="Left behind", assignee=left.user)
    make_past_visit(make_site(), "OSH", shared=False)
    hold = set_hold(
        actor=osh, target=make_site(), kind="silent", liaison="x", reason="r",
        superior=cast.actors["OSH", "manager"].user, cleared=[left.user],
    )  # fmt: skip
    Capacity.objects.create(operation=cast.operation, authority=osh.authority, days=3)
    tax, police = (cast.actors[code, "coordinator"].authority for code in ("TAX", "POL"))
    for one, needs in ((osh.authority, tax), (successor, tax), (police, osh.authority),
                       (osh.authority, successor)):  # fmt: skip
        TeamRule.objects.create(operation=cast.operation, authority=one, needs=needs)
    day = timezone.localdate() + dt.timedelta(days=30)
    plan_succession(
        actor=None, old=osh.authority, new=successor, on=day,
        units=[(osh.unit, head, True), (branch, head, False)],
    )  # fmt: skip
    return {
        "cast": cast, "left": left, "new": successor, "day": day, "signal": signal, "given": given,
        "received": received, "ended": ended, "task": task, "mine": mine, "hold": hold,
    }  # fmt: skip


def at(day: dt.date, hour: int = 0, minute: int = 0):
    moment = dt.datetime.combine(day, dt.time(hour, minute), timezone.get_default_timezone())
    return time_machine.travel(moment, tick=False)


def test_nothing_moves_before_the_day_and_access_ends_at_midnight(reform):
    cast, day = reform["cast"], reform["day"]
    usable = Membership.objects.usable
    with at(day - dt.timedelta(days=1), 23, 59):
        assert sweep() == 0
        assert usable().filter(user=cast.lead.user, authority=cast.lead.authority).exists()
    with at(day):
        # Before any sweep has run: the old places are over.
        assert not usable().filter(authority=cast.lead.authority).exists()
        assert not usable().filter(user=reform["left"].user).exists()


def heir(reform) -> Actor:
    place = Membership.objects.select_related("user", "unit", "authority").get(
        user=reform["cast"].lead.user, authority=reform["new"]
    )
    return Actor(user=place.user, membership=place)


def test_everything_open_moves_once_and_history_still_says_the_old_name(reform):
    cast, new, day = reform["cast"], reform["new"], reform["day"]
    operation = cast.operation
    events = list(Event.objects.filter(authority=cast.lead.authority).values_list("pk", "data"))
    signatures = list(operation.signoffs.values_list("pk", "selection_hash", "signed_by_id"))
    with at(day, 0, 1):
        assert sweep() == 1
        assert sweep() == 0
        me = heir(reform)
        assert can(me, "manage", Operation.objects.get(pk=operation.pk))
        with acting_as(me):
            visible = set(Signal.objects.visible_to(me).values_list("pk", flat=True))
        assert reform["signal"].pk in visible
        assert reform["received"].signal_id in visible
    operation.refresh_from_db()
    assert operation.lead_authority == new
    assert Participation.objects.get(operation=operation, is_lead=True).authority == new
    assert {r.authority.code for r in InspectionRecord.objects.all()} == {"NEW", "TAX"}
    teams = TargetChoice.objects.filter(operation=operation, state="picked")
    assert not teams.filter(team__contains=[cast.lead.authority.pk]).exists()
    assert teams.filter(team__contains=[new.pk]).exists()
    assert Capacity.objects.get(operation=operation).authority == new
    rules = TeamRule.objects.values_list("authority__code", "needs__code")
    assert sorted(rules) == [("NEW", "TAX"), ("POL", "NEW")]
    for key, side in (("given", "giver"), ("received", "receiver")):
        assert getattr(Disclosure.objects.get(pk=reform[key].pk), side) == new
    assert Disclosure.objects.get(pk=reform["ended"].pk).giver == cast.lead.authority
    task = Task.objects.get(pk=reform["task"].pk)
    assert (task.authority, task.assignee) == (new, cast.lead.user)
    left = Task.objects.get(pk=reform["mine"].pk)
    assert (left.authority, left.assignee, left.unit) == (new, None, make_unit(new))
    visit = PastVisit.objects.get(performed_by=cast.lead.authority)
    assert visit.authority == new
    hold = Hold.objects.get(pk=reform["hold"].pk)
    assert {p.user_id for p in hold.people.all()} == {
        cast.lead.user.pk, cast.actors["OSH", "manager"].user.pk,
    }  # fmt: skip
    assert events == list(
        Event.objects.filter(pk__in=[pk for pk, _ in events]).order_by("-at", "-id")
        .values_list("pk", "data")
    )  # fmt: skip
    assert signatures == list(
        operation.signoffs.values_list("pk", "selection_hash", "signed_by_id")
    )


def test_those_without_a_place_are_out_and_those_of_the_new_one_are_in(reform, as_user):
    day = reform["day"]
    with at(day, 0, 1):
        sweep()
        assert as_user(reform["left"]).get("/my-work/").status_code == 302
        page = reverse("planning:operation_detail", args=[reform["cast"].operation.public_id])
        assert as_user(heir(reform)).get(page).status_code == 200
        assert as_user(heir(reform)).get("/my-work/").status_code == 200


def test_heirs_read_the_selection_of_operations_that_had_ended(as_user):
    cast = Cast()
    cast.to("closed")
    old, new = cast.lead.authority, make_authority("NEW")
    day = timezone.localdate() + dt.timedelta(days=30)
    plan_succession(
        actor=None, old=old, new=new, on=day, units=[(cast.lead.unit, make_unit(new), True)]
    )
    with at(day, 0, 1):
        sweep()
        client = as_user(heir({"cast": cast, "new": new}))
        overview = client.get(
            reverse("planning:operation_detail", args=[cast.operation.public_id])
        ).content.decode()
        for name in ("criteria", "runs", "selection", "meeting"):
            page = reverse(f"planning:{name}", args=[cast.operation.public_id])
            assert page in overview
            assert client.get(page).status_code == 200, name


def test_grounds_that_name_the_old_one_mean_the_new_one(reform):
    make_ground("G-X", ["OSH"], ["TAX"], "tip")
    tax, day = make_authority("TAX"), reform["day"]
    before = day - dt.timedelta(days=1)
    old = reform["cast"].lead.authority
    assert answer(old, tax, "tip", before).outcome == "may_give"
    assert answer(reform["new"], tax, "tip", day).outcome == "may_give"


def test_only_the_installation_plans_and_the_map_has_to_fit(reform):
    old, new = reform["cast"].lead.authority, reform["new"]
    day = timezone.localdate() + dt.timedelta(days=9)
    with pytest.raises(NotAllowed):
        plan_succession(actor=reform["cast"].lead, old=old, new=new, on=day, units=[])
    for units, on in (
        ([], day),
        ([(make_unit(new), make_unit(old), True)], day),
        ([(make_unit(old), make_unit(new), True)], timezone.localdate()),
    ):
        with pytest.raises(RuleViolation):
            plan_succession(actor=None, old=old, new=new, on=on, units=units)
