"""Writing phase 2."""

from execution.services.photos import add_photo, remove_photo
from execution.services.records import (
    add_finding,
    remove_finding,
    reopen_record,
    save_record,
    submit_record,
)
from execution.services.visits import (
    end_visit,
    mark_not_possible,
    prepare_visits,
    start_visit,
)

__all__ = [
    "add_finding",
    "add_photo",
    "end_visit",
    "mark_not_possible",
    "prepare_visits",
    "remove_finding",
    "remove_photo",
    "reopen_record",
    "save_record",
    "start_visit",
    "submit_record",
]
