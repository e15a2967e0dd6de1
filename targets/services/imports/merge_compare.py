"""What storing would do with staged visits, facts, roles and links: numbers, examples, rows refused."""

import json
from typing import Any

from targets.models import ImportKind
from targets.services.imports.merge import LINES, one, run
from targets.services.imports.merge_facts import (
    ANY_FACTS,
    DIFFERS,
    FACT_ROWS,
    FOUND,
    IN_FORCE,
    REFUSE_COMPANY,
    REFUSE_COMPANY_OF_ROLE,
    REFUSE_UNKNOWN,
    SAME,
    STAGED,
    VISIT,
)
from targets.services.imports.merge_links import (
    ANY_TOLD,
    COMPANIES_AHEAD,
    ENDS,
    KNOWN_LINKS,
    LINKS_TOLD,
)

# Codes of the refusals that these statements make: looked at anew when it is stored.
LATE = ("site_unknown", "company_unknown", "place_not_known", "company_not_known")
# Storing makes the companies that rows name; nothing is made here, so those are passed over.
MADE = """EXISTS (SELECT 1 FROM targets_importrow n
      WHERE n.run_id = %(run)s AND n.line <= %(high)s AND n.c_business_id = r.c_business_id
        AND n.c_name <> '')"""
REFUSE = {
    ImportKind.VISITS: (REFUSE_UNKNOWN,),
    # Only facts that everybody may see make companies (``merge_facts``).
    ImportKind.FACTS: (REFUSE_UNKNOWN, f"{REFUSE_COMPANY} AND NOT (%(shared)s AND {MADE})"),
    ImportKind.ROLES: (f"{REFUSE_COMPANY_OF_ROLE} AND NOT {MADE}",),
}
TAKEN = """s.line NOT IN (SELECT f.line FROM targets_importrefusal f
      WHERE f.run_id = %(run)s AND f.line > %(low)s AND f.line <= %(high)s)"""


def _flat(prefix: str, value: str) -> str:
    """The members of a JSON value as columns of their own: ``value.amount``."""
    return f"""coalesce((SELECT jsonb_object_agg('{prefix}.' || m.key, m.value)
          FROM jsonb_each({value}) m), '{{}}')"""


def _pairs(columns: dict[str, str]) -> str:
    return ", ".join(f"'{name}', {said}" for name, said in columns.items())


def _compare(known: str) -> str:
    """``known``: the rows told of before, as line, id, target, differs, old and new state."""
    return _told(STAGED, known, f"SELECT count(*) FROM staged s WHERE {TAKEN}")


def _told(staged: str, known: str, count: str) -> str:
    """Numbers, examples and changed fields of ``known`` among as many rows as ``count`` selects."""
    return f"""WITH {staged}, known AS MATERIALIZED ({known}),
    diffs AS (
      SELECT k.line, k.id, k.target,
        (SELECT jsonb_object_agg(n.key, k.old -> n.key) FROM jsonb_object_keys(k.old || k.new)
           AS n(key) WHERE k.old -> n.key IS DISTINCT FROM k.new -> n.key) AS old,
        (SELECT jsonb_object_agg(n.key, k.new -> n.key) FROM jsonb_object_keys(k.old || k.new)
           AS n(key) WHERE k.old -> n.key IS DISTINCT FROM k.new -> n.key) AS new
        FROM known k WHERE k.differs)
    SELECT ({count}), (SELECT count(*) FROM known),
           (SELECT count(*) FROM known WHERE differs),
           (SELECT jsonb_agg(x) FROM (
              SELECT d.line, d.id, d.target, d.old, d.new FROM diffs d ORDER BY d.line LIMIT 50) x),
           (SELECT jsonb_object_agg(f.key, f.n) FROM (
              SELECT o.key, count(*) AS n FROM diffs d, jsonb_object_keys(d.new) o(key)
               GROUP BY o.key) f)"""


_PLAIN = {n.strip('"'): said for n, said in VISIT.items() if n != "detail"}
_VISITS = f"""
      SELECT s.line, s.site_id AS id, 'site' AS target, ({DIFFERS}) AS differs,
             {_flat("detail", "t.detail")} || jsonb_build_object(
               {", ".join(f"'{name}', t.{name}" for name in _PLAIN)}) AS old,
             {_flat("detail", VISIT["detail"])} || jsonb_build_object({_pairs(_PLAIN)}) AS new
        FROM staged s JOIN LATERAL (SELECT * FROM targets_pastvisit t WHERE {FOUND} OFFSET 0) t
          ON true
       WHERE s.site_id IS NOT NULL"""
