"""Writing phase 1; the rooms above and the commands call the same functions as the pages."""

from planning.services.availability import end_reservation, postpone, redate, reserve
from planning.services.board import adopt, choose, undo, undo_choice
from planning.services.days import (
    add_visit,
    create_day,
    move_visit,
    remove_day,
    remove_visit,
    update_day,
)
from planning.services.holds import change_hold, set_hold
from planning.services.nominations import make_nomination, withdraw_nomination
from planning.services.operations import (
    create_operation,
    edit_operation,
    invite,
    move,
    remove_invitation,
)
from planning.services.overlaps import accept_merge, decline_merge
from planning.services.participation import accept, decline, withdraw
from planning.services.signing import sign

__all__ = [
    "accept",
    "accept_merge",
    "add_visit",
    "adopt",
    "change_hold",
    "choose",
    "create_day",
    "create_operation",
    "decline",
    "decline_merge",
    "edit_operation",
    "end_reservation",
    "invite",
    "make_nomination",
    "move",
    "move_visit",
    "postpone",
    "redate",
    "remove_day",
    "remove_invitation",
    "remove_visit",
    "reserve",
    "set_hold",
    "sign",
    "undo",
    "undo_choice",
    "update_day",
    "withdraw",
    "withdraw_nomination",
]
