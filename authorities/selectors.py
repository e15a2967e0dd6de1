"""What the organisation of the authorities says about places and about those that came before."""

from collections import defaultdict
from collections.abc import Iterable

from authorities.models import Area, AreaKind, Succession, Unit


def former_codes(authority: str) -> frozenset[str]:
    """Codes of ended authorities whose affairs have come to this one. One query.

    Also of those that came to one of them before.
    """
    moved = list(
        Succession.objects.filter(moved_at__isnull=False)
        .order_by("pk").values_list("successor__code", "predecessor__code")
    )  # fmt: skip
    found = {authority}
    while more := {old for new, old in moved if new in found} - found:
        found |= more
    return frozenset(found - {authority})


def regions_served(units: Iterable[int]) -> dict[int, set[int] | None]:
    """Unit → regions it serves; None: the whole country (it names no area, or the country)."""
    units = set(units)
    served: dict[int, set[int] | None] = {}
    rows = Unit.areas.through.objects.filter(unit__in=units).select_related("area")
    areas: dict[int, list[Area]] = defaultdict(list)
    for row in rows:
        areas[row.unit_id].append(row.area)
    members: dict[int, set[int]] = defaultdict(set)
    for district, region in Area.objects.filter(
        districts__in={a.pk for rows in areas.values() for a in rows}
    ).values_list("districts", "region_id"):
        members[district].add(region)
    for unit in units:
        own = areas.get(unit, [])
        if not own or any(area.kind == AreaKind.COUNTRY for area in own):
            served[unit] = None
            continue
        served[unit] = set()
        for area in own:
            known = members[area.pk] | {area.pk if area.kind == AreaKind.REGION else area.region_id}
            served[unit] |= {pk for pk in known if pk}  # type: ignore[operator]
    return served
