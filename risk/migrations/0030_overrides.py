"""Decisions beside the list, and of which operation a result is."""

import django.db.models.deletion
from django.db import migrations, models

from audit.walls import AUTHORITY, narrow, wall

OF_SITE = (
    "(SELECT targets_unrecused()) OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
)


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0003_powers_second_person'),
        ('risk', '0021_worth_walked'),
        ('targets', '0038_visit_known'),
    ]

    operations = [
        migrations.CreateModel(
            name='Override',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('operation', models.CharField(max_length=20)),
                ('round', models.PositiveSmallIntegerField(default=1)),
                ('rank', models.PositiveIntegerField()),
                ('of', models.PositiveIntegerField()),
                ('proposed', models.BooleanField(null=True)),
                ('decided', models.CharField(choices=[('picked', 'selected'), ('dropped', 'left out')], max_length=10)),
                ('code', models.CharField(blank=True, choices=[('local', 'local knowledge'), ('tip', 'fresh tip, not yet in the register'), ('recent', 'inspected recently'), ('capacity', 'capacity or competence'), ('travel', 'travel and practical reasons'), ('data', 'the data look wrong'), ('duty', 'statutory duty'), ('learning', 'to learn: unknown ground'), ('other', 'other')], max_length=10)),
                ('decided_at', models.DateTimeField()),
            ],
            options={
                'verbose_name': 'decision beside the list',
                'verbose_name_plural': 'decisions beside the list',
                'ordering': ['-decided_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='label',
            name='operation',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddIndex(
            model_name='label',
            index=models.Index(condition=models.Q(('operation', ''), _negated=True), fields=['operation'], name='label_operation'),
        ),
        migrations.AddField(
            model_name='override',
            name='authority',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority'),
        ),
        migrations.AddField(
            model_name='override',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='overrides', to='targets.site'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.UniqueConstraint(fields=('operation', 'site', 'round'), name='override_once'),
        ),
        migrations.AddConstraint(
            model_name='override',
            constraint=models.CheckConstraint(condition=models.Q(('rank__gte', 1), ('rank__lte', models.F('of'))), name='override_rank'),
        ),
        # Rows are their authority's own; of others only totals are told.
        wall("risk_override", f"authority_id = {AUTHORITY}"),
        narrow("risk_override", "recused", OF_SITE),
    ]
