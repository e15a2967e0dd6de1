"""How well rows of ten registers that spell the same firm ten ways are found to be the same.

    python -m bench.identity [--places 3000] [--seed 1] [--json FILE]
    python -m bench.identity --database [--places 50000]     (a database of its own, removed after)

Deterministic: the same numbers give the same rows. Prints precision and recall of pairs at each
threshold, recall counted over all true pairs (those no blocking rule finds included), and how many
of each kind of hard negative were proposed. ``--database`` stores the rows as sites and companies
and lets the application's job compare them, then again after one row in a hundred has changed;
with the seconds of each step.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
LOWEST = 0.05
REGISTERS = (
    "company", "alcohol", "food", "posted", "tax", "coordinator", "rescue", "old", "employer",
    "ascii",
)  # fmt: skip
CONSONANTS, VOWELS = "hjklmnprstv", "aeiouyäö"
TRADES = {
    "Ravintola": "Restaurang", "Kahvila": "Café", "Rakennus": "Bygg", "Siivous": "Städ",
    "Parturi": "Frisör", "Leipomo": "Bageri", "Autohuolto": "Bilservice", "Hotelli": "Hotell",
    "Kuljetus": "Transport", "Pizzeria": "Pizzeria", "Kebab": "Kebab", "Marjatila": "Bärgård",
}  # fmt: skip
CHAINS = (
    "Nopsa Market",
    "Rolli Burger",
    "Kulta Kebab",
    "Siisti Oyj",
    "Aamu Kioski",
    "Hiusmestarit",
)
# Finnish ending → Swedish ending; stems that both languages share, and a few that they do not.
STREETS = {
    "katu": "gatan",
    "tie": "vägen",
    "kuja": "gränden",
    "polku": "stigen",
    "ranta": "stranden",
}
TRANSLATED = {
    "Hämeenkatu": "Tavastgatan", "Koulukatu": "Skolgatan", "Rautatienkatu": "Järnvägsgatan",
    "Kirkkokatu": "Kyrkogatan", "Satamatie": "Hamnvägen", "Tehtaankatu": "Fabriksgatan",
}  # fmt: skip
TOWNS = 60


@dataclass
class Place:
    """The truth: one place with one firm, in one town."""

    number: int
    name: str
    firm: str
    former: str
    business_id: str
    street: str  # Finnish
    street_sv: str
    house: int
    postal_code: str
    town: int
    latitude: float
    longitude: float
    trap: str = ""  # what makes it easy to confuse: chain, building, neighbour, numbered


@dataclass
class Written:
    """One register's row of a place."""

    id: int
    place: int
    register: str
    name: str
    firm: str
    firm_names: list[str]
    business_id: str
    address: str
    postal_code: str
    town: int
    latitude: float | None
    longitude: float | None


