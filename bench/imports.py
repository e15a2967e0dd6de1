"""Speed of imports: rows a second with history, beside plain COPY and INSERT ... SELECT in one run.

python -m bench.imports            (ROWS=1000000 for the full size)

A list of sites as CSV and companies as the JSON of the company register, into an empty register.
``bench.pages`` does the same into its full one (``FULL``).
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = ("id;name;name_sv;business_id;company;industry;municipality;address;postal_code;longitude;"
        "latitude;premises;staff;opened_on\n")  # fmt: skip
WORDS = ("Kuukivi", "Aurinko", "Satama", "Metsä", "Ranta", "Kotka", "Tähti", "Meri", "Pohjola",
         "Kulma", "Torni", "Virta", "Hopea", "Karhu")  # fmt: skip
TRADES = ("Ravintola", "Siivous", "Rakennus", "Kampaamo", "Autopesu", "Puutarha", "Majoitus")


def business_ids(count: int, after: int = 1_000_000) -> list[str]:
    """The first ``count`` numbers with a right check digit after a number."""
    found: list[str] = []
    number = after
    while len(found) < count:
        number += 1
        rest = (
            sum(int(d) * w for d, w in zip(str(number), (7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
        )
        if rest != 1:
            found.append(f"{number}-{0 if rest == 0 else 11 - rest}")
    return found


def write_csv(path: Path, rows: int, after: int) -> None:
    """A deterministic list of sites, three to a company in a chain now and then."""
    rng = random.Random(1)
    ids = business_ids(rows * 7 // 10, after)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for n in range(rows):
            code = ids[n * 7 // 10]
            trade = rng.choice(TRADES)
            name = f"{trade} {rng.choice(WORDS)}{rng.choice(WORDS).lower()} {n % 977}"
            file.write(
                f"{n};{name};;{code};{name} Oy;56;{rng.choice(('091', '049', '837', '853', '564'))};"
                f"Esimerkkikatu {n % 211};{n % 99:02d}{n % 97 * 10:03d};{20 + rng.random() * 10:.4f};"
                f"{60 + rng.random() * 8:.4f};;{rng.randint(0, 60)};{2000 + n % 25}-05-04\n"
            )


def write_register(path: Path, rows: int, after: int) -> None:
    """Companies as the company register gives them (v3): two names, form, industry, address."""
    rng = random.Random(2)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"companies": [\n')
        for n, code in enumerate(business_ids(rows, after)):
            name = f"{rng.choice(TRADES)} {rng.choice(WORDS)}{rng.choice(WORDS).lower()} {n % 977}"
            day = f"{2000 + n % 25}-05-04"
            told = {"registrationDate": day, "source": "1"}
            company = {
                "businessId": {"value": code, "registrationDate": day, "source": "3"},
                "names": [
                    {"name": f"{name} Oy", "type": "1", "version": 1, **told},
                    {"name": f"Vanha {name} Oy", "type": "1", "version": 2, "endDate": day, **told},
                ],
                "companyForms": [{"type": "16", "descriptions": [], "version": 1, **told}],
                "mainBusinessLine": {"type": "56110", "descriptions": [], "typeCodeSet": "TOIMI4", **told},
                "addresses": [{
                    "type": 1, "street": "Esimerkkikatu", "buildingNumber": str(n % 211),
                    "postCode": f"{n % 99:02d}{n % 97 * 10:03d}",
                    "postOffices": [{"city": "TAMPERE", "languageCode": "1", "municipalityCode": "837"}],
                    **told,
                }],
                "companySituations": [], "tradeRegisterStatus": "1", "registrationDate": day,
                "registeredEntries": [{"type": "1", "register": "1", "authority": "2", **told}],
                "lastModified": "2026-01-02T07:00:00",
            }  # fmt: skip
            file.write(json.dumps(company, ensure_ascii=False) + (",\n" if n < rows - 1 else "\n"))
        file.write("]}\n")


def measured(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def inside() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    from audit.context import as_system
    from authorities.models import Authority
    from config.memory import settle
    from targets.services.imports.life import claim, new_run
    from targets.services.imports.run import perform

    rows = int(os.environ.get("ROWS", "100000"))
    full = bool(os.environ.get("FULL"))
    after = 5_000_000 if full else 1_000_000  # companies that a full register does not hold
    call_command("load_reference", verbosity=0)
    owner = Authority.objects.get(code="PRH")
    settle()  # as each worker does
    folder = Path(tempfile.mkdtemp(prefix="tarkka-bench-"))
    path, register = folder / "sites.csv", folder / "register.json"
    write_csv(path, rows, after)
    write_register(register, rows, after + 2_000_000)

    from targets.services.imports import run as running

    parts: dict[str, float] = {}
    follow = running.follow_changes

    def followed(*arguments: object) -> None:
        start = time.perf_counter()
        follow(*arguments)  # type: ignore[arg-type]
        parts["findable"] = time.perf_counter() - start

    running.follow_changes = followed  # type: ignore[assignment]

    def load(file: Path, mapping: str) -> None:
        run = claim(new_run(kind="sites", format=mapping, file_name=file.name, authority=owner).pk)
        assert run is not None
        done = perform(run, file)
        assert (done.state, done.refused_count) == ("done", 0), done.message

    def plain() -> None:
        """The same columns by COPY and one INSERT, with the same indexes, without checks."""
        with transaction.atomic(), as_system("a bench"), connection.cursor() as cursor:
            cursor.execute(
                "CREATE TEMP TABLE plain (a text, b text, c text, d text, e text, f text, g text,"
                " h text, i text, j float, k float, l text, m int, n date) ON COMMIT DROP"
            )
            with path.open(encoding="utf-8") as file:
                cursor.copy_expert(
                    "COPY plain FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';')", file
                )
            cursor.execute(
                "INSERT INTO targets_site (public_id, name, name_fi, name_sv, name_en, type, locator,"
                " kind, address, postal_code, longitude, latitude, staff_estimate, status, opened_on,"
                " source, source_key, created_at, updated_at)"
                " SELECT gen_random_uuid(), b, b, '', '', 'establishment', '', '', h, i, j, k, m,"
                " 'active', n, 'plain', a, now(), now() FROM plain"
            )

    results: dict[str, float] = {"rows": rows}
    for name, file, mapping in (("import", path, "sites"), ("register", register, "prh-v3")):
        whole = measured(lambda: load(file, mapping))  # noqa: B023
        results[name] = whole - parts["findable"]  # read, checked, stored with history
        results[f"{name}_findable"] = parts["findable"]  # the search has followed
        results[f"{name}_again"] = measured(lambda: load(file, mapping))  # noqa: B023
    results["plain"] = measured(plain)
    for name, seconds in results.items():
        if name != "rows":
            print(f"| {name} | {seconds:.1f} s | {rows / seconds:,.0f} rows/s |"
                  f" {seconds / results['plain']:.2f} x plain |")  # fmt: skip
    kept = ROOT / "bench" / "results"
    kept.mkdir(exist_ok=True)
    (kept / ("imports_full.json" if full else "imports.json")).write_text(
        json.dumps(results, indent=1), encoding="utf-8"
    )


def main() -> None:
    if os.environ.get("BENCH_INSIDE"):
        inside()
        return
    script = (
        "import os, subprocess, sys\n"
        "owner = os.environ | {'DATABASE_URL': os.environ['DATABASE_OWNER_URL'], "
        "'STATEMENT_TIMEOUT_MS': '0'}\n"
        "run = lambda env, *a: subprocess.run([sys.executable, *a], env=env, check=True)\n"
        "run(owner, 'manage.py', 'migrate', '--verbosity=0')\n"
        "run(owner, 'manage.py', 'grant_app_role', 'tarkka_app')\n"
        "run(os.environ | {'BENCH_INSIDE': '1', 'STATEMENT_TIMEOUT_MS': '0'}, '-m', 'bench.imports')\n"
    )
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT
    )
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
