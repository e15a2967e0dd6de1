"""Indicators and models pass to the authority that follows.

What was decided (approvals of versions in or out of use, overrides) still names the old one.
"""

from authorities.services.succession import Move, moves, rename_owner
from risk.models import Approval, Indicator, ModelState, ModelVersion, RiskModel, Score
from risk.services import method

DECIDED = (ModelState.ACTIVE, ModelState.RETIRED)


@moves
def move_risk(move: Move) -> dict[str, int]:
    told = (
        ModelVersion.objects.filter(
            model__authority=move.old, model__joint=True, state=ModelState.ACTIVE
        )
        .order_by("pk")
        .last()
    )
    counts = {
        "indicators": rename_owner(Indicator.objects.all(), move, "authority"),
        "models": rename_owner(RiskModel.objects.all(), move, "authority"),
    }
    # The wall goes by it: scores of models that only their authority sees.
    rename_owner(Score.objects.filter(joint=False), move, "authority")
    _move_approvals(move)
    if told is not None:
        told.refresh_from_db()
        method.publish(told)
    return counts


def _move_approvals(move: Move) -> None:
    """Of a version that waits for approvals; where both have approved, one authority has."""
    waiting = Approval.objects.exclude(version__state__in=DECIDED)
    both = waiting.filter(authority=move.new).values("version")
    waiting.filter(authority=move.old, version__in=both).delete()
    rename_owner(waiting, move, "authority")
