"""What stands against a day as it is planned, in words that tell nobody what is not theirs."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from audit.context import as_system
from authorities.models import Authority, Membership
from authorities.powers_card import PowersCard, powers_card
from planning.leading import leaders_by, nobody_enters
from planning.models import (
    Absence,
    ChoiceState,
    InspectionDay,
    Operation,
    OperationState,
    PersonSkills,
    PlannedVisit,
    ResourceKind,
    SiteTerms,
    TargetChoice,
    TeamMember,
)
from planning.rest import other_visits, rest
from planning.selectors import USUAL_PLACE
from planning.stops import hours_of, is_shut, minutes_of, opening_hours
from targets.models import Recusal

if TYPE_CHECKING:
    from authorities.actors import Actor


def cannot_come(days: Sequence[InspectionDay]) -> set[int]:
    """Ids of team members who cannot come any more: away, kept away from a site of the day, or
    without a place in their authority. Three queries; why, nobody is told.

    The days have their members and visits (with sites) fetched.
    """
    members = [member for day in days for member in day.members.all()]
    users = {member.user_id for member in members}
    with as_system("whether somebody can come, not why not"):
        away = list(
            Absence.objects.filter(user__in=users).values_list("user_id", "starts_on", "ends_on")
        )
        kept = set(
            Recusal.objects.filter(user__in=users, ended_at__isnull=True).values_list(
                "user_id", "site_id", "company_id"
            )
        )
    usable: dict[tuple[int, int], list[Membership]] = defaultdict(list)
    for place in Membership.objects.filter(user__in=users, user__is_active=True).select_related(
        "unit", "authority"
    ):
        usable[place.user_id, place.authority_id].append(place)
    gone = set()
    for day in days:
        sites = [visit.site for visit in day.visits.all() if visit.goes]
        targets = {(s.pk, None) for s in sites} | {(None, s.company_id) for s in sites}
        for member in day.members.all():
            if (
                any(user == member.user_id and a <= day.date <= b for user, a, b in away)
                or any((member.user_id, *target) in kept for target in targets)
                or not any(
                    _in_force(place, day.date)
                    for place in usable[member.user_id, member.authority_id]
                )
            ):
                gone.add(member.pk)
    return gone


def _in_force(place: Membership, date: dt.date) -> bool:
    return (
        place.is_valid_on(date) and place.unit.is_valid_on(date)
        and place.authority.is_valid_on(date)
    )  # fmt: skip


@dataclass
class _Facts:
    """Read once for all days of a page."""

    gone: set[int]
    hours: dict[tuple[int, int], tuple[int, int]]
    needs: dict[int, set[str]]
    interpreters: set[str]
    languages: dict[int, set[str]]
    drivers: set[int]
    elsewhere: dict[int, list[TeamMember]]
    units: dict[int, set[int]]
    unit_names: dict[int, str]
    seen: set[int]
    signed: dict[int, TargetChoice]
    visited: dict[int, list[dt.date]]
    authorities: dict[int, Authority]


def warnings(
    actor: "Actor", operation: Operation, days: Iterable[InspectionDay]
) -> dict[int, list[str]]:
    """Day id → warnings in words, for days with team and visits fetched (``days_with_visits``).

    About fifteen queries, and up to five a kind of place and team.
    """
    rows = list(days)
    facts = _facts(actor, operation, rows)
    cards: dict[tuple[frozenset[int], str], PowersCard] = {}
    return {
        day.pk: [
            *_people(actor, day, facts), *_vehicles(day, facts), *_elsewhere(day, facts),
            *_times(day, facts), *_rest(day, facts), *_interpreters(day, facts), *_entry(day, cards),
            *_signed(day, facts),
        ]
        for day in rows
    }  # fmt: skip


def _facts(actor: "Actor", operation: Operation, days: list[InspectionDay]) -> _Facts:
    visits = [visit for day in days for visit in day.visits.all()]
    users = {member.user_id for day in days for member in day.members.all()}
    needs: dict[int, set[str]] = defaultdict(set)
    interpreters = set()
    for row in SiteTerms.objects.filter(operation=operation).prefetch_related("needs"):
        for need in row.needs.all():
            if need.kind == ResourceKind.INTERPRETER:
                needs[row.site_id].add(need.name.lower())
                if need.per_week:
                    interpreters.add(need.name.lower())
    skills = list(PersonSkills.objects.filter(user__in=users))
    units: dict[int, set[int]] = defaultdict(set)
    names: dict[int, str] = {}
    for place in Membership.objects.usable().filter(user__in=users).select_related("unit"):
        units[place.user_id].add(place.unit_id)
        names[place.unit_id] = place.unit.name
    elsewhere = _rows_elsewhere(operation, days, set(names))
    colleagues = {row.user_id for rows in elsewhere.values() for row in rows}
    for user, unit in (
        Membership.objects.usable()
        .filter(user__in=colleagues, unit__in=names)
        .values_list("user_id", "unit_id")
    ):
        units[user].add(unit)
    signed = _signed_for(operation, visits)
    return _Facts(
        signed=signed, visited=_visited(operation, visits),
        authorities=Authority.objects.in_bulk({pk for row in signed.values() for pk in row.team}),
        gone=cannot_come(days), hours=opening_hours(v.site_id for v in visits), needs=needs,
        interpreters=interpreters, languages={s.user_id: set(s.languages) for s in skills},
        drivers={s.user_id for s in skills if s.may_drive}, elsewhere=elsewhere, units=units,
        unit_names=names,
        seen=set(
            Operation.objects.visible_to(actor)
            .filter(pk__in={m.day.operation_id for rows in elsewhere.values() for m in rows})
            .values_list("pk", flat=True)
        ),
    )  # fmt: skip


def _signed_for(operation: Operation, visits: list[PlannedVisit]) -> dict[int, TargetChoice]:
    """Site id → what was signed for it; nothing while the selection is decided anew."""
    if operation.state in (OperationState.SELECTING, OperationState.SIGNING):
        return {}
    rows = operation.choices.filter(site__in={v.site_id for v in visits}, state=ChoiceState.PICKED)
    return {row.site_id: row for row in rows}


def _visited(operation: Operation, visits: list[PlannedVisit]) -> dict[int, list[dt.date]]:
    """Site id → days of other visits that everybody may know of."""
    rows = other_visits(operation, {v.site_id for v in visits}).filter(shared=True)
    found: dict[int, list[dt.date]] = defaultdict(list)
    for site, on in rows.values_list("site_id", "on"):
        found[site].append(on)
    return found


def _rows_elsewhere(
    operation: Operation, days: list[InspectionDay], units: set[int]
) -> dict[int, list[TeamMember]]:
    """Day id → places on teams of other rounds that day, of people of the same units."""
    rows = (
        TeamMember.objects.filter(
            date__in={day.date for day in days}, released=False,
            user__in=Membership.objects.usable().filter(unit__in=units).values("user"),
        )
        .exclude(day__operation=operation)
        .select_related("day__operation")
        .order_by("pk")
    )  # fmt: skip
    by_date: dict[dt.date, list[TeamMember]] = defaultdict(list)
    for row in rows:
        by_date[row.date].append(row)
    return {day.pk: by_date[day.date] for day in days}


def _people(actor: "Actor", day: InspectionDay, facts: _Facts) -> list[str]:
    """Said to the others: whoever is kept away from a site must not find out that it is one."""
    return [
        _("%(name)s cannot come.") % {"name": member.user.full_name}
        for member in day.members.all()
        if member.pk in facts.gone and member.user_id != actor.user.pk
    ]


def _vehicles(day: InspectionDay, facts: _Facts) -> list[str]:
    words = []
    rows = [row.vehicle for row in day.vehicles.all()]
    for vehicle in rows:
        if (vehicle.in_use_from and vehicle.in_use_from > day.date) or (
            vehicle.in_use_to and vehicle.in_use_to < day.date
        ):
            words.append(_("%(name)s is not in use that day.") % {"name": vehicle.name})
    members = list(day.members.all())
    if rows and sum(vehicle.seats for vehicle in rows) < len(members):
        words.append(_("There are fewer seats than people."))
    if rows and not any(member.user_id in facts.drivers for member in members):
        words.append(_("Nobody on the team may drive."))
    return words


def _elsewhere(day: InspectionDay, facts: _Facts) -> list[str]:
    """Units that are out with another round too; which round, only for those who see it."""
    own_units = {unit for m in day.members.all() for unit in facts.units[m.user_id]}
    words: dict[str, None] = {}
    for row in facts.elsewhere[day.pk]:
        for unit in sorted(facts.units[row.user_id] & own_units):
            name = facts.unit_names[unit]
            if row.day.operation_id in facts.seen:
                words[
                    _("%(unit)s is engaged elsewhere that day: %(operation)s.")
                    % {"unit": name, "operation": row.day.operation.name}
                ] = None
            else:
                words[_("%(unit)s is engaged elsewhere that day.") % {"unit": name}] = None
    return list(words)


def _times(day: InspectionDay, facts: _Facts) -> list[str]:
    """Over working hours, before opening, after closing, closed altogether."""
    words = []
    _starts, ends = hours_of(day)
    for visit in day.visits.all():
        if not visit.goes:
            continue
        if is_shut(visit.site, facts.hours, day.date):
            words.append(_("%(site)s is closed that day.") % {"site": visit.site.shown_name})
            continue
        if visit.starts_at is None:
            continue
        done = minutes_of(visit.starts_at) + visit.minutes
        _opens, closes = facts.hours.get((visit.site_id, day.date.weekday()), (None, None))
        if closes is not None and done > closes:
            words.append(_closes(visit, closes))
        if done > ends and day.ends_at is not None:
            words.append(
                _("The visit to %(site)s ends after the working day, %(time)s.")
                % {"site": visit.site.shown_name, "time": time_format(day.ends_at, "TIME_FORMAT")}
            )
    return words


def _rest(day: InspectionDay, facts: _Facts) -> list[str]:
    """Of sites that have not rested since somebody else's visit."""
    words = []
    for visit in day.visits.all():
        last = [on for on in facts.visited[visit.site_id] if on <= day.date < on + rest()]
        if visit.goes and last:
            words.append(
                _("%(site)s was visited on %(date)s and rests until %(until)s.")
                % {
                    "site": visit.site.shown_name, "date": date_format(last[-1]),
                    "until": date_format(last[-1] + rest()),
                }
            )  # fmt: skip
    return words


