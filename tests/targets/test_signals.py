"""Signals, giving and asking, handing over, clocks: through the services on a real database."""

import datetime as dt
import threading
import uuid

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections, transaction
from django.utils import timezone

from audit.context import Context, acting_as, using
from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from audit.selectors import timeline
from authorities.models import Authority, Interest
from targets.models import Disclosure, Erasure, Offer, Signal, SignalFile
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
    answer_request,
    ask,
    refuse_request,
    withdraw_disclosure,
)
from targets.services.signals import (
    add_file,
    lift_legal_hold,
    place_legal_hold,
    write_signal,
)
from tests.factories import (
    give,
    make_actor,
    make_authority,
    make_company,
    make_ground,
    make_retention,
    make_signal,
    make_site,
    make_term,
)
from worklist.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def osh(db):
    return make_actor("OSH", "inspector", "manager")


@pytest.fixture
def tax(db):
    return make_actor("TAX", "inspector", "manager")


def seen(actor) -> set[int]:
    with acting_as(actor):
        return set(Signal.objects.visible_to(actor).values_list("pk", flat=True))


def test_a_signal_is_its_authoritys_own_until_it_is_given_and_again_after_withdrawal(osh, tax):
    signal = make_signal(osh)
    assert seen(osh) == {signal.pk}
    assert seen(tax) == set()
    given = give(osh, signal, tax.authority)
    assert seen(tax) == {signal.pk}
    acknowledge(actor=tax, given=given)
    with pytest.raises(RuleViolation):
        withdraw_disclosure(actor=osh, given=given, reason=" ")
    withdraw_disclosure(actor=osh, given=given, reason="A mistake")
    assert seen(tax) == set()
    verbs = [entry["verb"] for entry in timeline(signal, tax)]
    assert verbs == ["item.withdrawn", "item.received", "item.given"]
    assert timeline(signal, make_actor("POL")) == []


def test_what_was_written_names_its_field_and_nothing_is_half_done(osh):
    make_term("information", "tip")
    start = {
        "about": "site", "kind": "tip", "text": "x", "purpose": "p", "site": make_site(),
        "observed_on": timezone.localdate(), "retention": make_retention(),
    }  # fmt: skip
    for field, change in (
        ("site", {"site": None}), ("kind", {"kind": "unheard"}), ("text", {"text": " "}),
        ("purpose", {"purpose": ""}), ("text", {"text": "It was 131052-308T"}),
        ("observed_on", {"observed_on": timezone.localdate() + dt.timedelta(days=1)}),
        ("topic", {"about": "role", "site": None}),
    ):  # fmt: skip
        with pytest.raises(RuleViolation) as refused:
            write_signal(actor=osh, **(start | change))
        assert refused.value.field == field
    assert not Signal.objects.exists()


def test_the_same_request_sent_twice_is_one_signal(osh):
    key = uuid.uuid4()
    assert make_signal(osh, client_id=key).pk == make_signal(osh, client_id=key).pk
    assert Signal.objects.count() == 1


def test_nothing_is_given_without_a_ground_and_the_words_say_what_may_be_said(osh, tax):
    signal = make_signal(osh, kind="benefits")
    other = make_ground("G-2", ["TAX"], ["OSH"], "tip")
    with pytest.raises(RuleViolation, match="no ground"):
        give(osh, signal, tax.authority, ground=other)
    assert not Disclosure.objects.exists()


def test_every_condition_of_the_ground_has_to_be_confirmed(osh, tax):
    make_term("requires", "necessary", name_en="it is necessary")
    signal = make_signal(osh)
    ground = make_ground("G-3", ["OSH"], ["TAX"], "tip", requires=["necessary"])
    with pytest.raises(RuleViolation, match="it is necessary") as refused:
        give(osh, signal, tax.authority, ground=ground)
    assert refused.value.field == "confirmed"
    given = give(osh, signal, tax.authority, ground=ground, confirmed=["necessary"])
    assert given.ground_text == "1/2000 1 §: Ehto G-3"
    assert given.confirmed == ["necessary"]


def test_the_law_of_the_day_decides(osh, tax):
    """Scenario S25: the same act on 31 May and on 1 June."""
    signal = make_signal(osh)
    ground = make_ground("G-4", ["OSH"], ["TAX"], "tip", valid_from=dt.date(2027, 6, 1))
    with pytest.raises(RuleViolation):
        give(osh, signal, tax.authority, ground=ground, day=dt.date(2027, 5, 31))
    assert give(osh, signal, tax.authority, ground=ground, day=dt.date(2027, 6, 1)).on == dt.date(
        2027, 6, 1
    )


