"""Finished parts of tests under way; for the system, and for the owner who cancels one."""

import django.db.models.deletion
from django.db import migrations, models

from audit.walls import AUTHORITY, wall

OWN = (
    "EXISTS (SELECT 1 FROM risk_report r JOIN risk_modelversion v ON v.id = r.version_id"
    " JOIN risk_riskmodel m ON m.id = v.model_id"
    f" WHERE r.id = report_id AND m.authority_id = {AUTHORITY})"
)


class Migration(migrations.Migration):

    dependencies = [
        ('risk', '0031_proposals'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120)),
                ('content', models.JSONField()),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='kept', to='risk.report')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('report', 'key'), name='report_step_once')],
            },
        ),
        wall("risk_reportstep", OWN, insert="false"),
    ]
