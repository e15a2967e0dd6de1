"""Speed of list, search and map at a country's number of sites, behind the walls and without them.

python -m bench.pages           builds its own database (SITES=20000 SIGNALS=60000 for less)

Each page is asked through the whole of Django for an administrator and for an inspector to whom
signals were disclosed; its baseline is the plain SQL of the same answer, as a role that no wall
holds, in the same run. Then four inspectors ask at once, and at last files are imported into the
full register (``bench.imports``). Table on standard output, JSON in
``bench/results/pages.json``.
"""

import html
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

ROOT = Path(__file__).resolve().parent.parent
SITES = "/register/sites/"
MAP = f"{SITES}map/?zoom=5&bbox=18,59,33,71"
PAGE = "ORDER BY s.name, s.id LIMIT 25"
JOINED = (
    "SELECT s.*, c.name, m.name_fi, i.name_fi, (SELECT max(v.on) FROM targets_pastvisit v"
    " WHERE v.site_id = s.id) FROM targets_site s LEFT JOIN targets_company c ON c.id ="
    " s.company_id LEFT JOIN authorities_area m ON m.id = s.municipality_id"
    " LEFT JOIN targets_industry i ON i.id = s.industry_id"
)
IN_56 = "s.industry_id IN (SELECT id FROM targets_industry WHERE code LIKE '56%')"
SINCE = (
    "NOT EXISTS (SELECT 1 FROM targets_pastvisit v WHERE v.site_id = s.id AND v.on >= '2024-11-01')"
)
RUN = "(SELECT max(id) FROM risk_scoringrun WHERE state = 'done')"
FIFTH = f"EXISTS (SELECT 1 FROM risk_worth w WHERE w.run_id = {RUN} AND w.site_id = s.id AND w.level = 5)"
UNSCORED = (
    "s.id IN (SELECT id FROM targets_site EXCEPT"
    f" SELECT site_id FROM risk_worth WHERE run_id = {RUN})"
)
COUNTED = "SELECT count(*) FROM (SELECT 1 FROM targets_site s WHERE {} LIMIT 1001) x"
TEXT = (
    "SELECT site_id FROM targets_searchentry WHERE text LIKE '{}%' AND site_id IS NOT NULL LIMIT 10"
)
CELLS = (
    "SELECT floor(longitude / 4), floor(latitude / 2), count(*) FROM targets_site s WHERE {}"
    " GROUP BY 1, 2"
)

# name: (address, plain SQL of the same answer)
BEYOND = "beyond"  # the page after the last one that has a number
CASES: dict[str, tuple[str, list[str]]] = {
    "list": (SITES, [f"{JOINED} {PAGE}", COUNTED.format("true")]),
    "list, industry": (f"{SITES}?branch=56", [f"{JOINED} WHERE {IN_56} {PAGE}", COUNTED.format(IN_56)]),
    "list, industry, not visited for two years": (
        f"{SITES}?branch=56&visited=2y",
        [f"{JOINED} WHERE {IN_56} AND {SINCE} {PAGE}", COUNTED.format(f"{IN_56} AND {SINCE}")],
    ),
    "list by last visit": (
        f"{SITES}?sort=-last_visit",
        ["SELECT site_id, max(v.on) FROM targets_pastvisit v GROUP BY 1 ORDER BY 2 DESC LIMIT 25",
         COUNTED.format("true")],
    ),
    "list by the joint list": (
        f"{SITES}?sort=risk",
        [f"SELECT site_id FROM risk_worth WHERE run_id = {RUN} ORDER BY value DESC LIMIT 25",
         COUNTED.format("true")],
    ),
    "list, highest fifth": (
        f"{SITES}?risk=5", [f"{JOINED} WHERE {FIFTH} {PAGE}", COUNTED.format(FIFTH)]),
    "list, not scored yet": (
        f"{SITES}?risk=none", [f"{JOINED} WHERE {UNSCORED} {PAGE}", COUNTED.format(UNSCORED)]),
    "list, page 40": (f"{SITES}?page=40", [f"{JOINED} {PAGE} OFFSET 975", COUNTED.format("true")]),
    "list, beyond row 1,000": (BEYOND, [f"{JOINED} {PAGE} OFFSET 1000", COUNTED.format("true")]),
    "list, words": (
        f"{SITES}?q=kebab",
        [f"{JOINED} WHERE s.name ILIKE '%kebab%' {PAGE}", COUNTED.format("s.name ILIKE '%kebab%'")],
    ),
    "list, two letters": (
        f"{SITES}?q=vi",
        [f"{JOINED} WHERE s.name ILIKE 'vi%' {PAGE}", COUNTED.format("s.name ILIKE 'vi%'")],
    ),
    "search, common word": ("/search/?q=ravintola", [TEXT.format("ravintola")]),
    "search, mistyped": ("/search/?q=ravintoal", [TEXT.format("ravintol")]),
    "search, two words": ("/search/?q=kebab+tampere", [TEXT.format("kebab")]),
    "search, business ID": ("/search/?q=FI10000011", [
        "SELECT id FROM targets_company WHERE business_id LIKE '1000001-1%'"]),
    "map, whole country": (MAP, [CELLS.format("true")]),
    "map, industry": (f"{MAP}&branch=56", [CELLS.format(IN_56)]),
    "map, not visited for two years": (f"{MAP}&visited=2y", [CELLS.format(SINCE)]),
    "map, a very common word": (f"{MAP}&q=ravintola", [CELLS.format("s.name ILIKE '%ravintola%'")]),
    "map, a town": (f"{SITES}map/?zoom=12&bbox=24.8,60.1,25.1,60.3", [
        CELLS.format("longitude BETWEEN 24.8 AND 25.1 AND latitude BETWEEN 60.1 AND 60.3")]),
    "count": ("count", [COUNTED.format("true")]),
    "export of 1,500 rows": (f"{SITES}?export=csv&size=250&branch=56", [
        f"{JOINED} WHERE s.staff_estimate >= 250 AND {IN_56} ORDER BY s.name, s.id LIMIT 1500"]),
}  # fmt: skip
TOGETHER = ("list", "list, industry, not visited for two years", "list by last visit",
            "search, common word", "search, mistyped", "search, two words", "map, whole country",
            "map, industry")  # fmt: skip


