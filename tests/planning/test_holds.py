"""Keeping out without telling: holds, reservations, late stops, merges."""

import datetime as dt
import threading

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, connection, connections, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import Context, acting_as, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from authorities.actors import actor_for
from authorities.models import Competence, Membership
from execution.services import start_visit
from planning.models import (
    Availability,
    Hold,
    HoldAlert,
    Operation,
    Overlap,
    PlannedVisit,
    TargetChoice,
)
from planning.permissions import can
from planning.services import (
    accept_merge,
    add_visit,
    change_hold,
    choose,
    create_day,
    decline_merge,
    end_reservation,
    move,
    postpone,
    redate,
    reserve,
    set_hold,
)
from planning.services.availability import quantum, sweep
from planning.services.holds import sweep_alerts
from planning.services.overlaps import find_overlaps, visits_avoided
from planning.states import ARROWS, missing_for
from targets.models import Site
from tests.factories import Cast, make_actor, make_available, make_past_visit, make_site
from worklist.models import Notification, Task

pytestmark = pytest.mark.django_db
PHRASE = "The target is not available for this round."


def police(*roles):
    return make_actor("POL", *(roles or ("coordinator",)))


def hold(actor, target, kind="silent", superior=None, **values):
    superior = superior or police("manager")
    return set_hold(
        actor=actor, target=target, kind=kind, liaison="Duty officer 0295 000", superior=superior.user,
        reason="Secret investigation", **values,
    )  # fmt: skip


def state(operation, site) -> str:
    return Availability.objects.get(operation=operation, site=site).state


def pick(cast, site):
    return choose(actor=cast.lead, operation=cast.operation, site=site, state="picked", reason="r")


def test_every_target_is_checked_at_the_same_instants():
    now = timezone.now()
    first, later = quantum(now), quantum(now + dt.timedelta(minutes=3))
    assert first.timestamp() % 600 == 0
    assert dt.timedelta(minutes=10) <= first - now <= dt.timedelta(minutes=20)
    assert later - first in (dt.timedelta(0), dt.timedelta(minutes=10))


def test_covert_hold():
    """Scenario S1: neutral words for the nominator, an alert for the duty, no selection."""
    cast = Cast()
    operation = cast.to("selecting")
    duty = police()
    covert = hold(duty, cast.sites[0])
    assert state(operation, cast.sites[0]) == "available"  # nothing happens in anybody's request
    make_available(operation)
    assert state(operation, cast.sites[0]) == "not_available"
    with pytest.raises(RuleViolation) as refused:
        pick(cast, cast.sites[0])
    assert str(refused.value) == PHRASE
    assert not Event.objects.filter(data__icontains="hold").exists()
    sweep_alerts()
    sweep_alerts()
    alert = HoldAlert.objects.get()
    assert (alert.hold, alert.site) == (covert, cast.sites[0])
    mine = Task.objects.mine(duty).get(kind="planning.hold")
    colleague = police("manager", "administrator", "coordinator")
    assert not Task.objects.visible_to(colleague).filter(pk=mine.pk).exists()
    assert not Hold.objects.visible_to(colleague).exists()
    for eyes in (colleague, cast.lead):
        with acting_as(eyes), connection.cursor() as cursor:
            for table in ("hold", "holdperson", "holdentry", "holdalert"):
                cursor.execute(f"SELECT count(*) FROM planning_{table}")
                assert cursor.fetchone()[0] == 0, table
    with using(Context()), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM planning_hold")
        assert cursor.fetchone()[0] == 0
    change_hold(actor=duty, hold=covert, step="release", shown=1, note="Over")
    assert not Task.objects.mine(duty).filter(kind="planning.hold").exists()
    make_available(operation)
    assert pick(cast, cast.sites[0]).state == "picked"


def test_a_hold_on_a_company_covers_every_site_also_new_ones():
    cast = Cast()
    operation = cast.to("selecting")
    hold(police(), cast.sites[0].company)
    cast.sites[1].company = cast.sites[0].company
    cast.sites[1].save()
    make_available(operation)
    assert [state(operation, s) for s in cast.sites] == [
        "not_available", "not_available", "available",
    ]  # fmt: skip


