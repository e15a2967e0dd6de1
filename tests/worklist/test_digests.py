"""One mail a person a day: when it comes, what it says, what happens when the server refuses."""

import datetime as dt
import re
import smtplib

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from tests.factories import worklist as make
from worklist.models import Digest, Heartbeat, Reminder
from worklist.services import change_state
from worklist.services import digests as service
from worklist.services.digests import MAX_ATTEMPTS, claim, sweep
from worklist.services.mails import Mailer, Refused, Uncertain, Unreachable

pytestmark = pytest.mark.django_db
MORNING = dt.datetime(2026, 11, 25, 5, 30, tzinfo=dt.UTC)  # 7.30 here


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(MORNING, tick=False) as traveller:
        yield traveller


def states():
    return list(Digest.objects.order_by("day", "pk").values_list("state", flat=True))


# ------------------------------------------------------------------ when
def test_it_comes_once_at_the_persons_hour(clock):
    early, late = make.person(digest_hour=7), make.person(digest_hour=9)
    make.reminder(early)
    make.reminder(late)
    assert sweep() == 1
    assert mail.outbox[0].to == [early.user.email]
    assert sweep() == 0
    clock.shift(dt.timedelta(hours=2))
    assert sweep() == 1
    assert sorted(m.to[0] for m in mail.outbox) == sorted([early.user.email, late.user.email])


def test_what_comes_later_that_day_waits_for_tomorrow(clock):
    person = make.person()
    make.reminder(person)
    sweep()
    make.reminder(person)
    assert sweep() == 0
    clock.shift(dt.timedelta(days=1))
    assert sweep() == 1


@pytest.mark.parametrize(
    "night",
    [dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2027, 3, 28), dt.date(2027, 10, 31)],
    ids=str,
)
@pytest.mark.parametrize("hour", [2, 3, 4, 23])
def test_clock_change_nights(clock, night, hour):
    """Sweeping every half hour through the night: each local day's mail exactly once."""
    clock.move_to(dt.datetime.combine(night - dt.timedelta(days=1), dt.time(12), dt.UTC))
    person = make.person(digest_hour=hour)
    task = make.task(person)
    for ahead in (-1, 0, 1):
        make.reminder(person, task, kind="new", due=night + dt.timedelta(days=ahead))
    sent: list[dt.datetime] = []
    for _step in range(2 * 34):
        if sweep():
            sent.append(timezone.localtime())
        clock.shift(dt.timedelta(minutes=30))
    days = [at.date() for at in sent]
    assert days == sorted(set(days))
    assert night in days
    at = next(at for at in sent if at.date() == night)
    missing = hour == 3 and night.month == 3  # that hour does not exist in spring
    assert at.hour == (4 if missing else hour)


# ------------------------------------------------------------------ what
def test_it_names_nothing_confidential():
    person = make.person()
    task = make.task(
        person, title="", kind="planning.nominate", params={"operation": "Raid on Secret Oy"},
        note="secret", due=timezone.localdate(), subject_url="/operations/secret/",
    )  # fmt: skip
    make.reminder(person, task, kind="due_today")
    make.reminder(person, make.task(person, title="Ask about Secret Oy"), kind="new")
    sweep()
    text = mail.outbox[0].message().as_string()
    assert "ecret" not in text
    assert "Nominate sites (1), due" in text
    assert "/my-work/" in text


@pytest.mark.parametrize(
    ("language", "header"), [("fi", "fi"), ("sv", "sv"), ("en", "en"), ("", "fi")]
)
def test_language_and_headers(language, header):
    person = make.person(language=language)
    make.reminder(person)
    sweep()
    message = mail.outbox[0].message()
    assert message["Content-Language"] == header
    assert message["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(
        rf"<digest\.{person.user.public_id}\.2026-11-25@[^>]+>", message["Message-ID"]
    )
    assert message["Message-ID"] == Digest.objects.get().message_id
    assert message.get_content_type() == "text/plain"


def test_one_task_with_several_reasons_counts_once():
    place = make.unit()
    person = make.person(place, "manager")
    task = make.task(person, due=timezone.localdate() - dt.timedelta(days=5))
    for kind in ("overdue", "escalation", "new"):
        make.reminder(person, task, kind=kind)
    sweep()
    assert mail.outbox[0].subject == "Tarkka: 1 task waits for you"


