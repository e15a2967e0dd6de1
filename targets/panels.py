"""Cards on the page of a site that rooms above this one give to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from targets.models import Site


@dataclass
class Panel:
    """One card: a heading's words, the template of its body, what the template is given."""

    key: str
    title: str
    template: str
    values: dict[str, Any] = field(default_factory=dict)


Provider = Callable[[HttpRequest, Site], Panel | None]
_providers: list[Provider] = []


def site_panel(function: Provider) -> Provider:
    """Register ``function(request, site)``: it returns what the actor may see there, or None."""
    if function not in _providers:
        _providers.append(function)
    return function


def panels_of(request: HttpRequest, site: Site) -> list[Panel]:
    """The cards for one reader, in the order of the rooms."""
    return [panel for function in _providers if (panel := function(request, site)) is not None]
