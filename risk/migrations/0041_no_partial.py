"""What a test under way has done stands in its steps alone, behind their wall."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("risk", "0040_wholes_of_before")]
    operations = [migrations.RemoveField(model_name="report", name="partial")]
