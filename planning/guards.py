"""What phase 1 itself requires before an arrow is taken; registered from ``apps.ready``."""

from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.context import as_system
from planning.deviations import plan_of
from planning.models import (
    ChoiceState,
    MeetingState,
    NominationState,
    Operation,
    ParticipationState,
)
from planning.selectors import day_cards, draw_of
from planning.services.availability import unavailable_picks
from planning.services.lottery import undrawn
from planning.services.meetings import kept_off
from planning.states import register_guard


def others_invited(operation: Operation) -> list[Any]:
    if operation.participations.filter(is_lead=False).exists():
        return []
    return [_("Put at least one other authority on the list of invitations.")]


def others_accepted(operation: Operation) -> list[Any]:
    if operation.participations.filter(is_lead=False, state=ParticipationState.ACCEPTED).exists():
        return []
    return [_("No other authority has accepted yet.")]


def something_nominated(operation: Operation) -> list[Any]:
    # While nominations are open each authority sees its own only; that there is one may be told.
    with as_system("whether there is any nomination, not which"):
        found = operation.nominations.filter(state=NominationState.ACTIVE).exists()
    if found:
        return []
    return [_("Nothing has been nominated yet.")]


def all_decided(operation: Operation) -> list[Any]:
    """What anybody nominated, the plan proposed or chance drew is left out by somebody who says why,
    never by silence."""
    with as_system("how many are undecided is the same whoever asks, and is told without names"):
        asked = _to_decide(operation)
        decided = dict(operation.choices.values_list("site_id", "state"))
    missing = []
    open_count = len(asked - decided.keys())
    if open_count:
        missing.append(
            ngettext(
                "%(count)s site is neither selected nor left out.",
                "%(count)s sites are neither selected nor left out.",
                open_count,
            )
            % {"count": open_count}
        )
    if ChoiceState.PICKED not in decided.values():
        missing.append(_("Select at least one site."))
    gone = unavailable_picks(operation)
    if gone:
        missing.append(
            _("Leave out what is not available for this round: %(names)s.")
            % {"names": ", ".join(site.name for site in gone)}
        )
    return missing


def _to_decide(operation: Operation) -> set[int]:
    """Ids of sites: nominated, drawn, or proposed by the plan that people followed."""
    nominated = operation.nominations.filter(state=NominationState.ACTIVE)
    plan, draw = plan_of(operation), draw_of(operation)
    rows: list[Any] = [
        nominated,
        *([plan.proposals] if plan else []),
        *([draw.sites] if draw else []),
    ]
    return {site for part in rows for site in part.values_list("site_id", flat=True)}


def share_drawn(operation: Operation) -> list[Any]:
    words = undrawn(operation)
    return [words] if words else []


def meeting_over(operation: Operation) -> list[Any]:
    if operation.meetings.filter(state=MeetingState.OPEN).exists():
        return [_("Close the meeting first.")]
    return []


def vetoes_kept(operation: Operation) -> list[Any]:
    """Nobody is on the team of a visit that they vetoed in a meeting, whatever was done since."""
    off = kept_off(operation)
    picked = operation.choices.filter(state=ChoiceState.PICKED, site__in=off)
    wrong = [
        c.site.name
        for c in picked.select_related("site").order_by("rank", "pk")
        if not c.team or off[c.site_id] & set(c.team)
    ]
    if not wrong:
        return []
    return [
        _("Take those off the team who vetoed the visit in the meeting: %(names)s.")
        % {"names": ", ".join(wrong)}
    ]


def all_planned(operation: Operation) -> list[Any]:
    picked = operation.choices.filter(state=ChoiceState.PICKED)
    count = picked.exclude(site__in=operation.planned_visits.values("site")).count()
    if not count:
        return []
    return [
        ngettext(
            "%(count)s selected site has no inspection day yet.",
            "%(count)s selected sites have no inspection day yet.",
            count,
        )
        % {"count": count}
    ]


def lawful_entry(operation: Operation) -> list[Any]:
    """Somebody on each team may enter each place by right, where the register knows such a right."""
    missing = []
    for day in operation.days.order_by("date", "pk"):
        for place in day_cards(day):
            if place.card.may_enter or not place.card.entry_partners:
                continue
            missing.append(
                _(
                    "Nobody on the team of %(date)s may enter %(sites)s (%(place)s). Ask along: %(who)s."
                )
                % {
                    "date": date_format(day.date, "SHORT_DATE_FORMAT"),
                    "sites": ", ".join(site.shown_name for site in place.sites),
                    "place": place.card.premises_label,
                    "who": ", ".join(a.short for a in place.card.entry_partners),
                }
            )
    return missing


def register() -> None:
    register_guard("start_execution", lawful_entry)
    register_guard("invite", others_invited)
    register_guard("open_nominations", others_accepted)
    register_guard("start_selection", something_nominated)
    register_guard("ask_signatures", share_drawn)
    register_guard("ask_signatures", all_decided)
    register_guard("ask_signatures", meeting_over)
    register_guard("ask_signatures", vetoes_kept)
    register_guard("start_execution", all_planned)