def test_no_answer_goes_to_the_superior_and_never_opens():
    """Scenario S2."""
    cast = Cast()
    operation = cast.to("selecting")
    duty, superior = police(), police("manager")
    hold(duty, cast.sites[0], superior=superior)
    sweep_alerts()
    before = Task.objects.mine(superior).count()
    for number in (1, 2):
        with time_machine.travel(timezone.now() + dt.timedelta(days=3 * number), tick=False):
            sweep_alerts()
            sweep_alerts()
            assert HoldAlert.objects.get().escalations == number
            assert Task.objects.mine(superior).count() == before + number
            sweep(timezone.now() + dt.timedelta(hours=1))
            assert state(operation, cast.sites[0]) == "not_available"
    assert not Task.objects.visible_to(cast.lead).filter(kind="planning.hold").exists()
    assert not Notification.objects.filter(recipient=cast.lead.user, kind="planning.hold").exists()
    assert not mail.outbox


def test_named_holds_and_conditions_tell_what_the_owner_lets_them():
    cast = Cast()
    operation = cast.to("selecting")
    duty = police()
    named = hold(duty, cast.sites[0], kind="named")
    make_available(operation)
    with pytest.raises(RuleViolation, match="Duty officer 0295 000"):
        pick(cast, cast.sites[0])
    with pytest.raises(RuleViolation):
        change_hold(actor=duty, hold=named, step="conditions", shown=1, note="")
    change_hold(actor=duty, hold=named, step="conditions", shown=1, note="Call before you go")
    with pytest.raises(Conflict):
        change_hold(actor=duty, hold=named, step="release", shown=1, note="late")
    make_available(operation)
    pick(cast, cast.sites[0])
    assert "Call before you go" in Availability.objects.get(site=cast.sites[0]).told
    silent = hold(duty, cast.sites[1])
    make_available(operation)
    assert Availability.objects.get(site=cast.sites[1]).told == ""
    change_hold(actor=duty, hold=silent, step="convert", shown=1)
    make_available(operation)
    assert "Duty officer" in Availability.objects.get(site=cast.sites[1]).told


def test_only_those_cleared_change_a_hold_and_only_people_of_the_authority_are_cleared():
    site = make_site()
    duty = police()
    covert = hold(duty, site)
    with pytest.raises(NotAllowed):
        change_hold(actor=police("manager"), hold=covert, step="release", shown=1, note="x")
    with pytest.raises(RuleViolation) as refused:
        hold(duty, site, cleared=[make_actor("OSH").user])
    assert refused.value.field == "cleared"
    with pytest.raises(RuleViolation) as refused:
        hold(duty, site, superior=police("inspector"))
    assert refused.value.field == "superior"
    with pytest.raises(NotAllowed):
        hold(police("inspector"), site)


def test_ordinary_causes_read_like_a_hold():
    cast = Cast()
    operation = cast.to("selecting")
    tax = cast.actors["TAX", "coordinator"]
    make_past_visit(
        cast.sites[0], "TAX", shared=False, on=timezone.localdate() - dt.timedelta(days=3)
    )
    aside = reserve(actor=tax, operation=operation, site=cast.sites[1], reason="Ours this week")
    hold(police(), cast.sites[2])
    make_available(operation)
    words = set()
    for site in cast.sites:
        with pytest.raises(RuleViolation) as refused:
            pick(cast, site)
        words.add(str(refused.value))
    assert words == {PHRASE}
    with pytest.raises(NotAllowed):
        end_reservation(actor=cast.lead, reservation=aside)
    end_reservation(actor=tax, reservation=aside)
    make_available(operation)
    assert pick(cast, cast.sites[1])


def test_nothing_is_picked_while_it_is_checked_and_the_database_says_so_too():
    cast = Cast()
    operation = cast.to("selecting")
    Availability.objects.filter(site=cast.sites[0]).update(state="checking")
    with pytest.raises(RuleViolation, match="Try again after"):
        pick(cast, cast.sites[0])
    with pytest.raises(IntegrityError), transaction.atomic():
        TargetChoice.objects.create(
            operation=operation, site=cast.sites[0], state="picked", reason="r",
            decided_by=cast.lead.user, decided_for=cast.lead.authority,
        )  # fmt: skip


