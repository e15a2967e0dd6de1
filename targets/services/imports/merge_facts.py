"""Staged visits and facts into the register: they belong to the authority that brought them."""

from typing import Any

from targets.services.imports.merge import INSERT, LINES, Merged, one, run, said_over

# The site a row speaks of; where two were found to be the same, the one kept.
OF_SITE = """LEFT JOIN LATERAL (
        SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_site t
         WHERE t.source = %(source)s AND t.source_key = r.v_about AND r.v_about <> '' OFFSET 0
      ) site ON true"""
OF_COMPANY = """LEFT JOIN LATERAL (
        SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_company t
         WHERE t.business_id = r.c_business_id AND r.c_business_id <> '' OFFSET 0
      ) company ON true"""
STAGED = f"""staged AS MATERIALIZED (
    SELECT DISTINCT ON (r.key) r.*, site.id AS site_id, company.id AS company_id
      FROM targets_importrow r {OF_SITE} {OF_COMPANY}
     WHERE {LINES} AND r.key <> ''
     ORDER BY r.key, r.line DESC)"""

REFUSE_UNKNOWN = f"""INSERT INTO targets_importrefusal (run_id, line, field, code, value)
    SELECT r.run_id, r.line, 'site', 'site_unknown', left(r.v_about, 300)
      FROM targets_importrow r {OF_SITE}
     WHERE {LINES} AND r.v_about <> '' AND site.id IS NULL"""
REFUSE_COMPANY = f"""INSERT INTO targets_importrefusal (run_id, line, field, code, value)
    SELECT r.run_id, r.line, 'business_id', 'company_unknown', r.c_business_id
      FROM targets_importrow r {OF_COMPANY}
     WHERE {LINES} AND r.v_about = '' AND r.c_business_id <> '' AND company.id IS NULL"""

# ------------------------------------------------------------------------------- visits
VISIT = {
    "site_id": "s.site_id", "\"on\"": "s.v_on", "kind": "s.v_kind", "outcome": "s.v_outcome",
    "detail": "coalesce(s.v_value, '{}')", "shared": "%(shared)s", "told_on": "s.v_told",
}  # fmt: skip
DIFFERS = " OR ".join(f"t.{name} IS DISTINCT FROM {said}" for name, said in VISIT.items())
FOUND = "t.source = %(owned_source)s AND t.source_key = s.key"
_OLD = ", ".join(f"'{name.strip(chr(34))}', t.{name}" for name in VISIT)
NEW_VISITS = f"""WITH {STAGED},
    made AS (
      INSERT INTO targets_pastvisit (public_id, authority_id, source, source_key, run_id, previous,
             {", ".join(VISIT)})
      SELECT gen_random_uuid(), %(authority)s, %(owned_source)s, s.key, %(run)s, '[]',
             {", ".join(VISIT.values())}
        FROM staged s WHERE s.site_id IS NOT NULL
      ON CONFLICT (source, source_key) DO NOTHING RETURNING site_id)
    SELECT (SELECT count(*) FROM staged WHERE site_id IS NOT NULL), count(*), array_agg(site_id)
      FROM made"""
# Found through the unique index first: without statistics all visits were read for each row.
CHANGED_VISITS = f"""WITH {STAGED},
    pairs AS MATERIALIZED (
      SELECT t.id AS found, s.* FROM staged s
        JOIN LATERAL (SELECT * FROM targets_pastvisit t WHERE {FOUND} OFFSET 0) t ON true
       WHERE s.site_id IS NOT NULL AND ({DIFFERS})),
    changed AS (
      UPDATE targets_pastvisit t
         SET {", ".join(f"{name} = {said}" for name, said in VISIT.items())}, {said_over("t", _OLD)}
        FROM pairs s WHERE t.id = s.found
      RETURNING t.site_id)
    SELECT count(*), array_agg(site_id) FROM changed"""

