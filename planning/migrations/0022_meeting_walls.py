"""Row-level security of meetings; minutes are only added to, and not after the end."""

from importlib import import_module

from django.db import migrations

from audit.walls import narrow, wall

earlier = import_module("planning.migrations.0005_selection_walls")

OF_MEETING = "(SELECT true FROM planning_meeting m WHERE m.id = meeting_id LIMIT 1)"
OF_ITEM = "(SELECT true FROM planning_agendaitem i WHERE i.id = item_id LIMIT 1)"

KEPT = """
CREATE FUNCTION planning_minutes_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT 1 FROM planning_meeting m
                   WHERE m.id = NEW.meeting_id AND m.state = 'closed') THEN
            RAISE EXCEPTION 'the minutes of a closed meeting are evidence'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END IF;
    -- A merge of two sites moves where the line hangs, nothing else.
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'site_id' <> to_jsonb(OLD) - 'site_id' THEN
        RAISE EXCEPTION 'minutes are evidence and are not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER minutes_kept BEFORE INSERT OR UPDATE OR DELETE ON planning_minuteline
    FOR EACH ROW EXECUTE FUNCTION planning_minutes_kept();
CREATE FUNCTION planning_meeting_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'closed' THEN
        RAISE EXCEPTION 'a closed meeting is evidence and is not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER meeting_kept BEFORE UPDATE OR DELETE ON planning_meeting
    FOR EACH ROW EXECUTE FUNCTION planning_meeting_kept();
CREATE TRIGGER minutes_document_kept BEFORE UPDATE OR DELETE ON planning_minutes
    FOR EACH ROW EXECUTE FUNCTION planning_kept();
"""
NOT_KEPT = """
DROP TRIGGER minutes_document_kept ON planning_minutes;
DROP TRIGGER meeting_kept ON planning_meeting;
DROP FUNCTION planning_meeting_kept();
DROP TRIGGER minutes_kept ON planning_minuteline;
DROP FUNCTION planning_minutes_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0021_meetings")]

    operations = [
        wall(
            "planning_meeting", earlier.of_participants("planning_meeting", earlier.OPEN)
        ),
        *(
            wall(table, OF_MEETING)
            for table in (
                "planning_meetingplace", "planning_agendaitem", "planning_minuteline",
                "planning_minutes",
            )
        ),
        wall("planning_voice", OF_ITEM),
        narrow("planning_agendaitem", "recused", earlier.OF_SITE),
        narrow("planning_minuteline", "recused", f"site_id IS NULL OR {earlier.OF_SITE}"),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]  # fmt: skip
