"""The gateway: who must, may, may on request, or may not give what to whom on a given day.

It only reads dated rows (``authorities.models.powers``); no rule of law stands in this file. The
same question for the same day, as the register was known at a moment, gives the same answer for
ever, because published versions never change and groups keep what they said before.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.errors import RuleViolation
from authorities.models import (
    Authority,
    AuthorityGroup,
    GroundKind,
    GroundState,
    GroundVersion,
    Interest,
    Limit,
    NeutralPhrase,
    Succession,
    Term,
    TermKind,
)

MUST, MAY, ON_REQUEST, MAY_NOT = "must_give", "may_give", "on_request", "may_not"
OUTCOMES = {
    MUST: _("Must give"),
    MAY: _("May give on own initiative"),
    ON_REQUEST: _("May give on request"),
    MAY_NOT: _("May not give"),
}
MUST_ON_REQUEST = _("Must give when asked")  # ON_REQUEST by a duty
# What may be said with each answer (codes of NeutralPhrase): neither confirm nor deny, how to ask,
# a phenomenon (only where a ground lets one be described to this receiver), consent.
PHENOMENON, PHENOMENON_PHRASE = "phenomenon", "P-04"
_ORDER = list(OUTCOMES)
PHRASES = {
    MUST: (),
    MAY: (),
    ON_REQUEST: ("P-03", PHENOMENON_PHRASE),
    MAY_NOT: ("P-02", "P-03", PHENOMENON_PHRASE, "P-05"),
}
OWN_INITIATIVE, DUTY = "own_initiative", "duty"
NOT_BY_THIS, BY_THIS = "not_by_this_rule", "by_this_rule"


@dataclass(frozen=True)
class Answer:
    """What the register says for one giver, receiver, kind of information and day.

    ``grounds`` carry the outcome. ``exceptions`` are own-initiative grounds of the same pair that
    need a narrow condition or concern another kind. ``mass`` and ``joint`` hold the grounds for
    data sets and for what is seen at a joint visit.
    """

    giver: Authority
    receiver: Authority
    information: str
    day: dt.date
    outcome: str
    grounds: list[GroundVersion]
    exceptions: list[GroundVersion] = field(default_factory=list)
    requests: list[GroundVersion] = field(default_factory=list)
    mass: list[GroundVersion] = field(default_factory=list)
    joint: list[GroundVersion] = field(default_factory=list)
    phrases: list[NeutralPhrase] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The outcome in words; on request, duty and permission are told apart."""
        if self.outcome == ON_REQUEST and self.is_duty:
            return str(MUST_ON_REQUEST)
        return str(OUTCOMES[self.outcome])

    @property
    def is_duty(self) -> bool:
        """Whether one of the grounds that carry the outcome obliges."""
        return any(version.force == DUTY for version in self.grounds)

    @property
    def narrow(self) -> list[GroundVersion]:
        """Exceptions for this very kind: given unasked if a narrow condition holds."""
        return [v for v in self.exceptions if self.information in v.information]

    @property
    def instead(self) -> list[GroundVersion]:
        """What else may be given unasked to the same receiver: grounds on other kinds."""
        return [v for v in self.exceptions if self.information not in v.information]

    @property
    def others(self) -> list[GroundVersion]:
        """Every ground of the pair that does not carry the outcome."""
        asked = [] if self.outcome == ON_REQUEST else self.requests
        return [*self.exceptions, *asked, *self.mass, *self.joint]

    @property
    def may_give_now(self) -> bool:
        """Whether it may be given without being asked for."""
        return self.outcome in (MUST, MAY)

    @property
    def reviewed(self) -> bool:
        return all(version.is_reviewed for version in self.grounds)


