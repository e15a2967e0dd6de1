"""What the bodies of the set keep of their people and vehicles. Loaded again, nothing doubles."""

import datetime as dt

from authorities.actors import Actor
from planning.models import Absence, Vehicle
from planning.services import add_absence, add_vehicle, set_skills

# Authority code → vehicles (name, seats).
VEHICLES: dict[str, tuple[tuple[str, int], ...]] = {
    "LVV_OSH": (("Farmari 1", 5), ("Tila-auto", 7)),
    "TAX": (("Pieni auto", 4),),
    "POLICE": (("Partioauto 21", 5), ("Pakettiauto 3", 8)),
    "BORDER": (("Maastoauto", 5),),
}
# Languages by the names that interpreters have on the boards.
LANGUAGES = {
    ("LVV_OSH", 2): ("englanti", "viro"), ("TAX", 2): ("venäjä",), ("POLICE", 2): ("vietnam",),
    ("POLICE", 3): ("englanti", "ukraina"), ("BORDER", 2): ("venäjä", "englanti"),
}  # fmt: skip


def load_teams(actors: dict[str, list[Actor]], today: dt.date) -> None:
    for code, rows in VEHICLES.items():
        for name, seats in rows:
            if not Vehicle.objects.filter(authority__code=code, name=name).exists():
                add_vehicle(actor=actors[code][0], name=name, seats=seats)
    for code, people in actors.items():
        for number in (2, 3):
            set_skills(
                actor=people[0], person=people[number].user,
                languages=LANGUAGES.get((code, number), ()), may_drive=number == 2,
            )  # fmt: skip
    for code, number, start, days, kind in (
        ("LVV_OSH", 3, 14, 4, "training"), ("TAX", 2, 16, 8, "away"), ("POLICE", 3, 21, 1, "duty"),
    ):  # fmt: skip
        person = actors[code][number].user
        first = today + dt.timedelta(days=start)
        last = first + dt.timedelta(days=days)
        if not Absence.objects.filter(
            user=person, starts_on__lte=last, ends_on__gte=first
        ).exists():
            add_absence(
                actor=actors[code][0], person=person, starts_on=first, ends_on=last, kind=kind
            )
