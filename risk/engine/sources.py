"""The SQL of each source: from a checked definition to a table of values."""

from collections.abc import Callable
from typing import Any

from risk.engine.statement import Build, Made, about, dated, owned, said_then, within
from risk.engine.visits import visits
from risk.models.indicators import Source


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
    known = "x.created_at <= x.known AND x.observed_on <= x.day AND x.expires_on >= x.day" + within(
        "x.observed_on", build, p, definition
    )
    return dated(build, p, definition, about(definition, rows), "x.observed_on", known)


# ------------------------------------------------------------------------------- facts
FACT_ROWS = ("count", "exists", "days_since", "decayed")
SAID_ON = "coalesce(x.valid_from, x.told_on, x.known_from::date)"


def facts(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    measure = definition["measure"]
    rows = _facts(build, p, definition["kind"], owner)
    joined = about(definition, rows)
    late = " OR x.told_on < x.day" if build.asked.late else ""
    known = (
        f"(x.known_from <= x.known{late}) AND (x.known_to IS NULL OR x.known_to > x.known)"
        " AND (x.valid_from IS NULL OR x.valid_from <= x.day)"
    )
    if measure in FACT_ROWS:
        known += within(SAID_ON, build, p, definition) + _narrowed(build, p, definition)
    if measure in ("count", "days_since", "decayed"):
        return dated(build, p, definition, joined, SAID_ON, known)
    known += " AND (x.valid_to IS NULL OR x.valid_to >= x.day)"
    if measure == "exists":
        sql = (
            f"SELECT x.n, 1::float8 AS v, max({SAID_ON}) AS d"
            f" FROM ({joined}) x WHERE {known} GROUP BY x.n"
        )
        return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")
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


def _narrowed(build: Build, p: str, definition: dict[str, Any]) -> str:
    """Only facts that say one of the words in a field."""
    if not definition.get("among"):
        return ""
    name = build.add(p, "said", definition["field"])
    return f" AND x.value ->> {name} = ANY ({build.add(p, 'among', list(definition['among']))}::text[])"


def _facts(build: Build, p: str, kind: str, owner: int | None) -> str:
    return (
        "(SELECT f.id, f.site_id, f.company_id, f.value, f.valid_from, f.valid_to, f.known_from,"
        f" f.known_to, f.told_on FROM targets_fact f WHERE f.kind = {build.add(p, 'kind', kind)}"
        f" AND {owned('f', owner, build, p)})"
    )


def _latest(joined: str, known: str, name: str) -> str:
    """The latest fact in force that has the field: as a number, as a text, and as it was said."""
    return f"""SELECT DISTINCT ON (x.n) x.n,
      CASE WHEN jsonb_typeof(x.value -> {name}) = 'number'
           THEN (x.value ->> {name})::float8 END AS v,
      CASE WHEN jsonb_typeof(x.value -> {name}) <> 'number' THEN x.value ->> {name} END AS t,
      x.value ->> {name} AS said, {SAID_ON} AS d
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


def _entry_known(build: Build, entry: str) -> str:
    """Whether a name, entry or operator was known here then.

    To learn from, entries count by their own days: the registers that tell them are public.
    """
    if not build.asked.past or build.asked.late:
        return ""
    return f" AND {entry}.known_from <= b.known"


def _register_rows(build: Build, p: str, definition: dict[str, Any]) -> Made:
    measure = definition["measure"]
    if measure == "struck":
        end, known = "r.valid_to", _entry_known(build, "r")
        if known:
            end = (
                "CASE WHEN coalesce(r.end_known_from, r.known_from) <= b.known THEN r.valid_to END"
            )
        registers = build.add(p, "registers", list(definition["registers"]))
        lately = within("max(x.valid_to)", build, p, definition)
        sql = f"""SELECT n, count(*) FILTER (WHERE ended)::float8 AS v,
               max(last) FILTER (WHERE ended) AS d FROM (
          SELECT x.n, x.register, max(x.valid_to) AS last, NOT bool_or(x.valid_to IS NULL
                 OR x.valid_to > x.day){lately} AS ended
            FROM (SELECT b.n, b.day, r.register, {end} AS valid_to FROM base b
                    JOIN targets_companyregistration r ON r.company_id = b.company_id
                   WHERE r.register = ANY ({registers}::text[]){known}
                     AND (r.valid_from IS NULL OR r.valid_from <= b.day)) x
           GROUP BY x.n, x.day, x.register) y GROUP BY n"""
        return Made(sql, number=f"{p}.v", on=f"{p}.d")
    if measure == "sites":
        sql = """SELECT b.n, count(*)::float8 AS v FROM base b
          JOIN others o ON o.company_id = b.company_id AND o.created_at <= b.known GROUP BY b.n"""
        if build.asked.pairs is not None:
            # A register brought in later tells of its sites by the day they opened.
            then = "(o.created_at <= b.known OR o.opened_on <= b.day OR o.id = b.site_id)"
            sql = sql.replace("o.created_at <= b.known", then)
        return Made(sql, number=f"{p}.v")
    days = build.add(p, "within", definition["within_days"])
    known, before = _entry_known(build, "m"), _entry_known(build, "e")
    if measure == "name_changes":
        sql = f"""SELECT b.n, count(*)::float8 AS v, max(m.valid_from) AS d FROM base b
          JOIN targets_companyname m ON m.company_id = b.company_id AND m.kind = 'trade'
         WHERE m.valid_from <= b.day AND m.valid_from > b.day - {days}::int{known}
           AND EXISTS (SELECT 1 FROM targets_companyname e WHERE e.company_id = m.company_id
                          AND e.kind = 'trade' AND e.valid_from < m.valid_from{before})
         GROUP BY b.n"""
    else:
        sql = f"""SELECT b.n, count(*)::float8 AS v, max(m.valid_from) AS d FROM base b
          JOIN targets_siteoperator m ON m.site_id = b.site_id
         WHERE m.valid_from <= b.day AND m.valid_from > b.day - {days}::int{known}
           AND EXISTS (SELECT 1 FROM targets_siteoperator e WHERE e.site_id = m.site_id
                          AND e.id <> m.id AND coalesce(e.valid_from < m.valid_from, true){before})
         GROUP BY b.n"""
    return Made(sql, number=f"coalesce({p}.v, 0)", on=f"{p}.d")


# ------------------------------------------------------------------------------- links
def links(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Links of open registers, and the owner's own."""
    mine = f" OR l.authority_id = {build.add(p, 'owner', owner)}" if owner is not None else ""
    allowed = f"(l.authority_id IS NULL{mine})"
    end = f"({said_then('l', 'valid_to', 'b.known', 'date')})" if build.asked.past else "l.valid_to"
    in_force = (
        f"{allowed} AND l.created_at <= b.known AND coalesce(l.valid_from <= b.day, true)"
        f" AND coalesce({end} >= b.day, true)"
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
        f" JOIN targets_link l ON {side} WHERE l.kind = {kind} AND {in_force}"
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
         AND l.kind IN ('commissions', 'works_at') WHERE {in_force}
      UNION
      SELECT b.n, b.day, b.known, b.site_id, l.from_company_id, b.step + 1 FROM chain b
        JOIN targets_link l ON l.to_company_id = b.company_id AND l.kind = 'contracts_to'
       WHERE b.step < {depth}::int AND coalesce(l.at_site_id = b.site_id, true) AND {in_force})
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
