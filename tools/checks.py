"""Every check but the tests. Runs all, tells which failed, ends with their number."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "check-only-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
    "DATABASE_URL": "postgresql://tarkka_app@localhost/tarkka",
    "REDIS_URL": "redis://localhost:6379/0", "ALLOWED_HOSTS": "tarkka.example",
    "SITE_URL": "https://tarkka.example", "EMAIL_HOST": "mail.example",
    "DEFAULT_FROM_EMAIL": "tarkka@tarkka.example",
}  # fmt: skip
TYPING = {"DJANGO_SETTINGS_MODULE": "config.settings.typing"}


def step(name: str, *command: str, **environment: str) -> bool:
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    result = subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | environment)
    if result.returncode != 0:
        sys.stdout.write(f"!! {name} failed\n")
    return result.returncode == 0


def assets_are_reproducible() -> bool:
    """Two builds give the same bytes."""
    sys.path.insert(0, str(ROOT / "tools"))
    import bootstrap

    def build() -> str:
        binary, _npm = bootstrap.node()
        subprocess.run([binary, "build.mjs"], cwd=ROOT, check=True)
        total = hashlib.sha256()
        for file in sorted((ROOT / "frontend" / "built").rglob("*")):
            if file.is_file():
                total.update(file.read_bytes())
        return total.hexdigest()

    sys.stdout.write("== asset build\n")
    same = build() == build()
    if not same:
        sys.stdout.write("!! asset build differs from one time to the next\n")
    return same


def gettext_is_there() -> bool:
    """xgettext, installed when root and missing; without it the catalogues cannot be compared."""
    if shutil.which("xgettext") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "gettext"],
        ):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if shutil.which("xgettext"):
        return True
    sys.stdout.write("!! gettext is missing: install it to check the translations\n")
    return False


def main() -> int:
    python = str(BIN / "python")
    results = [
        step("ruff", BIN / "ruff", "check", "."),
        step("ruff format", BIN / "ruff", "format", "--check", "."),
        step("mypy", BIN / "mypy"),
        step("import-linter", BIN / "lint-imports", **TYPING),
        step("djlint", BIN / "djlint", "templates", "--lint", "--quiet"),
        step("migrations", python, "-W", "ignore", "manage.py", "makemigrations", "--check",
             "--dry-run", **TYPING),
        step("deployment check", python, "manage.py", "check", "--deploy", "--fail-level",
             "WARNING", **PRODUCTION),
        gettext_is_there()
        and step("translations", python, "tools/messages.py", "check", **TYPING),
        assets_are_reproducible(),
    ]  # fmt: skip
    failed = results.count(False)
    sys.stdout.write("all checks passed\n" if not failed else f"{failed} checks failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
