"""Municipalities and industries that rows name, found without a query a row."""

from django.db.models import F

from authorities.models import Area, AreaKind
from targets.models import Industry
from targets.services.imports.records import Refused


class Places:
    """Municipalities by code and by name, former ones led to their successors; loaded once."""

    def __init__(self, country: str = "FI") -> None:
        areas = Area.objects.filter(kind=AreaKind.MUNICIPALITY, country=country).select_related(
            "successor", "region"
        )
        self._found: dict[str, Area] = {}
        # Those of today last: they take a name or code that a former one had before.
        for area in areas.order_by(F("valid_to").asc(nulls_last=True), "pk"):
            target = area.successor or area
            for key in (area.code, area.name_fi, area.name_sv, area.name_en):
                if key:
                    self._found[key.casefold()] = target

    def _look_up(self, value: str) -> Area | None:
        key = value.strip().casefold()
        return self._found.get(key) or (self._found.get(key.zfill(3)) if key.isdigit() else None)

    def find(self, value: str, locality: str = "") -> Area | None:
        """The municipality, None for an empty value; refuses one that is not known.

        ``locality`` is a post town, tried when there is no ``value``; many are no municipality.
        """
        if not value:
            return self._look_up(locality) if locality else None
        area = self._look_up(value)
        if area is None:
            raise Refused("municipality", "municipality", value)
        return area


class Industries:
    """Classes of an edition; a code deeper than stored levels leads to the class above it."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], int] = {
            (edition, code): pk
            for edition, code, pk in Industry.objects.values_list("edition__code", "code", "pk")
        }

    def find(self, value: tuple[str, str] | None) -> int | None:
        if value is None:
            return None
        edition, code = value
        for length in range(len(code), 1, -1):
            pk = self._found.get((edition, code[:length]))
            if pk is not None:
                return pk
        raise Refused("industry", "industry", f"{edition} {code}")
