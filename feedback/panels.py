"""What the page of a site tells of earlier visits of operations: findings and measures still open."""

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from feedback.models import Measure
from feedback.selectors import open_findings
from targets.models import Site
from targets.panels import Panel, site_panel
from targets.parts import part_of

SHOWN = 20
MEASURES_OF = (
    gettext_lazy("Measures %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Measures %(first)s–%(last)s of more than %(count)s are shown."),
)
FINDINGS_OF = (
    gettext_lazy("Findings %(first)s–%(last)s of %(count)s are shown."),
    gettext_lazy("Findings %(first)s–%(last)s of more than %(count)s are shown."),
)


@site_panel
def open_at_site(request: HttpRequest, site: Site) -> Panel | None:
    """Open measures of visible operations, and the own authority's open findings, a part at a time.

    Two queries, and one more of each that is long.
    """
    actor = request.actor  # type: ignore[attr-defined]
    measures = part_of(
        Measure.objects.visible_to(actor).open().filter(visit__site=site)
        .select_related("authority", "operation").order_by("deadline", "pk"),
        request, "measures", SHOWN, MEASURES_OF,
    )  # fmt: skip
    findings = part_of(
        open_findings(actor).filter(record__visit__site=site)
        .select_related("record__visit").order_by("-created_at", "-pk"),
        request, "findings", SHOWN, FINDINGS_OF,
    )  # fmt: skip
    if not measures.rows and not findings.rows:
        return None
    return Panel(
        "open", _("Open findings and measures"), "feedback/site_panel.html",
        {"measures": measures, "findings": findings},
    )  # fmt: skip
