"""What the page of a site tells of operations: those the reader sees, never more."""

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from planning.models import Nomination, Operation, PlannedVisit
from targets.models import Site
from targets.panels import Panel, site_panel

if TYPE_CHECKING:
    from authorities.actors import Actor

SHOWN = 20
ENDED = ("feedback", "closed", "cancelled")


@site_panel
def plans_of_site(actor: "Actor", site: Site) -> Panel | None:
    """Visits to come and nominations of rounds under way, in operations the actor sees.

    Two queries. Visits that were made stand with the visits of the site.
    """
    seen = Operation.objects.visible_to(actor)
    visits = list(
        PlannedVisit.objects.filter(
            site=site, operation__in=seen, merged_into__isnull=True,
            day__date__gte=timezone.localdate(),
        )
        .select_related("operation", "day").order_by("day__date", "pk")[:SHOWN]
    )  # fmt: skip
    nominations = list(
        Nomination.objects.visible_to(actor).filter(site=site, state="active")
        .exclude(operation__state__in=ENDED)
        .select_related("operation", "authority").order_by("-pk")[:SHOWN]
    )  # fmt: skip
    if not visits and not nominations:
        return None
    return Panel(
        "plans", _("Who plans a visit"), "planning/site_panel.html",
        {"visits": visits, "nominations": nominations},
    )  # fmt: skip
