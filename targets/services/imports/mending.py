"""Rows refused while they were stored, read once more from their file so that they can be mended.

Staged rows hold what was understood of a row and not the row: keeping every row of a file for the
few that are refused late would cost each of them.
"""

import json
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from targets.models import ImportKind, ImportRun
from targets.services.imports.life import beat
from targets.services.imports.reading import kept_row
from targets.services.imports.sources import open_source

BATCH = 1_000
# What is refused for these is never kept.
NOT_KEPT = ("personal_code", "too_deep")


def keep_refused_rows(run: ImportRun, path: Path | None) -> None:
    """Give every refused row of the run that stands without its original the original.

    May be called again at any time. Reads the file only when there is such a row, and no further
    than to the last of them. Persons' roles are not kept at all.
    """
    if path is None or run.kind == ImportKind.ROLES:
        return

    def alive() -> None:
        beat(run)

    with transaction.atomic():
        bare = run.refusals.filter(row__isnull=True).exclude(code__in=NOT_KEPT)
        missing: dict[int, list[int]] = {}
        for line, pk in bare.values_list("line", "pk").iterator():
            missing.setdefault(line, []).append(pk)
        if not missing:
            return
        source = open_source(run, path, alive)
    found: list[tuple[int, str]] = []
    for line, _make, data in source.rows:
        refusals = missing.pop(line, [])
        if refusals and isinstance(data, dict):
            row = json.dumps(kept_row(data), ensure_ascii=False)
            found += [(pk, row) for pk in refusals]
        if len(found) >= BATCH:
            _write(run, found)
            found = []
        if not missing:
            break
        alive()
    _write(run, found)


@transaction.atomic
def _write(run: ImportRun, found: list[tuple[int, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE targets_importrefusal r SET row = f.row::jsonb
                 FROM unnest(%s::bigint[], %s::text[]) AS f(id, row)
                WHERE r.id = f.id AND r.run_id = %s""",
            [[pk for pk, _row in found], [row for _pk, row in found], run.pk],
        )
