"""Daily mails while workers are killed, servers go away and everything runs twice.

Nothing is imitated: real workers and beats, a real SMTP server, real kills.
"""

import datetime as dt
import subprocess
import time
from collections import Counter

import pytest
from django.conf import settings
from django.utils import timezone

from authorities.models import Membership, User
from config.celery import app
from config.services import Redis
from tests.factories import worklist as make
from tests.faults.conftest import STALE_SECONDS, Processes, wait_until
from tests.faults.mailbox import Mailbox, Server
from worklist.models import Digest, Heartbeat, Reminder, ReminderKind, Task

pytestmark = pytest.mark.faults
ONE_SWEEP = "import django; django.setup(); from worklist.services.digests import sweep; "


def people(number: int) -> list[str]:
    """So many people with one overdue task each, whose hour has come; returns their addresses."""
    place = make.unit()
    first = User.objects.count()
    users = User.objects.bulk_create(
        User(email=f"p{n}@example.org", first_name="Aino", last_name=f"P{n}", digest_hour=0)
        for n in range(first, first + number)
    )
    Membership.objects.bulk_create(
        Membership(user=user, unit=place, authority=place.authority, roles=["inspector"])
        for user in users
    )
    yesterday = timezone.localdate() - dt.timedelta(days=1)
    Task.objects.bulk_create(
        Task(kind="manual", title="x", assignee=user, authority=place.authority, due=yesterday)
        for user in users
    )
    return [user.email for user in users]


def states() -> Counter[str]:
    return Counter(Digest.objects.order_by("pk").values_list("state", flat=True))


def a_few_sweeps_later() -> None:
    """Long enough for every claim to grow old and for several sweeps after that."""
    seen: set[dt.datetime] = set()

    def swept() -> bool:
        seen.update(Heartbeat.objects.filter(name="sweep").values_list("at", flat=True))
        return len(seen) > 4

    time.sleep(STALE_SECONDS)
    wait_until(swept, what="sweeps go on")


