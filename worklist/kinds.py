"""Words for kinds of tasks and notifications. Each room registers its own from ``apps.ready``."""

from typing import Any

from django.utils.translation import gettext_lazy as _

_titles: dict[str, tuple[Any, Any]] = {}
_notifications: dict[str, tuple[Any, Any]] = {}


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "–"


def register(kind: str, title: Any, neutral: Any) -> None:
    """``title`` may hold ``%(name)s`` placeholders; ``neutral`` names nothing (for mails)."""
    _titles[kind] = (title, neutral)


def register_notification(kind: str, sentence: Any, reason: Any) -> None:
    """``sentence`` with placeholders, and why the reader gets it."""
    _notifications[kind] = (sentence, reason)


def title_for(kind: str, params: dict[str, Any], own_title: str = "") -> str:
    """The task's title in the reader's language."""
    if own_title:
        return own_title
    title, _neutral = _titles.get(kind, (_("Task"), _("Task")))
    return str(title) % _Known(params)


def neutral_for(kind: str) -> str:
    """The task's kind in words that give nothing away, for mails."""
    return str(_titles.get(kind, (_("Task"), _("Task")))[1])


def sentence_for(kind: str, params: dict[str, Any]) -> tuple[str, str]:
    """A notification's sentence and the reason why this person gets it."""
    sentence, reason = _notifications.get(kind, (_("Something has changed."), ""))
    return str(sentence) % _Known(params), str(reason)


register("manual", _("Task"), _("Task"))
register_notification(
    "task.assigned", _("You were given a task: %(title)s"), _("you are the one to do it")
)
register_notification(
    "task.escalated",
    _("A task of your unit is overdue: %(title)s"),
    _("you are a manager of the unit"),
)
