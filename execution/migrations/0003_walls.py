"""Row-level security of phase 2: what an authority wrote is its own; recusals hide visits."""

from django.db import migrations

from audit.walls import AUTHORITY, narrow, wall

OWN_RECORD = (
    "(SELECT r.authority_id FROM execution_inspectionrecord r WHERE r.id = record_id)"
    f" = {AUTHORITY}"
)
FREE = "(SELECT targets_unrecused())"


class Migration(migrations.Migration):
    dependencies = [("execution", "0002_initial"), ("targets", "0004_recused_work")]

    operations = [
        *(
            wall(table, OWN_RECORD)
            for table in ("execution_checklistanswer", "execution_finding", "execution_photo")
        ),
        narrow(
            "execution_visit", "recused",
            f"{FREE} OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)",
        ),
        narrow(
            "execution_inspectionrecord", "recused",
            f"{FREE} OR EXISTS (SELECT 1 FROM execution_visit v WHERE v.id = visit_id)",
        ),
    ]  # fmt: skip
