"""What was drawn is only added to by the draw itself: nobody slips a site in before or after it.

A site is added while its draw is committed, and the same transaction must end with the draw drawn
and as many sites as its frame has draws. Asked past the walls: whoever draws may be kept away from
a site that is drawn.
"""

from django.db import migrations

ADDED = """
CREATE FUNCTION planning_drawn_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    eyes text := current_setting('tarkka.system', true);
    allowed boolean;
BEGIN
    PERFORM set_config('tarkka.system', 'on', true);
    -- As it is added the draw waits for it; as the transaction ends it is drawn.
    SELECT CASE TG_WHEN WHEN 'BEFORE' THEN d.state = 'committed' ELSE d.state <> 'committed' END
      INTO allowed FROM planning_draw d WHERE d.id = NEW.draw_id;
    IF allowed IS NOT TRUE THEN
        RAISE EXCEPTION 'what was drawn is not added to'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM set_config('tarkka.system', coalesce(eyes, ''), true);
    RETURN NEW;
END $$;
CREATE TRIGGER drawn_added BEFORE INSERT ON planning_drawnsite
    FOR EACH ROW EXECUTE FUNCTION planning_drawn_added();
CREATE CONSTRAINT TRIGGER drawn_in_time AFTER INSERT ON planning_drawnsite
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION planning_drawn_added();
CREATE FUNCTION planning_draw_complete() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    eyes text := current_setting('tarkka.system', true);
    there bigint;
BEGIN
    PERFORM set_config('tarkka.system', 'on', true);
    SELECT count(*) INTO there FROM planning_drawnsite s WHERE s.draw_id = NEW.id;
    IF there IS DISTINCT FROM (NEW.frame->>'draws')::bigint THEN
        RAISE EXCEPTION 'a draw has as many sites as its frame has draws'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM set_config('tarkka.system', coalesce(eyes, ''), true);
    RETURN NEW;
END $$;
CREATE TRIGGER draw_complete BEFORE UPDATE ON planning_draw
    FOR EACH ROW WHEN (OLD.state = 'committed' AND NEW.state <> 'committed')
    EXECUTE FUNCTION planning_draw_complete();
"""
AS_BEFORE = """
DROP TRIGGER draw_complete ON planning_draw;
DROP FUNCTION planning_draw_complete();
DROP TRIGGER drawn_in_time ON planning_drawnsite;
DROP TRIGGER drawn_added ON planning_drawnsite;
DROP FUNCTION planning_drawn_added();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0037_decimal_defaults")]

    operations = [migrations.RunSQL(ADDED, AS_BEFORE)]
