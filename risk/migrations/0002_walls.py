"""Scores in partitions by run, walls, and what is never changed once others rely on it."""

from django.db import migrations

from audit.walls import AUTHORITY, narrow, wall

FREE = "(SELECT targets_unrecused())"
AWAY = f"{FREE} OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
# Without references to sites: a million look-ups a run for rows that are never read without them.
TABLES = """
CREATE TABLE risk_score (
    run_id bigint NOT NULL REFERENCES risk_scoringrun (id) ON DELETE CASCADE,
    version_id bigint NOT NULL, site_id bigint NOT NULL, authority_id bigint NOT NULL,
    joint boolean NOT NULL, points integer NOT NULL, p real NOT NULL, p_low real NOT NULL,
    p_high real NOT NULL, coverage smallint NOT NULL, parts smallint[] NOT NULL,
    PRIMARY KEY (run_id, version_id, site_id)
) PARTITION BY LIST (run_id);
CREATE TABLE risk_worth (
    run_id bigint NOT NULL REFERENCES risk_scoringrun (id) ON DELETE CASCADE,
    site_id bigint NOT NULL, value real NOT NULL, rank integer NOT NULL, level smallint NOT NULL,
    coverage smallint NOT NULL,
    PRIMARY KEY (run_id, site_id)
) PARTITION BY LIST (run_id);
"""
# What was published is a different row from then on: only its end may still be written.
FROZEN = """
CREATE FUNCTION risk_frozen_indicator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' AND (to_jsonb(NEW) - 'state' - 'retired_at')
     IS DISTINCT FROM (to_jsonb(OLD) - 'state' - 'retired_at') THEN
    RAISE EXCEPTION 'a published indicator is never changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON risk_indicatorversion
  FOR EACH ROW EXECUTE FUNCTION risk_frozen_indicator();
CREATE FUNCTION risk_frozen_model() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'draft' AND
     (NEW.model_id, NEW.number, NEW.kind, NEW.params, NEW.trained_to, NEW.trained_on,
      NEW.content_hash)
     IS DISTINCT FROM
     (OLD.model_id, OLD.number, OLD.kind, OLD.params, OLD.trained_to, OLD.trained_on,
      OLD.content_hash) THEN
    RAISE EXCEPTION 'a tested model is never changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON risk_modelversion
  FOR EACH ROW EXECUTE FUNCTION risk_frozen_model();
CREATE FUNCTION risk_frozen_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM risk_modelversion v
              WHERE v.id = coalesce(NEW.version_id, OLD.version_id) AND v.state <> 'draft') THEN
    RAISE EXCEPTION 'a tested model is never changed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER frozen BEFORE INSERT OR UPDATE OR DELETE ON risk_modelindicator
  FOR EACH ROW EXECUTE FUNCTION risk_frozen_parts();
"""
UNFROZEN = """
DROP TRIGGER frozen ON risk_modelindicator; DROP FUNCTION risk_frozen_parts();
DROP TRIGGER frozen ON risk_modelversion; DROP FUNCTION risk_frozen_model();
DROP TRIGGER frozen ON risk_indicatorversion; DROP FUNCTION risk_frozen_indicator();
"""
MINE = f"authority_id = {AUTHORITY}"
OF_INDICATOR = (
    "EXISTS (SELECT 1 FROM risk_indicator i WHERE i.id = indicator_id"
    f" AND (i.authority_id IS NULL OR i.authority_id = {AUTHORITY}))"
)
OF_MODEL = (
    f"EXISTS (SELECT 1 FROM risk_riskmodel m WHERE m.id = model_id AND m.authority_id = {AUTHORITY})"
)
SEEN_MODEL = "EXISTS (SELECT 1 FROM risk_riskmodel m WHERE m.id = model_id)"
SEEN_VERSION = "EXISTS (SELECT 1 FROM risk_modelversion v WHERE v.id = {})"
OF_VERSION = (
    "EXISTS (SELECT 1 FROM risk_modelversion v JOIN risk_riskmodel m ON m.id = v.model_id"
    f" WHERE v.id = version_id AND m.authority_id = {AUTHORITY})"
)
SEEN_VISIT = "EXISTS (SELECT 1 FROM targets_pastvisit v WHERE v.id = visit_id)"


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_models"), ("targets", "0035_fewer_indexes")]

    operations = [
        migrations.RunSQL(TABLES, "DROP TABLE risk_worth; DROP TABLE risk_score;"),
        migrations.RunSQL(FROZEN, UNFROZEN),
        wall(
            "risk_indicator", f"authority_id IS NULL OR {MINE} OR told",
            check=f"authority_id IS NULL OR {MINE}",
        ),
        wall(
            "risk_indicatorversion",
            f"{OF_INDICATOR} OR (visibility <> 'sealed' AND state <> 'draft')",
            check=OF_INDICATOR,
        ),
        wall("risk_riskmodel", f"joint OR {MINE}", check=MINE),
        wall("risk_modelversion", SEEN_MODEL, check=OF_MODEL),
        wall("risk_modelindicator", SEEN_VERSION.format("version_id"), check=OF_VERSION),
        wall("risk_approval", SEEN_VERSION.format("version_id"), check="false", insert=MINE),
        wall("risk_report", SEEN_VERSION.format("version_id"), check=OF_VERSION),
        wall(
            "risk_scoringrun_versions", SEEN_VERSION.format("modelversion_id"), check="false",
        ),
        wall("risk_score", f"joint OR {MINE}", check="false"),
        wall("risk_label", SEEN_VISIT, check=SEEN_VISIT),
        narrow("risk_score", "recused", AWAY),
        narrow("risk_worth", "recused", AWAY),
    ]  # fmt: skip
