"""Writing phase 3."""

from feedback.services.follow_up import (
    cancel_measure,
    change_measure,
    close_measure,
    open_measure,
)
from feedback.services.outcomes import (
    give_feedback,
    mark_feedback_read,
    record_outcome,
    store_results,
    write_debrief,
)

__all__ = [
    "cancel_measure",
    "change_measure",
    "close_measure",
    "give_feedback",
    "mark_feedback_read",
    "open_measure",
    "record_outcome",
    "store_results",
    "write_debrief",
]
