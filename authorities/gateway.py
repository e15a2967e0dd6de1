"""The gateway: who must, may, may on request, or may not give what to whom on a given day.

It only reads dated rows (``authorities.models.powers``); no rule of law stands in this file. The
same question for the same day, as the register was known at a moment, gives the same answer for
ever, because published versions never change.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
# What may be said with each answer (codes of NeutralPhrase).
PHRASES = {
    MUST: (),
    MAY: (),
    ON_REQUEST: ("P-03", "P-04"),
    MAY_NOT: ("P-02", "P-04", "P-05"),
}


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
        return str(OUTCOMES[self.outcome])

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
        before: Iterable[tuple[str, str]],
        day: dt.date,
    ) -> None:
        self.day = day
        self.authorities = {a.code: a for a in authorities}
        self.in_force = [code for code, a in self.authorities.items() if a.is_valid_on(day)]
        # Rules name the present authority; those it follows are meant on the days before.
        self._before: dict[str, set[str]] = {}
        for heir, former in before:
            self._before.setdefault(heir, set()).add(former)
        self.narrow = set(narrow)
        self._groups = {g.code: g for g in groups}
        self._members: dict[str, frozenset[str]] = {}
        self.versions = self._in_force(versions)

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
            if group is None:
                found = {code, *self._before.get(code, ())}
            else:
                found = {c for c, a in self.authorities.items() if group.holds(a)}
            self._members[code] = frozenset(found)
        return self._members[code]

    def names(self, codes: Iterable[str], authority: str) -> bool:
        return any(authority in self.members(code) for code in codes)

    def between(self, giver: str, receiver: str) -> list[GroundVersion]:
        """Grounds in force that name both."""
        if giver == receiver:
            return []
        return [
            v
            for v in self.versions
            if self.names(v.givers, giver) and self.names(v.receivers, receiver)
        ]

    def is_narrow(self, version: GroundVersion) -> bool:
        return bool(self.narrow & set(version.requires))

    def answer(self, giver: str, receiver: str, information: str) -> Answer:
        """The answer for codes of two authorities; phrases and limits are added by the caller."""
        own, exceptions, requests, mass, joint = [], [], [], [], []
        for version in self.between(giver, receiver):
            about = information in version.information
            if version.mode == "own_initiative":
                if about and not self.is_narrow(version):
                    own.append(version)
                else:
                    exceptions.append(version)
            elif about:
                {"on_request": requests, "mass_data": mass, "joint_presence": joint}[
                    version.mode
                ].append(version)
        duties = [v for v in own if v.force == "duty"]
        if duties:
            outcome, grounds = MUST, duties + [v for v in own if v.force != "duty"]
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


def register_on(
    day: dt.date, known_at: dt.datetime | None = None, also: GroundVersion | None = None
) -> Register:
    """The register for ``day`` as it was known at ``known_at`` (default now). Five queries.

    ``also`` is a version taken as if it were published: what would the register say then?
    """
    versions = list(
        GroundVersion.objects.filter(
            Q(state=GroundState.PUBLISHED, published_at__lte=known_at or timezone.now())
        )
        .select_related("ground")
        .order_by("ground_id", "number")
    )
    if also is not None:
        versions.append(also)
    return Register(
        versions,
        Authority.objects.order_by("code"),
        AuthorityGroup.objects.order_by("code"),
        Term.objects.filter(kind=TermKind.REQUIRES, narrow=True).values_list("code", flat=True),
        Succession.objects.values_list("successor__code", "predecessor__code"),
        day,
    )


def _dressed(found: list[Answer]) -> list[Answer]:
    """Answers with the words that may be said and the limits that always hold. Two queries."""
    phrases = {p.code: p for p in NeutralPhrase.objects.order_by("code")}
    limits = list(Limit.objects.order_by("code"))
    dressed = []
    for item in found:
        said = [phrases[code] for code in PHRASES[item.outcome] if code in phrases]
        dressed.append(Answer(**{**item.__dict__, "phrases": said, "limits": limits}))
    return dressed


def answer(
    giver: Authority,
    receiver: Authority,
    information: str,
    day: dt.date | None = None,
    known_at: dt.datetime | None = None,
) -> Answer:
    """The answer for one pair, kind of information (code) and local day. Seven queries."""
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
    order = list(OUTCOMES)
    found.sort(key=lambda a: (order.index(a.outcome), a.receiver.name))
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


def run_cases(version: GroundVersion) -> list[dict[str, Any]]:
    """Run the test cases of a version against the register as it would be with it published.

    Returns the cases, each with ``got`` and ``ok``. Expectation ``not_by_this_rule`` means that the
    answer does not rest on this ground.
    """
    results = []
    registers: dict[dt.date, Register] = {}
    for case in version.test_cases:
        day = dt.date.fromisoformat(str(case["date"]))
        if day not in registers:
            also = None if version.state == GroundState.PUBLISHED else version
            registers[day] = register_on(day, also=also)
        results.append(case | outcome_of(case, version, registers[day]))
    return results


def outcome_of(case: dict[str, Any], version: GroundVersion, register: Register) -> dict[str, Any]:
    try:
        found = register.answer(case["giver"], case["receiver"], case["item"])
    except KeyError as missing:
        return {"got": f"unknown authority {missing.args[0]}", "ok": False}
    if case["expect"] == "not_by_this_rule":
        used = any(g.ground_id == version.ground_id for g in found.grounds)
        return {"got": "by_this_rule" if used else "not_by_this_rule", "ok": not used}
    return {"got": found.outcome, "ok": found.outcome == case["expect"]}