# ------------------------------------------------------------------------------- facts
# A row about a site that is not known is refused, whatever company it names besides.
SAYS = "(s.site_id IS NOT NULL OR (s.v_about = '' AND s.company_id IS NOT NULL))"
SAME = """t.value = coalesce(s.v_value, '{}') AND t.kind = s.v_kind
    AND (t.valid_from, t.valid_to, t.told_on, t.site_id, t.company_id, t.shared)
    IS NOT DISTINCT FROM (s.v_on, s.v_to, s.v_told, s.site_id,
        CASE WHEN s.site_id IS NULL THEN s.company_id END, %(shared)s)"""
IN_FORCE = """t.authority_id = %(authority)s AND t.source = %(source)s
    AND t.source_key = s.key AND t.known_to IS NULL"""
# The latest statement closes the one before; both stay. Each is found through its unique index:
# without statistics (a first large import) a join was planned that reads all facts for each row.
CLOSE_FACTS = f"""WITH {STAGED},
    stale AS MATERIALIZED (
      SELECT t.id FROM staged s
        JOIN LATERAL (SELECT * FROM targets_fact t WHERE {IN_FORCE} OFFSET 0) t ON true
       WHERE NOT ({SAME}) AND {SAYS}),
    closed AS (
      UPDATE targets_fact t SET known_to = %(now)s
       WHERE t.id = ANY (ARRAY(SELECT id FROM stale)) AND t.known_to IS NULL RETURNING t.id)
    SELECT count(*) FROM closed"""
NEW_FACTS = f"""WITH {STAGED},
    made AS (
      INSERT INTO targets_fact (public_id, company_id, site_id, kind, value, valid_from, valid_to,
             known_from, told_on, source, source_key, authority_id, shared, delete_on, run_id)
      SELECT gen_random_uuid(), CASE WHEN s.site_id IS NULL THEN s.company_id END, s.site_id,
             s.v_kind, coalesce(s.v_value, '{{}}'), s.v_on, s.v_to, %(now)s, s.v_told, %(source)s,
             s.key, %(authority)s, %(shared)s, %(delete_on)s, %(run)s
        FROM staged s WHERE {SAYS}
      ON CONFLICT (authority_id, source, source_key) WHERE known_to IS NULL DO NOTHING
      RETURNING site_id, company_id)
    SELECT (SELECT count(*) FROM staged s WHERE {SAYS}),
           count(*), array_remove(array_agg(site_id), NULL),
           array_remove(array_agg(company_id), NULL) FROM made"""
# ------------------------------------------------------------------------------- roles
REFUSE_COMPANY_OF_ROLE = REFUSE_COMPANY.replace("r.v_about = '' AND ", "")
ROLES = f"""WITH {STAGED},
    put AS (
      INSERT INTO targets_personrole AS t (company_id, role, person, valid_from, valid_to, source,
             run_id, previous)
      SELECT s.company_id, s.v_kind, s.v_about, s.v_on, s.v_to, %(source)s, %(run)s, '[]'
        FROM staged s WHERE s.company_id IS NOT NULL ORDER BY s.key
      ON CONFLICT (company_id, role, person, valid_from, source)
      DO UPDATE SET valid_to = excluded.valid_to, {said_over("t")}
       WHERE t.valid_to IS DISTINCT FROM excluded.valid_to
      RETURNING company_id, xmax = 0 AS made)
    SELECT (SELECT count(*) FROM staged WHERE company_id IS NOT NULL),
           count(*) FILTER (WHERE made), count(*) FILTER (WHERE NOT made),
           array_agg(DISTINCT company_id) FROM put"""

