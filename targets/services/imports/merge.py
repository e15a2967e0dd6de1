"""Staged rows into the register, set by set: what is new, what differs, and a history of both.

A step works on the lines of one chunk and is a transaction of its own. Rows are found by their
keys through an index each (``LATERAL ... OFFSET 0`` keeps the planner from reading the whole
register for a chunk whose size it does not know).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from targets.services.places import point_of

# column of targets_company → what the staging row says
COMPANY = {
    "name": "s.c_name",
    "kind": "coalesce(nullif(s.c_kind, ''), 'unknown')",
    "country": "coalesce(nullif(s.c_country, ''), 'FI')",
    "form": "s.c_form",
    "status": "coalesce(nullif(s.c_status, ''), 'unknown')",
    "industry_id": "s.c_industry",
    "municipality_id": "s.c_municipality",
    "address": "s.c_address",
    "postal_code": "s.c_postal_code",
    "website": "s.c_website",
    "registered_on": "s.c_registered",
    "ended_on": "s.c_ended",
    "source": "%(source)s::text",
    "source_updated_at": "s.said_at",
    "raw": "coalesce(s.c_raw, '{}')",
}
# column of targets_site → what the staging row says
SITE = {
    "name": "s.s_name",
    "name_fi": "s.s_name",
    "name_sv": "s.s_name_sv",
    "type": "s.s_type",
    "locator": "s.s_locator",
    "kind": "s.s_kind",
    "company_id": "s.company_id",
    "industry_id": "s.s_industry",
    "municipality_id": "s.s_municipality",
    "region_id": "s.s_region",
    "address": "s.s_address",
    "postal_code": "s.s_postal_code",
    # A place that the source does not give is taken from the gazetteer, if there is one.
    "longitude": "coalesce(s.s_longitude, s.g_longitude)",
    "latitude": "coalesce(s.s_latitude, s.g_latitude)",
    "located_by": "CASE WHEN s.s_longitude IS NULL AND s.g_longitude IS NOT NULL"
    " THEN 'gazetteer' ELSE '' END",
    "staff_estimate": "s.s_staff",
    "status": "coalesce(nullif(s.s_status, ''), 'active')",
    "opened_on": "s.s_opened",
    "closed_on": "s.s_closed",
    "source_updated_at": "s.said_at",
}
LINES = "r.run_id = %(run)s AND r.line > %(low)s AND r.line <= %(high)s"
STAGED_COMPANIES = f"""staged AS MATERIALIZED (
    SELECT DISTINCT ON (r.c_business_id) r.* FROM targets_importrow r
     WHERE {LINES} AND r.c_business_id <> '' AND r.c_name <> ''
     ORDER BY r.c_business_id, r.c_full DESC, r.line DESC)"""
PLACE = point_of("r.s_municipality", "r.s_address", "r.s_longitude IS NULL AND r.s_address <> ''")
STAGED_SITES = f"""staged AS MATERIALIZED (
    SELECT DISTINCT ON (r.key) r.*, c.company_id, g.longitude AS g_longitude,
           g.latitude AS g_latitude FROM targets_importrow r
      LEFT JOIN LATERAL (
        SELECT coalesce(t.merged_into_id, t.id) AS company_id FROM targets_company t
         WHERE t.business_id = r.c_business_id AND r.c_business_id <> '' OFFSET 0) c ON true
      LEFT JOIN LATERAL ({PLACE}) g ON true
     WHERE {LINES} AND r.key <> ''
     ORDER BY r.key, r.line DESC)"""


@dataclass
class Tables:
    """What differs between companies and sites in the statements below."""

    table: str
    column: str  # of the history
    staged: str
    columns: dict[str, str]
    found: str  # the register's row of a staged row
    conflict: str
    fixed: dict[str, str] = field(default_factory=dict)  # of new rows only
    guard: str = "true"  # when a known row may be changed
    # Columns of which a staged row may say nothing, and when: a known row keeps them then.
    not_said: frozenset[str] = frozenset()
    silent: str = ""

    def said(self, name: str) -> str:
        """What a known row is to hold in a column."""
        if name not in self.not_said:
            return self.columns[name]
        return f"CASE WHEN {self.silent} THEN t.{name} ELSE {self.columns[name]} END"


COMPANIES = Tables(
    "targets_company", "company_id", STAGED_COMPANIES, COMPANY,
    "t.business_id = s.c_business_id", "business_id",
    {"business_id": "s.c_business_id"},
    # A mere mention never takes from the register, nor an older record from a newer one.
    "(s.c_full OR t.source = %(source)s)"
    " AND coalesce(s.said_at >= t.source_updated_at, true)",
)  # fmt: skip
SITES = Tables(
    "targets_site", "site_id", STAGED_SITES, SITE,
    "t.source = %(source)s AND t.source_key = s.key", "source, source_key",
    {"source": "%(source)s::text", "source_key": "s.key", "name_en": "''"},
    "coalesce(s.said_at >= t.source_updated_at, true)",
    # Rows of material that its owner keeps come without a state.
    frozenset({"staff_estimate", "status", "opened_on", "closed_on"}), "s.s_status = ''",
)  # fmt: skip


def _pairs(kind: Tables) -> str:
    """Known rows that the staged ones would change, with both states as JSON."""
    said = {name: kind.said(name) for name in kind.columns}
    new = ", ".join(f"{value} AS new_{name}" for name, value in said.items())
    old = ", ".join(f"'{name}', t.{name}" for name in kind.columns)
    after = ", ".join(f"'{name}', {value}" for name, value in said.items())
    differs = " OR ".join(f"t.{name} IS DISTINCT FROM {value}" for name, value in said.items())
    return f"""pairs AS MATERIALIZED (
    SELECT t.id, t.updated_at AS seen_at, s.line, s.said_at, {new},
           jsonb_build_object({old}) AS old, jsonb_build_object({after}) AS new
      FROM staged s
      JOIN LATERAL (SELECT * FROM {kind.table} t WHERE {kind.found} OFFSET 0) t ON true
     WHERE ({kind.guard}) AND ({differs}))"""


def _diffs(rows: str) -> str:
    """Of both states of ``rows`` only what differs."""
    return f"""diffs AS (
    SELECT p.id, p.line, p.said_at,
      (SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(p.old) o
        WHERE o.value IS DISTINCT FROM p.new -> o.key) AS old,
      (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(p.new) n
        WHERE n.value IS DISTINCT FROM p.old -> n.key) AS new
      FROM {rows} p)"""


def _insert(kind: Tables) -> str:
    columns = kind.columns | kind.fixed
    return f"""WITH {kind.staged},
    made AS (
      INSERT INTO {kind.table} (public_id, created_at, updated_at, {", ".join(columns)})
      SELECT gen_random_uuid(), %(now)s, %(now)s, {", ".join(columns.values())}
        FROM staged s
      ON CONFLICT ({kind.conflict}) DO NOTHING RETURNING id),
    noted AS (
      INSERT INTO targets_registerchange (run_id, {kind.column}, source, said_on, undo, at)
      SELECT %(run)s, m.id, %(source)s, NULL, false, %(now)s FROM made m)
    SELECT count(*) AS staged, (SELECT count(*) FROM made) AS made,
           (SELECT array_agg(m.id) FROM made m) AS ids
      FROM staged"""


def _update(kind: Tables) -> str:
    assigned = ", ".join(f"{name} = p.new_{name}" for name in kind.columns)
    return f"""WITH {kind.staged}, {_pairs(kind)},
    locked AS MATERIALIZED (
      SELECT t.id FROM {kind.table} t WHERE t.id = ANY (ARRAY(SELECT p.id FROM pairs p))
       ORDER BY t.id FOR UPDATE),
    changed AS (
      UPDATE {kind.table} t SET {assigned}, updated_at = %(now)s
        FROM pairs p JOIN locked l ON l.id = p.id
       -- What somebody else changed since it was looked at is looked at again (``_store``).
       -- With what the history needs: joined to the pairs again, each would be compared with all.
       WHERE t.id = p.id AND t.updated_at = p.seen_at
      RETURNING t.id, p.line, p.said_at, p.old, p.new),
    {_diffs("changed")},
    noted AS (
      INSERT INTO targets_registerchange
             (run_id, {kind.column}, old, new, source, said_on, undo, at)
      SELECT %(run)s, d.id, d.old, d.new, %(source)s, d.said_at, false, %(now)s
        FROM diffs d)
    SELECT (SELECT count(*) FROM pairs) AS found, count(*) AS changed, array_agg(c.id) AS ids
      FROM changed c"""


def _compare(kind: Tables) -> str:
    return f"""WITH {kind.staged}, {_pairs(kind)}, {_diffs("pairs")},
    known AS (
      SELECT count(*) AS n FROM staged s
        JOIN LATERAL (SELECT 1 FROM {kind.table} t WHERE {kind.found} OFFSET 0) t ON true)
    SELECT (SELECT count(*) FROM staged), (SELECT n FROM known), (SELECT count(*) FROM pairs),
           (SELECT jsonb_agg(x) FROM (
              SELECT d.line, d.id, d.old - 'raw' AS old, d.new - 'raw' AS new FROM diffs d
               ORDER BY d.line LIMIT 50) x),
           (SELECT jsonb_object_agg(f.key, f.n) FROM (
              SELECT o.key, count(*) AS n FROM diffs d, jsonb_object_keys(d.new) o(key)
               GROUP BY o.key) f)"""


INSERT = {"company": _insert(COMPANIES), "site": _insert(SITES)}
UPDATE = {"company": _update(COMPANIES), "site": _update(SITES)}
COMPARE = {"company": _compare(COMPANIES), "site": _compare(SITES)}

# Names, identifiers and register entries that hang on a company's own record.
HANGING = (
    f"""INSERT INTO targets_companyname
           (company_id, name, kind, language, valid_from, valid_to, source, known_from)
    SELECT DISTINCT ON (c.id, n.name, n.kind, n."from")
           c.id, n.name, n.kind, n.language, n."from", n."to", %(source)s, %(now)s
      FROM targets_importrow r
      JOIN LATERAL (SELECT t.id FROM targets_company t
                     WHERE t.business_id = r.c_business_id
                       AND coalesce(r.said_at >= t.source_updated_at, true) OFFSET 0) c ON true
      JOIN LATERAL jsonb_to_recordset(r.more -> 'names')
           AS n(name text, kind text, language text, "from" date, "to" date) ON true
     WHERE {LINES} AND r.more ? 'names'
     ORDER BY c.id, n.name, n.kind, n."from", r.line DESC
    ON CONFLICT (company_id, name, kind, valid_from)
    DO UPDATE SET valid_to = excluded.valid_to, language = excluded.language
     WHERE (targets_companyname.valid_to, targets_companyname.language)
        IS DISTINCT FROM (excluded.valid_to, excluded.language)""",
    f"""INSERT INTO targets_companyidentifier
           (company_id, scheme, country, value, source, known_from)
    SELECT c.id, i.scheme, i.country, i.value, %(source)s, %(now)s
      FROM targets_importrow r
      JOIN LATERAL (SELECT t.id FROM targets_company t
                     WHERE t.business_id = r.c_business_id OFFSET 0) c ON true
      JOIN LATERAL jsonb_to_recordset(r.more -> 'ids')
           AS i(scheme text, country text, value text) ON true
     WHERE {LINES} AND r.more ? 'ids'
     ORDER BY i.scheme, i.country, i.value
    ON CONFLICT DO NOTHING""",
    f"""INSERT INTO targets_companyregistration
           (company_id, register, entry, valid_from, valid_to, source, known_from)
    SELECT DISTINCT ON (c.id, e.register, e.entry, e."from")
           c.id, e.register, e.entry, e."from", e."to", %(source)s, %(now)s
      FROM targets_importrow r
      JOIN LATERAL (SELECT t.id FROM targets_company t
                     WHERE t.business_id = r.c_business_id
                       AND coalesce(r.said_at >= t.source_updated_at, true) OFFSET 0) c ON true
      JOIN LATERAL jsonb_to_recordset(r.more -> 'entries')
           AS e(register text, entry text, "from" date, "to" date) ON true
     WHERE {LINES} AND r.more ? 'entries'
     ORDER BY c.id, e.register, e.entry, e."from", r.line DESC
    ON CONFLICT (company_id, register, entry, valid_from)
    DO UPDATE SET valid_to = excluded.valid_to, end_known_from = excluded.known_from
     WHERE targets_companyregistration.valid_to IS DISTINCT FROM excluded.valid_to""",
)

# Who ran the sites when: a new company ends the turn of the one before. The first turn is not
# written with the site, which says it itself (``SiteOperator``), but when it ends.
OPERATORS = (
    """INSERT INTO targets_siteoperator
           (site_id, company_id, valid_from, valid_to, source, known_from)
    SELECT h.site_id, (h.old ->> 'company_id')::bigint,
           CASE WHEN d.opened <= %(today)s THEN d.opened END, %(today)s, %(source)s, %(now)s
      FROM unnest(%(changed)s) i(id)
      -- By the site alone: found by its run, each of these would look through the whole run.
      JOIN LATERAL (SELECT * FROM targets_registerchange c WHERE c.site_id = i.id OFFSET 0) h
        ON h.run_id = %(run)s AND h.at = %(now)s AND h.old ->> 'company_id' IS NOT NULL
      JOIN LATERAL (SELECT coalesce((h.old ->> 'opened_on')::date, t.opened_on) AS opened
                      FROM targets_site t WHERE t.id = i.id OFFSET 0) d ON true
     WHERE h.new ->> 'company_id' IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM targets_siteoperator o WHERE o.site_id = i.id)
    ON CONFLICT DO NOTHING""",
    """UPDATE targets_siteoperator o SET valid_to = %(today)s
      FROM (SELECT l.id FROM unnest(%(changed)s) i(id)
              JOIN LATERAL (SELECT * FROM targets_site t WHERE t.id = i.id OFFSET 0) s ON true
              JOIN LATERAL (SELECT q.id FROM targets_siteoperator q
                             WHERE q.site_id = s.id AND q.valid_to IS NULL
                               AND s.company_id IS NOT NULL AND q.company_id <> s.company_id
                               AND coalesce(q.valid_from <= %(today)s, true) OFFSET 0) l
                ON true) ended
     WHERE o.id = ended.id""",
    """INSERT INTO targets_siteoperator
           (site_id, company_id, valid_from, source, known_from)
    SELECT s.id, s.company_id,
           CASE WHEN EXISTS (SELECT 1 FROM targets_siteoperator o WHERE o.site_id = s.id)
                THEN %(today)s ELSE s.opened_on END, %(source)s, %(now)s
      FROM unnest(%(changed)s) i(id)
      JOIN LATERAL (SELECT * FROM targets_site t WHERE t.id = i.id OFFSET 0) s ON true
     WHERE s.company_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM targets_siteoperator o
                        WHERE o.site_id = s.id AND o.company_id = s.company_id
                          AND o.valid_to IS NULL)
    ON CONFLICT DO NOTHING""",
)


ENDED = "'valid_to', {table}.valid_to"


def said_over(table: str, said: str = ENDED, run: str = "%(run)s") -> str:
    """Assignments that keep, for undo, what a row said before and by which run.

    ``said``: names and values of what is kept. What one run changes twice goes back to where it
    stood before the run.
    """
    return f"""run_id = {run},
             previous = {table}.previous || CASE WHEN {table}.run_id IS NOT DISTINCT FROM {run}
               THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
                 'run', {table}.run_id, {said.format(table=table)})) END"""


@dataclass
class Merged:
    """What one step did: numbers of rows, and the sites and companies it touched."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    sites: list[int] = field(default_factory=list)
    companies: list[int] = field(default_factory=list)


