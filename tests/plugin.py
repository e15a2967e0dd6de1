"""Starts the services that the environment does not give, before Django's settings load.

Named in ``pyproject.toml`` (``-p tests.plugin``), because pytest-django reads the settings before
any conftest is imported.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

_started: dict[str, Any] = {}


def start() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["TEST_DATABASE"] = f"{os.environ['TEST_DATABASE_BASE']}_{worker}"
        os.environ["VAR_DIR"] = f"{os.environ['TEST_VAR_BASE']}/{worker}"
        return
    folder = Path(tempfile.mkdtemp(prefix="tarkka-tests-"))
    _started["folder"] = folder
    if not os.environ.get("DATABASE_URL"):
        from config.services import start_postgres

        folder.chmod(0o755)  # the server may run as another user than the tests
        postgres = start_postgres(folder / "postgres")
        _started["postgres"] = postgres
        os.environ["DATABASE_URL"] = postgres.app_url
        os.environ["DATABASE_OWNER_URL"] = postgres.owner_url
    if not os.environ.get("REDIS_URL"):
        from config.services import Redis

        _started["redis"] = Redis(folder / "redis")
        os.environ["REDIS_URL"] = _started["redis"].start()
    base = os.environ.get("TEST_DATABASE", f"test_tarkka_{os.getpid()}")
    os.environ["TEST_DATABASE"] = os.environ["TEST_DATABASE_BASE"] = base
    os.environ["VAR_DIR"] = os.environ["TEST_VAR_BASE"] = str(folder / "var")
    (folder / "var").mkdir()


def pytest_unconfigure(config: pytest.Config) -> None:
    if "folder" not in _started:
        return
    if "redis" in _started:
        _started["redis"].stop()
    if "postgres" in _started:
        from config.services import stop_postgres

        stop_postgres(_started["postgres"].folder)
    shutil.rmtree(_started["folder"], ignore_errors=True)


start()
