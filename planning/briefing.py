"""The briefing pack of a day: what a team reads before it goes, and what each reader may see.

Everything is read with the reader's eyes: another authority's undisclosed material is not in it.
How a site came to be chosen (by the solver, by people or by lot) is not either, so that nobody goes
in with an expectation.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.context import acting_as
from authorities.powers_card import Line, PowersCard
from planning.day_checks import warnings
from planning.models import (
    InspectionDay,
    Nomination,
    ParticipationState,
    PlannedVisit,
    ResourceKind,
    SiteTerms,
)
from planning.selectors import day_cards, days_with_visits, nominations_of
from planning.stops import opening_hours

if TYPE_CHECKING:
    from authorities.actors import Actor

# Rooms above add pages to a site's part of the briefing pack: (actor, site) → list of sections.
briefing_sections: list[Callable[..., list[dict[str, Any]]]] = []


def briefing_content(actor: "Actor", day: InspectionDay) -> dict[str, Any]:
    """The pack of one day for one reader, as data for the typesetter."""
    with acting_as(actor):
        return _content(actor, day)


def _content(actor: "Actor", day: InspectionDay) -> dict[str, Any]:
    operation = day.operation
    day = days_with_visits(operation).select_related("operation").get(pk=day.pk)
    members = list(day.members.all())
    visits = list(
        day.visits.select_related("site__company", "site__industry", "site__municipality").order_by(
            "order", "pk"
        )
    )
    nominations = nominations_of(operation, [visit.site_id for visit in visits])
    needs = _needs(day, visits)
    hours = opening_hours(visit.site_id for visit in visits)
    return {
        "title": _("Briefing pack, %(date)s") % {"date": _date(day.date)},
        "running": f"{operation.number} {operation.name} · {day.team_name}",
        "classification": _("For official use"),
        "footer": actor.authority.name,
        "facts": _facts(day),
        "sections": [
            {"title": _("Team"), "head": [_("Name"), _("Authority"), _("Phone")],
             "rows": [[m.user.full_name, m.authority.short, m.user.phone or "–"] for m in members],
             "empty": _("None")},
            {"title": _("Visits in order"),
             "head": ["#", _("Start"), _("Minutes"), _("Travel, minutes"), _("Site"),
                      _("Municipality"), _("Needed")],
             "rows": [_line(visit, needs) for visit in visits if visit.goes],
             "empty": _("None")},
            *_dropped(visits),
            {"title": _("Mind this"), "head": [_("What")],
             "rows": [[words] for words in warnings(actor, operation, [day])[day.pk]],
             "empty": _("Nothing stands against the day.")},
            {"title": _("Whom to call"), "head": [_("Name"), _("Authority"), _("Phone")],
             "rows": _contacts(day), "empty": _("None")},
            *_powers(day, {visit.site_id for visit in visits if visit.goes}),
        ],
        "sites": [_site(actor, visit, nominations, hours, day) for visit in visits if visit.goes],
        "contents": _("Contents"),
    }  # fmt: skip


def _date(value: Any) -> str:
    return date_format(value, "SHORT_DATE_FORMAT") if value else ""


def _time(value: Any) -> str:
    return date_format(value, "TIME_FORMAT") if value else "–"


def _clock(minutes: int) -> str:
    return _time(dt.time(*divmod(minutes, 60)))


def _facts(day: InspectionDay) -> list[dict[str, str]]:
    operation = day.operation
    return [
        {"label": _("Operation"), "value": operation.name},
        {"label": _("Legal purpose"), "value": operation.legal_purpose},
        {"label": _("Team"), "value": day.team_name},
        {"label": _("Team lead"), "value": day.team_lead.full_name},
        {"label": _("Start"), "value": _time(day.starts_at)},
        {"label": _("End"), "value": _time(day.ends_at)},
        {"label": _("Meeting point"), "value": day.meeting_point or "–"},
        {"label": _("Vehicles"),
         "value": ", ".join(row.vehicle.name for row in day.vehicles.all()) or "–"},
        {"label": _("Note"), "value": day.note or "–"},
    ]  # fmt: skip


def _needs(day: InspectionDay, visits: list[PlannedVisit]) -> dict[int, str]:
    """Site → what people said it needs: interpreters of languages, vehicles of kinds."""
    found: dict[int, list[str]] = defaultdict(list)
    terms = SiteTerms.objects.filter(
        operation=day.operation, site__in=[visit.site_id for visit in visits]
    ).prefetch_related("needs")
    for row in terms:
        for need in row.needs.all():
            words = (
                _("interpreter: %(language)s") % {"language": need.name}
                if need.kind == ResourceKind.INTERPRETER
                else need.name
            )
            found[row.site_id].append(words)
    return {site: ", ".join(sorted(words)) for site, words in found.items()}


def _line(visit: PlannedVisit, needs: dict[int, str]) -> list[str]:
    travel = visit.travel_minutes
    return [
        str(visit.order), _time(visit.starts_at), str(visit.minutes),
        "–" if travel is None else str(travel), visit.site.shown_name,
        visit.site.municipality.name if visit.site.municipality else "–",
        needs.get(visit.site_id, "–"),
    ]  # fmt: skip


def _dropped(visits: list[PlannedVisit]) -> list[dict[str, Any]]:
    """Visits on the day's list to which the team does not go."""
    rows = [
        [
            visit.site.shown_name,
            _("Postponed") if visit.postponed_at else _("Merged with another visit"),
        ]
        for visit in visits
        if not visit.goes
    ]
    if not rows:
        return []
    return [{"title": _("Do not go"), "head": [_("Site"), _("Why")], "rows": rows, "empty": ""}]


