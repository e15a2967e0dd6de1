"""Results stored so far go behind the wall; what everybody may read of them stays in the report.

They are reduced by the rule as it stands when this runs, which was never told wider than that. A
draft that had learnt when its test was interrupted has a step that says so.
"""

from django.db import migrations

from risk.report_readers import reduced


def as_system(schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tarkka.system', 'on', true)")


def move(apps, schema_editor):
    """Of any number of reports a few at a time; a second run finds nothing to do."""
    as_system(schema_editor)
    report, whole = apps.get_model("risk", "Report"), apps.get_model("risk", "ReportWhole")
    told = report.objects.filter(whole=None).exclude(results={}).order_by("pk")
    for row in told.only("kind", "results").iterator(chunk_size=50):
        whole.objects.create(report=row, results=row.results)
        row.results = reduced(row.kind, row.results)
        row.save(update_fields=["results"])


def move_steps(apps, schema_editor):
    as_system(schema_editor)
    report, step = apps.get_model("risk", "Report"), apps.get_model("risk", "ReportStep")
    for row in report.objects.filter(partial__fitted=True).only("pk").iterator():
        step.objects.get_or_create(report=row, key="fitted", defaults={"content": True})


def back(apps, schema_editor):
    as_system(schema_editor)
    report, whole = apps.get_model("risk", "Report"), apps.get_model("risk", "ReportWhole")
    for row in whole.objects.order_by("pk").iterator(chunk_size=50):
        report.objects.filter(pk=row.report_id).update(results=row.results)
    whole.objects.all().delete()


def steps_back(apps, schema_editor):
    as_system(schema_editor)
    report, step = apps.get_model("risk", "Report"), apps.get_model("risk", "ReportStep")
    fitted = step.objects.filter(key="fitted")
    report.objects.filter(pk__in=fitted.values("report")).update(partial={"fitted": True})
    fitted.delete()


class Migration(migrations.Migration):
    dependencies = [("risk", "0039_report_whole")]
    operations = [
        migrations.RunPython(move, back),
        migrations.RunPython(move_steps, steps_back),
    ]
