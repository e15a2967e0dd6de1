"""Freezing everything a plan depends on, and making the solver's arrays of it.

``freeze`` reads the database once and gives plain data by public ids and codes; ``problem_of`` needs
nothing but that data. What is stored with a run is therefore what its plan can be made from again.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from authorities.models import Unit
from authorities.selectors import regions_served
from planning.candidates import Candidate, Chances, candidates
from planning.full_teams import FullTeams
from planning.models import (
    AvailabilityState,
    Fixed,
    Operation,
    Participation,
    Periods,
    SelectionSettings,
)
from planning.open_weeks import OpenWeeks
from planning.optimise.problem import (
    EXCLUDED,
    FREE,
    PINNED,
    Problem,
    Quota,
    Resource,
    Weights,
)
from planning.workdays import weeks

WINDOW = ["window"]  # the periods of a plan that has one
ELSEWHERE = ""  # a region of sites that stand in none of the operation's
FORM = 2  # of the frozen data; 2: the joint share leaves out what was drawn for one authority alone
ALL = "*"  # the one pool of an authority, for every region without a pool of its own
WEEK_DAYS = 5
Served = dict[int, set[int]]  # by unit (id): regions (ids)


def settings_of(operation: Operation) -> SelectionSettings:
    """The operation's settings; the usual ones until somebody changes them."""
    row = SelectionSettings.objects.filter(operation=operation).first()
    return row or SelectionSettings(operation=operation)


