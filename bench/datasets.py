"""Speed of data sets and of the list of signals behind the walls, each against plain SQL.

python -m bench.datasets            (ROWS=20000 SIGNALS=5000 for less)

Baseline of reading: the same rows put by plain INSERT, in batches of the same size, into a table
of the same shape without walls. Baseline of the list: the owner's bare SQL of one page.
"""

import json
import os
import resource
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from bench.register import measured

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


def business_ids() -> Iterator[str]:
    """Valid business ids, in order."""
    number = 1_000_000
    while True:
        rest = sum(w * int(d) for w, d in zip(WEIGHTS, str(number), strict=True)) % 11
        if rest != 1:
            yield f"{number}-{11 - rest if rest else 0}"
        number += 1


def write_file(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("id;year;pay;hours;town\n")
        for number, code in zip(range(rows), business_ids(), strict=False):
            file.write(f"{code};2026;{number % 9000};{number % 1900};Town {number % 309}\n")


def plain_insert(path: Path, owner: Any) -> float:
    """Seconds for the same rows without walls; parsing included, checking not."""
    from targets.services.datasets import BATCH

    with owner.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_rows (LIKE targets_datasetrow INCLUDING ALL)")
    owner.commit()
    start = time.perf_counter()

    def put(batch: list[tuple[int, str, str]]) -> None:
        with owner.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_rows (dataset_id, line, business_id, company_id, data)"
                " SELECT 1, r.line, r.number, NULL, r.data::jsonb"
                " FROM unnest(%s::int[], %s::text[], %s::text[]) AS r(line, number, data)",
                [[b[0] for b in batch], [b[1] for b in batch], [b[2] for b in batch]],
            )
        owner.commit()

    batch: list[tuple[int, str, str]] = []
    with path.open(encoding="utf-8") as file:
        columns = file.readline().strip().split(";")
        for line, text in enumerate(file, start=2):
            values = text.strip().split(";")
            batch.append((line, values[0], json.dumps(dict(zip(columns, values, strict=True)))))
            if len(batch) == BATCH:
                put(batch)
                batch = []
    put(batch)
    return time.perf_counter() - start


def people() -> tuple[Any, Any]:
    """An analyst of each of two authorities of the demo."""
    from authorities.actors import actor_for
    from authorities.models import Membership
    from demo.load import load_people

    load_people()
    found: dict[int, Any] = {}
    for place in Membership.objects.select_related("user", "authority", "unit").order_by("pk"):
        if "analyst" in place.roles or "coordinator" in place.roles:
            found.setdefault(place.authority_id, actor_for(place))
    first, second, *_rest = found.values()
    return first, second


def ground_for(actor: Any) -> Any:
    from django.utils import timezone

    from authorities.models import Ground, GroundVersion

    return GroundVersion.objects.create(
        ground=Ground.objects.create(code=f"BENCH-{uuid.uuid4().hex[:8]}"), number=1,
        state="published", published_at=timezone.now(), givers=[actor.authority.code],
        receivers=[], information=["tip"], mode="mass_data", force="permission", text_fi="x",
    )  # fmt: skip


def measure_sets(actor: Any, owner: Any, rows: int) -> None:
    import datetime as dt

    from django.core.files import File
    from django.db import transaction
    from django.utils import timezone

    from audit.context import acting_as, as_system
    from targets.models import Dataset
    from targets.services import datasets, retention

    path = Path(os.environ["VAR_DIR"]) / "bench.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, rows)
    baseline = plain_insert(path, owner)
    print(f"baseline, plain INSERT without walls: {baseline:.1f} s, {rows / baseline:.0f} rows/s")
    dataset = datasets.create_dataset(
        actor=actor, title="Bench", kind="tip", ground=ground_for(actor), purpose="x",
        expires_on=timezone.localdate() + dt.timedelta(days=1),
    )  # fmt: skip
    with path.open("rb") as file:
        run = datasets.start_run(
            actor=actor, dataset=dataset, file=File(file, name="bench.csv"),
            business_id_column="id",
        )  # fmt: skip
    for name in ("rehearsal", "reading"):
        if name == "reading":
            run = datasets.confirm_run(actor=actor, run=run)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        datasets.perform(run.pk)
        seconds = time.perf_counter() - start
        with transaction.atomic(), acting_as(actor):
            run.refresh_from_db()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(
            f"{name}: {seconds:.1f} s, {rows / seconds:.0f} rows/s,"
            f" {seconds / baseline:.1f} x baseline, memory +{grown:.0f} MB,"
            f" {run.state}, good {run.good}, refused {run.refused} {run.message}"
        )
    with transaction.atomic(), as_system("a benchmark lets the time pass"):
        Dataset.objects.filter(pk=dataset.pk).update(
            expires_on=timezone.localdate() - dt.timedelta(days=1)
        )
    start = time.perf_counter()
    count = retention.sweep()["datasets"]
    print(f"erasure with its proof: {time.perf_counter() - start:.1f} s, erased {count}")


