"""Pins every package with its hashes, without naming where packages come from."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    environment = os.environ | {"CUSTOM_COMPILE_COMMAND": "make lock"}
    # Local extra places would put hashes of local files into the lock.
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT"):
        environment.pop(name, None)
    environment["PIP_CONFIG_FILE"] = os.devnull
    for name in ("runtime", "dev"):
        target = ROOT / "requirements" / f"{name}.txt"
        subprocess.run(
            [sys.executable, "-m", "piptools", "compile", "--generate-hashes", "--strip-extras",
             "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
             "--no-annotate", "--quiet", "--upgrade", "--allow-unsafe",
             "--output-file", str(target), f"requirements/{name}.in"],
            cwd=ROOT, env=environment, check=True,
        )  # fmt: skip
        text = target.read_text()
        kept = [
            line for line in text.splitlines() if not re.match(r"^\s*--(index|extra|find)", line)
        ]
        target.write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    main()
