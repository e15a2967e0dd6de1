"""What people write into the address cell of their own lists, taken apart."""

import re
from dataclasses import dataclass

# Two numbers with decimals, in degrees; between them what stands between two numbers.
COORDINATES = re.compile(r"(?<!\d)(\d{1,2}[.,]\d+)\s*°?[\s;,/NEne]+(\d{1,2}[.,]\d+)(?!\d)")
POSTAL = re.compile(r"^(?P<street>.*?)[\s,]+(?:FI-?)?(?P<code>\d{5})(?:\s+(?P<town>\D+))?$")
TOWN = re.compile(r"[^\W\d_][^\d,;]+")  # at least two letters: "10100 B" is no town
# Where Finland lies: which of two numbers is which is told by them.
LATITUDES, LONGITUDES = (59.0, 70.5), (19.0, 32.0)


@dataclass(frozen=True)
class Place:
    address: str
    postal_code: str = ""
    locality: str = ""
    longitude: float | None = None
    latitude: float | None = None


def taken_apart(cell: str, municipality: str = "") -> Place:
    """The street address of a cell that may hold postal code and town, or coordinates, besides.

    Coordinates are only believed in Finland; what is not understood stays in the address.
    """
    found = COORDINATES.search(cell)
    if found:
        first, second = (float(text.replace(",", ".")) for text in found.groups())
        for latitude, longitude in ((first, second), (second, first)):
            if _within(latitude, LATITUDES) and _within(longitude, LONGITUDES):
                rest = (cell[: found.start()] + cell[found.end() :]).strip(" ,;:°NEne")
                words = re.sub(r"(?i)\b(koordinaatit|koordinater|coordinates|gps)\b", "", rest)
                return Place(words.strip(" ,;:"), longitude=longitude, latitude=latitude)
    parts = POSTAL.match(cell)
    if parts:
        town = (parts["town"] or "").strip()
        return Place(parts["street"].strip(" ,"), parts["code"], town)
    street, _space, last = cell.rpartition(" ")
    if municipality and last.casefold() == municipality.casefold():
        return Place(street.strip(" ,"))
    return Place(cell)


def written_whole(cell: str) -> Place | None:
    """Street, postal code and town where the cell holds all three; None for any other address."""
    parts = POSTAL.match(cell)
    if parts is None or not TOWN.fullmatch(parts["town"] or ""):
        return None
    street = parts["street"].strip(" ,")
    return Place(street, parts["code"], parts["town"].strip()) if street else None


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
