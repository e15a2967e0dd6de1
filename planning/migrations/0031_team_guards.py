"""What the database itself refuses on inspection days, and who reads absences and opening hours."""

from django.db import migrations

from audit.walls import AUTHORITY, USER, narrow, wall

OF_SITE = (
    "(SELECT targets_unrecused()) OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
)

PLACES = """
-- Date and times of people and vehicles are those of their day, whatever was written.
CREATE FUNCTION planning_day_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT d.date, d.starts_at, d.ends_at, o.state = 'cancelled'
      INTO NEW.date, NEW.starts_at, NEW.ends_at, NEW.released
      FROM planning_inspectionday d JOIN planning_operation o ON o.id = d.operation_id
     WHERE d.id = NEW.day_id;
    RETURN NEW;
END $$;
CREATE TRIGGER a_day_times BEFORE INSERT OR UPDATE ON planning_teammember
    FOR EACH ROW EXECUTE FUNCTION planning_day_times();
CREATE TRIGGER a_day_times BEFORE INSERT OR UPDATE ON planning_dayvehicle
    FOR EACH ROW EXECUTE FUNCTION planning_day_times();
CREATE FUNCTION planning_day_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE planning_teammember SET date = NEW.date WHERE day_id = NEW.id;
    UPDATE planning_dayvehicle SET date = NEW.date WHERE day_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER day_moved AFTER UPDATE OF date, starts_at, ends_at ON planning_inspectionday
    FOR EACH ROW WHEN (OLD.date <> NEW.date OR OLD.starts_at IS DISTINCT FROM NEW.starts_at
                       OR OLD.ends_at IS DISTINCT FROM NEW.ends_at)
    EXECUTE FUNCTION planning_day_moved();
-- A cancelled round lets its people and vehicles go.
CREATE FUNCTION planning_days_released() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE planning_teammember m SET released = true FROM planning_inspectionday d
     WHERE d.id = m.day_id AND d.operation_id = NEW.id;
    UPDATE planning_dayvehicle v SET released = true FROM planning_inspectionday d
     WHERE d.id = v.day_id AND d.operation_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER days_released AFTER UPDATE OF state ON planning_operation
    FOR EACH ROW WHEN (NEW.state = 'cancelled' AND OLD.state <> 'cancelled')
    EXECUTE FUNCTION planning_days_released();

-- Who is away, or kept away from one of the day's sites, is not put on its team. The absence may
-- come later than the team: somebody who falls ill must be able to say so.
CREATE FUNCTION planning_person_free() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    eyes text := current_setting('tarkka.system', true);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.date = OLD.date AND NEW.user_id = OLD.user_id
       AND NEW.day_id = OLD.day_id THEN
        RETURN NEW;
    END IF;
    -- Asked past the walls; a refusal rolls the setting back, and the end puts it back.
    PERFORM set_config('tarkka.system', 'on', true);
    IF EXISTS (SELECT 1 FROM planning_absence a WHERE a.user_id = NEW.user_id
                  AND NEW.date BETWEEN a.starts_on AND a.ends_on) THEN
        RAISE EXCEPTION 'the person is away'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'person_away';
    END IF;
    IF EXISTS (SELECT 1 FROM planning_plannedvisit v JOIN targets_site s ON s.id = v.site_id
                JOIN targets_recusal r ON r.user_id = NEW.user_id AND r.ended_at IS NULL
                 AND (r.site_id = s.id OR r.company_id = s.company_id)
               WHERE v.day_id = NEW.day_id) THEN
        RAISE EXCEPTION 'the person is kept away from a site of the day'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'person_recused';
    END IF;
    PERFORM set_config('tarkka.system', coalesce(eyes, ''), true);
    RETURN NEW;
END $$;
CREATE TRIGGER b_person_free BEFORE INSERT OR UPDATE ON planning_teammember
    FOR EACH ROW EXECUTE FUNCTION planning_person_free();
CREATE FUNCTION planning_visit_free() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    eyes text := current_setting('tarkka.system', true);
BEGIN
    PERFORM set_config('tarkka.system', 'on', true);
    IF EXISTS (SELECT 1 FROM targets_site s
                JOIN targets_recusal r ON r.ended_at IS NULL
                 AND (r.site_id = s.id OR r.company_id = s.company_id)
                JOIN planning_teammember m ON m.user_id = r.user_id
               WHERE s.id = NEW.site_id AND m.day_id = NEW.day_id) THEN
        RAISE EXCEPTION 'somebody of the team is kept away from the site'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'person_recused';
    END IF;
    PERFORM set_config('tarkka.system', coalesce(eyes, ''), true);
    RETURN NEW;
END $$;
CREATE TRIGGER visit_free BEFORE INSERT OR UPDATE OF day_id ON planning_plannedvisit
    FOR EACH ROW EXECUTE FUNCTION planning_visit_free();

-- A vehicle goes out while it is in use.
CREATE FUNCTION planning_vehicle_free() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM planning_vehicle v WHERE v.id = NEW.vehicle_id
                  AND (v.in_use_from > NEW.date OR v.in_use_to < NEW.date)) THEN
        RAISE EXCEPTION 'the vehicle is not in use'
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'vehicle_in_use';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER b_vehicle_free BEFORE INSERT ON planning_dayvehicle
    FOR EACH ROW EXECUTE FUNCTION planning_vehicle_free();
"""
NO_PLACES = """
DROP TRIGGER b_vehicle_free ON planning_dayvehicle;
DROP TRIGGER visit_free ON planning_plannedvisit;
DROP TRIGGER b_person_free ON planning_teammember;
DROP TRIGGER days_released ON planning_operation;
DROP TRIGGER day_moved ON planning_inspectionday;
DROP TRIGGER a_day_times ON planning_dayvehicle;
DROP TRIGGER a_day_times ON planning_teammember;
DROP FUNCTION planning_vehicle_free();
DROP FUNCTION planning_visit_free();
DROP FUNCTION planning_person_free();
DROP FUNCTION planning_days_released();
DROP FUNCTION planning_day_moved();
DROP FUNCTION planning_day_times();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0030_teams")]

    operations = [
        wall("planning_absence", f"authority_id = {AUTHORITY} OR user_id = {USER}",
             check=f"authority_id = {AUTHORITY}"),
        narrow("planning_sitehours", "recused", OF_SITE),
        migrations.RunSQL(PLACES, NO_PLACES),
        migrations.RunSQL(
            "UPDATE planning_teammember m SET released = true FROM planning_inspectionday d"
            " JOIN planning_operation o ON o.id = d.operation_id"
            " WHERE d.id = m.day_id AND o.state = 'cancelled';",
            migrations.RunSQL.noop,
        ),
    ]  # fmt: skip