def test_what_becomes_unavailable_has_to_be_left_out_by_people():
    cast = Cast()
    operation = cast.to("selecting")
    for site in cast.sites:
        pick(cast, site)
    hold(police(), cast.sites[0])
    make_available(operation)
    assert any(
        cast.sites[0].name in str(m) for m in missing_for(ARROWS["ask_signatures"], operation)
    )
    choose(actor=cast.lead, operation=operation, site=cast.sites[0], state="dropped", reason=PHRASE)
    assert not missing_for(ARROWS["ask_signatures"], operation)


def test_a_late_hold_stops_a_visit_of_today_without_a_reason():
    """Scenario S19: the lead gets a stop, the others see postponed, the plan is re-dated."""
    cast = Cast()
    operation = cast.to("executing")
    visit = cast.visits()[0]
    covert = hold(police(), visit.site)
    assert sweep() > 0  # visits of today do not wait for the next instant
    sweep()
    plan = PlannedVisit.objects.get(pk=visit.planned_id)
    assert plan.postponed_at is not None
    stop = Notification.objects.get(kind="planning.stop")
    assert stop.recipient == plan.day.team_lead
    event = Event.objects.get(verb="visit.postponed")
    assert (event.user, event.authority, event.data) == (None, None, {"site": visit.site.name})
    with pytest.raises(Conflict, match="Do not go in"):
        start_visit(actor=cast.actors["OSH", "inspector"], visit=visit)
    with pytest.raises(RuleViolation, match="not available"):
        redate(actor=cast.lead, visit=plan, day=plan.day)
    change_hold(actor=_setter(covert), hold=covert, step="release", shown=1, note="Over")
    make_available(operation)
    redate(actor=cast.lead, visit=plan, day=plan.day)
    assert start_visit(actor=cast.actors["OSH", "inspector"], visit=visit).state == "started"
    assert cast.refresh().signoffs.count() == 3  # nobody signs anew


def _setter(covert):
    return actor_for(
        Membership.objects.select_related("user", "unit", "authority").get(user=covert.set_by)
    )


def test_an_ordinary_postponement_leaves_the_same_traces():
    cast = Cast()
    cast.to("executing")
    plan = cast.visits()[0].planned
    with pytest.raises(NotAllowed):
        postpone(actor=cast.actors["TAX", "inspector"], visit=plan)
    postpone(actor=cast.actors["TAX", "coordinator"], visit=plan)
    event = Event.objects.get(verb="visit.postponed")
    assert (event.user, event.authority, event.membership) == (None, None, None)
    assert Notification.objects.filter(kind="planning.stop").count() == 1


def test_nobody_goes_where_nobody_may_enter():
    """Scenario S10: the card says whom to ask; inspections do not start without lawful entry."""
    cast = Cast()
    operation = cast.to("scheduled", sites=1)
    _day(cast, operation)
    site = cast.sites[0]
    site.kind = "dwelling"
    site.save()
    assert not missing_for(ARROWS["start_execution"], operation)
    power = Competence.objects.create(
        authority=police().authority, action="enter", premises=["dwelling"], entry_right=True,
        text_fi="Kotietsintä",
    )  # fmt: skip
    (message,) = missing_for(ARROWS["start_execution"], operation)
    assert site.name in str(message)
    assert "Police" in str(message)
    power.authority = cast.lead.authority
    power.save()
    assert not missing_for(ARROWS["start_execution"], operation)


def _day(cast, operation, date=None, lead="OSH"):
    inspector = cast.actors[lead, "inspector"]
    day = create_day(
        actor=cast.lead, operation=operation, date=date or timezone.localdate(), team_name="A",
        members=[inspector.membership], team_lead=inspector.user,
    )  # fmt: skip
    for choice in operation.choices.filter(state="picked"):
        add_visit(actor=cast.lead, day=day, site=choice.site)
    return day


