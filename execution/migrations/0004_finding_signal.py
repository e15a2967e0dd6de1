
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('execution', '0003_walls'),
        ('targets', '0006_performed_by'),
    ]

    operations = [
        migrations.AddField(
            model_name='finding',
            name='signal',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='findings', to='targets.signal'),
        ),
    ]
