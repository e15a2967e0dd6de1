"""The one transition table of operations: every arrow, who may take it, what it requires.

``permission`` is asked through ``planning.permissions``. The guards that ``requires`` names are
registered by their rooms (planning, execution, feedback), which therefore need no import here.
Tasks that ``makes`` names are made in ``planning.services.tasks``, those of later rooms by their
subscribers to the arrow's verb.
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
    """One allowed move. ``verb`` is the audit verb, ``label`` the words on the button.

    ``requires`` names the guards that must have nothing to say; ``makes`` the kinds of task that
    the target state calls for.
    """

    key: str
    sources: tuple[S, ...]
    target: S
    label: Promise
    permission: str
    verb: str
    requires: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    needs_reason: bool = False


_PLANNED = (S.DRAFT, S.INVITING, S.NOMINATING, S.SELECTING, S.SIGNING, S.SCHEDULED)

# fmt: off
ARROWS: dict[str, Arrow] = {
    arrow.key: arrow
    for arrow in (
        Arrow("invite", (S.DRAFT,), S.INVITING, _("Send invitations"), MANAGE,
              "operation.inviting", requires=("others_invited",), makes=("planning.answer",)),
        Arrow("open_nominations", (S.INVITING,), S.NOMINATING, _("Open nominations"), MANAGE,
              "operation.nominating", requires=("others_accepted",),
              makes=("planning.answer", "planning.nominate")),
        Arrow("start_selection", (S.NOMINATING,), S.SELECTING, _("Start selection"), MANAGE,
              "operation.selecting", requires=("something_nominated",), makes=("planning.select",)),
        Arrow("ask_signatures", (S.SELECTING,), S.SIGNING, _("Ask for sign-off"), MANAGE,
              "operation.signing", requires=("share_drawn", "all_decided", "meeting_over", "vetoes_kept"),
              makes=("planning.sign",)),
        Arrow("reopen_selection", (S.SIGNING, S.SCHEDULED), S.SELECTING, _("Reopen selection"),
              MANAGE, "operation.reopened", makes=("planning.select",), needs_reason=True),
        # Taken by the last signature, not by a button.
        Arrow("all_signed", (S.SIGNING,), S.SCHEDULED, _("All have signed"), MANAGE,
              "operation.scheduled", makes=("planning.days",)),
        Arrow("start_execution", (S.SCHEDULED,), S.EXECUTING, _("Start inspections"), MANAGE,
              "operation.executing", requires=("all_planned", "lawful_entry"), makes=("execution.day",)),
        Arrow("start_feedback", (S.EXECUTING,), S.FEEDBACK, _("Move to feedback"), MANAGE,
              "operation.feedback", requires=("visits_finished",)),
        Arrow("close", (S.FEEDBACK,), S.CLOSED, _("Close the operation"), MANAGE,
              "operation.closed", requires=("outcomes_recorded",)),
        Arrow("cancel", _PLANNED, S.CANCELLED, _("Cancel the operation"), MANAGE,
              "operation.cancelled", needs_reason=True),
    )
}
# fmt: on

PHASES: dict[str, tuple[S, ...]] = {
    "planning": _PLANNED,
    "execution": (S.EXECUTING,),
    "feedback": (S.FEEDBACK, S.CLOSED),
}

_guards: dict[str, list[Guard]] = defaultdict(list)


def register_guard(arrow: str, guard: Guard) -> None:
    """Add a condition that the table names; called once from a room's ``AppConfig.ready``."""
    if guard.__name__ not in ARROWS[arrow].requires:
        raise ValueError(f"the transition table does not name {guard.__name__} for {arrow}")
    if guard not in _guards[arrow]:
        _guards[arrow].append(guard)


def tasks_of(state: str) -> set[str]:
    """Kinds of task that the arrows into ``state`` make."""
    return {kind for arrow in ARROWS.values() if arrow.target == state for kind in arrow.makes}


def missing_for(arrow: Arrow, operation: Operation) -> list[Any]:
    """What still stands in the way of taking ``arrow``, as messages; empty when nothing does."""
    return [message for guard in _guards[arrow.key] for message in guard(operation)]
