"""What rooms above add to the list of sites without being imported by it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from ui.seek import Values


@dataclass(frozen=True)
class SiteChoice:
    """A filter with choices: ``choices(actor)`` → value and words; ``apply(rows, actor, value)``."""

    name: str
    label: Any
    choices: Callable[[Any], list[tuple[str, str]]]
    apply: Callable[[QuerySet[Any], Any, str], QuerySet[Any]]


@dataclass(frozen=True)
class BulkAction:
    """Something to do with ticked sites: a page that gets ``id`` (each) or ``query`` (all that match)."""

    url_name: str
    label: Any
    allowed: Callable[[Any], bool]


@dataclass(frozen=True)
class SiteColumn:
    """A column of the list of sites.

    ``annotate_rows(rows, actor)`` fetches what it shows of one page's rows; ``annotate(rows)`` adds
    what short lists and exports are sorted by; ``walk(descending, start, number)`` gives values and ids
    along its order beyond the value and id ``start``, which a long list is filled from.
    """

    column: Any
    annotate_rows: Callable[[list[Any], Any], None] | None = None
    annotate: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None
    walk: Callable[[bool, Values | None, int], list[Values]] | None = None


_site_columns: dict[str, SiteColumn] = {}
_site_choices: dict[str, SiteChoice] = {}
_bulk_actions: dict[str, BulkAction] = {}


def site_choice(choice: SiteChoice) -> None:
    _site_choices[choice.name] = choice


def site_choices() -> list[SiteChoice]:
    return list(_site_choices.values())


def site_column(column: SiteColumn) -> None:
    _site_columns[column.column.key] = column


def site_columns() -> list[SiteColumn]:
    return list(_site_columns.values())


def bulk_action(action: BulkAction) -> None:
    _bulk_actions[action.url_name] = action


def bulk_actions(actor: Any) -> list[BulkAction]:
    return [action for action in _bulk_actions.values() if action.allowed(actor)]