class Register:
    """The grounds as they stood on a day, in memory. Answers need no further query."""

    def __init__(
        self,
        versions: Iterable[GroundVersion],
        authorities: Iterable[Authority],
        groups: Iterable[AuthorityGroup],
        narrow: Iterable[str],
        before: Iterable[tuple[str, str, dt.date]],
        day: dt.date,
        known_at: dt.datetime | None = None,
    ) -> None:
        self.day = day
        self.known_at = known_at
        self.authorities = {a.code: a for a in authorities}
        self.in_force = [code for code, a in self.authorities.items() if a.is_valid_on(day)]
        # Rules name the present authority; those it followed are meant on the days before.
        self._before: dict[str, set[str]] = {}
        # A rule that still names an authority that has ended means those who follow it.
        self._after: dict[str, set[str]] = {}
        for heir, former, on in before:
            if day < on:
                self._before.setdefault(heir, set()).add(former)
            else:
                self._after.setdefault(former, set()).add(heir)
        self.narrow = set(narrow)
        self._groups = {g.code: g for g in groups}
        self._members: dict[str, frozenset[str]] = {}
        self.versions = self._in_force(versions)
        self._sides = {v.pk: (self._all(v.givers), self._all(v.receivers)) for v in self.versions}

    def _in_force(self, versions: Iterable[GroundVersion]) -> list[GroundVersion]:
        """Of each ground the latest version that has begun by the day, if it applies."""
        latest: dict[int, GroundVersion] = {}
        for version in versions:
            if version.valid_from is not None and version.valid_from > self.day:
                continue
            known = latest.get(version.ground_id)
            if known is None or version.number > known.number:
                latest[version.ground_id] = version
        rows = [
            v
            for v in latest.values()
            if v.kind == GroundKind.IN_FORCE and (v.valid_to is None or v.valid_to >= self.day)
        ]
        return sorted(rows, key=lambda v: v.ground.code)

    def members(self, code: str) -> frozenset[str]:
        """Codes of the authorities that a name in a ground stands for."""
        if code not in self._members:
            group = self._groups.get(code)
            found = {code}
            if group is not None:
                found = {c for c, a in self.authorities.items() if group.holds(a, self.known_at)}
            former = {f for heir in found for f in self._before.get(heir, ())}
            heirs = {h for ended in found for h in self._after.get(ended, ())}
            self._members[code] = frozenset(found | former | heirs)
        return self._members[code]

    def _all(self, codes: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self.members(code) for code in codes))

    def names(self, codes: Iterable[str], authority: str) -> bool:
        return authority in self._all(codes)

    def between(self, giver: str, receiver: str) -> list[GroundVersion]:
        """Grounds in force that name both."""
        if giver == receiver:
            return []
        found = []
        for version in self.versions:
            givers, receivers = self._sides[version.pk]
            if giver in givers and receiver in receivers:
                found.append(version)
        return found

    def is_narrow(self, version: GroundVersion) -> bool:
        return bool(self.narrow & set(version.requires))

    def answer(self, giver: str, receiver: str, information: str) -> Answer:
        """The answer for codes of two authorities; phrases and limits are added by the caller."""
        own: list[GroundVersion] = []
        exceptions: list[GroundVersion] = []
        requests: list[GroundVersion] = []
        mass: list[GroundVersion] = []
        joint: list[GroundVersion] = []
        for version in self.between(giver, receiver):
            about = information in version.information
            if version.mode == OWN_INITIATIVE:
                if about and not self.is_narrow(version):
                    own.append(version)
                else:
                    exceptions.append(version)
            elif about:
                {"on_request": requests, "mass_data": mass, "joint_presence": joint}[
                    version.mode
                ].append(version)
        duties = [v for v in own if v.force == DUTY]
        if duties:
            outcome, grounds = MUST, duties + [v for v in own if v.force != DUTY]
        elif own:
            outcome, grounds = MAY, own
        elif requests:
            outcome, grounds = ON_REQUEST, requests
        else:
            outcome, grounds = MAY_NOT, []
        return Answer(
            giver=self.authorities[giver], receiver=self.authorities[receiver],
            information=information, day=self.day, outcome=outcome, grounds=grounds,
            exceptions=exceptions, requests=requests, mass=mass, joint=joint,
        )  # fmt: skip


@dataclass(frozen=True)
class Books:
    """Everything the register is made of, read once: any day and any "what if" come from it."""

    versions: list[GroundVersion]
    authorities: list[Authority]
    groups: list[AuthorityGroup]
    narrow: list[str]
    before: list[tuple[str, str, dt.date]]
    known_at: dt.datetime | None = None

    def on(self, day: dt.date, also: GroundVersion | None = None) -> Register:
        """The register for ``day``; with ``also`` as if that version were published. No query."""
        versions = self.versions if also is None else [*self.versions, also]
        return Register(
            versions, self.authorities, self.groups, self.narrow, self.before, day, self.known_at
        )


def open_books(known_at: dt.datetime | None = None) -> Books:
    """The published grounds as they were known at a moment (default now). Five queries."""
    return Books(
        versions=list(
            GroundVersion.objects.filter(
                state=GroundState.PUBLISHED, published_at__lte=known_at or timezone.now()
            )
            .select_related("ground")
            .order_by("ground_id", "number")
        ),
        authorities=list(Authority.objects.order_by("code")),
        groups=list(AuthorityGroup.objects.order_by("code")),
        narrow=list(
            Term.objects.filter(kind=TermKind.REQUIRES, narrow=True).values_list("code", flat=True)
        ),
        before=list(Succession.objects.values_list("successor__code", "predecessor__code", "on")),
        known_at=known_at,
    )


def register_on(
    day: dt.date, known_at: dt.datetime | None = None, also: GroundVersion | None = None
) -> Register:
    """The register for ``day`` as it was known at ``known_at`` (default now). Five queries.

    ``also`` is a version taken as if it were published: what would the register say then?
    """
    return open_books(known_at).on(day, also)


def _dressed(found: list[Answer]) -> list[Answer]:
    """Answers with the words that may be said and the limits that always hold. Two queries."""
    phrases = {p.code: p for p in NeutralPhrase.objects.order_by("code")}
    limits = list(Limit.objects.order_by("code"))
    return [
        replace(
            item,
            phrases=[phrases[code] for code in _may_say(item) if code in phrases],
            limits=limits,
        )
        for item in found
    ]


