"""Which reminders are made, for whom, and that making them again changes nothing."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from tests.factories import worklist as make
from worklist.models import Notification, Reminder, ReminderKind
from worklist.services import move_task
from worklist.services.reminders import make_reminders

pytestmark = pytest.mark.django_db
TODAY = dt.date(2026, 11, 25)


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(dt.datetime(2026, 11, 25, 6, tzinfo=dt.UTC), tick=False):
        yield


def made_on(day: int, task):
    """Kinds of reminder the task has after the generator ran on each day up to ``day``."""
    make_reminders(TODAY + dt.timedelta(days=day))
    return sorted(Reminder.objects.filter(task=task).values_list("kind", flat=True))


def test_each_kind_comes_on_its_day_and_once():
    task = make.task(make.person(), due=TODAY + dt.timedelta(days=4))
    assert made_on(0, task) == []
    assert made_on(1, task) == ["due_soon"]
    assert made_on(2, task) == ["due_soon"]
    assert made_on(4, task) == ["due_soon", "due_today"]
    assert made_on(5, task) == ["due_soon", "due_today", "overdue"]
    assert made_on(11, task).count("overdue") == 1
    assert made_on(12, task).count("overdue") == 2
    assert made_on(12, task).count("overdue") == 2


def test_new_task_is_told_even_without_a_date():
    task = make.task(make.person(), age=0)
    assert made_on(0, task) == ["new"]
    assert made_on(1, task) == ["new"]


def test_a_task_left_over_from_before_is_not_new():
    assert made_on(0, make.task(make.person(), age=30)) == []


def test_a_unit_task_reaches_usable_members_with_the_role_only():
    place = make.unit()
    doer = make.person(place, "coordinator")
    make.person(place, "inspector")
    gone = make.person(place, "coordinator")
    gone.membership.valid_to = TODAY - dt.timedelta(days=1)
    gone.membership.save()
    make.person(place, "coordinator", is_active=False)
    make.person(None, "coordinator")
    make.task(place, role="coordinator", due=TODAY)
    make_reminders(TODAY)
    assert [r.recipient for r in Reminder.objects.order_by("pk")] == [doer.user]


def test_an_assignee_whose_place_ended_gets_none():
    actor = make.person()
    actor.membership.valid_to = TODAY - dt.timedelta(days=1)
    actor.membership.save()
    make.task(actor, due=TODAY)
    assert make_reminders(TODAY) == 0


@pytest.mark.parametrize(("days", "expected"), [(2, []), (3, ["manager"]), (30, ["manager"])])
def test_escalation_goes_to_the_manager_of_the_unit(days, expected):
    place = make.unit()
    doer = make.person(place)
    manager = make.person(place, "manager")
    make.person(make.unit(place.authority), "manager")
    task = make.task(doer, due=TODAY - dt.timedelta(days=days))
    make_reminders(TODAY)
    told = Reminder.objects.filter(kind=ReminderKind.ESCALATION).order_by("pk")
    assert [r.recipient for r in told] == [manager.user] * len(expected)
    task.refresh_from_db()
    assert bool(task.escalated_at) == bool(expected)


def test_without_a_manager_in_the_unit_the_authoritys_is_told():
    place = make.unit()
    manager = make.person(make.unit(place.authority), "manager")
    make.task(make.person(place), due=TODAY - dt.timedelta(days=3))
    make_reminders(TODAY)
    assert Reminder.objects.get(kind="escalation").recipient == manager.user


def test_a_first_run_over_old_tasks_is_no_flood():
    """A switch-on that finds hundreds of overdue tasks: one line in the manager's inbox."""
    place = make.unit()
    make.person(place, "manager")
    doer = make.person(place)
    for number in range(600):
        make.task(doer, due=TODAY - dt.timedelta(days=40), title=f"Old {number}")
    make_reminders(TODAY)
    assert Notification.objects.count() == 1
    assert Notification.objects.get().url.endswith("?deadline=escalated")
    assert Reminder.objects.count() == 1200


def test_what_a_crash_left_out_is_made_by_the_next_run():
    """The key is that of each row; the first row of a batch says nothing about the others."""
    doer = make.person()
    tasks = [make.task(doer, due=TODAY) for _number in range(10)]
    make_reminders(TODAY)
    Reminder.objects.filter(task__in=tasks[3:]).delete()
    assert make_reminders(TODAY) == 7
    assert Reminder.objects.count() == 10


def test_queries_do_not_grow_with_tasks(django_assert_num_queries):
    for number in range(3):
        place = make.unit()
        make.person(place, "manager")
        for _number in range(4):
            make.task(make.person(place), due=TODAY - dt.timedelta(days=number))
    # Lock, tasks, people, known keys, insert, no more tasks; and the test's own savepoint.
    with django_assert_num_queries(8):
        make_reminders(TODAY)


def test_a_moved_task_is_reminded_of_its_new_date():
    task = make.task(make.person(), due=TODAY, key="moved")
    make_reminders(TODAY)
    move_task(key="moved", due=TODAY + dt.timedelta(days=10))
    later = TODAY + dt.timedelta(days=10)
    assert make_reminders(later) == 1
    assert Reminder.objects.filter(task=task, kind="due_today", due=later).exists()


def test_days_are_local_days():
    """At 23:30 in UTC it is already tomorrow here."""
    with time_machine.travel(dt.datetime(2026, 11, 25, 23, 30, tzinfo=dt.UTC), tick=False):
        task = make.task(make.person(), due=dt.date(2026, 11, 26))
        make_reminders()
        assert timezone.localdate() == dt.date(2026, 11, 26)
        assert Reminder.objects.get(task=task).kind == ReminderKind.DUE_TODAY
