"""The SQL of past visits: how many, how long ago, what they found and said, here and nearby."""

from typing import Any

from risk.engine.definitions import FOUND
from risk.engine.statement import WEIGHT, Build, Made, dated, owned, said_then, within
from targets.models import VisitOutcome

VISIT_DONE = [o.value for o in VisitOutcome if o != VisitOutcome.NOT_POSSIBLE]
SAYS = ("said", "said_mean", "said_sum")


def visits(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Visits made before the day, of what was known of them."""
    measure = definition["measure"]
    if measure == "neighbours":
        return _neighbours(build, p, definition, owner)
    allowed = _allowed(build, p, definition, owner, _shared(build, "b.known"))
    rows = _rows(build, p, definition, allowed)
    where = "true" + within('x."on"', build, p, definition)
    if measure in ("days_since", "count", "decayed"):
        usual = list(FOUND) if measure == "decayed" else [o.value for o in VisitOutcome]
        outcomes = build.add(p, "outcomes", definition.get("outcomes") or usual)
        counts = f"x.outcome = ANY ({outcomes}::text[])"
        if measure == "days_since" and definition.get("nth", 1) > 1:
            age = '(x.day - x."on")::float8'
            return _counted_back(build, p, definition, rows, f"{where} AND {counts}", age)
        return dated(build, p, definition, rows, 'x."on"', where, counts)
    done = build.add(p, "done", VISIT_DONE)
    where += f" AND x.outcome = ANY ({done}::text[])"
    if measure in SAYS:
        where += " AND x.said IS NOT NULL"
    if measure == "level":
        level = f"(array_position({done}::text[], x.outcome::text) - 1)::float8"
        return _counted_back(build, p, definition, rows, where, level)
    if measure == "said":
        return _counted_back(build, p, definition, rows, where, "x.said")
    return _weighed(build, p, definition, rows, where)


def _shared(build: Build, known: str) -> str:
    """Whether others might see the visit at the moment asked about."""
    return f"({said_then('v', 'shared', known, 'boolean')})" if build.asked.past else "v.shared"


def _allowed(
    build: Build, p: str, definition: dict[str, Any], owner: int | None, shared: str
) -> str:
    """Which visits may be read, and of which kinds."""
    allowed = owned("v", owner, build, p, own=definition.get("whose") == "own", shared=shared)
    if definition.get("kinds"):
        allowed += f" AND v.kind = ANY ({build.add(p, 'kinds', list(definition['kinds']))}::text[])"
    return allowed


def _rows(build: Build, p: str, definition: dict[str, Any], allowed: str) -> str:
    """Asked rows with the visits before them, the outcome and, where asked for, a field's number."""
    past = build.asked.past
    outcome = said_then("v", "outcome", "b.known") if past else "v.outcome"
    said = ""
    if definition["measure"] in SAYS:
        field = build.add(p, "field", definition["field"])
        detail = f"({said_then('v', 'detail', 'b.known', 'jsonb') if past else 'v.detail'})"
        said = (
            f", CASE WHEN jsonb_typeof({detail} -> {field}) = 'number'"
            f" THEN ({detail} ->> {field})::float8 END AS said"
        )
    return (
        f'SELECT b.n, b.day, b.known, v.id, v."on", {outcome} AS outcome{said} FROM base b'
        f" JOIN targets_pastvisit v ON v.site_id = b.site_id WHERE {allowed}"
        f' AND v."on" < b.day AND {_visit_known(build, "b.known", "b.day")}'
    )


def _newest_first(rows: str, where: str, columns: str) -> str:
    """Rows numbered from the latest visit back (``nth``)."""
    return (
        f'SELECT x.n, x."on", {columns}, row_number() OVER'
        f' (PARTITION BY x.n ORDER BY x."on" DESC, x.id DESC) AS nth FROM ({rows}) x WHERE {where}'
    )


def _counted_back(
    build: Build, p: str, definition: dict[str, Any], rows: str, where: str, value: str
) -> Made:
    """A value of the latest visit, or of the nth counted back from it."""
    nth = build.add(p, "nth", definition.get("nth", 1))
    newest = _newest_first(rows, where, f"{value} AS v")
    sql = f'SELECT y.n, y.v, y."on" AS d FROM ({newest}) y WHERE y.nth = {nth}::int'
    return Made(sql, number=f"{p}.v", on=f"{p}.d")


def _weighed(build: Build, p: str, definition: dict[str, Any], rows: str, where: str) -> Made:
    """Share found, or mean or sum of a field; older visits count less where there is a half-life.

    Exact decimals, so that the order of the rows changes nothing.
    """
    measure = definition["measure"]
    weight = "1000000"
    if definition.get("half_life_days"):
        half = build.add(p, "half", definition["half_life_days"])
        weight = WEIGHT.format(age='x.day - x."on"', half=half)
    if measure == "rate":
        found = build.add(p, "outcomes", definition.get("outcomes") or list(FOUND))
        value = f"CASE WHEN x.outcome = ANY ({found}::text[]) THEN 100 ELSE 0 END"
    else:
        value = "round(x.said::numeric, 3)"
    newest = _newest_first(rows, where, f"({weight})::numeric AS w, ({value})::numeric AS said")
    last = ""
    if definition.get("last_visits"):
        last = f" WHERE y.nth <= {build.add(p, 'last', definition['last_visits'])}::int"
    value = (
        "(sum(y.w * y.said) / 1000000)::float8" if measure == "said_sum"
        else _pulled(build, p, definition, "sum(y.w * y.said)", "sum(y.w)", 1_000_000)
    )  # fmt: skip
    sql = f'SELECT y.n, {value} AS v, max(y."on") AS d FROM ({newest}) y{last} GROUP BY y.n'
    number = f"coalesce({p}.v, 0)" if measure == "said_sum" else f"{p}.v"
    return Made(sql, number=number, on=f"{p}.d")


def _pulled(
    build: Build, p: str, definition: dict[str, Any], total: str, weight: str, unit: int
) -> str:
    """A mean, pulled to the usual value as if so many more visits had shown it."""
    if definition.get("usual") is None:
        return f"({total} / nullif({weight}, 0))::float8"
    more = f"{build.add(p, 'more', definition.get('usual_visits', 1))}::bigint * {unit}"
    usual = build.add(p, "usual", definition["usual"])
    return f"(({total} + {usual}::numeric * {more}) / ({weight} + {more}))::float8"


def _visit_known(build: Build, known: str, day: str) -> str:
    if not build.asked.past:
        return "true"
    told = (
        f' OR CASE WHEN v.told_on IS NULL THEN v."on" + %(lag)s::int <= {day}'
        f" ELSE v.told_on < {day} END"
    )
    return f"(v.known_from <= {known}{told if build.asked.late else ''})"


def _neighbours(build: Build, p: str, definition: dict[str, Any], owner: int | None) -> Made:
    """Share of visits with findings at other sites of the same place or industry.

    Counted once for each place and day, then the site's own visits are taken out again.
    """
    near = {
        "municipality": ("municipality_id",), "industry": ("division",),
        "both": ("municipality_id", "division"), "postal_code": ("postal_code",),
    }[definition["near"]]  # fmt: skip
    cell = ", ".join(f"v.{name}" for name in near)
    to_cell = " AND ".join(f"t.{name} = b.{name}" for name in near)
    days = build.add(p, "within", definition["within_days"])
    found = build.add(p, "outcomes", definition.get("outcomes") or list(FOUND))
    least = build.add(p, "least", definition.get("least", 5))
    done = build.add(p, "done", VISIT_DONE)
    past = build.asked.past
    outcome = said_then("v", "outcome", "v.known") if past else "v.outcome"
    # All that may be read now or might be then; which of them might, each row's moment tells.
    ever = "(v.shared OR v.previous <> '[]')" if past else "v.shared"
    allowed = _allowed(build, p, definition, owner, ever)
    then = _allowed(build, p, definition, owner, _shared(build, "v.known")) if past else "true"
    build.ctes.append((f"{p}_near", _near(build, near, allowed, days)))
    build.ctes.append(
        (
            f"{p}_visits",
            f"""
    SELECT {cell}, v.day, v.known, v.site_id, count(*) AS visits,
           count(*) FILTER (WHERE v.outcome = ANY ({found}::text[])) AS found
      FROM (SELECT {cell}, v.day, v.known, v.site_id, {outcome} AS outcome FROM {p}_near v
             WHERE v."on" < v.day AND v."on" >= v.day - {days}::int
               AND {_visit_known(build, "v.known", "v.day")} AND {then}) v
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
    rate = _pulled(build, p, definition, "100.0 * sum(found)", "sum(visits)", 1)
    sql = f"""SELECT n, {rate} AS v FROM (
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
    visit = (
        'v.site_id, v."on", v.outcome, v.previous, v.run_id, v.known_from, v.told_on,'
        " v.authority_id, v.shared, v.kind"
    )
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
