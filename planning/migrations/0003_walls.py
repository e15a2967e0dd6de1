"""Row-level security of phase 1: nominations, reservations, holds; recusals on what names a site."""

from django.db import migrations

from audit.walls import AUTHORITY, USER, narrow, wall

OF_SITE = (
    "(SELECT targets_unrecused()) OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
)
# The rating and the words of another authority, once the joint list is open to the participants.
JOINT = (
    "EXISTS (SELECT 1 FROM planning_operation o JOIN planning_participation p"
    " ON p.operation_id = o.id WHERE o.id = planning_nomination.operation_id"
    " AND o.state NOT IN ('draft', 'inviting', 'nominating')"
    f" AND p.authority_id = {AUTHORITY} AND p.state IN ('accepted', 'withdrawn', 'invited'))"
)
CLEARED = (
    "(SELECT true FROM planning_holdperson c WHERE c.hold_id = planning_hold.id"
    f" AND c.user_id = {USER} LIMIT 1)"
)
OF_HOLD = "(SELECT true FROM planning_hold h WHERE h.id = hold_id LIMIT 1)"

PICKED = """
-- Whatever the code says: nothing is picked that was not found available.
CREATE FUNCTION planning_pick_available() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'picked' AND NOT EXISTS (
        SELECT 1 FROM planning_availability a WHERE a.operation_id = NEW.operation_id
           AND a.site_id = NEW.site_id AND a.state = 'available')
       AND (TG_OP = 'INSERT' OR OLD.state <> 'picked')
    THEN
        RAISE EXCEPTION 'the target is not available'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pick_available BEFORE INSERT OR UPDATE ON planning_targetchoice
    FOR EACH ROW EXECUTE FUNCTION planning_pick_available();
"""
NOT_PICKED = """
DROP TRIGGER pick_available ON planning_targetchoice;
DROP FUNCTION planning_pick_available();
"""
# Operations under way when this is installed keep what they have chosen.
KNOWN = """
INSERT INTO planning_availability (operation_id, site_id, state, due_at, checked_at, told)
SELECT DISTINCT n.operation_id, n.site_id, 'available', now(), now(), ''
  FROM planning_nomination n ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0002_holds"), ("targets", "0003_walls")]

    operations = [
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        wall("planning_nomination", f"authority_id = {AUTHORITY} OR {JOINT}",
             check=f"authority_id = {AUTHORITY}"),
        wall("planning_reservation", f"authority_id = {AUTHORITY}"),
        wall("planning_holdperson", f"user_id = {USER} AND authority_id = {AUTHORITY}",
             insert=f"authority_id = {AUTHORITY}"),
        wall("planning_hold", f"authority_id = {AUTHORITY} AND {CLEARED}",
             insert=f"authority_id = {AUTHORITY}"),
        wall("planning_holdentry", OF_HOLD),
        wall("planning_holdalert", OF_HOLD),
        *(
            narrow(table, "recused", OF_SITE)
            for table in (
                "planning_nomination", "planning_targetchoice", "planning_plannedvisit",
                "planning_availability", "planning_reservation", "planning_overlap",
                "planning_holdalert",
            )
        ),
        # Looks at a hold are read by those cleared for it, not by everybody who reads the log.
        narrow(
            "audit_accessentry", "holds",
            "object_type <> 'planning.hold' OR EXISTS (SELECT 1 FROM planning_hold h"
            " WHERE h.id = object_id)",
        ),
        migrations.RunSQL(PICKED, NOT_PICKED),
    ]  # fmt: skip