def _may_say(item: Answer) -> list[str]:
    """Codes of the phrases that are true for this pair: a phenomenon is given on a ground too."""
    open_phenomenon = any(PHENOMENON in v.information for v in item.exceptions)
    return [code for code in PHRASES[item.outcome] if code != PHENOMENON_PHRASE or open_phenomenon]


def _refuse_itself(giver: Authority, receiver: Authority) -> None:
    if giver.code == receiver.code:
        raise RuleViolation(
            _("An authority needs no ground to use its own information. Choose another receiver."),
            field="receiver",
        )


def answer(
    giver: Authority,
    receiver: Authority,
    information: str,
    day: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> Answer:
    """The answer for one pair, kind of information (code) and local day. Seven queries.

    Raises RuleViolation when the receiver is the giver itself.
    """
    _refuse_itself(giver, receiver)
    register = register_on(day or timezone.localdate(), known_at)
    return _dressed([register.answer(giver.code, receiver.code, information)])[0]


def answers(
    giver: Authority,
    information: str,
    day: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> list[Answer]:
    """The answer for each other authority in force on the day, strongest first. Seven queries."""
    register = register_on(day or timezone.localdate(), known_at)
    found = [
        register.answer(giver.code, code, information)
        for code in register.in_force
        if code != giver.code
    ]
    found.sort(key=lambda a: (_ORDER.index(a.outcome), a.receiver.name))
    return _dressed(found)


def kinds_between(
    giver: Authority,
    receiver: Authority,
    kinds: Iterable[str],
    day: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> list[Answer]:
    """The answer for each of ``kinds`` (codes) for one pair, strongest first. Seven queries.

    Raises RuleViolation when the receiver is the giver itself.
    """
    _refuse_itself(giver, receiver)
    register = register_on(day or timezone.localdate(), known_at)
    found = [register.answer(giver.code, receiver.code, kind) for kind in kinds]
    found.sort(key=lambda a: _ORDER.index(a.outcome))
    return _dressed(found)


def matrix(
    information: str, codes: list[str], day: dt.date | None = None
) -> tuple[Register, list[tuple[Authority, list[Answer | None]]]]:
    """Givers (rows) by receivers (columns) for one kind of information. Five queries.

    The diagonal is None. ``codes`` in the wanted order; those not in force are left out.
    """
    register = register_on(day or timezone.localdate())
    in_force = set(register.in_force)
    shown = [code for code in codes if code in in_force]
    rows: list[tuple[Authority, list[Answer | None]]] = []
    for giver in shown:
        cells = [
            None if giver == receiver else register.answer(giver, receiver, information)
            for receiver in shown
        ]
        rows.append((register.authorities[giver], cells))
    return register, rows


def interested(
    information: str,
    day: dt.date | None = None,
    *,
    industry_path: str = "",
    region_id: int | None = None,
) -> dict[int, Interest]:
    """Authorities (ids) that want to know of this kind, here and in this line of business.

    ``industry_path`` like ``"I/56/561"``; an interest without industries or regions takes all.
    Two queries.
    """
    wanted = (
        Interest.objects.valid_on(day)
        .filter(information=information)
        .prefetch_related("regions")
        .order_by("authority_id", "pk")
    )
    steps = industry_path.split("/")
    found: dict[int, Interest] = {}
    for interest in wanted:
        regions = {area.pk for area in interest.regions.all()}
        if regions and region_id not in regions:
            continue
        if interest.industries and not any(
            step.startswith(code) for code in interest.industries for step in steps
        ):
            continue
        found.setdefault(interest.authority_id, interest)
    return found


def run_cases(version: GroundVersion, books: Books | None = None) -> list[dict[str, Any]]:
    """Run the test cases of a version against the register as it would be with it published.

    Returns the cases, each with ``got`` and ``ok``. Expectation ``not_by_this_rule`` means that the
    answer does not rest on this ground. Five queries, none with ``books``.
    """
    also = None if version.state == GroundState.PUBLISHED else version
    return cases_with(version, also, books or open_books())


def cases_with(
    version: GroundVersion, also: GroundVersion | None, books: Books
) -> list[dict[str, Any]]:
    """Results of a version's test cases in a register that holds ``also`` too. No query."""
    registers: dict[dt.date, Register] = {}
    results = []
    for case in version.test_cases:
        day = dt.date.fromisoformat(str(case["date"]))
        if day not in registers:
            registers[day] = books.on(day, also)
        results.append(case | outcome_of(case, version, registers[day]))
    return results


def outcome_of(case: dict[str, Any], version: GroundVersion, register: Register) -> dict[str, Any]:
    """``got`` and ``ok`` of one test case."""
    try:
        found = register.answer(case["giver"], case["receiver"], case["item"])
    except KeyError as missing:
        return {"got": f"unknown authority {missing.args[0]}", "ok": False}
    if case["expect"] == NOT_BY_THIS:
        used = any(g.ground_id == version.ground_id for g in found.grounds)
        return {"got": BY_THIS if used else NOT_BY_THIS, "ok": not used}
    return {"got": found.outcome, "ok": found.outcome == case["expect"]}