_FACT = {
    "valid_from": "s.v_on", "valid_to": "s.v_to", "told_on": "s.v_told", "site_id": "s.site_id",
    "company_id": "CASE WHEN s.site_id IS NULL THEN s.company_id END",
    "shared": "%(shared)s::boolean",
}  # fmt: skip
_FACTS = f"""
      SELECT s.line, coalesce(s.site_id, s.company_id) AS id,
             CASE WHEN s.site_id IS NULL THEN 'company' ELSE 'site' END AS target,
             NOT ({SAME}) AS differs,
             {_flat("value", "t.value")} || jsonb_build_object(
               {", ".join(f"'{name}', t.{name}" for name in _FACT)}) AS old,
             {_flat("value", "coalesce(s.v_value, '{}')")}
               || jsonb_build_object({_pairs(_FACT)}) AS new
        FROM staged s JOIN LATERAL (SELECT * FROM targets_fact t WHERE {IN_FORCE} OFFSET 0) t
          ON true
       WHERE {TAKEN}"""
_ROLES = """
      SELECT s.line, s.company_id AS id, 'company' AS target,
             t.valid_to IS DISTINCT FROM s.v_to AS differs,
             jsonb_build_object('valid_to', t.valid_to) AS old,
             jsonb_build_object('valid_to', s.v_to) AS new
        FROM staged s
        JOIN LATERAL (SELECT * FROM targets_personrole t
                       WHERE t.company_id = s.company_id AND t.role = s.v_kind
                         AND t.person = s.v_about AND t.source = %(source)s
                         AND t.valid_from IS NOT DISTINCT FROM s.v_on OFFSET 0) t ON true"""
# What rows of sites say besides; sites that are not there yet bring new facts alone.
_OF_SITE = {"valid_from": 's."from"', "valid_to": 's."to"', "shared": "%(shared)s::boolean"}
FACTS_OF_SITES = _told(
    FACT_ROWS,
    f"""
      SELECT s.line, s.site_id AS id, 'site' AS target,
             (t.value, t.valid_from, t.valid_to, t.shared)
               IS DISTINCT FROM (s.value, s."from", s."to", %(shared)s::boolean) AS differs,
             {_flat("value", "t.value")} || jsonb_build_object(
               {", ".join(f"'{name}', t.{name}" for name in _OF_SITE)}) AS old,
             {_flat("value", "s.value")} || jsonb_build_object({_pairs(_OF_SITE)}) AS new
        FROM rows s JOIN LATERAL (SELECT * FROM targets_fact t WHERE {IN_FORCE} OFFSET 0) t
          ON true""",
    f"""SELECT count(*) FROM (SELECT DISTINCT r.key, f.kind FROM targets_importrow r
      JOIN LATERAL jsonb_to_recordset(r.more -> 'facts') AS f(kind text) ON true
     WHERE {LINES} AND r.more ? 'facts' AND r.key <> '') x""",
)
LINKS_OF_SITES = _told(ENDS, KNOWN_LINKS, LINKS_TOLD)
COMPARE = {
    ImportKind.VISITS: _compare(_VISITS), ImportKind.FACTS: _compare(_FACTS),
    ImportKind.ROLES: _compare(_ROLES),
}  # fmt: skip


def compare_facts_of_sites(params: dict[str, Any]) -> dict[str, Any]:
    """What would become of the facts that rows of sites bring, as ``{"facts": ...}``; none: {}."""
    if not one(ANY_FACTS, params)[0]:
        return {}
    return {"facts": _numbers(one(FACTS_OF_SITES, params))}


def compare_links_of_sites(params: dict[str, Any], companies: dict[str, Any]) -> dict[str, Any]:
    """What would become of the links that rows of sites bring, as ``{"links": ...}``; none: {}.

    The companies that only links name are added to ``companies`` as new.
    """
    if not one(ANY_TOLD, params)[0]:
        return {}
    companies["new"] += one(COMPANIES_AHEAD, params)[0]
    return {"links": _numbers(one(LINKS_OF_SITES, params))}


def _numbers(told: tuple[Any, ...]) -> dict[str, Any]:
    staged, known, changed, examples, fields = told
    return {
        "new": staged - known, "changed": changed, "unchanged": known - changed,
        "fields": json.loads(fields or "{}"), "examples": json.loads(examples or "[]"),
    }  # fmt: skip


def compare_owned(kind: str, params: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What would become of visits, facts or roles, in the shape of ``compare_register``, and how
    many rows would be refused; those are noted as refused rows of the run.

    An example has besides what it is about (``target``: site or company).
    """
    which = ImportKind(kind)
    refused = sum(run(statement, params) for statement in REFUSE[which])
    return {kind: _numbers(one(COMPARE[which], params))}, refused