def times(action: Callable[[], object], rounds: int, warm: int = 2) -> list[float]:
    """Milliseconds of each of ``rounds``, after ``warm`` that do not count."""
    for _ in range(warm):
        action()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        found.append((time.perf_counter() - start) * 1000)
    return found


def at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def member(role: str, number: int = 0) -> Any:
    from audit.context import as_system
    from authorities.models import Membership

    with as_system("bench"):
        rows = Membership.objects.filter(roles=[role], user__email__startswith="bench")
        return rows.select_related("user", "authority", "unit").order_by("pk")[number]


def visitor(role: str, number: int = 0) -> Any:
    from django.test import Client

    place = member(role, number)
    client = Client(HTTP_HOST="localhost")
    client.force_login(place.user)
    session = client.session
    session["acting_membership"], session["mfa_done"] = place.pk, True
    session.save()
    return client


def asked(client: Any, role: str, address: str) -> Callable[[], object]:
    if address == "count":
        return lambda: _count(role)
    if address == BEYOND:
        last = client.get(f"{SITES}?page=40").content.decode()
        onward = re.search(r'href="([^"]*[?&;]after=[^"]+)"', last)
        assert onward is not None, "the last numbered page leads no further"
        address = urljoin(SITES, html.unescape(onward[1]))

    def ask() -> object:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        return answer.content

    return ask


def _count(role: str) -> int:
    from django.db import transaction

    from audit.context import acting_as
    from authorities.actors import actor_for
    from targets.models import Site
    from ui.lists import capped_count

    actor = actor_for(member(role))
    with acting_as(actor), transaction.atomic():
        return capped_count(Site.objects.visible_to(actor), 1_000)


def plain(statements: list[str]) -> Callable[[], object]:
    """The statements as the server's own superuser, whom no wall holds."""
    import psycopg2

    address = urlsplit(os.environ["DATABASE_URL"])
    connection = psycopg2.connect(
        host=dict(parse_qsl(address.query))["host"], user="postgres", dbname=address.path[1:]
    )

    def run() -> object:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()
        return None

    return run


