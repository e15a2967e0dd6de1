"""Full lists: what the list of a source leaves out has ended, and is said to have, with the day.

Only facts end (a licence, a debt, an entry), only those of the list's owner and of the kinds that the
mapping brings, and only when the file was declared to be the full list. A list that would end more
than half of what holds may be cut short: it is stored only after a rehearsal has shown that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from targets.models import ImportKind, ImportMapping, ImportPart, ImportRun
from targets.services.imports.life import save
from targets.services.imports.merge import one, run
from targets.services.imports.merge_compare import LATE
from targets.services.imports.records import FileRefused
from targets.services.imports.tabular import Table

LISTED = {
    ImportKind.FACTS: """listed AS MATERIALIZED (
        SELECT r.key FROM targets_importrow r WHERE r.run_id = %(run)s AND r.key <> '')""",
    ImportKind.SITES: """listed AS MATERIALIZED (
        SELECT r.key || '#' || (f ->> 'kind') AS key FROM targets_importrow r
          JOIN LATERAL jsonb_array_elements(r.more -> 'facts') f ON true
         WHERE r.run_id = %(run)s AND r.more ? 'facts')""",
}
# The key of the row in the file; of a fact on a row of sites its kind stands behind it.
ROW_KEY = {
    ImportKind.FACTS: "t.source_key",
    ImportKind.SITES: "left(t.source_key, -(length(t.kind) + 1))",
}
HOLDS = """t.authority_id = %(authority)s AND t.source = %(source)s AND t.known_to IS NULL
    AND t.kind = ANY (%(kinds)s) AND coalesce(t.valid_to > %(day)s, true)
    AND coalesce(t.valid_from <= %(day)s, true)"""


def _gone(kind: ImportKind) -> str:
    """What holds and is neither in the list nor in a row of it that was refused."""
    return f"""{LISTED[kind]}, gone AS MATERIALIZED (
      SELECT t.* FROM targets_fact t
       WHERE {HOLDS} AND NOT EXISTS (SELECT 1 FROM listed l WHERE l.key = t.source_key)
         AND {ROW_KEY[kind]} <> ALL (%(refused)s))"""


_SAID = "company_id, site_id, kind, value, valid_from, source, source_key, authority_id, shared, delete_on"


def _count(kind: ImportKind) -> str:
    return f"""WITH {_gone(kind)}
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM targets_fact t WHERE {HOLDS}),
           (SELECT jsonb_agg(x) FROM (
              SELECT coalesce(g.site_id, g.company_id) AS id, g.kind,
                     CASE WHEN g.site_id IS NULL THEN 'company' ELSE 'site' END AS target
                FROM gone g ORDER BY g.source_key LIMIT 50) x)::text"""


def _close(kind: ImportKind) -> str:
    return f"""WITH {_gone(kind)},
    closed AS (
      UPDATE targets_fact t SET known_to = %(now)s FROM gone g
       WHERE t.id = g.id AND t.known_to IS NULL RETURNING t.id)
    SELECT count(*), array_agg(id) FROM closed"""


# As with a fact that changed: the statement before stays, the new one holds until the day.
SAY_ENDED = f"""INSERT INTO targets_fact (public_id, known_from, valid_to, run_id, {_SAID})
    SELECT gen_random_uuid(), %(now)s, %(day)s, %(run)s, {_SAID}
      FROM targets_fact WHERE id = ANY (%(closed)s)"""


@dataclass(frozen=True)
class Ends:
    """How many facts the list would end, how many hold, and some of the first."""

    count: int
    known: int
    examples: list[dict[str, Any]]

    @property
    def too_many(self) -> bool:
        return self.count * 2 > self.known


def _params(of: ImportRun, params: dict[str, Any]) -> dict[str, Any]:
    """What the statements ask for; FileRefused when a refused row does not tell its key."""
    mapping = ImportMapping.objects.get(code=of.format)
    table = Table(mapping.columns, mapping.options)
    refused: list[str] = []
    unknown = 0
    for code, row in of.refusals.values_list("code", "row").iterator():
        if row and code == "quote_open":  # where the open cell ends is not known
            row = {name: cell for name, cell in row.items() if not cell.startswith('"')}
        key = table.key_of(row) if row else None
        if key is not None:
            refused.append(key)
        elif code not in LATE:  # those are staged
            unknown += 1
    if unknown:
        raise FileRefused("full_list_rows", count=unknown)
    return params | {
        "kinds": mapping.fact_kinds, "refused": refused,
        "day": of.received_on or timezone.localdate(),
    }  # fmt: skip


@contextmanager
def _hashed() -> Iterator[None]:
    """Without statistics of the staging table the whole list might be gone through for each fact."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        yield
        cursor.execute("SET LOCAL enable_nestloop = on")


def ends(of: ImportRun, params: dict[str, Any]) -> Ends:
    """What the run's list would end; in the caller's transaction, when all rows are staged."""
    values = _params(of, params)
    with _hashed():
        count, known, examples = one(_count(ImportKind(of.kind)), values)
    return Ends(count, known, json.loads(examples or "[]"))


@transaction.atomic
def check(of: ImportRun, params: dict[str, Any]) -> None:
    """FileRefused for a list that would end too much, unless a rehearsal has shown as much."""
    if ImportPart.objects.filter(run=of).exists():
        return  # it was let through, and has been stored in part
    found = ends(of, params)
    shown = of.preview.get("ends", {}).get("count", 0)
    if found.too_many and found.count > shown:
        raise FileRefused("full_list_cut", count=found.count, known=found.known)


@transaction.atomic
def end_what_is_gone(of: ImportRun, params: dict[str, Any]) -> None:
    """Say of what the list leaves out that it has ended; a second time there is nothing to say."""
    values = _params(of, params) | {"now": timezone.now()}
    with _hashed():
        count, closed = one(_close(ImportKind(of.kind)), values)
    if count:
        run(SAY_ENDED, values | {"closed": closed})
    of.ended_count += count
    save(of)
