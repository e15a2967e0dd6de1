"""Row-level security of the register: owned and disclosed rows, and recusals."""

from django.db import migrations

from audit.walls import AUTHORITY, USER, narrow, wall

# A disclosure in force to the acting authority. Probed row by row (LIMIT 1). The day here is only
# the outer wall (a day late at most); the exact local day stands in ``visible_to``.
DISCLOSED = (
    "(SELECT true FROM targets_disclosure d WHERE d.{item}_id = targets_{item}.id"
    f" AND d.receiver_id = {AUTHORITY} AND d.state = 'active'"
    " AND d.expires_on >= (now() - interval '1 day')::date LIMIT 1)"
)

GUARD = """
-- Who may say what of a disclosure: the giver gives what is its own or what it may pass on, and
-- ends it; the receiver only acknowledges. Nobody gives himself anything.
CREATE FUNCTION targets_disclosure_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    me bigint := tarkka_authority();
    open text[];
BEGIN
    IF tarkka_system() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.signal_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM targets_signal s WHERE s.id = NEW.signal_id AND (
                s.authority_id = me OR EXISTS (
                    SELECT 1 FROM targets_disclosure d WHERE d.signal_id = s.id
                       AND d.receiver_id = me AND d.state = 'active' AND d.may_pass_on)))
        THEN
            RAISE EXCEPTION 'not yours to disclose' USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF NEW.dataset_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM targets_dataset s WHERE s.id = NEW.dataset_id AND s.authority_id = me)
        THEN
            RAISE EXCEPTION 'not yours to disclose' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END IF;
    open := ARRAY['received_by_id', 'received_at'];
    IF me = OLD.giver_id THEN
        open := open || ARRAY['state', 'ended_at', 'end_reason'];
        IF OLD.state <> 'active' AND NEW.state = 'active' THEN
            RAISE EXCEPTION 'an ended disclosure stays ended'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END IF;
    IF to_jsonb(OLD) - open IS DISTINCT FROM to_jsonb(NEW) - open THEN
        RAISE EXCEPTION 'this part of a disclosure is never changed'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON targets_disclosure
    FOR EACH ROW EXECUTE FUNCTION targets_disclosure_guard();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON targets_erasure
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
"""
NO_GUARD = """
DROP TRIGGER guard ON targets_disclosure;
DROP FUNCTION targets_disclosure_guard();
DROP TRIGGER append_only ON targets_erasure;
"""

RECUSED = """
-- Asked once a query. They read the recusals only, so that no policy asks itself.
CREATE FUNCTION targets_recused_companies() RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(company_id), '{}') FROM targets_recusal
     WHERE user_id = tarkka_user() AND ended_at IS NULL AND company_id IS NOT NULL $$;
CREATE FUNCTION targets_recused_sites() RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(site_id), '{}') FROM targets_recusal
     WHERE user_id = tarkka_user() AND ended_at IS NULL AND site_id IS NOT NULL $$;
CREATE FUNCTION targets_unrecused() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT 1 FROM targets_recusal
     WHERE user_id = tarkka_user() AND ended_at IS NULL) $$;
"""
NOT_RECUSED = """
DROP FUNCTION targets_recused_companies();
DROP FUNCTION targets_recused_sites();
DROP FUNCTION targets_unrecused();
"""
FREE = "(SELECT targets_unrecused())"
OWN_SITE = (
    f"{FREE} OR (id <> ALL ((SELECT targets_recused_sites())::bigint[])"
    " AND (company_id IS NULL OR company_id <> ALL ((SELECT targets_recused_companies())::bigint[])))"
)
OWN_COMPANY = f"{FREE} OR id <> ALL ((SELECT targets_recused_companies())::bigint[])"
OF_SITE = f"{FREE} OR site_id IS NULL OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
OF_COMPANY = (
    f"{FREE} OR company_id IS NULL"
    " OR company_id <> ALL ((SELECT targets_recused_companies())::bigint[])"
)


def both(table: str) -> list[migrations.RunSQL]:
    return [narrow(table, "recused_site", OF_SITE), narrow(table, "recused_company", OF_COMPANY)]


class Migration(migrations.Migration):
    dependencies = [("targets", "0002_signals"), ("audit", "0006_event_target")]

    operations = [
        wall(
            "targets_recusal", f"authority_id = {AUTHORITY} OR user_id = {USER}",
            check=f"authority_id = {AUTHORITY}",
        ),
        wall("targets_disclosure", f"giver_id = {AUTHORITY} OR receiver_id = {AUTHORITY}",
             insert=f"giver_id = {AUTHORITY}"),
        wall(
            "targets_signal",
            f"authority_id = {AUTHORITY} OR {DISCLOSED.format(item='signal')}",
            check=f"authority_id = {AUTHORITY}",
        ),
        wall(
            "targets_dataset",
            f"authority_id = {AUTHORITY} OR {DISCLOSED.format(item='dataset')}",
            check=f"authority_id = {AUTHORITY}",
        ),
        *(
            wall(
                table, "(SELECT true FROM targets_signal s WHERE s.id = signal_id LIMIT 1)",
                check=f"(SELECT s.authority_id FROM targets_signal s WHERE s.id = signal_id)"
                f" = {AUTHORITY}",
            )
            for table in ("targets_signalindicator", "targets_signalfile")
        ),
        # Few sets, many rows: the sets one may see are asked for once.
        wall(
            "targets_datasetrow",
            "dataset_id = ANY (ARRAY(SELECT s.id FROM targets_dataset s))",
            check="dataset_id = ANY (ARRAY(SELECT s.id FROM targets_dataset s"
            f" WHERE s.authority_id = {AUTHORITY}))",
        ),
        *(
            wall(table, f"authority_id = {AUTHORITY}")
            for table in (
                "targets_datasetrun", "targets_datasetmapping", "targets_offer",
                "targets_legalhold", "targets_erasure",
            )
        ),
        wall(
            "targets_informationrequest", f"asker_id = {AUTHORITY} OR holder_id = {AUTHORITY}",
            insert=f"asker_id = {AUTHORITY}",
        ),
        wall(
            "targets_handover", f"sender_id = {AUTHORITY} OR receiver_id = {AUTHORITY}",
            insert=f"sender_id = {AUTHORITY}",
        ),
        wall(
            "targets_pastvisit", f"shared OR authority_id = {AUTHORITY}",
            check=f"authority_id = {AUTHORITY}",
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.RunSQL(RECUSED, NOT_RECUSED),
        narrow("targets_company", "recused", OWN_COMPANY),
        narrow("targets_site", "recused", OWN_SITE),
        *(
            narrow(table, "recused", OF_COMPANY)
            for table in (
                "targets_companyname", "targets_companyidentifier", "targets_companyregistration",
                "targets_datasetrow",
            )
        ),
        narrow("targets_pastvisit", "recused", OF_SITE),
        *both("targets_siteoperator"),
        *both("targets_signal"),
        *both("targets_informationrequest"),
        *both("targets_handover"),
        # An event names its target in plain columns, because every room is above it.
        narrow(
            "audit_event", "recused",
            f"{FREE} OR ((site_id IS NULL OR EXISTS (SELECT 1 FROM targets_site s"
            " WHERE s.id = site_id)) AND (company_id IS NULL OR company_id <> ALL"
            " ((SELECT targets_recused_companies())::bigint[])))",
        ),
    ]  # fmt: skip
