"""One mail a person a day, neither lost nor doubled. See docs/decisions/0003.

Everything lies in rows; a sweep may run in any number of processes at once and be killed anywhere:

``claimed``  the day's mail to this person is ours (unique key). Nothing was handed over, so a claim
             that grows old is simply taken up again.
``sending``  stored and committed just before the text is handed over. If the process dies from
             here on nobody can know whether the server took it: it becomes ``unknown``, is shown to
             administrators and is not sent again.
``sent``     the server took it.
``retry``    the server refused it; a later sweep tries again, at growing intervals.
``failed``   given up for that day, with the server's last words.

The reminders of a mail that failed or is unknown go into the person's next daily mail if they
still hold then, so that no task is forgotten because a mail was.
"""

import datetime as dt
import logging
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from authorities.models import User
from worklist.models import Digest, DigestState, Heartbeat, Reminder, ReminderKind
from worklist.querysets import OPEN_STATES
from worklist.services.audience import Audience
from worklist.services.mails import Mailer, Refused, Uncertain, Unreachable, digest_mail, message_id
from worklist.services.reminders import make_reminders, still_holds

logger = logging.getLogger(__name__)
MAX_ATTEMPTS = 6
LONGEST_PAUSE = dt.timedelta(hours=1)
SWEEP, MAIL = "sweep", "mail"


def sweep() -> int:
    """Make reminders, settle what others left behind, send what is due. Returns mails sent."""
    beat(SWEEP)
    make_reminders(timezone.localdate())
    settle_abandoned()
    mailer = Mailer()
    try:
        sent = sum(send_to(user_id, mailer) for user_id in _people_due())
        sent += sum(send_again(digest_id, mailer) for digest_id in _unfinished())
    except Unreachable as error:
        # Nobody's fault: what is due stays due, and the next sweep looks again.
        logger.warning("The mail server does not answer: %s", error)
        beat(MAIL, error=str(error))
        sent = 0
    finally:
        mailer.close()
    beat(SWEEP)
    return sent


def beat(name: str, *, error: str = "") -> None:
    """Note that ``name`` is alive, or what is wrong with it."""
    Heartbeat.objects.update_or_create(
        name=name, defaults={"at": timezone.now(), "error": error[:500]}
    )


def stale_limit() -> dt.datetime:
    """Claims older than this belong to a process that is no more."""
    return timezone.now() - dt.timedelta(seconds=settings.DIGEST_STALE_SECONDS)


