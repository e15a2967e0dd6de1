"""Where an address lies, as the queries ask the gazetteer of the installation."""

# The place of the address as it is written, else that of its house: "Katu 1 A 5" is in "katu 1".
HOUSE = "substring({key} from '^[^0-9]+[0-9]+')"
POINT = """SELECT p.longitude, p.latitude FROM targets_addresspoint p
         WHERE {asked} AND p.municipality_id = {municipality} AND p.key IN ({key}, {house})
         ORDER BY p.key <> {key} LIMIT 1"""


def point_of(municipality: str, address: str, asked: str) -> str:
    """A sub-select of one place at most, none unless ``asked``; expressions of the query around."""
    key = f"left(targets_normal({address}), 200)"
    house = HOUSE.format(key=key)
    return POINT.format(municipality=municipality, asked=asked, key=key, house=house)