SIGNALS = """
INSERT INTO targets_signal (public_id, client_id, authority_id, unit_id, author_id, about, topic, kind,
    source_type, reliability, accuracy, observed_on, text, classification, purpose, retention_id,
    expires_on, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), %s, %s, %s, 'phenomenon', 'Topic ' || n, 'tip',
    'observation', 'B', '3', current_date - (n %% 700), 'Text ' || n, 'internal', 'x', %s,
    current_date + 100, now() FROM generate_series(1, %s) n
"""
GIVEN = """
INSERT INTO targets_disclosure (public_id, signal_id, kind, giver_id, receiver_id, ground_id,
    ground_text, mode, "on", purpose, confirmed, expires_on, may_pass_on, context_type, state,
    given_by_id, given_at, end_reason)
SELECT gen_random_uuid(), s.id, 'tip', %s, %s, %s, 'x', 'own_initiative', current_date, 'x', '{}',
    current_date + 50, false, '', 'active', %s, now(), ''
  FROM targets_signal s WHERE s.authority_id = %s AND s.id %% 10 = 0
"""


def measure_list(mine: Any, other: Any, owner: Any, signals: int) -> None:
    """Half the signals are the reader's own; of the other's, one in ten was given to it."""
    from django.db import transaction
    from django.http import QueryDict

    from audit.context import acting_as
    from targets.models import RetentionClass
    from targets.signal_lists import SignalList, search_signals

    retention = RetentionClass.objects.order_by("pk")[0]
    with owner.cursor() as cursor:
        # The owner of the tables is held by the walls too.
        cursor.execute("SELECT set_config('tarkka.system', 'on', false)")
        for actor in (mine, other):
            cursor.execute(
                SIGNALS,
                [actor.authority.pk, actor.unit.pk, actor.user.pk, retention.pk, signals // 2],
            )
        cursor.execute(
            GIVEN,
            [other.authority.pk, mine.authority.pk, ground_for(other).pk, other.user.pk,
             other.authority.pk],
        )  # fmt: skip
    owner.commit()
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute("ANALYZE")

    def plain() -> None:
        with owner.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM (SELECT 1 FROM targets_signal LIMIT 10001) s")
            cursor.execute(
                "SELECT * FROM targets_signal ORDER BY observed_on DESC, id DESC LIMIT 25"
            )
            cursor.fetchall()

    baseline = measured(plain)
    print(f"baseline, bare SQL of a page of {signals} signals: {baseline * 1000:.2f} ms")

    def page(query: str) -> None:
        with transaction.atomic(), acting_as(mine):
            SignalList(mine, QueryDict(query)).context()

    for name, query in (
        ("list", ""), ("received", "whose=received"), ("by words", "q=Topic+77"),
        ("by kind", "kind=tip"), ("deep page", "page=200"),
    ):  # fmt: skip
        seconds = measured(lambda q=query: page(q))
        print(f"{name}: {seconds * 1000:.1f} ms, {seconds / baseline:.1f} x baseline")

    def search() -> None:
        with transaction.atomic(), acting_as(mine):
            search_signals(mine, "Topic 77", 5)

    print(f"global search: {measured(search) * 1000:.1f} ms")
    if os.environ.get("PLANS"):
        with transaction.atomic(), acting_as(mine):
            rows = SignalList(mine, QueryDict("")).queryset().order_by("-observed_on", "-pk")
            print(rows[:25].explain(analyze=True))
            print(rows.order_by()[:10_001].explain(analyze=True))


def inside() -> None:
    import django

    django.setup()
    import psycopg2
    from django.core.management import call_command

    call_command("load_reference", verbosity=0, stdout=StringIO())
    mine, other = people()
    owner = psycopg2.connect(os.environ["DATABASE_OWNER_URL"])
    measure_sets(mine, owner, int(os.environ.get("ROWS", "1000000")))
    measure_list(mine, other, owner, int(os.environ.get("SIGNALS", "100000")))


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
        # As the application's role: the walls hold.
        "run(os.environ | {'BENCH_INSIDE': '1'}, '-m', 'bench.datasets')\n"
    )
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT
    )
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
