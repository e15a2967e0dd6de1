"""When a visit became known here (of those already there: with their import, else a month after)."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models
from django.db.models.functions import Now

KNOWN = """
SELECT set_config('tarkka.system', 'on', true);
UPDATE targets_pastvisit v SET known_from = least(now(), coalesce(
    (SELECT r.created_at FROM targets_importrun r
      WHERE r.id = coalesce((v.previous -> 0 ->> 'run')::bigint, v.run_id)),
    v."on" + interval '30 days'));
"""


class Migration(migrations.Migration):
    dependencies = [("targets", "0037_gazetteer")]

    operations = [
        migrations.AddField(
            "pastvisit", "known_from", models.DateTimeField(db_default=Now(), editable=False)
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.AddIndex(
            "registerchange", BrinIndex(fields=["at"], name="change_at", autosummarize=True)
        ),
    ]
