"""Draws the random share again: redraw.py FRAME.json SEED [COMMITMENT]

Needs nothing but Python. FRAME.json is the published frame, SEED the revealed seed in hexadecimal,
COMMITMENT what was published before the draw. Prints the keys drawn, one a line; ends with 1 if
the commitment is not that of this seed and this frame. The rule in words: docs/selection.md.
"""

import hashlib
import json
import sys
from pathlib import Path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def half(line: list[tuple[str, str, int]], number: int, seed: str, name: str) -> set[str]:
    drawn: set[str] = set()
    while number:  # sites that would be certain
        total = sum(weight for _, _, weight in line)
        heavy = {key for _, key, weight in line if number * weight >= total}
        if not heavy:
            break
        drawn, number = drawn | heavy, number - len(heavy)
        line = [one for one in line if one[1] not in heavy]
    if not number:
        return drawn

    def dice(text: str) -> int:
        return int(sha256(f"{seed} {name} {text}".encode()), 16)

    line.sort(key=lambda one: (dice("stratum " + one[0]), dice("site " + one[1])))
    total = sum(weight for _, _, weight in line)
    point, end = dice("start") % total, 0
    for _, key, weight in line:
        end += number * weight
        if point < end:
            drawn.add(key)
            point += total
    return drawn


def main(path: str, seed: str, committed: str = "") -> int:
    file = Path(path).read_bytes()
    frame = json.loads(file)
    seed, draws = seed.strip().lower(), frame["draws"]
    even = half([(s, k, 1) for k, s, _, _ in frame["rows"]], draws - draws // 2, seed, "even")
    risk = half([(s, k, w) for k, s, _, w in frame["rows"]], draws // 2, seed, "risk")
    print("\n".join(sorted(even | risk)))  # noqa: T201
    found = sha256(f"{seed} {sha256(file)}".encode())
    if committed and found != committed.strip().lower():
        print(f"The commitment does not match: {found}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
