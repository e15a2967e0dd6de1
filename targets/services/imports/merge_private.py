"""Links that only their owner may see: they hold between what is in the register already.

A list of one's own sites brings its places into the register, and others see the places but not
what the list says. Notices that link places and companies do not: a place or company that came by
nothing else would tell everybody that a notice names it. Rows with such an end are refused, and of
the places that are known nothing is changed: what everybody sees of them would change, and its
history would name the notices.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from targets.models import ImportKind, ImportMapping, ImportRun
from targets.services.imports.merge import LINES, Merged, one, run
from targets.services.imports.merge_links import FOREIGN_FOUND, TOLD

SITE, COMPANY = "place_not_known", "company_not_known"
CODES = (SITE, COMPANY)
_AT_HOME = "EXISTS (SELECT 1 FROM targets_company t WHERE t.business_id = {code})"
REFUSE = f"""WITH {TOLD},
    missing AS (
      SELECT r.line, 1 AS place, 'key' AS field, '{SITE}' AS code, r.key AS value
        FROM targets_importrow r
       WHERE {LINES} AND r.key <> '' AND NOT EXISTS (
         SELECT 1 FROM targets_site t WHERE t.source = %(source)s AND t.source_key = r.key)
      UNION ALL
      SELECT r.line, 2, 'business_id', '{COMPANY}', r.c_business_id
        FROM targets_importrow r
       WHERE {LINES} AND r.c_business_id <> '' AND NOT {_AT_HOME.format(code="r.c_business_id")}
      UNION ALL
      SELECT l.line, 3, 'company_name', '{COMPANY}',
             coalesce(nullif(l.business_id, ''), nullif(l.value, ''), l.name)
        FROM told l
       WHERE (l.business_id <> '' AND NOT {_AT_HOME.format(code="l.business_id")})
          OR (l.business_id = '' AND l.country <> '' AND NOT EXISTS ({FOREIGN_FOUND}))
      UNION ALL
      SELECT l.line, 4, 'company_name', '{COMPANY}', l.second FROM told l
       WHERE l.second <> '' AND NOT {_AT_HOME.format(code="l.second")}),
    refused AS (
      INSERT INTO targets_importrefusal (run_id, line, field, code, value)
      SELECT DISTINCT ON (m.line) %(run)s, m.line, m.field, m.code, left(m.value, 300)
        FROM missing m ORDER BY m.line, m.place RETURNING line)
    SELECT count(*) FROM refused"""
LEAVE_OUT = f"""DELETE FROM targets_importrow r WHERE {LINES} AND EXISTS (
    SELECT 1 FROM targets_importrefusal f
     WHERE f.run_id = r.run_id AND f.line = r.line AND f.code = ANY (%(codes)s))"""

# Companies that have no site in the lines, and sites.
STAGED = f"""SELECT count(DISTINCT r.c_business_id) FILTER (WHERE r.key = '' AND r.c_business_id <> ''),
           count(DISTINCT r.key) FILTER (WHERE r.key <> '')
      FROM targets_importrow r WHERE {LINES}"""


def holds_back(of: ImportRun) -> bool:
    """Whether the run brings links that only its authority may see."""
    if of.kind != ImportKind.SITES or of.shared:
        return False
    mapping = ImportMapping.objects.filter(code=of.format).first()
    return mapping is not None and bool(mapping.options.get("links"))


@contextmanager
def left_out(params: dict[str, Any], *, staged_again: bool = False) -> Iterator[int]:
    """Refuse the rows with an end that the register does not hold, and take them off the staged ones,
    in the caller's transaction; gives how many. Other material than ``holds_back`` is let be.

    ``staged_again``: for a comparison, behind the block they stand among the staged ones as before.
    """
    refused = int(one(REFUSE, params)[0]) if params["holds_back"] else 0
    step = transaction.savepoint() if refused and staged_again else None
    if refused:
        run(LEAVE_OUT, params | {"codes": list(CODES)})
    yield refused
    if step is not None:
        transaction.savepoint_rollback(step)


def let_be(params: dict[str, Any]) -> Merged:
    """In place of ``merge_register``: sites and companies stay as they are and are counted so."""
    return Merged(unchanged=sum(one(STAGED, params)))


def compare_let_be(params: dict[str, Any]) -> dict[str, Any]:
    """``let_be`` told in the shape of ``compare_register``."""
    return {
        name: {"new": 0, "changed": 0, "unchanged": count, "fields": {}, "examples": []}
        for name, count in zip(("company", "site"), one(STAGED, params), strict=True)
    }
