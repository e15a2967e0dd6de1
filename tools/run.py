"""Runs everything on this machine: services, migrations, demonstration set, web, worker, beat.

Started by ``make run`` with the environment's Python. Ctrl-C ends all of it.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config.services import (  # noqa: E402
    APP_ROLE,
    Redis,
    ServiceError,
    free_port,
    start_postgres,
    stop_postgres,
)

VAR = Path(os.environ.get("VAR_DIR", ROOT / "var"))
CALM_SECONDS = 20  # a child that lived this long had not failed at its start


def fail(message: str) -> None:
    sys.stderr.write(f"tarkka: {message}\n")
    raise SystemExit(1)


def say(message: str) -> None:
    sys.stdout.write(f"tarkka: {message}\n")
    sys.stdout.flush()


def wanted_port() -> int:
    raw = os.environ.get("PORT", "8000")
    if not raw.isdigit() or not 0 < int(raw) < 65_536:
        fail(f"PORT must be a number from 1 to 65535, but is {raw!r}")
    port = int(raw)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            fail(f"port {port} is taken; choose another one: make run PORT={port + 1}")
    return port


class Supervisor:
    """Keeps named children running and ends them together."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.children: dict[str, tuple[list[str], subprocess.Popen[bytes], float]] = {}
        self.delays: dict[str, float] = {}
        self.stopping = False

    def start(self, name: str, command: list[str]) -> None:
        log = (VAR / "log" / f"{name}.log").open("ab")
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        self.children[name] = (command, process, time.monotonic())

    def watch(self) -> None:
        """Restart what dies, a little later each time it dies early."""
        while not self.stopping:
            time.sleep(0.5)
            for name, (command, process, since) in list(self.children.items()):
                if process.poll() is None or self.stopping:
                    continue
                calm = time.monotonic() - since > CALM_SECONDS
                delay = 1.0 if calm else min(30.0, self.delays.get(name, 0.5) * 2)
                self.delays[name] = delay
                say(f"{name} ended ({process.returncode}); starting it again in {delay:.0f} s, "
                    f"see {VAR / 'log' / name}.log")  # fmt: skip
                deadline = time.monotonic() + delay
                while time.monotonic() < deadline and not self.stopping:
                    time.sleep(0.2)
                if not self.stopping:
                    self.start(name, command)

    def stop(self) -> None:
        self.stopping = True
        for _command, process, _since in self.children.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 15
        for _command, process, _since in self.children.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def only_one() -> object:
    """Hold a lock on the data folder for as long as this runs: two would share one database."""
    lock = (VAR / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        fail(f"it is running already with the data in {VAR}; end that one first")
    return lock


def manage(environment: dict[str, str], *arguments: str, trouble: str) -> None:
    result = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment)
    if result.returncode != 0:
        fail(trouble)


def main() -> None:
    port = wanted_port()
    (VAR / "log").mkdir(parents=True, exist_ok=True)
    lock = only_one()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": os.environ.get(
            "DJANGO_SETTINGS_MODULE", "config.settings.embedded"
        ),
        "SITE_URL": os.environ.get("SITE_URL", f"http://localhost:{port}"),
        "VAR_DIR": str(VAR),
        "PYTHONUNBUFFERED": "1",
    }
    postgres = redis = None
    supervisor = Supervisor(environment)
    # Both ways of ending arrive as an exception, wherever the program is; set for both, because a
    # program started in the background inherits that Ctrl-C is ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupted)
    try:
        if not os.environ.get("DATABASE_URL"):
            say("starting PostgreSQL")
            postgres = start_postgres(VAR / "postgres")
            environment["DATABASE_URL"] = postgres.app_url
            environment["DATABASE_OWNER_URL"] = postgres.owner_url
        if not os.environ.get("REDIS_URL"):
            say("starting a Redis-compatible server")
            redis = Redis(VAR / "redis")
            environment["REDIS_URL"] = redis.start()
        if not os.environ.get("EMAIL_HOST"):
            mail_port = free_port()
            environment |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mail_port)}
            supervisor.start(
                "mail", [sys.executable, "-m", "tools.mailbox", str(VAR / "mail"), str(mail_port)]
            )
        prepare(environment)
        serve(supervisor, environment, port)
    except KeyboardInterrupt:
        say("ending")
    except ServiceError as error:
        fail(str(error))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        supervisor.stop()
        if redis is not None:
            redis.stop()
        if postgres is not None:
            stop_postgres(postgres.folder)
    del lock
    say("everything has ended")


def prepare(environment: dict[str, str]) -> None:
    """Migrate as the owner, give the application's role its rights, load what is needed."""
    owner_url = environment.get("DATABASE_OWNER_URL") or environment["DATABASE_URL"]
    owner = environment | {"DATABASE_URL": owner_url, "STATEMENT_TIMEOUT_MS": "0"}
    say("migrating the database")
    manage(owner, "migrate", "--verbosity=0", trouble="the database could not be migrated")
    if environment.get("DATABASE_OWNER_URL"):
        from config.env import database

        role = str(database(environment["DATABASE_URL"])["USER"]) or APP_ROLE
        manage(owner, "grant_app_role", role, trouble="the rights could not be given")
    loader = environment | {"STATEMENT_TIMEOUT_MS": "0"}
    manage(loader, "demo", "--if-empty", trouble="the demonstration set could not be loaded")
    manage(loader, "collectstatic", "--noinput", "--verbosity=0", trouble="static files failed")


def serve(supervisor: Supervisor, environment: dict[str, str], port: int) -> None:
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    supervisor.start(
        "web",
        [sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1",
         "--port", str(port), "--lifespan", "off", "--log-level", "warning"],
    )  # fmt: skip
    supervisor.start("worker", [*celery, "worker", "--concurrency=2", "--loglevel=WARNING"])
    supervisor.start("beat", [*celery, "beat", "--loglevel=WARNING"])
    wait_for_web(supervisor, port)
    manage(environment, "demo", "--who", trouble="the list of people could not be read")
    for name in supervisor.children:
        say(f"{name} is running, log in {VAR / 'log' / name}.log")
    say(f"open http://localhost:{port}  (Ctrl-C ends everything)")
    supervisor.watch()


def wait_for_web(supervisor: Supervisor, port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if supervisor.children["web"][1].poll() is not None:
            fail(f"the web server did not start; see {VAR / 'log' / 'web.log'}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    fail(f"the web server does not answer; see {VAR / 'log' / 'web.log'}")


if __name__ == "__main__":
    main()