def settle_abandoned() -> int:
    """Flag mails whose sender died after handing over had begun; returns how many."""
    with transaction.atomic():
        ids = list(
            Digest.objects.select_for_update(skip_locked=True)
            .filter(state=DigestState.SENDING, claimed_at__lt=stale_limit())
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        _close(ids, DigestState.UNKNOWN, "")
    return len(ids)


def _people_due() -> list[int]:
    """Ids of people with something to hear whose hour has come today, and no mail yet today."""
    local = timezone.localtime()
    return list(
        User.objects.filter(
            is_active=True,
            digest_hour__lte=local.hour,
            pk__in=Reminder.objects.waiting()
            .filter(due__lte=local.date(), task__state__in=OPEN_STATES)
            .values("recipient_id"),
        )
        .exclude(pk__in=Digest.objects.filter(day=local.date()).values("recipient_id"))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _may_take_up() -> Q:
    return Q(state=DigestState.CLAIMED, claimed_at__lt=stale_limit()) | Q(
        state=DigestState.RETRY, next_attempt_at__lte=timezone.now()
    )


def _unfinished() -> list[int]:
    return list(Digest.objects.filter(_may_take_up()).order_by("pk").values_list("pk", flat=True))


def send_to(user_id: int, mailer: Mailer) -> int:
    """Send a person's mail of today unless that is done or being done; returns 1 if sent."""
    mailer.open()  # a server that is away must not use up claims
    digest = claim(user_id, timezone.localdate())
    return _send(digest, mailer) if digest else 0


def send_again(digest_id: int, mailer: Mailer) -> int:
    """Take up a mail that was left or refused, unless another process has; returns 1 if sent."""
    mailer.open()
    now = timezone.now()
    with transaction.atomic():
        taken = Digest.objects.filter(_may_take_up(), pk=digest_id).update(
            state=DigestState.CLAIMED, claimed_at=now, next_attempt_at=None
        )
        if not taken:
            return 0
        digest = Digest.objects.select_related("recipient").get(pk=digest_id)
        if digest.day == timezone.localdate(now):
            _attach(digest)
    return _send(digest, mailer)


@transaction.atomic
def claim(user_id: int, day: dt.date) -> Digest | None:
    """Make the day's mail to this person ours, with all that waits; None if it is another's."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO worklist_digest "
            "(recipient_id, day, state, claimed_at, attempts, message_id, error) "
            "VALUES (%s, %s, %s, %s, 0, '', '') ON CONFLICT (recipient_id, day) DO NOTHING "
            "RETURNING id",
            [user_id, day, DigestState.CLAIMED, now],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    # A mail of an earlier day that never went out would be a second one today: it ends here, and
    # what it had to say comes with this one.
    earlier = list(
        Digest.objects.select_for_update(skip_locked=True)
        .filter(
            Q(state=DigestState.RETRY) | Q(state=DigestState.CLAIMED, claimed_at__lt=stale_limit()),
            recipient_id=user_id,
            day__lt=day,
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    _close(earlier, DigestState.FAILED, None)
    digest = Digest.objects.select_related("recipient").get(pk=row[0])
    _attach(digest)
    return digest


def _attach(digest: Digest) -> None:
    Reminder.objects.waiting().filter(
        recipient_id=digest.recipient_id, due__lte=timezone.localdate()
    ).update(digest=digest)


def _close(ids: list[int], state: DigestState, error: str | None) -> None:
    """End mails as ``state``; their reminders wait for the next one. ``error`` None keeps it."""
    if not ids:
        return
    values: dict[str, Any] = {"state": state, "next_attempt_at": None}
    if error is not None:
        values["error"] = error[:500]
    Digest.objects.filter(pk__in=ids).update(**values)
    Reminder.objects.filter(digest_id__in=ids).update(digest=None)


def _holding(digest: Digest, today: dt.date) -> list[Reminder]:
    """The digest's reminders that are still true and still this person's business."""
    if not digest.recipient.is_active:
        return []
    reminders = [
        reminder
        for reminder in digest.reminders.select_related("task").order_by("task__due", "pk")
        if still_holds(reminder, today)
    ]
    audience = Audience([reminder.task for reminder in reminders], today)
    return [
        reminder
        for reminder in reminders
        if digest.recipient_id
        in (
            audience.managers(reminder.task)
            if reminder.kind == ReminderKind.ESCALATION
            else audience.doers(reminder.task)
        )
    ]


def _send(digest: Digest, mailer: Mailer) -> int:
    """Send a claimed mail and store what became of it; returns 1 if the server took it."""
    today = timezone.localdate()
    ours = Digest.objects.filter(
        pk=digest.pk, state=DigestState.CLAIMED, claimed_at=digest.claimed_at
    )
    reminders = _holding(digest, today)
    if not reminders:
        ours.update(state=DigestState.EMPTY)
        return 0
    mail = digest_mail(digest.recipient, digest.day, today, reminders)

    def begin() -> bool:
        return bool(
            ours.update(
                state=DigestState.SENDING,
                claimed_at=timezone.now(),
                message_id=message_id(digest.recipient, digest.day),
            )
        )

    try:
        if not mailer.deliver(mail, begin):
            return 0
    except Unreachable:
        # Opened a moment ago and gone: leave the claim to be taken up by the next sweep.
        ours.update(state=DigestState.RETRY, next_attempt_at=timezone.now())
        raise
    except Refused as error:
        _refused(digest, str(error))
        return 0
    except Uncertain as error:
        with transaction.atomic():
            _close([digest.pk], DigestState.UNKNOWN, str(error))
        return 0
    Digest.objects.filter(pk=digest.pk).update(
        state=DigestState.SENT, sent_at=timezone.now(), error=""
    )
    beat(MAIL)
    return 1


@transaction.atomic
def _refused(digest: Digest, error: str) -> None:
    """Set the next attempt, or give up after ``MAX_ATTEMPTS``."""
    attempts = digest.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        _close([digest.pk], DigestState.FAILED, error)
        Digest.objects.filter(pk=digest.pk).update(attempts=attempts)
        return
    pause = dt.timedelta(seconds=settings.DIGEST_STALE_SECONDS * 2 ** (attempts - 1))
    Digest.objects.filter(pk=digest.pk).update(
        state=DigestState.RETRY,
        attempts=attempts,
        next_attempt_at=timezone.now() + min(pause, LONGEST_PAUSE),
        error=error[:500],
    )