# ---------------------------------------------------------------------------------- overlaps
@pytest.fixture
def two() -> tuple[Cast, Cast, Overlap]:
    """Two operations of two authorities that plan the same site in nearby weeks."""
    first = Cast()
    operation = first.to("scheduled", sites=1)
    _day(first, operation)
    second = Second()
    other = second.to("scheduled", sites=1)
    _day(second, other, timezone.localdate() + dt.timedelta(days=6), lead="TAX")
    assert find_overlaps() == 1
    assert find_overlaps() == 0
    return first, second, Overlap.objects.get()


class Second(Cast):
    """The same cast of authorities, led by TAX, dealing with the first site there is."""

    def __init__(self) -> None:
        super().__init__()
        self.CODES = ("TAX", "OUT", "POL")
        self.lead = self.actors["TAX", "coordinator"]

    def to(self, state, sites=1):
        site = Site.objects.order_by("pk").first()
        super().to("nominating", sites=sites)
        self.sites = [site]
        for name, step in (
            ("selecting", self._nominate), ("signing", self._choose), ("scheduled", self._sign)
        ):  # fmt: skip
            step()
            if name == state:
                break
        return self.refresh()


def test_both_are_told_and_merged_only_when_both_agree(two):
    """Scenario S3."""
    first, second, overlap = two
    for cast, other in ((first, "Tax"), (second, "Occupational safety")):
        task = Task.objects.mine(cast.lead).get(kind="planning.overlap")
        assert other in task.params["authority_fi"]
    assert visits_avoided(_all()) == 0
    accept_merge(actor=first.lead, overlap=overlap)
    assert visits_avoided(_all()) == 0
    merged = accept_merge(actor=second.lead, overlap=overlap)
    assert merged.state == "merged"
    assert visits_avoided(_all()) == 1
    kept = PlannedVisit.objects.get(operation=first.operation)
    assert PlannedVisit.objects.get(operation=second.operation).merged_into == kept
    assert first.operation.participations.filter(authority__code="OUT").exists()
    assert can(second.actors["OUT", "inspector"], "view", first.operation)
    assert not missing_for(ARROWS["start_execution"], second.refresh())
    with pytest.raises(Conflict):
        decline_merge(actor=first.lead, overlap=overlap, reason="late")


def _all():
    return Operation.objects.all()


def test_a_refusal_needs_a_reason_that_both_read(two, as_user):
    first, second, overlap = two
    with pytest.raises(RuleViolation):
        decline_merge(actor=first.lead, overlap=overlap, reason="")
    with pytest.raises(NotAllowed):
        decline_merge(actor=first.actors["POL", "inspector"], overlap=overlap, reason="x")
    decline_merge(actor=first.lead, overlap=overlap, reason="Another aim")
    assert visits_avoided(_all()) == 0
    page = as_user(second.lead).get(reverse("planning:overlap", args=[overlap.public_id]))
    assert "Another aim" in page.content.decode()
    assert first.operation.name not in page.content.decode() or first.operation.name == (
        second.operation.name
    )


@pytest.mark.django_db(transaction=True)
def test_both_sides_agree_at_the_same_instant():
    first = Cast()
    _day(first, first.to("scheduled", sites=1))
    second = Second()
    _day(second, second.to("scheduled"), timezone.localdate() + dt.timedelta(days=3), lead="TAX")
    find_overlaps()
    overlap = Overlap.objects.get()
    errors: list[Exception] = []
    barrier = threading.Barrier(2)

    def agree(actor):
        barrier.wait()
        try:
            with acting_as(actor):
                accept_merge(actor=actor, overlap=overlap)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=agree, args=[c.lead]) for c in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    overlap.refresh_from_db()
    assert overlap.state == "merged"
    assert Event.objects.filter(verb="overlap.merged").count() == 2


def test_moving_on_still_works_with_a_merged_visit(two):
    first, second, overlap = two
    accept_merge(actor=first.lead, overlap=overlap)
    accept_merge(actor=second.lead, overlap=overlap)
    move(actor=second.lead, operation=second.refresh(), arrow="start_execution")
    assert not second.visits()
