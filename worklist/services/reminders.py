"""Reminders as rows: one reason to tell one person about one task on one local day.

The generator may be run at any time, by any number of processes and again after being killed: the
unique key (task, recipient, kind, due) decides for each row by itself. What a long pause or a
first run finds comes as at most one mail a person (``digests``) and one line in the inbox.
"""

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from authorities.models import Authority, User
from worklist.models import Reminder, ReminderKind, Task
from worklist.services.audience import Audience
from worklist.services.tasks import notify

SOON_DAYS = 3
NEW_DAYS = 7
ESCALATE_AFTER_DAYS = 3
REPEAT_DAYS = 7
BATCH = 500
LOCK = 7_140_001  # any number, the same in every process

Row = tuple[int, int, str, dt.date]


def reasons(task: Task, today: dt.date) -> Iterator[tuple[ReminderKind, dt.date]]:
    """Kinds of reminder that ``task`` calls for on ``today`` (local), each with its key's date."""
    made = timezone.localdate(task.created_at)
    if 0 <= (today - made).days <= NEW_DAYS:
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


def still_holds(reminder: Reminder, today: dt.date) -> bool:
    """False when the task was ended or given another date since the reminder was made."""
    task = reminder.task
    if not task.is_open:
        return False
    if reminder.kind == ReminderKind.NEW:
        return True
    if task.due is None:
        return False
    if reminder.kind == ReminderKind.OVERDUE:
        return task.due < today
    if reminder.kind == ReminderKind.ESCALATION:
        return (today - task.due).days >= ESCALATE_AFTER_DAYS
    # A mail that comes late still tells that the day is near, today or already over.
    return (task.due - today).days <= SOON_DAYS


@transaction.atomic
def make_reminders(today: dt.date | None = None) -> int:
    """Store the reminders that open tasks call for; returns how many were new.

    Leaves it to another process when one is at it already.
    """
    today = today or timezone.localdate()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    candidates = (
        Task.objects.open()
        .filter(
            Q(due__lte=today + dt.timedelta(days=SOON_DAYS))
            | Q(created_at__gte=timezone.now() - dt.timedelta(days=NEW_DAYS + 1))
        )
        .order_by("pk")
    )
    made, last = 0, 0
    escalated: set[tuple[int, int]] = set()  # (authority, manager)
    while batch := list(candidates.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        made += _remind(batch, today, escalated)
    _tell_managers(escalated, today)
    return made


def _remind(batch: list[Task], today: dt.date, escalated: set[tuple[int, int]]) -> int:
    """Store what is missing for ``batch``; a constant number of queries."""
    audience = Audience(batch, today)
    there: set[Row] = set(
        Reminder.objects.filter(task__in=batch).values_list(
            "task_id", "recipient_id", "kind", "due"
        )
    )
    missing: list[Reminder] = []
    newly: list[int] = []
    for task in batch:
        for kind, due in reasons(task, today):
            if kind == ReminderKind.ESCALATION:
                people = audience.managers(task)
                if task.escalated_at is None:
                    newly.append(task.pk)
                    escalated.update((task.authority_id, user) for user in people)
            else:
                people = audience.doers(task)
            missing += [
                Reminder(task=task, recipient_id=user, kind=kind, due=due)
                for user in sorted(people)
                if (task.pk, user, str(kind), due) not in there
            ]
    Reminder.objects.bulk_create(missing, ignore_conflicts=True)
    if newly:
        Task.objects.filter(pk__in=newly).update(escalated_at=timezone.now())
    return len(missing)


def _tell_managers(escalated: set[tuple[int, int]], today: dt.date) -> None:
    """One line a day in each manager's inbox, leading to the list; never one a task."""
    authorities = Authority.objects.in_bulk({authority for authority, _user in escalated})
    users = User.objects.in_bulk({user for _authority, user in escalated})
    for authority, user in sorted(escalated):
        notify(
            recipient=users[user],
            authority=authorities[authority],
            kind="task.escalated",
            params={
                f"authority_{code}": getattr(authorities[authority], f"name_{code}")
                for code, _name in settings.LANGUAGES
            },
            url=reverse("worklist:task_list") + "?deadline=escalated",
            key=f"task.escalated:{authority}:{user}:{today.isoformat()}",
        )
