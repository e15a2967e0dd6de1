"""Runs made before reckonings were kept get one.

Nothing tells the settings and weights of then: those of the day of this migration stand for them.
"""

from django.conf import settings
from django.db import migrations


def fill(apps, schema_editor):
    """As ``Reckoning.of`` does it for a new run: joint versions with nothing sealed in them."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tarkka.system', 'on', true)")
    for run in apps.get_model("risk", "ScoringRun").objects.filter(reckoning={}):
        joint = (
            run.versions.filter(model__joint=True)
            .exclude(indicators__indicator__visibility="sealed")
            .select_related("model").order_by("pk")
        )  # fmt: skip
        run.reckoning = {
            "evidence": settings.RISK_TEAM_EVIDENCE, "saves": settings.RISK_TEAM_SAVES,
            "least": settings.RISK_COVERAGE_LEAST,
            "joint": [
                {"version": v.pk, "severity": float(v.model.severity),
                 "days": float(v.model.visit_days)}
                for v in joint
            ],
        }  # fmt: skip
        run.save(update_fields=["reckoning"])


class Migration(migrations.Migration):
    dependencies = [("risk", "0037_arms")]
    operations = [
        # From then on the database refuses any change of it.
        migrations.RunSQL(
            "ALTER TABLE risk_scoringrun DISABLE TRIGGER kept",
            "ALTER TABLE risk_scoringrun ENABLE TRIGGER kept",
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunSQL(
            "ALTER TABLE risk_scoringrun ENABLE TRIGGER kept",
            "ALTER TABLE risk_scoringrun DISABLE TRIGGER kept",
        ),
    ]
