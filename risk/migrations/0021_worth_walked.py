"""The joint list is walked by worth and site; an index that nothing asked goes."""

from django.db import migrations

CLOSE = """
CREATE OR REPLACE FUNCTION risk_close_run(run bigint, part text) RETURNS void LANGUAGE plpgsql
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
    EXECUTE format('CREATE INDEX ON public.%I ({index})', name);
  END IF;
  EXECUTE format('ANALYZE public.%I', name);
END $$;
"""


def _closing(index: str) -> str:
    return CLOSE.replace("{index}", index)


class Migration(migrations.Migration):

    dependencies = [
        ("risk", "0020_govern_writers"),
    ]

    operations = [
        migrations.RunSQL(_closing("value DESC, site_id"), _closing("rank")),
    ]
