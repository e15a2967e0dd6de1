"""Sites whose values follow from what was learned of another site: near it, or of its company.

“Findings nearby” counts the visits of a municipality, an industry or a postal code, and a company's
sites are counted for each of them. What is learned of one site therefore changes others, and they
are scored anew with it; where they are too many a whole run is asked for instead.
"""

from collections.abc import Sequence

from django.db import connection

from risk.models import ModelVersion, ScoringRun, Source, Touched

COMPANY = "company"  # beside the kinds of ``near`` of the definitions
# A site or its company as it is, as it was before each change since the run, and what it was part of.
PLACES = """
WITH asked AS (
    SELECT unnest(%(sites)s::bigint[]) AS id),
  changes AS (
    SELECT c.site_id, c.company_id, c.old FROM targets_registerchange c
     WHERE c.at > %(since)s AND c.old IS NOT NULL
       AND (c.site_id IN (SELECT id FROM asked) OR c.company_id IN (
            SELECT s.company_id FROM targets_site s JOIN asked a ON a.id = s.id))),
  companies AS (
    SELECT s.company_id AS id FROM targets_site s JOIN asked a ON a.id = s.id
     WHERE s.company_id IS NOT NULL
    UNION SELECT (old ->> 'company_id')::bigint FROM changes
     WHERE site_id IS NOT NULL AND old ->> 'company_id' IS NOT NULL),
  industries AS (
    SELECT s.industry_id AS id FROM targets_site s JOIN asked a ON a.id = s.id
    UNION SELECT c.industry_id FROM targets_company c JOIN companies o ON o.id = c.id
    UNION SELECT (old ->> 'industry_id')::bigint FROM changes)
SELECT
    ARRAY(SELECT s.municipality_id FROM targets_site s JOIN asked a ON a.id = s.id
           WHERE s.municipality_id IS NOT NULL
          UNION SELECT (old ->> 'municipality_id')::bigint FROM changes
           WHERE old ->> 'municipality_id' IS NOT NULL),
    ARRAY(SELECT DISTINCT left(i.code, 2) FROM targets_industry i
           WHERE i.id IN (SELECT id FROM industries)),
    ARRAY(SELECT s.postal_code FROM targets_site s JOIN asked a ON a.id = s.id
           WHERE s.postal_code <> ''
          UNION SELECT old ->> 'postal_code' FROM changes WHERE old ->> 'postal_code' <> ''),
    ARRAY(SELECT id FROM companies)"""
DIVISION = """(s.industry_id = ANY (%(industries)s::bigint[]) OR s.industry_id IS NULL
    AND EXISTS (SELECT 1 FROM targets_company c WHERE c.id = s.company_id
                   AND c.industry_id = ANY (%(industries)s::bigint[])))"""
MUNICIPALITY = "s.municipality_id = ANY (%(municipalities)s::bigint[])"
NEAR = {
    "municipality": MUNICIPALITY, "industry": DIVISION, "both": f"{MUNICIPALITY} AND {DIVISION}",
    "postal_code": "s.postal_code = ANY (%(postal_codes)s::text[])",
    COMPANY: "s.company_id = ANY (%(companies)s::bigint[])",
}  # fmt: skip
# What of a register row moves a site from one place to another.
MOVES = ("municipality_id", "industry_id", "postal_code", "company_id")


def reached(
    run: ScoringRun, versions: Sequence[ModelVersion], touched: Sequence[Touched],
    sites: Sequence[int], most: int,
) -> list[int] | None:  # fmt: skip
    """Others whose values in the run's versions follow from what ``touched`` tell; None: too many.

    ``sites``: those touched themselves, with the sites of touched companies and with rows that
    became part of others.
    """
    kinds = _kinds(versions)
    if not kinds:
        return []
    near = {row.site_id for row in touched if row.near and row.site_id}
    sources = near | _moved(run, set(sites))
    found = _around(run, kinds, sources, set(sites), most) if sources else set()
    return sorted(found) if len(found) <= most else None


def _kinds(versions: Sequence[ModelVersion]) -> set[str]:
    """Around what the indicators of these versions look."""
    found = set()
    for version in versions:
        for use in version.indicators.all():
            said = use.indicator.definition
            if use.indicator.source == Source.VISITS and said["measure"] == "neighbours":
                found.add(said["near"])
            if use.indicator.source == Source.REGISTER and said["measure"] == "sites":
                found.add(COMPANY)
    return found


def _moved(run: ScoringRun, sites: set[int]) -> set[int]:
    """Of these those that are new, stand elsewhere or are part of another since the run."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT s.id FROM targets_site s WHERE s.id = ANY (%(sites)s::bigint[])
                AND (s.merged_into_id IS NOT NULL OR s.created_at > %(since)s OR EXISTS (
                  SELECT 1 FROM targets_registerchange c WHERE c.at > %(since)s
                     AND (c.site_id = s.id OR c.company_id = s.company_id)
                     AND jsonb_exists_any(c.old, %(moves)s::text[])))""",
            {"sites": sorted(sites), "since": run.known_at, "moves": list(MOVES)},
        )
        return {row[0] for row in cursor.fetchall()}


def _around(
    run: ScoringRun, kinds: set[str], sites: set[int], without: set[int], most: int
) -> set[int]:
    """Sites around these, ``without`` some; a few more than ``most`` where there are more."""
    with connection.cursor() as cursor:
        cursor.execute(PLACES, {"sites": sorted(sites), "since": run.known_at})
        municipalities, divisions, postal_codes, companies = cursor.fetchone()
        cursor.execute(
            "SELECT id FROM targets_industry WHERE left(code, 2) = ANY (%s::text[])", [divisions]
        )
        params = {
            "municipalities": municipalities, "industries": [row[0] for row in cursor.fetchall()],
            "postal_codes": postal_codes, "companies": companies, "most": most + 1,
            "without": sorted(without),
        }  # fmt: skip
        found: set[int] = set()
        for kind in sorted(kinds):
            cursor.execute(
                f"SELECT s.id FROM targets_site s WHERE s.merged_into_id IS NULL AND {NEAR[kind]}"
                " AND s.id <> ALL (%(without)s::bigint[]) LIMIT %(most)s", params,
            )  # fmt: skip
            found |= {row[0] for row in cursor.fetchall()}
            if len(found) > most:
                break
    return found
