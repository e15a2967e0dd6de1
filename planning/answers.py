"""Why a candidate is in a plan or not, and why there is none, in sentences.

Everything is read from what the run stored; each sentence gives the numbers it stands on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models.fields.json import KeyTransform
from django.utils.dateparse import parse_date
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authorities.models import Area, AreaKind, Authority, Unit
from planning.models import Operation, SelectionRun
from targets.models import Industry, Site


@dataclass
class Answer:
    """Of one site in one plan. ``rows``: what is reckoned for and against it, summing to ``reduced``."""

    verdict: str
    words: list[str]
    rows: list[tuple[str, float]] = field(default_factory=list)
    reduced: float | None = None

    @property
    def printed(self) -> list[tuple[str, str]]:
        """The rows as they are shown: their numbers, added by hand, are ``sum`` exactly."""
        amounts = _to_sum([amount for _label, amount in self.rows], self.reduced or 0.0)
        return [(row[0], price(amount)) for row, amount in zip(self.rows, amounts, strict=True)]

    @property
    def sum(self) -> str:
        return "" if self.reduced is None else price(self.reduced)


# Of worth, prices and all that is reckoned from them: with fewer a sum made by hand would miss.
DIGITS = 4


def price(value: float) -> str:
    return number(value, DIGITS)


def _to_sum(amounts: list[float], total: float) -> list[float]:
    """Amounts cut to DIGITS, those cut most lifted by one of the last digit, so that they add up.

    Rounded each on its own they would miss the rounded ``total`` by some of the last digit.
    """
    scale = 10**DIGITS
    # What is next to a whole number of last digits is one: 0.3 is not 0.2999...
    parts = [round(amount * scale, 6) for amount in amounts]
    cut = [math.floor(part) for part in parts]
    lift = round(round(total, DIGITS) * scale) - sum(cut)
    most = sorted(range(len(parts)), key=lambda k: (cut[k] - parts[k], k))[: max(0, lift)]
    return [(cut[k] + (k in most)) / scale for k in range(len(parts))]


def number(value: float, decimals: int = 2) -> str:
    # No "-0.00": what is rounded to nothing has no sign.
    return number_format(round(value, decimals) + 0.0, decimals, use_l10n=True, force_grouping=True)


def days_words(days: float) -> str:
    return number_format(round(days, 2), use_l10n=True)


class Names:
    """Short names for the codes that stand in a run, fetched once."""

    def __init__(self, run: SelectionRun) -> None:
        inputs = run.inputs or {}
        pools = {p["region"] for p in inputs.get("pools", [])}
        self._fetch(
            pools | set(inputs.get("regions", [])), {p[1:] for p in pools if p.startswith("@")}
        )
        self.periods: list[str] = inputs.get("periods", ["window"])
        self.resources = {r["id"]: r["name"] for r in inputs.get("resources", [])}

    @classmethod
    def of(cls, operation: Operation) -> "Names":
        """The same of an operation that has no run yet."""
        names = cls.__new__(cls)
        units = operation.capacities.filter(unit__isnull=False).values_list("unit__code", flat=True)
        names._fetch(set(operation.regions.values_list("code", flat=True)), set(units))
        names.periods = ["window"]
        names.resources = {str(r.public_id): r.name for r in operation.resources.all()}
        return names

    def _fetch(self, regions: set[str], units: set[str]) -> None:
        rows = list(Authority.objects.order_by("pk"))
        self.authorities = {a.code: a.short for a in rows}
        self.by_id = {a.pk: a.short for a in rows}
        areas = Area.objects.filter(kind=AreaKind.REGION, code__in=regions).order_by("pk")
        self.regions = {a.code: a.name for a in areas}
        self.units: dict[tuple[str, str], str] = {}
        if units:
            named = Unit.objects.filter(code__in=units).select_related("authority").order_by("pk")
            self.units = {(u.authority.code, u.code): u.name for u in named}

    def team(self, codes: list[str]) -> str:
        return ", ".join(self.authorities.get(code, code) for code in codes)

    def team_of(self, ids: list[int]) -> str:
        """The same of authority ids."""
        return ", ".join(self.by_id.get(pk, "") for pk in ids)

    def pool(self, key: str) -> str:
        """ "OSH, Lapland", "OSH, its unit", or the authority alone where it has one pool."""
        code, region = key.split("/", 1)
        name = self.authorities.get(code, code)
        if region.startswith("@"):
            return f"{name}, {self.units.get((code, region[1:]), region[1:])}"
        return name if region == "*" else f"{name}, {self.regions.get(region, region)}"

    def period(self, number: int) -> str:
        name = self.periods[number]
        return "" if name == "window" else week_words(name)

    def in_period(self, name: str, number: int) -> str:
        """What has a price, with the week whose price it is: "OSH, Lapland, week 37"."""
        week = self.period(number)
        return f"{name}, {week}" if week else name

    def quota(self, key: str) -> str:
        """What the quota counts, in words."""
        region, rest = key.split("/", 1)
        industry, authority = rest.rsplit("/", 1)
        parts = [self.regions.get(region, region)] if region else []
        if industry:
            row = Industry.objects.filter(path=industry).order_by("-pk").first()
            parts.append(row.name if row else industry)
        if authority:
            parts.append(self.authorities.get(authority, authority))
        return ", ".join(parts)


def week_words(iso: str) -> str:
    day = parse_date(iso)
    return iso if day is None else _("week %(week)s") % {"week": day.isocalendar().week}


def stored_answer(run: SelectionRun, site: Site) -> dict[str, Any] | None:
    """What the run stored of the site; only that part is read from the database."""
    path = KeyTransform(str(site.public_id), KeyTransform("answers", "result"))
    found: dict[str, Any] | None = (
        SelectionRun.objects.filter(pk=run.pk).order_by("pk").values_list(path, flat=True).first()
    )
    return found


def why(run: SelectionRun, site: Site, names: Names | None = None) -> Answer | None:
    """The site's answer in the plan; None when it was no candidate then."""
    stored = stored_answer(run, site)
    if stored is None:
        return None
    names = names or Names(run)
    return Answer(
        stored["verdict"], [_VERDICTS[stored["verdict"]](stored, names)],
        list(_rows(stored, names)), stored.get("reduced"),
    )  # fmt: skip


