"""What the SQL of every source shares: the statement as it grows, the sites as known then.

Sums of decayed rows are kept in millionths as whole numbers, so that the order in which the
database meets the rows changes nothing.
"""

from dataclasses import dataclass, field
from typing import Any

from risk.engine.asked import Asked

# Age in days and half-life in days to a weight in millionths; the same as ``points.factor``.
WEIGHT = "round(power(0.5::float8, ({age})::float8 / {half}) * 1e6)::bigint"
SITE_COLUMNS = {
    "company_id": "bigint", "industry_id": "bigint", "municipality_id": "bigint",
    "staff_estimate": "integer", "opened_on": "date", "closed_on": "date", "postal_code": "text",
}  # fmt: skip
COMPANY_COLUMNS = {"status": "text", "registered_on": "date", "industry_id": "bigint"}


@dataclass
class Made:
    """One indicator in the statement: its own table (if ``join``) and the three columns."""

    sql: str = ""
    number: str = "NULL::float8"
    text: str = "NULL::text"
    on: str = "NULL::date"
    join: bool = True


@dataclass
class Build:
    """A statement as it grows: parameters, tables of the indicators, and what they share."""

    asked: Asked
    params: dict[str, Any] = field(default_factory=dict)
    ctes: list[tuple[str, str]] = field(default_factory=list)

    def add(self, prefix: str, name: str, value: Any) -> str:
        """Add a parameter and return its placeholder."""
        self.params[f"{prefix}_{name}"] = value
        return f"%({prefix}_{name})s"

    def shared(self) -> list[str]:
        """Sites and their companies as they were known then (``base``, ``others``)."""
        if not self.asked.past:
            return [_BASE_NOW, _OTHERS_NOW]
        found = [_LATER_SITES, _LATER_COMPANIES, _base_then()]
        return [*found, *([_OTHERS_NOW] if self.asked.pairs is not None else [_OTHERS_THEN])]


_BASE = """base AS MATERIALIZED (
    SELECT s.*, c.{c_status} AS status, c.{c_reg} AS registered_on, i.code AS industry,
           left(i.code, 2) AS division
      FROM {site} s LEFT JOIN {company} c ON c.id = s.company_id
      LEFT JOIN targets_industry i ON i.id = coalesce(s.industry_id, c.industry_id))"""
_COLUMNS = ", ".join(f"s.{name}" for name in SITE_COLUMNS)
_BASE_NOW = f"""base AS MATERIALIZED (
    SELECT a.n, a.site_id, a.day, a.known, {_COLUMNS}, c.status, c.registered_on,
           i.code AS industry, left(i.code, 2) AS division
      FROM asked a JOIN targets_site s ON s.id = a.site_id
      LEFT JOIN targets_company c ON c.id = s.company_id
      LEFT JOIN targets_industry i ON i.id = coalesce(s.industry_id, c.industry_id))"""
_OTHERS_NOW = """others AS (
    SELECT s.id, s.company_id, s.municipality_id, nullif(s.postal_code, '') AS postal_code,
           left(i.code, 2) AS division, s.created_at, s.opened_on
      FROM targets_site s LEFT JOIN targets_company c ON c.id = s.company_id
      LEFT JOIN targets_industry i ON i.id = coalesce(s.industry_id, c.industry_id)
     WHERE s.merged_into_id IS NULL)"""


def _first_old(columns: dict[str, str], key: str) -> str:
    """Of the changes after a moment, the oldest old value of each column, as one JSON object."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""SELECT n, jsonb_object_agg(key, value) AS was FROM (
      SELECT DISTINCT ON (a.n, e.key) a.n, e.key, e.value
        FROM {{rows}} a JOIN targets_registerchange c ON c.{key} = a.{key} AND c.at > a.known
       CROSS JOIN LATERAL jsonb_each(c.old) e
       WHERE c.old IS NOT NULL AND e.key IN ({names})
       ORDER BY a.n, e.key, c.at, c.id) x GROUP BY n"""


