"""The SQL of each source: from a checked definition to a table of values.

Sums of decayed rows are kept in millionths as whole numbers, so that the order in which the
database meets the rows changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from risk.engine.asked import Asked
from risk.engine.definitions import FOUND
from risk.models.indicators import Source
from targets.models import VisitOutcome

# Age in days and half-life in days to a weight in millionths; the same as ``points.factor``.
WEIGHT = "round(power(0.5::float8, ({age})::float8 / {half}) * 1e6)::bigint"
SITE_COLUMNS = {
    "company_id": "bigint", "industry_id": "bigint", "municipality_id": "bigint",
    "staff_estimate": "integer", "opened_on": "date", "closed_on": "date",
}  # fmt: skip
COMPANY_COLUMNS = {"status": "text", "registered_on": "date", "industry_id": "bigint"}
VISIT_DONE = [o.value for o in VisitOutcome if o != VisitOutcome.NOT_POSSIBLE]


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
    SELECT s.id, s.company_id, s.municipality_id, left(i.code, 2) AS division, s.created_at
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
# so that an index leads to those of one place. Their companies' industries are those of today.
_OTHERS_THEN = f"""others_later AS MATERIALIZED (
    SELECT site_id, jsonb_object_agg(key, value) AS was FROM (
      SELECT DISTINCT ON (c.site_id, e.key) c.site_id, e.key, e.value
        FROM targets_registerchange c CROSS JOIN LATERAL jsonb_each(c.old) e
       WHERE c.site_id IS NOT NULL AND c.at > %(known)s AND c.old IS NOT NULL
         AND e.key IN ({", ".join(f"'{name}'" for name in SITE_COLUMNS)})
       ORDER BY c.site_id, e.key, c.at, c.id) x GROUP BY site_id),
  others AS (
    SELECT x.id, x.company_id, x.municipality_id, left(i.code, 2) AS division, x.created_at FROM (
      SELECT s.id, s.created_at, s.company_id, s.municipality_id, s.industry_id
        FROM targets_site s WHERE s.merged_into_id IS NULL AND s.created_at <= %(known)s
         AND s.id <> ALL (ARRAY(SELECT w.site_id FROM others_later w))
      UNION ALL
      SELECT s.id, s.created_at, {_THEN_SITE["company_id"]}, {_THEN_SITE["municipality_id"]},
             {_THEN_SITE["industry_id"]}
        FROM others_later w JOIN targets_site s ON s.id = w.site_id
       WHERE s.merged_into_id IS NULL AND s.created_at <= %(known)s) x
      LEFT JOIN targets_company c ON c.id = x.company_id
      LEFT JOIN targets_industry i ON i.id = coalesce(x.industry_id, c.industry_id))"""


def owned(table: str, owner: int | None, build: Build, p: str, *, own: bool = False) -> str:
    """Which rows with ``authority_id`` and ``shared`` may be read."""
    if owner is None:
        return "false" if own else f"{table}.shared"
    mine = f"{table}.authority_id = {build.add(p, 'owner', owner)}"
    return mine if own else f"({mine} OR {table}.shared)"


def about(definition: dict[str, Any], table: str) -> str:
    """Asked rows with the rows of ``table`` (a sub-select) about the site, its company, or both."""
    wanted = definition.get("about", "either")
    by_site = f"SELECT b.n, b.day, b.known, r.* FROM base b JOIN {table} r ON r.site_id = b.site_id"
    by_company = (
        f"SELECT b.n, b.day, b.known, r.* FROM base b JOIN {table} r ON r.company_id = b.company_id"
    )
    parts = {"site": [by_site], "company": [by_company]}.get(wanted, [by_site, by_company])
    return " UNION ALL ".join(parts)


def _within(column: str, build: Build, p: str, definition: dict[str, Any]) -> str:
    days = definition.get("within_days")
    return f" AND {column} > x.day - {build.add(p, 'within', days)}::int" if days else ""


# ------------------------------------------------------------------------------- signals
def signals(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Only the owner's own signals; nothing that was given to it, nothing of a shared indicator."""
    where = ["false" if owner is None else f"s.authority_id = {build.add(p, 'owner', owner)}"]
    if definition.get("kinds"):
        where.append(f"s.kind = ANY ({build.add(p, 'kinds', list(definition['kinds']))}::text[])")
    if definition.get("reliability"):
        where.append(f"s.reliability <= {build.add(p, 'reliability', definition['reliability'])}")
    if definition.get("accuracy"):
        where.append(f"s.accuracy <= {build.add(p, 'accuracy', definition['accuracy'])}")
    rows = (
        "(SELECT s.site_id, s.company_id, s.observed_on, s.created_at, s.expires_on"
        f" FROM targets_signal s WHERE {' AND '.join(where)})"
    )
    known = (
        "x.created_at <= x.known AND x.observed_on <= x.day AND x.expires_on >= x.day"
        + _within("x.observed_on", build, p, definition)
    )
    return _dated(build, p, definition, about(definition, rows), "x.observed_on", known)


