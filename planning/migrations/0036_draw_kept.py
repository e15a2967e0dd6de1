"""A draw stays as it was committed: nobody takes another seed or frame, or alters what was drawn.

Without this a committed draw could be deleted until a seed draws what somebody would like.
"""

from django.db import migrations

KEPT = """
CREATE OR REPLACE FUNCTION planning_draw_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.operation_id <> OLD.operation_id OR NEW.round <> OLD.round
       OR NEW.seed <> OLD.seed OR NEW.commitment <> OLD.commitment
       OR NEW.frame_hash <> OLD.frame_hash OR NEW.frame IS DISTINCT FROM OLD.frame
       OR NEW.share <> OLD.share OR (OLD.state <> 'committed' AND NEW.state = 'committed')
    THEN
        RAISE EXCEPTION 'a draw is not changed after its seed was committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER draw_kept ON planning_draw;
CREATE TRIGGER draw_kept BEFORE UPDATE OR DELETE ON planning_draw
    FOR EACH ROW EXECUTE FUNCTION planning_draw_kept();
CREATE FUNCTION planning_drawn_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A merge of two sites moves which site it is, nothing else.
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'site_id' <> to_jsonb(OLD) - 'site_id' THEN
        RAISE EXCEPTION 'what was drawn is not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drawn_kept BEFORE UPDATE OR DELETE ON planning_drawnsite
    FOR EACH ROW EXECUTE FUNCTION planning_drawn_kept();
"""
AS_BEFORE = """
DROP TRIGGER drawn_kept ON planning_drawnsite;
DROP FUNCTION planning_drawn_kept();
DROP TRIGGER draw_kept ON planning_draw;
CREATE OR REPLACE FUNCTION planning_draw_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seed <> OLD.seed OR NEW.commitment <> OLD.commitment OR NEW.round <> OLD.round
       OR (OLD.state <> 'committed' AND (NEW.frame_hash <> OLD.frame_hash
           OR NEW.frame <> OLD.frame OR NEW.share <> OLD.share OR NEW.state = 'committed'))
    THEN
        RAISE EXCEPTION 'a draw is not changed after its seed was committed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER draw_kept BEFORE UPDATE ON planning_draw
    FOR EACH ROW EXECUTE FUNCTION planning_draw_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0035_more_settings")]

    operations = [migrations.RunSQL(KEPT, AS_BEFORE)]
