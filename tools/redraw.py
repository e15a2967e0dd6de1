"""Draws the random share again: redraw.py FRAME.json SEED [COMMITMENT]

Needs nothing but Python. FRAME.json is the published frame, SEED the revealed seed in hexadecimal,
COMMITMENT what was published before the draw. Prints the keys drawn, one a line; ends with 1 if
the commitment is not that of this seed and this frame. The rule in words: docs/selection.md.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def one(names: set[str]) -> str:
    return names.pop() if len(names) == 1 else "*"


def firms(rows: list[Any]) -> list[dict[str, Any]]:
    """Firms with the sizes of their sites: half for being there, half for the risk."""
    total, found = sum(row[5] for row in rows), {}
    for key, firm, region, stratum, _days, risk, _team in sorted(rows):
        group = found.setdefault(firm or key, {"sites": [], "regions": set(), "strata": set()})
        group["sites"].append((key, total + len(rows) * risk))
        group["regions"].add(region)
        group["strata"].add(stratum)
    return [
        {"name": name, "sites": group["sites"], "size": sum(s for _, s in group["sites"]),
         "region": one(group["regions"]), "stratum": one(group["strata"])}
        for name, group in sorted(found.items())
    ]  # fmt: skip


def draw(frame: dict[str, Any], seed: str) -> list[str]:
    def dice(text: str) -> int:
        return int(sha256(f"{seed} {text}".encode()), 16)

    line, number, drawn = firms(frame["rows"]), frame["draws"], []
    while number:  # firms that would be certain
        total = sum(firm["size"] for firm in line)
        heavy = [firm for firm in line if number * firm["size"] >= total]
        if not heavy:
            break
        drawn, number = drawn + heavy, number - len(heavy)
        line = [firm for firm in line if firm not in heavy]
    if number:
        line.sort(key=lambda f: (dice("region " + f["region"]), dice("stratum " + f["stratum"]),
                                 dice("firm " + f["name"])))  # fmt: skip
        total = sum(firm["size"] for firm in line)
        point, end = dice("start") % total, 0
        for firm in line:
            end += number * firm["size"]
            if point < end:
                drawn.append(firm)
                point += total
    keys = []
    for firm in drawn:  # one site of each
        point, end = dice("site " + firm["name"]) % firm["size"], 0
        for key, size in firm["sites"]:
            end += size
            if point < end:
                keys.append(key)
                break
    return sorted(keys)


def main(path: str, seed: str, committed: str = "") -> int:
    file = Path(path).read_bytes()
    frame, seed = json.loads(file), seed.strip().lower()
    if frame.get("rule") != 2:
        print("This file was drawn from by another rule.", file=sys.stderr)  # noqa: T201
        return 1
    print("\n".join(draw(frame, seed)))  # noqa: T201
    found = sha256(f"{seed} {sha256(file)}".encode())
    if committed and found != committed.strip().lower():
        print(f"The commitment does not match: {found}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
