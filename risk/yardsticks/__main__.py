"""``python -m risk.yardsticks [--data ../shared/data] [--only chicago] [--json out.json]``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from risk.yardsticks import chicago, oslo, san_francisco
from risk.yardsticks.common import Absent

RUNS = {"chicago": chicago.run, "san_francisco": san_francisco.run, "oslo": oslo.run}


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Print every yardstick; the exit status is 0 also where a bar is missed: read the lines."""
    parser = argparse.ArgumentParser(description="Public yardsticks of targeting")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", choices=sorted(RUNS), action="append")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name in options.only or RUNS:
        say(f"== {name}")
        try:
            results[name] = RUNS[name](options.data, say)
        except Absent as missing:
            say(str(missing))
            results[name] = {"skipped": str(missing)}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, allow_nan=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