def test_writing_offers_what_others_want_to_know(osh, tax):
    """Scenario S4: at the moment of writing, one click gives it on its ground."""
    make_ground("G-5", ["OSH"], ["TAX", "POL"], "employment_terms")
    for code in ("TAX", "OUT"):
        Interest.objects.create(authority=make_authority(code), information="employment_terms")
    signal = make_signal(osh, kind="employment_terms")
    offer = Offer.objects.get()
    assert (
        offer.receiver == tax.authority
    )  # wants it and may have it; POL does not ask, OUT may not
    with acting_as(tax):
        assert not Offer.objects.exists()
    given = accept_offer(actor=osh, offer=offer, confirmed=[])
    assert given.ground_text.startswith("1/2000 1 §")
    assert seen(tax) == {signal.pk}
    with pytest.raises(Conflict):
        decline_offer(actor=osh, offer=offer, reason="late")


def test_offers_are_postponed_and_declined_with_a_reason(osh, tax):
    make_ground("G-6", ["OSH"], ["TAX"], "tip")
    Interest.objects.create(authority=tax.authority, information="tip", industries=["41"])
    assert not Offer.objects.filter(signal=make_signal(osh)).exists()  # another line of business
    Interest.objects.update(industries=["56"])
    offer = Offer.objects.get(signal=make_signal(osh))
    with pytest.raises(RuleViolation):
        postpone_offer(actor=osh, offer=offer, until=timezone.localdate())
    assert (
        postpone_offer(
            actor=osh, offer=offer, until=timezone.localdate() + dt.timedelta(days=3)
        ).state
        == "postponed"
    )
    with pytest.raises(RuleViolation):
        decline_offer(actor=osh, offer=offer, reason="")
    with pytest.raises(NotAllowed):
        decline_offer(actor=tax, offer=offer, reason="not ours")
    assert decline_offer(actor=osh, offer=offer, reason="Too little").reason == "Too little"


def test_passing_on_needs_leave_and_ends_with_its_source(osh, tax):
    police = make_actor("POL")
    signal = make_signal(osh)
    given = give(osh, signal, tax.authority)
    make_ground("G-T", ["TAX"], ["POL"], "tip")
    ground = make_ground("G-T2", ["TAX"], ["POL"], "tip")
    with pytest.raises(NotAllowed):
        give(tax, signal, police.authority, ground=ground)
    withdraw_disclosure(actor=osh, given=given, reason="Again with leave")
    given = give(osh, signal, tax.authority, may_pass_on=True)
    passed = give(tax, signal, police.authority, ground=ground)
    assert passed.parent == given
    assert seen(police) == {signal.pk}
    withdraw_disclosure(actor=osh, given=given, reason="Over")
    assert seen(police) == set()


def test_asking_answering_and_refusing(osh, tax):
    company = make_company()
    with pytest.raises(RuleViolation, match="no ground"):
        ask(actor=osh, holder=tax.authority, kind="payroll", purpose="p", necessity="n",
            deadline=timezone.localdate(), company=company)  # fmt: skip
    make_ground("G-7", ["TAX"], ["OSH"], "payroll", mode="on_request", force="duty")

    def new():
        return ask(actor=osh, holder=tax.authority, kind="payroll", purpose="Hours", necessity="n",
                   deadline=timezone.localdate(), company=company)  # fmt: skip

    row = new()
    # Nobody coordinates there: a manager takes it.
    assert Task.objects.mine(tax).filter(kind="sharing.answer").exists()
    signal = make_signal(tax, kind="payroll", company=company)
    assert seen(osh) == set()
    with pytest.raises(NotAllowed):
        answer_request(actor=osh, row=row, signal=signal, confirmed=[])
    row = answer_request(actor=tax, row=row, signal=signal, confirmed=[])
    assert row.answer.receiver == osh.authority
    assert seen(osh) == {signal.pk}
    other = refuse_request(actor=tax, row=new(), reason="1346/1999 § 4")
    assert other.answer_note == "1346/1999 § 4"
    with pytest.raises(Conflict):
        answer_request(actor=tax, row=other, signal=signal, confirmed=[])


