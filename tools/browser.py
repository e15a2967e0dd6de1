"""Finds headless Chromium; as root on Debian installs it when it is missing. Says loudly if not."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find() -> str | None:
    """Path of an installed Chromium, or None."""
    given = os.environ.get("CHROMIUM")
    if given and os.path.exists(given):
        return given
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> None:
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip


def main() -> int:
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write("tarkka: installing Chromium for the browser tests\n")
        sys.stdout.flush()
        install()
    if find() is None:
        sys.stdout.write(
            "\n*** tarkka: no Chromium was found: THE BROWSER TESTS WILL NOT RUN. ***\n"
            "*** Install chromium, or name it by CHROMIUM=/path/to/chromium.      ***\n\n"
        )
        if os.environ.get("CI"):
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
