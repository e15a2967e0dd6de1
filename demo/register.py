"""About 3,000 stand-in companies with a site each, spread over real municipalities.

Business ids have valid check digits and lie in 9910000–9959999, far above the numbers issued.
The same seed and day give the same rows.
"""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass

from authorities.models import Area, AreaKind

WEIGHTS = (7, 9, 10, 5, 8, 4, 2)
FIRST_NUMBER = 9910000

# TOL 2025 / NACE class without dot, share, words of names, premises kind, staff range.
TRADES: tuple[tuple[str, int, tuple[str, ...], str, tuple[int, int]], ...] = (
    (
        "5611",
        22,
        ("Ravintola", "Kebab", "Pizzeria", "Keittiö", "Lounaskahvila"),
        "food_premises",
        (2, 18),
    ),
    ("5630", 6, ("Baari", "Pubi", "Kulmakuppila"), "licensed_premises", (2, 12)),
    ("8121", 12, ("Siivous", "Puhtaanapito", "Kiinteistöpalvelu"), "business_premises", (3, 60)),
    ("4100", 12, ("Rakennus", "Talonrakennus"), "construction_site", (3, 45)),
    ("4399", 8, ("Saneeraus", "Muuraus", "Teline"), "construction_site", (2, 25)),
    ("9531", 7, ("Autokorjaamo", "Rengas", "Autopesu"), "business_premises", (1, 9)),
    ("9622", 6, ("Kauneus", "Kynsistudio", "Hieronta"), "beauty_or_massage", (1, 6)),
    ("0113", 6, ("Puutarha", "Kasvihuone"), "farm_or_forest", (2, 40)),
    ("0125", 4, ("Marja", "Marjatila"), "farm_or_forest", (2, 60)),
    ("0210", 3, ("Metsä", "Taimi"), "farm_or_forest", (1, 20)),
    ("4941", 6, ("Kuljetus", "Logistiikka"), "vehicle", (2, 30)),
    ("1071", 3, ("Leipomo", "Konditoria"), "food_premises", (2, 20)),
    ("7820", 3, ("Henkilöstö", "Vuokratyö"), "business_premises", (5, 120)),
    ("3011", 2, ("Telakkatyö", "Laivahitsaus"), "shipyard", (5, 80)),
)
STEMS = (
    "Aho",
    "Haapa",
    "Harju",
    "Hiekka",
    "Joki",
    "Kallio",
    "Kanerva",
    "Kataja",
    "Kivi",
    "Koivu",
    "Korpi",
    "Kuusi",
    "Laakso",
    "Lampi",
    "Lehto",
    "Louhi",
    "Mänty",
    "Meri",
    "Metsä",
    "Niemi",
    "Niitty",
    "Paju",
    "Pelto",
    "Pihlaja",
    "Pouta",
    "Ranta",
    "Routa",
    "Saari",
    "Salmi",
    "Sara",
    "Suvi",
    "Tammi",
    "Tuuli",
    "Valo",
    "Vanamo",
    "Vesi",
    "Vuori",
    "Ylä",
)
ENDINGS = ("la", "sto", "ranta", "mäki", "niemi", "koski", "lahti", "kulma", "harju", "pelto")
STREETS = (
    "Asemakatu",
    "Hallitie",
    "Kauppakatu",
    "Keskuskatu",
    "Koulutie",
    "Mestarintie",
    "Myllykatu",
    "Rantatie",
    "Satamakatu",
    "Teollisuustie",
    "Torikatu",
    "Varastokatu",
    "Yrittäjänkatu",
)
# Municipalities that draw more business than their share of rows; others get one ticket.
TICKETS = {
    "091": 90, "049": 40, "092": 36, "837": 40, "853": 32, "564": 30, "179": 20, "297": 16,
    "398": 16, "286": 10, "405": 11, "609": 12, "905": 10, "167": 12, "698": 10, "743": 9,
    "109": 9, "858": 8, "529": 6, "638": 7, "186": 6, "202": 6, "257": 6, "480": 2, "478": 5,
}  # fmt: skip


@dataclass(frozen=True)
class StandIn:
    """One company and its site, as the loader stores them."""

    business_id: str
    company: str
    site: str
    site_sv: str
    trade: str
    premises: str
    staff: int
    municipality: Area
    street: str
    longitude: float | None
    latitude: float | None
    registered_on: dt.date
    status: str
    struck_from_prepayment_on: dt.date | None


def check_digit(number: int) -> int | None:
    """Check digit of a business id, or None when the number is never issued (remainder 1)."""
    remainder = sum(w * int(d) for w, d in zip(WEIGHTS, f"{number:07d}", strict=True)) % 11
    if remainder == 1:
        return None
    return 0 if remainder == 0 else 11 - remainder


def business_ids(first: int = FIRST_NUMBER) -> Iterator[str]:
    """Valid business ids from ``first`` upwards."""
    number = first
    while True:
        digit = check_digit(number)
        if digit is not None:
            yield f"{number:07d}-{digit}"
        number += 1


def stand_ins(count: int, today: dt.date, seed: int = 20261125) -> Iterator[StandIn]:
    """Yield ``count`` stand-ins; one query for the municipalities."""
    rng = random.Random(seed)
    areas = list(
        Area.objects.filter(kind=AreaKind.MUNICIPALITY, country="FI")
        .valid_on(today)
        .select_related("region")
        .order_by("code")
    )
    tickets = [TICKETS.get(area.code, 1) for area in areas]
    shares = [trade[1] for trade in TRADES]
    ids = business_ids()
    for _ in range(count):
        code, _share, words, premises, staff = rng.choices(TRADES, shares)[0]
        area = rng.choices(areas, tickets)[0]
        stem = rng.choice(STEMS) + rng.choice(ENDINGS)
        word = rng.choice(words)
        registered = today - dt.timedelta(days=rng.randint(40, 9000))
        status = rng.choices(("active", "bankrupt", "restructuring", "ceased"), (94, 3, 2, 1))[0]
        struck = None
        if rng.random() < 0.06:
            struck = max(registered, today - dt.timedelta(days=rng.randint(10, 900)))
        spread = 0.035
        yield StandIn(
            business_id=next(ids),
            company=f"{stem} {word} Oy",
            site=f"{word} {stem}, {area.name_fi}",
            site_sv=f"{word} {stem}, {area.name_sv or area.name_fi}",
            trade=code,
            premises=premises,
            staff=rng.randint(*staff),
            municipality=area,
            street=f"{rng.choice(STREETS)} {rng.randint(1, 98)}",
            longitude=_near(rng, area.longitude, spread * 2),
            latitude=_near(rng, area.latitude, spread),
            registered_on=registered,
            status=status,
            struck_from_prepayment_on=struck,
        )


def _near(rng: random.Random, centre: float | None, spread: float) -> float | None:
    """A coordinate around a municipality's label point, four decimals."""
    offset = rng.uniform(-spread, spread)
    return None if centre is None else round(centre + offset, 4)
