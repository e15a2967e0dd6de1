"""An open task about an object is purpose enough to look at it."""

from typing import TYPE_CHECKING

from django.db import models

from audit.access import implies_purpose
from worklist.models import Task

if TYPE_CHECKING:
    from authorities.actors import Actor


@implies_purpose
def task_leads_here(actor: "Actor", case: models.Model) -> str:
    """The title of an open task of the actor's about ``case``; one query."""
    task = (
        Task.objects.mine(actor)
        .filter(subject_type=case._meta.label_lower, subject_id=case.pk)
        .order_by("pk")
        .first()
    )
    if task is None:
        return ""
    from worklist.kinds import title_for

    return title_for(task.kind, task.params, task.title)
