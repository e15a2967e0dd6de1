"""What the long list and the map need of the register, and an authority's tags with their walls."""

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.math
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models


from audit.walls import AUTHORITY, narrow, wall

OF_SITE = (
    "(SELECT targets_unrecused()) OR EXISTS (SELECT 1 FROM targets_site s WHERE s.id = site_id)"
)


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0003_powers_second_person'),
        ('targets', '0030_search_entries'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SiteTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tagged_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ['tag', 'site'],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=40)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'tag',
                'verbose_name_plural': 'tags',
                'ordering': ['name', 'id'],
            },
        ),
        migrations.AddField(
            model_name='site',
            name='sample',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.functions.math.Mod(django.db.models.expressions.CombinedExpression(models.F('id'), '*', models.Value(40503)), 1024), models.SmallIntegerField()), output_field=models.SmallIntegerField()),
        ),
        migrations.AddField(
            model_name='site',
            name='tile',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.math.Floor(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('longitude'), '+', models.Value(180.0)), '*', models.Value(8.0))), '*', models.Value(4096)), '+', django.db.models.functions.math.Floor(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('latitude'), '+', models.Value(90.0)), '*', models.Value(16.0)))), models.IntegerField()), null=True, output_field=models.IntegerField(null=True)),
        ),
        migrations.AddIndex(
            model_name='company',
            index=models.Index(fields=['registered_on'], name='company_registered'),
        ),
        migrations.AddIndex(
            model_name='pastvisit',
            index=models.Index(fields=['-on', 'site'], name='past_visit_day'),
        ),
        migrations.AddIndex(
            model_name='site',
            index=models.Index(fields=['industry', 'region'], name='site_industry_region'),
        ),
        migrations.AddIndex(
            model_name='site',
            index=models.Index(fields=['staff_estimate'], name='site_staff'),
        ),
        migrations.AddIndex(
            model_name='site',
            index=models.Index(fields=['tile'], name='site_tile'),
        ),
        migrations.AddIndex(
            model_name='site',
            index=models.Index(fields=['sample', 'tile'], name='site_sample'),
        ),
        migrations.AddField(
            model_name='sitetag',
            name='authority',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority'),
        ),
        migrations.AddField(
            model_name='sitetag',
            name='site',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tags', to='targets.site'),
        ),
        migrations.AddField(
            model_name='sitetag',
            name='tagged_by',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='tag',
            name='authority',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority'),
        ),
        migrations.AddField(
            model_name='tag',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='sitetag',
            name='tag',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sites', to='targets.tag'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.UniqueConstraint(models.F('authority'), django.db.models.functions.text.Lower('name'), name='tag_name_once'),
        ),
        migrations.AddConstraint(
            model_name='tag',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='tag_has_name'),
        ),
        migrations.AddConstraint(
            model_name='sitetag',
            constraint=models.UniqueConstraint(fields=('site', 'tag'), name='site_tag_once'),
        ),
        wall("targets_tag", f"authority_id = {AUTHORITY}"),
        wall("targets_sitetag", f"authority_id = {AUTHORITY}"),
        narrow("targets_sitetag", "recused", OF_SITE),
    ]
