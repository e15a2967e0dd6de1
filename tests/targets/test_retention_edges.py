"""Clocks that are killed, fail for one item, or are doubted."""

import datetime as dt
import os
from io import StringIO

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.context import Context, as_system, using
from audit.services import record
from targets.models import Erasure, Signal, SignalFile
from targets.services import retention
from targets.services.signals import add_file
from tests.factories import give, make_actor, make_retention, make_signal

pytestmark = pytest.mark.django_db
LATER = dt.timedelta(days=5)


@pytest.fixture
def osh(db):
    return make_actor("OSH", "manager")


def short(osh) -> Signal:
    return make_signal(osh, retention=make_retention("short", 1))


def left() -> set[int]:
    with as_system("a test counts"):
        return set(Signal.objects.values_list("pk", flat=True))


def fail_for(monkeypatch, signal, error: BaseException) -> None:
    """The proof of this signal is written, then something happens."""
    real = retention._prove

    def prove(authority, what, item, *args, **values):
        real(authority, what, item, *args, **values)
        if item == signal.public_id:
            raise error

    monkeypatch.setattr(retention, "_prove", prove)


def test_one_that_cannot_be_erased_keeps_no_other_waiting(osh, monkeypatch):
    stuck, other = short(osh), short(osh)
    fail_for(monkeypatch, stuck, OSError("disk"))
    with time_machine.travel(timezone.now() + LATER, tick=False):
        assert retention.sweep()["signals"] == 1
        assert left() == {stuck.pk}
        assert Erasure.objects.get().item == other.public_id
        monkeypatch.undo()
        assert retention.sweep()["signals"] == 1
    assert left() == set()


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_nothing_is_half_erased_and_nothing_twice(monkeypatch):
    osh = make_actor("OSH", "manager")
    signal = short(osh)
    file = add_file(actor=osh, signal=signal, file=SimpleUploadedFile("n.txt", b"x"))
    fail_for(monkeypatch, signal, KeyboardInterrupt())
    with time_machine.travel(timezone.now() + LATER, tick=False):
        with pytest.raises(KeyboardInterrupt):
            retention.sweep()
        assert left() == {signal.pk}
        assert default_storage.exists(file.file.name)
        with as_system("a test counts"):
            assert not Erasure.objects.exists()
        monkeypatch.undo()
        retention.sweep()
        retention.sweep()
    with as_system("a test counts"):
        assert Erasure.objects.count() == 1
    assert not default_storage.exists(file.file.name)


@pytest.mark.django_db(transaction=True)
def test_a_worker_with_nothing_set_in_its_session_finds_what_is_due():
    """Tests look as the system (conftest); a worker's connection outside a transaction sees nothing."""
    osh, tax = make_actor("OSH", "manager"), make_actor("TAX")
    signal = short(osh)
    give(osh, signal, tax.authority)
    stored = default_storage.save("signals/left-behind", ContentFile(b"x"))
    age(stored, 30)
    with connection.cursor() as cursor, using(Context()):
        cursor.execute("SELECT set_config('tarkka.system', '', false)")
        assert not Signal.objects.exists()
        with time_machine.travel(timezone.now() + LATER, tick=False):
            done = retention.sweep()
            assert retention.sweep_orphans() >= 1
            assert f"{signal.public_id}" not in about_items()
    assert (done["disclosures"], done["signals"]) == (1, 1)


def age(name: str, days: int) -> None:
    at = (timezone.now() - dt.timedelta(days=days)).timestamp()
    os.utime(default_storage.path(name), (at, at))


def test_bytes_without_a_row_are_deleted_once_they_are_old(osh):
    kept = add_file(actor=osh, signal=make_signal(osh), file=SimpleUploadedFile("n.txt", b"x"))
    old = default_storage.save("signals/left-behind", ContentFile(b"x"))
    fresh = default_storage.save("datasets/being-uploaded.csv", ContentFile(b"x"))
    age(kept.file.name, 30)
    age(old, 30)
    assert retention.sweep_orphans() == 1
    assert not default_storage.exists(old)
    assert default_storage.exists(fresh)
    assert default_storage.exists(kept.file.name)
    default_storage.delete(fresh)


# ---------------------------------------------------------------------------------- erasures verify
def verify() -> str:
    errors = StringIO()
    try:
        call_command("erasures", "verify", stdout=StringIO(), stderr=errors)
    except CommandError:
        assert errors.getvalue()
    return errors.getvalue()


def about_items() -> str:
    """Doubts but those about files: tests share their storage."""
    return "".join(line for line in verify().splitlines() if not line.startswith("file "))


def test_proofs_that_hold_raise_no_doubt_and_what_is_overdue_does(osh):
    signal = short(osh)
    assert about_items() == ""
    with time_machine.travel(timezone.now() + LATER, tick=False):
        assert f"signal {signal.public_id}: its time is over" in about_items()
        retention.sweep()
        assert about_items() == ""
    assert not SignalFile.objects.exists()


def test_a_proof_that_vanished_or_was_made_up_is_noticed(osh):
    kept = make_signal(osh)
    with as_system("a proof of something that is still there"):
        Erasure.objects.create(
            authority=osh.authority, what="signal", item=kept.public_id, rows=1,
            expired_on=timezone.localdate(), digest="0" * 64,
        )  # fmt: skip
        proof = Erasure.objects.get()
    found = verify()
    assert f"{kept.public_id}): the item is still there" in found
    assert "no event tells of this erasure" in found
    record(actor=None, verb="item.erased", subject=proof, data={"what": "signal", "rows": 7})
    assert "the event of the erasure says something else" in verify()
    proof.pk = proof.pk + 1000
    record(actor=None, verb="item.erased", subject=proof, data={"what": "signal", "rows": 1})
    assert f"proof number {proof.pk}: the event is there, the proof is not" in verify()


def test_an_orphaned_file_is_a_doubt(osh):
    name = default_storage.save("signals/left-behind", ContentFile(b"x"))
    age(name, 3)
    assert f"file {name}: no row knows it" in verify()
    default_storage.delete(name)
    assert connection.in_atomic_block