def no_candidate() -> Answer:
    """Of a site that the plan knows nothing of."""
    words = _(
        "It was no candidate when this proposal was made, so that the proposal says nothing of it. "
        "A new proposal would weigh it."
    )
    return Answer("unknown", [words])


TINY = 1e-9


def _costs(stored: dict[str, Any], names: Names) -> str:
    parts = [
        _("%(days)s days of %(pool)s at %(price)s each")
        % {"days": days_words(days), "pool": names.in_period(names.pool(pool), stored["period"]),
           "price": price(each)}
        for _code, pool, days, each in stored["costs"]
    ]  # fmt: skip
    # Whatever else has a price and counts against it: without it the sentence would contradict.
    for key, amount in stored["quotas"]:
        if amount < -TINY:
            parts.append(_("the limit of %(quota)s at %(price)s") % {
                "quota": names.quota(key), "price": price(-amount)})  # fmt: skip
    for key, units, each in stored["resources"]:
        if each > TINY:
            parts.append(_("%(resource)s at %(price)s") % {
                "resource": _resource(key, stored, names), "price": price(units * each)})  # fmt: skip
    if stored["joint"] < -TINY:
        parts.append(_("the share of joint visits at %(price)s") % {
            "price": price(-stored["joint"])})  # fmt: skip
    return "; ".join(parts)


def _resource(key: str, stored: dict[str, Any], names: Names) -> str:
    return names.in_period(names.resources.get(key, key), stored["period"])


