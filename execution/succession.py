"""Open records and the checklists in force pass to the authority that follows."""

from django.db.models import Q

from authorities.services.succession import Move, moves, rename_owner
from execution.models import Checklist, InspectionRecord

ENDED = ("closed", "cancelled")


@moves
def move_records(move: Move) -> dict[str, int]:
    known = Checklist.objects.filter(authority=move.new).values("code")
    lists = Checklist.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=move.succession.on)
    ).exclude(code__in=known)
    records = InspectionRecord.objects.exclude(visit__operation__state__in=ENDED).exclude(
        visit__records__authority=move.new
    )
    return {
        "checklists": rename_owner(lists, move, "authority"),
        "records": rename_owner(records, move, "authority"),
    }
