"""Keeps the search's entries in step with the register, set by set."""

from collections.abc import Iterable, Iterator, Sequence

from django.db import connection, transaction

from audit.context import as_system
from targets.services.imports.changed import when_changed

BATCH = 20_000

# ``id, kind, shown, text, words`` of every entry that the picked sites should have.
SITE_WANTED = """
  SELECT s.id, n.kind, n.shown, targets_normal(n.shown) AS text,
    concat_ws(' ', n.shown, c.name, s.address, s.postal_code, m.name_fi, m.name_sv) AS said,
    ARRAY['#s', '#' || s.region_id, replace(c.business_id, '-', '')] AS marks
  FROM targets_site s
  LEFT JOIN targets_company c ON c.id = s.company_id
  LEFT JOIN authorities_area m ON m.id = s.municipality_id
  CROSS JOIN LATERAL (SELECT DISTINCT 'name' AS kind, left(v, 300) AS shown
    FROM unnest(ARRAY[s.name, s.name_fi, s.name_sv, s.name_en]) v WHERE v <> ''
    -- What other registers call the same place.
    UNION SELECT 'name', left(o.name, 300) FROM targets_site o WHERE o.merged_into_id = s.id
    -- What it was called before; the index holds only changes that renamed something.
    UNION SELECT 'former', left(v.value, 300)
    FROM targets_registerchange h, jsonb_each_text(h.old) v
    WHERE h.site_id = s.id AND h.old ?| ARRAY['name', 'name_fi', 'name_sv', 'name_en']
      AND NOT h.undo AND v.key IN ('name', 'name_fi', 'name_sv', 'name_en')
      AND v.value <> ALL (ARRAY[s.name, s.name_fi, s.name_sv, s.name_en])) n
  WHERE s.id = ANY (%(ids)s) AND s.merged_into_id IS NULL
  UNION ALL
  SELECT s.id, 'code', s.locator, replace(targets_normal(s.locator), ' ', ''), '', '{}'
  FROM targets_site s
  WHERE s.id = ANY (%(ids)s) AND s.locator <> '' AND s.merged_into_id IS NULL
"""
COMPANY_WANTED = """
  SELECT c.id, n.kind, n.shown, targets_normal(n.shown) AS text,
    concat_ws(' ', n.shown, c.address, c.postal_code, m.name_fi, m.name_sv) AS said,
    ARRAY['#c', replace(c.business_id, '-', '')] AS marks
  FROM targets_company c
  LEFT JOIN authorities_area m ON m.id = c.municipality_id
  CROSS JOIN LATERAL (SELECT 'name' AS kind, c.name AS shown UNION
    SELECT CASE WHEN o.valid_to IS NULL THEN 'name' ELSE 'former' END, o.name
    FROM targets_companyname o WHERE o.company_id = c.id
    UNION SELECT 'name', o.name FROM targets_company o WHERE o.merged_into_id = c.id) n
  WHERE c.id = ANY (%(ids)s) AND c.merged_into_id IS NULL
  UNION ALL
  SELECT c.id, 'code', c.business_id, replace(c.business_id, '-', ''), '', '{}'
  FROM targets_company c WHERE c.id = ANY (%(ids)s) AND c.business_id IS NOT NULL
  UNION ALL
  SELECT i.company_id, 'code', i.value, replace(targets_normal(i.value), ' ', ''), '', '{}'
  FROM targets_companyidentifier i WHERE i.company_id = ANY (%(ids)s)
"""
REFRESH = """
WITH wanted AS MATERIALIZED (
  SELECT DISTINCT ON (id, kind, text) id, kind, text, shown,
    array_to_tsvector(array_remove(array_remove(
      string_to_array(targets_normal(said), ' ') || marks, NULL), '')) AS words
  FROM ({wanted}) w WHERE text <> '' ORDER BY id, kind, text, shown),
gone AS (
  DELETE FROM targets_searchentry e WHERE e.{column} = ANY (%(ids)s) AND NOT EXISTS (
    SELECT 1 FROM wanted w WHERE w.id = e.{column} AND w.kind = e.kind AND w.text = e.text)),
lexicon AS (
  INSERT INTO targets_searchword (word)
  SELECT DISTINCT word FROM wanted, unnest(tsvector_to_array(words)) word
  WHERE word ~ '^[[:alpha:]]{{3}}.' ORDER BY word ON CONFLICT DO NOTHING)
INSERT INTO targets_searchentry ({column}, kind, text, shown, words)
SELECT id, kind, text, shown, words FROM wanted ORDER BY id, kind, text
ON CONFLICT ({column}, kind, text) DO UPDATE SET shown = EXCLUDED.shown, words = EXCLUDED.words
WHERE (targets_searchentry.shown, targets_searchentry.words)
  IS DISTINCT FROM (EXCLUDED.shown, EXCLUDED.words)
"""
TABLES = {
    "targets_site": REFRESH.format(wanted=SITE_WANTED, column="site_id"),
    "targets_company": REFRESH.format(wanted=COMPANY_WANTED, column="company_id"),
}


def refresh(*, sites: Iterable[int] | None = None, companies: Iterable[int] | None = None) -> None:
    """Bring the entries of these sites and companies (ids) up to date; one statement a table.

    With neither, everything (``refresh_everything``). Sites carry their company's name: give the
    sites of a renamed company too (``sites_of``).
    """
    if sites is None and companies is None:
        for _done in refresh_everything():
            pass
        return
    with transaction.atomic(), as_system("entries hold every row; who reads them asks the walls"):
        for table, ids in (("targets_site", sites), ("targets_company", companies)):
            if ids:
                with connection.cursor() as cursor:
                    cursor.execute(TABLES[table], {"ids": sorted(ids)})


@when_changed
def follow(sites: Sequence[int], companies: Sequence[int]) -> None:
    """An import, a merge or an undoing has changed these: their entries follow at once."""
    refresh(sites={*sites, *sites_of(companies)}, companies=companies)


def sites_of(companies: Iterable[int]) -> list[int]:
    """Ids of the sites that these companies run, whoever asks."""
    with transaction.atomic(), as_system("for the entries"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM targets_site WHERE company_id = ANY (%s) ORDER BY id",
            [list(companies)],
        )
        return [row[0] for row in cursor.fetchall()]


def refresh_everything(batch: int = BATCH) -> Iterator[int]:
    """Every site and company, batch by batch, each its own transaction; yields ids done.

    May be stopped and started again: what is up to date already is not written again. Words that no
    entry holds any more are forgotten at the end.
    """
    for table, argument in (("targets_site", "sites"), ("targets_company", "companies")):
        last = 0
        while ids := _after(table, last, batch):
            refresh(**{argument: ids})
            last = ids[-1]
            yield len(ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM targets_searchword w WHERE NOT EXISTS (SELECT 1 FROM targets_searchentry e"
            " WHERE e.words @@ w.word::tsquery)"
        )


def _after(table: str, last: int, batch: int) -> list[int]:
    with transaction.atomic(), as_system("for the entries"), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s",  # noqa: S608  # our names
            [last, batch],
        )
        return [row[0] for row in cursor.fetchall()]
