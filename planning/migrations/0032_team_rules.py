from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from audit.walls import wall

# One rule for everything of the selection: participants, once it is open.
earlier = import_module("planning.migrations.0005_selection_walls")


class Migration(migrations.Migration):
    dependencies = [
        ("authorities", "0003_powers_second_person"),
        ("planning", "0031_team_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="TeamRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "authority",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="authorities.authority",
                    ),
                ),
                (
                    "needs",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="authorities.authority",
                    ),
                ),
                (
                    "operation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="team_rules",
                        to="planning.operation",
                    ),
                ),
            ],
            options={
                "ordering": ["operation", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("operation", "authority", "needs"), name="team_rule_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("authority", models.F("needs")), _negated=True),
                        name="team_rule_of_two",
                    ),
                ],
            },
        ),
        wall("planning_teamrule", earlier.of_participants("planning_teamrule", earlier.OPEN)),
    ]
