"""Speed of scoring beside DuckDB on the same values, with every contribution kept.

python -m bench.scoring                 1,000,000 sites x 12 indicators (ROWS, INDICATORS change it)
ROWS=10000000 INDICATORS=40 python -m bench.scoring
python -m bench.scoring register        values and scores of a built register (SITES, SIGNALS)

The values are made in PostgreSQL by a fixed rule and given to DuckDB as Parquet. Measured is the
application's own statement, as its own role, into a new partition, beside one ``COPY ... TO`` of
DuckDB that writes the same columns, by turns; of each the best of five counts. Needs a database of its own,
which it makes and removes. Table on standard output, JSON in ``bench/results/scoring*.json``.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROWS = int(os.environ.get("ROWS", "1000000"))
INDICATORS = int(os.environ.get("INDICATORS", "12"))
CONNECTIONS = int(os.environ.get("RISK_CONNECTIONS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
KNOTS = [[0, 0.02, 0.01, 0.04], [40, 0.08, 0.05, 0.12], [90, 0.25, 0.18, 0.33],
         [160, 0.5, 0.4, 0.62], [300, 0.8, 0.65, 0.92]]  # fmt: skip
HASH = "((hashint8extended(i, {seed}) >> 12) & 4503599627370495) / 4503599627370496.0"


def rules() -> list[Any]:
    """A third plain steps, a third with decay and cap, one in six a text, the rest a yes or no."""
    from risk.engine.points import Rule

    made = []
    for k in range(INDICATORS):
        if k % 6 == 5:
            bins: Any = [{"is": ["56", "41"], "points": 12}, {"is": ["43", "81"], "points": 20},
                         {"is": None, "points": 2}]  # fmt: skip
            made.append(Rule(tuple(bins)))
        elif k % 3 == 1:
            bins = [{"below": 1, "points": 0}, {"below": 2, "points": 10},
                    {"below": 4, "points": 20}, {"below": None, "points": 30}]  # fmt: skip
            made.append(Rule(tuple(bins), half_life=730, cap=2500))
        elif k % 3 == 2:
            made.append(Rule(({"below": 1, "points": 0}, {"below": None, "points": 15})))
        else:
            bins = [{"below": b, "points": 3 * n} for n, b in enumerate((1, 2, 5, 7, None))]
            made.append(Rule(tuple(bins), missing=200))
    return made


def values_table(cursor: Any, rules: list[Any]) -> None:
    """``bench_values``: a tenth of everything is not known."""
    columns = ["i AS site_id", "date '2026-11-01' AS day"]
    for k, rule in enumerate(rules):
        known = f"{HASH.format(seed=1000 + k)} >= 0.1"
        if rule.of_texts:
            codes = "ARRAY['56','41','43','81','47','62','01','95']"
            pick = f"({codes})[1 + floor(8 * {HASH.format(seed=k)})::int]"
            columns += [f"NULL::float8 AS v{k}", f"CASE WHEN {known} THEN {pick} END AS t{k}"]
        else:
            columns += [
                f"CASE WHEN {known} THEN floor(8 * {HASH.format(seed=k)})::float8 END AS v{k}",
                f"NULL::text AS t{k}",
            ]
        day = f"CASE WHEN {known} THEN date '2026-11-01' - floor(1500 * {HASH.format(seed=500 + k)})::int END"
        columns.append(f"{day if rule.half_life else 'NULL::date'} AS d{k}")
    cursor.execute(
        f"CREATE TABLE bench_values AS SELECT {', '.join(columns)} FROM generate_series(1::bigint, {ROWS}) i"
    )
    cursor.execute("GRANT SELECT ON bench_values TO tarkka_app")
    cursor.execute("VACUUM (ANALYZE) bench_values")


def prepare() -> None:
    """As the owner: the table of values, and the rows that runs refer to."""
    from django.db import connection

    with connection.cursor() as cursor:
        values_table(cursor, rules())


def processor_seconds(pid: int) -> float:
    """What a process has used, or 0 where the system does not tell."""
    file = Path(f"/proc/{pid}/stat")
    if not file.exists():
        return 0.0
    fields = file.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def part(run: int, k: int) -> float:
    """One of the parts that the application scores at once, each with a connection of its own.

    Returns the processor seconds of its server process, where they can be read.
    """
    from django.db import connection, transaction

    from audit.context import as_system
    from risk.engine.points import Curve, score_sql
    from risk.services.scoring import _call, _generous

    params: dict[str, Any] = {"run": run, "version": 1, "authority": 1, "joint": True}
    source = f"(SELECT * FROM bench_values WHERE site_id %% {CONNECTIONS} = {k}) q"
    sql = score_sql(rules(), Curve(KNOTS), source, params)
    try:
        with transaction.atomic(), as_system("bench"):
            _generous()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pid = cursor.fetchone()[0]
            before = processor_seconds(pid)
            _call(f'INSERT INTO "risk_score_{run}" {sql}', params)
            return processor_seconds(pid) - before
    finally:
        connection.close()


def postgres() -> dict[str, Any]:
    """Seconds of the application's own steps, once."""
    from django.db import connection, transaction
    from django.utils import timezone

    from audit.context import as_system
    from risk.models import ScoringRun
    from risk.services.scoring import _call, _generous

    with as_system("bench"):
        with transaction.atomic():
            ScoringRun.objects.filter(state="running").update(state="failed")
            run = ScoringRun.objects.create(as_of="2026-11-01", known_at=timezone.now())
            _call("SELECT risk_open_run(%s)", [run.pk])
        start = time.perf_counter()
        with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
            jobs = [pool.submit(part, run.pk, k) for k in range(CONNECTIONS)]
            processor = sum(job.result() for job in jobs)
        scored = time.perf_counter() - start
        with transaction.atomic():
            _generous()
            _call("SELECT risk_close_run(%s, 'risk_score')", [run.pk])
        closed = time.perf_counter() - start - scored
        tops = []
        with transaction.atomic(), connection.cursor() as cursor:
            _call("SET LOCAL statement_timeout = 0", None)
            for _ in range(12):
                start = time.perf_counter()
                cursor.execute(
                    "SELECT site_id, points, p, p_low, p_high, coverage, parts FROM risk_score"
                    " WHERE run_id = %s AND version_id = 1 ORDER BY p DESC LIMIT 1000", [run.pk],
                )  # fmt: skip
                cursor.fetchall()
                tops.append((time.perf_counter() - start) * 1000)
            cursor.execute(
                "SELECT sum(points), sum(coverage), avg(p) FROM risk_score WHERE run_id = %s",
                [run.pk],
            )
            sums = [float(x) for x in cursor.fetchone()]
            cursor.execute("SELECT pg_total_relation_size(%s)", [f"risk_score_{run.pk}"])
            size = cursor.fetchone()[0] / 1e6
        with transaction.atomic():
            ScoringRun.objects.filter(pk=run.pk).update(state="failed")
            _call("SELECT risk_drop_run(%s)", [run.pk])
    return {"score": scored, "indexes": closed, "top_1000_ms": sorted(tops)[len(tops) // 2],
            "processor": processor, "sums": sums, "megabytes": size}  # fmt: skip


def duck_points(rule: Any, k: int) -> str:
    """The same arithmetic in DuckDB's words."""
    column = f"{'t' if rule.of_texts else 'v'}{k}"
    cases = []
    for step in rule.bins[:-1]:
        test = (
            f"{column} IN ({', '.join(repr(v) for v in step['is'])})" if rule.of_texts
            else f"{column} < {step['below']}"
        )  # fmt: skip
        cases.append(f"WHEN {test} THEN {step['points'] * 100}")
    chosen = f"CASE {' '.join(cases)} ELSE {rule.bins[-1]['points'] * 100} END"
    if rule.half_life:
        weight = f"round_even(pow(0.5, (day - d{k}) / {float(rule.half_life)}) * 1e6, 0)::bigint"
        chosen = f"least((({chosen})::bigint * {weight} + 500000) // 1000000, {rule.cap})"
    return f"(CASE WHEN {column} IS NULL THEN {rule.missing} ELSE {chosen} END)::integer"


def duck_curve(column: int) -> str:
    """Linear between the knots, as cases."""
    cases = []
    for low, high in pairwise(KNOTS):
        slope = (high[column] - low[column]) / (high[0] - low[0]) / 100
        cases.append(
            f"WHEN points < {high[0] * 100} THEN {low[column]} + {slope!r} * (points - {low[0] * 100})"
        )
    return f"CASE WHEN points <= 0 THEN {KNOTS[0][column]} {' '.join(cases)} ELSE {KNOTS[-1][column]} END"


def duckdb_seconds(parquet: Path) -> dict[str, Any]:
    import duckdb

    made = rules()
    parts = ", ".join(f"{duck_points(rule, k)} AS p{k}" for k, rule in enumerate(made))
    known = " + ".join(
        f"({'t' if r.of_texts else 'v'}{k} IS NOT NULL)::int" for k, r in enumerate(made)
    )
    total = " + ".join(f"p{k}" for k in range(len(made)))
    listed = ", ".join(f"p{k}::smallint" for k in range(len(made)))
    out = parquet.with_name("scores.parquet")
    sql = f"""COPY (SELECT 1::bigint AS run_id, 1::bigint AS version_id, site_id,
      1::bigint AS authority_id, true AS joint, points, ({duck_curve(1)})::float AS p,
      (({duck_curve(2)}) * coverage / 100.0)::float AS p_low,
      (({duck_curve(3)}) + ({KNOTS[-1][3]} - ({duck_curve(3)})) * (100 - coverage) / 100.0)::float AS p_high,
      coverage::smallint AS coverage, parts FROM (
        SELECT site_id, {total} AS points, known * 100 // {len(made)} AS coverage, [{listed}] AS parts
          FROM (SELECT site_id, {parts}, {known} AS known FROM '{parquet}'))) TO '{out}' (FORMAT parquet)"""
    used, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    duckdb.connect().execute(sql)
    took, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    processor = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    (sums,) = duckdb.sql(f"SELECT sum(points), sum(coverage), avg(p) FROM '{out}'").fetchall()
    start = time.perf_counter()
    duckdb.sql(f"SELECT * FROM '{out}' ORDER BY p DESC LIMIT 1000").fetchall()
    top = (time.perf_counter() - start) * 1000
    return {"score": took, "processor": processor, "top_1000_ms": top, "sums": [float(x) for x in sums],
            "megabytes": out.stat().st_size / 1e6, "version": duckdb.__version__}  # fmt: skip


def export(folder: Path) -> Path:
    """The table of values as Parquet, through CSV."""
    import duckdb
    from django.db import connection

    csv, parquet = folder / "values.csv", folder / "values.parquet"
    with csv.open("w") as file, connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.cursor.copy_expert("COPY bench_values TO STDOUT (FORMAT csv, HEADER)", file)
    types = {"site_id": "BIGINT", "day": "DATE"}
    for k in range(INDICATORS):
        types |= {f"v{k}": "DOUBLE", f"t{k}": "VARCHAR", f"d{k}": "DATE"}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    duckdb.sql(
        f"COPY (SELECT * FROM read_csv('{csv}', header=true, columns={{{columns}}}))"
        f" TO '{parquet}' (FORMAT parquet)"
    )
    csv.unlink()
    return parquet


def measure() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as name:
        parquet = export(Path(name))
        rounds = [(postgres(), duckdb_seconds(parquet)) for _ in range(ROUNDS)]
    ours = min((one for one, _other in rounds), key=lambda one: one["score"] + one["indexes"])
    duck = min((other for _one, other in rounds), key=lambda other: other["score"])
    ratios = sorted(one["score"] / other["score"] for one, other in rounds)
    same = all(abs(a - b) <= 1e-4 * abs(a) for a, b in zip(ours["sums"], duck["sums"], strict=True))
    whole = ours["score"] + ours["indexes"]
    result = {
        "rows": ROWS, "indicators": INDICATORS, "load": os.getloadavg()[0], "postgres": ours,
        "duckdb": duck, "ratio": ours["score"] / duck["score"],
        "ratios": ratios, "ratio_processor": ours["processor"] / duck["processor"],
        "ratio_with_indexes": whole / duck["score"], "same_sums": same,
    }  # fmt: skip
    print(f"{ROWS:,} sites x {INDICATORS} indicators, load {result['load']:.1f}")
    print(f"PostgreSQL: scores {ours['score']:.2f} s, indexes and attaching {ours['indexes']:.2f} s,"
          f" top 1,000 in {ours['top_1000_ms']:.1f} ms, {ours['megabytes']:.0f} MB")  # fmt: skip
    print(f"DuckDB {duck['version']}: {duck['score']:.2f} s, {duck['megabytes']:.0f} MB")
    print(f"ratio {result['ratio']:.2f}, with indexes {result['ratio_with_indexes']:.2f};"
          f" same sums: {same};"
          f" of each round {', '.join(f'{r:.2f}' for r in ratios)};"
          f" processor {ours['processor']:.2f} s to {duck['processor']:.2f} s,"
          f" ratio {result['ratio_processor']:.2f}")  # fmt: skip
    write(f"scoring-{ROWS}x{INDICATORS}.json", result)


def write(name: str, result: dict[str, Any]) -> None:
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(result, indent=1) + "\n")


