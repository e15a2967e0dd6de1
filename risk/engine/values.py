"""Values of indicators for many sites in one statement, each as it was known on its day.

Every definition becomes one common table expression with a row for each asked row that has a value
(``n``, ``v`` a number or ``t`` a text, ``d`` the day of the value). Whatever a person wrote in a
definition goes as a parameter. Who may be read is part of each statement: an indicator of an
authority reads that authority's own rows and shared ones, a shared indicator reads shared ones
only; what was disclosed to somebody is read by neither.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection

from risk.engine import sources
from risk.engine.asked import Asked
from risk.engine.definitions import check_of
from risk.models import IndicatorVersion

__all__ = ["Asked", "Row", "Value", "values", "values_sql"]


@dataclass(frozen=True)
class Value:
    """What an indicator says of a site on a day: a number, a text, or nothing (not known)."""

    number: float | None = None
    text: str | None = None
    on: dt.date | None = None  # the day the value is of; decay counts from it

    @property
    def known(self) -> bool:
        return self.number is not None or self.text is not None


@dataclass(frozen=True)
class Row:
    """Values of one site on one day, in the order of the versions asked for."""

    site_id: int
    day: dt.date
    values: tuple[Value, ...]


class Refused(ValueError):
    """A definition that may not be computed; the message says why."""


def values_sql(versions: Sequence[IndicatorVersion], asked: Asked) -> tuple[str, dict[str, Any]]:
    """One statement and its parameters; columns ``n, site_id, day, v0, t0, d0, v1, ...``.

    Raises Refused when a definition is not allowed. The indicators have to be fetched with the
    versions, or each costs a query.
    """
    build = sources.Build(asked)
    build.params |= {"lag": settings.RISK_VISIT_LAG_DAYS}
    columns, joins = [], []
    for k, version in enumerate(versions):
        owner = version.indicator.authority_id
        problems = check_of(version.source, version.definition, shared=owner is None)
        if problems:
            raise Refused(f"{version.indicator.code}: {' '.join(problems)}")
        made = sources.MAKERS[version.source](build, f"i{k}", version.definition, owner)
        if made.join:
            build.ctes.append((f"i{k}", made.sql))
            joins.append(f"LEFT JOIN i{k} ON i{k}.n = b.n")
        columns.append(f"{made.number} AS v{k}, {made.text} AS t{k}, {made.on} AS d{k}")
    listed = "".join(f", {column}" for column in columns)
    ctes = ",\n".join([asked.cte(), *build.shared(), *(f"{n} AS ({s})" for n, s in build.ctes)])
    sql = f"WITH {ctes}\nSELECT b.n, b.site_id, b.day{listed}\n  FROM base b\n  {' '.join(joins)}"
    return sql, asked.params() | build.params


def values(versions: Sequence[IndicatorVersion], asked: Asked) -> list[Row]:
    """Values of all asked rows, in the order they were asked in. One query."""
    sql, params = values_sql(versions, asked)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) q ORDER BY n", params)
        return list(_rows(cursor.fetchall(), len(versions)))


def _rows(found: list[tuple[Any, ...]], count: int) -> Iterator[Row]:
    for row in found:
        cells = row[3:]
        yield Row(
            row[1], row[2],
            tuple(
                Value(cells[3 * k], cells[3 * k + 1], cells[3 * k + 2]) for k in range(count)
            ),
        )  # fmt: skip
