"""Which events of a target a reader sees on its page: those of subjects that the reader sees.

An event names its subject in plain columns, because every room is above this one. Each room says
here which of its models tell what happened at a target; an event of any other is not told there.
"""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import OuterRef, Q, Subquery

if TYPE_CHECKING:
    from audit.models import EventQuerySet
    from authorities.actors import Actor

_subjects: set[type[models.Model]] = set()
_with_context: set[type[models.Model]] = set()
_contexts: set[type[models.Model]] = set()


def told_at_target(*subjects: type[models.Model]) -> None:
    """Events whose subject is such a row are told to whoever sees the row (``visible_to``)."""
    _subjects.update(subjects)


def told_with_context(*subjects: type[models.Model]) -> None:
    """The same, to whoever sees the context: rows of which more is told than they show."""
    _with_context.update(subjects)


def context_of_target(*contexts: type[models.Model]) -> None:
    """Events in such a context are told only to those who see it as well."""
    _contexts.update(contexts)


def seen_by(events: "EventQuerySet", actor: "Actor") -> "EventQuerySet":
    """Those whose subject the actor sees and, where there is a context, the context too."""
    by_subject, events = _each(events, actor, "subject", _subjects)
    by_context, events = _each(events, actor, "context", _contexts)
    labels = sorted(model._meta.label_lower for model in _with_context)
    return events.filter(
        by_subject | Q(subject_type__in=labels) & ~Q(context_type=""),
        Q(context_type="") | by_context,
    )


def _each(
    events: "EventQuerySet", actor: "Actor", side: str, models_: set[type[models.Model]]
) -> "tuple[Q, EventQuerySet]":
    """Whether the row on that side is seen. Probed by its key: a target has few events, and a
    sub-select under OR would be planned as a hash of everything the actor sees."""
    seen = Q(pk__in=[])
    for model in sorted(models_, key=lambda m: m._meta.label_lower):
        label, name = model._meta.label_lower, f"{side}_{model._meta.model_name}"
        manager: Any = model._default_manager
        row = manager.visible_to(actor).filter(pk=OuterRef(f"{side}_id")).order_by("pk")
        events = events.alias(**{name: Subquery(row.values("pk")[:1])})
        seen |= Q(**{f"{side}_type": label, f"{name}__isnull": False})
    return seen, events
