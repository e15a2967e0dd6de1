"""Reminders as rows, and the one mail a person a day that tells of them.

Everything due lies in rows. A sweep may be run by any number of processes, at any time, and be
killed anywhere:

``claimed``  the day's mail to this person is ours (unique key); nothing has been sent yet, so a
             claim that grows old is simply taken up again;
``sending``  stored just before the message is handed over; if the process dies from here on,
             nobody can know whether the server took it, so it becomes ``unknown`` and is shown to
             administrators instead of being sent twice;
``sent``     the server took it. ``failed``: the server refused or was not there; tried again.
"""

import datetime as dt
import smtplib
from collections import defaultdict
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorities.models import Membership, Role, User
from worklist.kinds import neutral_for, title_for
from worklist.models import Digest, DigestState, Reminder, ReminderKind, Task
from worklist.services.tasks import notify

SOON_DAYS = 3
NEW_DAYS = 7
ESCALATE_AFTER_DAYS = 3
REPEAT_DAYS = 7
MAX_ATTEMPTS = 6
BACK_OFF_SECONDS = 300


def local_zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


# ------------------------------------------------------------------ making reminders
def reasons(task: Task, today: dt.date) -> Iterator[tuple[ReminderKind, dt.date]]:
    """Kinds of reminder that ``task`` calls for on ``today``, each with the date of its key."""
    made = timezone.localtime(task.created_at, local_zone()).date()
    if (today - made).days <= NEW_DAYS:
        yield ReminderKind.NEW, made
    if task.due is None:
        return
    days = (task.due - today).days
    if 0 < days <= SOON_DAYS:
        yield ReminderKind.DUE_SOON, task.due - dt.timedelta(days=SOON_DAYS)
    if days == 0:
        yield ReminderKind.DUE_TODAY, task.due
    if days < 0:
        rounds = (-days - 1) // REPEAT_DAYS
        yield ReminderKind.OVERDUE, task.due + dt.timedelta(days=1 + rounds * REPEAT_DAYS)
    if -days >= ESCALATE_AFTER_DAYS:
        yield ReminderKind.ESCALATION, task.due + dt.timedelta(days=ESCALATE_AFTER_DAYS)


def make_reminders(today: dt.date) -> int:
    """Store the reminders that open tasks call for; running it again adds nothing."""
    horizon = today + dt.timedelta(days=SOON_DAYS)
    recent = timezone.now() - dt.timedelta(days=NEW_DAYS + 1)
    tasks = list(
        Task.objects.open()
        .filter(Q(due__lte=horizon) | Q(created_at__gte=recent))
        .select_related("unit", "authority")
        .order_by("pk")
    )
    people = _people_of_units({task.unit_id for task in tasks if task.unit_id})
    usable = set(Membership.objects.usable(today).values_list("user_id", "authority_id"))
    wanted = []
    for task in tasks:
        doers = _doers(task, people, usable)
        for kind, due in reasons(task, today):
            if kind == ReminderKind.ESCALATION:
                recipients = _managers(task, people)
                _escalate(task, recipients)
            else:
                recipients = doers
            wanted += [
                Reminder(task=task, recipient_id=user_id, kind=kind, due=due)
                for user_id in recipients
            ]
    before = Reminder.objects.count()
    Reminder.objects.bulk_create(wanted, ignore_conflicts=True, batch_size=1000)
    return Reminder.objects.count() - before


def _people_of_units(units: set[int]) -> dict[int, list[Membership]]:
    people: dict[int, list[Membership]] = defaultdict(list)
    for membership in Membership.objects.usable().filter(unit_id__in=units).order_by("pk"):
        people[membership.unit_id].append(membership)
    return people


def _doers(
    task: Task, people: dict[int, list[Membership]], usable: set[tuple[int, int]]
) -> list[int]:
    if task.assignee_id:
        # Someone whose place has ended gets no mail about that authority's work.
        return [task.assignee_id] if (task.assignee_id, task.authority_id) in usable else []
    return [
        m.user_id for m in people[task.unit_id or 0] if not task.role or task.role in m.roles
    ]


def _managers(task: Task, people: dict[int, list[Membership]]) -> list[int]:
    in_unit = [m.user_id for m in people[task.unit_id or 0] if Role.MANAGER in m.roles]
    if in_unit:
        return in_unit
    return list(
        Membership.objects.usable()
        .filter(authority_id=task.authority_id, roles__contains=[Role.MANAGER])
        .order_by("pk")
        .values_list("user_id", flat=True)
    )


def _escalate(task: Task, managers: list[int]) -> None:
    """Mark the task and put a line into the managers' inboxes, once."""
    if not Task.objects.filter(pk=task.pk, escalated_at=None).update(escalated_at=timezone.now()):
        return
    for user in User.objects.filter(pk__in=managers).order_by("pk"):
        with translation.override(user.language or settings.LANGUAGE_CODE):
            notify(
                recipient=user,
                authority=task.authority,
                kind="task.escalated",
                params={"title": title_for(task.kind, task.params, task.title)},
                url=task.subject_url or "/tasks/",
                key=f"escalated:{task.pk}:{task.due}:{user.pk}",
            )


# ------------------------------------------------------------------ sending
def sweep(now: dt.datetime | None = None) -> int:
    """Make what is due, mend what was left, send each person's mail of the day. Returns mails sent."""
    now = now or timezone.now()
    local = timezone.localtime(now, local_zone())
    today = local.date()
    with transaction.atomic():
        make_reminders(today)
    _mark_unknown(now)
    sent = 0
    for user_id in _recipients(today, local.hour, now):
        sent += send_digest(user_id, today, now)
    return sent


