"""A visit touches the sites nearby as well; where it was moved from another site, that one too."""

from django.db import migrations, models

NEAR = """
CREATE OR REPLACE FUNCTION targets_pastvisit_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO risk_touched (site_id, near, at)
  SELECT DISTINCT c.site_id, true, now() FROM changed c;
  RETURN NULL;
END $$;
CREATE FUNCTION targets_pastvisit_renewed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO risk_touched (site_id, near, at)
  SELECT c.site_id, true, now() FROM changed c
  UNION SELECT f.site_id, true, now() FROM former f;
  RETURN NULL;
END $$;
DROP TRIGGER touched_update ON targets_pastvisit;
CREATE TRIGGER touched_update AFTER UPDATE ON targets_pastvisit
  REFERENCING OLD TABLE AS former NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION targets_pastvisit_renewed();
"""
ALONE = """
DROP TRIGGER touched_update ON targets_pastvisit; DROP FUNCTION targets_pastvisit_renewed();
CREATE OR REPLACE FUNCTION targets_pastvisit_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO risk_touched (site_id, company_id, at)
  SELECT DISTINCT c.site_id, NULL::bigint, now() FROM changed c;
  RETURN NULL;
END $$;
CREATE TRIGGER touched_update AFTER UPDATE ON targets_pastvisit REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION targets_pastvisit_touched();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("risk", "0035_reckoning"),
    ]

    operations = [
        migrations.AddField(
            "touched", "near", models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddField("scoringrun", "overtaken", models.BooleanField(default=False)),
        migrations.RunSQL(NEAR, ALONE),
    ]
