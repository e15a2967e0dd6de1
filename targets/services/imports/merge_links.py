"""Companies and links that the rows of sites name: who does what there, and for whom.

A company is told by its business ID, or by country and identifier when it is from abroad; one
without any is known again by name and country within its source.
"""

from typing import Any

from targets.services.imports.merge import LINES, one, run, said_over

TOLD = f"""told AS MATERIALIZED (
    SELECT r.line, r.key, l.kind, coalesce(l.name, '') AS name,
           coalesce(l.business_id, '') AS business_id, coalesce(l.country, '') AS country,
           coalesce(l.scheme, '') AS scheme, coalesce(l.value, '') AS value,
           coalesce(l.second, '') AS second, coalesce(l.second_name, '') AS second_name,
           l."from", l."to"
      FROM targets_importrow r
      JOIN LATERAL jsonb_to_recordset(r.more -> 'links') AS l(kind text, name text,
           business_id text, country text, scheme text, value text, second text,
           second_name text, "from" date, "to" date) ON true
     WHERE {LINES} AND r.more ? 'links')"""
ANY_TOLD = f"""SELECT count(*), count(*) FILTER (WHERE r.more @? '$.links[*].country')
      FROM targets_importrow r WHERE {LINES} AND r.more ? 'links'"""
FOREIGN_FOUND = """SELECT coalesce(t.merged_into_id, t.id) AS id
        FROM targets_companyidentifier i JOIN targets_company t ON t.id = i.company_id
       WHERE l.value <> '' AND (i.scheme, i.country, i.value) = (l.scheme, l.country, l.value)
      UNION ALL
      SELECT coalesce(t.merged_into_id, t.id) FROM targets_company t
       WHERE l.value = '' AND l.country <> '' AND t.name = l.name AND t.country = l.country
         AND t.kind = 'foreign' AND t.business_id IS NULL AND t.source = %(source)s
       LIMIT 1"""

# Companies are noted like every row that is made: an undo goes by it, and the search follows it.
NOTED = """INSERT INTO targets_registerchange (run_id, company_id, source, said_on, undo, at)
    SELECT %(run)s, m.id, %(source)s, NULL, false, %(now)s FROM made m"""
AT_HOME = """(SELECT business_id AS code, name FROM told WHERE business_id <> ''
              UNION ALL SELECT second, second_name FROM told WHERE second <> '')"""
HOME_COMPANIES = f"""WITH {TOLD},
    made AS (
      INSERT INTO targets_company (public_id, created_at, updated_at, name, business_id, kind,
             country, form, status, address, postal_code, website, source, raw)
      SELECT DISTINCT ON (p.code) gen_random_uuid(), %(now)s, %(now)s,
             coalesce(nullif(p.name, ''), p.code), p.code, 'unknown', 'FI', '', 'unknown', '', '',
             '', %(source)s, '{{}}'
        FROM {AT_HOME} p
       ORDER BY p.code, p.name DESC
      ON CONFLICT (business_id) DO NOTHING RETURNING id)
    {NOTED}"""
# No constraint keeps two chunks from making the same company without an identifier.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('companies from abroad'))"
FRESH = f"""fresh AS MATERIALIZED (
      SELECT gen_random_uuid() AS public_id, l.* FROM (
        SELECT DISTINCT ON (country, scheme, value, CASE WHEN value = '' THEN name END)
               country, scheme, value, name
          FROM told WHERE business_id = '' AND country <> ''
         ORDER BY country, scheme, value, CASE WHEN value = '' THEN name END, line) l
       WHERE NOT EXISTS ({FOREIGN_FOUND}))"""
FOREIGN_COMPANIES = f"""WITH {TOLD}, {FRESH},
    made AS (
      INSERT INTO targets_company (public_id, created_at, updated_at, name, business_id, kind,
             country, form, status, address, postal_code, website, source, raw)
      SELECT f.public_id, %(now)s, %(now)s, f.name, NULL, 'foreign', f.country, '', 'unknown', '',
             '', '', %(source)s, '{{}}' FROM fresh f RETURNING id, public_id),
    identified AS (
      INSERT INTO targets_companyidentifier
             (company_id, scheme, country, value, source, known_from)
      SELECT m.id, f.scheme, f.country, f.value, %(source)s, %(now)s
        FROM made m JOIN fresh f USING (public_id)
       WHERE f.value <> '')
    {NOTED}"""
