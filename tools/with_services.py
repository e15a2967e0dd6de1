"""Runs a command with a database and a Redis-compatible server of its own, then removes them.

with_services.py COMMAND [ARGUMENT ...]
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main() -> int:
    from config.services import Redis, start_postgres, stop_postgres

    folder = Path(tempfile.mkdtemp(prefix="tarkka-services-"))
    folder.chmod(0o755)
    postgres = start_postgres(folder / "postgres")
    redis = Redis(folder / "redis")
    try:
        environment = os.environ | {
            "DATABASE_URL": postgres.app_url, "DATABASE_OWNER_URL": postgres.owner_url,
            "REDIS_URL": redis.start(), "VAR_DIR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "config.settings.embedded",
        }  # fmt: skip
        return subprocess.run(sys.argv[1:], env=environment).returncode
    finally:
        redis.stop()
        stop_postgres(postgres.folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
