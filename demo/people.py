"""Forty stand-in people in eight real authorities. Names are common ones, put together at random."""

from dataclasses import dataclass

PASSWORD = "tarkka-demo-2026"
DOMAIN = "demo.example"

# Authority code → (mail name, unit areas used in the demonstration).
AUTHORITIES: dict[str, str] = {
    "LVV_OSH": "tyosuojelu",
    "TAX": "vero",
    "POLICE": "poliisi",
    "BORDER": "raja",
    "CUSTOMS": "tulli",
    "MIGRI": "migri",
    "ETK": "etk",
    "LVV_ALCOHOL": "alkoholi",
}


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    roles: tuple[str, ...]
    language: str = "fi"
    region: str = ""  # region code the membership is narrowed to


# Five a body, in this order: coordinator, manager, two inspectors, analyst or administrator.
PEOPLE: dict[str, tuple[Person, ...]] = {
    "LVV_OSH": (
        Person("Anna", "Lehtonen", ("coordinator",)),
        Person("Markus", "Heino", ("manager",)),
        Person("Sari", "Koivisto", ("inspector",)),
        Person("Joakim", "Lindqvist", ("inspector",), "sv"),
        Person("Tiina", "Rautio", ("analyst", "administrator")),
    ),
    "TAX": (
        Person("Petri", "Salonen", ("coordinator",)),
        Person("Helena", "Forsman", ("manager",), "sv"),
        Person("Mika", "Ahonen", ("inspector",)),
        Person("Noora", "Kallio", ("inspector",)),
        Person("Juha", "Peltola", ("analyst",)),
    ),
    "POLICE": (
        Person("Elina", "Hakala", ("coordinator",)),
        Person("Timo", "Virtala", ("manager",)),
        Person("Karl", "Sundman", ("inspector",), "sv"),
        Person("Riikka", "Moilanen", ("inspector",)),
        Person("Antti", "Kettunen", ("administrator",)),
    ),
    "BORDER": (
        Person("Outi", "Karjala", ("coordinator",)),
        Person("Ville", "Saarinen", ("manager",)),
        Person("Laura", "Tikkanen", ("inspector",)),
        Person("Erik", "Nyman", ("inspector",), "sv"),
        Person("Kaisa", "Vuori", ("analyst",)),
    ),
    "CUSTOMS": (
        Person("Janne", "Mattila", ("coordinator",)),
        Person("Paula", "Niskanen", ("manager",)),
        Person("Olli", "Jokela", ("inspector",)),
        Person("Maria", "Grönroos", ("inspector",), "sv"),
        Person("Sanna", "Harju", ("analyst",)),
    ),
    "MIGRI": (
        Person("Katri", "Laakso", ("coordinator",)),
        Person("Jari", "Pulkkinen", ("manager",)),
        Person("Emilia", "Hietala", ("inspector",)),
        Person("Samuel", "Ek", ("inspector",), "en"),
        Person("Hanna", "Seppä", ("analyst",)),
    ),
    "ETK": (
        Person("Teemu", "Kivelä", ("coordinator",)),
        Person("Ulla", "Rantanen", ("manager",)),
        Person("Pekka", "Honkala", ("inspector",)),
        Person("Linda", "Holmberg", ("inspector",), "sv"),
        Person("Arto", "Suominen", ("analyst",)),
    ),
    "LVV_ALCOHOL": (
        Person("Minna", "Toivola", ("coordinator",)),
        Person("Esa", "Korpela", ("manager",)),
        Person("Jenni", "Lahtela", ("inspector",), "fi", "01"),
        Person("Henrik", "Backman", ("inspector",), "sv", "01"),
        Person("Marja", "Ojala", ("analyst",)),
    ),
}


def address(person: Person, authority: str) -> str:
    """Sign-in address of a stand-in: ``anna.lehtonen@tyosuojelu.demo.example``."""
    table = str.maketrans("äöåÄÖÅ", "aoaAOA")
    name = f"{person.first}.{person.last}".translate(table).lower()
    return f"{name}@{AUTHORITIES[authority]}.{DOMAIN}"
