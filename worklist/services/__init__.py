"""Writing tasks and notifications; the rooms above call these inside their own transaction."""

from worklist.services.tasks import (
    change_state,
    create_task,
    ensure_task,
    finish_tasks,
    mark_read,
    move_task,
    notify,
    undo_change,
)

__all__ = [
    "change_state",
    "create_task",
    "ensure_task",
    "finish_tasks",
    "mark_read",
    "move_task",
    "notify",
    "undo_change",
]
