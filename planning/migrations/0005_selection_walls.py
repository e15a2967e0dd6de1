"""Row-level security of the selection, and what is evidence stays as it was written."""

from django.db import migrations

from audit.walls import AUTHORITY, narrow, wall

OF_SITE = (
    "(SELECT targets_unrecused()) OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
)


def of_participants(table: str, states: str) -> str:
    """Rows of operations in which the acting authority takes part."""
    return (
        "(SELECT true FROM planning_operation o JOIN planning_participation p"
        f" ON p.operation_id = o.id WHERE o.id = {table}.operation_id"
        f" AND p.authority_id = {AUTHORITY} AND {states} LIMIT 1)"
    )


POOL = "p.state IN ('accepted', 'invited')"
OPEN = "p.state = 'accepted' AND o.state NOT IN ('draft', 'inviting', 'nominating')"
PARTS = (
    "planning_selectionsettings", "planning_capacity", "planning_selectionquota",
    "planning_selectionresource", "planning_siteterms", "planning_draw", "planning_drawnsite",
    "planning_selectionrun", "planning_proposal", "planning_boardchange",
)  # fmt: skip
WITH_SITE = (
    "planning_poolentry", "planning_siteterms", "planning_drawnsite", "planning_proposal",
)  # fmt: skip

EVIDENCE = """
CREATE FUNCTION planning_run_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('done', 'infeasible') AND (TG_OP = 'DELETE' OR to_jsonb(NEW) <> to_jsonb(OLD))
    THEN
        RAISE EXCEPTION 'a finished run is evidence and is not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER run_kept BEFORE UPDATE OR DELETE ON planning_selectionrun
    FOR EACH ROW EXECUTE FUNCTION planning_run_kept();
CREATE FUNCTION planning_board_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A merge of two sites moves where the line hangs, nothing else.
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'site_id' <> to_jsonb(OLD) - 'site_id' THEN
        RAISE EXCEPTION 'what was done on the board is not changed'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER board_kept BEFORE UPDATE OR DELETE ON planning_boardchange
    FOR EACH ROW EXECUTE FUNCTION planning_board_kept();
CREATE FUNCTION planning_draw_kept() RETURNS trigger LANGUAGE plpgsql AS $$
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
NOT_EVIDENCE = """
DROP TRIGGER run_kept ON planning_selectionrun;
DROP FUNCTION planning_run_kept();
DROP TRIGGER board_kept ON planning_boardchange;
DROP FUNCTION planning_board_kept();
DROP TRIGGER draw_kept ON planning_draw;
DROP FUNCTION planning_draw_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0004_selection")]

    operations = [
        wall("planning_poolentry", of_participants("planning_poolentry", POOL)),
        *(wall(table, of_participants(table, OPEN)) for table in PARTS),
        *(narrow(table, "recused", OF_SITE) for table in WITH_SITE),
        narrow("planning_boardchange", "recused", f"site_id IS NULL OR {OF_SITE}"),
        migrations.RunSQL(EVIDENCE, NOT_EVIDENCE),
    ]
