"""Teams by competence, roles, language, conflicts of interest and load: proposed, never imposed.

Why somebody is not offered is told to nobody: an absence, a place on a team of a round that the
reader does not see, and a conflict of interest all look alike.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from audit.context import as_system
from authorities.models import Authority, Membership, Role, User
from authorities.powers_card import PowersCard, powers_card
from authorities.selectors import regions_served
from planning.leading import first_to_lead, nobody_enters
from planning.models import (
    Absence,
    DayVehicle,
    InspectionDay,
    Operation,
    OperationGroupObjectPermission,
    ParticipationState,
    PersonSkills,
    ResourceKind,
    SiteTerms,
    TeamMember,
    Vehicle,
)
from planning.querysets import RECORD
from planning.selectors import USUAL_PLACE
from planning.services.inputs import settings_of
from targets.models import Recusal, Site


@dataclass
class TeamProposal:
    """People, lead and vehicle for one day; ``missing`` says in words what the team lacks.

    ``complete``: every authority that is to come has somebody.
    """

    members: list[Membership] = field(default_factory=list)
    lead: User | None = None
    vehicle: Vehicle | None = None
    missing: list[str] = field(default_factory=list)
    complete: bool = True


def propose_team(
    *, operation: Operation, date: dt.date, site_ids: Iterable[int],
    instead_of: InspectionDay | None = None,
) -> TeamProposal:  # fmt: skip
    """A team for these sites on this day; the same question gets the same answer.

    ``instead_of``: a day whose present team counts as free.
    """
    sites = list(Site.objects.filter(pk__in=list(site_ids)).order_by("pk"))
    roster = Roster(operation, date, date, instead_of=instead_of)
    authorities = roster.authorities_of(sites)
    return roster.team(date, sites, authorities)


class Roster:
    """Who can go out when, in one round: read once (about fifteen queries), asked for many teams.

    Asked twice, it gives the same; ``take`` tells it of a team that was made.
    """

    def __init__(
        self, operation: Operation, first: dt.date, last: dt.date,
        instead_of: InspectionDay | None = None,
    ) -> None:  # fmt: skip
        self.operation = operation
        self._places(operation)
        self._people(operation)
        self._skills()
        with as_system("who cannot come is left out; nobody is told why"):
            self._engaged(first, last, instead_of)
            self._away(first, last)
            self._kept_away()
        self._vehicles(first, last, instead_of)
        self._needs(operation)
        self._cards: dict[tuple[frozenset[int], str], PowersCard] = {}

    # ------------------------------------------------------------------------------- reading
    def _places(self, operation: Operation) -> None:
        places = operation.participations.filter(state=ParticipationState.ACCEPTED)
        self.authorities: dict[int, Authority] = {
            place.authority_id: place.authority
            for place in places.select_related("authority").order_by("-is_lead", "authority__code")
        }
        self.order = list(self.authorities)  # the lead first
        self.min_people = settings_of(operation).min_people

    def _people(self, operation: Operation) -> None:
        """Inspectors of the units that may record in the round."""
        units = OperationGroupObjectPermission.objects.filter(
            content_object=operation, permission__codename=RECORD,
            group__unit_group__role=Role.INSPECTOR,
        ).values("group__unit_group__unit")  # fmt: skip
        self.people = list(
            Membership.objects.usable()
            .filter(unit__in=units, authority__in=self.order, roles__contains=[Role.INSPECTOR])
            .select_related("user", "authority", "unit")
            .prefetch_related("regions")
            .order_by("user__last_name", "user__first_name", "pk")
        )
        self.serves = regions_served({m.unit_id for m in self.people})

    def _skills(self) -> None:
        rows = PersonSkills.objects.filter(user__in=[m.user_id for m in self.people])
        self.languages = {row.user_id: set(row.languages) for row in rows}
        self.drivers = {row.user_id for row in rows if row.may_drive}

    def _engaged(self, first: dt.date, last: dt.date, instead_of: InspectionDay | None) -> None:
        window = (
            min(first, self.operation.window_start),
            max(last, self.operation.window_end),
        )
        self.busy: dict[dt.date, set[int]] = defaultdict(set)
        self.load: Counter[int] = Counter()
        rows = TeamMember.objects.filter(
            user__in=[m.user_id for m in self.people], date__range=window, released=False
        )
        if instead_of is not None:
            rows = rows.exclude(day=instead_of)
        for user, date in rows.values_list("user_id", "date"):
            self.busy[date].add(user)
            self.load[user] += 1

    def _away(self, first: dt.date, last: dt.date) -> None:
        self.away: dict[int, list[tuple[dt.date, dt.date]]] = defaultdict(list)
        rows = Absence.objects.filter(
            user__in=[m.user_id for m in self.people], starts_on__lte=last, ends_on__gte=first
        )
        for user, start, end in rows.values_list("user_id", "starts_on", "ends_on"):
            self.away[user].append((start, end))

    def _kept_away(self) -> None:
        self.kept_away: dict[int, set[tuple[str, int]]] = defaultdict(set)
        rows = Recusal.objects.filter(
            user__in=[m.user_id for m in self.people], ended_at__isnull=True
        )
        for user, site, company in rows.values_list("user_id", "site_id", "company_id"):
            self.kept_away[user].add(("site", site) if site else ("company", company))

    def _vehicles(self, first: dt.date, last: dt.date, instead_of: InspectionDay | None) -> None:
        self.vehicles = list(
            Vehicle.objects.of_round(self.operation).order_by("seats", "name", "pk")
        )
        self.booked: dict[dt.date, set[int]] = defaultdict(set)
        rows = DayVehicle.objects.filter(
            vehicle__in=self.vehicles, date__range=(first, last), released=False
        )
        if instead_of is not None:
            rows = rows.exclude(day=instead_of)
        for vehicle, date in rows.values_list("vehicle_id", "date"):
            self.booked[date].add(vehicle)

    def _needs(self, operation: Operation) -> None:
        """Interpreters that people said a site needs: site id → names in small letters."""
        self.needs: dict[int, set[str]] = defaultdict(set)
        self.interpreters: set[str] = set()
        terms = SiteTerms.objects.filter(operation=operation).prefetch_related("needs")
        for row in terms:
            for need in row.needs.all():
                if need.kind == ResourceKind.INTERPRETER:
                    self.needs[row.site_id].add(need.name.lower())
                    if need.per_week:
                        self.interpreters.add(need.name.lower())

    # -------------------------------------------------------------------------------- asking
    def authorities_of(self, sites: Sequence[Site]) -> list[int]:
        """Who comes along to these sites: as decided; where nothing was, the lead, the nominators
        and, if none of them may enter, one who may."""
        wanted: set[int] = set()
        choices = self.operation.choices.filter(site__in=sites)
        decided = {choice.site_id: choice.team for choice in choices}
        nominators: dict[int, set[int]] = defaultdict(set)
        rows = self.operation.nominations.filter(site__in=sites, state="active")
        for site_id, authority in rows.values_list("site_id", "authority_id"):
            nominators[site_id].add(authority)
        for site in sites:
            team = set(decided.get(site.pk) or ())
            if not team:
                team = nominators[site.pk] | {self.operation.lead_authority_id}
                card = self.card(team, site.kind or USUAL_PLACE)
                if not card.may_enter:
                    helpers = [a.pk for a in card.entry_partners if a.pk in self.authorities]
                    team |= set(helpers[:1])
            wanted |= team
        return [pk for pk in self.order if pk in wanted]

    def card(self, authorities: Iterable[int], kind: str) -> PowersCard:
        key = (frozenset(authorities), kind)
        if key not in self._cards:
            team = [self.authorities[pk] for pk in self.order if pk in key[0]]
            self._cards[key] = powers_card(team, kind)
        return self._cards[key]

    def free(self, date: dt.date, sites: Sequence[Site], authority: int) -> list[Membership]:
        """Inspectors of an authority who can go to all these sites that day, least loaded first."""
        rows = [
            m for m in self.people
            if m.authority_id == authority and self._can_come(m, date, sites)
        ]  # fmt: skip
        return sorted(rows, key=self._rank)

    def _rank(self, membership: Membership) -> tuple[int, str, str, int]:
        user = membership.user
        return (self.load[user.pk], user.last_name, user.first_name, membership.pk)

    def _can_come(self, membership: Membership, date: dt.date, sites: Sequence[Site]) -> bool:
        user = membership.user_id
        if user in self.busy[date]:
            return False
        if any(start <= date <= end for start, end in self.away[user]):
            return False
        if not (membership.is_valid_on(date) and membership.unit.is_valid_on(date)
                and membership.authority.is_valid_on(date)):  # fmt: skip
            return False
        narrowed = {region.pk for region in membership.regions.all()}
        served = self.serves.get(membership.unit_id)
        return all(
            (not narrowed or site.region_id in narrowed)
            and (served is None or site.region_id in served)
            and not self.is_kept_away(user, site)
            for site in sites
        )

    def is_kept_away(self, user: int, site: Site) -> bool:
        kept = self.kept_away.get(user, set())
        return ("site", site.pk) in kept or ("company", site.company_id or 0) in kept

    def team(
        self, date: dt.date, sites: Sequence[Site], authorities: Sequence[int]
    ) -> TeamProposal:
        """One inspector of each authority, more until the team is large enough, then what it lacks:
        languages, a driver, a vehicle."""
        proposal = TeamProposal()
        free = {pk: self.free(date, sites, pk) for pk in authorities}
        for pk in authorities:
            if free[pk]:
                proposal.members.append(free[pk][0])
            else:
                proposal.complete = False
                proposal.missing.append(
                    _("Nobody of %(authority)s can come.")
                    % {"authority": self.authorities[pk].short}
                )
        self._fill_up(proposal, free)
        spoken = {name for site in sites for name in self.needs.get(site.pk, ())}
        for language in sorted(spoken):
            if not self._bring(proposal, free, self._speakers(language)) and (
                language not in self.interpreters
            ):
                proposal.missing.append(no_interpreter(language))
        self._drive(proposal, free, date)
        proposal.missing += entry_words(self, authorities, sites)
        proposal.lead = self.lead(proposal.members, sites)
        return proposal

    def _fill_up(self, proposal: TeamProposal, free: dict[int, list[Membership]]) -> None:
        people = {m.user_id for m in proposal.members}
        for pk in free:
            for membership in free[pk]:
                if len(proposal.members) >= self.min_people:
                    return
                if membership.user_id not in people:
                    people.add(membership.user_id)
                    proposal.members.append(membership)
        if len(proposal.members) < self.min_people:
            proposal.missing.append(_("The team is smaller than was agreed."))

    def _speakers(self, language: str) -> set[int]:
        return {user for user, names in self.languages.items() if language in names}

    def _bring(
        self, proposal: TeamProposal, free: dict[int, list[Membership]], able: set[int]
    ) -> bool:
        """Have one of ``able`` on the team: in place of a colleague, for the least load."""
        if any(m.user_id in able for m in proposal.members):
            return True
        others = [
            m for rows in free.values() for m in rows
            if m.user_id in able and m.user_id not in {p.user_id for p in proposal.members}
        ]  # fmt: skip
        if not others:
            return False
        chosen = min(others, key=self._rank)
        for at, member in enumerate(proposal.members):
            gives = bool(self.languages.get(member.user_id)) or member.user_id in self.drivers
            if member.authority_id == chosen.authority_id and not gives:
                proposal.members[at] = chosen
                return True
        proposal.members.append(chosen)
        return True

    def _drive(
        self, proposal: TeamProposal, free: dict[int, list[Membership]], date: dt.date
    ) -> None:
        """A vehicle for all and somebody to drive it; authorities that keep none are not asked."""
        if not self.vehicles or not proposal.members:
            return
        driver = self._bring(proposal, free, self.drivers)
        own = {m.authority_id for m in proposal.members}
        for vehicle in self.vehicles:
            if (
                vehicle.authority_id in own
                and vehicle.seats >= len(proposal.members)
                and (self.vehicle_free(vehicle, date))
            ):
                proposal.vehicle = vehicle if driver else None
                break
        else:
            proposal.missing.append(_("No vehicle with enough seats is free."))
        if not driver:
            proposal.missing.append(_("Nobody on the team may drive."))

    def vehicle_free(self, vehicle: Vehicle, date: dt.date) -> bool:
        return (
            vehicle.pk not in self.booked[date]
            and (vehicle.in_use_from is None or vehicle.in_use_from <= date)
            and (vehicle.in_use_to is None or vehicle.in_use_to >= date)
        )

    def lead(
        self, members: Sequence[Membership | TeamMember], sites: Sequence[Site]
    ) -> User | None:
        """Who of them leads the team at these sites (``planning.leading``)."""
        authorities = [member.authority_id for member in members]
        cards = [self.card(authorities, kind) for kind in {s.kind or USUAL_PLACE for s in sites}]
        at = first_to_lead(authorities, cards, self.operation.lead_authority_id)
        return None if at is None else members[at].user

    def take(self, date: dt.date, proposal: TeamProposal) -> None:
        """The team was made: its people and vehicle are no longer free that day."""
        for member in proposal.members:
            self.busy[date].add(member.user_id)
            self.load[member.user_id] += 1
        if proposal.vehicle is not None:
            self.booked[date].add(proposal.vehicle.pk)


def no_interpreter(language: str) -> str:
    return _("Nobody interprets: %(language)s.") % {"language": language}


def entry_words(roster: Roster, authorities: Iterable[int], sites: Sequence[Site]) -> list[str]:
    """Kinds of place into which nobody of these authorities has a lawful entry, in words."""
    kinds = sorted({site.kind or USUAL_PLACE for site in sites})
    return [words for kind in kinds if (words := nobody_enters(roster.card(authorities, kind)))]
