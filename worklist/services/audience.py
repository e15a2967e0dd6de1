"""Who is told about a task: those who can do it, and the managers it is escalated to."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from authorities.models import Membership, Role
from worklist.models import Task


class Audience:
    """People for a set of tasks, from memberships usable on ``day``. One query, when made."""

    def __init__(self, tasks: Iterable[Task], day: dt.date) -> None:
        rows = (
            Membership.objects.usable(day)
            .filter(authority_id__in={task.authority_id for task in tasks})
            .order_by("pk")
            .values_list("authority_id", "unit_id", "user_id", "roles")
        )
        self._of_unit: dict[int, list[tuple[int, list[str]]]] = defaultdict(list)
        self._units_of: dict[tuple[int, int], set[int]] = defaultdict(set)
        self._managers: dict[int, set[int]] = defaultdict(set)
        for authority, unit, user, roles in rows:
            self._of_unit[unit].append((user, roles))
            self._units_of[authority, user].add(unit)
            if Role.MANAGER in roles:
                self._managers[authority].add(user)

    def doers(self, task: Task) -> set[int]:
        """Ids of the assignee, or of those of the unit with the task's role.

        Someone whose place in the authority has ended is told nothing about its work.
        """
        if task.assignee_id:
            held = self._units_of.get((task.authority_id, task.assignee_id))
            return {task.assignee_id} if held else set()
        return {
            user
            for user, roles in self._of_unit.get(task.unit_id or 0, [])
            if not task.role or task.role in roles
        }

    def managers(self, task: Task) -> set[int]:
        """Ids of the managers of the task's unit (or the assignee's), else of the authority.

        A private task is escalated to nobody here; whoever made it sees to that.
        """
        if task.private:
            return set()
        units = {task.unit_id} if task.unit_id else set()
        if not units and task.assignee_id:
            units = set(self._units_of.get((task.authority_id, task.assignee_id), ()))
        near = {
            user
            for unit in units
            for user, roles in self._of_unit.get(unit or 0, [])
            if Role.MANAGER in roles
        }
        return near or set(self._managers.get(task.authority_id, ()))
