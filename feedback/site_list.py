"""What this room adds to the list of sites: a filter by findings that still wait for something."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from feedback.selectors import open_findings
from targets.hooks import SiteChoice, site_choice

if TYPE_CHECKING:
    from authorities.actors import Actor

OPEN = "open"


def _choices(actor: "Actor") -> list[tuple[str, Any]]:
    return [(OPEN, gettext_lazy("Open findings of my authority"))]


def _with_findings(rows: QuerySet[Any], actor: "Actor", value: str) -> QuerySet[Any]:
    """Sites whose page names an open finding to this actor: few among all sites, so found first."""
    return rows.filter(pk__in=open_findings(actor).order_by().values("record__visit__site"))


def register() -> None:
    site_choice(SiteChoice("findings", gettext_lazy("Findings"), _choices, _with_findings))
