
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('authorities', '0003_powers_second_person'),
        ('targets', '0005_sharing_once'),
    ]

    operations = [
        migrations.AddField(
            model_name='pastvisit',
            name='performed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='authorities.authority'),
        ),
    ]
