"""What the page of a site tells of operations: those the reader sees, never more."""

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from planning.models import Nomination, Operation, PlannedVisit
from targets.models import Site
from targets.panels import Panel, site_panel
from targets.parts import part_of

SHOWN = 20
VISITS_OF = (
    gettext_lazy("Planned visits %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Planned visits %(first)s–%(last)s of more than %(count)s are shown."),
)
NOMINATIONS_OF = (
    gettext_lazy("Nominations %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Nominations %(first)s–%(last)s of more than %(count)s are shown."),
)
ENDED = ("feedback", "closed", "cancelled")


@site_panel
def plans_of_site(request: HttpRequest, site: Site) -> Panel | None:
    """Visits to come and nominations of rounds under way, in operations the actor sees.

    Two queries, and one more of each that is long. Visits that were made stand with the visits of
    the site.
    """
    actor = request.actor  # type: ignore[attr-defined]
    seen = Operation.objects.visible_to(actor)
    visits = part_of(
        PlannedVisit.objects.filter(
            site=site, operation__in=seen, merged_into__isnull=True,
            day__date__gte=timezone.localdate(),
        )
        .select_related("operation", "day").order_by("day__date", "pk"),
        request, "plans", SHOWN, VISITS_OF,
    )  # fmt: skip
    nominations = part_of(
        Nomination.objects.visible_to(actor).filter(site=site, state="active")
        .exclude(operation__state__in=ENDED)
        .select_related("operation", "authority").order_by("-pk"),
        request, "nominations", SHOWN, NOMINATIONS_OF,
    )  # fmt: skip
    if not visits.rows and not nominations.rows:
        return None
    return Panel(
        "plans", _("Who plans a visit"), "planning/site_panel.html",
        {"visits": visits, "nominations": nominations},
    )  # fmt: skip
