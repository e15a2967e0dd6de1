"""The one transition table of operations: every arrow, who may take it, what it requires.

``permission`` is asked through ``planning.permissions``; ``requires`` names guards that are looked
up when the arrow is taken, so that later rooms (execution, feedback) can add theirs with
``register_guard`` without being imported here. What an arrow *makes* (tasks, notices) hangs on the
event ``operation.moved`` / the arrow's own verb.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from planning.models import Operation
from planning.models import OperationState as S
from planning.querysets import MANAGE

Guard = Callable[[Operation], list[Any]]
"""Takes the (locked) operation, returns messages that say what is still missing."""


@dataclass(frozen=True)
class Arrow:
    """One allowed move. ``verb`` is the audit verb, ``label`` the words on the button."""

    key: str
    sources: tuple[S, ...]
    target: S
    label: Promise
    permission: str
    verb: str
    needs_reason: bool = False


ARROWS: dict[str, Arrow] = {
    arrow.key: arrow
    for arrow in (
        Arrow(
            "invite", (S.DRAFT,), S.INVITING, _("Send invitations"), MANAGE, "operation.inviting"
        ),
        Arrow(
            "open_nominations",
            (S.INVITING,),
            S.NOMINATING,
            _("Open nominations"),
            MANAGE,
            "operation.nominating",
        ),
        Arrow(
            "start_selection",
            (S.NOMINATING,),
            S.SELECTING,
            _("Start selection"),
            MANAGE,
            "operation.selecting",
        ),
        Arrow(
            "ask_signatures",
            (S.SELECTING,),
            S.SIGNING,
            _("Ask for sign-off"),
            MANAGE,
            "operation.signing",
        ),
        Arrow(
            "reopen_selection",
            (S.SIGNING, S.SCHEDULED),
            S.SELECTING,
            _("Reopen selection"),
            MANAGE,
            "operation.reopened",
            needs_reason=True,
        ),
        # Taken by the last signature, not by a button.
        Arrow(
            "all_signed",
            (S.SIGNING,),
            S.SCHEDULED,
            _("All have signed"),
            MANAGE,
            "operation.scheduled",
        ),
        Arrow(
            "start_execution",
            (S.SCHEDULED,),
            S.EXECUTING,
            _("Start inspections"),
            MANAGE,
            "operation.executing",
        ),
        Arrow(
            "start_feedback",
            (S.EXECUTING,),
            S.FEEDBACK,
            _("Move to feedback"),
            MANAGE,
            "operation.feedback",
        ),
        Arrow(
            "close", (S.FEEDBACK,), S.CLOSED, _("Close the operation"), MANAGE, "operation.closed"
        ),
        Arrow(
            "cancel",
            (S.DRAFT, S.INVITING, S.NOMINATING, S.SELECTING, S.SIGNING, S.SCHEDULED),
            S.CANCELLED,
            _("Cancel the operation"),
            MANAGE,
            "operation.cancelled",
            needs_reason=True,
        ),
    )
}

PHASES: dict[str, tuple[S, ...]] = {
    "planning": (S.DRAFT, S.INVITING, S.NOMINATING, S.SELECTING, S.SIGNING, S.SCHEDULED),
    "execution": (S.EXECUTING,),
    "feedback": (S.FEEDBACK, S.CLOSED),
}

_guards: dict[str, list[Guard]] = defaultdict(list)


def register_guard(arrow: str, guard: Guard) -> None:
    """Add a condition to an arrow; called once from a room's ``AppConfig.ready``."""
    if guard not in _guards[arrow]:
        _guards[arrow].append(guard)


def missing_for(arrow: Arrow, operation: Operation) -> list[Any]:
    """What still stands in the way of taking ``arrow``, as messages; empty when nothing does."""
    return [message for guard in _guards[arrow.key] for message in guard(operation)]
