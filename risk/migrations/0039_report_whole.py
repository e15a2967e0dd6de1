"""Everything a test found is a row of its own; for the owner of the model and for the system."""

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
        ('risk', '0038_reckonings_of_before'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReportWhole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('results', models.JSONField()),
                ('report', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='whole', to='risk.report')),
            ],
        ),
        # The owner's hand is needed where a draft goes with its tests; what was found is the job's.
        wall("risk_reportwhole", OWN, insert="false"),
    ]
