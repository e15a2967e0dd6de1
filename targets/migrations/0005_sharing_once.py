"""What is once: a disclosure by giver, an open request; a hand-over ends with its disclosure.

A hand-over keeps that its signal was secret; a reading counts how often it was begun; the list of
signals has an index in its order.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("targets", "0004_recused_work")]

    operations = [
        migrations.RemoveConstraint("disclosure", "disclosure_once_signal"),
        migrations.RemoveConstraint("disclosure", "disclosure_once_dataset"),
        *(
            migrations.AddConstraint(
                "disclosure",
                models.UniqueConstraint(
                    fields=[item, "giver", "receiver", "context_type", "context_id"],
                    condition=Q(**{f"{item}__isnull": False, "state": "active"}),
                    nulls_distinct=False, name=f"disclosure_once_{item}",
                ),
            )
            for item in ("signal", "dataset")
        ),
        migrations.AddConstraint(
            "informationrequest",
            models.UniqueConstraint(
                fields=["asker", "holder", "kind", "company", "site"], condition=Q(state="open"),
                nulls_distinct=False, name="request_open_once",
            ),
        ),
        migrations.AddIndex(
            "signal", models.Index(fields=["-observed_on", "-id"], name="signal_by_day")
        ),
        migrations.AddField("handover", "secret", models.BooleanField(default=False)),
        migrations.AddField(
            "datasetrun", "attempts", models.PositiveSmallIntegerField(default=0)
        ),
        migrations.AlterField(
            "handover", "state",
            models.CharField(
                max_length=20, default="offered",
                choices=[
                    ("offered", "Waiting for an answer"), ("accepted", "Accepted"),
                    ("refused", "Refused"), ("lapsed", "Not answered in time"),
                    ("withdrawn", "Taken back"),
                ],
            ),
        ),
    ]  # fmt: skip
