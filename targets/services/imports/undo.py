"""Taking a whole import back: rows it made go, values it changed return, unless others built on them.

What somebody has done with a row meanwhile (a visit, a nomination, a tag, a later import) is never
taken away: such a row stays and is counted as kept.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from targets.models import (
    Company,
    CompanyIdentifier,
    CompanyName,
    CompanyRegistration,
    Fact,
    ImportRun,
    Link,
    PastVisit,
    PersonRole,
    RegisterChange,
    Site,
)
from targets.services.imports import prh, prh_v1
from targets.services.imports.changed import tell
from targets.services.imports.merge import COMPANY, SITE
from targets.services.imports.merge_facts import VISIT
from targets.services.imports.records import CompanyRecord, Refused, SiteRecord
from targets.services.imports.staging import Stage
from targets.services.relations import relations_to

# Made by imports from the row itself, or by jobs from it: they say nothing of anybody's work.
DERIVED = {
    "targets.registerchange", "targets.siteoperator", "targets.companyname",
    "targets.companyidentifier", "targets.companyregistration", "targets.searchentry",
    "targets.matchpair", "targets.successorhint",
}  # fmt: skip


COLUMNS_OF = {"site_id": "sites", "company_id": "companies"}


@dataclass
class Step:
    """What one step took back, what it had to keep, and whether nothing is left."""

    undone: int = 0
    kept: int = 0
    done: bool = False


def take_back(run: ImportRun, limit: int) -> Step:
    """Take back the newest ``limit`` changes of the run that are left; one transaction."""
    step = Step()
    if run.undo_before is None:
        _facts_links_visits(run, step)
    changes = RegisterChange.objects.filter(run=run, undo=False)
    if run.undo_before is not None:
        changes = changes.filter(pk__lt=run.undo_before)
    part = list(changes.order_by("-pk").values_list("pk", "site_id", "company_id", "old")[:limit])
    if not part:
        step.done = True
        return step
    run.undo_before = part[-1][0]
    bounds = {"run": run.pk, "low": part[-1][0], "high": part[0][0], "now": timezone.now()}
    _restore("targets_site", "site_id", SITE, bounds, step)
    _restore("targets_company", "company_id", COMPANY, bounds, step)
    made_sites = [site for _pk, site, _company, old in part if site and old is None]
    made_companies = [company for _pk, _site, company, old in part if company and old is None]
    _remove(Site, "site", made_sites, run, step)
    _remove(Company, "company", made_companies, run, step)
    step.done = len(part) < limit
    return step


def has_noted(run: ImportRun) -> bool:
    """Whether the run has left anything that can be taken back; five look-ups by an index."""
    return any(
        rows.exists()
        for rows in (
            RegisterChange.objects.filter(run=run, undo=False), Fact.objects.filter(run=run),
            Link.objects.filter(run=run), PersonRole.objects.filter(run=run),
            PastVisit.objects.filter(run_id=run.pk),
        )
    )  # fmt: skip


# ------------------------------------------------------------------------ made rows
def _built_upon(model: type[models.Model], run: ImportRun) -> list[Exists]:
    """One test for each relation by which somebody's work may hang on a row of ``model``."""
    tests = []
    for relation in relations_to(model):
        label = relation.related_model._meta.label_lower
        if label in DERIVED:
            continue
        rows = relation.related_model._default_manager.filter(
            **{relation.field.name: OuterRef("pk")}
        )
        if label in ("targets.fact", "targets.link", "targets.personrole"):
            rows = rows.exclude(run=run)
        tests.append(Exists(rows))
    return tests


