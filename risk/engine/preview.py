"""A look at a draft of an indicator while it is being made: a sample of sites, bounded in time."""

import datetime as dt
from dataclasses import dataclass, replace

from django.db import connection, transaction

from audit.context import as_system
from risk.engine.asked import Asked
from risk.engine.points import Rule, age_in_days
from risk.engine.values import values
from risk.models import IndicatorVersion

WHY = "an indicator reads its owner's rows and open ones over all sites, whoever builds it"
MOST_MS = 8_000
EXAMPLES = 20


@dataclass(frozen=True)
class Example:
    """One site: what the indicator says of it, and the points (hundredths) after decay and cap."""

    site_id: int
    value: float | str | None
    on: dt.date | None
    points: int


@dataclass(frozen=True)
class Preview:
    """``distribution``: number of sites in each bin; ``missing``: of which nothing is known."""

    sites: int
    distribution: tuple[int, ...]
    missing: int
    coverage: int  # per cent of the sites looked at
    examples: tuple[Example, ...]


def preview(version: IndicatorVersion, as_of: dt.date, sample: int = 2_000) -> Preview:
    """Values of about ``sample`` sites, the same each time. Raises Refused for a definition that may
    not be computed, OperationalError when it takes longer than eight seconds."""
    rule = Rule.of_version(version)
    with transaction.atomic(), as_system(WHY):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT greatest(reltuples, 1) FROM pg_class WHERE relname = 'targets_site'"
            )
            total = float(cursor.fetchone()[0])
            cursor.execute("SET LOCAL statement_timeout = %s", [MOST_MS])
        share = min(1024, max(1, round(1024 * sample / total)))
        rows = values([version], replace(Asked.everything(as_of), sample=share))
    counts, missing = [0] * len(rule.bins), 0
    examples: list[Example] = []
    for row in rows:
        value = row.values[0]
        part = rule.part(value.number, value.text, age_in_days(value.on, as_of))
        if part.bin is None:
            missing += 1
            continue
        counts[part.bin] += 1
        said = value.text if rule.of_texts else value.number
        examples.append(Example(row.site_id, said, value.on, part.points))
    known = len(rows) - missing
    # Some of each kind: those with the most points and those with the fewest.
    examples.sort(key=lambda e: (-abs(e.points), e.site_id))
    if len(examples) > EXAMPLES:
        examples = examples[: EXAMPLES // 2] + examples[-EXAMPLES // 2 :]
    return Preview(
        len(rows), tuple(counts), missing, known * 100 // max(1, len(rows)), tuple(examples)
    )
