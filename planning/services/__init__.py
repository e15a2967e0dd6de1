"""Writing phase 1; the rooms above and the commands call the same functions as the pages."""

from planning.services.days import (
    add_visit,
    create_day,
    move_visit,
    remove_day,
    remove_visit,
    update_day,
)
from planning.services.nominations import make_nomination, withdraw_nomination
from planning.services.operations import (
    create_operation,
    edit_operation,
    invite,
    move,
    remove_invitation,
)
from planning.services.participation import accept, decline, withdraw
from planning.services.selection import choose, sign, undo_choice

__all__ = [
    "accept",
    "add_visit",
    "choose",
    "create_day",
    "create_operation",
    "decline",
    "edit_operation",
    "invite",
    "make_nomination",
    "move",
    "move_visit",
    "remove_day",
    "remove_invitation",
    "remove_visit",
    "sign",
    "undo_choice",
    "update_day",
    "withdraw",
    "withdraw_nomination",
]
