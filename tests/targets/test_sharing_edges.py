"""Sharing where two things happen at once, one after another, or too late."""

import datetime as dt
import threading
import time

import pytest
import time_machine
from django.db import connections, transaction
from django.utils import timezone

from audit.context import acting_as, as_system
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.selectors import timeline
from authorities.models import Interest
from targets.models import Disclosure, HandOver, InformationRequest, Offer, Signal
from targets.services.handovers import (
    accept_handover,
    earlier_refusals,
    hand_over,
    refuse_handover,
)
from targets.services.offers import accept_offer, decline_offer, postpone_offer
from targets.services.retention import sweep
from targets.services.sharing import (
    acknowledge,
    ask,
    end_disclosure,
    refuse_request,
    withdraw_disclosure,
)
from tests.factories import (
    give,
    make_actor,
    make_company,
    make_ground,
    make_signal,
    make_site,
)
from worklist.kinds import sentence_for
from worklist.models import Notification, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def osh(db):
    return make_actor("OSH", "inspector", "manager")


@pytest.fixture
def tax(db):
    return make_actor("TAX", "inspector", "manager")


@pytest.fixture
def police(db):
    return make_actor("POL", "inspector", "manager")


def seen(actor) -> set[int]:
    with acting_as(actor):
        return set(Signal.objects.visible_to(actor).values_list("pk", flat=True))


