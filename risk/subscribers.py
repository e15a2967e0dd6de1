"""What the scores hear of from elsewhere."""

from typing import TYPE_CHECKING, Any

from audit.bus import on
from risk.services.changes import register_changed

if TYPE_CHECKING:
    from audit.models import Event


@on("nomination.made", "choice.picked")
def case_recorded(event: "Event", subject: Any, actor: Any) -> None:
    """A site was nominated or chosen: indicators of cases count it."""
    if event.site_id:
        register_changed([event.site_id], [])
