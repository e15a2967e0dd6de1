"""By what a run was reckoned is kept with it and never changed.

Of runs made before, nothing tells the settings and weights of then: those of the day of this
migration stand for them.
"""

from django.conf import settings
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


def fill(apps, schema_editor):
    """As ``Reckoning.of`` does it for a new run: joint versions with nothing sealed in them."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tarkka.system', 'on', true)")
    for run in apps.get_model("risk", "ScoringRun").objects.filter(reckoning={}):
        joint = (
            run.versions.filter(model__joint=True)
            .exclude(indicators__indicator__visibility="sealed")
            .select_related("model").order_by("pk")
        )  # fmt: skip
        run.reckoning = {
            "evidence": settings.RISK_TEAM_EVIDENCE, "saves": settings.RISK_TEAM_SAVES,
            "least": settings.RISK_COVERAGE_LEAST,
            "joint": [
                {"version": v.pk, "severity": float(v.model.severity),
                 "days": float(v.model.visit_days)}
                for v in joint
            ],
        }  # fmt: skip
        run.save(update_fields=["reckoning"])


class Migration(migrations.Migration):

    dependencies = [
        ("risk", "0034_chosen_on"),
    ]

    operations = [
        migrations.AddField("scoringrun", "reckoning", models.JSONField(default=dict)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(KEPT, FREE),
    ]