def inside() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
    django.setup()
    {"prepare": prepare, "measure": measure, "register": register}[sys.argv[1]]()


def register() -> None:
    """Values and scores of the starter set over a register as ``bench.build`` makes it."""
    from django.db import transaction

    from audit.context import as_system
    from bench.build import starter_models
    from risk.models import ModelVersion, RiskModel, ScoringRun
    from risk.services import scoring
    from targets.models import Site

    starter_models()
    with as_system("bench"), transaction.atomic():
        ModelVersion.objects.exclude(model__code="starter-osh").update(state="retired")
    steps: list[float] = []
    start = time.perf_counter()
    run = scoring.run_scoring(
        progress=lambda run: steps.append(time.perf_counter() - start - sum(steps))
    )
    whole = time.perf_counter() - start
    with as_system("bench"), transaction.atomic():
        ids = list(Site.objects.order_by("public_id").values_list("pk", flat=True)[:1000])
    start = time.perf_counter()
    scoring.refresh(ids)
    refreshed = time.perf_counter() - start
    result = {
        "sites": run.sites, "state": run.state, "indicators": 14, "load": os.getloadavg()[0],
        "seconds": whole, "steps": steps, "refresh_of_1000": refreshed,
        "models": RiskModel.objects.count(), "runs": ScoringRun.objects.count(),
    }  # fmt: skip
    print(f"{run.sites:,} sites x 14 indicators, one model: {whole:.1f} s ({run.state} {run.message});"
          f" values and points {steps[1]:.1f} s, indexes {steps[2]:.1f} s, worth {steps[3]:.1f} s;"
          f" 1,000 sites anew {refreshed:.2f} s; load {result['load']:.1f}")  # fmt: skip
    write(f"scoring-register-{run.sites}.json", result)


def main() -> None:
    if os.environ.get("BENCH_INSIDE"):
        inside()
        return
    what = sys.argv[1] if len(sys.argv) > 1 else "measure"
    first = "build" if what == "register" else "prepare"
    builder = (
        ["-m", "bench.pages", "build"] if first == "build" else ["-m", "bench.scoring", "prepare"]
    )
    script = (
        "import os, subprocess, sys\n"
        "owner = os.environ | {'DATABASE_URL': os.environ['DATABASE_OWNER_URL'],"
        " 'STATEMENT_TIMEOUT_MS': '0', 'BENCH_INSIDE': '1'}\n"
        "run = lambda env, *a: subprocess.run([sys.executable, *a], env=env, check=True)\n"
        "run(owner, 'manage.py', 'migrate', '--verbosity=0')\n"
        "run(owner, 'manage.py', 'grant_app_role', 'tarkka_app')\n"
        f"run(owner, *{builder!r})\n"
        f"run(os.environ | {{'BENCH_INSIDE': '1'}}, '-m', 'bench.scoring', {what!r})\n"
    )
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT
    )
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