# ------------------------------------------------------------------------------- of sites
# What the rows of a list of sites say besides: licences and the like.
FACT_ROWS = f"""rows AS (
      SELECT DISTINCT ON (r.key, f.kind) r.key || '#' || f.kind AS key, site.id AS site_id,
             f.kind, f.value, f."from", f."to", r.line
        FROM targets_importrow r
        JOIN LATERAL (SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_site t
                       WHERE t.source = %(source)s AND t.source_key = r.key OFFSET 0) site ON true
        JOIN LATERAL jsonb_to_recordset(r.more -> 'facts')
             AS f(kind text, value jsonb, "from" date, "to" date) ON true
       WHERE {LINES} AND r.more ? 'facts' ORDER BY r.key, f.kind, r.line DESC)"""
ANY_FACTS = f"SELECT count(*) FROM targets_importrow r WHERE {LINES} AND r.more ? 'facts'"
FACTS_OF_SITES = f"""WITH {FACT_ROWS},
    stale AS MATERIALIZED (
      SELECT t.id FROM rows s
        JOIN LATERAL (SELECT * FROM targets_fact t WHERE {IN_FORCE} OFFSET 0) t ON true
       WHERE NOT ((t.value, t.valid_from, t.valid_to, t.shared)
                  IS NOT DISTINCT FROM (s.value, s."from", s."to", %(shared)s))),
    closed AS (
      UPDATE targets_fact t SET known_to = %(now)s
       WHERE t.id = ANY (ARRAY(SELECT id FROM stale)) AND t.known_to IS NULL RETURNING t.id)
    SELECT count(*) FROM closed"""
NEW_FACTS_OF_SITES = f"""WITH {FACT_ROWS}
    INSERT INTO targets_fact (public_id, site_id, kind, value, valid_from, valid_to, known_from,
           source, source_key, authority_id, shared, delete_on, run_id)
    SELECT gen_random_uuid(), s.site_id, s.kind, s.value, s."from", s."to", %(now)s, %(source)s,
           s.key, %(authority)s, %(shared)s, %(delete_on)s, %(run)s FROM rows s
    ON CONFLICT (authority_id, source, source_key) WHERE known_to IS NULL DO NOTHING"""


def merge_visits(params: dict[str, Any]) -> Merged:
    """Past visits of one chunk. Besides those of ``merge_register``: ``authority``,
    ``owned_source``, ``shared``. Rows about a site that is not known are refused."""
    merged = Merged()
    run(REFUSE_UNKNOWN, params)
    staged, merged.created, sites = one(NEW_VISITS, params)
    merged.sites = list(sites or [])
    if merged.created < staged:
        merged.updated, others = one(CHANGED_VISITS, params)
        merged.sites += others or []
    merged.unchanged = staged - merged.created - merged.updated
    return merged


def merge_facts(params: dict[str, Any]) -> Merged:
    """Facts of one chunk; ``delete_on`` is when own material goes. A company that the row names
    is made when it is not known yet, but not by material that its owner keeps: everybody sees
    companies, and a new one would tell that such material names it."""
    merged = Merged()
    if params["shared"]:
        one(INSERT["company"], params)
    run(REFUSE_UNKNOWN, params)
    run(REFUSE_COMPANY, params)
    (closed,) = one(CLOSE_FACTS, params)
    staged, made, sites, companies = one(NEW_FACTS, params)
    merged.sites, merged.companies = list(sites or []), list(companies or [])
    merged.created, merged.updated = made - closed, closed
    merged.unchanged = staged - made
    return merged


def merge_roles(params: dict[str, Any]) -> Merged:
    """Roles of persons of one chunk; an end that has become known is filled in."""
    merged = Merged()
    one(INSERT["company"], params)
    run(REFUSE_COMPANY_OF_ROLE, params)
    staged, merged.created, merged.updated, companies = one(ROLES, params)
    merged.companies = list(companies or [])
    merged.unchanged = staged - merged.created - merged.updated
    return merged


def merge_of_sites(params: dict[str, Any]) -> None:
    """Facts that stand on the rows of sites."""
    (facts,) = one(ANY_FACTS, params)
    if facts:
        one(FACTS_OF_SITES, params)
        run(NEW_FACTS_OF_SITES, params)
