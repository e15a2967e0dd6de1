"""Open follow-up and what belongs to unfinished operations pass to the authority that follows."""

from authorities.services.succession import Move, moves, next_person, rename_owner
from feedback.models import Debrief, Measure, Outcome

ENDED = ("closed", "cancelled")


@moves
def move_follow_up(move: Move) -> dict[str, int]:
    """Open measures go along whatever became of their operation; they are still to be done."""
    count = 0
    for measure in Measure.objects.open().filter(authority=move.old).order_by("pk"):
        measure.authority, measure.unit = move.new, move.unit(measure.unit_id)
        measure.responsible = next_person(move, measure.responsible)
        measure.save(update_fields=["authority", "unit", "responsible"])
        count += 1
    open_outcomes = Outcome.objects.exclude(visit__operation__state__in=ENDED).exclude(
        visit__outcomes__authority=move.new
    )
    rename_owner(open_outcomes, move, "authority")
    rename_owner(
        Debrief.objects.exclude(operation__state__in=ENDED).exclude(
            operation__debriefs__authority=move.new
        ),
        move, "authority",
    )  # fmt: skip
    return {"measures": count}
