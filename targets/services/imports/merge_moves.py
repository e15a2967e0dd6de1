"""What an import brings to rows that are part of others by now, noted so that an un-merge finds it.

A source goes on speaking of its own row after that was merged: what it says is stored with the row
that was kept, and the journal of the merge (``MergeMove``) says that it came through the other.
"""

from typing import Any

from targets.models import ImportKind, Merge
from targets.services.imports.merge import LINES, run

# From a row that is part of another to every merge between it and the row that is kept now.
CHAIN = """RECURSIVE chain AS (
    SELECT g.id AS merge, g.{kind}_loser_id AS loser, g.{kind}_survivor_id AS kept
      FROM targets_merge g WHERE g.undone_at IS NULL AND g.{kind}_loser_id IS NOT NULL
    UNION ALL
    SELECT g.id, c.loser, g.{kind}_survivor_id FROM chain c
      JOIN targets_merge g ON g.{kind}_loser_id = c.kept AND g.undone_at IS NULL)"""
# The merged row that a staged row names: by its source's key, or by its business ID.
SITE = f"""targets_importrow r JOIN LATERAL (
      SELECT t.id, t.merged_into_id AS kept FROM targets_site t
       WHERE t.source = %(source)s AND t.source_key = {{key}} OFFSET 0) t
        ON t.kept IS NOT NULL AND {LINES} AND {{key}} <> ''"""
COMPANY = f"""targets_importrow r JOIN LATERAL (
      SELECT t.id, t.merged_into_id AS kept FROM targets_company t
       WHERE t.business_id = r.c_business_id OFFSET 0) t
        ON t.kept IS NOT NULL AND {LINES} AND r.c_business_id <> ''"""
FACT = """targets_fact x ON x.authority_id = %(authority)s AND x.source = %(source)s
       AND x.source_key = {key} AND x.known_to IS NULL AND x.{column} = t.kept"""
LINK = "targets_link x ON x.run_id = %(run)s AND x.{column} = t.kept"
# Companies that links on rows of sites name; an identifier that a merge moved is still the loser's.
NAMED = f"""(SELECT DISTINCT n.id FROM targets_importrow r
      JOIN LATERAL jsonb_to_recordset(r.more -> 'links')
           AS l(business_id text, scheme text, country text, value text, second text) ON true
      JOIN LATERAL (
        SELECT c.id FROM targets_company c WHERE c.business_id IN (l.business_id, l.second)
        UNION SELECT g.company_loser_id FROM targets_companyidentifier i
          JOIN targets_mergemove m ON m."table" = 'targets_companyidentifier' AND m.row = i.id
          JOIN targets_merge g ON g.id = m.merge_id AND g.undone_at IS NULL
         WHERE (i.scheme, i.country, i.value) = (l.scheme, l.country, l.value)) n ON true
     WHERE {LINES} AND r.more ? 'links')"""
OF_LINK = (
    f"{NAMED} n JOIN LATERAL (SELECT c.id, c.merged_into_id AS kept"
    " FROM targets_company c WHERE c.id = n.id OFFSET 0) t ON t.kept IS NOT NULL"
)


def _noted(kind: str, table: str, column: str, rows: str, *, open: bool = False) -> str:
    """Note the rows of ``table`` that came through a merged site or company (``kind``).

    ``rows`` joins the merged row ``t`` to those of the table, ``x``.
    """
    return f"""WITH {CHAIN.format(kind=kind)}
    INSERT INTO targets_mergemove (merge_id, "table", "column", row, action, open, at)
    SELECT DISTINCT c.merge, '{table}', '{column}', x.id, 'moved', {str(open).lower()}, %(now)s
      FROM {rows} JOIN chain c ON c.loser = t.id
    ON CONFLICT DO NOTHING"""


OF_ROW = "r.key || '#' || (e ->> 'kind')"  # of a fact on a row of sites
ABOUT = SITE.format(key="r.v_about")
AT = SITE.format(key="r.key")
STATEMENTS: dict[str, tuple[str, ...]] = {
    ImportKind.VISITS: (
        _noted("site", "targets_pastvisit", "site_id",
               f"{ABOUT} JOIN targets_pastvisit x ON x.source = %(owned_source)s"
               " AND x.source_key = r.key AND x.site_id = t.kept"),
    ),
    ImportKind.FACTS: (
        _noted("site", "targets_fact", "site_id",
               f"{ABOUT} JOIN {FACT.format(key='r.key', column='site_id')}"),
        _noted("company", "targets_fact", "company_id",
               f"{COMPANY} JOIN {FACT.format(key='r.key', column='company_id')}"),
    ),
    ImportKind.ROLES: (
        _noted("company", "targets_personrole", "company_id",
               f"{COMPANY} JOIN targets_personrole x ON x.company_id = t.kept"
               " AND x.run_id = %(run)s AND x.person = r.v_about AND x.role = r.v_kind"),
    ),
    ImportKind.SITES: (
        _noted("company", "targets_site", "company_id",
               f"{COMPANY} JOIN targets_site x ON x.source = %(source)s"
               " AND x.source_key = r.key AND x.company_id = t.kept", open=True),
        _noted("site", "targets_fact", "site_id",
               f"{AT} JOIN LATERAL jsonb_array_elements(coalesce(r.more -> 'facts', '[]')) e"
               f" ON true JOIN {FACT.format(key=OF_ROW, column='site_id')}"),
        *(
            _noted("site", "targets_link", column, f"{AT} JOIN {LINK.format(column=column)}")
            for column in ("to_site_id", "at_site_id")
        ),
        *(
            _noted("company", "targets_link", column,
                   f"{OF_LINK} JOIN {LINK.format(column=column)}")
            for column in ("from_company_id", "to_company_id")
        ),
    ),
}  # fmt: skip


def note_moves(kind: str, params: dict[str, Any]) -> None:
    """Note what the lines of a chunk brought to merged rows; nothing where nothing is merged."""
    if Merge.objects.filter(undone_at__isnull=True).exists():
        for statement in STATEMENTS[kind]:
            run(statement, params)
