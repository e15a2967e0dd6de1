import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from audit.walls import AUTHORITY, USER, wall


APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_accessentry
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_accesslink
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
"""
NOT_APPEND_ONLY = """
DROP TRIGGER append_only ON audit_accessentry;
DROP TRIGGER append_only ON audit_accesslink;
DROP FUNCTION audit_append_only();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0004_walls'),
        ('authorities', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('object_type', models.CharField(max_length=80)),
                ('object_id', models.BigIntegerField(null=True)),
                ('count', models.PositiveIntegerField(default=1)),
                ('route', models.CharField(max_length=120)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='authorities.authority')),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.membership')),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='looked_at', to='authorities.authority')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='AccessLink',
            fields=[
                ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                ('hash', models.CharField(max_length=64)),
                ('sealed_at', models.DateTimeField(auto_now_add=True)),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='link', to='audit.accessentry')),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.CreateModel(
            name='Purpose',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject_type', models.CharField(max_length=80)),
                ('subject_id', models.BigIntegerField()),
                ('text', models.CharField(max_length=300)),
                ('implied', models.BooleanField(default=False)),
                ('stated_at', models.DateTimeField(auto_now_add=True)),
                ('holds_until', models.DateTimeField()),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('membership', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.membership')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purposes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-stated_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='accessentry',
            name='purpose',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='audit.purpose'),
        ),
        migrations.AddIndex(
            model_name='purpose',
            index=models.Index(fields=['membership', 'subject_type', 'subject_id', '-holds_until'], name='purpose_of_case'),
        ),
        migrations.AddConstraint(
            model_name='purpose',
            constraint=models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='purpose_has_words'),
        ),
        migrations.AddIndex(
            model_name='accessentry',
            index=models.Index(fields=['owner', '-at'], name='access_of_owner'),
        ),
        migrations.AddIndex(
            model_name='accessentry',
            index=models.Index(fields=['authority', '-at'], name='access_by_authority'),
        ),
        migrations.AddIndex(
            model_name='accessentry',
            index=models.Index(fields=['user', '-at'], name='access_by_user'),
        ),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
        wall(
            "audit_accessentry",
            f"owner_id = {AUTHORITY} OR authority_id = {AUTHORITY}",
            insert=f"authority_id = {AUTHORITY} AND user_id = {USER}",
        ),
        wall(
            "audit_purpose",
            f"authority_id = {AUTHORITY} OR EXISTS (SELECT 1 FROM audit_accessentry e"
            f" WHERE e.purpose_id = audit_purpose.id AND e.owner_id = {AUTHORITY})",
            check=f"authority_id = {AUTHORITY} AND user_id = {USER}",
        ),
        # The chain is made and checked by the system alone.
        wall("audit_accesslink", "false"),
    ]
