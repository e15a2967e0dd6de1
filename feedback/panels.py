"""What the page of a site tells of earlier visits of operations: findings and measures still open."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from execution.models import Finding
from feedback.models import Measure
from targets.models import Site
from targets.panels import Panel, site_panel

if TYPE_CHECKING:
    from authorities.actors import Actor

SHOWN = 20


@site_panel
def open_at_site(actor: "Actor", site: Site) -> Panel | None:
    """Open measures of visible operations, and the own authority's findings. Two queries."""
    measures = list(
        Measure.objects.visible_to(actor).open().filter(visit__site=site)
        .select_related("authority", "operation").order_by("deadline", "pk")[:SHOWN]
    )  # fmt: skip
    findings = list(
        Finding.objects.visible_to(actor).standing().filter(record__visit__site=site)
        .select_related("record__visit").order_by("-created_at", "-pk")[:SHOWN]
    )  # fmt: skip
    if not measures and not findings:
        return None
    return Panel(
        "open", _("Open findings and measures"), "feedback/site_panel.html",
        {"measures": measures, "findings": findings},
    )  # fmt: skip
