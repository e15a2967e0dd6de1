
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0002_powers'),
        ('planning', '0001_initial'),
        ('targets', '0003_walls'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='operation',
            name='visits_open',
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name='plannedvisit',
            name='merged_into',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged', to='planning.plannedvisit'),
        ),
        migrations.AddField(
            model_name='plannedvisit',
            name='postponed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('named', 'named: others see whom to call'), ('silent', 'silent: nobody else can tell')], max_length=10)),
                ('state', models.CharField(choices=[('active', 'Keeps the target out'), ('conditional', 'Open under conditions'), ('released', 'Released')], default='active', max_length=20)),
                ('liaison', models.CharField(max_length=200)),
                ('reason', models.TextField()),
                ('conditions', models.TextField(blank=True)),
                ('answer_days', models.PositiveSmallIntegerField(default=2)),
                ('set_at', models.DateTimeField(auto_now_add=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='authorities.authority')),
                ('company', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='targets.company')),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('site', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='targets.site')),
                ('superior', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'hold',
                'ordering': ['-set_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='HoldAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('due', models.DateField()),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('answer', models.CharField(blank=True, max_length=20)),
                ('escalations', models.PositiveSmallIntegerField(default=0)),
                ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='planning.hold')),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='planning.operation')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='targets.site')),
            ],
            options={
                'ordering': ['-made_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='HoldEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(max_length=20)),
                ('note', models.TextField(blank=True)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='entries', to='planning.hold')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='HoldPerson',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('hold', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='people', to='planning.hold')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['hold', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Overlap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('offered', 'Merge offered'), ('merged', 'Merged'), ('declined', 'Not merged')], default='offered', max_length=20)),
                ('reason', models.TextField(blank=True)),
                ('found_at', models.DateTimeField(auto_now_add=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('declined_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('first', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='planning.plannedvisit')),
                ('first_accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('first_operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='planning.operation')),
                ('second', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='planning.plannedvisit')),
                ('second_accepted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('second_operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='planning.operation')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='targets.site')),
            ],
            options={
                'ordering': ['-found_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('reason', models.CharField(max_length=300)),
                ('made_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reservations', to='planning.operation')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='targets.site')),
            ],
            options={
                'verbose_name': 'reservation',
                'ordering': ['-made_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Availability',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('checking', 'Being checked'), ('available', 'Available'), ('not_available', 'Not available for this round')], default='checking', max_length=20)),
                ('due_at', models.DateTimeField()),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('told', models.TextField(blank=True)),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='availabilities', to='planning.operation')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='availabilities', to='targets.site')),
            ],
            options={
                'ordering': ['operation', 'site'],
                'indexes': [models.Index(fields=['due_at'], name='availability_due')],
                'constraints': [models.UniqueConstraint(fields=('operation', 'site'), name='availability_unique'), models.CheckConstraint(condition=models.Q(('state', 'checking'), ('checked_at__isnull', False), _connector='OR'), name='availability_checked_when')],
            },
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('company__isnull', True), ('site__isnull', True), _connector='XOR'), name='hold_on_one'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'conditional'), _negated=True), models.Q(('conditions', ''), _negated=True), _connector='OR'), name='hold_conditions_said'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('answer_days__gte', 1), ('answer_days__lte', 30)), name='hold_answer_days'),
        ),
        migrations.AddConstraint(
            model_name='holdalert',
            constraint=models.UniqueConstraint(fields=('hold', 'operation', 'site'), name='hold_alert_once'),
        ),
        migrations.AddConstraint(
            model_name='holdalert',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at__isnull', True)), models.Q(('answered_at__isnull', False), models.Q(('answer', ''), _negated=True)), _connector='OR'), name='hold_alert_answered'),
        ),
        migrations.AddConstraint(
            model_name='holdperson',
            constraint=models.UniqueConstraint(fields=('hold', 'user'), name='cleared_once'),
        ),
        migrations.AddConstraint(
            model_name='overlap',
            constraint=models.UniqueConstraint(fields=('first', 'second'), name='overlap_unique'),
        ),
        migrations.AddConstraint(
            model_name='overlap',
            constraint=models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='overlap_in_order'),
        ),
        migrations.AddConstraint(
            model_name='overlap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'declined'), _negated=True), models.Q(('declined_by__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='overlap_declined_why'),
        ),
        migrations.AddConstraint(
            model_name='overlap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'merged'), _negated=True), models.Q(('first_accepted_by__isnull', False), ('second_accepted_by__isnull', False)), _connector='OR'), name='overlap_merged_by_both'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('operation', 'site', 'authority'), name='reserved_once'),
        ),
    ]
