"""Speed of the site list and of imports, each as a ratio to plain SQL in the same run.

make bench            (ROWS=200000 for more)
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measured(action: Callable[[], object], rounds: int = 7) -> float:
    """Median seconds of an action, after one warm-up."""
    action()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def inside() -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.http import QueryDict
    from django.utils import timezone

    from authorities.actors import actor_for
    from authorities.models import Membership
    from demo.load import load_people, load_register
    from targets.lists import SiteList

    rows = int(os.environ.get("ROWS", "20000"))
    call_command("load_reference", verbosity=0, stdout=StringIO())
    load_people()
    start = time.perf_counter()
    load_register(timezone.localdate(), lambda text: None, rows)
    stored = time.perf_counter() - start
    connection.cursor().execute("ANALYZE")
    member = Membership.objects.filter(roles=["inspector"]).select_related(
        "user", "authority", "unit"
    )
    actor = actor_for(member.order_by("pk")[0])

    def plain() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM (SELECT 1 FROM targets_site LIMIT 10001) s")
            cursor.execute("SELECT * FROM targets_site ORDER BY name, id LIMIT 25")
            cursor.fetchall()

    baseline = measured(plain)
    print(f"{rows} sites stored at {rows / stored:.0f} rows/s")
    print(f"baseline, plain SQL of the same page: {baseline * 1000:.2f} ms")
    for name, query in (
        ("list", ""), ("filtered by text", "q=kebab"), ("filtered by industry", "industry=56"),
        ("never visited", "visited=never"), ("deep page", "page=200"),
    ):  # fmt: skip
        seconds = measured(lambda q=query: SiteList(actor, QueryDict(q)).context())
        print(f"{name}: {seconds * 1000:.1f} ms, {seconds / baseline:.1f} x baseline")


def main() -> None:
    if os.environ.get("BENCH_INSIDE"):
        inside()
        return
    script = (
        "import os, subprocess, sys\n"
        "owner = os.environ | {'DATABASE_URL': os.environ['DATABASE_OWNER_URL'], "
        "'STATEMENT_TIMEOUT_MS': '0'}\n"
        "run = lambda env, *a: subprocess.run([sys.executable, *a], env=env, check=True)\n"
        "run(owner, 'manage.py', 'migrate', '--verbosity=0')\n"
        "run(owner, 'manage.py', 'grant_app_role', 'tarkka_app')\n"
        "run(owner | {'BENCH_INSIDE': '1'}, '-m', 'bench.register')\n"
    )
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT
    )
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
