"""Open tasks pass to the authority that follows."""

from authorities.services.succession import Move, moves, next_person
from worklist.models import Task


@moves
def move_tasks(move: Move) -> dict[str, int]:
    """Each open task goes to the new unit; to the person only if they have a place there."""
    count = 0
    for task in Task.objects.open().filter(authority=move.old).order_by("pk"):
        task.authority = move.new
        task.assignee = next_person(move, task.assignee)
        if task.unit_id is not None or task.assignee is None:
            task.unit = move.unit(task.unit_id)
            # A private task of somebody who is gone has no reader left; the sweep that made it
            # asks the superior in its own time.
            task.private = task.private and task.assignee is not None
        if task.private or task.assignee is not None or task.kind != "planning.hold":
            task.save(update_fields=["authority", "assignee", "unit", "private"])
        else:
            task.delete()
        count += 1
    return {"tasks": count}
