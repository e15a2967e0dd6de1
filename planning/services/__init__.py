"""Writing phase 1; the rooms above and the commands call the same functions as the pages."""

from planning.services.adoption import adopt, undo
from planning.services.availability import end_reservation, postpone, redate, reserve
from planning.services.board import choose, undo_choice
from planning.services.days import (
    add_visit,
    change_length,
    create_day,
    move_visit,
    order_by_distance,
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
from planning.services.pool import add_to_pool, take_from_pool
from planning.services.replanning import replan
from planning.services.resources import (
    add_absence,
    add_vehicle,
    edit_vehicle,
    end_absence,
    set_hours,
    set_skills,
)
from planning.services.routes import plan_days, undo_plan
from planning.services.signing import sign

__all__ = [
    "accept",
    "accept_merge",
    "add_absence",
    "add_to_pool",
    "add_vehicle",
    "add_visit",
    "adopt",
    "change_hold",
    "change_length",
    "choose",
    "create_day",
    "create_operation",
    "decline",
    "decline_merge",
    "edit_operation",
    "edit_vehicle",
    "end_absence",
    "end_reservation",
    "invite",
    "make_nomination",
    "move",
    "move_visit",
    "order_by_distance",
    "plan_days",
    "postpone",
    "redate",
    "remove_day",
    "remove_invitation",
    "remove_visit",
    "replan",
    "reserve",
    "set_hold",
    "set_hours",
    "set_skills",
    "sign",
    "take_from_pool",
    "undo",
    "undo_choice",
    "undo_plan",
    "update_day",
    "withdraw",
    "withdraw_nomination",
]