def _contacts(day: InspectionDay) -> list[list[str]]:
    """The operation's lead, and the contact of each authority that takes part."""
    operation = day.operation
    rows = [[operation.lead.full_name, operation.lead_authority.short, operation.lead.phone or "–"]]
    places = (
        operation.participations.filter(state=ParticipationState.ACCEPTED, contact__isnull=False)
        .exclude(contact=operation.lead_id)
        .select_related("authority", "contact")
        .order_by("-is_lead", "authority__code")
    )
    for place in places:
        assert place.contact is not None
        rows.append([place.contact.full_name, place.authority.short, place.contact.phone or "–"])
    return rows


def _powers(day: InspectionDay, going: set[int]) -> list[dict[str, Any]]:
    """A table for each kind of place to which the team goes."""
    found = []
    for place in day_cards(day):
        names = [site.shown_name for site in place.sites if site.pk in going]
        if names:
            found.append(_powers_at(place.card, ", ".join(names)))
    return found


def _powers_at(card: PowersCard, names: str) -> dict[str, Any]:
    """Who of the team may do what at a kind of place, and what nobody of it may."""
    may = [
        [line.label, ", ".join(sorted({_holder(row) for row in line.able}))] for line in card.lines
    ]
    not_may = [[line.label, _nobody(line)] for line in card.missing]
    return {
        "title": _("Powers: %(place)s (%(sites)s)") % {"place": card.premises_label, "sites": names},
        "head": [_("Action"), _("Who")], "rows": may + not_may,
        "empty": _("Nothing is on record."),
    }  # fmt: skip


def _nobody(line: Line) -> str:
    if not line.ask:
        return _("Nobody on the team")
    return _("Nobody on the team. Ask: %(who)s") % {"who": ", ".join(a.short for a in line.ask)}


def _holder(row: Any) -> str:
    """Name of the authority, or of the group of authorities, that has a competence."""
    return row.authority.short if row.authority is not None else row.group.name


def _site(
    actor: "Actor", visit: PlannedVisit, nominations: dict[int, list[Nomination]],
    hours: dict[tuple[int, int], tuple[int, int]], day: InspectionDay,
) -> dict[str, Any]:  # fmt: skip
    site = visit.site
    known = hours.get((site.pk, day.date.weekday()))
    return {
        "title": f"{visit.order}. {site.shown_name}",
        "facts": [
            {"label": _("Company"), "value": site.company.name if site.company else "–"},
            {"label": _("Business ID"),
             "value": (site.company.business_id or "–") if site.company else "–"},
            {"label": _("Industry"), "value": site.industry.name if site.industry else "–"},
            {"label": _("Address"), "value": ", ".join(
                p for p in (site.address, site.postal_code,
                            site.municipality.name if site.municipality else "") if p) or "–"},
            {"label": _("People at work, estimate"), "value": str(site.staff_estimate or "–")},
            {"label": _("Open that day"),
             "value": f"{_clock(known[0])}–{_clock(known[1])}" if known else "–"},
            {"label": _("Note"), "value": visit.note or "–"},
        ],
        "sections": [
            {"title": _("Why this site"), "head": [_("Authority"), _("Reason")],
             "rows": [[n.authority.short, n.reason] for n in nominations.get(site.pk, [])],
             "empty": _("None")},
            *(part for make in briefing_sections for part in make(actor, site)),
        ],
    }  # fmt: skip