def _chosen(stored: dict[str, Any], names: Names) -> str:
    return _("Proposed: is worth %(worth)s, takes %(costs)s.") % {
        "worth": price(stored["worth"]), "costs": _costs(stored, names),
    }  # fmt: skip


def _filled(stored: dict[str, Any], names: Names) -> str:
    return _(
        "Proposed although it is worth %(worth)s, less than the price of its days (%(costs)s): "
        "whole visits left room that nothing better could use."
    ) % {"worth": price(stored["worth"]), "costs": _costs(stored, names)}


def _dear(stored: dict[str, Any], names: Names) -> str:
    return _("Not proposed: needs %(costs)s, is worth %(worth)s.") % {
        "worth": price(stored["worth"]), "costs": _costs(stored, names),
    }  # fmt: skip


def _rounding(stored: dict[str, Any], names: Names) -> str:
    return _(
        "Not proposed although it is worth its price (%(worth)s for %(costs)s): visits are whole, "
        "and better ones left no room."
    ) % {"worth": price(stored["worth"]), "costs": _costs(stored, names)}


def _firm(stored: dict[str, Any], names: Names) -> str:
    return _("Not proposed: other sites of the same firm have its visits.")


_VERDICTS: dict[str, Callable[[dict[str, Any], Names], str]] = {
    "chosen": _chosen,
    "filled": _filled,
    "pinned": lambda s, n: _("Proposed because it was pinned or drawn at random."),
    "excluded": lambda s, n: _("Not proposed: it is excluded, or not available for this round."),
    "no_team": lambda s, n: _(
        "Not proposed: no participant could come, none of them may enter this kind of place by "
        "right, or one that must be there cannot come."
    ),
    "closed": lambda s, n: _("Not proposed: there is no week in which it may be visited."),
    "too_big": lambda s, n: _(
        "Not proposed: every team that could come needs more days than there are."
    ),
    "too_dear": _dear,
    "firm": _firm,
    "rounding": _rounding,
}


def _rows(stored: dict[str, Any], names: Names) -> Any:
    if "worth" not in stored:
        return
    who, week = names.team(stored["team"]), names.period(stored["period"])
    label = _("Worth of the visit by %(team)s (%(week)s)") if week else _(
        "Worth of the visit by %(team)s")  # fmt: skip
    yield label % {"team": who, "week": week}, stored["worth"]
    for _code, pool, days, each in stored["costs"]:
        label = _("%(days)s days of %(pool)s at %(price)s each") % {
            "days": days_words(days), "pool": names.in_period(names.pool(pool), stored["period"]),
            "price": price(each),
        }  # fmt: skip
        yield label, -days * each
    for key, amount in stored["quotas"]:
        if abs(amount) > TINY:
            yield _("Quota: %(quota)s") % {"quota": names.quota(key)}, amount
    for key, units, each in stored["resources"]:
        if each > TINY:
            yield _resource(key, stored, names), -units * each
    if abs(stored["joint"]) > TINY:
        yield _("Share of joint visits"), stored["joint"]


# --------------------------------------------------------------------------- no plan at all
def clash_words(run: SelectionRun) -> list[str]:
    """A smallest set of limits that no plan keeps: one sentence each."""
    return clash_lines(run.clash or [], Names(run))


def clash_lines(clash: list[Any], names: Names) -> list[str]:
    """The same of a clash as it is stored."""
    keys = [key for kind, key, _data in clash if kind in ("pin", "entry", "period", "team")]
    of_firms = [
        key for kind, _key, data in clash if kind == "firm" for key in data.get("sites", [])
    ]
    rows = Site.objects.filter(public_id__in=[*keys, *of_firms]).order_by("pk")
    shown = {str(site.public_id): site for site in rows.select_related("company")}
    return [_clash(kind, key, data, names, shown) for kind, key, data in clash]