def one(sql: str, params: dict[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row = cursor.fetchone()
    assert row is not None
    return tuple(row)


def run(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def _store(name: str, params: dict[str, Any]) -> tuple[int, list[int], list[int]]:
    """Number of staged rows, and the ids of those made and of those changed."""
    staged, made, ids = one(INSERT[name], params)
    changed: list[int] = []
    found = int(made < staged)
    while found:
        found, now_changed, others = one(UPDATE[name], params)
        found -= now_changed
        changed += others or []
    return staged, list(ids or []), changed


def merge_register(params: dict[str, Any]) -> Merged:
    """Companies, then the sites they run, then what hangs on them; two to ten statements.

    ``params``: run, source, low, high (lines), now, today. Counted are sites, and companies that
    have no site in the file.
    """
    merged = Merged()
    companies, alone = one(
        "SELECT count(*) FILTER (WHERE r.c_business_id <> '' AND r.c_name <> ''),"
        f" count(*) FILTER (WHERE r.key = '') FROM targets_importrow r WHERE {LINES}", params,
    )  # fmt: skip
    if companies:
        _staged, made, changed = _store("company", params)
        merged.companies = [*made, *changed]
        if alone:
            _count_alone(merged, params)
        for statement in HANGING:
            run(statement, params)
    staged, made, changed = _store("site", params)
    merged.sites = [*made, *changed]
    merged.created += len(made)
    merged.updated += len(changed)
    merged.unchanged += staged - len(made) - len(changed)
    if changed:
        for statement in OPERATORS:
            run(statement, params | {"changed": changed})
    return merged


def _count_alone(merged: Merged, params: dict[str, Any]) -> None:
    """Companies without a site in this chunk, by what became of them.

    By the changes of each: through those of the run every company would read all of them.
    """
    row = one(
        f"""SELECT count(*), count(*) FILTER (WHERE h.made), count(*) FILTER (WHERE NOT h.made)
          FROM (SELECT DISTINCT r.c_business_id FROM targets_importrow r
                 WHERE {LINES} AND r.key = '') r
          JOIN LATERAL (SELECT t.id FROM targets_company t
                         WHERE t.business_id = r.c_business_id OFFSET 0) c ON true
          LEFT JOIN LATERAL (
            SELECT h.old IS NULL AS made FROM (
              SELECT * FROM targets_registerchange WHERE company_id = c.id OFFSET 0) h
             WHERE h.run_id = %(run)s AND h.at = %(now)s LIMIT 1) h ON true""",
        params,
    )
    merged.created += row[1]
    merged.updated += row[2]
    merged.unchanged += row[0] - row[1] - row[2]


def compare_register(params: dict[str, Any]) -> dict[str, Any]:
    """What ``merge_register`` would do with these lines, without doing it.

    Returns ``{"company": {...}, "site": {...}}`` with new, changed, unchanged, fields (column →
    number of rows) and up to 50 examples (line, id, old, new).
    """
    result = {}
    for name, sql in COMPARE.items():
        staged, known, changed, examples, fields = one(sql, params)
        result[name] = {
            "new": staged - known, "changed": changed, "unchanged": known - changed,
            "fields": json.loads(fields or "{}"), "examples": json.loads(examples or "[]"),
        }  # fmt: skip
    return result
