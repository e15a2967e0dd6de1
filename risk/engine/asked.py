"""Which sites are asked about, as of which day, and with the knowledge of which moment."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone


def midnight(day: dt.date) -> dt.datetime:
    """The local moment at which ``day`` begins."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def known_when(day: dt.date) -> dt.datetime | None:
    """The moment whose knowledge counts for a day: its end; None (now) for today."""
    return midnight(day + dt.timedelta(days=1)) if day < timezone.localdate() else None


@dataclass(frozen=True)
class Asked:
    """Sites with a day each. ``known`` None: with all that is known now.

    Two shapes. One day for all sites or some (scoring, explaining), everything as it was known at
    one moment; and pairs (site, day) for learning, each as known when its day began. ``late`` is
    for pairs: visits that were brought into the register afterwards count as known
    ``settings.RISK_VISIT_LAG_DAYS`` after they were made, as they were to whoever made them.
    """

    day: dt.date | None = None
    sites: tuple[int, ...] | None = None
    pairs: tuple[tuple[int, dt.date], ...] | None = None
    known: dt.datetime | None = None
    late: bool = False
    part: tuple[int, int] | None = None  # the k-th of n parts of all sites

    @classmethod
    def everything(cls, day: dt.date, known: dt.datetime | None = None) -> "Asked":
        """All sites of the register that were known then, rows found to be others left out."""
        return cls(day=day, known=known)

    def parts(self, count: int) -> "list[Asked]":
        """The same sites in ``count`` parts of about equal size."""
        return [replace(self, part=(k, count)) for k in range(count)] if count > 1 else [self]

    @classmethod
    def some(cls, sites: Sequence[int], day: dt.date, known: dt.datetime | None = None) -> "Asked":
        return cls(day=day, sites=tuple(sites), known=known)

    @classmethod
    def rows(cls, pairs: Sequence[tuple[int, dt.date]], *, late: bool = True) -> "Asked":
        return cls(pairs=tuple(pairs), late=late)

    @property
    def past(self) -> bool:
        """Whether anything learned since has to be taken away again."""
        return self.known is not None or self.pairs is not None

    def params(self) -> dict[str, Any]:
        if self.pairs is not None:
            return {
                "sites": [site for site, _day in self.pairs],
                "days": [day for _site, day in self.pairs],
                "knowns": [midnight(day) for _site, day in self.pairs],
            }
        found: dict[str, Any] = {"day": self.day, "known": self.known or timezone.now()}
        if self.sites is not None:
            found["sites"] = list(self.sites)
        return found

    def cte(self) -> str:
        """``asked(n, site_id, day, known)``; ``n`` numbers the rows."""
        if self.pairs is not None:
            return """asked AS MATERIALIZED (
    SELECT u.n, coalesce(s.merged_into_id, s.id) AS site_id, u.day, u.known
      FROM unnest(%(sites)s::bigint[], %(days)s::date[], %(knowns)s::timestamptz[])
           WITH ORDINALITY AS u(site_id, day, known, n)
      JOIN targets_site s ON s.id = u.site_id)"""
        of_day = "s.id AS n, s.id AS site_id, %(day)s::date AS day, %(known)s::timestamptz AS known"
        where = ["s.merged_into_id IS NULL"]
        if self.sites is not None:
            where.append("s.id = ANY (%(sites)s::bigint[])")
        elif self.known is not None:
            where.append("s.created_at <= %(known)s")
        if self.part is not None:
            where.append("s.id %% {1:d} = {0:d}".format(*self.part))
        return f"""asked AS (
    SELECT {of_day} FROM targets_site s WHERE {" AND ".join(where)})"""