def _closes(visit: PlannedVisit, closes: int) -> str:
    time = time_format(dt.time(*divmod(closes, 60)), "TIME_FORMAT")
    return _("%(site)s closes at %(time)s, before the visit is over.") % {
        "site": visit.site.shown_name, "time": time,
    }  # fmt: skip


def _interpreters(day: InspectionDay, facts: _Facts) -> list[str]:
    spoken = {name for m in day.members.all() for name in facts.languages.get(m.user_id, ())}
    needed = {name for v in day.visits.all() if v.goes for name in facts.needs.get(v.site_id, ())}
    return [
        _("Nobody interprets: %(language)s.") % {"language": name}
        for name in sorted(needed - spoken - facts.interpreters)
    ]


def _entry(day: InspectionDay, cards: dict[tuple[frozenset[int], str], PowersCard]) -> list[str]:
    """Places that nobody on the team, or not the one who leads it, may enter by right, where the
    register knows who may."""
    authorities = {m.authority_id: m.authority for m in day.members.all()}
    lead = next((m for m in day.members.all() if m.user_id == day.team_lead_id), None)
    words = []
    for kind in sorted({v.site.kind or USUAL_PLACE for v in day.visits.all() if v.goes}):
        key = (frozenset(authorities), kind)
        if key not in cards:
            cards[key] = powers_card(authorities.values(), kind, day.date)
        card = cards[key]
        nobody = nobody_enters(card)
        if nobody:
            words.append(nobody)
        elif lead is not None and lead.authority_id not in leaders_by(card):
            words.append(
                _("%(name)s leads the team and may not enter: %(place)s. Let %(who)s lead.")
                % {
                    "name": lead.user.full_name, "place": card.premises_label,
                    "who": ", ".join(a.short for a in card.authorities
                                     if a.pk in leaders_by(card)),
                }
            )  # fmt: skip
    return words