def fingerprint(inputs: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(inputs, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# ------------------------------------------------------------------------------------ capacity
@dataclass(frozen=True)
class DaysOf:
    """Whose inspector-days: of an authority in a region, of one of its units, or of all the rest."""

    authority: int
    region: int | None = None
    unit: int | None = None

    def serves(self, region: int, served: Served) -> bool:
        """Whether these may be the days of visits in the region (id)."""
        if self.unit is not None:
            return region in served.get(self.unit, set())
        return self.region in (None, region)


def units_of(operation: Operation, units: Iterable[int]) -> Served:
    """The operation's regions that each unit (id) serves."""
    units = set(units)
    if not units:
        return {}
    regions = set(operation.regions.values_list("pk", flat=True))
    return {
        unit: regions if own is None else own & regions
        for unit, own in regions_served(units).items()
    }


def weekly_days(operation: Operation, places: Iterable[Participation]) -> dict[DaysOf, list[float]]:
    """Inspector-days of every pool for each week of the window.

    The narrowest row counts: first of the region or unit (that week before every week), then of the
    authority alike, then the answer to the invitation. A week of which only some days are workdays in
    the window counts in part.
    """
    rows: dict[DaysOf, dict[dt.date | None, float]] = {}
    for row in operation.capacities.all():
        whose = DaysOf(row.authority_id, row.region_id, row.unit_id)
        rows.setdefault(whose, {})[row.week] = float(row.days)
    window = weeks(operation.window_start, operation.window_end)
    served = units_of(operation, {w.unit for w in rows if w.unit})
    regions = set(operation.regions.values_list("pk", flat=True)) if rows else set()
    found = {}
    for place in places:
        everywhere = DaysOf(place.authority_id)
        usual = float(place.inspector_days_per_week or 0)
        wide = {None: usual} | rows.get(everywhere, {})
        own = [w for w in rows if w.authority == place.authority_id and w != everywhere]
        own.sort(key=lambda w: (w.region or 0, w.unit or 0))
        # Regions with days of their own take nothing from the others: they have the wider row.
        apart = {r for r in regions if any(w.serves(r, served) for w in own)}
        if not own or regions - apart:
            found[everywhere] = _weeks_of(wide, {}, window)
        for whose in own:
            found[whose] = _weeks_of(rows[whose], wide, window)
    return found


def _weeks_of(
    own: dict[dt.date | None, float], wider: dict[dt.date | None, float],
    window: list[tuple[dt.date, int]],
) -> list[float]:  # fmt: skip
    def of(week: dt.date) -> float:
        return own.get(week, own.get(None, wider.get(week, wider.get(None, 0.0))))

    return [round(of(week) * days / WEEK_DAYS, 2) for week, days in window]


def days_in_window(operation: Operation, places: list[Participation]) -> dict[int, float]:
    """Inspector-days of each authority (id) over the whole window and all its pools."""
    totals = {place.authority_id: 0.0 for place in places}
    for whose, days in weekly_days(operation, places).items():
        totals[whose.authority] += sum(days)
    return totals


# -------------------------------------------------------------------------------------- freeze
def freeze(
    operation: Operation, today: dt.date | None = None, *,
    rows: list[Candidate] | None = None, as_drawn: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Everything a plan of the operation depends on, as it stands now. Constant queries.

    Contains what every participant sees of the selection, and nothing else: joint scores,
    nominations, capacities, limits, availability. ``rows``: its candidates, if they are at hand.
    ``as_drawn``: as if all that is neither pinned nor excluded had been drawn.
    """
    today = today or timezone.localdate()
    chosen = settings_of(operation)
    chances = Chances(operation)
    window = weeks(operation.window_start, operation.window_end)
    by_week = chosen.periods == Periods.WEEKS
    rows = candidates(operation) if rows is None else rows
    places = chances.places
    people = {p.authority_id: _people(p) for p in places}
    days = weekly_days(operation, places)
    served = units_of(operation, {whose.unit for whose in days if whose.unit})
    codes = {p.authority_id: p.authority.code for p in places}
    regions = {r.pk: r.code for r in operation.regions.order_by("code", "pk")}
    pools = _pools(days, served, codes, regions, by_week)
    teams = FullTeams(chances, people, chosen.min_people, chosen.most_authorities,
                      idle=_idle(pools, chances, regions))  # fmt: skip
    open_weeks = OpenWeeks(operation, [row.site.pk for row in rows], by_week=by_week)
    sites = [_site(row, chances, teams, codes, open_weeks, as_drawn) for row in rows]
    _add_travel(sites)
    return {
        "form": FORM, "operation": operation.number, "round": operation.round,
        "on": today.isoformat(),
        "models": sorted({str(m.version) for row in rows for m in row.card.models}),
        "weights": {f.name: float(getattr(chosen, f.name, getattr(Weights, f.name)))
                    for f in fields(Weights)},
        "rules": {"random_share": chosen.random_share, "joint_share": chosen.joint_share,
                  "most_per_firm": chosen.most_per_firm, "min_people": chosen.min_people,
                  "most_authorities": chosen.most_authorities, "rest_days": settings.REST_DAYS},
        "periods": [week.isoformat() for week, _days in window] if by_week else WINDOW,
        "authorities": [
            {"code": p.authority.code, "severity": chances.severity(p.authority_id),
             "people": people[p.authority_id]}
            for p in places
        ],
        "regions": _regions(regions, rows),
        "pools": pools,
        "quotas": _quotas(operation, codes, float(chosen.penalty)),
        "together": sorted([codes[one], codes[other]]
                           for one, others in chances.together.items() for other in others),
        "present": sorted([kind, codes[pk]]
                          for kind, ones in chances.present.items() for pk in ones),
        "resources": _resources(operation, len(window), by_week),
        "sites": sites,
    }  # fmt: skip


def _regions(regions: dict[int, str], rows: list[Candidate]) -> list[str]:
    """Codes; with ELSEWHERE where a candidate stands in none of the operation's regions: it takes
    the days that are of no region, and where there are none nobody goes."""
    inside = all(row.site.region_id in regions for row in rows)
    return [*regions.values(), *([] if inside else [ELSEWHERE])]


def _people(place: Participation) -> int:
    """Inspectors whom an authority sends on a visit: two, or the one it has."""
    inspectors = place.unit.memberships.usable().filter(roles__contains=["inspector"]).count()
    return max(1, min(2, inspectors))


def _site(
    row: Candidate, chances: Chances, teams: FullTeams, codes: dict[int, str],
    open_weeks: OpenWeeks, as_drawn: bool,
) -> dict[str, Any]:  # fmt: skip
    terms, site = row.terms, row.site
    fixed = terms.fixed if terms else Fixed.FREE
    lot = row.drawn is not None or (as_drawn and fixed == Fixed.FREE)
    found = chances.of(row, drawn=lot)
    team = [codes[pk] for pk in (terms.team if terms else []) if pk in codes]
    if not row.available:
        fixed = Fixed.EXCLUDED
    elif fixed == Fixed.EXCLUDED:
        team = []  # also what was drawn: people may, with a reason that the record tells
    elif lot:
        fixed, team = Fixed.PINNED, [codes[pk] for pk in teams.of(row, found)]
    elif as_drawn and fixed == Fixed.PINNED and not team:
        team = [codes[pk] for pk in teams.of(row, found)]  # the days it may take at most
    return {
        "id": str(site.public_id),
        "region": site.region.code if site.region else "",
        "industry": site.industry.path if site.industry else "",
        "firm": str(site.company.public_id) if site.company else "",
        "place": _point(row),
        "unseen": 1.0 if row.card.coverage is None else round(1 - row.card.coverage / 100, 4),
        "entry": {"asked": row.enter is not None,
                  "by": sorted(codes[pk] for pk in row.enter or ())},
        "come": {
            codes[pk]: {"p": round(c.p, 6), "days": c.days, "wish": c.wish, "rated": c.rated}
            for pk, c in sorted(found.items())
        },
        "fixed": str(fixed), "team": team,
        "week": terms.week.isoformat() if terms and terms.week else "",
        "must": sorted(codes[pk] for pk in chances.present.get(row.kind, ())),
        "needs": sorted(str(n.public_id) for n in terms.needs.all()) if terms else [],
        "weeks": open_weeks.of(site),
        "drawn": row.drawn.probability if row.drawn else None,
        "state": row.availability.state if row.availability else AvailabilityState.CHECKING,
    }  # fmt: skip


def _point(row: Candidate) -> list[float] | None:
    site = row.site
    if site.latitude is not None and site.longitude is not None:
        return [round(site.latitude, 5), round(site.longitude, 5)]
    area = site.municipality
    if area is not None and area.latitude is not None and area.longitude is not None:
        return [round(area.latitude, 5), round(area.longitude, 5)]
    return None


def _add_travel(sites: list[dict[str, Any]]) -> None:
    """``travel``: hundreds of kilometres from the middle of the region's candidates, straight."""
    by_region: dict[str, list[list[float]]] = {}
    for site in sites:
        if site["place"]:
            by_region.setdefault(site["region"], []).append(site["place"])
    middle = {
        region: [float(np.median([p[0] for p in points])), float(np.median([p[1] for p in points]))]
        for region, points in by_region.items()
    }
    for site in sites:
        site["travel"] = 0.0
        if site["place"]:
            lat, lon = middle[site["region"]]
            dy = (site["place"][0] - lat) * 111.2
            dx = (site["place"][1] - lon) * 111.2 * np.cos(np.radians(lat))
            site["travel"] = round(float(np.hypot(dx, dy)) / 100, 4)


def _idle(
    pools: list[dict[str, Any]], chances: Chances, regions: dict[int, str]
) -> dict[int, set[int]]:
    """By region (id) the authorities (ids) whose days there are too few for a single visit."""
    found: dict[int, set[int]] = {}
    for region, code in [*regions.items(), (0, ELSEWHERE)]:
        for place in chances.places:
            at = _serving(pools, place.authority.code, code)
            most = max(pools[at]["days"], default=0.0) if at >= 0 else 0.0
            if most < chances.visit_days(place.authority_id):
                found.setdefault(region, set()).add(place.authority_id)
    return found


def _narrowest(whose: DaysOf) -> tuple[bool, bool, int]:
    return (whose.region is None, whose.unit is None, whose.unit or whose.region or 0)


def _pools(
    by_pool: dict[DaysOf, list[float]], served: Served, codes: dict[int, str],
    regions: dict[int, str], by_week: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """``region``: its code, "*" for all without days of their own, or "@" and a unit's code with
    the ``regions`` that the unit serves. Narrower ones first."""
    units = {u.pk: u.code for u in Unit.objects.filter(pk__in=served).order_by("pk")}
    pools = []
    for whose in sorted(by_pool, key=lambda one: (codes[one.authority], _narrowest(one))):
        days = by_pool[whose]
        if whose.region is not None and whose.region not in regions:
            continue
        pool: dict[str, Any] = {
            "authority": codes[whose.authority],
            "region": regions[whose.region] if whose.region else ALL,
            "days": days if by_week else [round(sum(days), 2)],
        }
        if whose.unit is not None:
            pool["region"] = f"@{units[whose.unit]}"
            pool["regions"] = sorted(regions[r] for r in served.get(whose.unit, set()))
        pools.append(pool)
    return pools


def _quotas(operation: Operation, codes: dict[int, str], penalty: float) -> list[dict[str, Any]]:
    rows = operation.quotas.select_related("region", "industry").order_by("pk")
    return [
        {"region": q.region.code if q.region else "",
         "industry": q.industry.path if q.industry else "",
         "authority": codes.get(q.authority_id, "") if q.authority_id else "",
         "minimum": q.minimum, "maximum": q.maximum, "hard": q.hard, "penalty": penalty}
        for q in rows
        if not q.authority_id or q.authority_id in codes
    ]  # fmt: skip


def _resources(operation: Operation, weeks_in_all: int, by_week: bool) -> list[dict[str, Any]]:
    return [
        {"id": str(r.public_id), "kind": r.kind, "name": r.name,
         "capacity": [r.per_week] * weeks_in_all if by_week else [r.per_week * weeks_in_all]}
        for r in operation.resources.order_by("kind", "name")
    ]  # fmt: skip


# --------------------------------------------------------------------------------- to arrays
def problem_of(inputs: dict[str, Any]) -> Problem:
    """The solver's arrays of frozen inputs; the same inputs give the same arrays."""
    sites, names = inputs["sites"], [a["code"] for a in inputs["authorities"]]
    index = {code: a for a, code in enumerate(names)}
    regions = {code: r for r, code in enumerate(inputs["regions"])}
    n, authorities = len(sites), len(names)
    p, days, wishes = (np.zeros((n, authorities)) for _ in range(3))
    able, entry = (np.zeros((n, authorities), dtype=bool) for _ in range(2))
    for i, site in enumerate(sites):
        for code, chance in site["come"].items():
            a = index[code]
            able[i, a] = True
            p[i, a], days[i, a], wishes[i, a] = chance["p"], chance["days"], chance["wish"]
        for code in site["entry"]["by"]:
            if code in index:
                entry[i, index[code]] = True
    firms = {firm: k for k, firm in enumerate(sorted({s["firm"] for s in sites if s["firm"]}))}
    rules = inputs["rules"]
    fixed = {Fixed.FREE: FREE, Fixed.PINNED: PINNED, Fixed.EXCLUDED: EXCLUDED}
    periods = inputs["periods"]
    return Problem(
        keys=tuple(s["id"] for s in sites), authorities=tuple(names),
        regions=tuple(inputs["regions"]), periods=tuple(periods),
        **_pool_arrays(inputs, index, regions),
        region=_ints(regions.get(s["region"], regions.get(ELSEWHERE, 0)) for s in sites),
        firm=_ints(firms.get(s["firm"], -1) for s in sites),
        able=able, entry=entry, needs_entry=np.array([s["entry"]["asked"] for s in sites], bool),
        required=_ints(sum(1 << index[c] for c in s.get("must", [])) for s in sites), p=p,
        severity=np.array([a["severity"] for a in inputs["authorities"]], float),
        days=days, wishes=wishes, unseen=np.array([s["unseen"] for s in sites], float),
        travel=np.array([s["travel"] for s in sites], float),
        allowed=np.array([s["weeks"] for s in sites], bool).reshape(n, len(periods)),
        fixed=_ints(fixed[s["fixed"]] for s in sites),
        fixed_team=_ints(sum(1 << index[c] for c in s["team"]) for s in sites),
        fixed_period=_ints(periods.index(s["week"]) if s["week"] in periods else -1 for s in sites),
        weights=Weights(**inputs["weights"]),
        quotas=tuple(_quota(q, sites, index) for q in inputs["quotas"]),
        resources=tuple(_resource(r, sites) for r in inputs["resources"]),
        most_per_firm=rules["most_per_firm"], joint_share=rules["joint_share"] / 100,
        by_lot=np.array([s["drawn"] is not None for s in sites], bool) if inputs["form"] > 1 else None,
        min_people=rules["min_people"],
        most_authorities=rules.get("most_authorities", Problem.most_authorities),
        # Runs from before there were such rules have none stored.
        implied=tuple((1 << index[one], 1 << index[other])
                      for one, other in inputs.get("together", [])),
        people=_ints(a["people"] for a in inputs["authorities"]),
    )  # fmt: skip


def _ints(values: Iterable[int]) -> Any:
    return np.fromiter(values, dtype=np.int64)


def _pool_arrays(
    inputs: dict[str, Any], index: dict[str, int], regions: dict[str, int]
) -> dict[str, Any]:
    pools = inputs["pools"]
    pool_of = np.full((len(index), len(regions)), -1, dtype=np.int64)
    for code, a in index.items():
        for region, r in regions.items():
            pool_of[a, r] = _serving(pools, code, region)
    capacity = np.array([pool["days"] for pool in pools], float)
    return {
        "pools": tuple(pool_key(pool) for pool in pools),
        "pool_authority": _ints(index[pool["authority"]] for pool in pools),
        "pool_of": pool_of, "capacity": capacity.reshape(len(pools), len(inputs["periods"])),
    }  # fmt: skip


def _serving(pools: list[dict[str, Any]], authority: str, region: str) -> int:
    """Place of the days of an authority's visits in a region (codes), -1 for none: those of the
    region before those of a unit, these before those of the whole authority."""
    fitting = [
        (2 if pool["region"] == ALL else int("regions" in pool), at)
        for at, pool in enumerate(pools)
        if pool["authority"] == authority
        and (pool["region"] in (ALL, region) or region in pool.get("regions", ()))
    ]
    return min(fitting)[1] if fitting else -1


def pool_key(pool: dict[str, Any]) -> str:
    """Names the inspector-days of an authority among the others: "authority/region"."""
    return f"{pool['authority']}/{pool['region']}"


def quota_key(quota: dict[str, Any]) -> str:
    """Names a quota among the others: "region/industry/authority"."""
    return f"{quota['region']}/{quota['industry']}/{quota['authority']}"


def _quota(quota: dict[str, Any], sites: list[dict[str, Any]], index: dict[str, int]) -> Quota:
    wanted = [
        i for i, site in enumerate(sites)
        if quota["region"] in ("", site["region"])
        and (not quota["industry"] or _within(site["industry"], quota["industry"]))
    ]  # fmt: skip
    return Quota(
        key=quota_key(quota), sites=_ints(wanted), minimum=quota["minimum"],
        maximum=quota["maximum"], hard=quota["hard"],
        authority=index[quota["authority"]] if quota["authority"] else None,
        penalty=quota.get("penalty", Quota.penalty),
    )  # fmt: skip


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")


def _resource(resource: dict[str, Any], sites: list[dict[str, Any]]) -> Resource:
    return Resource(
        key=resource["id"],
        need=np.array([float(resource["id"] in s["needs"]) for s in sites]),
        capacity=np.array(resource["capacity"], float),
    )