def together(pause: float, users: int = 4, seconds: int = 20) -> dict[str, list[float]]:
    """Several inspectors at once, each in a process of its own: milliseconds by case.

    ``pause``: seconds that each looks at a page before asking for the next.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.pages", "user", str(n), str(seconds), str(pause)], cwd=ROOT,
            stdout=subprocess.PIPE, text=True,
        )
        for n in range(users)
    ]  # fmt: skip
    found: dict[str, list[float]] = {}
    for process in processes:
        out, _err = process.communicate()
        for name, values in json.loads(out.splitlines()[-1]).items():
            found.setdefault(name, []).extend(values)
    return found


def one_user(number: int, seconds: int, pause: float) -> None:
    client = visitor("inspector", number)
    found: dict[str, list[float]] = {name: [] for name in TOGETHER}
    for name in TOGETHER:
        asked(client, "inspector", CASES[name][0])()
    end = time.monotonic() + seconds
    turn = number
    while time.monotonic() < end:
        name = TOGETHER[turn % len(TOGETHER)]
        start = time.perf_counter()
        asked(client, "inspector", CASES[name][0])()
        found[name].append((time.perf_counter() - start) * 1000)
        turn += 1
        time.sleep(pause * random.uniform(0.5, 1.5))
    print(json.dumps(found))


def export_job() -> dict[str, float]:
    """Seconds of a long export as the worker writes it, beside reading the same rows."""
    from targets.lists import SiteList
    from ui.models import ExportJob
    from ui.services import make_export

    found: dict[str, float] = {}
    for role in ("administrator", "inspector"):
        job = ExportJob.objects.create(
            list_key=SiteList.key, query="branch=56", format="csv", language="fi",
            membership=member(role),
        )  # fmt: skip
        start = time.perf_counter()
        make_export(job.pk)
        found[role] = time.perf_counter() - start
        job.refresh_from_db()
        found["rows"] = job.rows
        job.file.delete(save=False)
    read = plain([f"{JOINED} WHERE {IN_56} ORDER BY s.name, s.id"])
    found["plain"] = times(read, 1, warm=0)[0] / 1000
    print(f"export job, {found['rows']:,.0f} rows: administrator {found['administrator']:.1f} s,"
          f" inspector {found['inspector']:.1f} s, plain {found['plain']:.1f} s", flush=True)  # fmt: skip
    return found


def measure() -> None:
    rounds = int(os.environ.get("ROUNDS", "40"))
    clients = {role: visitor(role) for role in ("administrator", "inspector")}
    rows = []
    for name, (address, statements) in CASES.items():
        row: dict[str, Any] = {"case": name}
        # By turns, so that whatever else the machine does falls on both alike.
        turns = {role: asked(client, role, address) for role, client in clients.items()}
        values: dict[str, list[float]] = {role: [] for role in turns}
        for number in range(rounds):
            for role, ask in turns.items():
                values[role] += times(ask, 1, warm=0 if number else 2)
        for role, found in values.items():
            row[role] = {"p50": statistics.median(found), "p95": at(found, 0.95)}
        row["plain"] = statistics.median(times(plain(statements), max(3, rounds // 3)))
        row["inspector_to_administrator"] = row["inspector"]["p50"] / row["administrator"]["p50"]
        rows.append(row)
        print(
            f"| {name} | {row['administrator']['p50']:.0f} | {row['inspector']['p50']:.0f} |"
            f" {row['inspector']['p95']:.0f} | {row['inspector_to_administrator']:.2f} |"
            f" {row['plain']:.1f} |",
            flush=True,
        )
    exported = export_job()
    parallel = {}
    for pause, seconds in ((0.0, 20), (1.0, 60)):
        print(f"four at once, {pause:.0f} s between pages")
        figures = {
            name: {"p50": statistics.median(values), "p95": at(values, 0.95), "asked": len(values)}
            for name, values in together(pause, seconds=seconds).items()
        }
        for name, row in figures.items():
            print(f"| {name} | {row['p50']:.0f} | {row['p95']:.0f} | {row['asked']} |", flush=True)
        parallel[f"{pause:.0f} s pause"] = figures
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    (results / "pages.json").write_text(
        json.dumps({"pages": rows, "export job": exported, "together": parallel}, indent=1)
    )


def inside() -> None:
    import django

    from config.memory import settle

    django.setup()
    settle()  # as each web process does
    if sys.argv[1:2] == ["user"]:
        one_user(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    elif sys.argv[1:2] == ["build"]:
        from bench.build import build
        from targets.services.search import refresh

        build()
        refresh()
    elif sys.argv[1:2] == ["score"]:  # as the application's own role
        from bench.build import starter_models
        from risk.services.changes import sweep
        from risk.services.scoring import run_scoring

        starter_models()
        sweep()  # as beat does: before the first run nothing that was touched needs another look
        run_scoring()
    else:
        measure()


def main() -> None:
    if os.environ.get("BENCH_INSIDE"):
        inside()
        return
    script = (
        "import os, subprocess, sys\n"
        "owner = os.environ | {'DATABASE_URL': os.environ['DATABASE_OWNER_URL'],"
        " 'STATEMENT_TIMEOUT_MS': '0', 'BENCH_INSIDE': '1'}\n"
        "run = lambda env, *a: subprocess.run([sys.executable, *a], env=env, check=True)\n"
        "run(owner, 'manage.py', 'migrate', '--verbosity=0')\n"
        "run(owner, 'manage.py', 'grant_app_role', 'tarkka_app')\n"
        "run(owner, 'manage.py', 'collectstatic', '--noinput', '--verbosity=0')\n"
        "run(owner, '-m', 'bench.pages', 'build')\n"
        "run(os.environ | {'BENCH_INSIDE': '1'}, '-m', 'bench.pages', 'score')\n"
        "run(os.environ | {'BENCH_INSIDE': '1'}, '-m', 'bench.pages', 'measure')\n"
        "run(os.environ | {'BENCH_INSIDE': '1', 'STATEMENT_TIMEOUT_MS': '0', 'FULL': '1'},"
        " '-m', 'bench.imports')\n"
    )
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT
    )
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
