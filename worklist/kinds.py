"""Words for kinds of tasks and notifications.

Each room registers its own in its ``kinds`` module, imported from ``apps.ready``. Words are looked
up when they are shown, in the reader's language; a value that is missing reads as a dash and a
kind that nobody registered gets a neutral title, so that no old row can break a page.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from ui.names import language_order

_titles: dict[str, tuple[Any, Any]] = {}
_by_hand: set[str] = set()
_notifications: dict[str, tuple[Any, Any]] = {}
UNKNOWN_TASK = (_("Task"), _("Task"))
UNKNOWN_NOTIFICATION = (_("Something has changed."), "")


class _Known(dict[str, Any]):
    """Values by name; of a name given as ``x_fi``, ``x_sv``, ``x_en``, ``x`` is the reader's."""

    def __missing__(self, key: str) -> Any:
        for code in language_order():
            if f"{key}_{code}" in self and self[f"{key}_{code}"] != "–":
                return self[f"{key}_{code}"]
        return "–"


def _filled(words: Any, params: dict[str, Any] | None) -> str:
    """``words`` with the values put in. Only ``%(name)s`` placeholders are allowed."""
    shown = {name: "–" if value in (None, "") else value for name, value in (params or {}).items()}
    return str(words) % _Known(shown)


def register(kind: str, title: Any, neutral: Any, *, by_hand: bool = False) -> None:
    """``title`` may hold ``%(name)s`` placeholders; ``neutral`` names nothing (for mails).

    A task is done by doing the work it stands for (signing ends the task to sign). ``by_hand``
    lets people mark it as done or cancel it, for work that leaves no trace of its own.
    """
    _titles[kind] = (title, neutral)
    (_by_hand.add if by_hand else _by_hand.discard)(kind)


def ends_by_hand(kind: str) -> bool:
    """Whether people may end such a task themselves; true for kinds nobody knows any more."""
    return kind in _by_hand or kind not in _titles


def register_notification(kind: str, sentence: Any, reason: Any) -> None:
    """``sentence`` with placeholders, and why the reader gets it."""
    _notifications[kind] = (sentence, reason)


def registered() -> dict[str, tuple[Any, Any]]:
    """All kinds with their words, tasks and notifications, for checks."""
    return {**_titles, **_notifications}


def title_for(kind: str, params: dict[str, Any] | None, own_title: str = "") -> str:
    """The task's title in the reader's language."""
    return own_title or _filled(_titles.get(kind, UNKNOWN_TASK)[0], params)


def neutral_for(kind: str) -> str:
    """The task's kind in words that give nothing away, for mails."""
    return str(_titles.get(kind, UNKNOWN_TASK)[1])


def sentence_for(kind: str, params: dict[str, Any] | None) -> tuple[str, str]:
    """A notification's sentence and the reason why this person gets it."""
    sentence, reason = _notifications.get(kind, UNKNOWN_NOTIFICATION)
    return _filled(sentence, params), str(reason)


register("manual", _("Task"), _("Task"), by_hand=True)
register(
    "access.review",
    _("Review what %(name)s looked up without a task on %(day)s (cases: %(cases)s)"),
    _("Review look-ups"),
    by_hand=True,
)
register(
    "access.review_many",
    _("Review why %(name)s looked at unusually much on %(day)s (objects: %(objects)s)"),
    _("Review look-ups"),
    by_hand=True,
)
register_notification(
    "task.assigned", _("You were given a task: %(title)s"), _("you are the one to do it")
)
register_notification(
    "task.escalated",
    _("Overdue tasks of %(authority)s were escalated to you."),
    _("you are a manager there"),
)
