"""Writing tasks and notifications. Rooms above call these inside their own transaction."""

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.errors import Conflict, NotAllowed, RuleViolation
from audit.services import record, target_of
from authorities.models import Authority, Membership, Role, Unit, User
from worklist.kinds import ends_by_hand
from worklist.models import Notification, Task, TaskState

if TYPE_CHECKING:
    from authorities.actors import Actor


def ensure_task(
    *,
    key: str,
    kind: str,
    authority: Authority,
    unit: Unit | None = None,
    role: str = "",
    assignee: User | None = None,
    subject: models.Model,
    url: str,
    due: dt.date | None = None,
    params: dict[str, Any] | None = None,
    private: bool = False,
) -> Task:
    """Make the task with this key, or return the one that exists (transitions may be repeated).

    ``private``: nobody but the assignee may know of it.
    """
    site_id, company_id = target_of(subject)
    task, _created = Task.objects.get_or_create(
        key=key,
        defaults={
            "kind": kind,
            "authority": authority,
            "unit": unit,
            "role": role,
            "assignee": assignee,
            "subject_type": subject._meta.label_lower,
            "subject_id": subject.pk,
            "subject_url": url,
            "due": due,
            "params": params or {},
            "private": private,
            "site_id": site_id,
            "company_id": company_id,
        },
    )
    return task


@transaction.atomic
def finish_tasks(
    *,
    actor: "Actor | None",
    subject: models.Model | None = None,
    kind: str | None = None,
    authority: Authority | None = None,
    key: str | None = None,
    cancelled: bool = False,
) -> int:
    """Close the open tasks that match all given arguments; returns how many.

    Called by the transition that made the work unnecessary or did it.
    """
    tasks = Task.objects.open()
    if key is not None:
        tasks = tasks.filter(key=key)
    if subject is not None:
        tasks = tasks.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk)
    if kind is not None:
        tasks = tasks.filter(kind=kind)
    if authority is not None:
        tasks = tasks.filter(authority=authority)
    if cancelled:
        return int(tasks.update(state=TaskState.CANCELLED))
    return int(
        tasks.update(
            state=TaskState.DONE,
            done_at=timezone.now(),
            done_by=actor.user if actor else None,
        )
    )


def notify(
    *,
    recipient: User,
    authority: Authority,
    kind: str,
    url: str = "",
    params: dict[str, Any] | None = None,
    key: str | None = None,
    about: models.Model | None = None,
) -> Notification:
    """Put one line into a person's inbox; with ``key`` at most once.

    ``about``: the row it is about, so that whoever is recused from its target does not read it.
    """
    site_id, company_id = target_of(about)
    values = {
        "site_id": site_id,
        "company_id": company_id,
        "recipient": recipient,
        "authority": authority,
        "kind": kind,
        "url": url,
        "params": params or {},
    }
    if key is None:
        return Notification.objects.create(**values)
    notification, _created = Notification.objects.get_or_create(key=key, defaults=values)
    return notification


def move_task(*, key: str, due: dt.date) -> int:
    """Give an open task a new due date (the deadline it stands for moved)."""
    return int(Task.objects.open().filter(key=key).update(due=due, escalated_at=None))


@transaction.atomic
def create_task(
    *,
    actor: "Actor",
    title: str,
    note: str = "",
    due: dt.date | None = None,
    assignee: User | None = None,
    unit: Unit | None = None,
    role: str = "",
) -> Task:
    """Make a task by hand, for a person or a unit of the own authority."""
    if not title.strip():
        raise RuleViolation(_("Say what has to be done."), field="title")
    if assignee is None and unit is None:
        raise RuleViolation(_("Choose a person or a unit for the task."), field="assignee")
    if unit is not None and unit.authority_id != actor.authority.pk:
        raise RuleViolation(_("Choose a unit of your own authority."), field="unit")
    if assignee is not None and not (
        Membership.objects.usable().filter(user=assignee, authority=actor.authority).exists()
    ):
        raise RuleViolation(_("Choose a person of your own authority."), field="assignee")
    task = Task.objects.create(
        kind="manual", title=title.strip(), note=note, due=due, assignee=assignee, unit=unit,
        role=role, authority=actor.authority, created_by=actor.user,
    )  # fmt: skip
    record(
        actor=actor, verb="task.made", subject=task, data={"title": title},
        audience=[actor.authority.pk],
    )  # fmt: skip
    if assignee is not None and assignee.pk != actor.user.pk:
        notify(
            recipient=assignee, authority=actor.authority, kind="task.assigned",
            params={"title": task.title}, url=task.get_absolute_url(),
            key=f"task.assigned:{task.pk}",
        )  # fmt: skip
    return task