def business_id(number: int) -> str:
    """The ``number``-th valid business id of the range for examples, far above those issued."""
    digits = f"{9_900_000 + number % 99_999:07d}"
    rest = sum(int(d) * w for d, w in zip(digits, (7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return "" if rest == 1 else f"{digits}-{0 if rest == 0 else 11 - rest}"


class World:
    """Places, and what registers write of them."""

    def __init__(self, places: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.stems = sorted({self._stem() for _ in range(4_000)})
        self.random.shuffle(self.stems)
        self.streets = [self._street() for _ in range(max(200, places // 8))]
        self.places: list[Place] = []
        self._firms = 0
        while len(self.places) < places:
            self._more()
        del self.places[places:]
        self.rows: list[Written] = []
        for place in self.places:
            self._write(place)

    # ------------------------------------------------------------------------------- the truth
    def _stem(self) -> str:
        pick = self.random.choice
        word = "".join(pick(CONSONANTS) + pick(VOWELS) for _ in range(self.random.randint(2, 3)))
        return (word + pick(("", "n", "nen", "la", "ri", "s"))).capitalize()

    def _street(self) -> tuple[str, str]:
        if self.random.random() < 0.1:
            return self.random.choice(list(TRANSLATED.items()))
        stem, ending = self.random.choice(self.stems[:2_000]), self.random.choice(list(STREETS))
        return f"{stem}in{ending}", f"{stem}s{STREETS[ending]}"

    def _more(self) -> None:
        """One place, and now and then places that are easily taken for it."""
        place = self._place()
        self.places.append(place)
        chance = self.random.random()
        if chance < 0.06:
            self._chain(place)
        elif chance < 0.12:
            self._near(place, "building", house=place.house)
        elif chance < 0.16:
            self._near(place, "neighbour", house=place.house + 2, name=place.name)
        elif chance < 0.19:
            place.name = place.firm = f"{place.name} 1"
            place.trap = "numbered"
            self._near(place, "numbered", house=place.house + 1, name=f"{place.name[:-1]}2")

    def _place(self) -> Place:
        trade = self.random.choice(list(TRADES))
        words = self.random.sample(self.stems, 2 if self.random.random() < 0.5 else 1)
        name = " ".join([trade, *words] if self.random.random() < 0.6 else [*words, trade])
        former = " ".join([self.random.choice(self.stems), trade])
        street, street_sv = self.random.choice(self.streets)
        town = int(self.random.paretovariate(0.7)) % TOWNS
        # About one postal code for a few thousand people.
        postal = f"{town:02d}{self.random.randint(1, 30):02d}0"
        number = len(self.places)
        return Place(
            number, name, name, former, self._new_id(), street, street_sv,
            self.random.randint(1, 90), postal, town,
            60 + town / 12 + self.random.gauss(0, 0.03), 22 + town / 9 + self.random.gauss(0, 0.06),
        )  # fmt: skip

    def _new_id(self) -> str:
        while True:
            self._firms += 1
            if found := business_id(self._firms):
                return found

    def _chain(self, place: Place) -> None:
        """The same chain, the same firm, in other towns and twice in this one."""
        chain = self.random.choice(CHAINS)
        place.name, place.firm, place.trap = chain, f"{chain} Suomi", "chain"
        for _ in range(self.random.randint(2, 8)):
            other = self._place()
            other.name, other.firm, other.former = chain, place.firm, place.former
            other.business_id, other.trap = place.business_id, "chain"
            other.number = len(self.places)
            self.places.append(other)

    def _near(self, place: Place, trap: str, *, house: int, name: str = "") -> None:
        """Another firm in the same building, or one of (almost) the same name next door."""
        other = self._place()
        other.street, other.street_sv, other.house = place.street, place.street_sv, house
        other.postal_code, other.town, other.trap = place.postal_code, place.town, trap
        other.latitude = place.latitude + (0 if trap == "building" else 0.0006)
        other.longitude = place.longitude
        if trap == "neighbour":  # a second shop of the firm down the street
            other.business_id = place.business_id
        if name:
            other.name = other.firm = name
        other.number = len(self.places)
        self.places.append(other)

    # -------------------------------------------------------------------------- what is written
    def _write(self, place: Place) -> None:
        count = min(len(REGISTERS), 1 + int(self.random.expovariate(0.7)))
        for register in self.random.sample(REGISTERS, count):
            self.rows.append(getattr(self, f"_{register}")(place))

    def _row(self, place: Place, register: str, **values: Any) -> Written:
        row = {
            "name": place.name, "firm": f"{place.firm} Oy", "firm_names": [],
            "business_id": place.business_id, "address": f"{place.street} {place.house}",
            "postal_code": place.postal_code, "town": place.town, "latitude": None,
            "longitude": None,
        } | values  # fmt: skip
        return Written(len(self.rows) + 1, place.number, register, **row)

    def _company(self, place: Place) -> Written:
        names = [place.former + " Oy"] if self.random.random() < 0.3 else []
        return self._row(place, "company", name=f"{place.firm} Oy", firm_names=names)

    def _alcohol(self, place: Place) -> Written:
        return self._row(place, "alcohol", name=place.name.upper(), firm=f"Oy {place.firm} Ab")

    def _food(self, place: Place) -> Written:
        known = self.random.random() < 0.6
        return self._row(
            place, "food", business_id=place.business_id if known else "",
            firm=f"{place.firm} Oy" if known else "",
            address=f"{place.street} {place.house} {self.random.choice('ABC')} {self.random.randint(1, 40)}",
        )  # fmt: skip

    def _posted(self, place: Place) -> Written:
        first, *rest = place.name.split()
        name = " ".join([TRADES.get(first, first), *rest])
        return self._row(
            place, "posted", name=f"{name} Ab", firm="", business_id="",
            address=f"{place.street_sv} {place.house}",
        )  # fmt: skip

    def _tax(self, place: Place) -> Written:
        words = place.firm.split()
        self.random.shuffle(words)
        return self._row(place, "tax", name=" ".join(words) + " Oy", postal_code="")

    def _coordinator(self, place: Place) -> Written:
        return self._row(
            place, "coordinator", name=self._typo(place.name), firm="", business_id="",
            address=self._typo(place.street) + f" {place.house}",
            postal_code=place.postal_code.lstrip("0") if self.random.random() < 0.5 else "",
        )  # fmt: skip

    def _rescue(self, place: Place) -> Written:
        short = place.street
        for ending in ("katu", "tie"):
            if short.endswith(ending):
                short = short.removesuffix(ending) + ending[0] + "."
        return self._row(
            place, "rescue", firm="", business_id="", address=f"{short} {place.house}",
            latitude=place.latitude + self.random.gauss(0, 0.0001),
            longitude=place.longitude + self.random.gauss(0, 0.0002),
        )  # fmt: skip

    def _old(self, place: Place) -> Written:
        """Kept under its former name, with the firm's id as it still is."""
        return self._row(place, "old", name=place.former, firm=f"{place.former} Oy")

    def _employer(self, place: Place) -> Written:
        words = place.name.split()
        return self._row(
            place, "employer", name=" ".join(words[:2]) + " Ltd", address="PL 12",
            latitude=place.latitude, longitude=place.longitude,
        )  # fmt: skip

    def _ascii(self, place: Place) -> Written:
        plain = str.maketrans("äöåÄÖÅ", "aoaAOA")
        return self._row(
            place, "ascii", name=place.name.translate(plain).replace(" ", "-"), firm="",
            business_id="", address=f"{place.street.translate(plain)} {place.house}".upper(),
        )  # fmt: skip

    def _typo(self, text: str) -> str:
        """One or two letters swapped, doubled, dropped or mistyped."""
        letters = list(text)
        for _ in range(1 if len(letters) < 12 else 2):
            at = self.random.randrange(1, len(letters) - 1)
            kind = self.random.randrange(4)
            if kind == 0:
                letters[at], letters[at - 1] = letters[at - 1], letters[at]
            elif kind == 1:
                letters.insert(at, letters[at])
            elif kind == 2 and len(letters) > 4:
                del letters[at]
            else:
                letters[at] = self.random.choice(VOWELS + CONSONANTS)
        return "".join(letters)

    # -------------------------------------------------------------------------------- for Splink
    def register_rows(self) -> list[Any]:
        from targets.services.identity.rows import Row

        return [
            Row(
                id=w.id, part=w.id, source=w.register, names=[w.name], firm=w.firm or None,
                firm_names=w.firm_names, address=w.address, postal_code=w.postal_code,
                place=w.town, business_id=w.business_id or None, latitude=w.latitude,
                longitude=w.longitude,
            )
            for w in self.rows
        ]  # fmt: skip

    def true_pairs(self) -> set[tuple[int, int]]:
        by_place: dict[int, list[int]] = {}
        for row in self.rows:
            by_place.setdefault(row.place, []).append(row.id)
        return {pair for ids in by_place.values() for pair in combinations(ids, 2)}

    def traps(self, pair: tuple[int, int]) -> str:
        """What kind of hard negative a false pair is."""
        one, other = (self.places[self.rows[i - 1].place] for i in pair)
        return (
            one.trap if one.trap and one.trap == other.trap else one.trap or other.trap or "other"
        )


def quality(found: list[tuple[tuple[int, int], float]], world: World) -> list[dict[str, Any]]:
    """Precision and recall of pairs at each threshold, and which hard negatives are among them."""
    truth = world.true_pairs()
    table = []
    for threshold in THRESHOLDS:
        taken = {pair for pair, probability in found if probability >= threshold}
        right = len(taken & truth)
        precision = right / len(taken) if taken else 1.0
        recall = right / len(truth) if truth else 1.0
        table.append(
            {
                "threshold": threshold, "pairs": len(taken), "right": right,
                "precision": round(precision, 4), "recall": round(recall, 4),
                "joined": round(joined(taken & truth, truth), 4),
                "f1": round(2 * precision * recall / (precision + recall or 1), 4),
                "false": dict(Counter(world.traps(pair) for pair in taken - truth)),
            }
        )  # fmt: skip
    return table


def joined(right: set[tuple[int, int]], truth: set[tuple[int, int]]) -> float:
    """Part of the true pairs that come together when all the ``right`` ones are merged, in chains."""
    head: dict[int, int] = {}

    def top(row: int) -> int:
        while head.get(row, row) != row:
            row = head[row]
        return row

    for a, b in sorted(right):
        head[top(b)] = top(a)
    return sum(top(a) == top(b) for a, b in truth) / (len(truth) or 1)


def compare(world: World, chunks: int = 4) -> tuple[list[tuple[tuple[int, int], float]], dict]:
    """All pairs above ``LOWEST``, straight through the engine, and the seconds of each step."""
    from targets.services.identity import model
    from targets.services.identity.backend import Engine
    from targets.services.identity.rows import comparable

    clock, steps = time.perf_counter(), {}

    def step(name: str) -> None:
        nonlocal clock
        steps[name] = round(time.perf_counter() - clock, 1)
        clock = time.perf_counter()

    engine = Engine()
    rows = world.register_rows()
    engine.add(comparable(rows))
    step("normalise")
    weights = model.trained("site", engine, len(rows))
    step("train")
    comparer = model.Comparer("site", engine, weights)
    found = [
        ((f.part_a, f.part_b), f.probability)
        for number in range(1, chunks + 1)
        for f in comparer.chunk(number, chunks, LOWEST)
    ]
    step("compare")
    engine.close()
    return found, steps


# ------------------------------------------------------------------------ through the database
def with_database() -> None:
    """Run this again beside a PostgreSQL of its own, as the application's role."""
    here = [sys.executable, "-m", "bench.identity", *sys.argv[1:]]
    script = (
        "import os, subprocess, sys\n"
        "owner = os.environ | {'DATABASE_URL': os.environ['DATABASE_OWNER_URL']}\n"
        "run = lambda env, *a: subprocess.run(a, env=env, check=True)\n"
        "run(owner, sys.executable, 'manage.py', 'migrate', '--verbosity=0')\n"
        "run(owner, sys.executable, 'manage.py', 'grant_app_role', 'tarkka_app')\n"
        f"run(os.environ | {{'BENCH_INSIDE': '1'}}, *{here!r})\n"
    )
    tool = [sys.executable, "tools/with_services.py", sys.executable, "-c", script]
    raise SystemExit(subprocess.run(tool, cwd=ROOT).returncode)


def stored(world: World) -> tuple[list[tuple[tuple[int, int], float]], dict[str, float]]:
    """What the job proposes, by ids of the generator, and the seconds of its steps."""
    from django.db import connection
    from django.utils import timezone

    from targets.models import LinkThreshold, MatchPair, Site
    from targets.services.identity import linkage

    numbers = load(world)
    connection.cursor().execute("ANALYZE")
    LinkThreshold.objects.create(kind="site", propose_at=LOWEST, join_at=0.999)
    steps: dict[str, float] = {}

    def timed(name: str, full: bool) -> None:
        clock, phase = time.perf_counter(), "read"

        def step(run: Any) -> None:
            nonlocal clock, phase
            now, key = time.perf_counter(), f"{name}: {phase}"
            steps[key] = round(steps.get(key, 0.0) + now - clock, 1)
            clock, phase = now, run.phase

        run = linkage.claim(linkage.new_run(kind="site", full=full).pk)
        linkage.perform(run, step)
        assert run.state == "done", run.message

    timed("all", True)
    pairs = MatchPair.objects.values_list("site_a_id", "site_b_id", "probability")
    found = [
        ((min(numbers[a], numbers[b]), max(numbers[a], numbers[b])), probability)
        for a, b, probability in pairs.iterator()
    ]
    Site.objects.filter(pk__in=list(numbers)[::100]).update(updated_at=timezone.now())
    timed("changed", False)
    return found, steps


def load(world: World) -> dict[int, int]:
    """Store the rows as sites with their companies; id of the site → number of the row."""
    from authorities.models import Area
    from targets.models import Company, CompanyName, Site

    towns = {
        number: Area.objects.create(kind="municipality", country="FI", code=f"{number:03d}",
                                    name_fi=f"Town {number}")
        for number in range(TOWNS)
    }  # fmt: skip
    firms: dict[str, Company] = {}
    names: dict[tuple[str, str], None] = {}
    for row in world.rows:
        if row.firm:  # without a business id: a company of its register's own
            key = row.business_id or f"{row.register} {row.id}"
            firms.setdefault(
                key,
                Company(name=row.firm, business_id=row.business_id or None, source="bench"),
            )
            for name in (row.firm, *row.firm_names):
                names[key, name] = None
    Company.objects.bulk_create(firms.values(), batch_size=5_000)
    CompanyName.objects.bulk_create(
        [CompanyName(company=firms[key], name=name, kind="trade") for key, name in names],
        batch_size=5_000,
    )
    sites = [
        Site(
            name=row.name, company=firms.get(row.business_id or f"{row.register} {row.id}"),
            address=row.address, postal_code=row.postal_code, municipality=towns[row.town],
            latitude=row.latitude, longitude=row.longitude, source=row.register,
            source_key=str(row.id), status="active",
        )
        for row in world.rows
    ]  # fmt: skip
    Site.objects.bulk_create(sites, batch_size=5_000)
    return {site.pk: row.id for site, row in zip(sites, world.rows, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--places", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--database", action="store_true")
    options = parser.parse_args()
    if options.database and not os.environ.get("BENCH_INSIDE"):
        with_database()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.typing")
    import django

    django.setup()
    world = World(options.places, options.seed)
    found, steps = stored(world) if options.database else compare(world)
    table = quality(found, world)
    report = {
        "places": len(world.places), "rows": len(world.rows), "registers": len(REGISTERS),
        "true_pairs": len(world.true_pairs()), "seconds": steps, "thresholds": table,
    }  # fmt: skip
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def show(report: dict[str, Any]) -> None:
    print(
        f"{report['rows']} rows of {report['registers']} registers, {report['places']} places, "
        f"{report['true_pairs']} true pairs; seconds: {report['seconds']}"
    )
    print(
        "| threshold | pairs | precision | recall | recall in chains | F1 | false pairs, by kind |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for line in report["thresholds"]:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(line["false"].items()))
        print(
            f"| {line['threshold']} | {line['pairs']} | {line['precision']:.4f} "
            f"| {line['recall']:.4f} | {line['joined']:.4f} | {line['f1']:.4f} | {kinds or '–'} |"
        )


if __name__ == "__main__":
    sys.exit(main())
