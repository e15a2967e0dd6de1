"""Speed of imports: rows a second with history, beside plain COPY and INSERT ... SELECT in one run.

python bench/imports.py            (ROWS=1000000 for the full size)
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


def business_ids(count: int) -> list[str]:
    """The first ``count`` numbers with a right check digit."""
    found: list[str] = []
    number = 1_000_000
    while len(found) < count:
        number += 1
        rest = (
            sum(int(d) * w for d, w in zip(str(number), (7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
        )
        if rest != 1:
            found.append(f"{number}-{0 if rest == 0 else 11 - rest}")
    return found


def write_csv(path: Path, rows: int) -> None:
    """A deterministic list of sites, three to a company in a chain now and then."""
    rng = random.Random(1)
    ids = business_ids(rows * 7 // 10)
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
    call_command("load_reference", verbosity=0)
    owner = Authority.objects.get(code="PRH")
    settle()  # as each worker does
    folder = Path(tempfile.mkdtemp(prefix="tarkka-bench-"))
    path = folder / "sites.csv"
    write_csv(path, rows)

    from targets.services.imports import run as running

    parts: dict[str, float] = {}
    follow = running.follow_changes

    def followed(*arguments: object) -> None:
        start = time.perf_counter()
        follow(*arguments)  # type: ignore[arg-type]
        parts["findable"] = time.perf_counter() - start

    running.follow_changes = followed  # type: ignore[assignment]

    def load() -> None:
        run = claim(new_run(kind="sites", format="sites", file_name="a.csv", authority=owner).pk)
        assert run is not None
        done = perform(run, path)
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
    whole = measured(load)
    results["import"] = whole - parts["findable"]  # read, checked, stored with history
    results["findable"] = parts["findable"]  # the search has followed
    results["import_again"] = measured(load)
    results["plain"] = measured(plain)
    for name in ("plain", "import", "findable", "import_again"):
        rate = rows / results[name]
        print(f"| {name} | {results[name]:.1f} s | {rate:,.0f} rows/s |"
              f" {results[name] / results['plain']:.2f} x plain |")  # fmt: skip
    kept = ROOT / "bench" / "results"
    kept.mkdir(exist_ok=True)
    (kept / "imports.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


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
