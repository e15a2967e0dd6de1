"""Tabs of an operation's page. Rooms above add theirs without being imported here."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from planning.models import Operation


@dataclass(frozen=True)
class Tab:
    key: str
    label: Any
    url_name: str
    states: tuple[str, ...] = ()  # empty: in every state
    part: bool = False  # only for authorities that take part, not for those only invited


_tabs: list[Tab] = [
    Tab("overview", _("Overview"), "planning:operation_detail"),
    Tab("participants", _("Participants"), "planning:participants"),
    Tab("nominate", _("Nominations"), "planning:nominate"),
    Tab(
        "pool",
        _("Pool"),
        "planning:pool",
        ("nominating", "selecting", "signing", "scheduled", "executing", "feedback", "closed"),
    ),
    Tab(
        "signals",
        _("Signals"),
        "planning:shared_signals",
        ("nominating", "selecting", "signing", "scheduled", "executing"),
    ),
    Tab(
        "criteria",
        _("Weights and limits"),
        "planning:criteria",
        ("selecting", "signing", "scheduled", "executing", "feedback", "closed"),
        part=True,
    ),
    Tab(
        "runs",
        _("Proposals"),
        "planning:runs",
        ("selecting", "signing", "scheduled", "executing", "feedback", "closed"),
        part=True,
    ),
    Tab(
        "selection",
        _("Selection"),
        "planning:selection",
        ("selecting", "signing", "scheduled", "executing", "feedback", "closed"),
        part=True,
    ),
    Tab(
        "meeting",
        _("Meeting"),
        "planning:meeting",
        ("selecting", "signing", "scheduled", "executing", "feedback", "closed"),
        part=True,
    ),
    Tab(
        "signoff",
        _("Sign-off"),
        "planning:signoff",
        ("signing", "scheduled", "executing", "feedback", "closed"),
    ),
    Tab(
        "days",
        _("Inspection days"),
        "planning:days",
        ("scheduled", "executing", "feedback", "closed"),
    ),
]


def register(key: str, label: Any, url_name: str, states: tuple[str, ...]) -> None:
    """Add a tab shown in ``states``; its page takes the operation's public id."""
    tab = Tab(key, label, url_name, states)
    if tab not in _tabs:
        _tabs.append(tab)


def tabs_for(operation: Operation, current: str, takes_part: bool) -> list[dict[str, Any]]:
    return [
        {
            "label": tab.label,
            "url": reverse(tab.url_name, args=[operation.public_id]),
            "current": tab.key == current,
        }
        for tab in _tabs
        if (not tab.states or operation.state in tab.states) and (takes_part or not tab.part)
    ]
