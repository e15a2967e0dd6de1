"""The main menu: one list, shown as far as the acting roles reach."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Item:
    url_name: str
    label: Promise
    icon: str
    roles: tuple[str, ...] = ()
    heading: Promise | str = ""  # items with the same heading stand together under it


POWERS = _("Powers and sharing")
RISK = _("Risk")
ITEMS = (
    Item("worklist:my_work", _("My work"), "tasks"),
    Item("planning:operation_list", _("Operations"), "operations"),
    Item("planning:holds", _("Holds"), "lock", ("coordinator", "manager", "analyst")),
    Item("planning:overlaps", _("Overlapping visits"), "history"),
    Item("execution:my_days", _("Inspection days"), "calendar"),
    Item("planning:people", _("People and vehicles"), "user", ("coordinator", "administrator")),
    Item("feedback:measure_list", _("Follow-up"), "follow"),
    Item("feedback:report_list", _("Reports"), "report"),
    Item("targets:site_list", _("Sites"), "site"),
    Item("targets:company_list", _("Companies"), "company"),
    Item("targets:signal_list", _("Signals"), "flag"),
    Item("targets:sharing", _("Given and received"), "send"),
    Item("targets:dataset_list", _("Data sets"), "columns", ("analyst", "coordinator", "manager")),
    Item(
        "targets:import_list", _("Imports"), "import", ("coordinator", "analyst", "administrator")
    ),
    Item(
        "targets:pair_list",
        _("Possible matches"),
        "search",
        ("coordinator", "analyst", "administrator"),
    ),
    Item(
        "risk:indicator_list",
        _("Indicators"),
        "columns",
        ("analyst", "coordinator", "manager"),
        heading=RISK,
    ),
    Item(
        "risk:model_list",
        _("Risk models"),
        "report",
        ("analyst", "coordinator", "manager"),
        heading=RISK,
    ),
    Item("risk:method", _("How targets are chosen"), "info", heading=RISK),
    Item("authorities:gateway", _("Who may be told"), "message", heading=POWERS),
    Item("authorities:competence_list", _("Powers"), "shield", heading=POWERS),
    Item("authorities:authority_list", _("Authorities and people"), "people"),
    Item("targets:recusals", _("Recusals"), "eye", ("administrator", "manager")),
    Item("targets:erasure_list", _("Proofs of erasure"), "trash", ("administrator", "manager")),
    Item("authorities:access_list", _("Access log"), "lock", ("administrator", "manager")),
)


address = cache(reverse)  # always the same, and asked for two dozen times a page


def items_for(request: HttpRequest) -> list[dict[str, Any]]:
    """Menu entries for the request's actor, with the present one marked."""
    actor = getattr(request, "actor", None)
    if actor is None:
        return []
    entries: list[dict[str, Any]] = []
    for item in ITEMS:
        if item.roles and not actor.has_role(*item.roles):
            continue
        entries.append(
            {
                "url": address(item.url_name),
                "label": item.label,
                "icon": item.icon,
                "heading": item.heading,
                "current": False,
            }
        )
    # One address may begin with another's ("operations/holds/"): the longest is where we are.
    here = [entry for entry in entries if request.path.startswith(entry["url"])]
    if here:
        max(here, key=lambda entry: len(entry["url"]))["current"] = True
    return entries
