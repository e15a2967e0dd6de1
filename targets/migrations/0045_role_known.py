"""When a role became known here (of those already there: with the import that first said it)."""

from django.db import migrations, models
from django.db.models.functions import Now

KNOWN = """
SELECT set_config('tarkka.system', 'on', true);
UPDATE targets_personrole p SET known_from = r.created_at FROM targets_importrun r
 WHERE r.id = coalesce((p.previous -> 0 ->> 'run')::bigint, p.run_id);
"""


class Migration(migrations.Migration):
    dependencies = [("targets", "0044_register_ends")]

    operations = [
        migrations.AddField(
            "personrole", "known_from", models.DateTimeField(db_default=Now(), editable=False)
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