# ------------------------------------------------------------------ many at once
def test_four_processes_over_a_thousand_people(processes: Processes, mailbox: Mailbox) -> None:
    expected = people(1000)
    sweeps = [
        processes.start(
            "-c", ONE_SWEEP + "print('ready', flush=True); input(); sweep()",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        for _number in range(4)
    ]  # fmt: skip
    for process in sweeps:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in sweeps:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in sweeps:
        assert process.wait(90) == 0, processes.logs()
    assert sorted(mailbox.addresses) == sorted(expected)
    assert len({message_id for _address, message_id in mailbox.taken}) == 1000
    assert states() == {"sent": 1000}
    assert not Reminder.objects.waiting().exists()


def test_two_beats_and_two_workers(processes: Processes, mailbox: Mailbox) -> None:
    expected = people(40)
    for _number in range(2):
        processes.worker()
        processes.beat()
    wait_until(lambda: len(mailbox.taken) >= 40, what="all mails")
    later = people(20)
    wait_until(lambda: len(mailbox.taken) >= 60, what="those who came later")
    a_few_sweeps_later()
    assert sorted(mailbox.addresses) == sorted(expected + later)


# ------------------------------------------------------------------ killed
@pytest.mark.parametrize(
    ("point", "taken_before", "state", "taken_after"),
    [
        # Claimed, nothing handed over: sent after all, once.
        ("recipient", 0, "sent", 1),
        # Handing over had begun: nobody can know; flagged, not repeated.
        ("text", 0, "unknown", 0),
        # The server had taken it: not repeated, flagged.
        ("accepted", 1, "unknown", 1),
    ],
)
def test_killed_between_claim_and_record(
    processes: Processes, mailbox: Mailbox, point: str, taken_before: int, state: str,
    taken_after: int,
) -> None:  # fmt: skip
    [address] = people(1)
    mailbox.stop(point)
    worker, beat = processes.worker(), processes.beat()
    assert mailbox.reached.wait(30), processes.logs()
    processes.kill(worker)
    processes.kill(beat)
    assert states() == {"claimed" if point == "recipient" else "sending": 1}
    assert len(mailbox.taken) == taken_before

    processes.worker()
    processes.beat()
    wait_until(lambda: states() == {state: 1}, what=f"{state}, not {states()}")
    a_few_sweeps_later()
    assert states() == {state: 1}
    assert mailbox.addresses == [address] * taken_after
    # What an uncertain mail had to say is kept for the next day's.
    assert Reminder.objects.waiting().exists() == (state == "unknown")


def test_killed_in_the_middle_of_many(processes: Processes, mailbox: Mailbox) -> None:
    expected = people(30)
    worker = processes.worker()
    processes.beat()
    wait_until(lambda: len(mailbox.taken) >= 5, what="the first mails")
    mailbox.stop("recipient")
    assert mailbox.reached.wait(10)
    processes.kill(worker)
    processes.worker()
    wait_until(lambda: states() == {"sent": 30}, what="the rest")
    a_few_sweeps_later()
    assert sorted(mailbox.addresses) == sorted(expected)


# ------------------------------------------------------------------ servers that go away
def test_redis_restarts_in_between(processes: Processes, mailbox: Mailbox, broker: Redis) -> None:
    before = people(5)
    processes.worker()
    processes.beat()
    wait_until(lambda: len(mailbox.taken) == 5, what="mails before")
    broker.stop()
    during = people(5)
    time.sleep(2)
    assert len(mailbox.taken) == 5
    broker.start()
    wait_until(lambda: len(mailbox.taken) == 10, 60, "work resumes by itself")
    a_few_sweeps_later()
    assert sorted(mailbox.addresses) == sorted(before + during)


def test_the_second_of_five_is_refused(processes: Processes, mailbox: Mailbox) -> None:
    expected = people(5)
    mailbox.refuse_nth = {2}
    processes.worker()
    processes.beat()
    wait_until(lambda: len(mailbox.taken) == 4, what="four mails")
    refused = Digest.objects.get(state="retry")
    assert (refused.attempts, refused.error) == (1, "451 Try again later")
    wait_until(lambda: states() == {"sent": 5}, what="the fifth")
    a_few_sweeps_later()
    assert sorted(mailbox.addresses) == sorted(expected)
    assert Counter(mailbox.asked) == Counter(expected) + Counter([refused.recipient.email])


def test_the_mail_server_is_away_for_a_while(
    processes: Processes, mailbox: Mailbox, smtp: Server
) -> None:
    expected = people(5)
    smtp.stop()
    processes.worker()
    processes.beat()
    wait_until(lambda: Heartbeat.objects.filter(name="mail").exclude(error=""), what="noted")
    assert states() == {}
    again = Server(mailbox, smtp.port)
    again.start()
    try:
        wait_until(lambda: len(mailbox.taken) == 5, what="mails")
        a_few_sweeps_later()
    finally:
        again.stop(no_assert=True)
    assert sorted(mailbox.addresses) == sorted(expected)


# ------------------------------------------------------------------ that it runs at all
@pytest.mark.usefixtures("database")
def test_every_kind_of_reminder_is_reached_from_the_schedule() -> None:
    """The job that beat starts makes each kind; nothing waits for a call that nobody makes."""
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    app.loader.import_default_modules()
    place = make.unit()
    make.person(place, "manager")
    doer = make.person(place)
    today = timezone.localdate()
    for days in (-30, 0, 1):
        make.task(doer, due=today + dt.timedelta(days=days))
    make.task(doer, age=0)
    app.tasks[(scheduled & {"worklist.jobs.sweep_reminders"}).pop()]()
    made = set(Reminder.objects.order_by("pk").values_list("kind", flat=True))
    assert made == set(ReminderKind.values)