def test_a_refused_hand_over_is_told_and_remembered(osh, tax):
    site = make_site()
    ground = make_ground("G-8", ["OSH"], ["TAX"], "tip")
    deadline = timezone.localdate() + dt.timedelta(days=5)

    def send(signal):
        return hand_over(actor=osh, signal=signal, receiver=tax.authority, ground=ground,
                         confirmed=[], deadline=deadline)  # fmt: skip

    row = send(make_signal(osh, site=site))
    with pytest.raises(RuleViolation):
        refuse_handover(actor=tax, row=row, reason_class="known", reason="")
    refuse_handover(actor=tax, row=row, reason_class="not_enough", reason="One visit is too little")
    again = make_signal(osh, site=site)
    assert [r.reason for r in earlier_refusals(osh, site=site, but=again)] == [
        "One visit is too little"
    ]
    assert earlier_refusals(osh, site=make_site()) == []
    second = send(again)
    with time_machine.travel(deadline + dt.timedelta(days=1), tick=False):
        assert sweep()["handovers"] == 1
        assert sweep()["handovers"] == 0
    second.refresh_from_db()
    assert second.state == "lapsed"
    assert accept_handover(actor=tax, row=second).state == "accepted"  # late is better than never
    with pytest.raises(Conflict):
        send(again)


def test_what_has_expired_is_erased_once_with_a_proof(osh, tax, settings, tmp_path):
    signal = make_signal(osh, retention=make_retention("short", 30))
    text = SimpleUploadedFile("note.txt", b"what was said")
    row = add_file(actor=osh, signal=signal, file=text)
    stored = row.file.name
    given = give(osh, signal, tax.authority)
    kept = make_signal(osh, retention=make_retention("short"))
    hold = place_legal_hold(actor=osh, item=kept, reason="Trial")
    with time_machine.travel(signal.expires_on, tick=False):
        assert sweep()["signals"] == 0  # the last day still counts
    with time_machine.travel(signal.expires_on + dt.timedelta(days=1), tick=False):
        first = sweep()
        assert first["signals"] == 1
        assert sweep()["signals"] == 0
        assert set(Signal.objects.values_list("pk", flat=True)) == {kept.pk}
        lift_legal_hold(actor=osh, hold=hold)
        assert sweep()["signals"] == 1
    assert not SignalFile.objects.exists()
    proof = Erasure.objects.get(item=signal.public_id)
    assert (proof.what, proof.files, proof.rows) == ("signal", 1, 2)
    given.refresh_from_db()
    assert given.signal_id is None
    assert given.state == "expired"
    assert given.item_erased_at is not None
    assert stored
    with pytest.raises(Exception, match="append-only"), transaction.atomic():
        Erasure.objects.update(rows=0)


@pytest.mark.django_db(transaction=True)
def test_erased_files_leave_the_disk():
    osh = make_actor("OSH", "manager")
    signal = make_signal(osh, retention=make_retention("short", 1))
    row = add_file(actor=osh, signal=signal, file=SimpleUploadedFile("n.txt", b"x"))
    assert default_storage.exists(row.file.name)
    with time_machine.travel(timezone.now() + dt.timedelta(days=3), tick=False):
        sweep()
    assert not default_storage.exists(row.file.name)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.exe", b"MZ"), ("a.pdf", b"no pdf"), ("a.txt", b"\x00\x01"), ("a.jpg", b"no picture"),
     ("a.svg", b"<svg/>"), ("a.html", b"<b>")],
)  # fmt: skip
def test_files_are_taken_by_content(osh, name, data):
    signal = make_signal(osh)
    with pytest.raises(RuleViolation) as refused:
        add_file(actor=osh, signal=signal, file=SimpleUploadedFile(name, data))
    assert refused.value.field == "file"


# ---------------------------------------------------------------------------------- the walls
TABLES = (
    "targets_signal", "targets_signalindicator", "targets_signalfile", "targets_disclosure",
    "targets_offer", "targets_legalhold",
)  # fmt: skip


def counts() -> dict[str, int]:
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return found


@pytest.fixture
def walled(osh, tax):
    make_ground("G-9", ["OSH"], ["TAX"], "tip")
    Interest.objects.create(authority=tax.authority, information="tip")
    signal = make_signal(osh)
    add_file(actor=osh, signal=signal, file=SimpleUploadedFile("n.txt", b"x"))
    place_legal_hold(actor=osh, item=signal, reason="Trial")
    return signal


