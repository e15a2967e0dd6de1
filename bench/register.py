"""The register at national scale: imports, then every page, as one table and one JSON.

make bench        (a quarter of an hour; SITES, SIGNALS, AUTHORITIES, PEOPLE, ROUNDS, ROWS change it)

Each part builds a database of its own and measures against plain SQL of the same run; the parts are
``bench.imports`` and ``bench.pages``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PARTS = ("imports", "pages")


def machine() -> dict[str, int]:
    """Cores and memory in GB: all that is said of it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": os.cpu_count() or 0, "memory_gb": round(memory / 2**30)}


def main() -> None:
    for part in PARTS:
        print(f"## {part}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{part}"], cwd=ROOT, check=True)
    whole = {"machine": machine()} | {
        part: json.loads((RESULTS / f"{part}.json").read_text(encoding="utf-8"))
        for part in (*PARTS, "imports_full")
    }
    (RESULTS / "register.json").write_text(json.dumps(whole, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
