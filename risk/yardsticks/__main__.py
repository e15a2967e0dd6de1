"""``python -m risk.yardsticks [--data ../shared/data] [--only chicago] [--way both] [--json out.json]``.

Two ways: *direct* reads the stored files and computes in arrays; *product* imports them and goes
through indicators, models and the backtest as any authority would. The latter needs an empty
database and writes into it: ``make yardsticks`` starts one of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from risk.yardsticks import chicago, oslo, san_francisco
from risk.yardsticks.common import Absent

ROOT = Path(__file__).resolve().parents[2]
DIRECT = {"chicago": chicago.run, "san_francisco": san_francisco.run, "oslo": oslo.run}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@cache
def ready() -> None:
    """Migrate the empty database as its owner, give the application's role its rights, start."""
    if "DATABASE_OWNER_URL" not in os.environ:
        raise SystemExit("The product's way needs a database of its own: run make yardsticks.")
    owner = {"DATABASE_URL": os.environ["DATABASE_OWNER_URL"], "STATEMENT_TIMEOUT_MS": "0"}
    for command in (["migrate", "--verbosity=0"], ["grant_app_role", "tarkka_app"]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | owner, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    os.environ["STATEMENT_TIMEOUT_MS"] = "0"
    import django

    django.setup()


def product(name: str, data: Path) -> dict[str, Any]:
    """One city through the product; raises ``Absent`` when a file is not there."""
    from risk.yardsticks import files

    folder, make = files.CITIES[name]
    city = make(data / folder)
    ready()
    from risk.yardsticks.product import through

    return through(name, city, say)


def main() -> int:
    """Print every yardstick; a missed bar is a line, a harness that is off ends with status 1."""
    parser = argparse.ArgumentParser(description="Public yardsticks of targeting")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", choices=sorted(DIRECT), action="append")
    parser.add_argument("--way", choices=["both", "direct", "product"], default="both")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in options.only or DIRECT:
        say(f"== {name}")
        start = time.monotonic()
        results[name] = {}
        try:
            if options.way != "product":
                results[name]["direct"] = DIRECT[name](options.data, say)
            if options.way != "direct":
                results[name]["product"] = product(name, options.data)
        except Absent as missing:
            say(str(missing))
            results[name] = {"skipped": str(missing)}
            continue
        say(f"  took {time.monotonic() - start:.0f} s")
    tell(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, allow_nan=True) + "\n")
    return 1 if off(results) else 0


def tell(results: dict[str, Any]) -> None:
    """Both ways beside each other and beside the bars."""
    from risk.yardsticks.report import table

    for line in table(results):
        say(line)


def off(results: dict[str, Any]) -> bool:
    """Whether the published protocol was not reproduced: nothing else can be trusted then."""
    bars = results.get("chicago", {}).get("direct", {}).get("bars", [])
    missed = [b["bar"] for b in bars if not b["reached"]]
    for name in missed:
        say(f"the published protocol is not reproduced: {name}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
