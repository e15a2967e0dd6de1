
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0005_access_log'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='company_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='event',
            name='site_id',
            field=models.BigIntegerField(null=True),
        ),
    ]
