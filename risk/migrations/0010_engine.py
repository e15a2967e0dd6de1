"""Partitions made and dropped on behalf of the application, and what has changed since a run."""

import django.db.models.deletion
from django.db import migrations, models

from audit.walls import SYSTEM

# The application's role owns nothing, so it asks for a partition by number and gets no more than
# that. A partition is filled before it has indexes and hangs on its table; once it does, no rule of
# its own lets anybody in (row-level security without a policy): all reading goes through the
# table and its walls.
PARTITIONS = """
-- A reference to the run is looked up for every row when a partition is attached; the rows go with
-- their partition, which is dropped before its run could be.
ALTER TABLE risk_score DROP CONSTRAINT risk_score_run_id_fkey;
ALTER TABLE risk_worth DROP CONSTRAINT risk_worth_run_id_fkey;
CREATE FUNCTION risk_open_run(run bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public AS $$
DECLARE part text;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.risk_scoringrun r WHERE r.id = run AND r.state = 'running') THEN
    RAISE EXCEPTION 'no such run at work' USING ERRCODE = 'check_violation';
  END IF;
  FOREACH part IN ARRAY ARRAY['risk_score', 'risk_worth'] LOOP
    EXECUTE format('DROP TABLE IF EXISTS public.%I', part || '_' || run);
    -- Looked through once at the end and not meanwhile.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS)'
                   ' WITH (autovacuum_enabled = false)', part || '_' || run, part);
    EXECUTE format('GRANT INSERT ON public.%I TO %I', part || '_' || run, session_user);
  END LOOP;
END $$;
CREATE FUNCTION risk_close_run(run bigint, part text) RETURNS void LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE name text := part || '_' || run;
BEGIN
  IF part NOT IN ('risk_score', 'risk_worth') THEN
    RAISE EXCEPTION 'no such table' USING ERRCODE = 'check_violation';
  END IF;
  EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', name);
  EXECUTE format('ALTER TABLE public.%I RESET (autovacuum_enabled)', name);
  EXECUTE format('REVOKE ALL ON public.%I FROM %I', name, session_user);
  EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES IN (%s)',
                 part, name, run);
  IF part = 'risk_score' THEN
    EXECUTE format('CREATE INDEX ON public.%I (version_id, p DESC)', name);
  ELSE
    EXECUTE format('CREATE INDEX ON public.%I (value DESC, rank)', name);
    EXECUTE format('CREATE INDEX ON public.%I (rank)', name);
  END IF;
  EXECUTE format('ANALYZE public.%I', name);
END $$;
CREATE FUNCTION risk_drop_run(run bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM public.risk_scoringrun r
              WHERE r.id = run AND (r.current OR r.state = 'running')) THEN
    RAISE EXCEPTION 'this run is in use' USING ERRCODE = 'check_violation';
  END IF;
  -- Readers are not made to wait behind one who waits for readers.
  SET LOCAL lock_timeout = '2s';
  EXECUTE format('DROP TABLE IF EXISTS public.%I', 'risk_score_' || run);
  EXECUTE format('DROP TABLE IF EXISTS public.%I', 'risk_worth_' || run);
END $$;
"""
NO_PARTITIONS = """
-- A reference to the run is looked up for every row when a partition is attached; the rows go with
-- their partition, which is dropped before its run could be.
ALTER TABLE risk_score DROP CONSTRAINT risk_score_run_id_fkey;
ALTER TABLE risk_worth DROP CONSTRAINT risk_worth_run_id_fkey;
DROP FUNCTION risk_drop_run(bigint); DROP FUNCTION risk_close_run(bigint, text);
DROP FUNCTION risk_open_run(bigint);
ALTER TABLE risk_score ADD CONSTRAINT risk_score_run_id_fkey FOREIGN KEY (run_id)
  REFERENCES risk_scoringrun (id) ON DELETE CASCADE;
ALTER TABLE risk_worth ADD CONSTRAINT risk_worth_run_id_fkey FOREIGN KEY (run_id)
  REFERENCES risk_scoringrun (id) ON DELETE CASCADE;
"""

BOTH = "site_id, company_id"
# table: what is touched by a row of it
TOUCHES = {
    "targets_signal": f"SELECT DISTINCT {BOTH} FROM changed WHERE coalesce({BOTH}) IS NOT NULL",
    "targets_fact": f"SELECT DISTINCT {BOTH} FROM changed",
    "targets_pastvisit": "SELECT DISTINCT site_id, NULL::bigint FROM changed",
    "targets_link": "SELECT DISTINCT to_site_id, to_company_id FROM changed"
    " UNION SELECT DISTINCT at_site_id, NULL::bigint FROM changed WHERE at_site_id IS NOT NULL",
    "targets_successorhint": "SELECT DISTINCT NULL::bigint, new_id FROM changed",
}


def touching(table: str, rows: str) -> migrations.RunSQL:
    """Note what a statement on ``table`` touched; one row a site or company, no waiting."""
    triggers = "".join(
        f"CREATE TRIGGER touched_{event.lower()} AFTER {event} ON {table} REFERENCING {side} TABLE"
        f" AS changed FOR EACH STATEMENT EXECUTE FUNCTION {table}_touched();\n"
        for event, side in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    )
    drops = "".join(
        f"DROP TRIGGER touched_{event} ON {table};" for event in ("insert", "update", "delete")
    )
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_touched() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO risk_touched (site_id, company_id, at)
          SELECT t.*, now() FROM ({rows}) t;
          RETURN NULL;
        END $$;
        {triggers}""",
        f"{drops} DROP FUNCTION {table}_touched();",
    )


def for_the_system(table: str) -> migrations.RunSQL:
    """Anybody's work may add a row; only the system reads and removes."""
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY system_only ON {table} USING ({SYSTEM}) WITH CHECK (true);
        """,
        f"""
        DROP POLICY system_only ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


class Migration(migrations.Migration):
    dependencies = [("risk", "0002_walls"), ("targets", "0036_visit_known"), ("audit", "0006_event_target")]

    operations = [
        migrations.CreateModel(
            name="Touched",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("site_id", models.BigIntegerField(null=True)),
                ("company_id", models.BigIntegerField(null=True)),
                ("at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"ordering": ["pk"]},
        ),
        migrations.CreateModel(
            name="Refreshed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("site_id", models.BigIntegerField()),
                ("as_of", models.DateField()),
                ("known_at", models.DateTimeField()),
                ("run", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="refreshed", to="risk.scoringrun")),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [models.UniqueConstraint(fields=("run", "site_id"), name="refreshed_once")],
            },
        ),
        migrations.CreateModel(
            name="RunPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version_id", models.BigIntegerField()),
                ("part", models.PositiveSmallIntegerField()),
                ("parts", models.PositiveSmallIntegerField()),
                ("rows", models.PositiveIntegerField(default=0)),
                ("run", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="risk.scoringrun")),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [models.UniqueConstraint(fields=("run", "version_id", "part"), name="run_part_once")],
            },
        ),
        migrations.AddField("scoringrun", "usual", models.JSONField(default=dict)),
        migrations.RunSQL(PARTITIONS, NO_PARTITIONS),
        migrations.RunSQL(
            "CREATE INDEX risk_cases_of_site ON audit_event (site_id)"
            " WHERE verb IN ('nomination.made', 'choice.picked')",
            "DROP INDEX risk_cases_of_site",
        ),
        for_the_system("risk_touched"),
        for_the_system("risk_refreshed"),
        *(touching(table, rows) for table, rows in TOUCHES.items()),
    ]
