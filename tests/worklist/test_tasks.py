"""Making tasks, moving them, and who may."""

import datetime as dt

import pytest

from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.models import Event
from tests.factories import worklist as make
from worklist.models import Notification, Task
from worklist.services import change_state, create_task, ensure_task, finish_tasks, undo_change
from worklist.services.tasks import arrows_for, may_change

pytestmark = pytest.mark.django_db


def test_a_task_for_a_colleague_is_recorded_and_told_once():
    maker = make.person()
    colleague = make.person(maker.unit)
    task = create_task(actor=maker, title=" Call the municipality ", assignee=colleague.user)
    assert task.title == "Call the municipality"
    assert Event.objects.get(verb="task.made").audience == [maker.authority.pk]
    notification = Notification.objects.get()
    assert notification.recipient == colleague.user
    assert notification.url == task.get_absolute_url()


@pytest.mark.parametrize("field", ["assignee", "unit"])
def test_no_task_for_another_authority(field):
    maker, stranger = make.person(), make.person()
    value = stranger.user if field == "assignee" else stranger.unit
    with pytest.raises(RuleViolation) as refused:
        create_task(actor=maker, title="x", **{field: value})
    assert refused.value.field == field
    assert not Task.objects.exists()


def test_a_task_needs_words_and_someone():
    with pytest.raises(RuleViolation) as refused:
        create_task(actor=make.person(), title="x")
    assert refused.value.field == "assignee"
    maker = make.person()
    with pytest.raises(RuleViolation) as refused:
        create_task(actor=maker, title="  ", assignee=maker.user)
    assert refused.value.field == "title"


def test_a_transition_repeated_makes_no_second_task():
    place = make.unit()
    for _time in range(2):
        ensure_task(
            key="k", kind="planning.sign", authority=place.authority, unit=place, subject=place,
            url="/x/", due=dt.date(2026, 12, 1),
        )  # fmt: skip
    assert Task.objects.count() == 1
    assert finish_tasks(actor=None, subject=place) == 1
    assert finish_tasks(actor=None, subject=place) == 0


def test_done_twice_is_done_once():
    actor = make.person()
    task = make.task(actor)
    change_state(actor=actor, task=task, arrow="done")
    change_state(actor=actor, task=task, arrow="done")
    assert Event.objects.filter(verb="task.done").count() == 1


@pytest.mark.parametrize("before", ["not_started", "in_progress", "waiting"])
@pytest.mark.parametrize("arrow", ["done", "cancel"])
def test_undo_brings_the_state_before_back(before, arrow):
    actor = make.person()
    task = make.task(actor, state=before)
    reached = change_state(actor=actor, task=task, arrow=arrow).state
    undone = undo_change(actor=actor, task=task, reached=reached, before=before)
    assert (undone.state, undone.done_at, undone.done_by) == (before, None, None)


def test_undo_refuses_when_somebody_was_quicker():
    actor = make.person()
    task = make.task(actor)
    change_state(actor=actor, task=task, arrow="done")
    change_state(actor=actor, task=task, arrow="reopen")
    with pytest.raises(Conflict):
        undo_change(actor=actor, task=task, reached="done", before="not_started")


def test_who_may_change_a_task():
    place = make.unit()
    task = make.task(place, role="coordinator")
    assert may_change(make.person(place, "coordinator"), task)
    assert may_change(make.person(make.unit(place.authority), "manager"), task)
    assert not may_change(make.person(place, "inspector"), task)
    outsider = make.person(None, "manager", "coordinator", "administrator")
    assert not may_change(outsider, task)
    with pytest.raises(NotAllowed):
        change_state(actor=outsider, task=task, arrow="done")


def test_another_authority_never_sees_a_task():
    place = make.unit()
    assignee = make.person(place)
    task = make.task(assignee)
    everything = ("manager", "coordinator", "administrator", "analyst", "inspector")
    assert task in Task.objects.visible_to(assignee)
    assert task in Task.objects.visible_to(make.person(make.unit(place.authority), "manager"))
    assert task not in Task.objects.visible_to(make.person(place, "inspector"))
    assert task not in Task.objects.visible_to(make.person(None, *everything))


def test_a_person_in_two_authorities_sees_each_ones_tasks_there_only():
    here, there = make.person(), make.unit()
    from authorities.actors import Actor
    from authorities.models import Membership

    elsewhere = Membership.objects.create(
        user=here.user, unit=there, authority=there.authority, roles=["inspector"]
    )
    task = make.task(here)
    assert task in Task.objects.mine(here)
    assert task not in Task.objects.visible_to(Actor(user=here.user, membership=elsewhere))


def test_a_task_that_stands_for_work_ends_by_the_work_only():
    """Marking “sign” as done without signing would silence its reminders."""
    actor = make.person()
    task = make.task(actor, kind="planning.sign", title="")
    assert arrows_for(actor, task) == ["start", "wait"]
    for arrow in ("done", "cancel"):
        with pytest.raises(RuleViolation):
            change_state(actor=actor, task=task, arrow=arrow)
    change_state(actor=actor, task=task, arrow="start")
    undo_change(actor=actor, task=task, reached="in_progress", before="not_started")
    with pytest.raises(RuleViolation):
        undo_change(actor=actor, task=task, reached="not_started", before="done")
    task.refresh_from_db()
    assert task.state == "not_started"


def test_hand_made_and_forgotten_kinds_can_be_ended():
    actor = make.person()
    for kind in ("manual", "gone.long_ago", "execution.day"):
        assert "done" in arrows_for(actor, make.task(actor, kind=kind))
