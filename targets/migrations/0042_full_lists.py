from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('targets', '0041_sources_of_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='importrun',
            name='full_list',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='importrun',
            name='ended_count',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
