"""What the system proposes by itself; only the system adds to it."""

import django.db.models.deletion
from django.db import migrations, models

from audit.walls import AUTHORITY, wall

SEEN = "EXISTS (SELECT 1 FROM risk_riskmodel m WHERE m.id = model_id)"
# Whoever gives up a draft empties the reference to it.
OWN = (
    f"EXISTS (SELECT 1 FROM risk_riskmodel m WHERE m.id = model_id AND m.authority_id = {AUTHORITY})"
)


class Migration(migrations.Migration):

    dependencies = [
        ('risk', '0030_overrides'),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('labels', models.PositiveIntegerField()),
                ('new_labels', models.PositiveIntegerField()),
                ('drift', models.FloatField(null=True)),
                ('comparison', models.JSONField(default=dict)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('told_at', models.DateTimeField(null=True)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='risk.modelversion')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proposals', to='risk.riskmodel')),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='proposals', to='risk.modelversion')),
            ],
            options={
                'verbose_name': 'proposal of the system',
                'verbose_name_plural': 'proposals of the system',
                'ordering': ['-made_at', '-id'],
                'constraints': [models.UniqueConstraint(fields=('base', 'labels'), name='proposal_once_per_labels')],
            },
        ),
        wall("risk_proposal", SEEN, check=OWN, insert="false"),
    ]
