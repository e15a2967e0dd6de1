"""A version of a model that was audited, approved or in use never becomes a draft again."""

from django.db import migrations

# Which steps there are stands in ``risk.states``; here only that none leads back.
FORWARD = """
CREATE FUNCTION risk_model_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state IS DISTINCT FROM OLD.state AND (
       (NEW.state = 'draft' AND OLD.state IN ('audited', 'blocked'))
       OR OLD.state = 'retired'
       OR (OLD.state = 'active' AND NEW.state <> 'retired')
       OR (OLD.state = 'approved' AND NEW.state NOT IN ('active', 'retired'))) THEN
    RAISE EXCEPTION 'a version of a model never goes back' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER no_way_back BEFORE UPDATE OF state ON risk_modelversion
  FOR EACH ROW EXECUTE FUNCTION risk_model_state();
"""
NONE = "DROP TRIGGER no_way_back ON risk_modelversion; DROP FUNCTION risk_model_state();"


class Migration(migrations.Migration):
    dependencies = [("risk", "0032_report_steps")]

    operations = [migrations.RunSQL(FORWARD, NONE)]
