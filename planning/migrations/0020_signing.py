"""Signatures of parts that carry over, how they were given; records and signatures stay as written."""

import django.db.models.deletion
from django.db import migrations, models

KEPT = """
CREATE FUNCTION planning_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are evidence and are not changed', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER decision_record_kept BEFORE UPDATE OR DELETE ON planning_decisionrecord
    FOR EACH ROW EXECUTE FUNCTION planning_kept();
CREATE TRIGGER signoff_kept BEFORE UPDATE OR DELETE ON planning_signoff
    FOR EACH ROW EXECUTE FUNCTION planning_kept();
"""
NOT_KEPT = """
DROP TRIGGER signoff_kept ON planning_signoff;
DROP TRIGGER decision_record_kept ON planning_decisionrecord;
DROP FUNCTION planning_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("planning", "0006_run_claims")]

    operations = [
        migrations.AddField(
            "signoff", "carried_from",
            models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.PROTECT,
                related_name="carried", to="planning.signoff",
            ),
        ),
        migrations.AddField("signoff", "method", models.CharField(blank=True, max_length=60)),
        migrations.AddField("signoff", "part_hash", models.CharField(blank=True, max_length=64)),
        migrations.AddConstraint(
            "signoff",
            models.CheckConstraint(
                condition=models.Q(carried_from__isnull=True) | ~models.Q(part_hash=""),
                name="signoff_carried_part",
            ),
        ),
        migrations.RunSQL(KEPT, NOT_KEPT),
    ]  # fmt: skip