def _remove(
    model: type[Site] | type[Company], name: str, ids: list[int], run: ImportRun, step: Step
) -> None:
    """Delete rows the run made that nobody has built upon."""
    if not ids:
        return
    rows = model.objects.filter(pk__in=ids)
    for test in _built_upon(model, run):
        rows = rows.exclude(test)
    later = RegisterChange.objects.filter(**{name: OuterRef("pk")}, undo=False).exclude(run=run)
    gone = list(rows.exclude(Exists(later)).values_list("pk", flat=True))
    for label in sorted(DERIVED):
        if label.split(".")[1] in apps.all_models["targets"]:
            _remove_derived(apps.get_model(label), model, gone)
    for owned in (Fact, Link, PersonRole):
        _remove_derived(owned, model, gone)
    model.objects.filter(pk__in=gone)._raw_delete(using=connection.alias)
    step.undone += len(gone)
    step.kept += len(ids) - len(gone)


def _remove_derived(derived: type[models.Model], model: type[models.Model], ids: list[int]) -> None:
    for relation in derived._meta.get_fields():
        if isinstance(relation, models.ForeignKey) and relation.related_model is model:
            rows = derived._default_manager.filter(**{f"{relation.name}__in": ids})
            rows._raw_delete(using=connection.alias)


# ------------------------------------------------------------------------ changed rows
def _restore(
    table: str, column: str, columns: dict[str, str], bounds: dict[str, Any], step: Step
) -> None:
    """Give changed columns back what they held, where they still hold what the run wrote."""
    names = ", ".join(columns)
    sql = f"""WITH part AS (
      SELECT * FROM targets_registerchange c
       WHERE c.run_id = %(run)s AND NOT c.undo AND c.old IS NOT NULL AND c.{column} IS NOT NULL
         AND c.id BETWEEN %(low)s AND %(high)s),
    said AS (
      SELECT p.{column} AS id, p.id AS turn, true AS before, o.key, o.value
        FROM part p, jsonb_each(p.old) o
       UNION ALL
      SELECT p.{column}, p.id, false, n.key, n.value FROM part p, jsonb_each(p.new) n),
    rows AS (
      -- Changed twice by the same run: the oldest state returns, the newest must be there.
      SELECT s.id, jsonb_object_agg(s.key, s.value ORDER BY s.turn DESC) FILTER (WHERE s.before) AS old,
             jsonb_object_agg(s.key, s.value ORDER BY s.turn) FILTER (WHERE NOT s.before) AS new
        FROM said s GROUP BY s.id),
    back AS (
      SELECT r.id, r.new, (
        SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(r.old) o
         WHERE t.now -> o.key IS NOT DISTINCT FROM r.new -> o.key) AS restore
        FROM rows r JOIN LATERAL (
          SELECT to_jsonb(t) AS now FROM {table} t WHERE t.id = r.id OFFSET 0) t ON true),
    -- All that is told below comes with the rows: joined again, each would be compared with all.
    done AS (
      UPDATE {table} t SET updated_at = %(now)s, ({names}) = (
          SELECT {names} FROM jsonb_populate_record(t, b.restore))
        FROM back b WHERE t.id = b.id AND b.restore IS NOT NULL
      RETURNING t.id, t.source, b.new, b.restore),
    noted AS (
      INSERT INTO targets_registerchange (run_id, {column}, old, new, source, undo, at)
      SELECT %(run)s, d.id,
             (SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(d.new) n
               WHERE d.restore ? n.key), d.restore, d.source, true, %(now)s
        FROM done d)
    SELECT (SELECT count(*) FROM rows), array_agg(d.id),
           array_agg(d.id) FILTER (WHERE d.restore ?| array['raw', 'company_id'])
      FROM done d"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, bounds)
        found, ids, deeper = cursor.fetchone()
    step.undone += len(ids or [])
    step.kept += found - len(ids or [])
    touched = list(ids or [])
    tell(**{"sites": [], "companies": [], COLUMNS_OF[column]: touched})
    if deeper and column == "site_id":
        _restore_operators(deeper, bounds)
    elif deeper:
        _restore_hanging(deeper, bounds["run"])


def _restore_operators(sites: list[int], bounds: dict[str, Any]) -> None:
    """The company that runs the site again takes its turn up where it was ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM targets_siteoperator o USING targets_site s
             WHERE s.id = ANY (%s) AND o.site_id = s.id AND o.valid_to IS NULL
               AND o.company_id IS DISTINCT FROM s.company_id
               AND o.valid_from >= (SELECT r.created_at::date FROM targets_importrun r
                                     WHERE r.id = %s)""",
            [sites, bounds["run"]],
        )
        cursor.execute(
            """UPDATE targets_siteoperator o SET valid_to = NULL FROM targets_site s
             WHERE s.id = ANY (%s) AND o.site_id = s.id AND o.company_id = s.company_id
               AND o.id = (SELECT max(l.id) FROM targets_siteoperator l
                            WHERE l.site_id = s.id AND l.company_id = s.company_id)""",
            [sites],
        )
        # A first turn that the import wrote down says again what the site says by itself.
        cursor.execute(
            """DELETE FROM targets_siteoperator o USING targets_site s
             WHERE s.id = ANY (%s) AND o.site_id = s.id AND o.company_id = s.company_id
               AND o.valid_to IS NULL AND o.valid_from IS NOT DISTINCT FROM s.opened_on
               AND o.known_from >= (SELECT r.created_at FROM targets_importrun r WHERE r.id = %s)
               AND NOT EXISTS (SELECT 1 FROM targets_siteoperator x
                                WHERE x.site_id = s.id AND x.id <> o.id)""",
            [sites, bounds["run"]],
        )


# Rows that became known with a change of the run and from its register, and no others. A company
# that was merged has what hung on it at the one it is part of (which has no record of its own).
TAKE_HANGING = """DELETE FROM {table} h USING targets_registerchange c, targets_company t
    WHERE c.run_id = %(run)s AND NOT c.undo AND c.company_id = ANY (%(ids)s) AND t.id = c.company_id
      AND h.company_id IN (t.id, t.merged_into_id) AND h.source = c.source AND h.known_from = c.at"""
NAME_ENDS = """UPDATE targets_companyname h SET valid_to = e."to"
      FROM jsonb_to_recordset(%(ends)s) AS e(id bigint, name text, kind text, "from" date, "to" date)
      JOIN targets_company t ON t.id = e.id
     WHERE h.company_id IN (t.id, t.merged_into_id) AND h.name = e.name AND h.kind = e.kind
       AND h.valid_from IS NOT DISTINCT FROM e."from"
       AND e."to" IS DISTINCT FROM h.valid_to"""
# Of entries it is kept when their end became known: those are meant whose end the run told. An end
# from before counts as known since the record that told it, or since the entry itself.
ENTRY_ENDS = """UPDATE targets_companyregistration h SET valid_to = e."to",
           end_known_from = CASE WHEN e."to" IS NOT NULL THEN (
             SELECT max(b.at) FROM targets_registerchange b
              WHERE b.company_id = e.id AND NOT b.undo AND b.new ? 'raw' AND b.at < h.end_known_from
                AND b.run_id IS DISTINCT FROM %(run)s AND b.at > h.known_from) END
      FROM jsonb_to_recordset(%(ends)s)
           AS e(id bigint, register text, entry text, "from" date, "to" date)
      JOIN targets_company t ON t.id = e.id
     WHERE h.company_id IN (t.id, t.merged_into_id) AND h.register = e.register
       AND h.entry = e.entry AND h.valid_from IS NOT DISTINCT FROM e."from"
       AND h.valid_to IS DISTINCT FROM e."to"
       AND EXISTS (SELECT 1 FROM targets_registerchange c WHERE c.company_id = e.id
                      AND c.run_id = %(run)s AND NOT c.undo AND c.at = h.end_known_from)"""


def _restore_hanging(ids: list[int], run: int) -> None:
    """Names, identifiers and entries as the earlier record says: only what the run did is undone.

    What other registers said stays, and since when each row is known.
    """
    names: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for company in Company.objects.filter(pk__in=ids).order_by("pk"):
        record = _record(company.raw)
        if record is None:
            continue
        said = json.loads(Stage.more(record, None) or "{}")
        names += [{"id": company.pk} | name for name in said.get("names", [])]
        entries += [{"id": company.pk} | entry for entry in said.get("entries", [])]
    with connection.cursor() as cursor:
        for model in (CompanyName, CompanyIdentifier, CompanyRegistration):
            statement = TAKE_HANGING.format(table=model._meta.db_table)
            cursor.execute(statement, {"run": run, "ids": ids})
        for statement, ends in ((NAME_ENDS, names), (ENTRY_ENDS, entries)):
            cursor.execute(statement, {"run": run, "ends": json.dumps(ends)})


def _record(raw: dict[str, Any]) -> CompanyRecord | None:
    if not raw:
        return None
    make = prh_v1.record if "businessLines" in raw or "auxiliaryNames" in raw else prh.record
    try:
        made = make(raw)
    except Refused:
        return None
    return made.company if isinstance(made, SiteRecord) else made


# ------------------------------------------------------------------------ facts, links, visits
_SAID = ", ".join(
    field.column
    for field in Fact._meta.concrete_fields
    if field.column and field.column not in ("id", "public_id", "known_from", "known_to")
)
CLOSE_FACTS = """UPDATE targets_fact SET known_to = %(now)s
    WHERE run_id = %(run)s AND known_to IS NULL"""
# What was said before the run said otherwise is said again, from now on.
SAY_AGAIN = f"""INSERT INTO targets_fact (public_id, known_from, known_to, {_SAID})
    SELECT gen_random_uuid(), %(now)s, NULL, {_SAID} FROM (
      SELECT DISTINCT ON (m.id) e.* FROM targets_fact m
        JOIN targets_fact e ON e.authority_id = m.authority_id AND e.source = m.source
         AND e.source_key = m.source_key AND e.known_to = m.known_from
         AND e.run_id IS DISTINCT FROM m.run_id
       WHERE m.run_id = %(run)s AND m.known_to = %(now)s
       ORDER BY m.id, e.id DESC) before"""  # noqa: S608


def _before(table: str, columns: str) -> str:
    """What the run said over an earlier import says that again, and is that import's again."""
    return f"""UPDATE {table} v
    SET run_id = (SELECT r.id FROM targets_importrun r
                   WHERE r.id = (v.previous -> -1 ->> 'run')::bigint),
        previous = v.previous - -1,
        ({columns}) = (SELECT {columns} FROM jsonb_populate_record(v, v.previous -> -1))
    WHERE v.run_id = %(run)s AND v.previous <> '[]'"""  # noqa: S608


BEFORE = (
    _before("targets_link", "valid_to"), _before("targets_personrole", "valid_to"),
    _before("targets_pastvisit", ", ".join(VISIT)),
)  # fmt: skip


def _facts_links_visits(run: ImportRun, step: Step) -> None:
    """Facts are closed and the ones before said again (what was known then stays known then)."""
    values: dict[str, Any] = {"run": run.pk, "now": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute(CLOSE_FACTS, values)
        step.undone += cursor.rowcount
        cursor.execute(SAY_AGAIN, values)
    # Those made by this run come first: a restored one may name an earlier import that is left.
    step.undone += Link.objects.filter(run=run, previous=[]).delete()[0]
    step.undone += PersonRole.objects.filter(run=run, previous=[]).delete()[0]
    made = PastVisit.objects.filter(run_id=run.pk, previous=[])
    unused = made
    for relation in relations_to(PastVisit):
        unused = unused.exclude(
            Exists(
                relation.related_model._default_manager.filter(
                    **{relation.field.name: OuterRef("pk")}
                )
            )
        )
    step.undone += unused.delete()[0]
    step.kept += made.count()
    with connection.cursor() as cursor:
        for statement in BEFORE:
            cursor.execute(statement, values)
            step.undone += cursor.rowcount
