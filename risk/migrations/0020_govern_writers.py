"""Who wrote what, how far a report has come, and what everybody was told of the method."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# What was told to everybody stays told.
KEPT = """
CREATE FUNCTION risk_kept_edition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an edition of the method is never changed' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON risk_methodedition
  FOR EACH ROW EXECUTE FUNCTION risk_kept_edition();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('risk', '0010_engine'),
    ]

    operations = [
        migrations.AddField(
            model_name='indicatorversion',
            name='edits',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='indicatorversion',
            name='writers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='edits',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='writers',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='report',
            name='attempts',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='report',
            name='partial',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='report',
            name='content_hash',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.CreateModel(
            name='MethodEdition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True)),
                ('content', models.JSONField()),
                ('sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='risk.modelversion')),
            ],
            options={
                'verbose_name': 'edition of the public method',
                'verbose_name_plural': 'editions of the public method',
                'ordering': ['-number'],
            },
        ),
        migrations.RunSQL(KEPT, "DROP TRIGGER kept ON risk_methodedition; DROP FUNCTION risk_kept_edition();"),
    ]