def test_managers_see_a_count_of_what_was_escalated():
    place = make.unit()
    manager = make.person(place, "manager")
    for _number in range(2):
        make.task(make.person(place, digest_hour=23), due=timezone.localdate() - dt.timedelta(5))
    sweep()
    assert mail.outbox[0].to == [manager.user.email]
    assert "- 2 overdue tasks escalated to you" in mail.outbox[0].body


# ------------------------------------------------------------------ dropped at the last moment
def test_ended_and_moved_tasks_are_left_out():
    person = make.person()
    done, moved, kept = (
        make.reminder(person).task, make.reminder(person).task, make.reminder(person).task,
    )  # fmt: skip
    change_state(actor=person, task=done, arrow="done")
    moved.due = timezone.localdate() + dt.timedelta(days=30)
    moved.save()
    sweep()
    assert mail.outbox[0].subject == "Tarkka: 1 task waits for you"
    assert kept.is_open


def test_nothing_left_to_say_sends_nothing():
    person = make.person()
    task = make.reminder(person).task
    task.assignee = make.person(person.unit).user
    task.save()
    Reminder.objects.exclude(recipient=person.user).delete()
    sweep()
    assert [m for m in mail.outbox if m.to == [person.user.email]] == []


def test_disabled_people_and_ended_places_get_none():
    disabled, gone = make.person(), make.person()
    make.reminder(disabled)
    make.reminder(gone)
    disabled.user.is_active = False
    disabled.user.save()
    gone.membership.valid_to = dt.date(2026, 11, 24)
    gone.membership.save()
    assert sweep() == 0
    assert mail.outbox == []


# ------------------------------------------------------------------ when the server refuses
@pytest.fixture
def server(monkeypatch):
    """What the mail server does with the next mails; then it takes everything."""
    answers: list[Exception] = []
    taken: list[str] = []

    def deliver(self, message, begin):
        if answers:
            answer = answers.pop(0)
            if isinstance(answer, Uncertain):
                begin()
            raise answer
        begin()
        taken.append(message.to[0])
        return True

    monkeypatch.setattr(Mailer, "deliver", deliver)
    deliver.answers, deliver.taken = answers, taken
    return deliver


def test_refused_mails_are_tried_again_with_growing_pauses(server, clock, settings):
    settings.DIGEST_STALE_SECONDS = 300
    person = make.person()
    make.reminder(person)
    server.answers[:] = [Refused("451 later"), Refused("451 later")]
    assert sweep() == 0
    digest = Digest.objects.get()
    assert (digest.state, digest.attempts, digest.error) == ("retry", 1, "451 later")
    clock.shift(dt.timedelta(minutes=4))
    assert sweep() == 0
    assert len(server.answers) == 1
    clock.shift(dt.timedelta(minutes=2))
    assert sweep() == 0
    assert server.answers == []
    clock.shift(dt.timedelta(minutes=6))
    assert sweep() == 0  # the second pause is longer
    clock.shift(dt.timedelta(minutes=5))
    assert sweep() == 1
    assert server.taken == [person.user.email]
    assert states() == ["sent"]


def test_after_six_refusals_it_is_failed_and_told_tomorrow(server, clock):
    person = make.person()
    make.reminder(person)
    server.answers[:] = [Refused("550 no such mailbox")] * MAX_ATTEMPTS
    for _hour in range(8):
        sweep()
        clock.shift(dt.timedelta(hours=1, seconds=1))
    digest = Digest.objects.get()
    assert (digest.state, digest.attempts) == ("failed", MAX_ATTEMPTS)
    assert digest.error == "550 no such mailbox"
    assert server.taken == []
    clock.move_to(MORNING + dt.timedelta(days=1))
    assert sweep() == 1
    assert states() == ["failed", "sent"]


def test_a_mail_that_waits_overnight_comes_with_the_next_ones(server, clock):
    """Not two mails on one day."""
    person = make.person()
    make.reminder(person)
    server.answers[:] = [Refused("451 later")]
    sweep()
    clock.move_to(MORNING + dt.timedelta(days=1))
    make.reminder(person)
    assert sweep() == 1
    assert states() == ["failed", "sent"]
    assert Digest.objects.get(state="sent").reminders.count() == 2
    clock.shift(dt.timedelta(hours=3))
    assert sweep() == 0


