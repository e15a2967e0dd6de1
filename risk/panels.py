"""The joint standing of a site on its page; opened on a page of its own."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from risk.selectors import joint_scores
from targets.models import Site
from targets.panels import Panel, site_panel


@site_panel
def standing_of_site(request: HttpRequest, site: Site) -> Panel | None:
    """Rank, coverage and each model's probability. Three queries."""
    card = joint_scores([site.pk])[site.pk]
    return Panel(
        "standing",
        _("Joint list"),
        "risk/panel.html",
        {"card": card, "site": site},
    )