# Of a company that the rows name themselves, storing that row makes it, not the link.
COMPANIES_AHEAD = f"""WITH {TOLD}, {FRESH}
    SELECT (SELECT count(*) FROM fresh) + (
      SELECT count(DISTINCT p.code) FROM {AT_HOME} p
       WHERE NOT EXISTS (SELECT 1 FROM targets_company t WHERE t.business_id = p.code)
         AND NOT EXISTS (SELECT 1 FROM targets_importrow r
                          WHERE {LINES} AND r.c_business_id = p.code AND r.c_name <> ''))"""
# The links told of whose ends are in the register.
ENDS = f"""{TOLD}, ends AS MATERIALIZED (
    SELECT DISTINCT ON (l.kind, company.id, site.id, second.id, l."from")
           l.line, l.kind, company.id AS from_company_id, site.id AS site_id,
           CASE WHEN second.id IS NULL THEN site.id END AS to_site_id, second.id AS to_company_id,
           CASE WHEN second.id IS NOT NULL THEN site.id END AS at_site_id, l."from", l."to"
      FROM told l
      JOIN LATERAL (SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_site t
                     WHERE t.source = %(source)s AND t.source_key = l.key OFFSET 0) site ON true
      JOIN LATERAL (SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_company t
                     WHERE t.business_id = l.business_id AND l.business_id <> ''
                    UNION ALL ({FOREIGN_FOUND})
                     LIMIT 1) company ON true
      LEFT JOIN LATERAL (SELECT coalesce(t.merged_into_id, t.id) AS id FROM targets_company t
                          WHERE t.business_id = l.second AND l.second <> '' OFFSET 0) second
        ON true
     WHERE company.id IS DISTINCT FROM second.id
     ORDER BY l.kind, company.id, site.id, second.id, l."from", l.line DESC)"""
OWNER = "CASE WHEN %(shared)s THEN NULL ELSE %(authority)s END"
# An end that has become known is filled in; what it was before, and by which run, is kept for undo.
LINKS = f"""WITH {ENDS}
    INSERT INTO targets_link AS k (public_id, kind, from_company_id, to_site_id, to_company_id,
           at_site_id, valid_from, valid_to, note, source, source_on, authority_id, run_id,
           previous, created_at)
    SELECT gen_random_uuid(), e.kind, e.from_company_id, e.to_site_id, e.to_company_id,
           e.at_site_id, e."from", e."to", '', %(source)s, %(today)s, {OWNER}, %(run)s,
           '[]', %(now)s
      FROM ends e
     ORDER BY e.kind, e.from_company_id, e.site_id, e.to_company_id, e."from"
    ON CONFLICT (kind, from_company_id, from_site_id, to_company_id, to_site_id, at_site_id,
                 valid_from, authority_id, source)
    DO UPDATE SET valid_to = excluded.valid_to, {said_over("k", run="excluded.run_id")}
     WHERE k.valid_to IS DISTINCT FROM excluded.valid_to"""
KNOWN_LINKS = f"""
      SELECT e.line, e.site_id AS id, 'site' AS target,
             t.valid_to IS DISTINCT FROM e."to" AS differs,
             jsonb_build_object('valid_to', t.valid_to) AS old,
             jsonb_build_object('valid_to', e."to") AS new
        FROM ends e JOIN LATERAL (
          SELECT * FROM targets_link t
           WHERE t.from_company_id = e.from_company_id AND t.kind = e.kind
             AND t.source = %(source)s AND t.from_site_id IS NULL
             AND (t.to_company_id, t.to_site_id, t.at_site_id, t.valid_from, t.authority_id)
                 IS NOT DISTINCT FROM
                 (e.to_company_id, e.to_site_id, e.at_site_id, e."from", {OWNER})
          OFFSET 0) t ON true"""
LINKS_TOLD = """SELECT count(*) FROM (
      SELECT DISTINCT l.kind, l.key, l.business_id, l.country, l.scheme, l.value,
             CASE WHEN l.business_id = '' AND l.value = '' THEN l.name END, l.second, l."from"
        FROM told l
       WHERE (l.business_id <> '' OR l.country <> '')
         AND NOT (l.second <> '' AND l.second = l.business_id)) x"""


def merge_links(params: dict[str, Any]) -> None:
    """Links that stand on the rows of sites, and the companies they need."""
    links, from_abroad = one(ANY_TOLD, params)
    if not links:
        return
    run(HOME_COMPANIES, params)
    if from_abroad:
        run(ONE_AT_A_TIME, params)
        run(FOREIGN_COMPANIES, params)
    run(LINKS, params)