def test_a_connection_broken_after_handing_over_is_flagged_not_repeated(server, clock):
    person = make.person()
    make.reminder(person)
    server.answers[:] = [Uncertain("connection lost")]
    sweep()
    assert states() == ["unknown"]
    clock.shift(dt.timedelta(hours=2))
    assert sweep() == 0
    assert server.taken == []
    clock.move_to(MORNING + dt.timedelta(days=1))
    assert sweep() == 1  # the task itself is not forgotten


def test_a_server_that_is_away_uses_up_no_attempts(monkeypatch, clock):
    def away(self):
        raise Unreachable("connection refused")

    person = make.person()
    make.reminder(person)
    opening = Mailer.open
    monkeypatch.setattr(Mailer, "open", away)
    for _minute in range(60):
        sweep()
        clock.shift(dt.timedelta(minutes=1))
    assert states() == []
    assert Heartbeat.objects.get(name="mail").error == "connection refused"
    monkeypatch.setattr(Mailer, "open", opening)
    assert sweep() == 1
    assert Heartbeat.objects.get(name="mail").error == ""


# ------------------------------------------------------------------ what killed processes leave
def test_an_old_claim_is_taken_up_and_a_fresh_one_is_not(clock, settings):
    settings.DIGEST_STALE_SECONDS = 300
    person = make.person()
    make.reminder(person)
    claim(person.user.pk, timezone.localdate())
    clock.shift(dt.timedelta(minutes=4))
    assert sweep() == 0
    clock.shift(dt.timedelta(minutes=2))
    assert sweep() == 1
    assert len(mail.outbox) == 1
    assert states() == ["sent"]


def test_a_claim_made_before_midnight_is_sent_after_it(clock):
    clock.move_to(dt.datetime(2026, 11, 25, 21, 58, tzinfo=dt.UTC))
    person = make.person(digest_hour=22)
    make.reminder(person)
    claim(person.user.pk, timezone.localdate())
    clock.shift(dt.timedelta(minutes=10))
    assert sweep() == 1
    assert Digest.objects.get().day == dt.date(2026, 11, 25)


def test_old_sending_is_unknown_and_never_sent_again(clock):
    person = make.person()
    make.reminder(person)
    digest = claim(person.user.pk, timezone.localdate())
    Digest.objects.filter(pk=digest.pk).update(state="sending")
    clock.shift(dt.timedelta(hours=1))
    assert sweep() == 0
    assert states() == ["unknown"]
    assert mail.outbox == []


def test_one_whose_claim_was_taken_over_sends_nothing(clock):
    """A process that slept too long finds its claim in other hands."""
    person = make.person()
    make.reminder(person)
    slept = claim(person.user.pk, timezone.localdate())
    clock.shift(dt.timedelta(hours=1))
    assert sweep() == 1
    assert service._send(slept, Mailer()) == 0
    assert len(mail.outbox) == 1


def test_smtp_answers_are_told_apart(settings):
    """Refusals before the text are safe to repeat; a break after it is not."""

    class Client:
        def __init__(self, **replies):
            self.replies = replies

        def ehlo_or_helo_if_needed(self):
            pass

        def mail(self, sender):
            return self.replies.get("mail", (250, b"ok"))

        def rcpt(self, to):
            return self.replies.get("rcpt", (250, b"ok"))

        def data(self, text):
            answer = self.replies.get("data", (250, b"ok"))
            if isinstance(answer, Exception):
                raise answer
            return answer

    from django.core.mail import EmailMessage
    from django.core.mail.backends.smtp import EmailBackend

    def deliver(**replies):
        mailer = Mailer()
        mailer._backend = EmailBackend()
        mailer._backend.connection = Client(**replies)
        mailer._backend.close = lambda: None
        begun = []
        try:
            mailer.deliver(
                EmailMessage("s", "b", to=["a@example.org"]), lambda: begun.append(1) or True
            )
        except (Refused, Uncertain) as error:
            return type(error).__name__, bool(begun)
        return "sent", bool(begun)

    assert deliver() == ("sent", True)
    assert deliver(rcpt=(550, b"no")) == ("Refused", False)
    assert deliver(mail=(421, b"busy")) == ("Refused", False)
    assert deliver(data=(552, b"too big")) == ("Refused", True)
    assert deliver(data=smtplib.SMTPDataError(451, b"later")) == ("Refused", True)
    assert deliver(data=smtplib.SMTPServerDisconnected("gone")) == ("Uncertain", True)
    assert deliver(data=TimeoutError("slow")) == ("Uncertain", True)