def in_days(days: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def send(actor, receiver, signal=None, days=5) -> HandOver:
    code = f"G-H-{HandOver.objects.count()}"
    ground = make_ground(code, [actor.authority.code], [receiver.authority.code], "tip")
    return hand_over(
        actor=actor, signal=signal or make_signal(actor), receiver=receiver.authority,
        ground=ground, confirmed=[], deadline=in_days(days),
    )  # fmt: skip


def told(actor) -> list[str]:
    return list(
        Notification.objects.filter(recipient=actor.user).order_by("pk").values_list(
            "kind", flat=True
        )
    )  # fmt: skip


# ------------------------------------------------------------------------------------- giving
def test_two_may_give_the_same_to_a_third_without_knowing_of_each_other(osh, tax, police):
    signal = make_signal(osh)
    given = give(osh, signal, tax.authority, may_pass_on=True)
    give(osh, signal, police.authority)
    passed = give(tax, signal, police.authority)
    assert (passed.giver, passed.parent) == (tax.authority, given)
    assert give(tax, signal, police.authority) == passed
    withdraw_disclosure(actor=osh, given=given, reason="Over")
    assert seen(police) == {signal.pk}  # what its owner gave itself stays


def test_what_ran_out_yesterday_is_given_anew_before_the_sweep_comes(osh, tax):
    signal = make_signal(osh)
    first = give(osh, signal, tax.authority, expires_on=timezone.localdate())
    with time_machine.travel(timezone.now() + dt.timedelta(days=1), tick=False):
        assert seen(tax) == set()
        second = give(osh, signal, tax.authority)
        assert seen(tax) == {signal.pk}
    first.refresh_from_db()
    assert (first.state, second.state) == ("expired", "active")


def test_the_owner_hears_who_has_it_and_the_last_receiver_hears_that_it_ended(osh, tax, police):
    signal = make_signal(osh)
    given = give(osh, signal, tax.authority, may_pass_on=True)
    passed = give(tax, signal, police.authority)
    acknowledge(actor=police, given=passed)
    assert [e["verb"] for e in timeline(signal, osh)] == [
        "item.received", "item.given", "item.given", "signal.written",
    ]  # fmt: skip
    withdraw_disclosure(actor=osh, given=given, reason="Over")
    assert [e["verb"] for e in timeline(signal, police)] == [
        "item.withdrawn", "item.received", "item.given",
    ]  # fmt: skip
    assert told(police) == ["sharing.ended"]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_passed_on_from_what_is_being_withdrawn():
    """The receiver passes on while the owner's withdrawal is not yet committed."""
    osh, tax, police = (make_actor(code, "manager") for code in ("OSH", "TAX", "POL"))
    signal = make_signal(osh)
    given = give(osh, signal, tax.authority, may_pass_on=True)
    ground = make_ground("G-RACE", ["TAX"], ["POL"], "tip")
    withdrawn = threading.Event()
    results: list[object] = []

    def withdraw():
        with transaction.atomic():
            withdraw_disclosure(actor=osh, given=given, reason="Over")
            withdrawn.set()
            time.sleep(1)
        connections.close_all()

    def pass_on():
        withdrawn.wait()
        try:
            results.append(give(tax, signal, police.authority, ground=ground))
        except NotAllowed as refused:
            results.append(refused)
        connections.close_all()

    threads = [threading.Thread(target=act) for act in (withdraw, pass_on)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(results[0], NotAllowed)
    assert seen(police) == set()


# ------------------------------------------------------------------------------------- hand-overs
def test_a_refusal_reaches_who_sent_it_and_the_managers(osh, tax):
    boss = make_actor("OSH", "manager")
    row = send(osh, tax)
    refuse_handover(actor=tax, row=row, reason_class="known", reason="Already open here")
    assert told(osh) == told(boss) == ["sharing.handover_refused"]
    notice = Notification.objects.filter(recipient=osh.user).get()
    sentence, _reason = sentence_for(notice.kind, notice.params)
    assert "Tax" in sentence
    assert row.company is None or row.company.name not in sentence


def test_silence_reaches_the_managers_of_both_sides_once(osh, tax):
    row = send(osh, tax, days=1)
    with time_machine.travel(timezone.now() + dt.timedelta(days=3), tick=False):
        sweep()
        sweep()
    row.refresh_from_db()
    assert row.state == "lapsed"
    assert told(osh) == told(tax) == ["sharing.handover_lapsed"]


def test_what_is_no_longer_open_cannot_be_accepted(osh, tax):
    row = send(osh, tax)
    withdraw_disclosure(actor=osh, given=row.disclosure, reason="Wrong place")
    row.refresh_from_db()
    assert row.state == "withdrawn"
    assert not Task.objects.open().filter(kind="sharing.handover").exists()
    with pytest.raises(Conflict):
        accept_handover(actor=tax, row=row)
    assert earlier_refusals(osh, site=row.site) == []  # taken back, not refused


def test_earlier_refusals_are_those_of_the_site_and_of_who_runs_it(osh, tax):
    site = make_site()
    first = send(osh, tax, make_signal(osh, site=site))
    refuse_handover(actor=tax, row=first, reason_class="no_capacity", reason="Full")
    again = make_signal(osh, company=site.company)
    assert earlier_refusals(osh, company=site.company, but=again) == [first]
    assert earlier_refusals(osh, site=make_site(company=site.company)) == [first]
    assert earlier_refusals(osh, site=site, but=first.signal) == []
    assert earlier_refusals(osh, site=make_site()) == []
    assert earlier_refusals(make_actor("POL"), site=site) == []


def test_a_secret_hand_over_is_for_those_who_read_secrets_on_both_sides(osh, tax):
    row = send(osh, tax, make_signal(osh, classification="secret"))
    inspector, coordinator = make_actor("TAX", "inspector"), make_actor("TAX", "coordinator")
    assert HandOver.objects.visible_to(tax).exists()
    for person in (inspector, coordinator):
        assert not HandOver.objects.visible_to(person).exists()
    assert {t.role for t in Task.objects.filter(kind__startswith="sharing.")} == {"manager"}
    withdraw_disclosure(actor=osh, given=row.disclosure, reason="Over")
    with acting_as(inspector):  # the signal is out of sight now, and its secrecy is kept
        assert not HandOver.objects.visible_to(inspector).exists()


# ------------------------------------------------------------------------------------- requests
def asked(osh, tax, **values) -> InformationRequest:
    return ask(
        actor=osh, holder=tax.authority, kind="payroll",
        **({"purpose": "Hours", "necessity": "n", "deadline": in_days(5)} | values),
    )  # fmt: skip


@pytest.fixture
def payroll(db):
    return make_ground("G-7", ["TAX"], ["OSH"], "payroll", mode="on_request", force="duty")


def test_the_same_request_sent_twice_is_one_and_after_an_answer_a_new_one(osh, tax, payroll):
    company = make_company()
    row = asked(osh, tax, company=company)
    assert asked(osh, tax, company=company) == row
    assert asked(osh, tax, company=make_company()) != row
    refuse_request(actor=tax, row=row, reason="1346/1999 § 4")
    assert told(osh) == ["sharing.request_refused"]
    assert asked(osh, tax, company=company) != row


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_the_same_at_once_ask_once():
    osh, tax = make_actor("OSH"), make_actor("TAX")
    make_ground("G-7", ["TAX"], ["OSH"], "payroll", mode="on_request", force="duty")
    company = make_company()
    got: list[int] = []
    barrier = threading.Barrier(2)

    def act():
        barrier.wait()
        got.append(asked(osh, tax, company=company).pk)
        connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 2
    assert len(set(got)) == 1
    assert Task.objects.filter(kind="sharing.answer").count() == 1


def test_an_unanswered_request_reaches_the_managers_of_both_sides_once(osh, tax, payroll):
    asked(osh, tax, company=make_company(), deadline=in_days(1))
    with time_machine.travel(timezone.now() + dt.timedelta(days=3), tick=False):
        assert sweep()["requests"] == 1
        assert sweep()["requests"] == 0
    assert told(osh) == told(tax) == ["sharing.request_overdue"]


def test_what_comes_from_outside_goes_where_somebody_can_do_it(osh, tax, payroll):
    far = make_actor("TAX", "coordinator", unit=tax.authority.units.create(code="B", name_fi="B"))
    asked(osh, tax, company=make_company())
    task = Task.objects.get(kind="sharing.answer")
    assert (task.unit, task.role) == (far.unit, "coordinator")


# ------------------------------------------------------------------------------------- offers
def test_a_writers_task_ends_with_the_last_decision_and_comes_back_when_postponed(osh, tax, police):
    make_ground("G-O", ["OSH"], ["TAX", "POL"], "tip")
    for actor in (tax, police):
        Interest.objects.create(authority=actor.authority, information="tip")
    signal = make_signal(osh)
    task = Task.objects.get(kind="sharing.offer")
    assert task.assignee == osh.user
    first, second = Offer.objects.order_by("pk")
    accept_offer(actor=osh, offer=first, confirmed=[])
    postpone_offer(actor=osh, offer=second, until=in_days(30))
    task.refresh_from_db()
    assert (task.is_open, task.due) == (True, in_days(30))
    decline_offer(actor=osh, offer=second, reason="Too little")
    task.refresh_from_db()
    assert task.state == "done"
    assert signal.offers.count() == 2


# ------------------------------------------------------------------------------------- identity
CODE = "about 131052-308T"


def test_no_words_to_another_authority_carry_an_identity_code(osh, tax, payroll):
    company = make_company()
    row, other = send(osh, tax), asked(osh, tax, company=company)
    given = Disclosure.objects.get(signal=row.signal)
    ground = make_ground("G-X", ["OSH"], ["TAX"], "tip")
    offer = Offer(signal=make_signal(osh), authority=osh.authority, receiver=tax.authority)
    offer.ground = ground
    offer.save()
    acts = {
        "purpose": lambda: give(osh, make_signal(osh), tax.authority, purpose=CODE),
        "message": lambda: hand_over(
            actor=osh, signal=make_signal(osh), receiver=tax.authority, ground=ground,
            confirmed=[], deadline=in_days(3), message=CODE,
        ),
        "necessity": lambda: asked(osh, tax, company=make_company(), necessity=CODE),
        "text": lambda: make_signal(osh, text=CODE.replace("-", "\N{EN DASH}")),
    }  # fmt: skip
    reasons = [
        lambda: refuse_handover(actor=tax, row=row, reason_class="known", reason=CODE),
        lambda: refuse_request(actor=tax, row=other, reason=CODE),
        lambda: withdraw_disclosure(actor=osh, given=given, reason=CODE),
        lambda: decline_offer(actor=osh, offer=offer, reason=CODE),
    ]
    for field, act in [*acts.items(), *(("reason", act) for act in reasons)]:
        with pytest.raises(RuleViolation, match="identity code") as refused:
            act()
        assert refused.value.field == field


def test_ending_is_told_to_nobody_who_had_not_looked(osh, tax):
    given = give(osh, make_signal(osh), tax.authority)
    with as_system("as the sweep does"):
        end_disclosure(given, "expired", "", actor=None)
    assert told(tax) == []
