"""The joint score. ``Scorer`` is the interface; a tested risk model takes its place later.

Only what every authority may see goes in: register facts and shared past visits. What one
authority keeps to itself never moves the joint number.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

import yaml
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from targets.models import CompanyRegistration, PastVisit, Site


@dataclass(frozen=True)
class Contribution:
    """One reason for points: what, its value and date, and how many points it gives.

    ``kind`` leads to the sentence; ``value`` is what the sentence shows.
    """

    kind: str
    points: Decimal
    value: str = ""
    on: dt.date | None = None

    @property
    def sentence(self) -> str:
        return str(SENTENCES[self.kind]) % {"value": self.value or "–"}

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "points": str(self.points), "value": self.value,
            "on": self.on.isoformat() if self.on else None,
        }  # fmt: skip


@dataclass
class ScoreCard:
    """Points (0..100), their reasons, and how much was known: unknown is not low."""

    site_id: int
    model: str
    contributions: list[Contribution] = field(default_factory=list)
    known: int = 0
    asked: int = 0

    @property
    def points(self) -> Decimal:
        return sum((c.points for c in self.contributions), Decimal(0))

    @property
    def coverage(self) -> int:
        """Share of indicators with a known value, in per cent."""
        return round(100 * self.known / self.asked) if self.asked else 0


class Scorer(Protocol):
    """Scores sites as of a day in a constant number of queries."""

    name: str

    def score(self, sites: Iterable[Site], as_of: dt.date) -> dict[int, ScoreCard]: ...


SENTENCES: dict[str, Any] = {
    "industry": gettext_lazy("Industry %(value)s, where violations have been found often"),
    "industry_other": gettext_lazy("Industry %(value)s"),
    "never_visited": gettext_lazy("No earlier visit is known"),
    "long_unvisited": gettext_lazy("Last visit %(value)s years ago"),
    "recent_visit": gettext_lazy("Visited within two years"),
    "past_outcome": gettext_lazy("Result of an earlier visit: %(value)s"),
    "bankrupt": gettext_lazy("The company is in bankruptcy, liquidation or restructuring"),
    "ceased": gettext_lazy("The company has ceased, as the register says"),
    "sound": gettext_lazy("The company is active"),
    "struck": gettext_lazy("Struck from the %(value)s register"),
    "registered": gettext_lazy("No register entry has been struck"),
    "young": gettext_lazy("The company is less than two years old"),
    "old": gettext_lazy("The company is more than two years old"),
}
OUTCOME_POINTS = {"no_remarks": 0, "minor": 10, "serious": 20, "severe": 25, "not_possible": 5}
STATUS_POINTS = {
    "active": ("sound", 0),
    "bankrupt": ("bankrupt", 12),
    "liquidation": ("bankrupt", 12),
    "restructuring": ("bankrupt", 12),
    "ceased": ("ceased", 12),
}
HALF_LIFE_DAYS = 730


@lru_cache(maxsize=1)
def industry_points() -> dict[str, int]:
    file = settings.REFERENCE_DIR / "industry_risk.yaml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {entry["division"]: int(entry["points"]) for entry in data["divisions"]}


def _round(value: float) -> Decimal:
    return Decimal(str(round(value, 1)))


class AdditiveScorer:
    """A simple sum of points, at most 100: industry 20, time 20, results 25, state 35."""

    name = "additive-1"
    indicators = 5

    def score(self, sites: Iterable[Site], as_of: dt.date) -> dict[int, ScoreCard]:
        """Cards by site id. Sites need ``company`` and ``industry`` fetched. Two queries."""
        sites = list(sites)
        visits: dict[int, list[PastVisit]] = {}
        for visit in PastVisit.objects.filter(
            site__in=[s.pk for s in sites], shared=True, on__lt=as_of
        ).order_by("-on", "-pk"):
            visits.setdefault(visit.site_id, []).append(visit)
        entries: dict[int, list[CompanyRegistration]] = {}
        for entry in CompanyRegistration.objects.filter(
            company__in={s.company_id for s in sites if s.company_id},
            register__in=["prepayment", "employer", "vat"],
        ).order_by("valid_to", "pk"):
            entries.setdefault(entry.company_id, []).append(entry)
        return {
            site.pk: self._card(
                site, visits.get(site.pk, []), entries.get(site.company_id or 0, []), as_of
            )
            for site in sites
        }

    def _card(
        self, site: Site, visits: list[PastVisit], entries: list[CompanyRegistration],
        as_of: dt.date,
    ) -> ScoreCard:  # fmt: skip
        card = ScoreCard(site.pk, self.name, asked=self.indicators)
        self._industry(card, site)
        self._visits(card, visits, as_of)
        self._company(card, site, entries, as_of)
        return card

    def _industry(self, card: ScoreCard, site: Site) -> None:
        if site.industry is None:
            return
        card.known += 1
        points = industry_points().get(site.industry.code[:2], 5)
        kind = "industry" if points > 5 else "industry_other"
        card.contributions.append(Contribution(kind, Decimal(points), site.industry.name))

    def _visits(self, card: ScoreCard, visits: list[PastVisit], as_of: dt.date) -> None:
        if not visits:
            # Not having been seen says little about the site itself: few points, no coverage.
            card.contributions.append(Contribution("never_visited", Decimal(12)))
            return
        card.known += 2
        latest = visits[0]
        years = (as_of - latest.on).days / 365.25
        if years >= 2:
            points = _round(min(20.0, 10 + years))
            card.contributions.append(
                Contribution("long_unvisited", points, f"{years:.0f}", latest.on)
            )
        else:
            card.contributions.append(Contribution("recent_visit", Decimal(0), on=latest.on))
        worst = max(visits[:10], key=lambda v: self._decayed(v, as_of))
        card.contributions.append(
            Contribution(
                "past_outcome", _round(self._decayed(worst, as_of)),
                str(worst.get_outcome_display()), worst.on,
            )
        )  # fmt: skip

    @staticmethod
    def _decayed(visit: PastVisit, as_of: dt.date) -> float:
        """Points of a result, halved every two years."""
        age = max(0, (as_of - visit.on).days)
        return float(OUTCOME_POINTS[visit.outcome] * 0.5 ** (age / HALF_LIFE_DAYS))

    def _company(
        self, card: ScoreCard, site: Site, entries: list[CompanyRegistration], as_of: dt.date
    ) -> None:
        company = site.company
        if company is None:
            return
        if company.status != "unknown":
            card.known += 1
            kind, points = STATUS_POINTS[company.status]
            card.contributions.append(Contribution(kind, Decimal(points)))
        struck = self._struck(entries, as_of)
        if struck is None and entries:
            card.contributions.append(Contribution("registered", Decimal(0)))
        if struck is not None:
            card.contributions.append(
                Contribution("struck", Decimal(15), register_name(struck.register), struck.valid_to)
            )
        if company.registered_on:
            card.known += 1
            young = (as_of - company.registered_on).days < 730
            card.contributions.append(
                Contribution("young" if young else "old", Decimal(8 if young else 0),
                             on=company.registered_on)
            )  # fmt: skip

    @staticmethod
    def _struck(entries: list[CompanyRegistration], as_of: dt.date) -> CompanyRegistration | None:
        """The entry ended last of a register in which the company stands no more."""
        standing = {e.register for e in entries if e.valid_to is None or e.valid_to > as_of}
        ended = [e for e in entries if e.register not in standing]
        return ended[-1] if ended else None


def register_name(register: str) -> str:
    names = {
        "prepayment": _("prepayment"),
        "employer": _("employer"),
        "vat": _("VAT"),
        "trade": _("trade"),
    }
    return names.get(register, register)


def scorer() -> Scorer:
    """The scorer in use."""
    return AdditiveScorer()
