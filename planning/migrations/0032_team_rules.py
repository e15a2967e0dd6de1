import django.db.models.deletion
from django.db import migrations, models

from audit.walls import AUTHORITY, wall

# As everything of the selection: of operations in which the acting authority takes part, once open.
OF_PARTICIPANTS = (
    "(SELECT true FROM planning_operation o JOIN planning_participation p"
    " ON p.operation_id = o.id WHERE o.id = planning_teamrule.operation_id"
    f" AND p.authority_id = {AUTHORITY} AND p.state = 'accepted'"
    " AND o.state NOT IN ('draft', 'inviting', 'nominating') LIMIT 1)"
)


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0003_powers_second_person'),
        ('planning', '0031_team_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='TeamRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('authority', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('needs', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority')),
                ('operation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='team_rules', to='planning.operation')),
            ],
            options={
                'ordering': ['operation', 'id'],
                'constraints': [models.UniqueConstraint(fields=('operation', 'authority', 'needs'), name='team_rule_unique'), models.CheckConstraint(condition=models.Q(('authority', models.F('needs')), _negated=True), name='team_rule_of_two')],
            },
        ),
        wall("planning_teamrule", OF_PARTICIPANTS),
    ]
