"""Recusals hide what came of visits and nominations."""

from django.db import migrations

from audit.walls import narrow

FREE = "(SELECT targets_unrecused())"


class Migration(migrations.Migration):
    dependencies = [
        ("feedback", "0002_initial"), ("execution", "0003_walls"), ("planning", "0003_walls"),
    ]  # fmt: skip

    operations = [
        *(
            narrow(
                table, "recused",
                f"{FREE} OR EXISTS (SELECT 1 FROM execution_visit v WHERE v.id = visit_id)",
            )
            for table in ("feedback_outcome", "feedback_measure")
        ),
        narrow(
            "feedback_feedback", "recused",
            f"{FREE} OR EXISTS (SELECT 1 FROM planning_nomination n WHERE n.id = nomination_id)",
        ),
    ]  # fmt: skip