def test_raw_sql_sees_nothing_without_or_with_the_wrong_context(walled, osh, tax):
    assert all(
        counts()[t] for t in TABLES if t not in ("targets_disclosure", "targets_signalindicator")
    )
    with using(Context()):
        assert not any(counts().values())
    with acting_as(tax):
        assert not any(counts().values())
    with acting_as(osh):
        assert counts()["targets_signal"] == 1
    give(osh, walled, tax.authority)
    with acting_as(tax):
        found = counts()
    assert (found["targets_signal"], found["targets_signalfile"]) == (1, 1)
    assert (found["targets_offer"], found["targets_legalhold"]) == (0, 0)
    with acting_as(make_actor("POL")):
        assert not any(counts().values())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE targets_signal SET text = 'x'", "DELETE FROM targets_signalfile",
        "UPDATE targets_signal SET authority_id = {tax}",
        "UPDATE targets_signalfile SET name = 'x'",
    ],
)  # fmt: skip
def test_a_receiver_changes_nothing_of_what_it_was_given(walled, osh, tax, statement):
    give(osh, walled, tax.authority)
    with transaction.atomic(), acting_as(tax), connection.cursor() as cursor:
        cursor.execute(statement.format(tax=tax.authority.pk))
        assert cursor.rowcount == 0


def test_nobody_gives_himself_what_is_anothers(walled, osh, tax):
    given = give(osh, walled, tax.authority)
    police = make_actor("POL")
    columns = {
        f.attname: getattr(given, f.attname) for f in Disclosure._meta.concrete_fields
        if f.attname not in ("id", "public_id")
    }  # fmt: skip
    for giver, receiver, eyes in (
        (osh.authority.pk, police.authority.pk, police),  # in another's name
        (police.authority.pk, tax.authority.pk, police),  # what one does not have
        (tax.authority.pk, police.authority.pk, tax),  # without leave to pass it on
    ):
        row = Disclosure(**(columns | {"giver_id": giver, "receiver_id": receiver}))
        with (
            pytest.raises(Exception, match=r"row-level security|not yours"),
            transaction.atomic(),
            acting_as(eyes),
        ):
            row.save(force_insert=True)
    withdraw_disclosure(actor=osh, given=given, reason="Over")
    with pytest.raises(Exception, match="never changed"), transaction.atomic(), acting_as(tax):
        Disclosure.objects.filter(pk=given.pk).update(state="active", ended_at=None)


def test_a_context_ends_with_its_transaction_also_on_a_kept_connection(osh):
    make_signal(osh)
    with using(Context()), transaction.atomic():
        with acting_as(osh):
            assert Signal.objects.count() == 1
        assert Signal.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_requests_on_one_connection_and_threads_at_once_do_not_leak():
    osh, tax = make_actor("OSH"), make_actor("TAX")
    make_signal(osh)
    results: dict[str, list[int]] = {"OSH": [], "TAX": [], "nobody": []}

    def look(name, actor):
        context = Context(actor.authority.pk, actor.user.pk) if actor else Context()
        for _ in range(20):
            with using(context), transaction.atomic():
                results[name].append(Signal.objects.count())
        connections.close_all()

    threads = [
        threading.Thread(target=look, args=args)
        for args in (("OSH", osh), ("TAX", tax), ("nobody", None))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(results["OSH"]) == {1}
    assert set(results["TAX"]) == set(results["nobody"]) == {0}
    # One after the other on the same connection: what the first said is gone.
    for actor, expected in ((osh, 1), (tax, 0), (osh, 1)):
        with acting_as(actor), transaction.atomic():
            assert Signal.objects.count() == expected
    with using(Context()), transaction.atomic():
        assert Signal.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_two_who_give_the_same_at_once_give_it_once():
    osh, tax = make_actor("OSH"), make_actor("TAX")
    signal = make_signal(osh)
    ground = make_ground("G-10", ["OSH"], ["TAX"], "tip")
    got: list[int] = []
    barrier = threading.Barrier(2)

    def act():
        barrier.wait()
        got.append(give(osh, signal, tax.authority, ground=ground).pk)
        connections.close_all()

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 2
    assert len(set(got)) == 1
    assert Disclosure.objects.count() == 1
    assert Event.objects.filter(verb="item.given").count() == 1


def test_secret_signals_are_for_managers_and_analysts(osh):
    signal = make_signal(osh, classification="secret")
    inspector, analyst = make_actor("OSH", "inspector"), make_actor("OSH", "analyst")
    assert signal.pk in seen(osh)
    assert signal.pk in seen(analyst)
    assert signal.pk not in seen(inspector)
    assert Authority.objects.filter(pk=signal.authority_id).exists()
