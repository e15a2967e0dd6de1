import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


# What was published answers questions about the past for ever: only a review may be noted on it.
IMMUTABLE = """
CREATE FUNCTION authorities_ground_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'published' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{reviewed_by,reviewed_on}'::text[]
                          = to_jsonb(NEW) - '{reviewed_by,reviewed_on}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a published version of a ground is never changed'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON authorities_groundversion
    FOR EACH ROW EXECUTE FUNCTION authorities_ground_immutable();
"""
MUTABLE = """
DROP TRIGGER immutable ON authorities_groundversion;
DROP FUNCTION authorities_ground_immutable();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuthorityGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=60, unique=True)),
                ('label', models.TextField()),
                ('members', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), default=list, size=None)),
                ('all_but_kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), default=list, size=None)),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='Ground',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('code', models.CharField(max_length=60, unique=True)),
            ],
            options={
                'verbose_name': 'ground for disclosure',
                'verbose_name_plural': 'grounds for disclosure',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='Limit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text_fi', models.TextField(blank=True)),
                ('text_sv', models.TextField(blank=True)),
                ('text_en', models.TextField(blank=True)),
                ('code', models.CharField(max_length=60, unique=True)),
                ('basis', models.CharField(max_length=200)),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='NeutralPhrase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text_fi', models.TextField(blank=True)),
                ('text_sv', models.TextField(blank=True)),
                ('text_en', models.TextField(blank=True)),
                ('code', models.CharField(max_length=60, unique=True)),
            ],
            options={
                'ordering': ['code'],
            },
        ),
        migrations.AddField(
            model_name='succession',
            name='moved',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='succession',
            name='moved_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_fi', models.CharField(max_length=200)),
                ('name_sv', models.CharField(blank=True, max_length=200)),
                ('name_en', models.CharField(blank=True, max_length=200)),
                ('kind', models.CharField(choices=[('premises', 'kind of place'), ('actions', 'action'), ('notice', 'prior notice'), ('modes', 'way of giving'), ('force', 'force'), ('information', 'kind of information'), ('requires', 'condition')], max_length=20)),
                ('code', models.CharField(max_length=60)),
                ('order', models.PositiveSmallIntegerField(default=0)),
                ('narrow', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['kind', 'order', 'code'],
                'constraints': [models.UniqueConstraint(fields=('kind', 'code'), name='term_unique')],
            },
        ),
        migrations.CreateModel(
            name='Competence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField(blank=True, null=True)),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('text_fi', models.TextField(blank=True)),
                ('text_sv', models.TextField(blank=True)),
                ('text_en', models.TextField(blank=True)),
                ('basis', models.JSONField(default=list)),
                ('confidence', models.CharField(blank=True, max_length=40)),
                ('reviewed_by', models.CharField(blank=True, max_length=200)),
                ('reviewed_on', models.DateField(blank=True, null=True)),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('code', models.CharField(blank=True, max_length=60, null=True, unique=True)),
                ('action', models.CharField(max_length=60)),
                ('premises', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('notice', models.CharField(default='not_applicable', max_length=60)),
                ('entry_right', models.BooleanField(default=False)),
                ('open_question', models.TextField(blank=True)),
                ('edited', models.BooleanField(default=False)),
                ('version', models.PositiveIntegerField(default=1)),
                ('authority', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='competences', to='authorities.authority')),
                ('group', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='competences', to='authorities.authoritygroup')),
            ],
            options={
                'verbose_name': 'competence',
                'ordering': ['authority', 'action', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='competence_dates'), models.CheckConstraint(condition=models.Q(('authority__isnull', True), ('group__isnull', True), _connector='XOR'), name='competence_of_one'), models.CheckConstraint(condition=models.Q(('reviewed_on__isnull', True), models.Q(('reviewed_by', ''), _negated=True), _connector='OR'), name='competence_reviewed_by')],
            },
        ),
        migrations.CreateModel(
            name='GroundVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField(blank=True, null=True)),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('text_fi', models.TextField(blank=True)),
                ('text_sv', models.TextField(blank=True)),
                ('text_en', models.TextField(blank=True)),
                ('basis', models.JSONField(default=list)),
                ('confidence', models.CharField(blank=True, max_length=40)),
                ('reviewed_by', models.CharField(blank=True, max_length=200)),
                ('reviewed_on', models.DateField(blank=True, null=True)),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('number', models.PositiveSmallIntegerField()),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Waiting for a second person'), ('published', 'Published'), ('rejected', 'Rejected')], default='draft', max_length=20)),
                ('kind', models.CharField(choices=[('in_force', 'applies'), ('proposed', 'proposed, does not apply'), ('open_question', 'open question, does not apply'), ('withdrawn', 'withdrawn')], default='in_force', max_length=20)),
                ('givers', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('receivers', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('information', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None)),
                ('mode', models.CharField(max_length=60)),
                ('force', models.CharField(max_length=60)),
                ('requires', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None)),
                ('onward', models.TextField(blank=True)),
                ('onward_allowed', models.BooleanField(default=False)),
                ('test_cases', models.JSONField(blank=True, default=list)),
                ('test_results', models.JSONField(blank=True, default=list)),
                ('note', models.TextField(blank=True)),
                ('drafted_at', models.DateTimeField(auto_now_add=True)),
                ('published_at', models.DateTimeField(blank=True, null=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('drafted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ground', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='authorities.ground')),
            ],
            options={
                'verbose_name': 'version of a ground',
                'ordering': ['ground', 'number'],
                'constraints': [models.UniqueConstraint(fields=('ground', 'number'), name='ground_version_unique'), models.UniqueConstraint(condition=models.Q(('state__in', ['draft', 'submitted'])), fields=('ground',), name='ground_one_open_draft'), models.CheckConstraint(condition=models.Q(models.Q(('published_at__isnull', False), ('state', 'published')), models.Q(models.Q(('state', 'published'), _negated=True), ('published_at__isnull', True)), _connector='OR'), name='ground_published_when'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), models.Q(('decided_by__isnull', True), ('drafted_by__isnull', True)), models.Q(('decided_by__isnull', False), ('drafted_by__isnull', False), models.Q(('drafted_by', models.F('decided_by')), _negated=True)), _connector='OR'), name='ground_second_person'), models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='ground_dates')],
            },
        ),
        migrations.CreateModel(
            name='Interest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField(blank=True, null=True)),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('information', models.CharField(max_length=60)),
                ('industries', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), blank=True, default=list, size=None)),
                ('note', models.CharField(blank=True, max_length=300)),
                ('from_starter', models.BooleanField(default=False)),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='interests', to='authorities.authority')),
                ('regions', models.ManyToManyField(blank=True, related_name='+', to='authorities.area')),
            ],
            options={
                'verbose_name': 'interest',
                'ordering': ['authority', 'information', 'id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('valid_to__isnull', True)), fields=('authority', 'information'), name='interest_published_once'), models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='interest_dates')],
            },
        ),
        migrations.CreateModel(
            name='UnitSuccession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('with_people', models.BooleanField(default=False)),
                ('new', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.unit')),
                ('old', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.unit')),
                ('succession', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='units', to='authorities.succession')),
            ],
            options={
                'ordering': ['succession', 'old'],
                'constraints': [models.UniqueConstraint(fields=('old',), name='unit_has_one_heir')],
            },
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
    ]