def _signed(day: InspectionDay, facts: _Facts) -> list[str]:
    """Where the day is not what was signed: the week of a visit, who comes, who does not.

    A week or a team that nobody named leaves both open.
    """
    going = [v for v in day.visits.all() if v.goes and v.site_id in facts.signed]
    words = []
    for visit in going:
        week = facts.signed[visit.site_id].week
        if week is not None and not week <= day.date < week + dt.timedelta(days=7):
            words.append(
                _("%(site)s was signed for week %(week)s.")
                % {"site": visit.site.shown_name, "week": week.isocalendar().week}
            )
    present = {m.authority_id: m.authority for m in day.members.all()}
    missing: dict[str, list[str]] = defaultdict(list)
    uninvited: dict[str, list[str]] = defaultdict(list)
    for visit in going:
        team = set(facts.signed[visit.site_id].team)
        for pk in sorted(team - set(present)):
            missing[facts.authorities[pk].short].append(visit.site.shown_name)
        for pk in sorted(set(present) - team) if team else ():
            uninvited[present[pk].short].append(visit.site.shown_name)
    words += [
        _("%(authority)s signed to come and is not on the team: %(sites)s.")
        % {"authority": name, "sites": ", ".join(sites)}
        for name, sites in missing.items()
    ]
    return words + [
        _("%(authority)s is on the team and has not signed to come: %(sites)s.")
        % {"authority": name, "sites": ", ".join(sites)}
        for name, sites in uninvited.items()
    ]
