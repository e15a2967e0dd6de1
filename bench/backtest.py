"""``python -m bench.backtest``: how long a test of a model takes on a large register.

A register of ``SITES`` sites (100,000) as ``bench.build`` makes it, ``LABELS`` results (50,000) of one
authority, the starter set of 14 indicators. Each kind is backtested and audited by the job itself;
seconds by step as the job tells them. Results in ``bench/results/backtest.json``.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LABELS = int(os.environ.get("LABELS", "50000"))
KINDS = os.environ.get("KINDS", "points logistic ebm").split()

# The newest results become the authority's own; what is found follows the site, the industry and
# chance, and who visited is one of 40 teams.
RESULTS = """
UPDATE targets_pastvisit SET authority_id = %s, outcome = CASE
    WHEN abs(hashint8(id)) %% 100 < CASE WHEN site_id %% 9 = 0 THEN 55 WHEN site_id %% 4 = 0 THEN 25
        ELSE 8 END THEN 'serious' ELSE 'no_remarks' END
  WHERE id IN (SELECT id FROM targets_pastvisit ORDER BY "on" DESC, id DESC LIMIT %s);
INSERT INTO risk_label (visit_id, arm, probability, origin, "group", operation, known_from)
SELECT id, CASE WHEN id %% 10 = 0 THEN 'random' ELSE 'chosen' END, 0.1, 'register',
       'team' || abs(hashint8(id + 7)) %% 40, '', now()
  FROM targets_pastvisit WHERE authority_id = %s;
"""


def test(version: Any, kind: str) -> dict[str, Any]:
    """Seconds of a report by its steps, and its longest silence (the job is given up after it)."""
    from django.db import transaction

    from audit.context import as_system
    from risk.services import reports

    with transaction.atomic(), as_system("bench"):
        asked = reports.new_report(actor=None, version=version, kind=kind)
    report = reports.claim(asked.pk)
    assert report is not None
    save, told, start = reports._save, [time.perf_counter()], time.perf_counter()

    def timed(row: Any, **values: Any) -> None:
        save(row, **values)
        told.append(time.perf_counter())

    reports._save = timed
    try:
        report = reports.perform(report)
    finally:
        reports._save = save
    gaps = [after - before for before, after in itertools.pairwise(told)]
    return {
        "state": report.state, "message": report.message, "seconds": time.perf_counter() - start,
        "rows": gaps[0], "fit": gaps[1] if kind == "backtest" else 0.0, "silence": max(gaps),
        "results": report.results.get("labels"), "load": os.getloadavg()[0],
    }  # fmt: skip


def measure() -> None:
    from django.db import connection, transaction

    from audit.context import as_system
    from authorities.models import Authority
    from risk.models import ModelVersion
    from risk.services import models, starter

    with as_system("bench"), transaction.atomic():
        for code, name in (("LVV_OSH", "OSH"), ("TAX", "Tax"), ("POLICE", "Police")):
            Authority.objects.get_or_create(code=code, defaults={"name_fi": name})
        starter.load_starter(activate=True)
        base = ModelVersion.objects.select_related("model").get(model__code="starter-osh")
        owner = base.model.authority_id
        with connection.cursor() as cursor:
            cursor.execute(RESULTS, [owner, LABELS, owner])
    found = []
    for kind in KINDS:
        with as_system("bench"), transaction.atomic():
            draft = models.new_draft(base)
            draft.kind = kind
            draft.save(update_fields=["kind"])
        for what in ("backtest", "audit"):
            found.append({"model": kind, "test": what, **test(draft, what)})
            print(found[-1], flush=True)
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "backtest.json").write_text(json.dumps(found, indent=1) + "\n")


def inside() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")
    django.setup()
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
        "run(owner, '-m', 'bench.pages', 'build')\n"
        "run(os.environ | {'BENCH_INSIDE': '1', 'STATEMENT_TIMEOUT_MS': '0'},"
        " '-m', 'bench.backtest')\n"
    )
    environment = {"SITES": "100000", "SIGNALS": "100000", "AUTHORITIES": "5", "PEOPLE": "50"}
    result = subprocess.run(
        [sys.executable, "tools/with_services.py", sys.executable, "-c", script], cwd=ROOT,
        env=environment | os.environ,
    )  # fmt: skip
    raise SystemExit(result.returncode)


if __name__ == "__main__":
    main()