ARROWS: dict[str, tuple[tuple[TaskState, ...], TaskState]] = {
    "start": ((TaskState.NOT_STARTED, TaskState.WAITING), TaskState.IN_PROGRESS),
    "wait": ((TaskState.NOT_STARTED, TaskState.IN_PROGRESS), TaskState.WAITING),
    "done": ((TaskState.NOT_STARTED, TaskState.IN_PROGRESS, TaskState.WAITING), TaskState.DONE),
    "reopen": ((TaskState.DONE, TaskState.CANCELLED), TaskState.IN_PROGRESS),
    "cancel": (
        (TaskState.NOT_STARTED, TaskState.IN_PROGRESS, TaskState.WAITING),
        TaskState.CANCELLED,
    ),
}


ENDED = {TaskState.DONE, TaskState.CANCELLED}


def arrows_for(actor: "Actor", task: Task) -> list[str]:
    """Keys of the arrows that the actor may take with the task now."""
    if not may_change(actor, task):
        return []
    return [
        key
        for key, (sources, target) in ARROWS.items()
        if task.state in sources and (target not in ENDED or ends_by_hand(task.kind))
    ]


def _check_end(task: Task, state: TaskState) -> None:
    if state in ENDED and not ends_by_hand(task.kind):
        raise RuleViolation(
            _("This task is done when the work itself is done. Open the work and finish it there.")
        )


def may_change(actor: "Actor", task: Task) -> bool:
    """Those who can do it, who made it, and the managers of the authority."""
    if task.authority_id != actor.authority.pk:
        return False
    if task.assignee_id == actor.user.pk or task.created_by_id == actor.user.pk:
        return True
    of_unit = task.unit_id == actor.unit.pk and (not task.role or task.role in actor.roles)
    return of_unit or actor.has_role(Role.MANAGER, Role.COORDINATOR)


@transaction.atomic
def change_state(*, actor: "Actor", task: Task, arrow: str) -> Task:
    """Take one arrow of ``ARROWS``; a task already there is left as it is (asked for twice)."""
    task = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    if not may_change(actor, task):
        raise NotAllowed(_("This task is not yours to change."))
    sources, target = ARROWS[arrow]
    if task.state == target:
        return task
    if task.state not in sources:
        raise RuleViolation(_("The task is “%(state)s” now.") % {"state": task.get_state_display()})
    _check_end(task, target)
    return _enter(actor, task, target)


@transaction.atomic
def undo_change(*, actor: "Actor", task: Task, reached: str, before: str) -> Task:
    """Put a task back into ``before``, if it is still in the state its change ``reached``.

    Raises ``Conflict`` when somebody has changed it since, ``NotAllowed`` like the change itself.
    """
    task = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    if not may_change(actor, task):
        raise NotAllowed(_("This task is not yours to change."))
    if before not in TaskState.values or task.state != reached:
        raise Conflict(
            _("The task has been changed since; it is “%(state)s” now.")
            % {"state": task.get_state_display()}
        )
    _check_end(task, TaskState(before))
    return _enter(actor, task, TaskState(before))


def _enter(actor: "Actor", task: Task, state: TaskState) -> Task:
    task.state = state
    task.done_at = timezone.now() if state == TaskState.DONE else None
    task.done_by = actor.user if state == TaskState.DONE else None
    task.save(update_fields=["state", "done_at", "done_by"])
    if state == TaskState.DONE:
        record(
            actor=actor, verb="task.done", subject=task, data={"kind": task.kind},
            audience=[actor.authority.pk],
        )  # fmt: skip
    return task


@transaction.atomic
def mark_read(*, actor: "Actor", public_id: str | None = None) -> int:
    """Mark one notification, or all of the acting authority's, as read."""
    mine = Notification.objects.visible_to(actor).unread()
    if public_id is not None:
        mine = mine.filter(public_id=public_id)
    return int(mine.update(read_at=timezone.now()))
