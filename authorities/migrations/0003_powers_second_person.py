"""Groups keep what they said before; nobody who wrote in a draft can publish it."""

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

NO_WRITER = """
ALTER TABLE authorities_groundversion ADD CONSTRAINT ground_no_writer CHECK (
    state <> 'published' OR decided_by_id IS NULL OR NOT (decided_by_id = ANY (writers))
);
"""


def note_the_drafters(apps, schema_editor):
    """Open drafts were written by whoever is named as their drafter."""
    versions = apps.get_model("authorities", "GroundVersion").objects
    for version in versions.filter(drafted_by__isnull=False).exclude(state="published"):
        version.writers = [version.drafted_by_id]
        version.save(update_fields=["writers"])


class Migration(migrations.Migration):

    dependencies = [("authorities", "0002_powers")]

    operations = [
        migrations.AddField(
            "authoritygroup", "earlier", models.JSONField(blank=True, default=list)
        ),
        *(
            migrations.AddField(
                "authoritygroup",
                f"name_{code}",
                models.CharField(blank=True, default="", max_length=200),
                preserve_default=False,
            )
            for code in ("fi", "sv", "en")
        ),
        migrations.AddConstraint(
            "authoritygroup",
            models.CheckConstraint(
                condition=Q(members__len=0) ^ Q(all_but_kinds__len=0), name="group_one_rule"
            ),
        ),
        migrations.AddField(
            "groundversion", "refusal", models.TextField(blank=True)
        ),
        migrations.AddField(
            "groundversion",
            "writers",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), blank=True, default=list, size=None
            ),
        ),
        migrations.AddConstraint(
            "groundversion",
            models.CheckConstraint(
                condition=Q(mode__in=["own_initiative", "on_request", "mass_data", "joint_presence"])
                & Q(force__in=["duty", "permission"]),
                name="ground_known_mode",
            ),
        ),
        migrations.AddConstraint(
            "groundversion",
            models.CheckConstraint(
                condition=Q(reviewed_on__isnull=True)
                | (~Q(reviewed_by="") & Q(state="published")),
                name="ground_reviewed_by",
            ),
        ),
        migrations.RunPython(note_the_drafters, migrations.RunPython.noop),
        migrations.RunSQL(
            NO_WRITER,
            "ALTER TABLE authorities_groundversion DROP CONSTRAINT ground_no_writer;",
        ),
    ]