def _then(columns: dict[str, str], table: str, was: str) -> dict[str, str]:
    return {
        name: f"CASE WHEN {was} ? '{name}' THEN ({was} ->> '{name}')::{kind}"
        f" ELSE {table}.{name} END"
        for name, kind in columns.items()
    }


_THEN_SITE = _then(SITE_COLUMNS, "s", "w.was")
_THEN_COMPANY = _then(COMPANY_COLUMNS, "c", "k.was")
_LATER_SITES = f"""later_sites AS ({_first_old(SITE_COLUMNS, "site_id").format(rows="asked")}),
  sites_then AS MATERIALIZED (
    SELECT a.n, a.site_id, a.day, a.known,
           {", ".join(f"{sql} AS {name}" for name, sql in _THEN_SITE.items())}
      FROM asked a JOIN targets_site s ON s.id = a.site_id LEFT JOIN later_sites w ON w.n = a.n)"""
_LATER_COMPANIES = f"""later_companies AS (
    {_first_old(COMPANY_COLUMNS, "company_id").format(rows="sites_then")})"""


def _base_then() -> str:
    company = _THEN_COMPANY
    return f"""base AS MATERIALIZED (
    SELECT s.*, {company["status"]} AS status, {company["registered_on"]} AS registered_on,
           i.code AS industry, left(i.code, 2) AS division
      FROM sites_then s LEFT JOIN targets_company c ON c.id = s.company_id
      LEFT JOIN later_companies k ON k.n = s.n
      LEFT JOIN targets_industry i ON i.id = coalesce(s.industry_id, {company["industry_id"]}))"""


# The other sites at one moment of the past: most have not changed since and are read as they are,
# so that an index leads to those of one place.
_OTHERS_THEN = f"""others_later AS MATERIALIZED (
    SELECT site_id, jsonb_object_agg(key, value) AS was FROM (
      SELECT DISTINCT ON (c.site_id, e.key) c.site_id, e.key, e.value
        FROM targets_registerchange c CROSS JOIN LATERAL jsonb_each(c.old) e
       WHERE c.site_id IS NOT NULL AND c.at > %(known)s AND c.old IS NOT NULL
         AND e.key IN ({", ".join(f"'{name}'" for name in SITE_COLUMNS)})
       ORDER BY c.site_id, e.key, c.at, c.id) x GROUP BY site_id),
  industries_later AS MATERIALIZED (
    SELECT DISTINCT ON (c.company_id) c.company_id, (c.old ->> 'industry_id')::bigint AS industry_id
      FROM targets_registerchange c
     WHERE c.company_id IS NOT NULL AND c.at > %(known)s AND jsonb_exists(c.old, 'industry_id')
     ORDER BY c.company_id, c.at, c.id),
  others AS (
    SELECT x.id, x.company_id, x.municipality_id, nullif(x.postal_code, '') AS postal_code,
           left(i.code, 2) AS division, x.created_at FROM (
      SELECT s.id, s.created_at, s.company_id, s.municipality_id, s.industry_id, s.postal_code
        FROM targets_site s WHERE s.merged_into_id IS NULL AND s.created_at <= %(known)s
         AND s.id <> ALL (ARRAY(SELECT w.site_id FROM others_later w))
      UNION ALL
      SELECT s.id, s.created_at, {_THEN_SITE["company_id"]}, {_THEN_SITE["municipality_id"]},
             {_THEN_SITE["industry_id"]}, {_THEN_SITE["postal_code"]}
        FROM others_later w JOIN targets_site s ON s.id = w.site_id
       WHERE s.merged_into_id IS NULL AND s.created_at <= %(known)s) x
      LEFT JOIN targets_company c ON c.id = x.company_id
      LEFT JOIN industries_later k ON k.company_id = x.company_id
      LEFT JOIN targets_industry i ON i.id = coalesce(x.industry_id,
           CASE WHEN k.company_id IS NULL THEN c.industry_id ELSE k.industry_id END))"""


