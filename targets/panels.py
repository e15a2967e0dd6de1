"""Cards on the page of a site that rooms above this one give to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from targets.models import Site

if TYPE_CHECKING:
    from authorities.actors import Actor


@dataclass
class Panel:
    """One card: a heading's words, the template of its body, what the template is given."""

    key: str
    title: str
    template: str
    values: dict[str, Any] = field(default_factory=dict)


Provider = Callable[["Actor", Site], Panel | None]
_providers: list[Provider] = []


def site_panel(function: Provider) -> Provider:
    """Register ``function(actor, site)``: it returns what the actor may see there, or None."""
    if function not in _providers:
        _providers.append(function)
    return function


def panels_of(actor: "Actor", site: Site) -> list[Panel]:
    """The cards for one reader, in the order of the rooms."""
    return [panel for function in _providers if (panel := function(actor, site)) is not None]