def _recipients(today: dt.date, hour: int, now: dt.datetime) -> list[int]:
    """People with something to hear today whose hour has come, or whose mail has to be retried."""
    fresh = (
        User.objects.filter(
            is_active=True, digest_hour__lte=hour,
            reminders__digest__isnull=True, reminders__due__lte=today,
        )
        .exclude(digests__day=today)
        .values_list("pk", flat=True)
    )  # fmt: skip
    again = Digest.objects.filter(_may_take(now)).values_list("recipient_id", flat=True)
    return sorted({*fresh, *again})


def _may_take(now: dt.datetime) -> Q:
    """Digests that another process began and did not bring to the point of sending."""
    stale = now - dt.timedelta(seconds=settings.DIGEST_STALE_SECONDS)
    back_off = now - dt.timedelta(seconds=min(BACK_OFF_SECONDS, settings.DIGEST_STALE_SECONDS))
    return Q(state=DigestState.CLAIMED, claimed_at__lt=stale) | Q(
        state=DigestState.FAILED, claimed_at__lt=back_off, attempts__lt=MAX_ATTEMPTS
    )


def _mark_unknown(now: dt.datetime) -> int:
    stale = now - dt.timedelta(seconds=settings.DIGEST_STALE_SECONDS)
    return Digest.objects.filter(state=DigestState.SENDING, claimed_at__lt=stale).update(
        state=DigestState.UNKNOWN
    )


def _claim(user_id: int, today: dt.date, now: dt.datetime) -> Digest | None:
    """Make the day's digest ours, or take up an abandoned one; None when it is another's."""
    with transaction.atomic():
        digest, created = Digest.objects.get_or_create(
            recipient_id=user_id,
            day=today,
            defaults={"state": DigestState.CLAIMED, "claimed_at": now},
        )
        if not created:
            waiting = (
                Digest.objects.filter(_may_take(now), recipient_id=user_id).order_by("day").first()
            )
            if waiting is None:
                return None
            taken = Digest.objects.filter(_may_take(now), pk=waiting.pk).update(
                state=DigestState.CLAIMED, claimed_at=now
            )
            if not taken:
                return None
            digest = waiting
        Reminder.objects.filter(
            recipient_id=user_id, digest__isnull=True, due__lte=today
        ).update(digest=digest)
    return digest


def send_digest(user_id: int, today: dt.date, now: dt.datetime) -> int:
    """Send one person's mail of the day unless that is done or being done. Returns mails sent."""
    digest = _claim(user_id, today, now)
    if digest is None:
        return 0
    message = build_mail(digest)
    if message is None:
        Digest.objects.filter(pk=digest.pk).update(state=DigestState.EMPTY)
        return 0
    connection = get_connection(fail_silently=False)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return _failed(digest, error)
    try:
        begun = Digest.objects.filter(pk=digest.pk, state=DigestState.CLAIMED).update(
            state=DigestState.SENDING, message_id=message.extra_headers["Message-ID"]
        )
        if not begun:
            return 0
        try:
            connection.send_messages([message])
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            return _failed(digest, error)  # the server said no: nothing went out
        except (OSError, smtplib.SMTPException) as error:
            Digest.objects.filter(pk=digest.pk).update(
                state=DigestState.UNKNOWN, error=str(error)[:500]
            )
            return 0
    finally:
        connection.close()
    Digest.objects.filter(pk=digest.pk).update(state=DigestState.SENT, sent_at=timezone.now())
    return 1


def _failed(digest: Digest, error: Exception) -> int:
    Digest.objects.filter(pk=digest.pk).update(
        state=DigestState.FAILED, attempts=digest.attempts + 1, error=str(error)[:500]
    )
    return 0


def build_mail(digest: Digest) -> EmailMessage | None:
    """The mail in the recipient's language, naming nothing confidential; None if all is done."""
    user = digest.recipient
    reminders = list(
        digest.reminders.filter(task__state__in=["not_started", "in_progress", "waiting"])
        .select_related("task")
        .order_by("task__due", "pk")
    )
    if not reminders or not user.is_active:
        return None
    with translation.override(user.language or settings.LANGUAGE_CODE):
        kinds: dict[tuple[str, dt.date | None], int] = defaultdict(int)
        for task in {r.task_id: r.task for r in reminders}.values():
            kinds[neutral_for(task.kind), task.due] += 1
        lines = []
        for (words, due), count in kinds.items():
            when = (
                _("due %(date)s") % {"date": date_format(due, "SHORT_DATE_FORMAT")}
                if due
                else _("no deadline")
            )
            lines.append(
                _("- %(words)s (%(count)s), %(when)s")
                % {"words": words, "count": count, "when": when}
            )
        total = sum(kinds.values())
        subject = ngettext(
            "Tarkka: %(count)s task waits for you", "Tarkka: %(count)s tasks wait for you", total
        ) % {"count": total}
        body = _(
            "Hello %(name)s,\n\nthis waits for you in Tarkka:\n\n%(lines)s\n\n"
            "Open your work: %(link)s\n\nThis mail holds no confidential content. You get it once "
            "a day at most; the hour can be changed in your profile."
        ) % {
            "name": user.first_name,
            "lines": "\n".join(lines),
            "link": settings.SITE_URL + reverse("worklist:my_work"),
        }
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    return EmailMessage(
        subject,
        body,
        to=[user.email],
        headers={
            "Message-ID": f"<digest-{digest.pk}-{digest.day.isoformat()}@{domain}>",
            "Auto-Submitted": "auto-generated",
        },
    )