def owned(
    table: str, owner: int | None, build: Build, p: str, *, own: bool = False, shared: str = ""
) -> str:
    """Which rows with ``authority_id`` and ``shared`` (or what ``shared`` says) may be read."""
    shared = shared or f"{table}.shared"
    if owner is None:
        return "false" if own else shared
    mine = f"{table}.authority_id = {build.add(p, 'owner', owner)}"
    return mine if own else f"({mine} OR {shared})"


def about(definition: dict[str, Any], table: str) -> str:
    """Asked rows with the rows of ``table`` (a sub-select) about the site, its company, or both."""
    wanted = definition.get("about", "either")
    by_site = f"SELECT b.n, b.day, b.known, r.* FROM base b JOIN {table} r ON r.site_id = b.site_id"
    by_company = (
        f"SELECT b.n, b.day, b.known, r.* FROM base b JOIN {table} r ON r.company_id = b.company_id"
    )
    parts = {"site": [by_site], "company": [by_company]}.get(wanted, [by_site, by_company])
    return " UNION ALL ".join(parts)


# What the row ``t`` of a table with ``previous`` said at a moment: a later import may have said it
# over. ``previous`` holds what it said before, in order; an entry held until the import that came
# next had ended, or, where Tarkka itself recorded a result again, until its ``until``.
_SAID_THEN = """CASE WHEN {t}.previous = '[]' THEN {t}.{what} ELSE (
      SELECT q.said FROM (
        SELECT p.said, p.nth FROM (
          SELECT {member} AS said, p.nth, (p.said ->> 'until')::timestamptz AS until, coalesce(
                 ({t}.previous -> (p.nth::int) ->> 'run')::bigint, {t}.run_id) AS run
            FROM jsonb_array_elements({t}.previous) WITH ORDINALITY AS p(said, nth)
           WHERE jsonb_exists(p.said, '{what}')) p
          LEFT JOIN targets_importrun r ON r.id = p.run
         WHERE coalesce(p.until, r.finished_at, r.created_at) > {known}
        UNION ALL SELECT {t}.{what}, jsonb_array_length({t}.previous) + 1) q
       ORDER BY q.nth LIMIT 1) END"""


def said_then(table: str, what: str, known: str, kind: str = "text") -> str:
    """What a column of a visit or link said at the moment ``known`` (a column of the rows asked)."""
    member = f"p.said -> '{what}'" if kind == "jsonb" else f"(p.said ->> '{what}')::{kind}"
    return _SAID_THEN.format(t=table, what=what, member=member, known=known)


def within(column: str, build: Build, p: str, definition: dict[str, Any]) -> str:
    days = definition.get("within_days")
    return f" AND {column} > x.day - {build.add(p, 'within', days)}::int" if days else ""


def dated(
    build: Build, p: str, definition: dict[str, Any], rows: str, on: str, where: str,
    counts: str = "true",
) -> Made:  # fmt: skip
    """Count, days since or decayed sum of dated rows; ``counts`` narrows what is counted."""
    measure = definition["measure"]
    if measure == "days_since":
        value, default = f"min(x.day - {on})::float8", None
    elif measure == "count":
        value, default = "count(*)::float8", "0"
    else:
        half = build.add(p, "half", definition["half_life_days"])
        weight = WEIGHT.format(age=f"x.day - {on}", half=half)
        value, default = f"sum({weight})::float8 / 1e6", "0"
    sql = (
        f"SELECT x.n, {value} AS v, max({on}) AS d FROM ({rows}) x"
        f" WHERE {where} AND {counts} GROUP BY x.n"
    )
    number = f"{p}.v" if default is None else f"coalesce({p}.v, {default})"
    return Made(sql, number=number, on=f"{p}.d")
