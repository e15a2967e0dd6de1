"""By what a run was reckoned is kept with it and never changed."""

from django.db import migrations, models

# What a run is made by is said when it begins; what it finds to be usual while it is at work.
KEPT = """
CREATE FUNCTION risk_kept_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.as_of, NEW.known_at, NEW.reckoning)
     IS DISTINCT FROM (OLD.as_of, OLD.known_at, OLD.reckoning)
     OR (OLD.state <> 'running' AND NEW.usual IS DISTINCT FROM OLD.usual) THEN
    RAISE EXCEPTION 'by what a run was reckoned is never changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE ON risk_scoringrun
  FOR EACH ROW EXECUTE FUNCTION risk_kept_run();
CREATE FUNCTION risk_kept_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM risk_scoringrun r
              WHERE r.id = coalesce(NEW.scoringrun_id, OLD.scoringrun_id)
                AND (r.state <> 'running' OR r.done_steps > 0)) THEN
    RAISE EXCEPTION 'by what a run was reckoned is never changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER kept BEFORE INSERT OR UPDATE OR DELETE ON risk_scoringrun_versions
  FOR EACH ROW EXECUTE FUNCTION risk_kept_versions();
"""
FREE = """
DROP TRIGGER kept ON risk_scoringrun_versions; DROP FUNCTION risk_kept_versions();
DROP TRIGGER kept ON risk_scoringrun; DROP FUNCTION risk_kept_run();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("risk", "0034_chosen_on"),
    ]

    operations = [
        migrations.AddField("scoringrun", "reckoning", models.JSONField(default=dict)),
        migrations.RunSQL(KEPT, FREE),
    ]