def _clash(kind: str, key: str, data: dict[str, Any], names: Names, shown: dict[str, Site]) -> str:
    needs, has = data.get("needs"), data.get("has")
    site = shown[key].shown_name if key in shown else key
    if kind == "capacity":
        numbers = {
            "pool": names.pool(key), "has": days_words(has or 0), "needs": days_words(needs or 0),
            "weeks": ", ".join(week_words(w) for w in data.get("periods", []) if w != "window"),
        }  # fmt: skip
        if numbers["weeks"]:
            return _(
                "%(pool)s has %(has)s days (%(weeks)s), the other limits need %(needs)s there."
            ) % numbers  # fmt: skip
        return _("%(pool)s has %(has)s days, the other limits need %(needs)s.") % numbers
    if kind == "quota_min":
        words = ngettext(
            "At least %(needs)s visit is asked for (%(quota)s); at most %(has)s can be made.",
            "At least %(needs)s visits are asked for (%(quota)s); at most %(has)s can be made.",
            int(needs or 0),
        )
        return words % {"needs": needs, "has": has, "quota": names.quota(key)}
    if kind == "quota_max":
        words = ngettext(
            "At most %(has)s visit is allowed (%(quota)s); the other limits force %(needs)s.",
            "At most %(has)s visits are allowed (%(quota)s); the other limits force %(needs)s.",
            int(has or 0),
        )
        return words % {"needs": needs, "has": has, "quota": names.quota(key)}
    if kind == "pin":
        return _("%(site)s is pinned.") % {"site": site}
    if kind == "entry":
        return _("Nobody on the team of %(site)s may enter this kind of place by right.") % {
            "site": site
        }
    if kind == "period":
        return _("%(site)s cannot be visited in the week it is pinned to.") % {"site": site}
    if kind == "team":
        return _("No team that could go to %(site)s keeps the rules about who goes.") % {
            "site": site
        }
    if kind == "firm":
        return _of_firm(data, names, shown)
    if kind == "resource":
        return _("%(resource)s: %(has)s visits can be served, %(needs)s are needed.") % {
            "resource": names.resources.get(key, key), "has": days_words(has or 0),
            "needs": days_words(needs or 0),
        }  # fmt: skip
    return _("The share of joint visits that is asked for cannot be reached.")


def _of_firm(data: dict[str, Any], names: Names, shown: dict[str, Site]) -> str:
    """A firm by name where whoever reads sees it, and what forces more visits to it than may be.

    Clashes of earlier runs do not say which sites and what: then no name and no cause is given.
    """
    sites = [shown[key] for key in data.get("sites", []) if key in shown]
    firm = next((site.company.name for site in sites if site.company), "")
    quotas = "; ".join(names.quota(key) for key in data.get("minimums", []))
    pins = data.get("pins")
    if pins and quotas:
        words = ngettext(
            "%(firm)s is visited at most %(has)s time; pinned sites of it and the minimum of "
            "%(quotas)s need %(needs)s visits.",
            "%(firm)s is visited at most %(has)s times; pinned sites of it and the minimum of "
            "%(quotas)s need %(needs)s visits.",
            data["has"],
        )
    elif quotas:
        words = ngettext(
            "%(firm)s is visited at most %(has)s time; the minimum of %(quotas)s needs %(needs)s "
            "visits to it.",
            "%(firm)s is visited at most %(has)s times; the minimum of %(quotas)s needs %(needs)s "
            "visits to it.",
            data["has"],
        )
    elif pins:
        words = ngettext(
            "%(firm)s is visited at most %(has)s time; %(needs)s of its sites are pinned.",
            "%(firm)s is visited at most %(has)s times; %(needs)s of its sites are pinned.",
            data["has"],
        )
    else:
        words = ngettext(
            "%(firm)s is visited at most %(has)s time; the other limits need %(needs)s visits to it.",
            "%(firm)s is visited at most %(has)s times; the other limits need %(needs)s visits to "
            "it.",
            data["has"],
        )
    return words % {
        "firm": firm or _("A firm"), "has": data["has"], "needs": data["needs"], "quotas": quotas,
    }  # fmt: skip
