"""Real processes: workers, beats, a mail server and a Redis-compatible server to be hurt."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from django.conf import settings
from django.db import connection

from config.env import BASE_DIR
from config.services import Redis, free_port
from tests.conftest import flush
from tests.faults.mailbox import Mailbox, Server

STALE_SECONDS = 2


def wait_until(true: Callable[[], Any], seconds: float = 30, what: str = "") -> None:
    """Wait until ``true()``; fails the test with ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what or true}")
        time.sleep(0.05)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Rows that other processes see too; emptied before and after."""
    with django_db_blocker.unblock():
        flush()
        yield
        flush()
        connection.close()


@pytest.fixture(scope="session")
def broker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker(broker_server: Redis) -> Redis:
    with contextlib.closing(redis_client.from_url(broker_server.url)) as client:
        client.flushall()
    return broker_server


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[Server]:
    server = Server(mailbox, free_port())
    server.start()
    yield server
    with contextlib.suppress(Exception):
        server.stop(no_assert=True)


class Processes:
    """Starts what production starts, against the test database; ends it all afterwards."""

    def __init__(self, folder: Path, broker: Redis, smtp_port: int) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "TEST_DATABASE": settings.TEST_DATABASE,
            "REDIS_URL": broker.url,
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(smtp_port),
            "DIGEST_STALE_SECONDS": str(STALE_SECONDS),
            "VAR_DIR": str(folder),
        }

    def start(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        log = (self.folder / f"log-{len(self.running)}.txt").open("w")
        process = subprocess.Popen(
            [sys.executable, *command], cwd=BASE_DIR, env=self.environment, text=True,
            start_new_session=True, stderr=log, **{"stdout": log} | options,
        )  # fmt: skip
        log.close()
        self.running.append(process)
        return process

    def worker(self) -> "subprocess.Popen[str]":
        return self.start(
            "-m", "celery", "-A", "config", "worker", "--concurrency", "2", "--loglevel", "INFO",
            "--without-gossip", "--without-mingle", "--hostname", f"w{len(self.running)}@test",
        )  # fmt: skip

    def beat(self) -> "subprocess.Popen[str]":
        schedule = self.folder / f"beat-{len(self.running)}"
        return self.start(
            "-m", "celery", "-A", "config", "beat", "--loglevel", "INFO",
            "--schedule", str(schedule), "--max-interval", "1", "--pidfile=",
        )  # fmt: skip

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """As when the machine loses its power: the process and its children are gone at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        for process in self.running:
            self.kill(process)
            if process.stdout:
                process.stdout.close()
            if process.stdin:
                process.stdin.close()

    def logs(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("log-*.txt")))


@pytest.fixture
def processes(database: None, tmp_path: Path, broker: Redis, smtp: Server) -> Iterator[Processes]:
    started = Processes(tmp_path, broker, smtp.port)
    yield started
    started.kill_all()