def _dated(
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


# ------------------------------------------------------------------------------- facts
def facts(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    measure = definition["measure"]
    rows = _facts(build, p, definition["kind"], owner)
    joined = about(definition, rows)
    known = (
        "x.known_from <= x.known AND (x.known_to IS NULL OR x.known_to > x.known)"
        " AND (x.valid_from IS NULL OR x.valid_from <= x.day)"
    )
    if measure in ("count", "exists"):
        if definition.get("within_days"):
            known += _within("coalesce(x.valid_from, x.known_from::date)", build, p, definition)
        if measure == "exists":
            known += " AND (x.valid_to IS NULL OR x.valid_to >= x.day)"
        value = "count(*)::float8" if measure == "count" else "1::float8"
        sql = (
            f"SELECT x.n, {value} AS v, max(coalesce(x.valid_from, x.known_from::date)) AS d"
            f" FROM ({joined}) x WHERE {known} GROUP BY x.n"
        )
        return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")
    known += " AND (x.valid_to IS NULL OR x.valid_to >= x.day)"
    name = build.add(p, "field", definition.get("field"))
    latest = _latest(joined, known, name)
    if measure == "last":
        return Made(latest, number=f"{p}.v", text=f"{p}.t", on=f"{p}.d")
    if measure == "in":
        among = build.add(p, "among", list(definition["among"]))
        return Made(
            f"SELECT l.n, (l.said = ANY ({among}::text[]))::int::float8 AS v, l.d"
            f" FROM ({latest}) l WHERE l.said IS NOT NULL",
            number=f"{p}.v", on=f"{p}.d",
        )  # fmt: skip
    if definition["per"] == "staff":
        sql = (
            f"SELECT l.n, l.v / b.staff_estimate AS v, l.d FROM ({latest}) l"
            " JOIN base b ON b.n = l.n WHERE b.staff_estimate > 0 AND l.v IS NOT NULL"
        )
        return Made(sql, number=f"{p}.v", on=f"{p}.d")
    other = _facts(build, f"{p}b", definition.get("per_kind") or definition["kind"], owner)
    second = _latest(about(definition, other), known, build.add(p, "per", definition["per_field"]))
    sql = (
        f"SELECT l.n, l.v / m.v AS v, greatest(l.d, m.d) AS d FROM ({latest}) l"
        f" JOIN ({second}) m ON m.n = l.n WHERE m.v <> 0 AND l.v IS NOT NULL"
    )
    return Made(sql, number=f"{p}.v", on=f"{p}.d")


def _facts(build: Build, p: str, kind: str, owner: int | None) -> str:
    return (
        "(SELECT f.id, f.site_id, f.company_id, f.value, f.valid_from, f.valid_to, f.known_from,"
        f" f.known_to FROM targets_fact f WHERE f.kind = {build.add(p, 'kind', kind)}"
        f" AND {owned('f', owner, build, p)})"
    )


def _latest(joined: str, known: str, name: str) -> str:
    """The latest fact in force that has the field: as a number, as a text, and as it was said."""
    return f"""SELECT DISTINCT ON (x.n) x.n,
      CASE WHEN jsonb_typeof(x.value -> {name}) = 'number'
           THEN (x.value ->> {name})::float8 END AS v,
      CASE WHEN jsonb_typeof(x.value -> {name}) <> 'number' THEN x.value ->> {name} END AS t,
      x.value ->> {name} AS said, coalesce(x.valid_from, x.known_from::date) AS d
      FROM ({joined}) x WHERE {known} AND jsonb_exists(x.value, {name})
     ORDER BY x.n, x.valid_from DESC NULLS LAST, x.known_from DESC, x.id DESC"""


# ------------------------------------------------------------------------------- register
def register(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """What the public register says; open to all."""
    measure = definition["measure"]
    simple = {
        "company_age": Made(
            number="greatest(b.day - b.registered_on, 0)::float8 / 365.25", on="b.registered_on"
        ),
        "site_age": Made(
            number="greatest(b.day - b.opened_on, 0)::float8 / 365.25", on="b.opened_on"
        ),
        "staff": Made(number="b.staff_estimate::float8"),
        "status": Made(text="nullif(b.status, 'unknown')"),
    }
    if measure in simple:
        made = simple[measure]
        made.join = False
        if measure.endswith("_age"):  # an age is of the day itself and does not decay
            made.on = "NULL::date"
        return made
    if measure == "industry":
        digits = build.add(p, "digits", definition.get("digits", 2))
        return Made(text=f"left(b.industry, {digits}::int)", join=False)
    if measure == "industry_in":
        codes = build.add(p, "codes", [_beginning(code) for code in definition["codes"]])
        return Made(number=f"(b.industry LIKE ANY ({codes}::text[]))::int::float8", join=False)
    if measure == "status_in":
        among = build.add(p, "among", list(definition["statuses"]))
        return Made(
            number=f"(nullif(b.status, 'unknown') = ANY ({among}::text[]))::int::float8",
            join=False,
        )
    return _register_rows(build, p, definition)


def _beginning(code: str) -> str:
    """A pattern of LIKE for what begins with these very characters."""
    for sign in ("\\", "%", "_"):
        code = code.replace(sign, f"\\{sign}")
    return f"{code}%"


def _register_rows(build: Build, p: str, definition: dict[str, Any]) -> Made:
    measure = definition["measure"]
    if measure == "struck":
        registers = build.add(p, "registers", list(definition["registers"]))
        within = _within("max(x.valid_to)", build, p, definition)
        sql = f"""SELECT n, count(*) FILTER (WHERE ended)::float8 AS v,
               max(last) FILTER (WHERE ended) AS d FROM (
          SELECT x.n, x.register, max(x.valid_to) AS last, NOT bool_or(x.valid_to IS NULL
                 OR x.valid_to > x.day){within} AS ended
            FROM (SELECT b.n, b.day, r.register, r.valid_to, r.valid_from FROM base b
                    JOIN targets_companyregistration r ON r.company_id = b.company_id
                   WHERE r.register = ANY ({registers}::text[])
                     AND (r.valid_from IS NULL OR r.valid_from <= b.day)) x
           GROUP BY x.n, x.day, x.register) y GROUP BY n"""
        return Made(sql, number=f"{p}.v", on=f"{p}.d")
    if measure == "sites":
        sql = """SELECT b.n, count(*)::float8 AS v FROM base b
          JOIN others o ON o.company_id = b.company_id AND o.created_at <= b.known GROUP BY b.n"""
        if build.asked.pairs is not None:
            sql = sql.replace(" AND o.created_at <= b.known", "")
        return Made(sql, number=f"{p}.v")
    days = build.add(p, "within", definition["within_days"])
    if measure == "name_changes":
        sql = f"""SELECT b.n, count(*)::float8 AS v, max(m.valid_from) AS d FROM base b
          JOIN targets_companyname m ON m.company_id = b.company_id AND m.kind = 'trade'
         WHERE m.valid_from <= b.day AND m.valid_from > b.day - {days}::int
           AND EXISTS (SELECT 1 FROM targets_companyname e WHERE e.company_id = m.company_id
                          AND e.kind = 'trade' AND e.valid_from < m.valid_from)
         GROUP BY b.n"""
    else:
        sql = f"""SELECT b.n, count(*)::float8 AS v, max(m.valid_from) AS d FROM base b
          JOIN targets_siteoperator m ON m.site_id = b.site_id
         WHERE m.valid_from <= b.day AND m.valid_from > b.day - {days}::int
           AND EXISTS (SELECT 1 FROM targets_siteoperator e WHERE e.site_id = m.site_id
                          AND e.id <> m.id AND coalesce(e.valid_from < m.valid_from, true))
         GROUP BY b.n"""
    return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")


# ------------------------------------------------------------------------------- visits
# What a visit said at a moment: a later import may have said it over. ``previous`` holds what it
# said before, in order; an entry held until the import that came next had ended.
OUTCOME_THEN = """CASE WHEN v.previous = '[]' THEN v.outcome ELSE coalesce((
      SELECT p.said ->> 'outcome' FROM jsonb_array_elements(v.previous)
             WITH ORDINALITY AS p(said, nth)
        LEFT JOIN targets_importrun r ON r.id = coalesce(
             (v.previous -> (p.nth::int) ->> 'run')::bigint, v.run_id)
       WHERE coalesce(r.finished_at, r.created_at) > {known} ORDER BY p.nth LIMIT 1),
      v.outcome) END"""


def visits(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Visits made before the day, of what was known of them."""
    measure = definition["measure"]
    allowed = owned("v", owner, build, p, own=definition.get("whose") == "own")
    if measure == "neighbours":
        return _neighbours(build, p, definition, allowed)
    outcome = OUTCOME_THEN.format(known="b.known") if build.asked.past else "v.outcome"
    rows = (
        f'SELECT b.n, b.day, b.known, v.id, v."on", {outcome} AS outcome FROM base b'
        f" JOIN targets_pastvisit v ON v.site_id = b.site_id WHERE {allowed}"
        f' AND v."on" < b.day AND {_visit_known(build, "b.known", "b.day")}'
    )
    where = "true" + _within('x."on"', build, p, definition)
    if measure in ("days_since", "count", "decayed"):
        usual = list(FOUND) if measure == "decayed" else [o.value for o in VisitOutcome]
        outcomes = build.add(p, "outcomes", definition.get("outcomes") or usual)
        counts = f"x.outcome = ANY ({outcomes}::text[])"
        return _dated(build, p, definition, rows, 'x."on"', where, counts)
    done = build.add(p, "done", VISIT_DONE)
    where += f" AND x.outcome = ANY ({done}::text[])"
    if measure == "level":
        sql = (
            f"SELECT DISTINCT ON (x.n) x.n, (array_position({done}::text[], x.outcome::text) - 1)"
            f'::float8 AS v, x."on" AS d FROM ({rows}) x WHERE {where}'
            ' ORDER BY x.n, x."on" DESC, x.id DESC'
        )
        return Made(sql, number=f"{p}.v", on=f"{p}.d")
    found = build.add(p, "outcomes", definition.get("outcomes") or list(FOUND))
    half = build.add(p, "half", definition["half_life_days"])
    weight = WEIGHT.format(age='x.day - x."on"', half=half)
    sql = (
        f"SELECT x.n, 100.0::float8 * coalesce(sum({weight}) FILTER"
        f" (WHERE x.outcome = ANY ({found}::text[])), 0)::float8 / nullif(sum({weight}), 0)::float8"
        f' AS v, max(x."on") AS d FROM ({rows}) x WHERE {where} GROUP BY x.n'
    )
    return Made(sql, number=f"{p}.v", on=f"{p}.d")


def _visit_known(build: Build, known: str, day: str) -> str:
    if not build.asked.past:
        return "true"
    late = f' OR v."on" + %(lag)s::int <= {day}' if build.asked.late else ""
    return f"(v.known_from <= {known}{late})"


def _neighbours(build: Build, p: str, definition: dict[str, Any], allowed: str) -> Made:
    """Share of visits with findings at other sites of the same place or industry.

    Counted once for each place and day, then the site's own visits are taken out again.
    """
    near = {
        "municipality": ("municipality_id",), "industry": ("division",),
        "both": ("municipality_id", "division"),
    }[definition["near"]]  # fmt: skip
    cell = ", ".join(f"v.{name}" for name in near)
    to_cell = " AND ".join(f"t.{name} = b.{name}" for name in near)
    days = build.add(p, "within", definition["within_days"])
    found = build.add(p, "outcomes", definition.get("outcomes") or list(FOUND))
    least = build.add(p, "least", definition.get("least", 5))
    done = build.add(p, "done", VISIT_DONE)
    outcome = OUTCOME_THEN.format(known="v.known") if build.asked.past else "v.outcome"
    build.ctes.append((f"{p}_near", _near(build, near, allowed, days)))
    build.ctes.append(
        (
            f"{p}_visits",
            f"""
    SELECT {cell}, v.day, v.known, v.site_id, count(*) AS visits,
           count(*) FILTER (WHERE v.outcome = ANY ({found}::text[])) AS found
      FROM (SELECT {cell}, v.day, v.known, v.site_id, {outcome} AS outcome FROM {p}_near v
             WHERE v."on" < v.day AND v."on" >= v.day - {days}::int
               AND {_visit_known(build, "v.known", "v.day")}) v
     WHERE v.outcome = ANY ({done}::text[]) GROUP BY {cell}, v.day, v.known, v.site_id""",
        )
    )
    build.ctes.append(
        (
            f"{p}_cells",
            f"""
    SELECT {cell}, v.day, v.known, sum(v.visits) AS visits, sum(v.found) AS found
      FROM {p}_visits v GROUP BY {cell}, v.day, v.known""",
        )
    )
    # Added up and not joined to each other: the planner takes such a join for one row and loops.
    same_day = "{0}.day = b.day AND {0}.known = b.known"
    sql = f"""SELECT n, 100.0::float8 * sum(found)::float8 / sum(visits)::float8 AS v FROM (
      SELECT b.n, t.found, t.visits FROM base b
        JOIN {p}_cells t ON {to_cell} AND {same_day.format("t")}
      UNION ALL
      SELECT b.n, -t.found, -t.visits FROM base b
        JOIN {p}_visits t ON t.site_id = b.site_id AND {to_cell} AND {same_day.format("t")}) x
     GROUP BY n HAVING sum(visits) >= greatest({least}::int, 1)"""
    return Made(sql, number=f"{p}.v")


FEW = 50  # so many sites are looked around one by one, for more the whole register is read once


def _near(build: Build, near: tuple[str, ...], allowed: str, days: str) -> str:
    """Visits with the place or industry of their site, and the days they are asked about for."""
    asked = build.asked
    listed = ", ".join(f"o.{name}" for name in near)
    filled = " AND ".join(f"o.{name} IS NOT NULL" for name in near)
    visit = 'v.site_id, v."on", v.outcome, v.previous, v.run_id, v.known_from'
    same = " AND ".join(f"c.{name} = o.{name}" for name in near)
    cells = f"(SELECT DISTINCT {', '.join(near)}, day, known FROM base)"
    few = asked.sites is not None and len(asked.sites) <= FEW
    if few:
        return f"""
    SELECT {listed}, c.day, c.known, {visit} FROM {cells} c JOIN others o ON {same}
      JOIN targets_pastvisit v ON v.site_id = o.id WHERE {allowed}"""
    if asked.pairs is None:
        return f"""
    SELECT {listed}, %(day)s::date AS day, %(known)s::timestamptz AS known, {visit}
      FROM others o JOIN targets_pastvisit v ON v.site_id = o.id
     WHERE {allowed} AND {filled} AND v."on" < %(day)s AND v."on" >= %(day)s - {days}::int"""
    # In two steps, so that visits and days meet by the place and not one with each.
    return f"""
    WITH placed AS MATERIALIZED (
      SELECT {listed}, {visit} FROM others o JOIN targets_pastvisit v ON v.site_id = o.id
       WHERE {allowed} AND {filled}),
    cells AS MATERIALIZED {cells}
    SELECT o.*, c.day, c.known FROM placed o JOIN cells c ON {same}
     WHERE o."on" < c.day AND o."on" >= c.day - {days}::int"""


# ------------------------------------------------------------------------------- links
def links(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Links of open registers, and the owner's own."""
    mine = f" OR l.authority_id = {build.add(p, 'owner', owner)}" if owner is not None else ""
    allowed = f"(l.authority_id IS NULL{mine})"
    in_force = (
        f"{allowed} AND l.created_at <= {{b}}.known AND coalesce(l.valid_from <= {{b}}.day, true)"
        " AND coalesce(l.valid_to >= {b}.day, true)"
    )
    measure = definition["measure"]
    if measure == "successor":
        within = ""
        if definition.get("within_days"):
            days = build.add(p, "within", definition["within_days"])
            within = f" AND coalesce(h.ended_on, h.created_at::date) > b.day - {days}::int"
        sql = f"""SELECT b.n, count(*)::float8 AS v,
               max(coalesce(h.started_on, h.ended_on, h.created_at::date)) AS d FROM base b
          JOIN targets_successorhint h ON h.new_id = b.company_id
         WHERE h.created_at <= b.known AND coalesce(h.ended_on <= b.day, true){within}
           AND NOT (h.state = 'dismissed' AND h.decided_at <= b.known) GROUP BY b.n"""
        return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")
    if measure == "contractors":
        return _chain(build, p, definition, in_force)
    kind, to_company = {
        "employers": ("works_at", False), "lodges": ("lodges", False), "staffed_by": ("staffs", True),
    }[measure]  # fmt: skip
    kind = build.add(p, "kind", kind)
    to = "(l.to_site_id = b.site_id OR l.to_company_id = b.company_id)"
    join = to if to_company else "l.to_site_id = b.site_id"
    parts = [
        "SELECT b.n, l.from_company_id, coalesce(l.valid_from, l.created_at::date) AS d FROM base b"
        f" JOIN targets_link l ON {side} WHERE l.kind = {kind} AND {in_force.format(b='b')}"
        for side in (
            ["l.to_site_id = b.site_id", "l.to_company_id = b.company_id"] if to_company else [join]
        )
    ]
    sql = (
        "SELECT n, count(DISTINCT from_company_id)::float8 AS v, max(d) AS d"
        f" FROM ({' UNION ALL '.join(parts)}) x GROUP BY n"
    )
    return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")


def _chain(build: Build, p: str, definition: dict[str, Any], in_force: str) -> Made:
    """All contractors below whoever has work done at the site, works there or runs it."""
    depth = build.add(p, "depth", definition.get("depth", 5))
    force = in_force.format(b="b")
    build.ctes.append(
        (
            f"{p}_chain",
            f"""
    WITH RECURSIVE chain(n, day, known, site_id, company_id, step) AS (
      SELECT b.n, b.day, b.known, b.site_id, b.company_id, 0 FROM base b
       WHERE b.company_id IS NOT NULL
      UNION
      SELECT b.n, b.day, b.known, b.site_id, l.from_company_id, 0 FROM base b
        JOIN targets_link l ON l.to_site_id = b.site_id
         AND l.kind IN ('commissions', 'works_at') WHERE {force}
      UNION
      SELECT b.n, b.day, b.known, b.site_id, l.from_company_id, b.step + 1 FROM chain b
        JOIN targets_link l ON l.to_company_id = b.company_id AND l.kind = 'contracts_to'
       WHERE b.step < {depth}::int AND coalesce(l.at_site_id = b.site_id, true) AND {force})
    SELECT * FROM chain""",
        )
    )
    sql = (
        "SELECT c.n, count(DISTINCT c.company_id)::float8 AS v FROM"
        f" {p}_chain c WHERE c.step > 0 GROUP BY c.n"
    )
    return Made(sql, number=f"coalesce({p}.v, 0)")


# ------------------------------------------------------------------------------- cases
def cases(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """From the timeline: what the owner nominated, and what was chosen where it nominated.

    The planning room stands above this one; what it did is read from the events it recorded.
    """
    days = build.add(p, "within", definition["within_days"])
    mine = "false" if owner is None else f"e.authority_id = {build.add(p, 'owner', owner)}"
    if definition["measure"] == "nominated":
        where = f"e.verb = 'nomination.made' AND {mine}"
    else:
        where = f"""e.verb = 'choice.picked' AND EXISTS (SELECT 1 FROM audit_event o
          WHERE o.context_type = e.context_type AND o.context_id = e.context_id
            AND o.verb = 'nomination.made' AND {mine.replace("e.", "o.", 1)})"""
    rows = f"SELECT e.site_id, e.context_id, e.at FROM audit_event e WHERE {where}"
    sql = (
        "SELECT b.n, count(DISTINCT e.context_id)::float8 AS v, max(e.at::date) AS d FROM base b"
        f" JOIN ({rows}) e ON e.site_id = b.site_id WHERE e.at <= b.known"
        f" AND e.at::date > b.day - {days}::int GROUP BY b.n"
    )
    return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")


MAKERS: dict[str, Callable[[Build, str, dict[str, Any], int | None], Made]] = {
    Source.SIGNALS: signals, Source.FACTS: facts, Source.REGISTER: register,
    Source.VISITS: visits, Source.LINKS: links, Source.CASES: cases,
}  # fmt: skip
